"""What outcomes tell of readers: beliefs that steer the draw and never accuse.

Assumed-density filtering on a noisy-OR: a case is compromised when a reader leaked it, or by itself; nobody sees which reader did. Each
reader has a log-likelihood for every network (area) that he could serve, against honesty. Readers are those who had *opened* the case
before its outcome. Sources: ROUTING.md; Cuturi et al. 2020 (arXiv 2004.12508); Pearl 1988 on noisy-OR.

Beliefs are dangerous: no table of them is ever kept. They are replayed from sealed records when the worker starts, and never exported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import exp, log, prod

import numpy as np

from routing.codes import Floats
from routing.policy import Learning

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
    an area is more; `shares`: of those areas. `odds`: of being corrupt, by the evidence alone. `spread` = sum over areas of share times
    exp(extra). `accused`, `praised`: by how much each informer's unverified accusations, and his praise, have moved this person so far,
    nats."""

    base: float = 0.0
    extra: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    odds: float = 1.0
    spread: float = 1.0
    informers: frozenset[str] = frozenset()
    verified: int = 0
    accused: dict[str, float] = field(default_factory=dict)
    praised: dict[str, float] = field(default_factory=dict)

    def serves(self, area: str, share: float) -> float:
        """Chance that his network is this area's, were he corrupt."""
        return min(1.0, self.shares.get(area, share) * exp(self.extra.get(area, 0.0)) / self.spread)

    def corrupt(self, prior: float) -> float:
        return prior * self.odds / (1 - prior + prior * self.odds)

    def told(self, verdict: Verdict) -> dict[str, float]:
        return self.accused if verdict is Verdict.COMPROMISED else self.praised

    def add(self, area: str, share: float, step: Step, learning: Learning) -> None:
        """Nobody is ever proven more honest than `proven`: who was for years can be bought tomorrow, and must then be noticed soon (a floor
        under the sum of log-likelihoods, as in Page's test for a change, Biometrika 1954)."""
        keep, least, own, other = learning.keep, -learning.proven, step.own, step.other
        before, more = self.base * keep, 0.0
        self.base = base = max(least, before + other)
        self.extra.setdefault(area, 0.0)
        self.shares.setdefault(area, share)
        for name, extra in self.extra.items():
            now = max(least, before + extra * keep + (own if name == area else other)) - base
            self.extra[name] = now
            more += self.shares[name] * (exp(now) - 1)
        self.spread = 1 + more
        self.odds = exp(base) * self.spread


class Columns:
    """The same as arrays, a row for each person of whom anything is known: what a draw over 100,000 people reads. Of an area only those
    rows are kept of which it is known."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.odds = np.ones(64)
        self.spread = np.ones(64)
        self._served: dict[str, dict[int, float]] = {}

    def write(self, people: Mapping[str, Evidence]) -> None:
        rows = [self.rows.setdefault(person, len(self.rows)) for person in people]
        while len(self.odds) < len(self.rows):
            self.odds, self.spread = (np.concatenate([column, np.ones(len(column))]) for column in (self.odds, self.spread))
        self.odds[rows] = [evidence.odds for evidence in people.values()]
        self.spread[rows] = [evidence.spread for evidence in people.values()]
        for row, evidence in zip(rows, people.values(), strict=True):
            for area, share in evidence.shares.items():
                self._served.setdefault(area, {})[row] = share * exp(evidence.extra[area])

    def served(self, area: str) -> Floats:
        """Share of the area times what evidence says of it; NaN = nothing."""
        known, found = self._served.get(area, {}), np.full(len(self.odds), np.nan)
        found[np.fromiter(known, np.int64, len(known))] = np.fromiter(known.values(), np.float64, len(known))
        return found


class Beliefs:
    """What a worker's memory holds. Made by `nothing_known`, changed by `update` alone, which uses up what it is given. `_moved`: of whom
    the columns do not know the last yet; a draw asks for them, a replay of the whole past need not keep them."""

    __slots__ = ("_columns", "_moved", "_people", "current")

    def __init__(self, people: dict[str, Evidence], moved: dict[str, Evidence], columns: Columns) -> None:
        self._people, self._moved, self._columns, self.current = people, moved, columns, True

    def of(self, person: str) -> Evidence:
        """By his own cases alone."""
        return self._people.get(person) or Evidence()

    @property
    def columns(self) -> Columns:
        if self._moved:
            self._columns.write(self._moved)
            self._moved.clear()
        return self._columns

    def handed_on(self) -> Beliefs:
        if not self.current:
            raise BeliefsError("these beliefs were updated before")
        self.current = False
        return Beliefs(self._people, self._moved, self._columns)

    def move(self, reader: Opened, evidence: Evidence, event: Event, step: Step, learning: Learning) -> None:
        evidence.add(event.area, reader.share, step, learning)
        if event.informer and step.own > 0:
            evidence.informers |= {event.informer}
            evidence.verified += event.verified
        if _limited(event):
            told = evidence.told(event.verdict)
            told[event.informer] = told.get(event.informer, 0.0) + step.size
        self._people[reader.person] = self._moved[reader.person] = evidence


@dataclass(frozen=True, slots=True)
class Step:
    """What one outcome says of one reader: log-likelihood ratios against honesty, clipped."""

    own: float
    other: float

    @property
    def size(self) -> float:
        return max(abs(self.own), abs(self.other))


def nothing_known() -> Beliefs:
    return Beliefs({}, {}, Columns())


def update(beliefs: Beliefs, event: Event, learning: Learning = LEARNING) -> Beliefs:
    """One outcome; a clean case that nobody verified says nothing. The beliefs given are used up. Raises BeliefsError for such."""
    after = beliefs.handed_on()
    if event.verdict is Verdict.CLEAN and not event.verified:
        return after
    readers = [(reader, after.of(reader.person)) for reader in event.readers]
    kept = [1 - exposed(evidence, reader, event.area, learning) for reader, evidence in readers]
    nobody = prod(kept)
    for (reader, evidence), own in zip(readers, kept, strict=True):
        step = _step(evidence, reader.person, event, nobody / own * _outside(event, reader.person), learning)
        if step is not None:
            after.move(reader, evidence, event, step, learning)
    return after


def _limited(event: Event) -> bool:
    """Whether it is one informer's word, of which he has only so much: an accusation that nobody verified, or praise."""
    return event.verdict is Verdict.CLEAN or not event.verified


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


def _step(evidence: Evidence, person: str, event: Event, others: float, learning: Learning) -> Step | None:
    """`others`: chance that nobody else leaked. None = this outcome says nothing of him: his own report on his own case, or an informer
    whose word is used up."""
    if event.informer == person:
        return None
    own, other = _ratios(event.verdict, others, learning)
    bound = _bound(evidence, event, learning) if _limited(event) else learning.verified
    strongest = max(abs(own), abs(other))
    if bound <= 0 or strongest == 0:
        return None
    scale = min(1.0, bound / strongest)
    return Step(own * scale, other * scale)


def _bound(evidence: Evidence, event: Event, learning: Learning) -> float:
    """How far an unverified report, or a clean case that somebody vouches for, may still move him: nobody alone makes a person suspect, and
    no friend alone makes him trusted again."""
    moved = evidence.told(event.verdict).get(event.informer, 0.0)
    if event.informer == SOURCES:
        return learning.sources - moved
    return min(learning.report if event.verdict is Verdict.COMPROMISED else learning.clean, learning.informer - moved)


def _ratios(verdict: Verdict, others: float, learning: Learning) -> tuple[float, float]:
    """Log-likelihoods of the outcome if he leaks as the network's own, and as any other's, against that if he does not."""
    innocent = log(_seen(verdict, others, learning))
    own = log(_seen(verdict, (1 - learning.own) * others, learning))
    other = log(_seen(verdict, (1 - learning.other) * others, learning))
    return own - innocent, other - innocent


def _seen(verdict: Verdict, nobody: float, learning: Learning) -> float:
    """Chance of the outcome where nobody leaked with chance `nobody`."""
    bad = (1 - learning.unseen) - (1 - learning.unseen - learning.leaks_anyway) * nobody
    return bad if verdict is Verdict.COMPROMISED else 1 - bad


def deserves_review(evidence: Evidence, learning: Learning = LEARNING) -> bool:
    """Whether two people should look into this person's cases: by his own evidence alone, with the same prior for everybody; never by one
    informer, by sources, or by whom he works with. A human inquiry: nothing follows by itself."""
    enough = len(evidence.informers) >= INFORMERS and evidence.verified >= VERIFIED
    return enough and evidence.corrupt(learning.prior) > learning.review
