"""A roster as arrays and indexes: what a draw over 100,000 people reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from routing.people import Atlas, House, Person, RegionKind

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Index:
    """`ids` sorted; every array is in their order. `house`, `agency`, `home` (area), `pair` (of vetters): codes."""

    def __init__(self, people: Sequence[Person], atlas: Atlas) -> None:
        ordered = sorted(people, key=lambda person: person.id)
        self.ids = [person.id for person in ordered]
        kinds = list(House)
        houses = {a.id: kinds.index(a.kind) for a in atlas.agencies.values()}
        self.house = np.array([houses.get(p.card.agency, kinds.index(House.OTHER)) for p in ordered], dtype=np.int64)
        self.agency = _codes([p.card.agency for p in ordered])
        self.home = _codes([atlas.area(p.card.home) or p.card.home if p.card.home in atlas.regions else p.card.home for p in ordered])
        self.pair = _codes([" ".join(sorted(set(p.vetters))) for p in ordered])
        self._areas = sum(region.kind in (RegionKind.REGION, RegionKind.SEA) for region in atlas.regions.values())
        self._tied = np.array([_ties(p, atlas) for p in ordered], dtype=np.int64)

    def hidden(self, tied: float) -> Floats:
        """Share of a corrupt person's network that is one given area of those where he has no tie."""
        left = np.where(self._tied > 0, 1.0 - tied, 1.0)
        return left / np.maximum(1, self._areas - self._tied)

    def rows_among(self, rows: Mapping[str, int]) -> Ints:
        return np.array([rows.get(name, -1) for name in self.ids], dtype=np.int64)


def _codes(names: Sequence[str]) -> Ints:
    codes: dict[str, int] = {}
    return np.array([codes.setdefault(name, len(codes)) for name in names], dtype=np.int64)


def _ties(person: Person, atlas: Atlas) -> int:
    card = person.card
    regions = (card.home, card.posting, *card.past_postings, *(kin.region for kin in card.kin if kin.region is not None))
    return len({atlas.area(region) or region for region in regions if region in atlas.regions})
