"""Who may read a tip, and why not: a second reading of ROUTING.md's exclusions, that shares no line with routing's own.

Where its words leave room there are two answers for each person: the codes that he must have, and those that he may have (a town's police
counted as its whole region's, a past office as the present one). Who must have one may never be drawn; who may have none is eligible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from routing.people import Agency, Atlas, Card, Code, House, Person, RegionKind, TipFacts
from triage.tip import Child

YEAR = timedelta(days=365)
LOCAL_OFFICIALS = frozenset(House) - {House.NGO, House.FOREIGN_LIAISON}


def climb(parents: Mapping[str, str | None], start: str) -> list[str]:
    """Itself, its parent, and so on."""
    way = [start]
    while (over := parents[way[-1]]) is not None:
        way.append(over)
    return way


@dataclass(frozen=True, slots=True)
class Codes:
    """Of one person: those that he must have, and those that he may have; every one of the first is among the second."""

    must: frozenset[Code]
    may: frozenset[Code]

    def allow(self, given: Iterable[Code]) -> bool:
        return self.must <= frozenset(given) <= self.may


@dataclass(frozen=True, slots=True)
class Ground:
    """What a tip says, spelled out. `areas`: the tip's regions. `line`: every agency that is implicated or in the chain of one. `powers`:
    officials of an implicated kind with jurisdiction; `wide`: the same, where one office's is its whole region. `words`: of all names."""

    areas: frozenset[str]
    line: frozenset[str]
    powers: frozenset[str]
    wide: frozenset[str]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ties:
    """What a card says of its holder, spelled out."""

    card: Card
    offices: frozenset[str]
    areas: frozenset[str]
    kin_areas: frozenset[str]
    kin_offices: frozenset[str]
    kin_names: frozenset[str]
    conflicts: frozenset[str]


class Reading:
    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        self._up = {name: climb({r.id: r.parent for r in atlas.regions.values()}, name) for name in atlas.regions}
        self._over = {name: climb({a.id: a.parent for a in atlas.agencies.values()}, name) for name in atlas.agencies}
        self._areas = {name: self._area(name) for name in atlas.regions}
        self._ties: dict[str, Ties] = {}

    def codes(self, people: Sequence[Person], tip: TipFacts, now: datetime) -> dict[str, Codes]:
        ground = self._ground(tip, [one.card.name for one in people if one.id in tip.people])
        return {one.id: self._judge(one, tip, ground, now) for one in people}

    def _area(self, region: str) -> str:
        """Of the first level below the country, a sea for itself; what lies in none is its own."""
        kinds = (RegionKind.REGION, RegionKind.SEA)
        return next((at for at in self._up[region] if self._atlas.regions[at].kind in kinds), region)

    def _ground(self, tip: TipFacts, people: Sequence[str]) -> Ground:
        line = {a for a in self._over for hit in tip.agencies if hit in self._over[a] or a in self._over[hit]}
        areas = {self._areas[r] for r in tip.regions if self._atlas.regions[r].kind is not RegionKind.COUNTRY}
        near = tip.regions if tip.place_known else frozenset()
        kinds = {House(kind.value) for kind in tip.kinds}
        sure = {a.id for a in self._atlas.agencies.values() if a.kind in kinds and self._rules(a, near)}
        maybe = {a.id for a in self._atlas.agencies.values() if a.kind in kinds and self._areas[a.region] in areas}
        if not tip.place_known:
            sure = {a.id for a in self._atlas.agencies.values() if a.kind in LOCAL_OFFICIALS}
        words = frozenset(word for name in (*tip.names, *people) for word in name.lower().split())
        return Ground(frozenset(areas), frozenset(line), frozenset(sure), frozenset(sure | maybe), words)

    def _rules(self, office: Agency, near: Iterable[str]) -> bool:
        """Jurisdiction over the place, or over a part of it; a national body's is everywhere."""
        national = self._atlas.regions[office.region].kind is RegionKind.COUNTRY
        return national or any(office.region in self._up[place] or place in self._up[office.region] for place in near)

    def _judge(self, one: Person, tip: TipFacts, ground: Ground, now: datetime) -> Codes:
        card = one.card
        if (ties := self._ties.get(one.id)) is None or ties.card is not card:
            ties = self._ties[one.id] = self._tied(card)
        rules = (
            (Code.E1, not one.active or card.issued > tip.received),
            (Code.E2, one.id in tip.people),
            (Code.E3, not ground.line.isdisjoint(ties.offices)),
            (Code.E4, card.agency in ground.powers),
            (Code.E5, not ground.areas.isdisjoint(ties.areas)),
            (Code.E6, not (ground.areas.isdisjoint(ties.kin_areas) and ground.line.isdisjoint(ties.kin_offices))),
            (Code.E6, _named(ties.kin_names, ground.words)),
            (Code.E7, not card.child_clearance and _maybe_child(tip)),
            (Code.E8, now - card.issued > YEAR or len(set(one.vetters)) < 2),
            (Code.E9, _named(ties.conflicts, ground.words)),
        )
        wider = (
            (Code.E4, not ground.wide.isdisjoint(ties.offices)),
            (Code.E6, not ground.wide.isdisjoint(ties.kin_offices)),
            (Code.E1, now.date() > card.expires),
            (Code.E8, now.date() > card.expires),
        )
        must = frozenset([code for code, barred in rules if barred])
        return Codes(must, must.union([code for code, barred in wider if barred]))

    def _tied(self, card: Card) -> Ties:
        places = (card.home, card.posting, *card.past_postings)
        return Ties(
            card,
            offices=frozenset((card.agency, *card.past_agencies)),
            areas=frozenset(self._areas[place] for place in places),
            kin_areas=frozenset(self._areas[kin.region] for kin in card.kin if kin.region is not None),
            kin_offices=frozenset(kin.agency for kin in card.kin if kin.agency is not None),
            kin_names=frozenset(word for kin in card.kin for word in kin.name.lower().split()),
            conflicts=frozenset(word for name in card.conflicts for word in name.lower().split()),
        )


def unnaming(tip: TipFacts) -> TipFacts:
    return replace(tip, people=frozenset(), names=frozenset())


def _named(words: frozenset[str], said: frozenset[str]) -> bool:
    """In this land no two people share a word, so any word of a name means the person."""
    return not words.isdisjoint(said)


def _maybe_child(tip: TipFacts) -> bool:
    return tip.child is Child.YES or (tip.child is Child.UNKNOWN and (tip.could_involve_child or tip.asks_help))
