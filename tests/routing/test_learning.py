"""Learning: what an outcome moves and what it never does (I5, I6); bounds of every informer."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.learning import (
    SOURCES,
    Beliefs,
    BeliefsError,
    Event,
    Evidence,
    Heard,
    Verdict,
    deserves_review,
    nothing_known,
    update,
)
from routing.people import House
from tests.routing.outcomes import (
    AREAS,
    EVENTS,
    LEARNING,
    PAST,
    PEOPLE,
    SLACK,
    STEADY,
    after,
    clean,
    leaked,
    serves,
)

# ---- what one outcome moves -----------------------------------------------------------------------------------------------------


def test_one_reader_alone_is_moved_by_the_likelihoods_of_the_outcome() -> None:
    """By hand: seen as compromised with .15 if nobody leaked, .90 if somebody did."""
    free = replace(LEARNING, proven=2.0)
    evidence = after([clean("p1")], free).of("p1")
    assert serves(evidence, "north") == pytest.approx(log((0.4 * 0.85 + 0.6 * 0.10) / 0.85))
    assert evidence.base == pytest.approx(log((0.8 * 0.85 + 0.2 * 0.10) / 0.85))
    verified = after([leaked("p1", verified=True)]).of("p1")
    assert serves(verified, "north") == pytest.approx(log((0.9 - 0.75 * 0.4) / 0.15))
    assert verified.base == pytest.approx(log((0.9 - 0.75 * 0.8) / 0.15))
    cut = after([clean("p1")], replace(free, clean=0.4)).of("p1")
    assert serves(cut, "north") == pytest.approx(-0.4), "cut off, and the other states in proportion"
    assert cut.base == pytest.approx(-0.4 * evidence.base / serves(evidence, "north"))


def test_nobody_is_ever_proven_more_honest_than_so_much() -> None:
    """Who was honest for years can be bought tomorrow: then a few outcomes must do."""
    proven = after([clean("p1", informer=f"x{n}") for n in range(60)]).of("p1")
    assert serves(proven, "north") == pytest.approx(-LEARNING.proven)
    assert serves(proven, "south") >= -LEARNING.proven - 1e-9
    bought = after([clean("p1", informer=f"x{n}") for n in range(60)] + [leaked("p1", informer="y", verified=True)] * 2).of("p1")
    assert serves(bought, "north") > 0


@pytest.mark.claim("T58")
def test_no_friend_alone_makes_a_person_trusted_again() -> None:
    suspected = [leaked("p1", informer=f"x{n}", verified=True) for n in range(3)]
    praised = after(suspected + [clean("p1", informer="friend") for _ in range(40)], STEADY)
    by_many = after(suspected + [clean("p1", informer=f"y{n}") for n in range(40)], STEADY)
    before = serves(after(suspected, STEADY).of("p1"), "north")
    assert before - serves(praised.of("p1"), "north") == pytest.approx(LEARNING.informer)
    assert serves(by_many.of("p1"), "north") == pytest.approx(-LEARNING.proven)


def test_he_is_suspected_more_where_the_case_was() -> None:
    evidence = after([leaked("p1")]).of("p1")
    assert evidence.serves("north", 0.2) > 0.2 > evidence.serves("south", 0.2)
    assert evidence.serves("north", 0.9) == evidence.serves("north", 0.2), "the share of the outcome's day stays"
    assert Evidence().serves("south", 0.2) == 0.2


@given(EVENTS, PAST)
def test_the_others_are_the_likelier_the_less_he_is_moved(event: Event, past: list[Event]) -> None:
    """Telling somebody by mouth, or a second reader, never makes a leak look more like anybody's own."""
    alone, shared = (after([*past, replace(event, outside=outside)], STEADY) for outside in ((), (Heard("x1", 0.18),) * 2))
    before = after(past, STEADY)
    for reader in event.readers:
        moved = serves(alone.of(reader.person), event.area) - serves(before.of(reader.person), event.area)
        less = serves(shared.of(reader.person), event.area) - serves(before.of(reader.person), event.area)
        assert abs(less) <= abs(moved) + SLACK


@given(PAST, EVENTS.filter(lambda event: event.readers != ()), st.lists(st.floats(0, 0.3), max_size=5))
@pytest.mark.claim("T67")
def test_nobody_lightens_his_own_blame_by_telling(past: list[Event], event: Event, exposures: list[float]) -> None:
    """However many, in whatever place among what others told: his own step stays what it was, to the last bit."""
    teller = event.readers[0].person
    his = tuple(Heard(teller, exposure) for exposure in exposures)
    before = after([*past, event]).of(teller)
    for outside in ((*event.outside, *his), (*his, *event.outside)):
        assert after([*past, replace(event, outside=outside)]).of(teller) == before


def test_whoever_else_read_it_is_blamed_less_for_what_one_told_and_only_so_much() -> None:
    """A lone reader who says that he told three is blamed as if he had told nobody; his colleague is not."""
    three, many = (Heard("p1", 0.18),) * 3, (Heard("p1", 0.18),) * 9
    silent, told, crowd = (after([leaked("p1", "p2", verified=True, outside=outside)]) for outside in ((), three, many))
    assert serves(told.of("p1"), "north") == serves(silent.of("p1"), "north") > 0
    assert 0 < serves(told.of("p2"), "north") < serves(silent.of("p2"), "north")
    assert crowd.of("p2") == told.of("p2")


def test_of_two_readers_the_one_who_leaked_before_explains_it() -> None:
    history = [leaked("p1", verified=True)] * 4 + [clean("p2")] * 4
    before, beliefs = after(history, STEADY), after([*history, leaked("p1", "p2", verified=True)], STEADY)
    first, second = (serves(beliefs.of(name), "north") - serves(before.of(name), "north") for name in ("p1", "p2"))
    assert first > second > 0


def test_old_outcomes_fade() -> None:
    events = [leaked("p1", verified=True)]
    once, later = after(events).of("p1"), after([*events, clean("p1", area="south")]).of("p1")
    assert later.base < once.base * LEARNING.keep
    assert later.extra["north"] == pytest.approx(once.extra["north"] * LEARNING.keep)


# ---- what says nothing ----------------------------------------------------------------------------------------------------------


def test_one_person_s_word_that_all_is_well_says_nothing() -> None:
    assert after([clean("p1", "p2", verified=False)]).of("p1") == Evidence()


@pytest.mark.claim("T58")
def test_who_reports_a_leak_of_his_own_case_neither_gains_nor_loses() -> None:
    beliefs = after([leaked("p1", "p2", informer="p1")])
    assert beliefs.of("p1") == Evidence()
    assert serves(beliefs.of("p2"), "north") > 0
    verified = after([leaked("p1", "p2", informer="p1", verified=True)])
    assert verified.of("p1") == Evidence(), "nor where somebody agrees: then it is that one's word"
    agreed = after([leaked("p1", "p2", informer="second", verified=True)])
    assert serves(agreed.of("p1"), "north") > 0


def test_an_outcome_that_says_the_same_either_way_moves_nobody() -> None:
    useless = replace(LEARNING, leaks_anyway=0.5, unseen=0.5)
    assert after([leaked("p1", verified=True)], useless).of("p1") == Evidence()


def test_a_case_that_nobody_had_opened_teaches_nothing() -> None:
    assert after([leaked(verified=True)]).columns.rows == {}


# ---- bounds of every informer ---------------------------------------------------------------------------------------------------


def moved_up(beliefs: Beliefs, name: str) -> float:
    evidence = beliefs.of(name)
    return max([evidence.base, *(evidence.base + extra for extra in evidence.extra.values())])


@pytest.mark.parametrize(("informer", "most"), [("x1", LEARNING.informer), (SOURCES, LEARNING.sources)])
@given(events=st.lists(EVENTS.filter(lambda event: event.readers != ()), min_size=1, max_size=12))
def test_one_informer_s_word_alone_moves_nobody_further(events: list[Event], informer: str, most: float) -> None:
    his = [replace(event, verdict=Verdict.COMPROMISED, informer=informer, verified=False) for event in events]
    beliefs = after(his, STEADY)
    for name in PEOPLE:
        assert moved_up(beliefs, name) <= most + SLACK
        assert not deserves_review(beliefs.of(name))


def test_the_bounds_are_reached() -> None:
    once, often = after([leaked("p1")], STEADY), after([leaked("p1")] * 9, STEADY)
    assert serves(once.of("p1"), "north") == pytest.approx(LEARNING.report)
    assert serves(often.of("p1"), "north") == pytest.approx(LEARNING.informer)
    sources = after([leaked("p1", informer=SOURCES)] * 9, STEADY)
    assert serves(sources.of("p1"), "north") == pytest.approx(LEARNING.sources)


@given(PAST, EVENTS)
def test_one_outcome_moves_nobody_by_more_than_its_bound(past: list[Event], event: Event) -> None:
    before, beliefs = after(past, STEADY), after([*past, event], STEADY)
    most = LEARNING.clean if event.verdict is Verdict.CLEAN else LEARNING.verified if event.verified else LEARNING.report
    for name in PEOPLE:
        for area in AREAS:
            assert abs(serves(beliefs.of(name), area) - serves(before.of(name), area)) <= most + SLACK


# ---- I5: one false report moves nobody above review -----------------------------------------------------------------------------


@given(PAST, EVENTS)
@pytest.mark.claim("T58")
def test_i5_one_unverified_report_is_never_a_review(past: list[Event], event: Event) -> None:
    """Whatever was before without a verified leak: one more word, by whomever, is not enough; nor are many."""
    words = [replace(one, verified=one.verified and one.verdict is Verdict.CLEAN) for one in past]
    beliefs = after([*words, replace(event, verdict=Verdict.COMPROMISED, verified=False)])
    assert not any(deserves_review(beliefs.of(name)) for name in PEOPLE)


@given(PAST)
@pytest.mark.claim("T58")
def test_i5_no_single_informer_is_ever_enough(past: list[Event]) -> None:
    """Also where second looks agreed each time."""
    beliefs = after(replace(event, informer="x1" if event.informer != SOURCES else SOURCES) for event in past)
    assert not any(deserves_review(beliefs.of(name)) for name in PEOPLE)


def test_a_review_takes_verified_leaks_and_two_informers() -> None:
    history = [leaked("p1", informer=informer, verified=True) for informer in ("x1", "x2", "x1", "x2")]
    assert deserves_review(after(history).of("p1")), "the control"
    assert not deserves_review(after(history[:1]).of("p1"))
    assert not deserves_review(after(replace(event, informer="x1") for event in history).of("p1"))
    assert not deserves_review(after(replace(event, verified=False) for event in history).of("p1"))
    assert not deserves_review(after([*history, *[clean("p1")] * 20]).of("p1")), "and what was well since counts"


def test_sources_are_neither_informer_nor_enough() -> None:
    one = [leaked("p1", informer="x1", verified=True)] * 3
    beliefs = after([*one, *[leaked("p1", informer=SOURCES)] * 5])
    assert beliefs.of("p1").informers == {"x1"}
    assert not deserves_review(beliefs.of("p1"))


# ---- I6: no guilt by association ------------------------------------------------------------------------------------------------


@given(PAST, PAST)
@pytest.mark.claim("T58")
def test_i6_what_others_did_moves_nothing_of_a_person_s_own(past: list[Event], others: list[Event]) -> None:
    without = [replace(event, readers=tuple(r for r in event.readers if r.person != "p0")) for event in others]
    before, beliefs = after(past), after([*past, *without])
    assert beliefs.of("p0") == before.of("p0")
    assert deserves_review(beliefs.of("p0")) is deserves_review(before.of("p0"))


@given(PAST, st.floats(0.02, 0.8))
def test_i6_a_review_does_not_ask_what_office_he_is_of(past: list[Event], prior: float) -> None:
    """What is thought of his kind of office, of his house, his region or his vetters is no evidence against him."""
    his = [replace(e, readers=tuple(r for r in e.readers if r.person == "p0")) for e in past]
    retold = [replace(e, readers=tuple(replace(r, prior=prior) for r in e.readers)) for e in his]
    assert after(his).of("p0").odds == pytest.approx(after(retold).of("p0").odds)
    thought = replace(LEARNING, houses=dict.fromkeys(House, prior))
    evidence = after(past).of("p0")
    assert deserves_review(evidence, thought) is deserves_review(evidence)


# ---- determinism ----------------------------------------------------------------------------------------------------------------


@given(PAST)
def test_the_same_outcomes_give_the_same_beliefs(past: list[Event]) -> None:
    one, other = after(past), after(past)
    assert one.columns.rows == other.columns.rows
    assert one.columns.odds.tobytes() == other.columns.odds.tobytes()
    assert all(one.of(name) == other.of(name) for name in PEOPLE)


@given(PAST)
def test_the_columns_are_the_evidence(past: list[Event]) -> None:
    beliefs = after(past)
    for name, row in beliefs.columns.rows.items():
        evidence = beliefs.of(name)
        assert (beliefs.columns.odds[row], beliefs.columns.spread[row]) == (evidence.odds, evidence.spread)
        for area in AREAS:
            held = beliefs.columns.served(area)[row]
            extra = evidence.extra.get(area)
            assert np.isnan(held) if extra is None else held == pytest.approx(evidence.shares[area] * exp(extra))


@given(PAST)
def test_columns_that_are_read_in_between_are_as_those_read_once(past: list[Event]) -> None:
    """They are written when a draw asks for them: nothing that was learned since may be missing, nor anything stay of before."""
    often = nothing_known()
    for event in past:
        often = update(often, event)
        assert np.isnan(often.columns.served("nowhere")).all()
    once = after(past)
    assert often.columns.rows == once.columns.rows
    assert often.columns.odds.tobytes() == once.columns.odds.tobytes()
    assert often.columns.spread.tobytes() == once.columns.spread.tobytes()
    for area in AREAS:
        np.testing.assert_array_equal(often.columns.served(area), once.columns.served(area))


def test_the_columns_grow() -> None:
    beliefs = after(leaked(f"p{n}", area=AREAS[n % 2]) for n in range(200))
    assert len(beliefs.columns.rows) == 200
    assert len(beliefs.columns.odds) >= 200
    last = beliefs.columns.rows["p199"]
    assert beliefs.columns.odds[last] == beliefs.of("p199").odds
    assert not np.isnan(beliefs.columns.served("south")[last])
    assert np.isnan(beliefs.columns.served("north")[last])


def test_beliefs_that_were_updated_are_used_up() -> None:
    first = nothing_known()
    update(first, leaked("p1"))
    with pytest.raises(BeliefsError):
        update(first, leaked("p1"))
