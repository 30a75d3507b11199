"""One draw per case: who may read it, and in which order. No reader's chance is above the cap, so nobody can be sure to get a case.

Coins are committed before the tip is opened; whoever sees them later computes the same order (routing/comb.py). Sources: ROUTING.md;
Jecmen et al. 2020 (arXiv 2006.16437) for chance caps with one reader per institution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from routing.codes import Bools, Floats, Ints
from routing.comb import coins_of_leads, drawn, in_turn
from routing.exclusion import Bits, Later, codes_of, ground_for, had_it_named_nobody, judge_all
from routing.exposure import areas_of, exposures
from routing.index import Index, bare, index_of
from routing.learning import Beliefs, nothing_known
from routing.limits import CLOSE, Pool, pool_of
from routing.people import Assignment, Code, Earlier, Flag, Hold, Roster, TipFacts
from routing.policy import DEFAULT, Learning, Policy
from routing.water import spread

INCONVENIENT = (Flag.OVER_CAPACITY, Flag.OFF_DUTY, Flag.OTHER_LANGUAGE)
"""Soft criteria, the least first."""
LESS_WORKED = 0.5
FAINTEST = -600.0
"""Of a weight's logarithm: a chance that is next to none, and still a number."""


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

    `released`: two vetters let it go, whatever the pool. `earlier`: what was drawn for another tip of the same matter; it is kept to.
    Leads are drawn from agencies that no drawn reader is of, and their chances are those once the readers are drawn; without any, the case
    goes out with none. Raises CoinsError.
    """
    index = index_of(roster)
    ground = ground_for(index, tip, now)
    barred = judge_all(index, ground)
    found = _Found(index, barred, had_it_named_nobody(index, ground, barred), codes_of(index.ids, barred), tip, policy)
    flags = {Flag.LINKED} if earlier is not None else set()
    handlers = found.eligible(index.handles)
    if not released:
        cut = found.cut(index.handles, handlers)
        if cut is not None and not (tip.urgent and cut <= 1 / 2):
            return found.held(Hold.POISONED, flags)
        flags |= {Flag.TWO_VETTERS_REVIEW} if cut is not None else set()
    areas = areas_of(tip.regions, roster.atlas)
    exposed = exposures(beliefs, index, areas, policy.learning)
    if earlier is not None:
        unknown = exposures(nothing_known(), index, areas, policy.learning)
        return _linked(found, earlier, flags, _tainted(exposed, unknown, policy.learning), coins)
    if not len(handlers):
        return found.held(Hold.NOBODY_ELIGIBLE, flags)
    pool = pool_of(index, handlers, roster.founding, now, policy)
    flags |= {Flag.SMALL_POOL} if pool.small else set()
    if not released and _alone(pool, policy):
        by_names = _by_names(found, len(handlers), roster.founding, now)
        if by_names or not tip.urgent:
            return found.held(Hold.POISONED if by_names else Hold.NEEDS_TWO_VETTERS, flags)
        flags.add(Flag.TWO_VETTERS_REVIEW)
    chances = found.chances(pool, exposed)
    order = _drawn(found, pool, chances, exposed, coins)
    leading = _leads(found, order, roster.founding, now, released=released)
    if leading is None:
        return found.drawn(order, flags, _mapped(index, (handlers, chances)))
    led = found.chances(leading, exposed)
    leads = _drawn(found, leading, led, exposed, coins_of_leads(coins))
    flags |= {Flag.FEW_LEADS} if leading.small else set()
    return found.drawn(order, flags, _mapped(index, (handlers, chances), (leading.rows, led)), leads)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a tip is to a roster. `unnamed`: who would be barred, had it named nobody."""

    index: Index
    barred: Bits
    unnamed: Bits
    reasons: Mapping[str, tuple[Code, ...]]
    tip: TipFacts
    policy: Policy

    def eligible(self, role: Bools) -> Ints:
        return np.flatnonzero(role & (self.barred == 0))

    def cut(self, role: Bools, eligible: Ints) -> float | None:
        """Share of the pool that naming people, alone, took; None = not so much as to hold the tip."""
        unnamed = self._without_names(role)
        return 1 - len(eligible) / unnamed if poisoned(len(eligible), unnamed, self.policy) else None

    def chances(self, pool: Pool, exposed: Floats) -> Floats:
        """In an urgent case those on duty come first; caps are counted over all."""
        lacking = lacks(self.index, self.tip, pool.rows)
        weights = weight_of(exposed[pool.rows] + dearer(lacking, self.policy), self.policy) * load_weights(self.index, pool.rows)
        return spread(pool, weights, ~self.index.on_duty[pool.rows] & self.tip.urgent)

    def held(self, hold: Hold, flags: set[Flag]) -> Assignment:
        handles = self.index.handles
        return Assignment((), self._pool(), {}, self.reasons, frozenset(flags), hold, unnamed=self._without_names(handles))

    def drawn(self, order: tuple[str, ...], flags: set[Flag], chances: Mapping[str, float], leads: tuple[str, ...] = ()) -> Assignment:
        """Flagged with what its readers lack."""
        rows = self.index.rows(order)
        lacking = {flag for flag, lack in zip(INCONVENIENT, lacks(self.index, self.tip, rows), strict=True) if lack.any()}
        return Assignment(order, self._pool(), chances, self.reasons, frozenset(flags | lacking), leads=leads)

    def _pool(self) -> int:
        return len(self.eligible(self.index.handles))

    def _without_names(self, role: Bools) -> int:
        return int(np.count_nonzero(role & (self.unnamed == 0)))


def _linked(found: _Found, earlier: Earlier, flags: set[Flag], tainted: Bools, coins: bytes) -> Assignment:
    """The people of the earlier order, without those whom this tip excludes, who are gone, or who have moved to another role or into an
    agency that has the case; nor the `tainted`, while another of them stands. Nobody is drawn in their place: whoever wrote ten tips of
    one matter would have ten draws. By this tip's own coins they come in another turn: whoever had an order drawn for a plate that he
    fears, and learnt who was first, knows of the next tip no more than that it is one of three. Nobody else has a chance in it."""
    index, kept = found.index, list[tuple[str, ...]]()
    parts: list[tuple[Ints, Floats]] = []
    for names, role, turns in ((earlier.order, index.handles, coins), (earlier.leads, index.leads, coins_of_leads(coins))):
        taken = index.office[index.rows(kept[0])] if kept else index.office[:0]
        still = _standing(found, names, role, taken)
        still = still[~tainted[still]] if not tainted[still].all() else still
        chances = np.zeros(len(rows := _free(found, role, taken)))
        chances[np.searchsorted(rows, still)] = [earlier.chances.get(index.ids[row], 0.0) for row in still.tolist()]
        kept.append(_in_turn(found, still, turns))
        parts.append((rows, chances))
    if not kept[0]:
        return found.held(Hold.NOBODY_ELIGIBLE, flags)
    for names, few in ((earlier.order, Flag.SMALL_POOL), (earlier.leads, Flag.FEW_LEADS)):
        if max((earlier.chances.get(name, 0.0) for name in names), default=0.0) > found.policy.cap + CLOSE:
            flags = flags | {few}
    return found.drawn(kept[0], flags, _mapped(index, *parts), kept[1])


def _standing(found: _Found, names: Sequence[str], role: Bools, taken: Ints) -> Ints:
    """Rows of those who may read, ascending. `taken`: agencies that have the case; of two in one agency, who was drawn first."""
    index, agencies, rows = found.index, set(taken.tolist()), list[int]()
    for row in map(index.row, names):
        if row < 0 or found.barred[row] or not role[row] or int(index.office[row]) in agencies:
            continue
        agencies.add(int(index.office[row]))
        rows.append(row)
    return np.array(sorted(rows), dtype=np.int64)


def _tainted(exposed: Floats, unknown: Floats, learning: Learning) -> Bools:
    """Whose odds to leak are, by what outcomes told since, above those that he had when nothing was known by more than one unverified word
    and all sources together may raise them: else whoever wanted a matter's other readers out would say one word."""
    most = math.exp(learning.report + learning.sources)
    return np.asarray(exposed * (learning.own - unknown) > most * unknown * (learning.own - exposed))


def _leads(found: _Found, order: tuple[str, ...], founding: frozenset[str], now: datetime, *, released: bool) -> Pool | None:
    """None = nobody: where naming cut their pool, too. That is no reason to hold, since no lead reads before a handler asks."""
    index = found.index
    every = found.eligible(index.leads)
    if not released and found.cut(index.leads, every) is not None:
        return None
    free = _free(found, index.leads, index.office[index.rows(order)])
    return pool_of(index, free, founding, now, replace(found.policy, readers=found.policy.leads)) if len(free) else None


def _free(found: _Found, role: Bools, taken: Ints) -> Ints:
    """The eligible of agencies that do not have the case yet."""
    every = found.eligible(role)
    return every[~np.isin(found.index.office[every], taken)]


def _drawn(found: _Found, pool: Pool, chances: Floats, exposed: Floats, coins: bytes) -> tuple[str, ...]:
    """Of those whom the coins chose, the least exposed reads first: the others only where he leaves it. Nobody's chance to be among them,
    and so to be the first, is above the cap; equals come in the order of the coins."""
    index, turn = found.index, _in_turn(found, pool.rows[drawn(chances, pool.agency, pool.readers, coins)], coins)
    late = {name: found.tip.urgent and not index.on_duty[index.row(name)] for name in turn}
    return tuple(sorted(turn, key=lambda name: (late[name], exposed[index.row(name)])))


def _in_turn(found: _Found, rows: Ints, coins: bytes) -> tuple[str, ...]:
    index = found.index
    on_duty = {index.ids[row] for row in rows.tolist() if index.on_duty[row]}
    return in_turn([index.ids[row] for row in rows.tolist()], coins, on_duty if found.tip.urgent else None)


def _mapped(index: Index, *parts: tuple[Ints, Floats]) -> Mapping[str, float]:
    def made() -> dict[str, float]:
        return {index.ids[row]: chance for rows, chances in parts for row, chance in zip(rows.tolist(), chances.tolist(), strict=True)}

    return Later(made)


def _alone(pool: Pool, policy: Policy) -> bool:
    return float(pool.caps.max()) > policy.alone + CLOSE


def _by_names(found: _Found, pool: int, founding: frozenset[str], now: datetime) -> bool:
    """Whether it is the names that leave one reader nearly sure. Heads do not tell: who names the few that are settled leaves many who are
    on probation, and together have one person's chance."""
    unnamed = np.flatnonzero(found.index.handles & (found.unnamed == 0))
    return pool < len(unnamed) and not _alone(pool_of(found.index, unnamed, founding, now, found.policy), found.policy)


def poisoned(pool: int, unnamed: int, policy: Policy = DEFAULT) -> bool:
    """Naming people, alone, took more than half of the pool or left too few. `unnamed` = the pool had nobody been named."""
    return pool < unnamed and (2 * pool < unnamed or pool < policy.smallest_pool)


def weight_of(exposed: Floats, policy: Policy) -> Floats:
    """What a pool's people weigh by their exposures; only ratios matter."""
    return np.asarray(np.exp(np.maximum(FAINTEST, -policy.avoidance * (exposed - exposed.min()))))


def load_weights(index: Index, rows: Ints) -> Floats:
    """1 with no open case, falling with load, never under a half: the busy are spared, not spared out."""
    return np.maximum(LESS_WORKED, 1 - index.open_cases[rows] / (index.capacity[rows] + 1))


def lacks(index: Index, tip: TipFacts, rows: Ints) -> tuple[Bools, Bools, Bools]:
    """What speaks against people without excluding, in the order of `INCONVENIENT`."""
    other = np.zeros(len(rows), dtype=np.bool_)
    if tip.language is not None:
        other = ~index.spoken.having(frozenset({bare(tip.language)}))[index.languages[rows]]
    return index.open_cases[rows] >= index.capacity[rows], ~index.on_duty[rows], other


def dearer(lacking: tuple[Bools, ...], policy: Policy) -> Floats:
    """What people's lacks weigh, as chances to leak."""
    prices = (policy.full, policy.off_duty, policy.other_language)
    return np.asarray(sum(price * lack for price, lack in zip(prices, lacking, strict=True)), dtype=np.float64)
