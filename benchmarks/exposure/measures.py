"""What is measured of one run, and means over worlds with their intervals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.exposure.check import barred
from benchmarks.exposure.people import HONEST, YEAR, Floats
from benchmarks.exposure.state import Routed, Scene
from benchmarks.exposure.world import Tip
from routing.people import Assignment, Flag, Role, Roster
from routing.policy import Policy

BLOCKS = 20
AGAIN = 40
"""One decision of so many is made twice."""


class Draw(Protocol):
    def __call__(self, roster: Roster, tip: Tip, *, released: bool = False) -> Assignment: ...


@dataclass(frozen=True, slots=True)
class Summary:
    """Of one policy in one world; shares in per cent of the tips, or of the people who were ever there. `curve`: cases lost through
    insiders, by twentieths of the run. `loads`: cases a year of each handler, the most loaded first."""

    lost: float
    insiders: float
    last_quarter: float
    readers: float
    hours: float
    slowest: float
    small: float
    held: float
    guessed: float
    gini: float
    largest: float
    honest_flagged: float
    corrupt_flagged: float
    milliseconds: float
    curve: Floats
    loads: Floats
    faults: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Inspector:
    """Looks at every decision of a run."""

    policy: Policy
    faults: Counter[str] = field(default_factory=Counter)
    largest: float = 0.0
    small: int = 0
    guessed: int = 0
    handled: Counter[int] = field(default_factory=Counter)
    days: Counter[int] = field(default_factory=Counter)

    def look(self, scene: Scene, routed: Routed, draw: Draw | None) -> None:
        """`draw`: the policy's own, to ask again."""
        tip = scene.tip
        people = scene.world.people
        roster = scene.roster()
        cards = {person.id: person.card for person in roster.people}
        bars = {int(n): barred(tip, people[n], cards[people[n].card.person]) for n in scene.there}
        handlers = [n for n in bars if people[n].card.role is Role.HANDLER]
        eligible = [n for n in handlers if not bars[n]]
        self._guess(eligible, routed)
        self.days.update(handlers)
        if routed.drawn is None:
            return
        self.faults.update(f"violation {code}" for n in routed.readers for code in bars[n])
        self.faults["missed"] += bool(eligible and not routed.readers)
        reasons = routed.drawn.reasons
        self.faults["unexplained"] += len(reasons) != len(cards) or any(reasons[people[n].card.person] for n in routed.readers)
        small = Flag.SMALL_POOL in routed.drawn.flags
        self.small += small
        most = max(routed.drawn.chances.values(), default=0.0)
        self.faults["chance above the cap"] += not small and most > self.policy.cap + 1e-9
        self.largest = max(self.largest, 0.0 if small else most)
        if draw is not None and tip.number % AGAIN == 0:
            turned = Roster(tuple(reversed(roster.people)), roster.atlas)
            self.faults["not the same again"] += draw(turned, tip, released=routed.reviewed) != routed.drawn

    def _guess(self, eligible: Sequence[int], routed: Routed) -> None:
        """One guess at the handler by somebody who knows the rules, every card, and who handled every earlier case."""
        guess = max(eligible, key=lambda n: self.handled[n], default=None)
        if routed.readers:
            self.guessed += guess == routed.readers[0]
            self.handled[routed.readers[0]] += 1

    def loads(self) -> Floats:
        """Cases a year of everybody who could handle for a quarter of a year at least, the most first."""
        a_year = [YEAR * self.handled[n] / days for n, days in self.days.items() if days > YEAR / 4]
        return -np.sort(-np.array(a_year))


def gini(values: Floats) -> float:
    """0 = all have as much, 1 = one has all."""
    ordered = np.sort(values)
    if not len(ordered) or not ordered.sum():
        return 0.0
    ranks = np.arange(1, len(ordered) + 1)
    return float((2 * (ranks * ordered).sum() / ordered.sum() - len(ordered) - 1) / len(ordered))


def share(flagged: Sequence[int], network: NDArray[np.int64], honest: bool) -> float:
    """Of all the honest, or of all others, how many were ever proposed for a review, in per cent."""
    group = (network == HONEST) == honest
    return 100.0 * float(group[list(flagged)].sum()) / max(1, int(group.sum()))


@dataclass(frozen=True, slots=True)
class Mean:
    value: float
    half: float
    """Half of the 95 % interval (Student's t over worlds)."""

    def __str__(self) -> str:
        return f"{self.value:.1f}" if math.isnan(self.half) else f"{self.value:.1f} ± {self.half:.1f}"


def mean(values: Sequence[float]) -> Mean:
    given = np.array(values, dtype=np.float64)
    if len(given) < 2:
        return Mean(float(given.mean()), math.nan)
    return Mean(float(given.mean()), _student(len(given) - 1) * float(given.std(ddof=1)) / math.sqrt(len(given)))


def _student(freedom: int) -> float:
    """97.5 % quantile of Student's t: exact for 1 and 2, Cornish-Fisher beyond (error < 0.5 % from 3 on)."""
    if freedom <= 2:
        return (12.706, 4.303)[freedom - 1]
    z = 1.959964
    z3, z5, z7 = z**3, z**5, z**7
    first = (z3 + z) / (4 * freedom)
    second = (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom**2)
    third = (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * freedom**3)
    return z + first + second + third


def removed(today: Sequence[float], reached: Sequence[float], best: Sequence[float]) -> Mean:
    """Share of the avoidable losses that are gone: (today - x) / (today - oracle), in per cent, world by world."""
    return mean([100.0 * (t - x) / (t - o) for t, x, o in zip(today, reached, best, strict=True)])
