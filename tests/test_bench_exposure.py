"""The bench of corrupt readers: its world is as described, its attacks do what they say, and its measures count."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.exposure.attacks import (
    AS_IT_IS,
    EVERY,
    FURTHER,
    SCENARIOS,
    Absence,
    Bribery,
    Framing,
    Misreporting,
    Opening,
    Praise,
    Sleepers,
)
from benchmarks.exposure.check import barred
from benchmarks.exposure.measures import gini, mean, removed
from benchmarks.exposure.people import HONEST, START, Human
from benchmarks.exposure.policies import POLICIES, Oracle, Ours, Today, answering, fresh_policy
from benchmarks.exposure.reference import AS_WRITTEN, choose_as_written
from benchmarks.exposure.report import SEVERE, Bench, written
from benchmarks.exposure.runs import begin, job, run
from benchmarks.exposure.setting import Setting, Sort
from benchmarks.exposure.state import Report, fresh
from benchmarks.exposure.truth import fate, leak_chances
from benchmarks.exposure.world import World, make_world
from routing.draw import choose
from routing.learning import Beliefs, Event, Opened, Verdict, nothing_known, update
from routing.people import Assignment, Code, Role, Roster
from routing.policy import DEFAULT
from tests.routing.world import FAR, NOW, line

SHORT = Setting(tips=12)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(1, SHORT)


def somebody(world: World, sort: Sort) -> Human:
    return next(human for human in world.people if human.sort is sort and human.since < 0)


def test_the_same_seed_is_the_same_world(world: World) -> None:
    assert make_world(1, SHORT).people == world.people
    assert make_world(1, SHORT).tips == world.tips
    assert make_world(2, SHORT).tips != world.tips


def test_as_many_are_corrupt_as_the_setting_says() -> None:
    for share in (0.08, 0.25, 0.60):
        worlds = [make_world(seed, Setting(tips=1, corrupt=share)) for seed in range(4)]
        corrupt = np.mean([human.network != HONEST for world in worlds for human in world.people])
        assert corrupt == pytest.approx(share, abs=0.07)


def test_a_reader_leaks_what_touches_his_network_more_than_the_rest(world: World) -> None:
    state, tip = fresh(world), world.tips[0]
    state.network[:3] = (tip.network, (tip.network + 1) % 6, HONEST)
    readers = np.arange(3)
    assert leak_chances(state, tip, readers).tolist() == [0.735, 0.147, 0.0]
    came = fate(state, tip, readers[1:], leak_chances(state, tip, readers[1:]))
    assert came.by_insiders == pytest.approx(0.147)
    assert came.lost == pytest.approx(1 - (1 - 0.147) * 0.92)


def test_a_case_is_buried_when_all_its_readers_serve_its_network(world: World) -> None:
    state, tip = fresh(world), world.tips[0]
    state.network[:2] = tip.network
    readers = np.arange(2)
    assert fate(state, tip, readers, leak_chances(state, tip, readers)).buried
    state.network[1] = HONEST
    assert not fate(state, tip, readers, leak_chances(state, tip, readers)).buried


def test_who_knows_the_corrupt_loses_only_what_nobody_can_save(world: World) -> None:
    knows = run(world, Oracle(), DEFAULT)
    assert knows.insiders == 0.0
    assert knows.lost == pytest.approx(8.0)
    assert run(world, Today(), DEFAULT).insiders > 40.0


def test_the_product_runs_in_the_world_without_a_fault(world: World) -> None:
    ours = run(world, Ours(), DEFAULT)
    assert ours.faults == {}
    assert ours.readers == 2.0
    assert ours.lost < 40.0


def test_the_specifications_draw_runs_in_the_world_without_a_fault(world: World) -> None:
    reference = run(world, fresh_policy("reference", DEFAULT), DEFAULT)
    assert reference.faults == {}
    assert reference.readers == 2.0
    assert reference.largest == pytest.approx(AS_WRITTEN.cap)


def by_the_specification(everybody: Roster, n: int = 0) -> Assignment:
    return choose_as_written(everybody, FAR, suspecting(), hashlib.sha256(bytes([n])).digest(), NOW)


def suspecting() -> Beliefs:
    """Two cases of each of fifteen people were betrayed."""
    beliefs = nothing_known()
    for n in range(30):
        reader = Opened(f"p{n % 15:03}", 0.1, 0.2)
        beliefs = update(beliefs, Event("east", (reader,), Verdict.COMPROMISED, "informer-x", True, n))
    return beliefs


def test_by_the_specification_who_is_on_duty_comes_first_whatever_is_known_of_him() -> None:
    everybody = line(20, 20)
    everybody = replace(everybody, people=tuple(replace(one, on_duty=n < 15) for n, one in enumerate(everybody.people)))
    assert {name for name, chance in by_the_specification(everybody).chances.items() if chance > 1e-9} == {f"p{n:03}" for n in range(15)}
    ours = choose(everybody, FAR, suspecting(), bytes(32), NOW)
    assert all(ours.chances[f"p{n:03}"] == pytest.approx(DEFAULT.cap) for n in range(15, 20))


def test_by_the_specification_those_drawn_come_in_random_order() -> None:
    safe, firsts = {f"p{n:03}" for n in range(15, 20)}, Counter[bool]()
    for n in range(60):
        order = by_the_specification(line(20, 20), n).order
        firsts[order[0] in safe] += bool(safe.intersection(order) and not safe.issuperset(order))
    assert all(firsts.values())
    assert len(firsts) == 2


def test_the_bench_sees_who_may_not_read(world: World) -> None:
    tip, ngo = replace(world.tips[0], region=2, day=5.0), somebody(world, Sort.NGO)
    tip = replace(tip, facts=replace(tip.facts, regions=frozenset({"land-2-0"}), people=frozenset({ngo.card.person})))
    card = replace(ngo.card_on(5.0), home="land-2-3", posting="land-1-0", past_postings=(), child_clearance=True)
    codes = barred(tip, ngo, replace(card, issued=START))
    assert {Code.E2, Code.E5} <= codes
    assert Code.E7 not in codes


def test_an_attack_that_is_seen_at_once(world: World) -> None:
    """Bribes turn the reader seen most; sleepers stay quiet at first; framers accuse; the corrupt report falsely of their own cases."""
    state, tip = fresh(world), world.tips[0]
    state.network[:] = HONEST
    state.reads[7, :] = 9
    Bribery(1.0, every=1).before(state, world.tips[1], world.there(1.0))
    assert [int(n) for n in np.nonzero(state.network != HONEST)[0]] == [7]
    quiet = Sleepers().chances(Opening(state, replace(tip, hurts=True), np.array([7, 8])), np.array([0.5, 0.5]))
    assert quiet.tolist() == [0.5, 0.0]
    told = Report(tip, (7, 8), (), False, "informer-9", False, 3.0)
    [lie] = Misreporting().said(state, told, heard=True)
    assert (lie.compromised, lie.informer) == (True, world.people[7].card.person)
    assert Misreporting().said(state, replace(told, verified=True), heard=True) == [replace(told, verified=True)]
    framing = Framing(share=1.0, framed=np.array([8]))
    assert [one.compromised for one in framing.said(state, told, heard=True)] == [False, True]


def test_colleagues_of_the_corrupt_stay_away_from_the_cases_worth_most(world: World) -> None:
    state, tip = fresh(world), world.tips[0]
    ngos = [human.number for human in world.people if human.card.agency == "ngo-0" and human.since < 0]
    corrupt, colleague = ngos[:2]
    state.network[:] = HONEST
    state.network[corrupt] = 2
    running = begin(world, Ours(), DEFAULT)
    Absence().before(state, replace(tip, hurts=True), world.there(tip.day))
    assert np.nonzero(state.absent)[0].tolist() == ngos[1:]
    other = somebody(world, Sort.LIAISON).number
    scene = replace(running.scene(tip), state=state)
    assert answering([colleague, other], scene)[0] == (other,)
    Absence().before(state, replace(tip, hurts=False), world.there(tip.day))
    assert not state.absent.any()


def test_who_stays_away_is_off_duty(world: World) -> None:
    running = begin(world, Ours(), DEFAULT)
    running.state.absent[4] = True
    off = [person.id for person in running.scene(world.tips[0]).roster().people if not person.on_duty]
    assert off == [world.people[4].card.person]


def test_a_corrupt_reader_praises_his_own_case_and_a_friend_elsewhere_confirms_it(world: World) -> None:
    state, tip = fresh(world), world.tips[0]
    liar, friend = somebody(world, Sort.NGO), somebody(world, Sort.LIAISON)
    state.network[:] = HONEST
    told = Report(tip, (liar.number,), (), True, "informer-9", False, 3.0)
    assert Praise().said(state, told, heard=True) == [told]
    state.network[liar.number] = state.network[friend.number] = 1
    assert Praise(0.0).said(state, told, heard=True) == [told, replace(told, compromised=False, informer=liar.card.person)]
    [lie] = Praise(1.0).said(state, told, heard=False)
    assert (lie.compromised, lie.informer, lie.verified) == (False, friend.card.person, True)


class Listens(Ours):
    """Keeps what it is told, and learns nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Report] = []

    def learn(self, report: Report) -> None:
        self.told.append(report)


def test_outcomes_reach_the_policy_when_they_are_due() -> None:
    listens, world = Listens(), make_world(3, Setting(tips=12, delay=2.0))
    running = begin(world, listens, DEFAULT)
    for tip in world.tips:
        running.step(tip)
        assert all(report.day <= tip.day for report in listens.told)
    days = [report.day for report in listens.told]
    assert days == sorted(days)
    assert days


def test_as_the_product_is_handlers_alone_read_and_readers_alone_tell() -> None:
    setting = replace(AS_IT_IS["as_it_is"].setting, tips=12, delay=0.5)
    listens, world = Listens(), make_world(3, setting)
    assert run(world, listens, DEFAULT).readers == 1.0
    assert listens.told
    for report in listens.told:
        [reader] = report.people
        assert reader.card.role is Role.HANDLER
        assert (report.informer == reader.id) is not report.verified
        assert report.informer in world.rows


def test_means_have_students_interval() -> None:
    one = mean([1.0, 2.0, 3.0, 4.0])
    assert one.value == 2.5
    assert one.half == pytest.approx(3.182 * math.sqrt(5 / 3) / 2, rel=0.01)
    assert removed([70.0, 80.0], [10.0, 8.0], [8.0, 8.0]).value == pytest.approx((100 * 60 / 62 + 100) / 2)


def test_gini_is_0_for_equals_and_nears_1_for_one_who_has_all() -> None:
    assert gini(np.full(5, 3.0)) == pytest.approx(0.0)
    assert gini(np.array([0.0] * 99 + [1.0])) == pytest.approx(0.99)


def test_the_report_has_a_line_for_every_scenario_and_every_further_one() -> None:
    """Of one short run, as if it were each of them."""
    ran = dict.fromkeys(EVERY, (job("base", 1, list(POLICIES), DEFAULT, 8),))
    bench = Bench(ran, (), [Counter[str]()], [Counter[str]()], Counter[str](), DEFAULT, 1, 8)
    text = written(bench, [f"exposure-{n}.png" for n in range(7)])
    for name, about in {**SCENARIOS, **FURTHER, **AS_IT_IS}.items():
        assert f"| **{name.replace('_', ' ')}**: {about.what} |" in text
    assert "## As the product is today" in text


def test_there_are_fifteen_scenarios_and_harder_bribery() -> None:
    assert len(SCENARIOS) == 16
    assert len(SEVERE) == 15
    assert not SCENARIOS.keys() & (FURTHER.keys() | AS_IT_IS.keys())
