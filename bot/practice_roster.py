"""The practice roster: key cards of invented people (bot/data/practice.toml), with dates counted back from today. Marked practice.

`listed`: "people", who read or lead; or "officers", trustees and auditors.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from routing.people import Card, Kin, Role

SIGNED_AT = time(8, tzinfo=UTC)
HOLDS = timedelta(days=365)

World = Mapping[str, Any]
"""The parsed practice file. It is ours: a wrong entry is a KeyError, and a test reads it whole."""


def practice_people(world: World, listed: str = "people") -> dict[str, str]:
    """Id -> name of every practice person, in the file's order."""
    return {person["id"]: person["name"] for person in world[listed]}


def practice_cards(world: World, today: date, keys: Mapping[str, tuple[str, str]], listed: str = "people") -> tuple[Card, ...]:
    """Cards in the file's order. `keys`: person id -> (age recipient, verify key)."""
    return tuple(_card(person, today, *keys[person["id"]]) for person in world[listed])


def _card(person: World, today: date, age_recipient: str, verify_key: str) -> Card:
    issued = today - timedelta(days=person["issued_days_ago"])
    return Card(
        person=person["id"],
        name=person["name"],
        spellings=(),
        age_recipient=age_recipient,
        verify_key=verify_key,
        role=Role(person.get("role", Role.HANDLER)),
        agency=person["agency"],
        past_agencies=tuple(person.get("past_agencies", ())),
        home=person["home"],
        posting=person["posting"],
        past_postings=tuple(person.get("past_postings", ())),
        kin=tuple(Kin(kin["name"], kin.get("region"), kin.get("agency")) for kin in person.get("kin", ())),
        conflicts=tuple(person.get("conflicts", ())),
        languages=tuple(person["languages"]),
        child_clearance=person.get("child_clearance", False),
        capacity=person["capacity"],
        founder=person.get("founder", False),
        sequence=1,
        issued=datetime.combine(issued, SIGNED_AT),
        expires=issued + HOLDS,
        practice=True,
    )
