"""The invariants of ROUTING.md that the draw alone can keep, whatever is believed of anybody: one property test for each."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from routing.comb import coins_of_leads, replay
from routing.draw import choose
from routing.exposure import opened
from routing.learning import Beliefs, Event, Verdict, nothing_known
from routing.people import Assignment, Code, Flag, Person, Role, Roster, TipFacts
from routing.policy import DEFAULT
from tests.routing.world import BELIEFS, COINS, EVERYBODY, FAR, NOW, OUTCOMES, TIPS, large_rosters, learnt, line, person, rosters

CAP = DEFAULT.cap + 1e-9
URGENT = replace(FAR, urgent=True)
ROLES = ((Role.HANDLER, Flag.SMALL_POOL), (Role.LEAD, Flag.FEW_LEADS))


def draw(everybody: Roster, tip: TipFacts, beliefs: Beliefs, coins: bytes = b"h" * 32, *, released: bool = False) -> Assignment:
    return choose(everybody, tip, beliefs, coins, NOW, released=released)


def cards(everybody: Roster) -> dict[str, Person]:
    return {one.id: one for one in everybody.people}


def by_role(drawn: Assignment, everybody: Roster, role: Role) -> dict[str, float]:
    return {name: chance for name, chance in drawn.chances.items() if cards(everybody)[name].card.role is role}


@given(rosters(), TIPS, BELIEFS, COINS, st.booleans())
@pytest.mark.claim("T6")
def test_i1_never_an_excluded_person(everybody: Roster, tip: TipFacts, beliefs: Beliefs, coins: bytes, released: bool) -> None:
    drawn = draw(everybody, tip, beliefs, coins, released=released)
    assert all(drawn.reasons[name] == () for name in (*drawn.order, *drawn.leads, *drawn.chances))
    assert all(cards(everybody)[name].card.role is Role.HANDLER for name in drawn.order)
    assert all(cards(everybody)[name].card.role is Role.LEAD for name in drawn.leads)


@given(rosters() | large_rosters(), TIPS, BELIEFS, COINS)
@pytest.mark.claim("T8")
def test_i2_nobody_above_the_cap_unless_a_small_pool_is_flagged(everybody: Roster, tip: TipFacts, beliefs: Beliefs, coins: bytes) -> None:
    """A chance is one to be anywhere in the order, so it counts for successors, too."""
    drawn = draw(everybody, tip, beliefs, coins)
    for role, small in ROLES:
        if small not in drawn.flags:
            assert all(chance <= CAP for chance in by_role(drawn, everybody, role).values())
    if not drawn.hold and not tip.urgent:
        assert all(chance <= DEFAULT.alone + 1e-9 for chance in by_role(drawn, everybody, Role.HANDLER).values())


@given(
    rosters() | large_rosters(),
    TIPS,
    BELIEFS,
    st.sampled_from(EVERYBODY),
    st.integers(0, 50),
    st.integers(0, 9),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["haven", "lantern", "labour", "nobody-else"]),
)
@pytest.mark.claim("T8")
def test_i2_nobody_above_the_cap_by_editing_his_own_profile(
    everybody: Roster,
    tip: TipFacts,
    beliefs: Beliefs,
    edited: Person,
    capacity: int,
    load: int,
    clearance: bool,
    on_duty: bool,
    agency: str,
) -> None:
    card = replace(edited.card, languages=("en", "es", "fr"), capacity=capacity, child_clearance=clearance, agency=agency, kin=())
    drawn = draw(everybody.changed(replace(edited, card=card, open_cases=load, on_duty=on_duty)), tip, beliefs)
    small = dict(ROLES).get(card.role)
    if small not in drawn.flags:
        assert drawn.chances.get(edited.id, 0.0) <= CAP


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 39), BELIEFS)
@pytest.mark.claim("T8")
def test_i2_in_a_small_pool_nobody_passes_the_cap_and_an_even_share(size: int, agencies: int, who: int, beliefs: Beliefs) -> None:
    everybody = line(size, agencies)
    drawn = draw(everybody, URGENT, beliefs)
    assert drawn.chances[everybody.people[who % size].id] <= max(CAP, 1 / size + 1e-9)


@given(rosters(), TIPS, BELIEFS, COINS)
@pytest.mark.claim("T8")
def test_i3_one_reader_per_agency_over_handlers_and_leads(everybody: Roster, tip: TipFacts, beliefs: Beliefs, coins: bytes) -> None:
    drawn = draw(everybody, tip, beliefs, coins)
    agencies = [cards(everybody)[name].card.agency for name in (*drawn.order, *drawn.leads)]
    assert len(set(agencies)) == len(agencies)


@given(rosters(), TIPS, st.lists(OUTCOMES, max_size=12), COINS, st.randoms(use_true_random=False))
def test_i4_the_same_state_tip_and_coins_give_the_same_readers_and_reasons(
    everybody: Roster, tip: TipFacts, outcomes: list[Event], coins: bytes, shuffle: random.Random
) -> None:
    """To the last bit, whoever was enrolled first."""
    people = list(everybody.people)
    shuffle.shuffle(people)
    again = draw(replace(everybody, people=tuple(people)), tip, learnt(outcomes), coins)
    assert draw(everybody, tip, learnt(outcomes), coins) == again


@given(rosters(), TIPS, BELIEFS, COINS, st.integers(0, 39))
def test_i7_an_added_exclusion_never_adds_chance_to_the_excluded(
    everybody: Roster, tip: TipFacts, beliefs: Beliefs, coins: bytes, who: int
) -> None:
    assume(everybody.people)
    named = everybody.people[who % len(everybody.people)].id
    after = draw(everybody, replace(tip, people=tip.people | {named}), beliefs, coins)
    assert named not in after.chances
    assert named not in (*after.order, *after.leads)
    assert Code.E2 in after.reasons[named]


@given(rosters(), TIPS, BELIEFS, COINS)
def test_i8_every_chosen_and_every_refused_person_has_an_answer(everybody: Roster, tip: TipFacts, beliefs: Beliefs, coins: bytes) -> None:
    drawn = draw(everybody, tip, beliefs, coins)
    assert drawn.reasons.keys() == cards(everybody).keys()
    eligible = {name for name, held in drawn.reasons.items() if not held and cards(everybody)[name].card.role is Role.HANDLER}
    assert drawn.pool == len(eligible)
    assert by_role(drawn, everybody, Role.HANDLER).keys() == (set() if drawn.hold else eligible)
    assert drawn.hold is not None or set(drawn.order) <= eligible


@given(rosters(), TIPS, BELIEFS, COINS)
def test_somebody_eligible_and_no_hold_means_somebody_drawn_and_chances_that_add_up(
    everybody: Roster, tip: TipFacts, beliefs: Beliefs, coins: bytes
) -> None:
    drawn = draw(everybody, tip, beliefs, coins)
    if drawn.hold:
        assert (drawn.order, drawn.leads, drawn.chances) == ((), (), {})
        return
    assert drawn.pool
    assert 1 <= len(drawn.order) <= DEFAULT.readers
    assert (len(drawn.order) < DEFAULT.readers) <= (Flag.SMALL_POOL in drawn.flags)
    for order, (role, _) in zip((drawn.order, drawn.leads), ROLES, strict=True):
        chances = by_role(drawn, everybody, role)
        assert sum(chances.values()) == pytest.approx(len(order), abs=1e-6)
        assert all(0 <= chance <= 1 for chance in chances.values())
        assert all(chances[name] > 0 for name in order)
        for agency in {cards(everybody)[name].card.agency for name in chances}:
            assert sum(chances[name] for name in chances if cards(everybody)[name].card.agency == agency) <= 1 + 1e-6


@given(rosters(), TIPS, BELIEFS, COINS)
def test_an_auditor_with_the_chances_and_the_coins_gets_the_same_order(
    everybody: Roster, tip: TipFacts, beliefs: Beliefs, coins: bytes
) -> None:
    drawn = draw(everybody, tip, beliefs, coins, released=True)
    agencies = {one.id: one.card.agency for one in everybody.people}
    first = {one.id for one in everybody.people if one.on_duty} if tip.urgent else None
    for order, (role, _), own in zip((drawn.order, drawn.leads), ROLES, (coins, coins_of_leads(coins)), strict=True):
        assert replay(by_role(drawn, everybody, role), agencies, len(order), own, first) == order


@given(rosters(), TIPS, BELIEFS, COINS, st.integers(1, 3))
def test_trustees_change_no_draw_whatever_is_believed_of_the_others(
    everybody: Roster, tip: TipFacts, beliefs: Beliefs, coins: bytes, count: int
) -> None:
    trustees = [person(f"t{n}", role=Role.TRUSTEE, home="nord", posting="nord", vetters=("a", "b")) for n in range(count)]
    alone, among = draw(everybody, tip, beliefs, coins), draw(everybody.changed(*trustees), tip, beliefs, coins)
    assert among == replace(alone, reasons=among.reasons)


def test_what_is_believed_decides_who_is_drawn() -> None:
    """So the properties above are of draws that beliefs have a hand in."""
    everybody = line(40, 12)
    leak = Event("east", (opened(everybody.people[0], "east", everybody.atlas, DEFAULT.learning),), Verdict.COMPROMISED, "i1", True, 20_000)
    before, after = draw(everybody, FAR, nothing_known()).chances, draw(everybody, FAR, learnt([leak])).chances
    assert before["p000"] == pytest.approx(3 / 40)
    assert after["p000"] < before["p000"] / 10
