"""Ways of choosing readers, behind one small protocol, so that any other can be measured against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from benchmarks.exposure.people import HONEST
from benchmarks.exposure.reference import AS_WRITTEN, Choose, choose_as_written
from benchmarks.exposure.setting import Sort
from benchmarks.exposure.state import Bools, Ints, Report, Routed, Scene
from benchmarks.exposure.world import ATLAS, CATEGORIES, SORTS, Tip
from routing.draw import choose
from routing.exposure import areas_of, opened
from routing.learning import Beliefs, Event, Verdict, deserves_review, nothing_known, update
from routing.people import Assignment, Roster
from routing.policy import DEFAULT, Policy


class Routing(Protocol):
    def route(self, scene: Scene) -> Routed: ...

    def learn(self, report: Report) -> None: ...


class Unlearning:
    def learn(self, report: Report) -> None:
        """Nothing is ever learned."""


class Today(Unlearning):
    """The local chain (two officers of a district, one of the regional police, one prosecutor) and a group put together for the case, so
    large that about three quarters of the cases are lost: the one known figure."""

    CHAIN = ((Sort.DISTRICT, 2), (Sort.REGIONAL, 1), (Sort.PROSECUTOR, 1))
    GROUP = 9
    LOCAL = 0.6

    def route(self, scene: Scene) -> Routed:
        world, there = scene.world, scene.there
        here = there[world.works[there] == scene.tip.region]
        near = there[(world.works[there] == scene.tip.region) | (world.home[there] == scene.tip.region)]
        chosen: list[int] = []
        for sort, count in self.CHAIN:
            chosen += _some(_of(here, scene, sort), count, scene)
        local = int(scene.state.rng.binomial(self.GROUP, self.LOCAL))
        chosen += _some(np.setdiff1d(near, chosen), local, scene)
        chosen += _some(np.setdiff1d(there, chosen), self.GROUP - local, scene)
        return Routed(tuple(chosen))


class Fixed(Unlearning):
    """Each category of tips has recipients of its own, who are told of every tip in it: the habit of whistleblowing platforms."""

    LIST = ((Sort.NGO, 2), (Sort.LABOUR, 1), (Sort.PROSECUTOR, 1), (Sort.NATIONAL, 1), (Sort.REGIONAL, 1), (Sort.DISTRICT, 2))

    def __init__(self) -> None:
        self._lists: list[dict[Sort, list[int]]] = [{sort: [] for sort, _ in self.LIST} for _ in range(CATEGORIES)]

    def route(self, scene: Scene) -> Routed:
        mine = self._lists[scene.tip.category]
        for sort, count in self.LIST:
            kept = [n for n in mine[sort] if scene.world.until[n] > scene.tip.day]
            mine[sort] = kept + _some(np.setdiff1d(_of(scene.there, scene, sort), kept), count - len(kept), scene)
        return Routed(tuple(n for sort, _ in self.LIST for n in mine[sort]))


class OneEach(Unlearning):
    """Any handler of the roster, and any enforcement officer of the place: few readers, and no rule of who may not be one."""

    def route(self, scene: Scene) -> Routed:
        world, there = scene.world, scene.there
        leads = there[world.lead[there] & (world.works[there] == scene.tip.region)]
        count = 1 if world.setting.leads_read else 0
        return Routed((*_some(there[~world.lead[there]], 1, scene), *_some(leads, count, scene)))


class Oracle(Unlearning):
    """Knows who is corrupt: any honest handler, any honest lead."""

    def route(self, scene: Scene) -> Routed:
        honest = scene.there[scene.state.network[scene.there] == HONEST]
        lead, count = scene.world.lead[honest], 1 if scene.world.setting.leads_read else 0
        return Routed((*_some(honest[~lead], 1, scene), *_some(honest[lead], count, scene)))


def _of(among: Ints, scene: Scene, sort: Sort) -> Ints:
    belongs: Bools = scene.world.sort[among] == SORTS.index(sort)
    return among[belongs]


def _some(among: Ints, count: int, scene: Scene) -> list[int]:
    return [int(n) for n in scene.state.rng.permutation(among)[:count]]


@dataclass(slots=True)
class Ours:
    """The product's own functions. `learns` false: exclusions, caps and the draw, and no notice taken of any outcome. `choose`: another's.

    `flagged`: everybody whom the product ever proposed for a review.
    """

    policy: Policy = DEFAULT
    learns: bool = True
    choose: Choose = choose
    beliefs: Beliefs = field(default_factory=nothing_known)
    flagged: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if not self.learns:
            self.policy = replace(self.policy, avoidance=0.0)

    def route(self, scene: Scene) -> Routed:
        roster, tip = scene.roster(), scene.tip
        drawn = self.draw(roster, tip)
        reviewed = drawn.hold is not None
        if reviewed:
            drawn = self.draw(roster, tip, released=True)
        rows = scene.world.rows
        handlers, waits = answering([rows[name] for name in drawn.order], scene)
        leads, _ = answering([rows[name] for name in drawn.leads if scene.world.setting.leads_read], scene)
        return Routed((*handlers, *leads), waits, reviewed, drawn)

    def draw(self, roster: Roster, tip: Tip, *, released: bool = False) -> Assignment:
        return self.choose(roster, tip.facts, self.beliefs, tip.coins, tip.now, self.policy, released=released)

    def learn(self, report: Report) -> None:
        if not self.learns:
            return
        area, learning = areas_of(report.tip.facts.regions, ATLAS)[0], self.policy.learning
        verdict = Verdict.COMPROMISED if report.compromised else Verdict.CLEAN
        readers = tuple(opened(person, area, ATLAS, learning) for person in report.people)
        self.beliefs = update(self.beliefs, Event(area, readers, verdict, report.informer, report.verified, int(report.day)), learning)
        self.flagged |= {person.id for person in report.people if deserves_review(self.beliefs.of(person.id), learning)}


def answering(order: Sequence[int], scene: Scene) -> tuple[tuple[int, ...], int]:
    """Who opens the case, and how many were silent before him: the next is asked only then. If all are silent the last comes late."""
    silent = scene.world.tosses.silent[scene.tip.number] | scene.state.absent
    for waits, number in enumerate(order):
        if not silent[number] or waits == len(order) - 1:
            return (number,), waits
    return (), 0


POLICIES = {
    "today": "today's practice",
    "fixed": "fixed recipients",
    "one_each": "one handler and one lead",
    "exclusions": "exclusions only",
    "reference": "the specification's draw",
    "ours": "Tipline",
    "oracle": "knows the corrupt",
}


def fresh_policy(name: str, policy: Policy) -> Routing:
    """Anew for each world: they learn."""
    made: dict[str, Routing] = {
        "today": Today(),
        "fixed": Fixed(),
        "one_each": OneEach(),
        "exclusions": Ours(policy, learns=False),
        "reference": Ours(AS_WRITTEN, choose=choose_as_written),
        "ours": Ours(policy),
        "oracle": Oracle(),
    }
    return made[name]
