"""How a line's own roster would bear tips, before the first one: each kind of tip is put to the real draw. Pure.

A kind of tip = where it happens, which office is accused, whether it could concern a child ("unknown" is judged like "yes", E7). A town
counts as its region, because exclusion takes them together. Language and hour never exclude: they are counted among those who may read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from routing.draw import choose
from routing.duty import HOUR_MS, Duty, on_duty
from routing.exposure import areas_of, opened
from routing.index import bare
from routing.learning import nothing_known
from routing.people import NO_OFFICIALS, Assignment, Atlas, Code, Flag, House, Person, RegionKind, Role, Roster, TipFacts
from routing.policy import DEFAULT, Learning, Policy
from triage.tip import AgencyKind, Child

COINS = bytes(32)
"""Whoever is drawn, pool and chances are the same."""
ANY_OFFICIAL = frozenset(AgencyKind)
"""The source says that all of them are paid."""
WEEK_HOURS = 7 * 24
TOLD = 12
"""Readers of a case in today's practice (ROUTING.md)."""

Offices = Callable[[Atlas, frozenset[AgencyKind], frozenset[str]], frozenset[str]]
"""The agencies of these kinds that sit at these regions: what the pipeline takes them to be (handlers/facts.py)."""


class Level(StrEnum):
    """How a tip goes out, the best first. An urgent one that would wait goes out at once, and two vetters look at it within a day."""

    AT_ONCE = "at_once"
    SMALL_POOL = "small_pool"
    WAITS = "waits_for_two_vetters"
    HELD = "held"


LEVELS = tuple(Level)


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of tip. `place`: a region's id, None = unknown. `child`: there is one, or could be."""

    place: str | None
    kinds: frozenset[AgencyKind]
    child: bool
    tip: TipFacts


@dataclass(frozen=True, slots=True)
class Answer:
    """What the draw says of one kind of tip. `drawn`: of one that waits, the draw that two vetters would release. `pool`: ids of the
    handlers who may read it."""

    case: Case
    level: Level
    drawn: Assignment
    pool: frozenset[str]

    @property
    def chance(self) -> float:
        """The highest chance of one handler to be anywhere in the order."""
        return max((chance for name, chance in self.drawn.chances.items() if name in self.pool), default=0.0)


def cases(atlas: Atlas, offices: Offices, received: datetime) -> Iterator[Case]:
    """Every place with every office that it could accuse; of a country, and of nowhere, that no place is known, where no official reads."""
    present = {agency.kind for agency in atlas.agencies.values()}
    accused = [frozenset({kind}) for kind in AgencyKind if House(kind.value) in present]
    home = at_home(atlas)
    for place in places(atlas):
        regions = frozenset({place})
        known = place in home and atlas.regions[place].kind is not RegionKind.COUNTRY
        for kinds in (frozenset[AgencyKind](), *(accused if known else ()), *((ANY_OFFICIAL,) if known and accused else ())):
            yield from _both(place, TipFacts(received, regions, known, offices(atlas, kinds, regions), kinds))
    yield from _both(None, TipFacts(received))


def _both(place: str | None, tip: TipFacts) -> Iterator[Case]:
    yield Case(place, tip.kinds, False, replace(tip, child=Child.NO, could_involve_child=False))
    yield Case(place, tip.kinds, True, tip)


def places(atlas: Atlas) -> list[str]:
    """Regions and seas, and towns that lie in none, then countries; of what lies abroad, the country alone."""
    countries = [region.id for region in atlas.regions.values() if region.kind is RegionKind.COUNTRY]
    inside = at_home(atlas).difference(countries)
    return [place for place in atlas.regions if place in inside and atlas.area(place) in (place, None)] + countries


def at_home(atlas: Atlas) -> frozenset[str]:
    """Every region of a country in which the line's file has a public office."""
    offices = {agency.region for agency in atlas.agencies.values() if agency.kind not in NO_OFFICIALS}
    countries = {region for office in offices for region in atlas.above(office) if atlas.regions[region].parent is None}
    return frozenset[str]().union(*(atlas.inside(country) for country in countries))


def ask(roster: Roster, case: Case, now: datetime, policy: Policy = DEFAULT) -> Answer:
    """Puts one kind of tip to the draw, with nothing known of anybody."""
    drawn = choose(roster, case.tip, nothing_known(), COINS, now, policy)
    level = Level.AT_ONCE
    if drawn.hold is not None and drawn.pool:
        level = Level.WAITS
        drawn = choose(roster, case.tip, nothing_known(), COINS, now, policy, released=True)
    elif drawn.hold is not None:
        level = Level.HELD
    elif Flag.SMALL_POOL in drawn.flags or drawn.pool < policy.smallest_pool:
        level = Level.SMALL_POOL
    pool = frozenset(person.id for person in handlers(roster) if not drawn.reasons[person.id])
    return Answer(case, level, drawn, pool)


def handlers(roster: Roster) -> list[Person]:
    return [person for person in roster.people if person.card.role is Role.HANDLER]


def gaps(answers: Iterable[Answer]) -> list[Answer]:
    """Kinds of tip that do not go out at once with full choice, the worst first; among equals the smallest pool."""
    return sorted(
        (answer for answer in answers if answer.level is not Level.AT_ONCE),
        key=lambda answer: (-LEVELS.index(answer.level), len(answer.pool)),
    )


def speakers(answer: Answer, roster: Roster, language: str) -> int:
    """How many of those who may read it read this language."""
    pool = (person for person in roster.people if person.id in answer.pool)
    return sum(bare(language) in map(bare, person.card.languages) for person in pool)


@dataclass(frozen=True, slots=True)
class Block:
    """How often one reason keeps a handler from a kind of tip. `alone`: with no other reason. `people`: whom it ever keeps out."""

    code: Code
    times: int
    alone: int
    people: frozenset[str]


def blocks(answers: Sequence[Answer], roster: Roster) -> list[Block]:
    """The reasons that keep out most, those first that alone do."""
    times, alone = Counter[Code](), Counter[Code]()
    people: dict[Code, set[str]] = {}
    for answer in answers:
        for person in handlers(roster):
            codes = answer.drawn.reasons[person.id]
            times.update(codes)
            alone.update(codes if len(codes) == 1 else ())
            for code in codes:
                people.setdefault(code, set()).add(person.id)
    found = [Block(code, times[code], alone[code], frozenset(people[code])) for code in times]
    return sorted(found, key=lambda block: (-block.alone, -block.times, block.code))


def out_of(answer: Answer, roster: Roster) -> list[tuple[Code, int]]:
    """How many handlers each reason keeps from this kind of tip, the most first."""
    counted = Counter(code for person in handlers(roster) for code in answer.drawn.reasons[person.id])
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))


def idle(answers: Sequence[Answer], roster: Roster) -> list[str]:
    """Handlers who could read nothing about any known place: most often a card that names a whole country as home or posting."""
    known = [answer for answer in answers if answer.case.tip.place_known]
    return [person.id for person in handlers(roster) if known and not any(person.id in answer.pool for answer in known)]


def uncovered(answers: Sequence[Answer], duty: Mapping[str, Duty], start_ms: int) -> tuple[int, ...]:
    """For each hour of the week that begins at `start_ms`: for how many kinds of tip nobody who may read is on duty."""
    pools = Counter(answer.pool for answer in answers if answer.pool)
    everybody = frozenset().union(*pools)
    found: list[int] = []
    for hour in range(WEEK_HOURS):
        there = {name for name in everybody if on_duty(duty.get(name), start_ms + hour * HOUR_MS)}
        found.append(sum(count for pool, count in pools.items() if there.isdisjoint(pool)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Exposure:
    """Share of tips of which a reader is corrupt and serves the very network that is accused: here, the first of the drawn order; and if
    twelve of the same people were told at once, whoever they are. Simulated: priors by kind of office, every kind of tip as often."""

    drawn: float
    told: float


def exposure(answers: Sequence[Answer], roster: Roster, learning: Learning = DEFAULT.learning) -> Exposure | None:
    """None = no tip with a known place finds a reader."""
    drawn, told = list[float](), list[float]()
    serving: dict[tuple[str, ...], dict[str, float]] = {}
    for answer in answers:
        if answer.case.tip.place_known and answer.pool:
            areas = areas_of(answer.case.tip.regions, roster.atlas)
            if (serve := serving.get(areas)) is None:
                serve = serving[areas] = {person.id: _serves(person, areas, roster.atlas, learning) for person in handlers(roster)}
            chances = {name: answer.drawn.chances[name] for name in answer.pool}
            drawn.append(sum(chance * serve[name] for name, chance in chances.items()) / sum(chances.values()))
            told.append(told_at_once(list(serve.values()), TOLD))
    return Exposure(sum(drawn) / len(drawn), sum(told) / len(told)) if drawn else None


def _serves(person: Person, areas: Iterable[str], atlas: Atlas, learning: Learning) -> float:
    found = (opened(person, area, atlas, learning) for area in areas)
    return max(each.prior * each.share for each in found)


def told_at_once(serve: Sequence[float], count: int) -> float:
    """Chance that one or more of `count` people, drawn evenly from these, serve the network: exact, by the mean product over all groups."""
    clean = [1.0] + [0.0] * min(count, len(serve))
    for seen, chance in enumerate(serve, start=1):
        for size in range(min(seen, len(clean) - 1), 0, -1):
            clean[size] = size / seen * (1 - chance) * clean[size - 1] + (1 - size / seen) * clean[size]
    return 1 - clean[-1]
