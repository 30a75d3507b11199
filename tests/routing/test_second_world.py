"""The second world's judge finds what it must find, and the draw passes it (benchmarks/second_world; whole: `make bench-second-world`)."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from benchmarks.second_world.judging import Asked, Gates, judge
from benchmarks.second_world.land import START, Plan, Settlers, make_land
from benchmarks.second_world.reading import Codes, Reading
from benchmarks.second_world.world import POLICIES, Found, World
from routing.draw import choose
from routing.learning import nothing_known
from routing.people import Assignment, Code, Hold, Role, Roster, TipFacts
from triage.tip import AgencyKind, Child

SMALL = Plan("small", people=60, tips=50, small_ngos=20, areas=5, towns=2, vetters=12, coins=30)
TIP = TipFacts(
    START - timedelta(minutes=5), frozenset({"area-1-town-0"}), place_known=True, kinds=frozenset({AgencyKind.POLICE}), child=Child.NO
)


@pytest.fixture(scope="module")
def found() -> Found:
    return World(SMALL, 1).run()


def a_draw() -> tuple[Asked, Assignment]:
    land = make_land(SMALL.areas, SMALL.towns, SMALL.small_ngos)
    dice = random.Random(5)
    settlers = Settlers(SMALL, land, dice)
    people = tuple(settlers.settle(START, dice.randrange(200, 320)).person for _ in range(SMALL.people))
    roster = Roster(people, land.atlas)
    asked = Asked({one.id: one for one in people}, TIP, START, Reading(land.atlas).codes(people, TIP, START), released=False, earlier=None)
    return asked, choose(roster, TIP, nothing_known(), bytes(range(32)), START)


def broken(asked: Asked, got: Assignment) -> set[str]:
    gates = Gates()
    judge(asked, got, gates)
    return set(gates.found)


@pytest.mark.claim("T68")
def test_a_small_second_world_breaks_no_gate(found: Found) -> None:
    assert not found.gates.found, found.gates.examples
    assert not found.flagged


def test_a_small_second_world_loses_less_than_today_and_no_less_than_the_oracle(found: Found) -> None:
    today, _, ours, oracle = (found.lost(policy) for policy in POLICIES)
    assert oracle <= ours < today / 2


def test_the_same_world_comes_out_the_same() -> None:
    plan = replace(SMALL, tips=10, coins=5)
    first, second = World(plan, 3).run(), World(plan, 3).run()
    assert (first.losses, first.sizes, first.events) == (second.losses, second.sizes, second.events)


def test_the_judge_is_content_with_a_draw() -> None:
    asked, got = a_draw()
    assert got.order
    assert broken(asked, got) == set()


def test_the_judge_sees_an_excluded_reader() -> None:
    asked, got = a_draw()
    barred = next(one.id for one in asked.people.values() if one.card.role is Role.HANDLER and asked.barred(one.id))
    assert "violations" in broken(asked, replace(got, order=(*got.order[:2], barred)))


def test_the_judge_sees_a_missing_reason_and_a_wrong_one() -> None:
    asked, got = a_draw()
    one = got.order[0]
    assert "unexplained" in broken(asked, replace(got, reasons={name: codes for name, codes in got.reasons.items() if name != one}))
    assert "unexplained" in broken(asked, replace(got, reasons={**got.reasons, one: (Code.E9,)}))


@pytest.mark.parametrize("hold", [None, Hold.NOBODY_ELIGIBLE, Hold.POISONED, Hold.NEEDS_TWO_VETTERS])
def test_the_judge_sees_that_nobody_got_a_tip_that_many_could_read(hold: Hold | None) -> None:
    asked, got = a_draw()
    assert "missed" in broken(asked, replace(got, order=(), leads=(), hold=hold))


def test_the_judge_sees_a_chance_above_the_cap_and_chances_that_do_not_add_up() -> None:
    asked, got = a_draw()
    one = got.order[0]
    assert {"over_cap", "chances"} <= broken(asked, replace(got, chances={**got.chances, one: 0.21}))


def test_the_judge_sees_two_readers_of_one_agency() -> None:
    asked, got = a_draw()
    first = asked.people[got.order[0]]
    second = replace(first, card=replace(first.card, person="0" * 32))
    asked = replace(asked, people={**asked.people, second.id: second}, codes={**asked.codes, second.id: Codes(frozenset(), frozenset())})
    got = replace(got, order=(first.id, second.id), reasons={**got.reasons, second.id: ()})
    assert "one_agency" in broken(asked, got)
