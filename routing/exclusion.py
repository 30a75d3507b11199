"""Who may not read a tip, and why: E1–E9 of ROUTING.md. Hard, never relaxed; each with its code.

What cannot be judged excludes: a card or a tip that names an agency or a region unknown to the atlas never opens a way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from routing.names import Words, any_could_be, words
from routing.people import Atlas, Card, Code, House, Kin, Person, RegionKind, Roster, TipFacts
from triage.tip import Child

VETTING_DAYS = 365
VETTERS = 2
NO_OFFICIALS = frozenset({House.NGO, House.FOREIGN_LIAISON})

OF_THE_MOMENT = frozenset({Code.E1, Code.E8})
"""Codes that say something of the person and the day; all others come of the tip's facts and hold for the life of the case."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a tip implicates, worked out once for the whole roster."""

    tip: TipFacts
    atlas: Atlas
    ties: frozenset[str]
    """Regions in which a home, posting or kin is a tie (E5, E6); an office for one of them has jurisdiction (E4)."""
    offices: frozenset[str]
    """Implicated agencies with their chains of command, both directions (E3)."""
    of_kind: frozenset[str]
    """Agencies of an implicated kind with jurisdiction (E4)."""
    place_known: bool
    today: date
    oldest: datetime
    """Cards issued before it are vetted too long ago (E8)."""
    blind: bool
    """The tip names a region or an agency that the atlas lacks: nothing can be judged."""
    named: tuple[Words, ...]
    """Names in the text, and every name of the roster's people whom it names."""


def exclusions(roster: Roster, tip: TipFacts, now: datetime) -> Mapping[str, tuple[Code, ...]]:
    """Every person of the roster: the codes that exclude, in order; () = eligible."""
    ground = ground_of(roster.atlas, tip, now, [p.card for p in roster.people if p.id in tip.people])
    return {person.id: judge(person, ground) for person in roster.people}


def ground_of(atlas: Atlas, tip: TipFacts, now: datetime, named: Iterable[Card] = ()) -> Ground:
    """`named`: cards of the people in `tip.people`, for conflicts declared with them by name."""
    ties: frozenset[str] = frozenset().union(*(_ties(atlas, region) for region in tip.regions if region in atlas.regions))
    known = tip.place_known and any(
        atlas.regions[region].kind is not RegionKind.COUNTRY for region in tip.regions if region in atlas.regions
    )
    houses = {House(kind.value) for kind in tip.kinds}
    names = sorted({*tip.names, *(name for card in named for name in (card.name, *card.spellings))})
    return Ground(
        tip=tip,
        atlas=atlas,
        ties=ties,
        offices=frozenset().union(*(atlas.line(agency) for agency in tip.agencies if agency in atlas.agencies)),
        of_kind=frozenset(a.id for a in atlas.agencies.values() if a.kind in houses and (not known or a.region in ties)),
        place_known=known,
        today=now.astimezone(UTC).date(),
        oldest=now - timedelta(days=VETTING_DAYS),
        blind=not (tip.regions <= atlas.regions.keys() and tip.agencies <= atlas.agencies.keys()),
        named=tuple(words(name) for name in names),
    )


def judge(person: Person, ground: Ground) -> tuple[Code, ...]:
    """The codes that exclude one person, in order."""
    card, tip = person.card, ground.tip
    tests = (
        (not person.active or card.issued > tip.received, Code.E1),
        (card.person in tip.people, Code.E2),
        (_serves(card, ground), Code.E3),
        (_is_of_kind(card, ground), Code.E4),
        (_is_local(card, ground), Code.E5),
        (any(_is_tied(kin, ground) for kin in card.kin) if card.kin else False, Code.E6),
        (not card.child_clearance and _could_be_child(tip), Code.E7),
        (not _is_vetted(person, ground), Code.E8),
        (_has_conflict(card, ground) if card.conflicts else False, Code.E9),
    )
    return tuple([code for excludes, code in tests if excludes])


def _is_vetted(person: Person, ground: Ground) -> bool:
    """Two vetters or more, not longer ago than a year, and the card's last day not over."""
    card = person.card
    return card.issued >= ground.oldest and card.expires >= ground.today and len(set(person.vetters)) >= VETTERS


def _ties(atlas: Atlas, region: str) -> frozenset[str]:
    """The tip's region with every town of it, and what lies around it: a card that says no more than the country hides a tie.

    A country that is merely mentioned ties to itself alone, or nobody in it could ever read.
    """
    around = atlas.above(region)
    if atlas.regions[region].kind is RegionKind.COUNTRY:
        return around
    return around | atlas.inside(atlas.area(region) or region)


def _serves(card: Card, ground: Ground) -> bool:
    return ground.blind or _any_suspect((card.agency, *card.past_agencies), ground.atlas.agencies, ground.offices)


def _is_of_kind(card: Card, ground: Ground) -> bool:
    """A past office counts like the present one. Unknown place: it could be any official's, so none of them reads."""
    if not ground.place_known and _is_official(card.agency, ground.atlas):
        return True
    return not ground.of_kind.isdisjoint((card.agency, *card.past_agencies))


def _is_official(agency: str, atlas: Atlas) -> bool:
    return agency not in atlas.agencies or atlas.agencies[agency].kind not in NO_OFFICIALS


def _is_local(card: Card, ground: Ground) -> bool:
    return ground.blind or _any_suspect((card.home, card.posting, *card.past_postings), ground.atlas.regions, ground.ties)


def _any_suspect(ids: tuple[str, ...], known: Mapping[str, object], implicated: frozenset[str]) -> bool:
    return not (implicated.isdisjoint(ids) and known.keys() >= set(ids))


def _is_tied(kin: Kin, ground: Ground) -> bool:
    if kin.region is not None and (kin.region not in ground.atlas.regions or kin.region in ground.ties):
        return True
    if kin.agency is not None and (kin.agency not in ground.atlas.agencies or kin.agency in ground.offices | ground.of_kind):
        return True
    return any_could_be((kin.name,), ground.named)


def _has_conflict(card: Card, ground: Ground) -> bool:
    """Declared with a person of the roster (by id or by name) or with anybody else by name."""
    return not ground.tip.people.isdisjoint(card.conflicts) or any_could_be(card.conflicts, ground.named)


def _could_be_child(tip: TipFacts) -> bool:
    return tip.child is Child.YES or (tip.child is Child.UNKNOWN and (tip.could_involve_child or tip.asks_help))
