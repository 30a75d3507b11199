"""One simulated world: its people, its tips, and every toss of a coin that does not depend on who reads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from benchmarks.exposure.people import START, Floats, Human, agency_id, make_atlas, make_people, town_id
from benchmarks.exposure.setting import REGIONS, TOWNS, Setting, Sort
from routing.people import Role, TipFacts
from triage.tip import AgencyKind, Child

ATLAS = make_atlas()
CATEGORIES = 6
SECRET = b"the bench's own"
SORTS = tuple(Sort)


@dataclass(frozen=True, slots=True)
class Tip:
    """`network`: the region whose network it touches. `hurts`: among the fifth that is worth most to a network."""

    number: int
    day: float
    region: int
    network: int
    category: int
    hurts: bool
    facts: TipFacts

    @property
    def coins(self) -> bytes:
        return hashlib.sha256(SECRET + self.number.to_bytes(4)).digest()

    @property
    def now(self) -> datetime:
        return self.facts.received + timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Tosses:
    """Drawn once, so that every policy meets the same luck. `leaks`, `silent`: a row for each tip, a column for each person."""

    leaks: Floats
    silent: NDArray[np.bool_]
    anyway: Floats
    seen: Floats
    delays: Floats
    mistaken: Floats
    verified: NDArray[np.bool_]
    informers: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class World:
    seed: int
    setting: Setting
    people: tuple[Human, ...]
    tips: tuple[Tip, ...]
    tosses: Tosses
    rows: Mapping[str, int]
    since: Floats
    until: Floats
    lead: NDArray[np.bool_]
    sort: NDArray[np.int64]
    works: NDArray[np.int64]
    home: NDArray[np.int64]

    def there(self, day: float) -> NDArray[np.int64]:
        """Numbers of the people who are on the roster."""
        return np.nonzero((self.since <= day) & (day < self.until))[0]


def make_world(seed: int, setting: Setting) -> World:
    rng = np.random.default_rng([seed, 20])
    people = make_people(setting, rng)
    tips = _tips(setting, people, rng)
    count, everybody = len(tips), len(people)
    tosses = Tosses(
        leaks=rng.random((count, everybody)),
        silent=rng.random((count, everybody)) < setting.silent,
        anyway=rng.random(count),
        seen=rng.random(count),
        delays=rng.exponential(1.0, count),
        mistaken=rng.random(count),
        verified=rng.random(count) < setting.verified,
        informers=rng.integers(setting.informers, size=count),
    )
    return World(
        seed,
        setting,
        people,
        tips,
        tosses,
        {human.card.person: human.number for human in people},
        np.array([human.since for human in people]),
        np.array([human.until for human in people]),
        np.array([human.card.role is Role.LEAD for human in people]),
        np.array([SORTS.index(human.sort) for human in people], dtype=np.int64),
        np.array([human.works for human in people], dtype=np.int64),
        np.array([human.home for human in people], dtype=np.int64),
    )


def _tips(setting: Setting, people: tuple[Human, ...], rng: np.random.Generator) -> tuple[Tip, ...]:
    weights = rng.dirichlet(np.full(REGIONS, 12.0))
    tips = []
    for number in range(setting.tips):
        region, town = int(rng.choice(REGIONS, p=weights)), int(rng.integers(TOWNS))
        day = number + float(rng.random()) * 0.9
        elsewhere = (region + int(rng.integers(1, REGIONS))) % REGIONS
        network = region if rng.random() < setting.touches else elsewhere
        facts = _facts(setting, people, (region, town), day, rng)
        tips.append(Tip(number, day, region, network, int(rng.integers(CATEGORIES)), bool(rng.random() < 0.2), facts))
    return tuple(tips)


def _facts(setting: Setting, people: tuple[Human, ...], place: tuple[int, int], day: float, rng: np.random.Generator) -> TipFacts:
    region, town = place
    local = [human for human in people if human.works == region and human.since <= day < human.until]
    named = rng.random() < setting.named and local
    who = frozenset({local[int(rng.integers(len(local)))].card.person}) if named and local else frozenset[str]()
    office = agency_id(Sort.DISTRICT, region * TOWNS + town)
    turn = rng.random()
    return TipFacts(
        received=START + timedelta(days=day),
        regions=frozenset({town_id(region, town)}),
        place_known=True,
        agencies=frozenset({office}) if turn < setting.implicated else frozenset(),
        kinds=frozenset({AgencyKind.POLICE}) if turn < setting.implicated / 3 else frozenset(),
        people=who,
        child=Child.UNKNOWN if rng.random() < setting.child else Child.NO,
        could_involve_child=True,
        asks_help=False,
        urgent=bool(rng.random() < 0.1),
        language="es" if rng.random() >= setting.foreign else str(rng.choice(["en", "qu", "pt"])),
    )
