"""What a simulated world is made of. Every number is an assumption; only the share lost today (about three quarters) is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from routing.people import House, Role

REGIONS = 6
TOWNS = 4


class Sort(StrEnum):
    DISTRICT = "district police"
    REGIONAL = "regional police"
    NATIONAL = "national police"
    PROSECUTOR = "prosecutors"
    LABOUR = "labour inspectors"
    NGO = "NGOs"
    LIAISON = "foreign liaison"


@dataclass(frozen=True, slots=True)
class Kind:
    """`people` in so many `agencies`; `rotten`: their share of corrupt people against the world's."""

    house: House
    role: Role
    people: int
    agencies: int
    rotten: float


KINDS: Mapping[Sort, Kind] = {
    Sort.DISTRICT: Kind(House.POLICE, Role.LEAD, 48, REGIONS * TOWNS, 1.6),
    Sort.REGIONAL: Kind(House.POLICE, Role.LEAD, 18, REGIONS, 1.2),
    Sort.NATIONAL: Kind(House.POLICE, Role.LEAD, 12, 3, 0.9),
    Sort.PROSECUTOR: Kind(House.JUDICIARY, Role.LEAD, 18, REGIONS, 0.7),
    Sort.LABOUR: Kind(House.LABOUR_INSPECTION, Role.HANDLER, 12, REGIONS, 0.5),
    Sort.NGO: Kind(House.NGO, Role.HANDLER, 30, 10, 0.35),
    Sort.LIAISON: Kind(House.FOREIGN_LIAISON, Role.HANDLER, 12, 6, 0.2),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """Shares and chances; days; standard deviations in log-odds. `own`, `other`: chance that a corrupt reader leaks a case of his network,
    and any other. `touches`: a tip touches the network of its region. `lost_anyway`: through nobody of the roster. `seen`, `delay`:
    outcomes that are reported at all, and the mean days until then. `leads_read` false: handlers alone open cases. `readers_tell`: nobody
    else ever tells what came of a case; a handler of his own, and where it is verified the next of its order, who opens it for that."""

    tips: int = 1000
    scale: float = 1.0
    kinds: Mapping[Sort, Kind] = field(default_factory=lambda: KINDS)
    corrupt: float = 0.25
    by_agency: float = 0.8
    by_region: float = 0.6
    own: float = 0.735
    other: float = 0.147
    touches: float = 0.85
    lost_anyway: float = 0.08
    at_home: float = 0.52
    hidden: float = 0.20
    past_declared: float = 0.6
    kin_declared: float = 0.5
    seen: float = 0.85
    delay: float = 25.0
    false_alarm: float = 0.08
    unseen: float = 0.10
    verified: float = 0.5
    informers: int = 25
    churn: float = 0.15
    named: float = 0.05
    implicated: float = 0.25
    child: float = 0.25
    silent: float = 0.08
    off_duty: float = 0.0
    foreign: float = 0.15
    speaks: float = 0.45
    vetters: int = 10
    shills: int = 0
    leads_read: bool = True
    readers_tell: bool = False
