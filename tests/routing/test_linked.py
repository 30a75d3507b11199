"""Tips of one matter share one drawn order: whoever writes ten of them has one draw, and what he adds only strikes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.draw import choose
from routing.exposure import opened
from routing.learning import SOURCES, Beliefs, Event, Verdict, nothing_known, update
from routing.people import Assignment, Earlier, Flag, Hold, Role, Roster, TipFacts
from routing.policy import DEFAULT
from tests.routing.test_draw import URGENT, coins, draw, naming, with_leads
from tests.routing.world import BELIEFS, COINS, FAR, NOW, TIPS, line, person, rosters

EVERYBODY = with_leads(40, 24)
FIRST = draw(EVERYBODY)
EARLIER = Earlier(FIRST.order, FIRST.leads, FIRST.chances)


def again(tip: TipFacts = FAR, everybody: Roster = EVERYBODY, earlier: Earlier = EARLIER, *, released: bool = False) -> Assignment:
    return choose(everybody, tip, nothing_known(), coins(99), NOW, released=released, earlier=earlier)


def without(name: str) -> TipFacts:
    return replace(FAR, people=frozenset({name}))


def only(names: Iterable[str], eligible: Assignment) -> dict[str, float]:
    """The chances of these in the first draw, and none for everybody else who may read."""
    return {name: FIRST.chances[name] if name in set(names) else 0.0 for name in eligible.chances}


def after(outcomes: Mapping[str, int]) -> Beliefs:
    """What so many verified leaks of each, as a case's only reader, tell."""
    beliefs, by_id = nothing_known(), {one.id: one for one in EVERYBODY.people}
    for name, count in outcomes.items():
        reader = opened(by_id[name], "north", EVERYBODY.atlas, DEFAULT.learning)
        for n in range(count):
            beliefs = update(beliefs, Event("north", (reader,), Verdict.COMPROMISED, f"{n:032x}", True, 20000 + n))
    return beliefs


@pytest.mark.claim("T61")
def test_ten_linked_tips_reach_the_readers_of_one() -> None:
    reached = {name for n in range(10) for name in choose(EVERYBODY, FAR, nothing_known(), coins(n), NOW, earlier=EARLIER).order}
    assert reached == set(FIRST.order)
    same = again()
    assert (set(same.order), set(same.leads)) == (set(FIRST.order), set(FIRST.leads))
    assert same.chances == only((*FIRST.order, *FIRST.leads), FIRST)
    assert (same.flags, same.pool, same.reasons) == (frozenset({Flag.LINKED}), FIRST.pool, FIRST.reasons)


def test_who_is_first_is_another_from_tip_to_tip() -> None:
    """Else whoever had plates drawn until a friend came first would write down those, and know who reads what is told of them."""
    first = Counter(choose(EVERYBODY, FAR, nothing_known(), coins(n), NOW, earlier=EARLIER).order[0] for n in range(150))
    leads = {choose(EVERYBODY, FAR, nothing_known(), coins(n), NOW, earlier=EARLIER).leads[0] for n in range(150)}
    assert first.keys() == set(FIRST.order)
    assert leads == set(FIRST.leads)
    assert min(first.values()) > 25


@pytest.mark.parametrize("seed", range(5))
def test_in_an_urgent_case_whoever_is_on_duty_comes_first(seed: int) -> None:
    on_duty = FIRST.order[1]
    everybody = replace(EVERYBODY, people=tuple(replace(one, on_duty=one.id == on_duty) for one in EVERYBODY.people))
    assert choose(everybody, URGENT, nothing_known(), coins(seed), NOW, earlier=EARLIER).order[0] == on_duty


def test_of_whom_outcomes_speak_ill_since_is_passed_over_while_another_stands() -> None:
    first, second, third = FIRST.order
    lead = FIRST.leads[0]
    shunning = choose(EVERYBODY, FAR, after({first: 3, lead: 3}), coins(1), NOW, earlier=EARLIER)
    assert set(shunning.order) == {second, third}
    assert set(shunning.leads) == set(FIRST.leads) - {lead}
    assert shunning.chances[first] == shunning.chances[lead] == 0.0
    assert shunning.reasons[first] == (), "no code: beliefs exclude nobody"
    assert set(choose(EVERYBODY, FAR, after({first: 3, second: 3}), coins(1), NOW, earlier=EARLIER).order) == {third}
    all_ill = choose(EVERYBODY, FAR, after(dict.fromkeys(FIRST.order, 3)), coins(1), NOW, earlier=EARLIER)
    assert set(all_ill.order) == set(FIRST.order)


def test_one_unverified_word_or_all_sources_take_nobody_out_of_a_shared_order() -> None:
    """Whoever knows its readers would leave only his friend in it."""
    reader = opened(next(one for one in EVERYBODY.people if one.id == FIRST.order[0]), "north", EVERYBODY.atlas, DEFAULT.learning)
    for informer, words in (("f" * 32, 1), (SOURCES, 9)):
        beliefs = nothing_known()
        for n in range(words):
            beliefs = update(beliefs, Event("north", (reader,), Verdict.COMPROMISED, informer, False, 20000 + n))
        alone = choose(EVERYBODY, FAR, beliefs, coins(1), NOW).chances[FIRST.order[0]]
        assert alone < FIRST.chances[FIRST.order[0]] / 2, "a draw of its own avoids him already"
        assert set(choose(EVERYBODY, FAR, beliefs, coins(1), NOW, earlier=EARLIER).order) == set(FIRST.order)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_who_is_excluded_now_is_left_out_and_nobody_comes_in_his_place(rank: int) -> None:
    gone = FIRST.leads[rank % len(FIRST.leads)]
    handler, lead = again(without(FIRST.order[rank])), again(without(gone))
    assert set(handler.order) == set(FIRST.order) - {FIRST.order[rank]}
    assert set(handler.leads) == set(FIRST.leads)
    assert (set(lead.order), set(lead.leads)) == (set(FIRST.order), set(FIRST.leads) - {gone})
    assert handler.chances == only((*handler.order, *handler.leads), handler)
    assert FIRST.order[rank] not in handler.chances, "he has none now"


@pytest.mark.parametrize("urgent", [False, True])
@pytest.mark.claim("T2")
def test_an_order_of_which_nobody_is_left_is_held_and_never_drawn_anew(urgent: bool) -> None:
    for tip, everybody in (
        (replace(FAR, people=frozenset(FIRST.order), urgent=urgent), EVERYBODY),
        (replace(FAR, urgent=urgent), replace(EVERYBODY, people=tuple(one for one in EVERYBODY.people if one.id not in FIRST.order))),
    ):
        for released in (False, True):
            held = again(tip, everybody, released=released)
            assert held.hold is Hold.NOBODY_ELIGIBLE
            assert (held.order, held.leads, held.chances) == ((), (), {})
            assert held.flags == {Flag.LINKED}
            assert held.pool > 30


def test_a_linked_tip_that_names_most_of_the_pool_is_held_like_any_other() -> None:
    everybody = line(40, 12)
    earlier = Earlier(("p039", "p038"), (), {"p039": 0.1, "p038": 0.1})
    assert again(naming(30), everybody, earlier).hold is Hold.POISONED
    released = again(naming(30), everybody, earlier, released=True)
    assert (released.hold, set(released.order)) == (None, {"p039", "p038"})


def test_who_has_changed_role_or_agency_no_longer_stands() -> None:
    first, second, _ = FIRST.order
    by_id = {one.id: one for one in EVERYBODY.people}
    card = by_id[second].card
    moved = again(everybody=EVERYBODY.changed(replace(by_id[second], card=replace(card, agency=by_id[first].card.agency))))
    assert set(moved.order) == {first, FIRST.order[2]}
    leading = again(everybody=EVERYBODY.changed(replace(by_id[second], card=replace(card, role=Role.LEAD))))
    assert set(leading.order) == {first, FIRST.order[2]}
    assert second not in leading.leads


def test_the_flags_are_of_those_who_read_now() -> None:
    people = tuple(replace(one, on_duty=one.id != FIRST.order[1]) for one in EVERYBODY.people)
    assert again(everybody=replace(EVERYBODY, people=people)).flags == {Flag.LINKED, Flag.OFF_DUTY}
    small = draw(line(4, 4))
    linked = again(URGENT, line(4, 4), Earlier(small.order, (), small.chances))
    assert linked.flags == {Flag.LINKED, Flag.SMALL_POOL}
    assert set(linked.order) == set(small.order)


@given(rosters(), TIPS, TIPS, BELIEFS, COINS, st.booleans())
@pytest.mark.claim("T12")
def test_a_linked_tip_only_ever_strikes(
    everybody: Roster, tip: TipFacts, more: TipFacts, beliefs: Beliefs, seed: bytes, released: bool
) -> None:
    first = choose(everybody, tip, beliefs, seed, NOW, released=True)
    earlier = Earlier(first.order, first.leads, first.chances)
    later = choose(everybody, more, beliefs, seed[::-1], NOW, released=released, earlier=earlier)
    alone = choose(everybody, more, beliefs, seed[::-1], NOW, released=released)
    assert Flag.LINKED in later.flags
    assert (later.pool, later.reasons) == (alone.pool, alone.reasons)
    if later.hold is None:
        still = {name for name in first.order if not later.reasons[name]}
        assert set(later.order) <= still
        assert bool(later.order) == bool(still)
        assert set(later.leads) <= {name for name in first.leads if not later.reasons[name]}
        assert {name for name, chance in later.chances.items() if chance > 0} == {*later.order, *later.leads}
    else:
        assert later.hold is Hold.POISONED or all(later.reasons[name] for name in first.order)


def test_somebody_who_is_on_no_roster_is_left_out() -> None:
    assert again(everybody=EVERYBODY.changed(person("zz")), earlier=Earlier(("gone", FIRST.order[0]), (), {})).order == FIRST.order[:1]
