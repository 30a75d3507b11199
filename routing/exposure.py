"""How likely each reader of a roster is to leak a tip: what outcomes tell of him, on a prior that the people around him shift.

The prior routes and never accuses: a review takes no notice of it (routing/learning.py, I6). Source: ROUTING.md, learning.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from routing.codes import Floats, Ints
from routing.index import Index
from routing.learning import Beliefs, Opened
from routing.people import NO_OFFICIALS, Atlas, House, Person, Reach
from routing.policy import Learning


def areas_of(regions: Collection[str], atlas: Atlas) -> tuple[str, ...]:
    """The networks that a tip about these regions could touch: regions of the first level below a country, seas; or the country. Sorted."""
    return tuple(sorted({atlas.area(region) or region for region in regions if region in atlas.regions}))


def opened(person: Person, area: str, atlas: Atlas, learning: Learning) -> Opened:
    """What an outcome record keeps of a reader: as of the day, from his card, and nothing of what others did."""
    card = person.card
    agency = atlas.agencies.get(card.agency)
    kind, reach = (House.OTHER, Reach.AREA) if agency is None else (agency.kind, atlas.reach(agency))
    return Opened(person.id, expected(kind, reach, learning), share_of(person, area, atlas, learning))


def expected(kind: House, reach: Reach, learning: Learning) -> float:
    """How likely somebody of such an office is corrupt, before anything is known: more in an office of one town, whose people are known to
    everybody there, less in one of a whole country."""
    if kind in NO_OFFICIALS:
        return learning.houses[kind]
    more = {Reach.TOWN: learning.local, Reach.AREA: 1.0, Reach.COUNTRY: learning.national}[reach]
    return min(learning.highest, learning.houses[kind] * more)


def share_of(person: Person, area: str, atlas: Atlas, learning: Learning) -> float:
    """How much of a corrupt person's network is this area's: his ties have most of it, what is left is anywhere else."""
    tied = ties_of(person, atlas)
    every = atlas.areas
    if area in tied:
        return learning.tied / len(tied)
    left = 1.0 - (learning.tied if tied else 0.0)
    return left / max(1, every - len(tied))


def ties_of(person: Person, atlas: Atlas) -> frozenset[str]:
    """Areas of his home, postings and kin."""
    card = person.card
    regions = (card.home, card.posting, *card.past_postings, *(kin.region for kin in card.kin if kin.region is not None))
    return frozenset(areas_of(regions, atlas))


def exposures(beliefs: Beliefs, index: Index, areas: Collection[str], learning: Learning) -> Floats:
    """Expected chance that each person leaks, in the index's order. Of several areas the worst; of none, any could be his."""
    odds, spread, rows = _evidence(beliefs, index)
    prior = _priors(index, odds, learning)
    corrupt = prior * odds / (1 - prior + prior * odds)
    if not areas:
        return corrupt * learning.own
    hidden = index.hidden(learning.tied)
    serves = np.zeros(len(index.ids))
    for area in areas:
        seen = beliefs.columns.served(area)[rows]
        here = np.where((rows < 0) | np.isnan(seen), hidden, seen)
        np.maximum(serves, np.minimum(1.0, here / spread), out=serves)
    return np.asarray(corrupt * (learning.other + (learning.own - learning.other) * serves))


def _evidence(beliefs: Beliefs, index: Index) -> tuple[Floats, Floats, Ints]:
    """Odds, spread, and the row of each person among the beliefs, -1 = nothing is known of him."""
    rows = index.rows_among(beliefs.columns.rows)
    known = rows >= 0
    return np.where(known, beliefs.columns.odds[rows], 1.0), np.where(known, beliefs.columns.spread[rows], 1.0), rows


def _priors(index: Index, odds: Floats, learning: Learning) -> Floats:
    """Each person's: the mean of his agency without him, with so many pseudo-people at its kind's prior; moved by how much worse, or
    better, than expected his region and his vetters' other people turned out."""
    base = np.array([[expected(house, reach, learning) for reach in Reach] for house in House])[index.house, index.reach]
    corrupt = base * odds / (1 - base + base * odds)
    mates = _others(index.agency, corrupt)
    alone = _others(index.agency, np.ones(len(corrupt)))
    prior = (mates + learning.pseudo * base) / (alone + learning.pseudo)
    logit = np.log(prior / (1 - prior))
    for group in (index.home, index.pair):
        count = _others(group, np.ones(len(corrupt))) + learning.pseudo
        found = (_others(group, corrupt) + learning.pseudo * base) / count
        foreseen = (_others(group, base) + learning.pseudo * base) / count
        logit += learning.shift * (np.log(found / (1 - found)) - np.log(foreseen / (1 - foreseen)))
    return np.clip(1 / (1 + np.exp(-logit)), learning.lowest, learning.highest)


def _others(group: Ints, values: Floats) -> Floats:
    """The sum over everybody else of a person's group."""
    return np.asarray(np.bincount(group, weights=values)[group] - values)
