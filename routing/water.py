"""The chances of a pool: as even as its weights, up to the caps, an agency's together within one."""

from __future__ import annotations

import numpy as np

from routing.codes import Bools, Floats, Ints
from routing.limits import CLOSE, Pool


def spread(pool: Pool, weights: Floats, late: Bools) -> Floats:
    """Each person's chance; they add up to `pool.readers`.

    Those who are not `late` come first, each up to his cap and no further, however few they are; what is missing the others fill.
    A vetter pair whose people get too much keeps what its bound allows, and the rest is spread anew; where that leaves too little, caps are
    low enough from the start.
    """
    caps = pool.caps
    while True:
        chances = filled(pool, caps, weights, late)
        together = np.bincount(pool.pair, weights=chances)
        together[0] = 0.0
        if not (over := together > pool.bound + CLOSE).any():
            break
        fits = np.where(over, pool.bound / np.maximum(together, pool.bound), 1.0)[pool.pair]
        caps = np.where(over[pool.pair], chances * fits, caps)
    return chances if float(chances.sum()) >= pool.readers - CLOSE else filled(pool, pool.lowest, weights, late)


def filled(pool: Pool, caps: Floats, weights: Floats, late: Bools) -> Floats:
    """The same, up to these caps."""
    chances = np.zeros(len(pool.rows))
    for some in (~late, late):
        need = pool.readers - float(chances.sum())
        there = np.flatnonzero(some & (caps > 0))
        if need <= CLOSE or not len(there):
            continue
        room = np.maximum(0.0, 1.0 - pool.together(chances))
        chances[there] = water(caps[there], weights[there], pool.agency[there], room, need)
    return chances


def water(caps: Floats, weights: Floats, agency: Ints, room: Floats, need: float) -> Floats:
    """Chances min(cap, level × weight), an agency's together within its room, that add up to `need`, or to all there is: by the lowest such
    level, so that weights count in a full agency, too."""
    most = float(np.minimum(room, np.bincount(agency, weights=caps, minlength=len(room))).sum())
    level = water_level(caps, weights, agency, room, min(need, most))
    shares = np.minimum(caps, level * weights)
    held = np.bincount(agency, weights=shares, minlength=len(room))
    fits = np.minimum(1.0, np.divide(room, held, out=np.ones(len(room)), where=held > 0))
    return np.asarray(shares * fits[agency])


def water_level(caps: Floats, weights: Floats, agency: Ints, room: Floats, need: float) -> float:
    """The total is concave and piecewise linear in the level, with a kink where a person reaches his cap and one where an agency's room is
    full. Each look at the middle kink settles half of the people, who from then on count as a part of their agency; when all are settled,
    Newton's steps from below end exactly, after as many as there are full agencies on the way.
    """
    full, slope = np.zeros(len(room)), np.zeros(len(room))
    kinks, low = caps / weights, 0.0
    while len(kinks):
        middle = float(np.partition(kinks, len(kinks) // 2)[len(kinks) // 2])
        shares = np.minimum(caps, middle * weights)
        held = full + slope * middle + np.bincount(agency, weights=shares, minlength=len(room))
        if float(np.minimum(room, held).sum()) >= need - CLOSE:
            settled = kinks >= middle
            slope += np.bincount(agency[settled], weights=weights[settled], minlength=len(room))
        else:
            low, settled = middle, kinks <= middle
            full += np.bincount(agency[settled], weights=caps[settled], minlength=len(room))
        kinks, caps, weights, agency = kinks[~settled], caps[~settled], weights[~settled], agency[~settled]
    return _newton(full, slope, room, need, low)


def _newton(full: Floats, slope: Floats, room: Floats, need: float, level: float) -> float:
    while True:
        held = full + slope * level
        rising = float(slope[held < room - CLOSE].sum())
        missing = need - float(np.minimum(held, room).sum())
        if missing <= CLOSE or rising == 0.0:
            return level
        level += missing / rising
