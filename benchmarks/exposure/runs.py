"""Runs one policy through one world."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import numpy as np

from benchmarks.exposure.attacks import EVERY, Attack, Leaks, Opening, Says, Stirs
from benchmarks.exposure.measures import BLOCKS, Inspector, Summary, gini, share
from benchmarks.exposure.people import START, YEAR, Floats
from benchmarks.exposure.policies import Ours, Routing, fresh_policy
from benchmarks.exposure.state import Ints, Report, Routed, Scene, State, fresh
from benchmarks.exposure.truth import Fate, fate, leak_chances, observed
from benchmarks.exposure.world import ATLAS, Tip, World, make_world
from routing.people import Card, Person, Roster
from routing.policy import Policy

REVIEW_HOURS = 12.0
SILENCE_HOURS = 24.0


@dataclass(frozen=True, slots=True)
class Ran:
    """Of each tip: the chance that it is lost, and that insiders lose it; how many readers; seconds to decide; hours to the handler's
    answer (0 = nobody had it); whether two vetters had to release it."""

    lost: Floats
    by_insiders: Floats
    readers: Floats
    seconds: Floats
    hours: Floats
    reviewed: Floats


@dataclass(slots=True)
class Run:
    state: State
    routing: Routing
    attacks: Sequence[Attack]
    ran: Ran
    inspector: Inspector
    due: list[tuple[float, int, Report]] = field(default_factory=list)
    closing: list[tuple[float, int]] = field(default_factory=list)
    roster: Roster | None = None
    cards: dict[int, tuple[int, Card]] = field(default_factory=dict)
    turn: itertools.count[int] = field(default_factory=itertools.count)

    def step(self, tip: Tip) -> None:
        there = self.state.world.there(tip.day)
        self._catch_up(tip.day)
        for attack in self.attacks:
            if isinstance(attack, Stirs):
                attack.before(self.state, tip, there)
        scene = self.scene(tip)
        start = time.perf_counter()
        routed = self.routing.route(scene)
        self.ran.seconds[tip.number] = time.perf_counter() - start
        self.inspector.look(scene, routed, self.routing.draw if isinstance(self.routing, Ours) else None)
        readers = np.array(routed.readers, dtype=np.int64)
        chances = leak_chances(self.state, tip, readers)
        for attack in self.attacks:
            if isinstance(attack, Leaks):
                chances = attack.chances(Opening(self.state, tip, readers), chances)
        came = fate(self.state, tip, readers, chances)
        self._note(tip, routed, came)
        self._go_on(tip, routed, came)

    def scene(self, tip: Tip) -> Scene:
        there = self.state.world.there(tip.day)
        return Scene(tip, self.state, there, partial(self._roster_of, there, tip.day))

    def _roster_of(self, there: Ints, day: float) -> Roster:
        """As a running line does: the roster of before with what changed, and a new one once somebody has left."""
        people = [self._person(int(number), day) for number in there]
        before = {} if self.roster is None else {person.id: person for person in self.roster.people}
        if self.roster is None or not before.keys() <= {person.id for person in people}:
            self.roster = Roster(tuple(people), ATLAS)
        elif new := [person for person in people if before.get(person.id) != person]:
            self.roster = self.roster.changed(*new)
        return self.roster

    def _person(self, number: int, day: float) -> Person:
        human, world = self.state.world.people[number], self.state.world
        year = int((day - human.since) // YEAR)
        known = self.cards.get(number)
        if known is None or known[0] != year:
            known = self.cards[number] = (year, human.card_on(day))
        on_duty = (number + int(day)) % 10 >= 10 * world.setting.off_duty and not self.state.absent[number]
        return Person(known[1], human.vetters, True, int(self.state.load[number]), on_duty, START + timedelta(days=human.since))

    def _catch_up(self, day: float) -> None:
        while self.closing and self.closing[0][0] <= day:
            self.state.load[heapq.heappop(self.closing)[1]] -= 1
        while self.due and self.due[0][0] <= day:
            self.routing.learn(heapq.heappop(self.due)[2])

    def _note(self, tip: Tip, routed: Routed, came: Fate) -> None:
        ran, at, world = self.ran, tip.number, self.state.world
        ran.lost[at], ran.by_insiders[at], ran.readers[at] = came.lost, came.by_insiders, len(routed.readers)
        ran.reviewed[at] = routed.reviewed
        if not routed.readers:
            return
        handler = routed.readers[0]
        human = world.people[handler]
        asked = SILENCE_HOURS * routed.waits + REVIEW_HOURS * routed.reviewed
        ran.hours[at] = human.hours * (1 + self.state.load[handler] / human.card.capacity) + asked

    def _go_on(self, tip: Tip, routed: Routed, came: Fate) -> None:
        """The case is open until its outcome is due; what is said of it then."""
        world = self.state.world
        closes = tip.day + float(world.tosses.delays[tip.number]) * world.setting.delay
        for number in routed.readers:
            self.state.reads[number, tip.region] += 1
            self.state.load[number] += 1
            heapq.heappush(self.closing, (closes, number))
        if came.buried or not routed.readers:
            return
        said = observed(world, tip, came.compromised)
        people = tuple(self._person(number, tip.day) for number in routed.readers)
        informer, verified = self._informer(tip, routed)
        truth = came.compromised if said is None else said
        reports = [Report(tip, routed.readers, people, truth, informer, verified, closes)]
        heard = said is not None
        for attack in (attack for attack in self.attacks if isinstance(attack, Says)):
            reports, heard = [one for report in reports for one in attack.said(self.state, report, heard)], True
        for report in reports if heard else ():
            heapq.heappush(self.due, (closes, next(self.turn), report))

    def _informer(self, tip: Tip, routed: Routed) -> tuple[str, bool]:
        """Who tells, and whether it is verified."""
        world = self.state.world
        verified = bool(world.tosses.verified[tip.number])
        if not world.setting.readers_tell:
            return f"informer-{world.tosses.informers[tip.number]}", verified
        handler = world.people[routed.readers[0]].card.person
        others = [name for name in routed.drawn.order if name != handler] if routed.drawn is not None else []
        return (others[0], True) if verified and others else (handler, False)


def begin(world: World, routing: Routing, policy: Policy, attacks: Sequence[Attack] = ()) -> Run:
    count = len(world.tips)
    lost, by_insiders, readers, seconds, hours, reviewed = np.zeros((6, count))
    ran = Ran(lost, by_insiders, readers, seconds, hours, reviewed)
    return Run(fresh(world), routing, attacks, ran, Inspector(routing.policy if isinstance(routing, Ours) else policy))


def run(world: World, routing: Routing, policy: Policy, attacks: Sequence[Attack] = ()) -> Summary:
    running = begin(world, routing, policy, attacks)
    for tip in world.tips:
        running.step(tip)
    return _summary(running)


def _summary(running: Run) -> Summary:
    ran, inspector, world = running.ran, running.inspector, running.state.world
    count, loads = len(world.tips), inspector.loads()
    handled = ran.hours[ran.hours > 0]
    flagged = [world.rows[name] for name in running.routing.flagged] if isinstance(running.routing, Ours) else []
    return Summary(
        lost=100 * float(ran.lost.mean()),
        insiders=100 * float(ran.by_insiders.mean()),
        last_quarter=100 * float(ran.by_insiders[-(count // 4) :].mean()),
        readers=float(ran.readers.mean()),
        hours=float(handled.mean()),
        slowest=float(np.percentile(handled, 95)),
        small=100 * inspector.small / count,
        held=100 * float(ran.reviewed.mean()),
        guessed=100 * inspector.guessed / count,
        gini=gini(loads),
        largest=inspector.largest,
        honest_flagged=share(flagged, running.state.network, honest=True),
        corrupt_flagged=share(flagged, running.state.network, honest=False),
        milliseconds=1000 * float(np.median(ran.seconds)),
        curve=np.array([100 * float(block.mean()) for block in np.array_split(ran.by_insiders, min(BLOCKS, count))]),
        loads=loads,
        faults=+inspector.faults,
    )


def job(scenario: str, seed: int, names: Sequence[str], policy: Policy, tips: int) -> Mapping[str, Summary]:
    """One world of a scenario, under each policy."""
    about = EVERY[scenario]
    world = make_world(seed, replace(about.setting, tips=tips))
    return {name: run(world, fresh_policy(name, policy), policy, [attack() for attack in about.attacks]) for name in names}
