"""Who is drawn, given chances and coins: what an auditor computes again.

Systematic sampling: people are laid end to end by their chances, agency by agency, both in random order; then a comb of as many teeth as
there are readers, evenly apart, is laid over them, its first tooth at a random place of the first gap. No agency is longer than a gap, so
none is hit twice; everybody's chance to be hit is exactly his length. Those with no chance are left out. The coins' numbers are used thus:
`agency`, one for each agency in the order of their ids: agencies lie in the order of these numbers. `person N`, N = how many agencies lie
before his, one for each of its people in the order of their ids: they lie in the order of these. `offset`: the first tooth, in gaps.
`turn`, one for each person hit in the order of their ids: they come in the order of these, in an urgent case whoever is on duty first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from routing.codes import Floats, Ints
from routing.coins import evens, shuffled
from routing.limits import compact


def replay(
    chances: Mapping[str, float], agencies: Mapping[str, str], readers: int, coins: bytes, first: Collection[str] | None = None
) -> tuple[str, ...]:
    """The order that follows from the coins. `chances` of one role, whole; `agencies` of everybody in them; `first`: who was on duty, in an
    urgent case. For leads with `coins_of_leads`, and chances as they were once the handlers were drawn. Raises CoinsError."""
    people = sorted(chances)
    ranks = {agency: rank for rank, agency in enumerate(sorted(set(agencies.values())))}
    agency = np.array([ranks[agencies[person]] for person in people], dtype=np.int64)
    hit = drawn(np.array([chances[person] for person in people], dtype=np.float64), agency, readers, coins)
    return in_turn([people[row] for row in hit.tolist()], coins, first)


def coins_of_leads(coins: bytes) -> bytes:
    return hashlib.sha256(b"lead" + coins).digest()


def drawn(chances: Floats, agency: Ints, readers: int, coins: bytes) -> Ints:
    """Rows hit, people being in the order of their ids and agencies numbered in the order of theirs. Raises CoinsError."""
    rows = np.flatnonzero(chances > 0)
    if not len(rows):
        return rows
    house = compact(agency[rows])
    lengths = np.bincount(house, weights=chances[rows]).astype(np.float64)
    laid = np.argsort(evens(coins, "agency", len(lengths)), kind="stable")
    ends = np.cumsum(lengths[laid])
    gap = ends[-1] / readers
    teeth = gap * (evens(coins, "offset", 1)[0] + np.arange(readers, dtype=np.float64))
    hit: dict[int, int] = {}
    for tooth, before in zip(teeth.tolist(), _at(ends, teeth).tolist(), strict=True):
        people = rows[house == laid[before]]
        people = people[np.argsort(evens(coins, f"person {before}", len(people)), kind="stable")]
        within = ends[before] - lengths[laid[before]] + np.cumsum(chances[people])
        hit.setdefault(before, int(people[_at(within, np.array([tooth]))[0]]))  # one each: gaps are as long as agencies but for rounding
    return np.array(list(hit.values()), dtype=np.int64)


def _at(ends: Floats, teeth: Floats) -> Ints:
    """On whom each tooth lies; the last one, where rounding would carry it past the end."""
    return np.minimum(np.searchsorted(ends, teeth, side="right"), len(ends) - 1)


def in_turn(people: Sequence[str], coins: bytes, first: Collection[str] | None = None) -> tuple[str, ...]:
    """`first`: those who come before the others; None = nobody does."""
    turn = shuffled(coins, "turn", people)
    return tuple(sorted(people, key=lambda person: (first is not None and person not in first, turn[person])))
