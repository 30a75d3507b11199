"""What a gate file keeps of a draw: everybody who could be drawn, with his chance, and what else the draw knew of him. With the coins of
the case that is all that it takes to draw again (routing/comb.py).

JSON form, in columns: {"people": ids, sorted, "chances", "agencies": those that occur, sorted, "agency_of", "leads", "off_duty"}; the last
three are places in the lists before them. Gate files of before have a list of {"person", "chance"} instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from routing.fields import Fields, FieldsError
from routing.people import Role, Roster

_KEYS = ("people", "chances", "agencies", "agency_of", "leads", "off_duty")
_PLAIN_KEYS = ("person", "chance")


@dataclass(frozen=True, slots=True)
class Lot:
    """`ready`: on duty, or the tip was not urgent; of those drawn they come first."""

    role: Role
    agency: str
    ready: bool


def lots_of(chances: Mapping[str, float], roster: Roster, *, urgent: bool) -> Mapping[str, Lot]:
    """Of everybody who has a chance. `roster`: what was drawn from."""
    known = {person.id: person for person in roster.people if person.id in chances}
    return {name: Lot(one.card.role, one.card.agency, one.on_duty or not urgent) for name in chances for one in [known[name]]}


def chances_written(chances: Mapping[str, float], lots: Mapping[str, Lot]) -> object:
    """Raises FieldsError where lots are of some people alone."""
    if not lots:
        return [{"person": person, "chance": float(chance)} for person, chance in chances.items()]
    people = sorted(chances)
    if people != sorted(lots):
        raise FieldsError("chances and lots are of different people")
    each = [lots[name] for name in people]
    agencies = {name: place for place, name in enumerate(sorted({lot.agency for lot in each}))}
    return {
        "people": people,
        "chances": [float(chances[name]) for name in people],
        "agencies": list(agencies),
        "agency_of": [agencies[lot.agency] for lot in each],
        "leads": [place for place, lot in enumerate(each) if lot.role is Role.LEAD],
        "off_duty": [place for place, lot in enumerate(each) if not lot.ready],
    }


def chances_read(fields: Fields) -> tuple[Mapping[str, float], Mapping[str, Lot]]:
    """Of the field "chances". No lots, where it is a plain list. Raises FieldsError."""
    try:
        drawn = fields.part("chances", _KEYS)
    except FieldsError:
        return {item.id("person"): item.chance("chance") for item in fields.each("chances", _PLAIN_KEYS)}, {}
    people, chances, agencies = drawn.ids("people"), drawn.chances("chances"), drawn.ids("agencies")
    houses = [agencies[place] for place in drawn.wholes("agency_of", len(agencies))]
    leads, late = (frozenset(drawn.wholes(key, len(people))) for key in ("leads", "off_duty"))
    if not len(people) == len(chances) == len(houses):
        raise FieldsError("a column is longer than another")
    lots = (Lot(Role.LEAD if n in leads else Role.HANDLER, house, n not in late) for n, house in enumerate(houses))
    return dict(zip(people, chances, strict=True)), dict(zip(people, lots, strict=True))
