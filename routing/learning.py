"""What outcomes tell of readers: beliefs that steer the draw and never accuse.

Assumed-density filtering on a noisy-OR: a case is compromised when a reader leaked it, or by itself; nobody sees which reader did. Each
reader has a log-likelihood for every network (area) that he could serve, against honesty. Readers are those who had *opened* the case
before its outcome. Sources: ROUTING.md; Cuturi et al. 2020 (arXiv 2004.12508); Pearl 1988 on noisy-OR.

Beliefs are dangerous: no table of them is ever kept. They are replayed from sealed records when the worker starts, and never exported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import exp, log, prod

import numpy as np
from numpy.typing import NDArray

from routing.policy import Learning

Floats = NDArray[np.float64]
LEARNING = Learning()

SOURCES = ""
"""All sources together are one informer."""
INFORMERS = 2
VERIFIED = 1
MOST_OUTSIDE = 3
"""So many of those who were told by mouth count, the most exposed: or whoever leaks a case would say that he told everybody."""


class Verdict(StrEnum):
    COMPROMISED = "compromised"
    CLEAN = "clean"


class BeliefsError(ValueError):
    """These beliefs were given to `update` before: only what it returned may be used. Carries no content."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One reader of a case. `prior`: how likely he was corrupt before anything was known. `share`: how much of that is the network of the
    case's area. Both as of the day, from his card (routing/exposure.py)."""

    person: str
    prior: float
    share: float


@dataclass(frozen=True, slots=True)
class Heard:
    """Somebody who was told of a case by mouth: `by` which reader, and the expected chance that he leaked it."""

    by: str
    exposure: float


@dataclass(frozen=True, slots=True)
class Event:
    """One outcome. `area` of the case. `readers`: who had opened it before. `outside`: who was told by mouth. `informer`: who says so, of a
    verified one who agrees; SOURCES for sources. `verified`: somebody of another agency agrees. `day`: since 1970 UTC."""

    area: str
    readers: tuple[Opened, ...]
    verdict: Verdict
    informer: str
    verified: bool
    day: int
    outside: tuple[Heard, ...] = ()


@dataclass(slots=True)
class Evidence:
    """Of one person. `base`: log-likelihood of serving a network of which nothing was seen, against honesty; `extra`: by how much that of
    an area is more, with the area's share. `odds`: of being corrupt, by the evidence alone. `spread` = sum over areas of share times
    exp(extra)."""

    base: float = 0.0
    extra: dict[str, tuple[float, float]] = field(default_factory=dict)
    odds: float = 1.0
    spread: float = 1.0
    informers: set[str] = field(default_factory=set)
    verified: int = 0

    def serves(self, area: str, share: float) -> float:
        """Chance that his network is this area's, were he corrupt."""
        share, extra = self.extra.get(area, (share, 0.0))
        return min(1.0, share * exp(extra) / self.spread)

    def corrupt(self, prior: float) -> float:
        return prior * self.odds / (1 - prior + prior * self.odds)

    def add(self, area: str, share: float, step: Step, learning: Learning) -> None:
        """Nobody is ever proven more honest than `proven`: who was for years can be bought tomorrow, and must then be noticed soon (a floor
        under the sum of log-likelihoods, as in Page's test for a change, Biometrika 1954)."""
        keep, least = learning.keep, -learning.proven
        before = self.base * keep
        self.base = max(least, before + step.other)
        known = self.extra if area in self.extra else {**self.extra, area: (share, 0.0)}
        self.extra = {
            name: (share, max(least, before + extra * keep + (step.own if name == area else step.other)) - self.base)
            for name, (share, extra) in known.items()
        }
        self.spread = 1 + sum(share * (exp(extra) - 1) for share, extra in self.extra.values())
        self.odds = exp(self.base) * self.spread


class Columns:
    """The same as arrays, a row for each person of whom anything is known: what a draw over 100,000 people reads."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.odds = np.ones(64)
        self.spread = np.ones(64)
        self._served: dict[str, Floats] = {}

    def write(self, person: str, evidence: Evidence) -> None:
        row = self.rows.setdefault(person, len(self.rows))
        if row >= len(self.odds):
            self._grow()
        self.odds[row], self.spread[row] = evidence.odds, evidence.spread
        for area, (share, extra) in evidence.extra.items():
            if (served := self._served.get(area)) is None:
                served = self._served[area] = np.full(len(self.odds), np.nan)
            served[row] = share * exp(extra)

    def served(self, area: str) -> Floats:
        """Share of the area times what evidence says of it; NaN = nothing."""
        found = self._served.get(area)
        return np.full(len(self.odds), np.nan) if found is None else found

    def _grow(self) -> None:
        self.odds = np.concatenate([self.odds, np.ones(len(self.odds))])
        self.spread = np.concatenate([self.spread, np.ones(len(self.spread))])
        self._served = {area: np.concatenate([one, np.full(len(one), np.nan)]) for area, one in self._served.items()}


class Beliefs:
    """What a worker's memory holds. Made by `nothing_known`, changed by `update` alone, which uses up what it is given."""

    __slots__ = ("_people", "_told", "columns", "current")

    def __init__(self, people: dict[str, Evidence], told: dict[tuple[str, str, Verdict], float], columns: Columns) -> None:
        self._people, self._told, self.columns, self.current = people, told, columns, True

    def of(self, person: str) -> Evidence:
        """By his own cases alone."""
        return self._people.get(person) or Evidence()

    def told(self, informer: str, person: str, verdict: Verdict) -> float:
        """By how much this informer's unverified accusations, or his praise, have moved this person so far, nats."""
        return self._told.get((informer, person, verdict), 0.0)

    def handed_on(self) -> Beliefs:
        if not self.current:
            raise BeliefsError("these beliefs were updated before")
        self.current = False
        return Beliefs(self._people, self._told, self.columns)

    def move(self, person: str, step: Step, area: str, share: float, learning: Learning) -> None:
        evidence = self._people.setdefault(person, Evidence())
        evidence.add(area, share, step, learning)
        if step.informer and step.own > 0:
            evidence.informers.add(step.informer)
            evidence.verified += step.verified
        if step.limited:
            moved = max(abs(step.own), abs(step.other))
            verdict = Verdict.COMPROMISED if step.own > 0 else Verdict.CLEAN
            self._told[step.informer, person, verdict] = self.told(step.informer, person, verdict) + moved
        self.columns.write(person, evidence)


@dataclass(frozen=True, slots=True)
class Step:
    """What one outcome says of one reader: log-likelihood ratios against honesty, clipped."""

    own: float
    other: float
    informer: str
    verified: bool
    limited: bool


def nothing_known() -> Beliefs:
    return Beliefs({}, {}, Columns())


def update(beliefs: Beliefs, event: Event, learning: Learning = LEARNING) -> Beliefs:
    """One outcome. The beliefs given are used up. Raises BeliefsError for such."""
    after = beliefs.handed_on()
    kept = [1 - exposed(after.of(reader.person), reader, event.area, learning) for reader in event.readers]
    nobody = prod(kept)
    steps = [
        _step(after, reader.person, event, nobody / own * _outside(event, reader.person), learning)
        for reader, own in zip(event.readers, kept, strict=True)
    ]
    for reader, step in zip(event.readers, steps, strict=True):
        if step is not None:
            after.move(reader.person, step, event.area, reader.share, learning)
    return after


def _outside(event: Event, person: str) -> float:
    """Chance that none of those whom others told leaked it. Whom he told himself is no other explanation: nobody lightens his own blame by
    telling, or by saying that he did."""
    if not event.outside:
        return 1.0
    heard = sorted((heard.exposure for heard in event.outside if heard.by != person), reverse=True)
    return prod(1 - exposure for exposure in heard[:MOST_OUTSIDE])


def exposed(evidence: Evidence, reader: Opened, area: str, learning: Learning) -> float:
    """Expected chance that this person leaks a case of this area."""
    serves = evidence.serves(area, reader.share)
    return evidence.corrupt(reader.prior) * (learning.other + (learning.own - learning.other) * serves)


def _step(beliefs: Beliefs, person: str, event: Event, others: float, learning: Learning) -> Step | None:
    """`others`: chance that nobody else leaked. None = this outcome says nothing of him: his own report on his own case, a clean case that
    nobody verified, or an informer whose word is used up."""
    compromised = event.verdict is Verdict.COMPROMISED
    if event.informer == person or not (compromised or event.verified):
        return None
    own, other = (_ratio(compromised, others, leak, learning) for leak in (learning.own, learning.other))
    limited = not (compromised and event.verified)
    bound = _bound(beliefs, person, event, learning) if limited else learning.verified
    strongest = max(abs(own), abs(other))
    if bound <= 0 or strongest == 0:
        return None
    scale = min(1.0, bound / strongest)
    return Step(own * scale, other * scale, event.informer, event.verified, limited)


def _bound(beliefs: Beliefs, person: str, event: Event, learning: Learning) -> float:
    """How far an unverified report, or a clean case that somebody vouches for, may still move him: nobody alone makes a person suspect, and
    no friend alone makes him trusted again."""
    moved = beliefs.told(event.informer, person, event.verdict)
    if event.informer == SOURCES:
        return learning.sources - moved
    return min(learning.report if event.verdict is Verdict.COMPROMISED else learning.clean, learning.informer - moved)


def _ratio(compromised: bool, others: float, leak: float, learning: Learning) -> float:
    """Log-likelihood of the outcome if he leaks with this chance, against that if he does not."""
    return log(_seen(compromised, (1 - leak) * others, learning)) - log(_seen(compromised, others, learning))


def _seen(compromised: bool, nobody: float, learning: Learning) -> float:
    """Chance of the outcome where nobody leaked with chance `nobody`."""
    bad = (1 - learning.unseen) - (1 - learning.unseen - learning.leaks_anyway) * nobody
    return bad if compromised else 1 - bad


def deserves_review(evidence: Evidence, learning: Learning = LEARNING) -> bool:
    """Whether two people should look into this person's cases: by his own evidence alone, with the same prior for everybody; never by one
    informer, by sources, or by whom he works with. A human inquiry: nothing follows by itself."""
    enough = len(evidence.informers) >= INFORMERS and evidence.verified >= VERIFIED
    return enough and evidence.corrupt(learning.prior) > learning.review
