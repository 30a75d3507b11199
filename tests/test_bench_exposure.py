"""The bench of corrupt readers: its world is as described, its attacks do what they say, and its measures count."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.exposure.attacks import SCENARIOS, Bribery, Framing, Misreporting, Opening, Sleepers
from benchmarks.exposure.check import barred
from benchmarks.exposure.measures import gini, mean, removed
from benchmarks.exposure.people import HONEST, START, Human
from benchmarks.exposure.policies import Oracle, Ours, Today
from benchmarks.exposure.runs import begin, run
from benchmarks.exposure.setting import Setting, Sort
from benchmarks.exposure.state import Report, fresh
from benchmarks.exposure.truth import fate, leak_chances
from benchmarks.exposure.world import World, make_world
from routing.people import Code
from routing.policy import DEFAULT

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


def test_outcomes_reach_the_policy_when_they_are_due() -> None:
    class Listens(Ours):
        days: list[float]

        def learn(self, report: Report) -> None:
            self.days.append(report.day)

    listens = Listens()
    listens.days = []
    world = make_world(3, Setting(tips=12, delay=2.0))
    running = begin(world, listens, DEFAULT)
    for tip in world.tips:
        running.step(tip)
        assert all(day <= tip.day for day in listens.days)
    assert listens.days == sorted(listens.days)
    assert listens.days


def test_means_have_students_interval() -> None:
    one = mean([1.0, 2.0, 3.0, 4.0])
    assert one.value == 2.5
    assert one.half == pytest.approx(3.182 * math.sqrt(5 / 3) / 2, rel=0.01)
    assert removed([70.0, 80.0], [10.0, 8.0], [8.0, 8.0]).value == pytest.approx((100 * 60 / 62 + 100) / 2)


def test_gini_is_0_for_equals_and_nears_1_for_one_who_has_all() -> None:
    assert gini(np.full(5, 3.0)) == pytest.approx(0.0)
    assert gini(np.array([0.0] * 99 + [1.0])) == pytest.approx(0.99)


def test_there_are_fifteen_scenarios_and_harder_bribery() -> None:
    assert len(SCENARIOS) == 16
