"""The policy that ROUTING.md describes, as it is written: what ours is to beat. Whoever lacks least comes first, whatever is known of him;
those drawn read in random order; the numbers are its own. Exclusions, holds, caps, the water level and the comb are the product's: there
the two do not differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import numpy as np

from routing.codes import Bools, Floats, Ints
from routing.comb import coins_of_leads, drawn, in_turn
from routing.draw import INCONVENIENT, choose, lacks, load_weights
from routing.exposure import areas_of, exposures
from routing.index import index_of
from routing.learning import Beliefs
from routing.limits import pool_of
from routing.people import Assignment, Earlier, Roster, TipFacts
from routing.policy import Learning, Policy
from routing.water import spread

AS_WRITTEN = Policy(
    leads=3,
    avoidance=200.0,
    learning=Learning(other=0.1, local=1.0, national=1.0, keep=0.97, report=1.2, clean=0.4, sources=0.4, proven=50.0),
)
"""`proven`: ROUTING.md has no floor; with what `keep` forgets nobody comes near this one."""
TIER = 150.0
"""Of a weight's logarithm: more than all that exposures make of it, so that a tier is full before the next has anything."""


class Choose(Protocol):
    """ROUTING.md's thin interface, behind which any policy can be measured."""

    def __call__(
        self,
        roster: Roster,
        tip: TipFacts,
        beliefs: Beliefs,
        coins: bytes,
        now: datetime,
        policy: Policy,
        *,
        released: bool = False,
        earlier: Earlier | None = None,
    ) -> Assignment: ...


def choose_as_written(
    roster: Roster,
    tip: TipFacts,
    beliefs: Beliefs,
    coins: bytes,
    now: datetime,
    policy: Policy = AS_WRITTEN,
    *,
    released: bool = False,
    earlier: Earlier | None = None,
) -> Assignment:
    """Holds, reasons and linked tips are the product's."""
    found = choose(roster, tip, beliefs, coins, now, policy, released=released, earlier=earlier)
    if found.hold is not None or earlier is not None:
        return found
    index = index_of(roster)
    exposed = exposures(beliefs, index, areas_of(tip.regions, roster.atlas), policy.learning)
    eligible = np.array([not found.reasons[person] for person in index.ids], dtype=np.bool_)

    def turn(role: Bools, readers: int, tosses: bytes) -> tuple[tuple[str, ...], Mapping[str, float]]:
        rows = np.flatnonzero(role & eligible)
        if not len(rows):
            return (), {}
        pool = pool_of(index, rows, roster.founding, now, replace(policy, readers=readers))
        late = tip.urgent & ~index.on_duty[rows]
        logs = -policy.avoidance * (exposed[rows] - exposed[rows].min()) - TIER * tiers(lacks(index, tip, rows))
        chances = spread(pool, np.exp(logs) * load_weights(index, rows), late)
        hit = [index.ids[row] for row in rows[drawn(chances, pool.agency, pool.readers, tosses)].tolist()]
        ready = {index.ids[row] for row in rows[~late].tolist()}
        ids = [index.ids[row] for row in rows.tolist()]
        return in_turn(hit, tosses, ready if tip.urgent else None), dict(zip(ids, chances.tolist(), strict=True))

    order, chances = turn(index.handles, policy.readers, coins)
    taken = index.office[index.rows(order)]
    leads, led = turn(index.leads & ~np.isin(index.office, taken), policy.leads, coins_of_leads(coins)) if found.leads else ((), {})
    return replace(found, order=order, leads=leads, chances={**chances, **led}, flags=found.flags.difference(INCONVENIENT))


def tiers(lacking: tuple[Bools, ...]) -> Ints:
    """0 for whom nothing speaks against, else the worst that does, from 1: capacity is relaxed first, then duty, then language."""
    found: Floats = np.max([lack * worst for worst, lack in enumerate(lacking, start=1)], axis=0)
    return found.astype(np.int64)
