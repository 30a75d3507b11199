"""From what triage found in a tip's messages to what routing reads. Pure. Facts of all messages add up; nothing is ever lifted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from routing.people import NO_OFFICIALS, Atlas, House, RegionKind, TipFacts
from triage.fold import fold
from triage.tip import AgencyKind, Assessment, Child, Of, Urgency

URGENT = frozenset({Urgency.DANGER_NOW, Urgency.ASKS_HELP, Urgency.TIME_CRITICAL})
SOMEBODY_ELSE = "name:"


def tip_facts(assessments: Sequence[Assessment], atlas: Atlas, received: datetime, today: bool | None, language: str | None) -> TipFacts:
    """`received` = when the first message came; `today` = the answer to "does today matter?"."""
    regions = frozenset(region for a in assessments for place in a.places for region in place.regions)
    kinds = _kinds(assessments)
    mentions = [mention for a in assessments for mention in a.names]
    borne = [person for mention in mentions for person in mention.people]
    named = frozenset(agency for a in assessments for agency in a.agencies) | _all_ngos(assessments, atlas)
    return TipFacts(
        received=received,
        regions=regions,
        place_known=place_known(assessments, atlas),
        agencies=offices(atlas, kinds, regions) | named,
        kinds=kinds,
        people=frozenset(person for person in borne if not person.startswith(SOMEBODY_ELSE)),
        names=frozenset(
            [fold(mention.text) for mention in mentions]
            + [fold(person.removeprefix(SOMEBODY_ELSE)) for person in borne if person.startswith(SOMEBODY_ELSE)]
        ),
        child=_child(assessments),
        could_involve_child=any(a.could_involve_child for a in assessments),
        asks_help=any(a.about_self or a.urgency is Urgency.ASKS_HELP for a in assessments),
        urgent=today is True or any(a.urgency in URGENT for a in assessments),
        language=language,
    )


def _kinds(assessments: Iterable[Assessment]) -> frozenset[AgencyKind]:
    """An office that the words do not tell ("any official", "all of them are paid") is every office."""
    named = frozenset(official.agency for a in assessments for official in a.officials)
    return frozenset(AgencyKind) if AgencyKind.OTHER in named else named


def place_known(assessments: Iterable[Assessment], atlas: Atlas) -> bool:
    """A place below the country where it happens, in the source's own words: a machine translation never makes a place known. Nor does a
    place abroad, where the line has no officials: "they brought her from …" says nothing of where she is."""
    return any(
        atlas.regions[region].kind is not RegionKind.COUNTRY and _has_officials(atlas, region)
        for a in assessments
        for place in a.places
        if place.of is Of.ORIGINAL and place.scene
        for region in place.regions
        if region in atlas.regions
    )


def _has_officials(atlas: Atlas, region: str) -> bool:
    """Whether the line's file has a public office in the country of this region."""
    around = atlas.above(region)
    return any(agency.kind not in NO_OFFICIALS and around & atlas.above(agency.region) for agency in atlas.agencies.values())


def offices(atlas: Atlas, kinds: frozenset[AgencyKind], regions: frozenset[str]) -> frozenset[str]:
    """The offices of an implicated kind that sit exactly where the tip is; their chains are excluded with them (E3)."""
    houses = {House(kind.value) for kind in kinds}
    return frozenset(agency.id for agency in atlas.agencies.values() if agency.kind in houses and agency.region in regions)


def _all_ngos(assessments: Iterable[Assessment], atlas: Atlas) -> frozenset[str]:
    """For a source who trusts no organisation."""
    if not any(a.all_ngos for a in assessments):
        return frozenset()
    return frozenset(agency.id for agency in atlas.agencies.values() if agency.kind is House.NGO)


def _child(assessments: Iterable[Assessment]) -> Child:
    said = {a.child for a in assessments}
    if Child.YES in said:
        return Child.YES
    return Child.NO if Child.NO in said else Child.UNKNOWN
