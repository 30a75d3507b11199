"""How likely one reader may at most be drawn: caps for each, for newcomers together, for those whom the same vetters signed together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from routing.codes import Bools, Floats, Ints
from routing.exclusion import VETTERS
from routing.index import Index, instant
from routing.policy import Policy

CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Pool:
    """Who is eligible for one role. `rows` of the index, ascending; all arrays are in their order. `agency`: 0, 1, … by the agencies'
    ids. `caps`: each one's. `lowest`: lowered, so that together they keep to `bound`, a vetter pair's highest. `pair`: 0 = in none.
    `small`: fewer readers than wanted, or caps raised in proportion."""

    rows: Ints
    agency: Ints
    caps: Floats
    lowest: Floats
    pair: Ints
    bound: float
    readers: int
    small: bool

    def together(self, chances: Floats) -> Floats:
        """Each agency's."""
        return np.asarray(np.bincount(self.agency, weights=chances))


def pool_of(index: Index, rows: Ints, founding: frozenset[str], now: datetime, policy: Policy) -> Pool:
    """How many readers these people (one at least) can bear, and each one's cap."""
    agency = compact(index.offices.ranks()[index.office[rows]])
    settled = founders(index, founding)[rows]
    caps = capped(index, rows, settled, now, policy)
    pair = np.where(settled, 0, compact(index.pair[rows]) + 1)
    for readers in range(policy.readers, 0, -1):
        bound = max(policy.pair_share * policy.cap, readers / max(1, count_pairs(index)))
        lowest = lowered(caps, pair, bound)
        bearable = float(np.minimum(1.0, np.bincount(agency, weights=lowest)).sum())
        if bearable >= readers - CLOSE:
            return Pool(rows, agency, caps, lowest, pair, bound, readers, readers < policy.readers)
    raised = np.minimum(1.0, lowest / bearable)
    return Pool(rows, agency, raised, raised, np.zeros_like(pair), bound, 1, small=True)


def capped(index: Index, rows: Ints, settled: Bools, now: datetime, policy: Policy) -> Floats:
    """Each person's cap: a quarter on probation, probationers together one person's. `settled`: founders, who are on no probation."""
    probation = policy.probation_days * timedelta(days=1)
    new = ~settled & (index.since[rows] > instant(now - probation))
    caps = np.where(new, policy.cap * policy.probation_share, policy.cap)
    if (together := float(caps[new].sum())) > policy.cap:
        caps[new] *= policy.cap / together
    return np.asarray(caps, dtype=np.float64)


def lowered(caps: Floats, pair: Ints, bound: float) -> Floats:
    """In proportion, until the cards of one vetter pair add up to the bound.

    A line with few vetters cannot keep pairs to two persons' caps: then each keeps to an even share of the readers. Founders are in no
    pair: who doubts all founding vetters together doubts the line.
    """
    together = np.bincount(pair, weights=caps)
    together[0] = 0.0
    return np.asarray(caps * (bound / np.maximum(bound, together))[pair])


def count_pairs(index: Index) -> int:
    """How many different sets of vetters have signed the line's active readers."""
    there = index.active & (index.signers >= VETTERS) & (index.handles | index.leads)
    return int(np.count_nonzero(np.bincount(index.pair[there])))


def founders(index: Index, founding: frozenset[str]) -> Bools:
    """Whose card says so, and has the signatures of all founding vetters."""
    return index.founder & index.pairs.having(founding)[index.pair]


def compact(codes: Ints) -> Ints:
    """The same with 0, 1, … for those that occur, in their order."""
    there = np.bincount(codes) > 0
    return np.asarray((np.cumsum(there) - 1)[codes])
