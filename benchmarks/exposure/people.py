"""The people of a simulated world: their agencies, ties and cards, and which of them serve a network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from benchmarks.exposure.setting import REGIONS, TOWNS, Kind, Setting, Sort
from routing.people import Agency, Atlas, Card, Kin, Region, RegionKind

Floats = NDArray[np.float64]
START = datetime(2026, 1, 1, 9, tzinfo=UTC)
HONEST = -1
YEAR = 360
"""Days after which a card is signed again, before its vetting ends."""
FOREIGN = 6
LANGUAGES = ("es", "en", "qu", "pt")


def region_id(region: int) -> str:
    return f"land-{region}"


def town_id(region: int, town: int) -> str:
    return f"land-{region}-{town}"


def agency_id(sort: Sort, number: int) -> str:
    return f"{sort.name.lower()}-{number}"


def make_atlas() -> Atlas:
    regions = [Region("land", None, RegionKind.COUNTRY, ("Land",))]
    regions += [Region(region_id(r), "land", RegionKind.REGION, (f"Region {r}",)) for r in range(REGIONS)]
    regions += [Region(town_id(r, t), region_id(r), RegionKind.TOWN, (f"Town {r} {t}",)) for r in range(REGIONS) for t in range(TOWNS)]
    regions += [Region(f"abroad-{n}", None, RegionKind.COUNTRY, (f"Abroad {n}",)) for n in range(FOREIGN)]
    return Atlas(tuple(regions), tuple(_offices()))


def _offices() -> Iterator[Agency]:
    setting = Setting()
    for sort, kind in setting.kinds.items():
        for number in range(kind.agencies):
            yield Agency(agency_id(sort, number), kind.house, _jurisdiction(sort, number), _parent(sort, number), (f"{sort} {number}",))


def _jurisdiction(sort: Sort, number: int) -> str:
    if sort is Sort.DISTRICT:
        return town_id(number // TOWNS, number % TOWNS)
    if sort in (Sort.REGIONAL, Sort.PROSECUTOR, Sort.LABOUR):
        return region_id(number)
    return f"abroad-{number % FOREIGN}" if sort is Sort.LIAISON else "land"


def _parent(sort: Sort, number: int) -> str | None:
    if sort is Sort.DISTRICT:
        return agency_id(Sort.REGIONAL, number // TOWNS)
    return agency_id(Sort.NATIONAL, 0) if sort is Sort.REGIONAL else None


@dataclass(frozen=True, slots=True)
class Human:
    """One person as he is. `works`, `home`: regions, or HONEST - 1 for abroad. `network`: the region whose network he serves, or HONEST.
    `there` from day `since` until day `until`. `hours`: to answer a tip with no other case open."""

    number: int
    sort: Sort
    card: Card
    works: int
    home: int
    ties: tuple[int, ...]
    network: int
    since: float
    until: float
    hours: float
    vetters: tuple[str, str]

    def card_on(self, day: float) -> Card:
        """The card in force: signed anew every year."""
        issued = self.since + YEAR * max(0, math.floor((day - self.since) / YEAR))
        signed = START + timedelta(days=issued)
        return replace(self.card, issued=signed, expires=(signed + timedelta(days=365)).date())


ABROAD = -2


@dataclass(frozen=True, slots=True)
class Leaning:
    """How rotten each agency and each region is, in log-odds, and what brings the world's share of corrupt people to its number."""

    agency: dict[str, float]
    region: Floats
    shift: float

    def odds(self, kind: Kind, agency: str, region: int, corrupt: float) -> float:
        share = min(0.97, max(0.005, corrupt * kind.rotten))
        return math.log(share / (1 - share)) + self.agency[agency] + (float(self.region[region]) if region >= 0 else 0.0) + self.shift


def make_people(setting: Setting, rng: np.random.Generator) -> tuple[Human, ...]:
    """Everybody who is ever on the roster; those who leave are followed, in the same place, by others."""
    places = [(sort, n) for sort, kind in setting.kinds.items() for n in _seats(kind, setting.scale)]
    leaning = _lean(setting, places, rng)
    people: list[Human] = []
    for sort, office in places:
        since = -float(rng.uniform(160, 900))
        while since < setting.tips:
            stays = float(rng.exponential(365 / setting.churn)) if setting.churn else math.inf
            until = max(since, 0.0) + stays
            people.append(_human(len(people), sort, office, (since, until), setting, leaning, rng))
            since = until
    return (*people, *make_shills(setting, len(people), rng))


def _seats(kind: Kind, scale: float) -> list[int]:
    count = max(1, round(kind.people * scale))
    return [n * kind.agencies // count for n in range(count)] if count < kind.agencies else [n % kind.agencies for n in range(count)]


def _base(sort: Sort, office: int) -> int:
    """The region in which an office has its seat; national ones in the capital, region 0."""
    if sort is Sort.DISTRICT:
        return office // TOWNS
    if sort is Sort.LIAISON:
        return ABROAD
    return 0 if sort is Sort.NATIONAL else office % REGIONS


def _lean(setting: Setting, places: Sequence[tuple[Sort, int]], rng: np.random.Generator) -> Leaning:
    agencies = {agency_id(s, n): float(rng.normal(0, setting.by_agency)) for s, k in setting.kinds.items() for n in range(k.agencies)}
    leaning = Leaning(agencies, rng.normal(0, setting.by_region, REGIONS), 0.0)
    odds = np.array([leaning.odds(setting.kinds[s], agency_id(s, n), _base(s, n), setting.corrupt) for s, n in places])
    low, high = -6.0, 6.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if float(np.mean(1 / (1 + np.exp(-odds - middle)))) < setting.corrupt else (low, middle)
    return replace(leaning, shift=low)


def _human(
    number: int, sort: Sort, office: int, there: tuple[float, float], setting: Setting, leaning: Leaning, rng: np.random.Generator
) -> Human:
    kind, works, agency = setting.kinds[sort], _base(sort, office), agency_id(sort, office)
    if sort is Sort.NGO and rng.random() < 0.4:
        works = int(rng.integers(REGIONS))
    home = works if works == ABROAD or rng.random() < 0.8 else int(rng.integers(REGIONS))
    past = int(rng.integers(REGIONS)) if rng.random() < 0.4 else None
    kin = int(rng.integers(REGIONS)) if rng.random() < 0.3 else None
    chance = 1 / (1 + math.exp(-leaning.odds(kind, agency, works, setting.corrupt)))
    network = _network(home, [r for r in (past, kin) if r is not None], setting, rng) if rng.random() < chance else HONEST
    tells_past, tells_kin = rng.random() < setting.past_declared, rng.random() < setting.kin_declared
    town = int(rng.integers(TOWNS))
    pair = rng.choice(setting.vetters, 2, replace=False)
    card = Card(
        person=f"p{number:03}",
        name=f"Person {number:03}",
        spellings=(),
        age_recipient="age1simulated",
        verify_key="simulated",
        role=kind.role,
        agency=agency,
        past_agencies=(),
        home=_place(home, town, office),
        posting=_place(works, office % TOWNS if sort is Sort.DISTRICT else 0, office),
        past_postings=(town_id(past, town),) if past is not None and tells_past else (),
        kin=(Kin(f"Kin of {number:03}", region_id(kin), None),) if kin is not None and tells_kin else (),
        conflicts=(),
        languages=("es", *(tongue for tongue in LANGUAGES[1:] if rng.random() < setting.speaks)),
        child_clearance=bool(rng.random() < 0.65),
        capacity=int(rng.integers(2, 7)),
        founder=False,
        sequence=1,
        issued=START,
        expires=START.date(),
    )
    return Human(
        number=number,
        sort=sort,
        card=card,
        works=works,
        home=home,
        ties=tuple(r for r in (past, kin) if r is not None),
        network=network,
        since=there[0],
        until=there[1],
        hours=float(rng.uniform(2, 10)),
        vetters=(f"vetter-{pair[0]}", f"vetter-{pair[1]}"),
    )


def _place(region: int, town: int, office: int) -> str:
    return f"abroad-{office % FOREIGN}" if region == ABROAD else town_id(region, town)


def _network(home: int, ties: Sequence[int], setting: Setting, rng: np.random.Generator) -> int:
    """That of his home, of an earlier posting or of kin where he has either, or one with which nothing visible ties him."""
    turn = rng.random()
    if home != ABROAD and (turn < setting.at_home or (turn < 1 - setting.hidden and not ties)):
        return home
    if turn < 1 - setting.hidden and ties:
        return int(rng.choice(np.array(ties)))
    return int(rng.choice([r for r in range(REGIONS) if r != home and r not in ties]))


def make_shills(setting: Setting, first: int, rng: np.random.Generator) -> tuple[Human, ...]:
    """Perfect papers, one pair of vetters, all corrupt: two thirds handlers, one third leads, who come within the first two months."""
    shills = []
    for n in range(setting.shills):
        sort = (Sort.NGO, Sort.LIAISON, Sort.PROSECUTOR)[n % 3]
        office = int(rng.integers(setting.kinds[sort].agencies))
        blank = Leaning({agency_id(sort, office): 0.0}, np.zeros(REGIONS), 0.0)
        human = _human(first + n, sort, office, (float(rng.uniform(0, 60)), math.inf), setting, blank, rng)
        card = replace(
            human.card, home=_place(ABROAD, 0, office), past_postings=(), kin=(), languages=LANGUAGES, child_clearance=True, capacity=6
        )
        shills.append(replace(human, card=card, network=int(rng.integers(REGIONS)), vetters=("vetter-0", "vetter-1")))
    return tuple(shills)
