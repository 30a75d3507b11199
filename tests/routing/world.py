"""A small world for the tests of routing: two regions and a sea, their offices, and strategies for rosters and tips in it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

from routing.exposure import opened
from routing.learning import SOURCES, Beliefs, Event, Heard, Verdict, nothing_known, update
from routing.people import Agency, Atlas, Card, House, Kin, Person, Region, RegionKind, Role, Roster, TipFacts
from routing.policy import DEFAULT
from triage.tip import AgencyKind, Child

T = TypeVar("T")

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RECEIVED = NOW - timedelta(minutes=10)

REGIONS = (
    Region("land", None, RegionKind.COUNTRY, ("Land",)),
    Region("north", "land", RegionKind.REGION, ("North",)),
    Region("south", "land", RegionKind.REGION, ("South",)),
    Region("east", "land", RegionKind.REGION, ("East",)),
    Region("nord", "north", RegionKind.TOWN, ("Nord",)),
    Region("nord-2", "north", RegionKind.TOWN, ("Nordville",)),
    Region("harbour", "nord", RegionKind.PORT, ("Harbour",)),
    Region("sud", "south", RegionKind.TOWN, ("Sud",)),
    Region("ost", "east", RegionKind.TOWN, ("Ost",)),
    Region("calm", "land", RegionKind.SEA, ("Calm Sea",)),
    Region("free-city", "land", RegionKind.TOWN, ("Free City",)),
    Region("abroad", None, RegionKind.COUNTRY, ("Abroad",)),
    Region("away", "abroad", RegionKind.TOWN, ("Away",)),
)
AGENCIES = (
    Agency("police", House.POLICE, "land", None, ("Police",)),
    Agency("police-north", House.POLICE, "north", "police", ("North Police",)),
    Agency("police-south", House.POLICE, "south", "police", ("South Police",)),
    Agency("police-nord", House.POLICE, "nord", "police-north", ("Nord Police",)),
    Agency("police-nord-2", House.POLICE, "nord-2", "police-north", ("Nordville Police",)),
    Agency("court-north", House.JUDICIARY, "north", None, ("North Prosecutors",)),
    Agency("court-south", House.JUDICIARY, "south", None, ("South Prosecutors",)),
    Agency("hall-nord", House.LOCAL_GOVERNMENT, "nord", None, ("Nord Hall",)),
    Agency("labour", House.LABOUR_INSPECTION, "land", None, ("Labour",)),
    Agency("port", House.PORT_AUTHORITY, "harbour", None, ("Harbour Office",)),
    Agency("coast", House.BORDER_GUARD, "calm", None, ("Coast Guard",)),
    Agency("haven", House.NGO, "land", None, ("Haven",)),
    Agency("lantern", House.NGO, "south", None, ("Lantern",)),
    Agency("liaison", House.FOREIGN_LIAISON, "abroad", None, ("Liaison",)),
)
ATLAS = Atlas(REGIONS, AGENCIES)
VETTERS = ("vetter-a", "vetter-b")

FAR = TipFacts(RECEIVED, frozenset({"ost"}), place_known=True, child=Child.NO, could_involve_child=False)
"""A tip from a town where nobody of the roster has a tie, and that implicates nobody."""


def card(id: str = "p1", **changes: Any) -> Card:
    """Somebody whom nothing excludes from FAR."""
    base = Card(
        person=id,
        name=f"Name Of {id}",
        spellings=(),
        age_recipient="age1test",
        verify_key="key",
        role=Role.HANDLER,
        agency="haven",
        past_agencies=(),
        home="sud",
        posting="sud",
        past_postings=(),
        kin=(),
        conflicts=(),
        languages=("en", "es"),
        child_clearance=False,
        capacity=4,
        founder=True,
        sequence=1,
        issued=NOW - timedelta(days=200),
        expires=(NOW + timedelta(days=165)).date(),
    )
    return replace(base, **changes)


def person(
    id: str = "p1", *, vetters: tuple[str, ...] = VETTERS, active: bool = True, open_cases: int = 0, on_duty: bool = True, **changes: Any
) -> Person:
    return Person(card(id, **changes), vetters, active, open_cases, on_duty)


def roster(*people: Person) -> Roster:
    return Roster(people, ATLAS)


def line(count: int, agencies: int = 12, **changes: Any) -> Roster:
    """Many people without ties, spread over so many NGOs."""
    houses = tuple(Agency(f"ngo-{n}", House.NGO, "south", None, ()) for n in range(agencies))
    people = tuple(person(f"p{n:03}", agency=f"ngo-{n % agencies}", **changes) for n in range(count))
    return Roster(people, Atlas(REGIONS, AGENCIES + houses))


REGION_IDS = sorted(ATLAS.regions)
AGENCY_IDS = sorted(ATLAS.agencies)
NAMES = [f"{first} {last}" for first in ("Ana", "Luis", "Noé") for last in ("Albariza", "Brumedo", "Cantaloro", "Dunavega", "Ésporo")]


def _anybody(id: str, dice: random.Random) -> Person:
    """Any card; ties and faults are rare enough that pools are not empty."""

    def rare() -> bool:
        return dice.random() < 0.15

    kin = Kin(dice.choice(NAMES), dice.choice([None, *REGION_IDS]), dice.choice([None, *AGENCY_IDS]))
    return person(
        id,
        name=dice.choice(NAMES),
        role=Role.LEAD if rare() else Role.HANDLER,
        agency=dice.choice([*AGENCY_IDS, "haven", "lantern", "liaison"]),
        past_agencies=(dice.choice(AGENCY_IDS),) if rare() else (),
        home=dice.choice(REGION_IDS),
        posting=dice.choice(REGION_IDS),
        past_postings=(dice.choice(REGION_IDS),) if rare() else (),
        kin=(kin,) if rare() else (),
        conflicts=(dice.choice(NAMES),) if rare() else (),
        languages=dice.choice([("en",), ("es", "en"), ("fr",)]),
        child_clearance=not rare(),
        capacity=dice.randint(0, 5),
        founder=dice.random() < 0.5,
        issued=NOW - timedelta(days=dice.choice([0, 10, 149, 150, 200, 364, 366])),
        expires=(NOW + timedelta(days=dice.choice([200, 200, 200, 0, -1]))).date(),
        vetters=dice.choice([("a", "b"), ("a", "b"), ("b", "c"), ("a", "c"), ("a", "b", "c"), ("a",)]),
        active=not rare(),
        open_cases=dice.randint(0, 6),
        on_duty=dice.random() < 0.5,
    )


EVERYBODY = tuple(_anybody(f"p{n:03}", random.Random(n)) for n in range(240))


def rosters(most: int = 40) -> st.SearchStrategy[Roster]:
    """Drawn from people made beforehand: fast, and a failing roster shrinks person by person."""
    return st.lists(st.sampled_from(EVERYBODY), max_size=most, unique_by=lambda one: one.id).map(lambda some: Roster(tuple(some), ATLAS))


LARGE = line(60, child_clearance=True)


def large_rosters() -> st.SearchStrategy[Roster]:
    """Where most tips find pool enough for three readers: a tenth of EVERYBODY among people without ties, some in the place of one."""
    some = st.lists(st.sampled_from(EVERYBODY), max_size=24, unique_by=lambda one: one.id)
    return st.builds(lambda size, some: replace(LARGE, people=LARGE.people[:size]).changed(*some), st.integers(20, 60), some)


def _stranger(id: str, dice: random.Random) -> Person:
    """A card that says what the atlas lacks, more of everything, names in any form."""
    places, offices = [*REGION_IDS, "lost", "lost-2"], [*AGENCY_IDS, "lost-office"]
    kin = [Kin(dice.choice(ODD_NAMES), dice.choice([None, *places]), dice.choice([None, *offices])) for _ in range(dice.randint(0, 3))]
    one = _anybody(id, dice)
    changes: dict[str, Any] = {
        "role": dice.choice(list(Role)),
        "agency": dice.choice([one.card.agency, *offices]),
        "past_agencies": tuple(dice.sample(offices, dice.randint(0, 2))),
        "home": dice.choice([one.card.home, *places]),
        "past_postings": tuple(dice.sample(places, dice.randint(0, 2))),
        "kin": tuple(kin),
        "conflicts": tuple(dice.choice([*ODD_NAMES, *(other.id for other in EVERYBODY[:9])]) for _ in range(dice.randint(0, 2))),
    }
    kept = dice.sample(sorted(changes), 3)  # with all of them at once nobody would be eligible
    return replace(one, card=replace(one.card, **{name: changes[name] for name in kept}))


ODD_NAMES = [*NAMES, "Ana", "ANA  BRUMEDO", "Brumedo, Noe", "de la O", "Ana de la Dunavega", "", "...", "李明", "Jean-Luis Esporo Brumedo"]
STRANGERS = tuple(_stranger(f"s{n:03}", random.Random(n)) for n in range(240))
"""Beside EVERYBODY, for what must hold of any card at all."""


def _some(items: Sequence[T], most: int) -> st.SearchStrategy[frozenset[T]]:
    return st.frozensets(st.sampled_from(items), max_size=most)


TIPS = st.builds(
    TipFacts,
    received=st.just(RECEIVED),
    regions=_some(REGION_IDS, 2),
    place_known=st.booleans(),
    agencies=_some(AGENCY_IDS, 1),
    kinds=_some(tuple(AgencyKind), 1),
    people=_some([one.id for one in EVERYBODY], 2),
    names=_some([name.lower() for name in NAMES], 1),
    child=st.sampled_from(Child),
    could_involve_child=st.booleans(),
    asks_help=st.booleans(),
    urgent=st.booleans(),
    language=st.sampled_from([None, "es", "en-GB", "fr"]),
)
COINS = st.binary(min_size=32, max_size=32)
ODD_TIPS = st.builds(
    replace,
    TIPS,
    regions=_some([*REGION_IDS, "lost"], 2),
    agencies=_some([*AGENCY_IDS, "lost-office"], 2),
    kinds=_some(tuple(AgencyKind), 3),
    people=_some([one.id for one in (*EVERYBODY[:20], *STRANGERS)], 3),
    names=_some([name.lower() for name in ODD_NAMES], 3),
)


def crowds(most: int = 60) -> st.SearchStrategy[Roster]:
    """Rosters with strangers in them."""
    anybody = st.sampled_from((*EVERYBODY, *STRANGERS))
    return st.lists(anybody, max_size=most, unique_by=lambda one: one.id).map(lambda some: Roster(tuple(some), ATLAS))


def _outcome(area: str, some: Sequence[Person], verdict: Verdict, informer: str, verified: bool, outside: Sequence[Heard]) -> Event:
    readers = tuple(opened(one, area, ATLAS, DEFAULT.learning) for one in some)
    return Event(area, readers, verdict, informer, verified, 20_000, tuple(outside))


OUTCOMES = st.builds(
    _outcome,
    st.sampled_from(["north", "south", "east", "calm", "land"]),
    st.lists(st.sampled_from(EVERYBODY), min_size=1, max_size=3, unique_by=lambda one: one.id),
    st.sampled_from(Verdict),
    st.sampled_from([SOURCES, "i1", "i2", "i3", EVERYBODY[0].id]),
    st.booleans(),
    st.lists(st.builds(Heard, by=st.sampled_from(EVERYBODY).map(lambda one: one.id), exposure=st.floats(0, 0.6)), max_size=2),
)


def learnt(outcomes: Sequence[Event]) -> Beliefs:
    beliefs = nothing_known()
    for outcome in outcomes:
        beliefs = update(beliefs, outcome)
    return beliefs


BELIEFS = st.lists(OUTCOMES, max_size=6).map(learnt)
