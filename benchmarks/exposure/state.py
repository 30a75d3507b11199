"""What changes in a world while a policy runs in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.exposure.people import HONEST
from benchmarks.exposure.setting import REGIONS
from benchmarks.exposure.world import Tip, World
from routing.people import Assignment, Person, Roster

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class State:
    """`network`: what each person serves now. `load`: cases open. `reads`: cases opened so far, a row for each person, a column for each
    region. `absent`: off duty today, and silent if drawn. `rng`: for what the policy, or an attack, tosses itself."""

    world: World
    network: Ints
    load: Ints
    reads: Ints
    absent: Bools
    rng: np.random.Generator

    def most_read(self, there: Ints, count: int, region: int | None = None) -> Ints:
        """Of the honest who are there, those who were given most cases: whom an attacker sees at work."""
        is_honest: Bools = self.network[there] == HONEST
        honest = there[is_honest]
        given = self.reads[honest].sum(axis=1) if region is None else self.reads[honest, region]
        return honest[np.argsort(-given, kind="stable")][:count]


def fresh(world: World) -> State:
    count = len(world.people)
    network = np.array([human.network for human in world.people], dtype=np.int64)
    zeros = np.zeros(count, dtype=np.int64)
    reads, absent = np.zeros((count, REGIONS), dtype=np.int64), np.zeros(count, dtype=np.bool_)
    return State(world, network, zeros, reads, absent, np.random.default_rng([world.seed, 21]))


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to choose from, when a tip comes. Only the oracle may look at `state.network`."""

    tip: Tip
    state: State
    there: Ints
    roster: Callable[[], Roster]

    @property
    def world(self) -> World:
        return self.state.world


@dataclass(frozen=True, slots=True)
class Routed:
    """Who opened the case, the handler first. `waits`: how many were asked before and did not answer. `reviewed`: it was on hold until two
    vetters released it."""

    readers: tuple[int, ...]
    waits: int = 0
    reviewed: bool = False
    drawn: Assignment | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What is said of a case. `people`: its readers, as they were when they opened it."""

    tip: Tip
    readers: tuple[int, ...]
    people: tuple[Person, ...]
    compromised: bool
    informer: str
    verified: bool
    day: float
