"""The draw: who is drawn, how likely, and what stops it. One property test per invariant of ROUTING.md that applies without beliefs."""

from __future__ import annotations

import hashlib
import random
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.coins import CoinsError
from routing.draw import capped, choose, limits
from routing.learning import nothing_known
from routing.people import Assignment, Code, Flag, Hold, Person, Role, Roster, TipFacts
from routing.policy import DEFAULT, Policy
from tests.routing.world import COINS, FAR, NOW, TIPS, line, person, roster, rosters
from triage.tip import Child

HEAD = b"h" * 32
URGENT = replace(FAR, urgent=True)


def coins(n: int) -> bytes:
    return hashlib.sha256(n.to_bytes(4)).digest()


def draw(everybody: Roster, tip: TipFacts = FAR, seed: bytes = HEAD, policy: Policy = DEFAULT) -> Assignment:
    return choose(everybody, tip, nothing_known(), seed, NOW, policy)


def cards(everybody: Roster) -> dict[str, Person]:
    return {one.id: one for one in everybody.people}


# --- invariants ---


@given(rosters(), TIPS, COINS)
@pytest.mark.claim("T6")
def test_i1_never_an_excluded_person(everybody: Roster, tip: TipFacts, seed: bytes) -> None:
    drawn = draw(everybody, tip, seed)
    assert all(drawn.reasons[name] == () for name in (*drawn.order, *drawn.chances))
    assert all(cards(everybody)[name].card.role is Role.HANDLER for name in (*drawn.order, *drawn.chances))


@given(rosters(), TIPS, COINS)
@pytest.mark.claim("T8")
def test_i2_nobody_above_the_cap_unless_a_small_pool_is_flagged(everybody: Roster, tip: TipFacts, seed: bytes) -> None:
    drawn = draw(everybody, tip, seed)
    if Flag.SMALL_POOL not in drawn.flags:
        assert all(chance <= DEFAULT.cap + 1e-9 for chance in drawn.chances.values())
    if not drawn.hold and not tip.urgent:
        assert all(chance <= DEFAULT.alone + 1e-9 for chance in drawn.chances.values())


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 39), st.integers(0, 6), st.booleans())
@pytest.mark.claim("T8")
def test_i2_nobody_above_the_cap_by_editing_his_own_profile(size: int, agencies: int, who: int, load: int, clearance: bool) -> None:
    everybody = line(size, agencies)
    edited = everybody.people[who % size]
    card = replace(edited.card, languages=("en", "es", "fr"), capacity=50, child_clearance=clearance, agency=f"ngo-{load % agencies}")
    people = tuple(replace(one, card=card) if one.id == edited.id else one for one in everybody.people)
    drawn = draw(replace(everybody, people=people), URGENT)
    assert drawn.chances[edited.id] <= max(DEFAULT.cap, 1 / size) + 1e-9


@given(rosters(), TIPS, COINS)
@pytest.mark.claim("T8")
def test_i3_one_reader_per_agency(everybody: Roster, tip: TipFacts, seed: bytes) -> None:
    drawn = draw(everybody, tip, seed)
    agencies = [cards(everybody)[name].card.agency for name in drawn.order]
    assert len(set(agencies)) == len(agencies)


@given(rosters(), TIPS, COINS, st.randoms(use_true_random=False))
def test_i4_the_same_state_tip_and_coins_give_the_same_readers_and_reasons(
    everybody: Roster, tip: TipFacts, seed: bytes, shuffle: random.Random
) -> None:
    people = list(everybody.people)
    shuffle.shuffle(people)
    again = draw(replace(everybody, people=tuple(people)), tip, seed)
    assert draw(everybody, tip, seed) == again


@given(rosters(), TIPS, COINS, st.integers(0, 23))
def test_i7_an_added_exclusion_never_adds_chance_to_the_excluded(everybody: Roster, tip: TipFacts, seed: bytes, who: int) -> None:
    if not everybody.people:
        return
    named = everybody.people[who % len(everybody.people)].id
    after = draw(everybody, replace(tip, people=tip.people | {named}), seed)
    assert named not in after.chances
    assert named not in after.order
    assert Code.E2 in after.reasons[named]


@given(rosters(), TIPS, COINS)
def test_i8_every_chosen_and_every_refused_person_has_an_answer(everybody: Roster, tip: TipFacts, seed: bytes) -> None:
    drawn = draw(everybody, tip, seed)
    assert drawn.reasons.keys() == cards(everybody).keys()
    eligible = {name for name, held in drawn.reasons.items() if not held and cards(everybody)[name].card.role is Role.HANDLER}
    assert drawn.pool == len(eligible)
    assert drawn.chances.keys() == (set() if drawn.hold else eligible)


@given(rosters(), TIPS, COINS)
def test_somebody_eligible_and_no_hold_means_somebody_drawn_and_chances_that_add_up(everybody: Roster, tip: TipFacts, seed: bytes) -> None:
    drawn = draw(everybody, tip, seed)
    if drawn.hold:
        assert drawn.order == ()
        return
    assert drawn.pool
    assert 1 <= len(drawn.order) <= DEFAULT.readers
    assert sum(drawn.chances.values()) == pytest.approx(len(drawn.order), abs=1e-6)
    assert all(0 <= chance <= 1 for chance in drawn.chances.values())
    assert all(drawn.chances[name] > 0 for name in drawn.order)
    assert (len(drawn.order) < DEFAULT.readers) <= (Flag.SMALL_POOL in drawn.flags)
    pool = [one for one in everybody.people if one.id in drawn.chances]
    assert all(sum(drawn.chances[one.id] for one in group) <= 1 + 1e-6 for group in by_agency(pool).values())


@given(rosters(), TIPS)
@pytest.mark.claim("T8")
def test_newcomers_and_vetter_pairs_are_bounded_together(everybody: Roster, tip: TipFacts) -> None:
    drawn = draw(everybody, replace(tip, urgent=True))
    pool = [one for one in everybody.people if one.id in drawn.chances]
    if not pool:
        return
    readers, caps, small = limits(pool, everybody, NOW, DEFAULT)
    bearable = sum(min(1.0, sum(caps[one.id] for one in group)) for group in by_agency(pool).values())
    raised = 1 / sum(caps_unraised(pool, everybody)) if small and bearable <= 1 + 1e-9 else 1.0
    new = [one for one in pool if not one.card.founder and NOW - one.card.issued < timedelta(days=150)]
    assert sum(drawn.chances[one.id] for one in new) <= DEFAULT.cap * max(1.0, raised) + 1e-6
    pairs = {frozenset(one.vetters) for one in everybody.people if one.active and len(set(one.vetters)) > 1}
    for pair in pairs:
        vouched = [one for one in pool if frozenset(one.vetters) == pair and not one.card.founder]
        bound = max(2 * DEFAULT.cap, readers / len(pairs)) * max(1.0, raised)
        assert sum(drawn.chances[one.id] for one in vouched) <= bound + 1e-6


def by_agency(pool: list[Person]) -> dict[str, list[Person]]:
    return {agency: [one for one in pool if one.card.agency == agency] for agency in {one.card.agency for one in pool}}


def caps_unraised(pool: list[Person], everybody: Roster) -> list[float]:
    caps = capped(pool, everybody, NOW, 1)
    return [min(1.0, sum(caps[one.id] for one in group)) for group in by_agency(pool).values()]


@pytest.mark.parametrize("size", [6, 30])
def test_frequencies_over_2000_coins_are_the_chances(size: int) -> None:
    everybody = line(size, 5)
    people = tuple(replace(one, open_cases=n % 4) for n, one in enumerate(everybody.people))
    everybody = replace(everybody, people=people)
    seen: Counter[str] = Counter()
    first: Counter[str] = Counter()
    for n in range(2000):
        order = draw(everybody, seed=coins(n)).order
        seen.update(order)
        first.update(order[:1])
    chances = draw(everybody).chances
    readers = sum(chances.values())
    for name, chance in chances.items():
        assert abs(seen[name] / 2000 - chance) < 5 * (chance * (1 - chance) / 2000) ** 0.5 + 1e-9
        share = chance / readers
        assert abs(first[name] / 2000 - share) < 5 * (share * (1 - share) / 2000) ** 0.5 + 1e-9


def test_pairs_of_different_agencies_meet_in_one_order() -> None:
    """The comb is laid over a random order, so it is not always the same people who follow each other."""
    everybody = line(15, 15)
    met = {frozenset(draw(everybody, seed=coins(n)).order) for n in range(400)}
    assert len(met) > 150


# --- feasibility ---


def test_a_line_of_six_works_and_says_that_it_is_small() -> None:
    drawn = draw(line(6, 6))
    assert len(drawn.order) == 1
    assert drawn.flags == {Flag.SMALL_POOL}
    assert list(drawn.chances.values()) == pytest.approx([1 / 6] * 6)


@pytest.mark.parametrize(("size", "readers"), [(5, 1), (9, 1), (10, 2), (14, 2), (15, 3), (60, 3)])
def test_the_order_is_as_long_as_the_pool_can_bear(size: int, readers: int) -> None:
    drawn = draw(line(size, size))
    assert len(drawn.order) == readers
    assert (Flag.SMALL_POOL in drawn.flags) == (readers < 3)


def test_one_agency_alone_gives_one_reader() -> None:
    assert len(draw(line(30, 1)).order) == 1


@pytest.mark.parametrize("size", [3, 4])
def test_below_five_caps_grow_in_proportion(size: int) -> None:
    drawn = draw(line(size, size))
    assert len(drawn.order) == 1
    assert all(chance == pytest.approx(1 / size) for chance in drawn.chances.values())
    assert drawn.flags == {Flag.SMALL_POOL}


@pytest.mark.parametrize("size", [1, 2])
def test_above_a_third_two_vetters_must_release_unless_it_is_urgent(size: int) -> None:
    held = draw(line(size, size))
    assert held.hold is Hold.NEEDS_TWO_VETTERS
    assert (held.order, held.chances, held.pool) == ((), {}, size)
    assert held.flags == {Flag.SMALL_POOL}
    gone = draw(line(size, size), URGENT)
    assert gone.hold is None
    assert len(gone.order) == 1
    assert gone.flags == {Flag.SMALL_POOL, Flag.TWO_VETTERS_REVIEW}


@pytest.mark.claim("T2")
def test_nobody_eligible_is_held() -> None:
    assert draw(roster()).hold is Hold.NOBODY_ELIGIBLE
    assert draw(roster(person(active=False))).hold is Hold.NOBODY_ELIGIBLE
    assert draw(roster(*(person(f"p{n}", role=Role.LEAD) for n in range(9)))).hold is Hold.NOBODY_ELIGIBLE


# --- poisoned tips ---


@pytest.mark.parametrize(
    ("size", "named", "held"),
    [(20, 10, False), (20, 11, True), (6, 1, False), (6, 2, True), (5, 1, True), (4, 1, True), (4, 0, False), (1, 1, True)],
)
@pytest.mark.claim("T2")
def test_naming_people_until_few_are_left_is_held(size: int, named: int, held: bool) -> None:
    drawn = draw(line(size, size), replace(FAR, people=frozenset(f"p{n:03}" for n in range(named))))
    assert (drawn.hold is Hold.POISONED) == held
    assert (drawn.order == ()) == held
    assert drawn.pool == size - named


def test_naming_those_who_are_excluded_anyway_poisons_nothing() -> None:
    people = tuple(replace(one, active=n >= 10) for n, one in enumerate(line(20, 12).people))
    tip = replace(FAR, people=frozenset(f"p{n:03}" for n in range(10)))
    assert draw(Roster(people, line(1).atlas), tip).hold is None


# --- the rest ---


def test_other_coins_give_other_readers() -> None:
    everybody = line(40)
    assert len({draw(everybody, seed=coins(n)).order for n in range(50)}) > 40


def test_coins_of_another_size_are_refused() -> None:
    with pytest.raises(CoinsError):
        draw(line(20), seed=b"short")


def test_a_thousand_people_are_decided_in_milliseconds() -> None:
    """Prints the time; only a hundredfold slip fails."""
    everybody = line(1000, 60)
    people = tuple(replace(one, open_cases=n % 7, on_duty=n % 3 > 0) for n, one in enumerate(everybody.people))
    everybody = replace(everybody, people=people)
    tip = replace(FAR, child=Child.NO, language="es", names=frozenset({"luis ramos"}))
    times = []
    for n in range(50):
        start = time.process_time()
        draw(everybody, tip, coins(n))
        times.append(time.process_time() - start)
    times.sort()
    print(f"choose at 1,000 people: p50 {times[25] * 1000:.1f} ms, longest of 50 {times[-1] * 1000:.1f} ms")
    assert times[25] < 0.5
