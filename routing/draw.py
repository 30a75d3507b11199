"""One draw per case: who may read it, and in which order. No reader's chance is above the cap, so nobody can be sure to get a case.

Coins are committed before the tip is opened; whoever sees them later computes the same order. Sources: ROUTING.md; Jecmen et al. 2020
(arXiv 2006.16437) for chance caps with one reader per institution.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

import numpy as np

from routing.coins import shuffled, uniforms
from routing.exclusion import VETTERS, exclusions
from routing.exposure import areas_of, exposures
from routing.index import Index
from routing.learning import Beliefs
from routing.people import Assignment, Code, Earlier, Flag, Hold, Person, Role, Roster, TipFacts
from routing.policy import DEFAULT, Policy

CLOSE = 1e-9
PASSED_OVER = (Flag.OVER_CAPACITY, Flag.OFF_DUTY, Flag.OTHER_LANGUAGE)
"""Soft criteria, in the order in which they are relaxed."""
LESS_WORKED = 0.5


def choose(
    roster: Roster,
    tip: TipFacts,
    beliefs: Beliefs,
    coins: bytes,
    now: datetime,
    policy: Policy = DEFAULT,
    *,
    released: bool = False,
    earlier: Earlier | None = None,
) -> Assignment:
    """Roster, facts, beliefs and 32 coins in; the order of readers and of leads, or the reason to hold, out. The same in, the same out.

    Leads are drawn from agencies that no drawn reader is of; without any, the case goes out with none. Raises CoinsError.
    """
    reasons = exclusions(roster, tip, now)
    handlers = [person for person in roster.people if person.card.role is Role.HANDLER]
    pool = sorted((person for person in handlers if not reasons[person.id]), key=lambda person: person.id)
    unnamed = sum(set(reasons[person.id]) <= {Code.E2} for person in handlers)
    if hold := _hold(len(pool), unnamed, policy):
        return Assignment((), len(pool), {}, reasons, hold=hold)
    weights = _weights(roster, tip, beliefs, policy)
    readers, caps, small = limits(pool, roster, now, policy)
    flags = {Flag.SMALL_POOL} if small else set()
    if max(caps.values()) > policy.alone + CLOSE:
        if not tip.urgent:
            return Assignment((), len(pool), {}, reasons, frozenset(flags), Hold.NEEDS_TWO_VETTERS)
        flags.add(Flag.TWO_VETTERS_REVIEW)
    chances = spread(pool, caps, weights, readers, tip)
    drawn = _in_turn(sample(pool, chances, readers, coins), coins, tip)
    lacks = {flag for person in drawn for flag in soft(person, tip)}
    order = tuple(person.id for person in drawn)
    leads, led = _leads(roster, tip, reasons, {person.card.agency for person in drawn}, weights, coins, now, policy)
    return Assignment(order, len(pool), {**chances, **led}, reasons, frozenset(flags | lacks), leads=leads)


def _weights(roster: Roster, tip: TipFacts, beliefs: Beliefs, policy: Policy) -> Mapping[str, float]:
    index = Index(roster.people, roster.atlas)
    exposed = exposures(beliefs, index, areas_of(tip.regions, roster.atlas), policy.learning)
    least = exposed.min() if len(exposed) else 0.0
    return dict(zip(index.ids, np.exp(-policy.avoidance * (exposed - least)).tolist(), strict=True))


def _leads(
    roster: Roster, tip: TipFacts, reasons: Mapping[str, tuple[Code, ...]], had: set[str], weights: Mapping[str, float], coins: bytes,
    now: datetime, policy: Policy,
) -> tuple[tuple[str, ...], dict[str, float]]:  # fmt: skip
    free = [p for p in roster.people if p.card.role is Role.LEAD and not reasons[p.id] and p.card.agency not in had]
    pool = sorted(free, key=lambda person: person.id)
    if not pool:
        return (), {}
    count, caps, _ = limits(pool, roster, now, policy)
    chances = spread(pool, caps, weights, count, tip)
    drawn = _in_turn(sample(pool, chances, count, hashlib.sha256(b"lead" + coins).digest()), coins, tip)
    return tuple(person.id for person in drawn), chances


def _in_turn(drawn: Sequence[Person], coins: bytes, tip: TipFacts) -> list[Person]:
    turn = shuffled(coins, "turn", (person.id for person in drawn))
    return sorted(drawn, key=lambda person: (tip.urgent and not person.on_duty, turn[person.id]))


def _hold(pool: int, unnamed: int, policy: Policy) -> Hold | None:
    if poisoned(pool, unnamed, policy):
        return Hold.POISONED
    return None if pool else Hold.NOBODY_ELIGIBLE


def poisoned(pool: int, unnamed: int, policy: Policy = DEFAULT) -> bool:
    """Naming people, alone, took more than half of the pool or left too few. `unnamed` = the pool had nobody been named."""
    return pool < unnamed and (2 * pool < unnamed or pool < policy.smallest_pool)


def limits(pool: Sequence[Person], roster: Roster, now: datetime, policy: Policy) -> tuple[int, Mapping[str, float], bool]:
    """How many readers the pool can bear, each one's cap, and whether the pool is small (fewer readers, or caps raised in proportion)."""
    for readers in range(policy.readers, 0, -1):
        caps = capped(pool, roster, now, readers, policy)
        if (bearable := _bearable(pool, caps)) >= readers - CLOSE:
            return readers, caps, readers < policy.readers
    return 1, {name: min(1.0, cap / bearable) for name, cap in caps.items()}, True


def capped(pool: Iterable[Person], roster: Roster, now: datetime, readers: int, policy: Policy = DEFAULT) -> Mapping[str, float]:
    """Each person's cap: a quarter on probation, probationers together one person's, one vetter pair's cards together two persons'.

    A line with few vetters cannot keep pairs that low: then each pair keeps to an even share of the readers. Founders are on no probation
    and in no pair: who doubts all founding vetters together doubts the line.
    """
    new = {p.id for p in pool if not is_founder(p, roster) and now - (p.enrolled or p.card.issued) < timedelta(days=policy.probation_days)}
    caps = {p.id: policy.cap * (policy.probation_share if p.id in new else 1.0) for p in pool}
    _together(caps, new, policy.cap)
    readers_only = (p for p in roster.people if p.active and p.card.role is not Role.TRUSTEE)
    pairs = {frozenset(p.vetters) for p in readers_only if len(set(p.vetters)) >= VETTERS}
    bound = max(policy.pair_share * policy.cap, readers / len(pairs))
    vouched: dict[frozenset[str], list[str]] = {pair: [] for pair in pairs}
    for person in pool:
        if not is_founder(person, roster):
            vouched[frozenset(person.vetters)].append(person.id)
    for group in vouched.values():
        _together(caps, group, bound)
    return caps


def is_founder(person: Person, roster: Roster) -> bool:
    return person.card.founder and roster.founding.issubset(person.vetters)


def _together(caps: dict[str, float], group: Iterable[str], bound: float) -> None:
    """Lowers the caps of a group in proportion until they add up to the bound at most."""
    members = tuple(group)
    total = sum(caps[name] for name in members)
    if total > bound:
        caps.update({name: caps[name] * bound / total for name in members})


def _bearable(pool: Iterable[Person], caps: Mapping[str, float]) -> float:
    """How many readers the caps add up to, one at most from each agency."""
    agencies: dict[str, float] = {}
    for person in pool:
        agencies[person.card.agency] = agencies.get(person.card.agency, 0.0) + caps[person.id]
    return sum(min(1.0, total) for total in agencies.values())


def soft(person: Person, tip: TipFacts) -> tuple[Flag, ...]:
    """What speaks against a person without excluding, in the order in which it is passed over."""
    lacks = (
        (person.open_cases >= person.card.capacity, Flag.OVER_CAPACITY),
        (not person.on_duty, Flag.OFF_DUTY),
        (not _speaks(person, tip.language), Flag.OTHER_LANGUAGE),
    )
    return tuple([flag for lack, flag in lacks if lack])


def _speaks(person: Person, language: str | None) -> bool:
    """Region and script do not count: who reads es reads es-MX."""
    languages = person.card.languages
    return language is None or language in languages or _bare(language) in map(_bare, languages)


def _bare(language: str) -> str:
    return language.split("-", maxsplit=1)[0].lower()


def spread(
    pool: Iterable[Person], caps: Mapping[str, float], weights: Mapping[str, float], readers: int, tip: TipFacts
) -> dict[str, float]:
    """Each person's chance; they add up to `readers`.

    Those with nothing against them come first, each up to his cap and no further, however few they are; what is missing is filled from
    those over capacity, then off duty, then without the language.
    """
    tiers: list[dict[str, list[_Share]]] = [{}, *({} for _ in PASSED_OVER)]
    for person in pool:
        against = soft(person, tip)
        worst = PASSED_OVER.index(against[-1]) + 1 if against else 0
        share = _Share(person.id, caps[person.id], weights[person.id] * load_weight(person))
        tiers[worst].setdefault(person.card.agency, []).append(share)
    chances: dict[str, float] = {}
    room: dict[str, float] = {}
    for tier in tiers:
        filled = water(tier, room, readers - sum(chances.values()))
        for agency, shares in tier.items():
            room[agency] = max(0.0, room.get(agency, 1.0) - sum(filled[share.id] for share in shares))
        chances |= filled
    return chances


def load_weight(person: Person) -> float:
    """1 with no open case, falling with load, never under a half: the busy are spared, not spared out."""
    return max(LESS_WORKED, 1 - person.open_cases / (person.card.capacity + 1))


@dataclass(frozen=True, slots=True)
class _Share:
    id: str
    cap: float
    weight: float

    def at(self, level: float) -> float:
        return min(self.cap, level * self.weight)


def water(agencies: Mapping[str, Sequence[_Share]], room: Mapping[str, float], need: float) -> dict[str, float]:
    """Chances min(cap, level × weight), an agency's together within its room, that add up to `need`, or to all there is.

    The total is concave and piecewise linear in the level: Newton's steps from below never overshoot and end after as many as there are
    kinks on the way, where a bisection would only come close.
    """
    level = 0.0
    while True:
        total = slope = 0.0
        for agency, shares in agencies.items():
            held = sum(share.at(level) for share in shares)
            free = room.get(agency, 1.0)
            total += min(held, free)
            if held < free - CLOSE:
                slope += sum(share.weight for share in shares if share.at(level) < share.cap)
        if need - total <= CLOSE or not slope:
            break
        level += (need - total) / slope
    chances: dict[str, float] = {}
    for agency, shares in agencies.items():
        held = sum(share.at(level) for share in shares)
        fits = min(1.0, room.get(agency, 1.0) / held) if held else 1.0
        chances |= {share.id: share.at(level) * fits for share in shares}
    return chances


def sample(pool: Iterable[Person], chances: Mapping[str, float], readers: int, coins: bytes) -> list[Person]:
    """Systematic sampling: people laid end to end by their chances, agency by agency, in random order; then a comb of `readers` teeth, one
    apart. An agency is no longer than one, so it is hit once at most; everybody's chance to be hit is exactly his length."""
    people = [person for person in pool if chances[person.id] > 0]
    by_agency = shuffled(coins, "agency", {person.card.agency for person in people})
    by_person = shuffled(coins, "person", (person.id for person in people))
    people.sort(key=lambda person: (by_agency[person.card.agency], person.card.agency, by_person[person.id]))
    ends = list(accumulate(chances[person.id] for person in people))
    step = ends[-1] / readers
    tooth = uniforms(coins, "offset", 1)[0] * step
    drawn: dict[str, Person] = {}
    for person, end in zip(people, ends, strict=True):
        if tooth < end:
            drawn.setdefault(person.card.agency, person)
            tooth += step
    return list(drawn.values())
