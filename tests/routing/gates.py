"""Gates of a draw from forty people, with and without leads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from routing.draw import choose
from routing.gate import GateFile, draw_up
from routing.learning import nothing_known
from routing.people import Agency, Atlas, House, Person, Role, Roster, TipFacts
from tests.routing.world import FAR, NOW, line, person

CASE = "c" * 32
EVERYBODY = line(40)


def fingerprints(everybody: Roster) -> dict[str, str]:
    return {one.id: f"card-of-{one.id}" for one in everybody.people}


def gate_of(everybody: Roster = EVERYBODY, tip: TipFacts = FAR, coins: bytes = b"c" * 32) -> GateFile:
    drawn = choose(everybody, tip, nothing_known(), coins, NOW)
    return draw_up(CASE, 1, "age1case", NOW, tip, drawn, fingerprints(everybody), everybody)


GATE = gate_of()
FIRST = GATE.order[0].person


def by_id(name: str, everybody: Roster = EVERYBODY) -> Person:
    return next(one for one in everybody.people if one.id == name)


def with_person(changed: Person) -> Roster:
    return replace(EVERYBODY, people=tuple(changed if one.id == changed.id else one for one in EVERYBODY.people))


def with_card(one: Person, **changes: Any) -> Person:
    return replace(one, card=replace(one.card, **changes))


def led_line() -> Roster:
    """As EVERYBODY, with twelve leads of twelve other agencies, one of whom was posted in the north, the others at sea."""
    houses = tuple(Agency(f"unit-{n}", House.POLICE, "south", None, ()) for n in range(12))
    leads = tuple(
        person(f"l{n}", role=Role.LEAD, agency=f"unit-{n}", past_postings=("nord" if n == 0 else "calm",), on_duty=n > 2) for n in range(12)
    )
    atlas = Atlas(tuple(EVERYBODY.atlas.regions.values()), (*EVERYBODY.atlas.agencies.values(), *houses))
    return Roster((*EVERYBODY.people, *leads), atlas)


LED = led_line()
LED_GATE = next(gate for gate in (gate_of(LED, coins=bytes([n]) * 32) for n in range(99)) if any(s.person == "l0" for s in gate.lead_order))
