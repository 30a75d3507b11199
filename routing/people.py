"""What routing knows of people, agencies and regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from triage.tip import AgencyKind, Child

if TYPE_CHECKING:
    from routing.index import Index


class RegionKind(StrEnum):
    COUNTRY = "country"
    REGION = "region"
    TOWN = "town"
    PORT = "port"
    SEA = "sea"


class House(StrEnum):
    """Kinds of agency that a reader can belong to: every public office of triage, and two that are not local officials."""

    POLICE = "police"
    IMMIGRATION = "immigration"
    BORDER_GUARD = "border_guard"
    MILITARY = "military"
    LOCAL_GOVERNMENT = "local_government"
    JUDICIARY = "judiciary"
    LABOUR_INSPECTION = "labour_inspection"
    PORT_AUTHORITY = "port_authority"
    EMBASSY = "embassy"
    OTHER = "other"
    NGO = "ngo"
    FOREIGN_LIAISON = "foreign_liaison"


NO_OFFICIALS = frozenset({House.NGO, House.FOREIGN_LIAISON})


class Reach(IntEnum):
    """Of an office's jurisdiction: one town or port; a region, a sea; a whole country."""

    TOWN = 0
    AREA = 1
    COUNTRY = 2


class Role(StrEnum):
    """Handler: the caseworker who reads. Lead: enforcement, drawn with him, who reads nothing until he is asked for. Trustee: holds shares
    of case keys, reads none. Auditor: with another one, and by the trustees, is told why people could not read a case; reads none."""

    HANDLER = "handler"
    LEAD = "lead"
    TRUSTEE = "trustee"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Region:
    id: str
    parent: str | None
    kind: RegionKind
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agency:
    """`region` is the area of its jurisdiction (a country for national bodies); `parent` the next office up its chain of command."""

    id: str
    kind: House
    region: str
    parent: str | None
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kin:
    name: str
    region: str | None
    agency: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """The content of a key card: everything routing reads of a person but duty hours. Two vetters sign its bytes (sealing/card.py)."""

    person: str
    name: str
    spellings: tuple[str, ...]
    age_recipient: str
    verify_key: str
    role: Role
    agency: str
    past_agencies: tuple[str, ...]
    home: str
    posting: str
    past_postings: tuple[str, ...]
    kin: tuple[Kin, ...]
    conflicts: tuple[str, ...]
    languages: tuple[str, ...]
    child_clearance: bool
    capacity: int
    founder: bool
    sequence: int
    issued: datetime
    expires: date
    practice: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """A card with what the line adds: who vetted it, whether it is active, and the load it carries."""

    card: Card
    vetters: tuple[str, ...]
    """Fingerprints of the vetters whose signatures hold; fewer than two excludes (E8)."""
    active: bool = True
    open_cases: int = 0
    on_duty: bool = True
    enrolled: datetime | None = None
    """When the person's first card was signed, where the line knows it; None = this card is the first. A renewal is no new probation."""

    @property
    def id(self) -> str:
        return self.card.person


class Atlas:
    """Regions and agencies of the line, indexed. Built once from data (bot/wiring reads the file)."""

    def __init__(self, regions: tuple[Region, ...], agencies: tuple[Agency, ...]) -> None:
        self.regions: Mapping[str, Region] = {r.id: r for r in regions}
        self.agencies: Mapping[str, Agency] = {a.id: a for a in agencies}
        if len(self.regions) != len(regions) or len(self.agencies) != len(agencies):
            raise AtlasError("two regions or two agencies have the same id")
        for region in regions:
            if region.parent is not None and region.parent not in self.regions:
                raise AtlasError(f"region {region.id} has an unknown parent")
        for agency in agencies:
            if agency.region not in self.regions or (agency.parent is not None and agency.parent not in self.agencies):
                raise AtlasError(f"agency {agency.id} has an unknown region or parent")
        self.areas = sum(region.kind in (RegionKind.REGION, RegionKind.SEA) for region in regions)
        self._inner = _children({r.id: r.parent for r in regions})
        self._lower = _children({a.id: a.parent for a in agencies})

    def above(self, region: str) -> frozenset[str]:
        """The region itself and every region around it."""
        found: list[str] = []
        at: str | None = region
        while at is not None and at not in found:
            found.append(at)
            at = self.regions[at].parent
        return frozenset(found)

    def area(self, region: str) -> str | None:
        """The region (kind REGION, or SEA) that a town or port lies in; itself when it is one; None for a country."""
        at: str | None = region
        while at is not None:
            here = self.regions[at]
            if here.kind in (RegionKind.REGION, RegionKind.SEA):
                return at
            at = here.parent
        return None

    def reach(self, agency: Agency) -> Reach:
        kind = self.regions[agency.region].kind
        small, large = kind in (RegionKind.TOWN, RegionKind.PORT), kind is RegionKind.COUNTRY
        return Reach.TOWN if small else Reach.COUNTRY if large else Reach.AREA

    def chain(self, agency: str) -> frozenset[str]:
        """The agency itself and every office above it."""
        found: list[str] = []
        at: str | None = agency
        while at is not None and at not in found:
            found.append(at)
            at = self.agencies[at].parent
        return frozenset(found)

    def inside(self, region: str) -> frozenset[str]:
        """The region itself and every region in it."""
        return _below(self._inner, region)

    def line(self, agency: str) -> frozenset[str]:
        """The agency itself and its chain of command in both directions."""
        return self.chain(agency) | _below(self._lower, agency)

    def apart(self, one: str, other: str) -> bool:
        """Two agencies, neither of which commands the other."""
        return other not in self.line(one)


def _children(parents: Mapping[str, str | None]) -> Mapping[str, tuple[str, ...]]:
    """Parent -> children. Raises AtlasError where something is its own ancestor."""
    children: dict[str, tuple[str, ...]] = {}
    for child, parent in parents.items():
        if parent is not None:
            children[parent] = (*children.get(parent, ()), child)
    roots = [name for name, parent in parents.items() if parent is None]
    if sum(len(_below(children, root)) for root in roots) != len(parents):
        raise AtlasError("a region or an agency is its own parent, or its parent's parent")
    return children


def _below(children: Mapping[str, tuple[str, ...]], top: str) -> frozenset[str]:
    found = [top]
    for name in found:
        found.extend(children.get(name, ()))
    return frozenset(found)


class AtlasError(ValueError):
    """The line's region file contradicts itself. Carries ids of the file only."""


class RosterError(ValueError):
    """Two people of the roster have the same id. Carries no content."""


@dataclass(frozen=True, slots=True)
class Roster:
    """Everybody enrolled, and the world they are tied to. `founding`: fingerprints of the founding vetters, all of whom must have signed
    a founder's card (empty: the enrolment has checked it)."""

    people: Sequence[Person]
    atlas: Atlas
    founding: frozenset[str] = frozenset()
    kept: list[Index] = field(default_factory=list, init=False, repr=False, compare=False)
    """Its index, once it has been asked for (routing/index.py)."""

    def __post_init__(self) -> None:
        if len({person.id for person in self.people}) != len(self.people):
            raise RosterError("two people of the roster have the same id")

    def changed(self, *people: Person) -> Roster:
        """With these people added, or in the place of those with their ids; in the order of ids. Where an index is there, it is handed on,
        and only what changed is looked at."""
        if not self.kept:
            new = {person.id: person for person in (*self.people, *people)}
            return replace(self, people=tuple(new[name] for name in sorted(new)))
        index = self.kept[0].changed(people)
        after = copy(self)  # without the look through all ids: an index has each once
        object.__setattr__(after, "people", index.people)
        object.__setattr__(after, "kept", [index])
        return after


class Code(StrEnum):
    """Why a person may not read a case (ROUTING, exclusion). Hard, never relaxed."""

    E1 = "E1"  # not active, or card signed after the tip
    E2 = "E2"  # named in the tip, or the source asked to keep it from them
    E3 = "E3"  # present or past agency implicated, or in its chain of command
    E4 = "E4"  # an implicated kind of official with jurisdiction over the place
    E5 = "E5"  # home, posting or past posting in the tip's region
    E6 = "E6"  # kin there, kin named, or kin in an implicated agency
    E7 = "E7"  # child case, or child unknown where there could be one, without clearance
    E8 = "E8"  # vetting older than 365 days, or fewer than two vetters
    E9 = "E9"  # declared conflict with a named person


@dataclass(frozen=True, slots=True)
class TipFacts:
    """What routing reads of a tip; built by handlers/pipeline from all its messages. Facts are only ever added."""

    received: datetime
    regions: frozenset[str] = frozenset()
    """Every region a place name resolves to, from original and translation."""
    place_known: bool = False
    """A place below the country, found in the original words. Never true by a translation alone."""
    agencies: frozenset[str] = frozenset()
    """Agencies of the atlas that are implicated (an office at a place)."""
    kinds: frozenset[AgencyKind] = frozenset()
    people: frozenset[str] = frozenset()
    """Ids of the roster's people who are named, or from whom the source wants it kept."""
    kept_from: frozenset[str] = frozenset()
    """Ids of those whom names shut out that he said elsewhere; they are not named here, and nobody is shut out for being tied to them."""
    names: frozenset[str] = frozenset()
    """Folded names in the text (triage.fold), for kin and declared conflicts."""
    child: Child = Child.UNKNOWN
    could_involve_child: bool = True
    asks_help: bool = False
    urgent: bool = False
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """The draw of an earlier tip of the same matter: a later one shares its order, with the new exclusions on top."""

    order: tuple[str, ...]
    leads: tuple[str, ...]
    chances: Mapping[str, float]


class Flag(StrEnum):
    SMALL_POOL = "small_pool"
    OVER_CAPACITY = "over_capacity"
    OFF_DUTY = "off_duty"
    OTHER_LANGUAGE = "other_language"
    TWO_VETTERS_REVIEW = "two_vetters_review"
    LINKED = "linked"
    FEW_LEADS = "few_leads"


class Hold(StrEnum):
    NOBODY_ELIGIBLE = "nobody_eligible"
    POISONED = "poisoned"
    NEEDS_TWO_VETTERS = "needs_two_vetters"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One draw: the whole order of readers, at most three, and of leads. `hold` set = both are empty."""

    order: tuple[str, ...]
    pool: int
    chances: Mapping[str, float]
    """Chance of each eligible person to be anywhere in the order of his role."""
    reasons: Mapping[str, tuple[Code, ...]]
    """Every person of the roster: () for the eligible."""
    flags: frozenset[Flag] = field(default_factory=frozenset)
    hold: Hold | None = None
    leads: tuple[str, ...] = ()
    unnamed: int | None = None
    """Of a hold: how many could read it, had it named nobody."""
