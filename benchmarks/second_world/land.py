"""The land: areas in a ring along two seas, towns and ports in them, few large national bodies and many tiny offices; of any size."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from routing.people import Agency, Atlas, Card, House, Kin, Person, Region, RegionKind, Role

START = datetime(2027, 3, 1, 9, tzinfo=UTC)
HOME = "istmia"
SEAS = ("mar-alto", "mar-bajo")
FLAGS = ("flag-one", "flag-two")
OTHERS = ("otra", "lejana")
NATIONAL = (
    ("gendarmerie", House.POLICE), ("detectives", House.POLICE), ("coast-guard", House.BORDER_GUARD), ("prosecutors", House.JUDICIARY),
    ("inspectorate", House.LABOUR_INSPECTION), ("migration", House.IMMIGRATION), ("navy", House.MILITARY),
)  # fmt: skip
LARGE_NGOS = ("open-hand", "safe-road")
LANGUAGES = ("es", "en", "fr", "tl", "ar")
NO_OFFICIALS = (House.NGO, House.FOREIGN_LIAISON)
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"


def word(number: int) -> str:
    """A made-up word of eight letters, another for each number below 24 million: no two people of this land share any."""
    letters = []
    for _ in range(4):
        number, rest = divmod(number, len(_CONSONANTS) * len(_VOWELS))
        letters.append(_CONSONANTS[rest // len(_VOWELS)] + _VOWELS[rest % len(_VOWELS)])
    return "".join(letters).capitalize()


def full_name(number: int) -> str:
    return f"{word(2 * number + 4_000_000)} {word(2 * number + 4_000_001)}"


@dataclass(frozen=True, slots=True)
class Land:
    """`ring`: areas in order; two that follow one another share a network. `towns` of each area, `ports` of each."""

    atlas: Atlas
    ring: tuple[str, ...]
    towns: dict[str, tuple[str, ...]]
    ports: dict[str, tuple[str, ...]]

    def network(self, number: int) -> frozenset[str]:
        """The two neighbouring areas that network `number` works in."""
        return frozenset((self.ring[number % len(self.ring)], self.ring[(number + 1) % len(self.ring)]))

    def sea(self, area: str) -> str:
        return SEAS[self.ring.index(area) % len(SEAS)]


def make_land(areas: int, towns: int, small_ngos: int) -> Land:
    """`towns`: of each area, every second area with a port. `small_ngos`: in all, one to a town in turn."""
    ring = tuple(f"area-{n}" for n in range(areas))
    inner = {area: tuple(f"{area}-town-{n}" for n in range(towns)) for area in ring}
    ports: dict[str, tuple[str, ...]] = {area: (f"{area}-port",) if n % 2 == 0 else () for n, area in enumerate(ring)}
    regions = [Region(name, None, RegionKind.COUNTRY, ()) for name in (HOME, *OTHERS, *FLAGS)]
    regions += [Region(sea, HOME, RegionKind.SEA, ()) for sea in SEAS]
    regions += [Region(area, HOME, RegionKind.REGION, ()) for area in ring]
    regions += [Region(town, area, RegionKind.TOWN, ()) for area in ring for town in inner[area]]
    regions += [Region(port, inner[area][0], RegionKind.PORT, ()) for area in ring for port in ports[area]]
    return Land(Atlas(tuple(regions), _offices(ring, inner, ports, small_ngos)), ring, inner, ports)


def _offices(
    ring: tuple[str, ...], towns: dict[str, tuple[str, ...]], ports: dict[str, tuple[str, ...]], small_ngos: int
) -> tuple[Agency, ...]:
    every = [town for area in ring for town in towns[area]]
    made = [Agency(name, house, HOME, None, ()) for name, house in NATIONAL]
    made += [Agency(f"coast-{sea}", House.BORDER_GUARD, sea, "coast-guard", ()) for sea in SEAS]
    made += [Agency(f"gendarmes-{area}", House.POLICE, area, "gendarmerie", ()) for area in ring]
    made += [Agency(f"post-{town}", House.POLICE, town, f"gendarmes-{area}", ()) for area in ring for town in towns[area]]
    made += [Agency(f"hall-{town}", House.LOCAL_GOVERNMENT, town, None, ()) for town in every]
    made += [Agency(f"harbour-{port}", House.PORT_AUTHORITY, port, None, ()) for area in ring for port in ports[area]]
    made += [Agency(name, House.NGO, HOME, None, ()) for name in LARGE_NGOS]
    made += [Agency(f"ngo-{n}", House.NGO, every[n * 7 % len(every)], None, ()) for n in range(small_ngos)]
    return (*made, *(Agency(f"liaison-{name}", House.FOREIGN_LIAISON, name, None, ()) for name in OTHERS))


@dataclass(frozen=True, slots=True)
class Plan:
    """How a world differs from the others. `own`, `other`: how often a corrupt reader leaks a case of his network, and any other.
    `clusters`: corruption comes by town or by pair of vetters. `declared`: how much of the other ties the cards tell. `seen`: how many
    outcomes are told, `false_alarm` and `unnoticed` wrongly. `late`: days until then, in the mean. `leaving`: how many a year.
    `framed`: so many honest readers of whom four informers say the worst. `on_duty`: share of the people, at any day. `hidden`: of the
    corrupt, how many serve a network that none of their ties touches; the others by what `Settlers` says. `asleep`: so many cases a
    corrupt reader reads before he leaks any, and from then on only the `valuable` share. `praised`: how many of his cases he reports as
    clean, whatever others tell of them; `confirmed`: how many of these a friend of another agency verifies. `a_day`: tips. `local`,
    `ad_hoc`: how many today's practice tells, officials of the place and whoever is asked besides, `from_here` of these from there.
    `coins`: so many draws of one tip at the end, to see whether people are drawn as often as is said.

    What is told, how soon and how well, tips and today's practice are ROUTING.md's unless said; sizes, clustering and leak rates are not.
    There half of the outcomes are verified: here of four in five, as a reader tells the fifth himself."""

    name: str
    people: int = 400
    tips: int = 900
    prevalence: float = 0.25
    own: float = 0.7
    other: float = 0.15
    clusters: str = "town"
    declared: float = 0.6
    seen: float = 0.85
    false_alarm: float = 0.08
    unnoticed: float = 0.10
    late: float = 25.0
    verified: float = 0.625
    informers: int = 25
    a_day: float = 1.0
    local: int = 4
    ad_hoc: int = 9
    from_here: float = 0.6
    leaving: float = 0.15
    framed: int = 0
    on_duty: float = 0.6
    hidden: float = 0.0
    asleep: int = 0
    valuable: float = 1.0
    praised: float = 0.0
    confirmed: float = 0.0
    small_ngos: int = 60
    towns: int = 4
    areas: int = 8
    vetters: int = 7
    coins: int = 300


@dataclass(slots=True, eq=False)
class Soul:
    """A person as he truly is: `networks` = the areas that he serves, empty for the honest; `ties` = all areas he is tied to."""

    person: Person
    networks: frozenset[str] = frozenset()
    until: list[datetime] = field(default_factory=list)
    """When each of his open cases ends."""
    read: Counter[str] = field(default_factory=Counter)
    """Cases that each policy has given him."""

    @property
    def corrupt(self) -> bool:
        return bool(self.networks)


class Settlers:
    """Makes people of a plan, one after the other: those of one town, or vetted by one pair, are bad together."""

    def __init__(self, plan: Plan, land: Land, dice: random.Random) -> None:
        self._plan, self._land, self._dice = plan, land, dice
        self._made = 0
        self._bad: dict[str, float] = {}
        self._vetters = [f"vetter-{n}" for n in range(plan.vetters)]
        atlas = land.atlas
        self._large = [name for name, _ in NATIONAL] + list(LARGE_NGOS) + [f"liaison-{name}" for name in OTHERS]
        large = set(self._large)
        self._tiny_ngos = [a.id for a in atlas.agencies.values() if a.kind is House.NGO and a.id not in large]
        self._tiny_offices = [a.id for a in atlas.agencies.values() if a.kind is not House.NGO and a.id not in large]

    def settle(self, now: datetime, days_ago: int) -> Soul:
        """Somebody whose first card was signed so many days before."""
        dice, atlas = self._dice, self._land.atlas
        number, self._made = self._made, self._made + 1
        agency = atlas.agencies[dice.choice(dice.choices((self._large, self._tiny_ngos, self._tiny_offices), (50, 30, 20))[0])]
        posting = self._within(agency.region)
        home = posting if dice.random() < 0.6 else self._any_town()
        past = tuple(self._any_town() for _ in range(dice.choices((0, 1, 2), (6, 3, 1))[0]))
        kin = tuple(self._kin(number, n) for n in range(dice.choices((0, 1, 2), (5, 4, 1))[0]))
        vetters = tuple(sorted(dice.sample(self._vetters, 2)))
        networks = self._corrupted(agency.kind, home, vetters, [*past, *(one.region for one in kin if one.region)])
        first = now - timedelta(days=days_ago)
        card = Card(
            person=f"{number:08x}{dice.getrandbits(96):024x}", name=full_name(2 * number), spellings=(), age_recipient="", verify_key="",
            role=self._role(agency.kind), agency=agency.id, past_agencies=self._past_agencies(), home=home, posting=posting,
            past_postings=tuple(one for one in past if dice.random() < self._plan.declared),
            kin=tuple(one for one in kin if dice.random() < self._plan.declared),
            conflicts=(full_name(dice.randrange(2 * number + 2)),) if dice.random() < 0.03 else (),
            languages=tuple(dice.sample(LANGUAGES, dice.choices((1, 2, 3), (2, 5, 2))[0])), child_clearance=dice.random() < 0.65,
            capacity=dice.randint(2, 6), founder=False, sequence=1, issued=first + timedelta(days=max(0, days_ago // 330 * 330)),
            expires=(first + timedelta(days=max(0, days_ago // 330 * 330) + 365)).date(),
        )  # fmt: skip
        return Soul(Person(card, vetters, enrolled=first), networks)

    def _role(self, kind: House) -> Role:
        if kind is House.NGO:
            return Role.HANDLER
        return Role.LEAD if self._dice.random() < 0.55 else Role.HANDLER

    def _within(self, region: str) -> str:
        """Where somebody of an office works."""
        dice, land = self._dice, self._land
        if region in land.towns:
            return dice.choice(land.towns[region])
        if region in SEAS:
            return dice.choice([port for area in land.ring if land.sea(area) == region for port in land.ports[area]] or [self._any_town()])
        return self._any_town() if region == HOME else region

    def _any_town(self) -> str:
        return self._dice.choice(self._land.towns[self._dice.choice(self._land.ring)])

    def _kin(self, number: int, n: int) -> Kin:
        dice = self._dice
        region = self._any_town() if dice.random() < 0.7 else None
        agency = dice.choice(self._tiny_offices) if dice.random() < 0.2 else None
        return Kin(full_name(2 * number + 1) if n == 0 else f"{word(number + 12_000_000)} {word(number + 16_000_000)}", region, agency)

    def _past_agencies(self) -> tuple[str, ...]:
        return (self._dice.choice(self._tiny_offices + self._large),) if self._dice.random() < 0.1 else ()

    def _corrupted(self, kind: House, home: str, vetters: tuple[str, ...], others: list[str]) -> frozenset[str]:
        """The areas of the network that he serves; where he has no ties with one chance in five."""
        dice, plan, land = self._dice, self._plan, self._land
        cluster = home if plan.clusters == "town" else " ".join(vetters)
        tilt = self._bad.setdefault(cluster, dice.lognormvariate(0.0, 1.1))
        odds = plan.prevalence / (1 - plan.prevalence) * tilt * (0.35 if kind in NO_OFFICIALS else 1.25) * 0.8
        if dice.random() >= odds / (1 + odds):
            return frozenset()
        areas = [land.atlas.area(place) for place in (home, *others)]
        tied = [area for area in areas if area in land.ring]
        if plan.hidden and dice.random() < plan.hidden:
            networks = [land.network(n) for n in range(len(land.ring))]
            return dice.choice([one for one in networks if one.isdisjoint(tied)] or networks)
        at = dice.random()
        area = tied[0] if at < 0.6 and tied else dice.choice(tied) if at < 0.8 and tied else dice.choice(land.ring)
        return land.network(land.ring.index(area) - dice.randint(0, 1))
