"""The second world's judge finds what it must find, and the draw passes it (benchmarks/second_world; whole: `make bench-second-world`)."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from benchmarks.second_world.capped import knowing
from benchmarks.second_world.judging import Asked, Gates, judge
from benchmarks.second_world.land import NO_OFFICIALS, START, Plan, Settlers, Soul, make_land
from benchmarks.second_world.losing import RAID, Way, loss, today
from benchmarks.second_world.reading import Codes, Reading
from benchmarks.second_world.strange import in_short, strange_plans
from benchmarks.second_world.telling import broken as missed
from benchmarks.second_world.telling import rows_of
from benchmarks.second_world.tips import Tip
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
    codes = Reading(land.atlas).codes(people, TIP, START)
    asked = Asked({one.id: one for one in people}, TIP, START, codes, codes, released=False, earlier=None)
    return asked, choose(roster, TIP, nothing_known(), bytes(range(32)), START)


def broken(asked: Asked, got: Assignment) -> set[str]:
    gates = Gates()
    judge(asked, got, gates)
    return set(gates.found)


def told_of(plan: Plan, removed: float) -> Found:
    """A world of one tip that today's practice surely loses and the oracle never; so much is avoided."""
    return Found(plan, losses={"today": [1.0], "exclusions": [0.5], "tipline": [1 - removed], "capped": [0.0], "oracle": [0.0]}, honest=10)


@pytest.mark.claim("T68")
def test_a_small_second_world_breaks_no_gate(found: Found) -> None:
    assert not found.gates.found, found.gates.examples
    assert not found.flagged


def test_a_small_second_world_loses_less_than_today_and_no_less_than_the_oracle(found: Found) -> None:
    today, _, ours, capped, oracle = (found.lost(policy) for policy in POLICIES)
    assert oracle <= capped <= ours < today / 2


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


def test_a_seed_is_the_same_strange_plans_and_another_is_others() -> None:
    plans = strange_plans(6, 7)
    assert plans == strange_plans(6, 7)
    assert plans[:3] == strange_plans(3, 7)
    assert not {in_short(plan) for plan in plans} & {in_short(plan) for plan in strange_plans(6, 8)}
    assert len({plan.name for plan in plans}) == 6


def test_a_strange_world_breaks_no_gate() -> None:
    plan = replace(strange_plans(1, 3)[0], people=70, tips=12, coins=5)
    assert not World(plan, 0).run().gates.found


def test_sleepers_leak_nothing_until_they_have_read_enough_and_then_only_what_is_valuable() -> None:
    plan = replace(SMALL, own=0.6, asleep=2, valuable=0.2)
    tip = Tip(TIP, START, frozenset({"area-1"}))
    dull, dear = Way(absent=False, operation=True, second_look=False, valuable=False), Way(False, True, False, valuable=True)
    person = next(iter(a_draw()[0].people.values()))
    liar, honest = Soul(person, frozenset({"area-1"})), Soul(person)
    assert loss("tipline", [liar, honest], tip, plan, dear) == pytest.approx(RAID)
    liar.read["tipline"] = 2
    assert loss("tipline", [liar, honest], tip, plan, dull) == pytest.approx(RAID)
    assert loss("tipline", [liar, honest], tip, plan, dear) == pytest.approx(1 - (1 - RAID) * 0.4)
    assert loss("tipline", [liar], tip, plan, dear) == 1.0
    assert loss("today", [liar], tip, plan, dear) == pytest.approx(RAID)


def test_self_reporters_tell_of_cases_that_nobody_else_tells_of() -> None:
    plan = replace(SMALL, tips=12, coins=1, prevalence=0.5, seen=0.0, confirmed=0.5)
    assert World(plan, 2).run().events == 0
    assert World(replace(plan, praised=1.0), 2).run().events > 0


def test_no_tie_of_theirs_touches_a_hidden_network() -> None:
    plan = replace(SMALL, prevalence=0.5, declared=1.0, hidden=1.0, areas=10)
    land = make_land(plan.areas, plan.towns, plan.small_ngos)
    settlers = Settlers(plan, land, random.Random(4))
    corrupt = [soul for soul in (settlers.settle(START, 200) for _ in range(60)) if soul.corrupt]
    assert corrupt
    for soul in corrupt:
        card = soul.person.card
        ties = (card.home, *card.past_postings, *(kin.region for kin in card.kin if kin.region is not None))
        assert not soul.networks & {land.atlas.area(place) for place in ties}


def test_the_capped_oracle_draws_by_the_truth() -> None:
    """By name, `choose` takes what beliefs give from `routing.draw.exposures`: were that to change, the capped oracle would be none."""
    asked, got = a_draw()
    roster, beliefs = Roster(tuple(asked.people.values()), make_land(SMALL.areas, SMALL.towns, SMALL.small_ngos).atlas), nothing_known()
    before = choose(roster, TIP, beliefs, bytes(range(32)), START)
    assert before.chances == got.chances
    with knowing(beliefs, dict.fromkeys(got.order, 0.9)):
        within = choose(roster, TIP, beliefs, bytes(range(32)), START)
    assert all(within.chances[one] < got.chances[one] / 2 for one in got.order)
    assert choose(roster, TIP, beliefs, bytes(range(32)), START) == before


@pytest.mark.parametrize(
    ("removed", "names"),
    [((0.94, 0.94), []), ((0.99, 0.86), ["mean_removed"]), ((1.0, 0.84), ["mean_removed", "worst_removed"]), ((0.93, 0.93), [])],
)
def test_too_little_avoided_fails_the_bench(removed: tuple[float, float], names: list[str]) -> None:
    plans = (SMALL, replace(SMALL, name="other"))
    rows = rows_of(plans, [told_of(plan, each) for plan, each in zip(plans, removed, strict=True)])
    assert missed(rows, Gates(), long=True) == names
    assert missed(rows, Gates(), long=False) == []


def test_today_tells_the_officials_of_the_place_and_whoever_is_asked_besides_many_of_them_from_there() -> None:
    plan = replace(SMALL, people=400, local=4, ad_hoc=9, from_here=0.6)
    land = make_land(plan.areas, plan.towns, plan.small_ngos)
    settlers, dice = Settlers(plan, land, random.Random(6)), random.Random(7)
    souls = [settlers.settle(START, 200) for _ in range(plan.people)]
    told = today(souls, Tip(TIP, START, frozenset({"area-1"})), land, plan, dice)
    here = [land.atlas.area(soul.person.card.posting) == "area-1" for soul in told]
    assert len({soul.person.id for soul in told}) == plan.local + plan.ad_hoc == 13
    assert here == [True] * (4 + 5) + [False] * 4
    assert not any(land.atlas.agencies[soul.person.card.agency].kind in NO_OFFICIALS for soul in told[: plan.local])
