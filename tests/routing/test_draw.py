"""The draw: how likely, how many, and what stops it. Invariants: test_invariants.py; caps and weights: test_caps.py."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.coins import CoinsError
from routing.comb import coins_of_leads, replay
from routing.draw import choose
from routing.learning import nothing_known
from routing.people import Assignment, Flag, Hold, Kin, Person, Role, Roster, TipFacts
from routing.policy import DEFAULT, Policy
from routing.water import water
from tests.routing.world import COINS, FAR, NOW, line, person, roster
from triage.tip import Child

HEAD = b"h" * 32
URGENT = replace(FAR, urgent=True)


def coins(n: int) -> bytes:
    return hashlib.sha256(n.to_bytes(4)).digest()


def draw(everybody: Roster, tip: TipFacts = FAR, seed: bytes = HEAD, policy: Policy = DEFAULT, *, released: bool = False) -> Assignment:
    return choose(everybody, tip, nothing_known(), seed, NOW, policy, released=released)


def naming(count: int, tip: TipFacts = FAR) -> TipFacts:
    return replace(tip, people=frozenset(f"p{n:03}" for n in range(count)))


def with_leads(handlers: int, leads: int, houses: int = 12) -> Roster:
    """Leads of the agencies in turn as handlers are, from the other end."""
    everybody = line(handlers, houses)
    some = tuple(person(f"q{n:03}", role=Role.LEAD, agency=f"ngo-{houses - 1 - n % houses}") for n in range(leads))
    return replace(everybody, people=(*everybody.people, *some))


# --- chances ---


@pytest.mark.parametrize("size", [6, 30])
def test_frequencies_over_2000_coins_are_the_chances(size: int) -> None:
    everybody = line(size, 5)
    people = tuple(replace(one, open_cases=n % 4) for n, one in enumerate(everybody.people))
    everybody = replace(everybody, people=people)
    seen: Counter[str] = Counter()
    first: Counter[str] = Counter()
    drawn = draw(everybody)
    chances, readers, agencies = dict(drawn.chances), len(drawn.order), {one.id: one.card.agency for one in people}
    for n in range(2000):
        order = replay(chances, agencies, readers, coins(n))
        seen.update(order)
        first.update(order[:1])
    assert draw(everybody, seed=coins(7)).order == replay(chances, agencies, readers, coins(7))
    for name, chance in chances.items():
        assert abs(seen[name] / 2000 - chance) < 5 * (chance * (1 - chance) / 2000) ** 0.5 + 1e-9
        share = chance / readers
        assert abs(first[name] / 2000 - share) < 5 * (share * (1 - share) / 2000) ** 0.5 + 1e-9


def test_pairs_of_different_agencies_meet_in_one_order() -> None:
    """The comb is laid over a random order, so it is not always the same people who follow each other."""
    everybody = line(15, 15)
    met = {frozenset(draw(everybody, seed=coins(n)).order) for n in range(200)}
    assert len(met) > 100


def test_frequencies_of_leads_are_their_chances_over_all_draws_of_readers() -> None:
    """Those are of the agencies that no reader is of, so they hang on who reads; none passes the cap."""
    everybody = with_leads(24, 24, 8)
    seen: Counter[str] = Counter()
    expected: Counter[str] = Counter()
    for n in range(150):
        drawn = draw(everybody, seed=coins(n))
        seen.update(drawn.leads)
        expected.update({name: drawn.chances.get(name, 0.0) for name in drawn.reasons if name.startswith("q")})
        assert len(drawn.leads) == 2
    for name, sum_of_chances in expected.items():
        assert abs(seen[name] - sum_of_chances) < 5 * sum_of_chances**0.5
    assert sum(expected.values()) == pytest.approx(300)


@given(
    st.lists(st.tuples(st.floats(0.001, 0.2), st.floats(1e-12, 1.0), st.integers(0, 4)), min_size=1, max_size=30),
    st.lists(st.floats(0, 1), min_size=5, max_size=5),
    st.floats(0.01, 3),
)
def test_water_by_a_second_way(people: list[tuple[float, float, int]], rooms: list[float], need: float) -> None:
    """A plain bisection over the level finds the same."""
    caps, weights, agency = (np.array(column) for column in zip(*people, strict=True))
    room = np.array(rooms)

    def held(level: float) -> list[float]:
        shares = [sum(min(cap, level * weight) for cap, weight, house in people if house == n) for n in range(5)]
        return [min(free, share) for free, share in zip(rooms, shares, strict=True)]

    low, high = 0.0, 1e12
    wanted = min(need, sum(held(high)))
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(held(middle)) < wanted else (low, middle)
    chances = water(caps, weights, agency, room, need)
    assert chances.sum() == pytest.approx(wanted, abs=1e-7)
    assert [float(chances[agency == n].sum()) for n in range(5)] == pytest.approx(held(high), abs=1e-6)
    assert (chances <= caps + 1e-9).all()


@given(st.dictionaries(st.integers(0, 30).map(str), st.floats(0, 0.2), max_size=20), st.integers(1, 3), COINS)
def test_whoever_has_no_chance_is_never_drawn(chances: dict[str, float], readers: int, seed: bytes) -> None:
    agencies = {name: str(int(name) % 7) for name in chances}
    order = replay(chances, agencies, readers, seed)
    assert all(chances[name] > 0 for name in order)
    assert len({agencies[name] for name in order}) == len(order) <= readers
    assert bool(order) == any(chances.values())


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


@pytest.mark.parametrize(
    ("size", "named", "held"), [(20, 10, False), (20, 11, True), (6, 2, False), (6, 3, False), (6, 4, True), (4, 1, False), (1, 1, True)]
)
@pytest.mark.claim("T2")
def test_urgent_only_who_names_more_than_half_is_held(size: int, named: int, held: bool) -> None:
    drawn = draw(line(size, size), naming(named, URGENT))
    assert (drawn.hold is Hold.POISONED) == held
    assert (drawn.order == ()) == held
    few = not held and size - named < DEFAULT.smallest_pool
    assert (Flag.TWO_VETTERS_REVIEW in drawn.flags) == few


@pytest.mark.parametrize("urgent", [False, True])
@pytest.mark.parametrize(("size", "named"), [(20, 11), (6, 2), (2, 0), (1, 0)])
def test_what_two_vetters_release_goes_out_and_is_not_put_to_them_again(size: int, named: int, urgent: bool) -> None:
    drawn = draw(line(size, size), naming(named, replace(FAR, urgent=urgent)), released=True)
    assert drawn.hold is None
    assert drawn.order
    assert Flag.TWO_VETTERS_REVIEW not in drawn.flags
    assert draw(line(size, size), naming(size), released=True).hold is Hold.NOBODY_ELIGIBLE


@pytest.mark.parametrize(("related", "held"), [(10, False), (11, True)])
@pytest.mark.parametrize(
    ("tied", "tip"),
    [
        ({"kin": (Kin("Ana Reyes", None, None),)}, replace(FAR, names=frozenset({"reyes"}))),
        ({"conflicts": ("Luis Pardo",)}, replace(FAR, names=frozenset({"luis pardo"}))),
        ({"kin": (Kin("Name Of p019", None, None),)}, replace(FAR, people=frozenset({"p019"}))),
        ({"conflicts": ("p019",)}, replace(FAR, people=frozenset({"p019"}))),
    ],
)
@pytest.mark.claim("T2")
def test_a_name_that_shuts_out_whoever_declared_it_is_naming_too(tied: dict[str, Any], tip: TipFacts, related: int, held: bool) -> None:
    """Of somebody who is no reader, and is related to many: two vetters see how many it shuts out."""
    shut_out = related - len(tip.people)
    people = tuple(replace(one, card=replace(one.card, **tied)) if n < shut_out else one for n, one in enumerate(line(20, 12).people))
    drawn = draw(Roster(people, line(1).atlas), tip)
    assert (drawn.hold is Hold.POISONED) == held
    assert drawn.pool == 20 - related
    assert drawn.unnamed == (20 if held else None)


def test_who_is_tied_to_the_place_is_not_shut_out_by_names() -> None:
    kin = (Kin("Ana Reyes", "ost", None),)
    people = tuple(replace(one, card=replace(one.card, kin=kin)) if n < 11 else one for n, one in enumerate(line(20, 12).people))
    drawn = draw(Roster(people, line(1).atlas), replace(FAR, names=frozenset({"reyes"})))
    assert (drawn.hold, drawn.pool) == (None, 9)


@pytest.mark.parametrize("urgent", [False, True])
@pytest.mark.parametrize(("named", "held"), [(12, False), (14, True)])
@pytest.mark.claim("T2")
def test_who_names_the_settled_does_not_leave_one_among_newcomers_nearly_sure(named: int, held: bool, urgent: bool) -> None:
    """Fewer than half; but twenty on probation have one person's chance together, and the last of fifteen settled would have half."""

    def somebody(n: int) -> Person:
        issued = NOW - timedelta(days=20 if n >= 15 else 200)
        return person(f"p{n:03}", agency=f"ngo-{n % 12}", founder=False, vetters=(f"v{n % 9}", f"w{n % 9}"), issued=issued)

    drawn = draw(Roster(tuple(map(somebody, range(35))), line(1).atlas), naming(named, replace(FAR, urgent=urgent)))
    assert (drawn.hold is Hold.POISONED) == held
    assert bool(drawn.order) != held
    assert max(drawn.chances.values(), default=0.0) <= DEFAULT.alone


def test_naming_those_who_are_excluded_anyway_poisons_nothing() -> None:
    people = tuple(replace(one, active=n >= 10) for n, one in enumerate(line(20, 12).people))
    tip = replace(FAR, people=frozenset(f"p{n:03}" for n in range(10)))
    assert draw(Roster(people, line(1).atlas), tip).hold is None


# --- leads ---


def test_leads_are_drawn_with_coins_of_their_own() -> None:
    everybody = with_leads(12, 24)
    orders = [draw(everybody, seed=coins(n)) for n in range(40)]
    assert all(len(drawn.leads) == 2 for drawn in orders)
    assert coins_of_leads(HEAD) != HEAD
    assert len({drawn.leads for drawn in orders}) > 30


def test_no_lead_is_of_an_agency_that_has_the_case() -> None:
    assert draw(with_leads(12, 12, 1)).leads == ()
    assert [len(draw(with_leads(12, 12, 4), seed=coins(n)).leads) for n in range(5)] == [1] * 5


@pytest.mark.parametrize(("leads", "named", "drawn"), [(12, 6, 3), (12, 7, 0), (5, 1, 0), (4, 0, 1)])
@pytest.mark.claim("T2")
def test_who_names_most_leads_gets_none_and_stops_nothing(leads: int, named: int, drawn: int) -> None:
    tip = replace(FAR, people=frozenset(f"q{n:03}" for n in range(named)))
    found = draw(with_leads(30, leads, 24), tip)
    assert found.hold is None
    assert (len(found.order), len(found.leads) > 0) == (3, drawn > 0)
    assert draw(with_leads(30, leads, 24), tip, released=True).leads, "two vetters said so"


@pytest.mark.parametrize(("leads", "chance"), [(1, 1), (2, 1 / 2), (5, 1 / 5)])
def test_few_leads_are_flagged_and_hold_nothing(leads: int, chance: float) -> None:
    """A lead reads nothing before a handler asks, so no two vetters need to let him."""
    everybody = line(30, 12)
    some = tuple(
        person(f"q{n}", role=Role.LEAD, agency=f"{('labour', 'court-south', 'police', 'coast', 'liaison')[n]}") for n in range(leads)
    )
    drawn = draw(replace(everybody, people=(*everybody.people, *some)))
    assert drawn.flags == {Flag.FEW_LEADS}
    assert len(drawn.leads) == 1
    assert drawn.chances["q0"] == pytest.approx(chance)


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
