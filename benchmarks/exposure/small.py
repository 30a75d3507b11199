"""Small lines: what a roster of a few people can do with a tip, at any hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from benchmarks.exposure.people import START, agency_id, town_id
from benchmarks.exposure.setting import REGIONS, TOWNS, Setting, Sort
from benchmarks.exposure.world import ATLAS, World, make_world
from routing.draw import choose
from routing.learning import nothing_known
from routing.people import Assignment, House, Person, Role, Roster, TipFacts
from routing.policy import Policy

SIZES = (6, 12, 20, 30, 60)
AGENCIES: Mapping[str, int] = {"one agency": 1, "two agencies": 2, "an agency for every three": 0}
TIPS = 120
VETTERS = ("vetter-0", "vetter-1", "vetter-2")
AWAKE = (7, 22)
ANSWER = 3.0
"""Mean hours in which a vetter who is awake looks and signs; two of three must."""
ON_DUTY = 1 / 3
SHIFT = 8.0
SAME_REGION = 0.6
"""So many of a small line's people live where it has its seat, which is where a sixth of the tips come from."""


@dataclass(frozen=True, slots=True)
class Small:
    """Shares of the tips that are not urgent, in per cent; hours until a reader who has one is on duty. `urgent_at_once`: of the urgent."""

    people: int
    agencies: str
    at_once: float
    vetters: float
    held: float
    median: float
    p95: float
    urgent_at_once: float
    readers: float


def small_lines(seed: int, policy: Policy) -> Sequence[Small]:
    world = make_world(seed, Setting(tips=TIPS))
    return [_line(world, size, name, policy) for size in SIZES for name in AGENCIES]


def _line(world: World, size: int, agencies: str, policy: Policy) -> Small:
    rng = np.random.default_rng([world.seed, size])
    count = AGENCIES[agencies] or max(2, size // 3)
    people = _people(size, count, rng)
    fates: list[tuple[bool, str, float, int]] = []
    for tip in world.tips:
        hour = float(rng.uniform(0, 24))
        facts = replace(tip.facts, received=START + timedelta(days=tip.number, hours=hour), people=frozenset())
        fates.append((facts.urgent, *_sent(_roster(people, rng), facts, tip.coins, policy, rng)))
    calm = [one for one in fates if not one[0]]
    waits = [hours for _, how, hours, _ in calm if how != "held"]
    return Small(
        people=size,
        agencies=agencies,
        at_once=_percent([how == "at once" for _, how, _, _ in calm]),
        vetters=_percent([how == "vetters" for _, how, _, _ in calm]),
        held=_percent([how == "held" for _, how, _, _ in calm]),
        median=float(np.median(waits)) if waits else float("nan"),
        p95=float(np.percentile(waits, 95)) if waits else float("nan"),
        urgent_at_once=_percent([how == "at once" for urgent, how, _, _ in fates if urgent]),
        readers=float(np.mean([readers for *_, readers in fates])),
    )


def _sent(roster: Roster, facts: TipFacts, coins: bytes, policy: Policy, rng: np.random.Generator) -> tuple[str, float, int]:
    """How it went out, after how many hours, and how many readers stand in its order."""
    now = facts.received + timedelta(minutes=10)
    drawn = choose(roster, facts, nothing_known(), coins, now, policy)
    if drawn.hold is None:
        return "at once", _until_on_duty(roster, drawn, rng), len(drawn.order)
    hours = _two_vetters(now.hour, rng)
    again = choose(roster, facts, nothing_known(), coins, now + timedelta(hours=hours), policy, released=True)
    if again.hold is not None:
        return "held", 0.0, 0
    return "vetters", max(hours, _until_on_duty(roster, again, rng)), len(again.order)


def _until_on_duty(roster: Roster, drawn: Assignment, rng: np.random.Generator) -> float:
    """Hours until the first of the order is on duty."""
    on_duty = {person.id: person.on_duty for person in roster.people}
    return 0.0 if on_duty[drawn.order[0]] else float(rng.uniform(0, 24 - SHIFT))


def _two_vetters(hour: int, rng: np.random.Generator) -> float:
    """Until the second of three has looked; none looks at night."""
    sleeps = (AWAKE[0] - hour) % 24 if not AWAKE[0] <= hour < AWAKE[1] else 0
    return float(sleeps + np.sort(rng.exponential(ANSWER, len(VETTERS)))[1])


def _people(size: int, agencies: int, rng: np.random.Generator) -> Sequence[Person]:
    """Founders, caseworkers of NGOs, who live and work in one region or another; two in three may handle cases with children."""
    template = next(one.card for one in make_world(0, Setting(tips=1)).people if one.sort is Sort.NGO)
    people = []
    for n in range(size):
        region = 0 if n < SAME_REGION * size else int(rng.integers(1, REGIONS))
        place = town_id(region, int(rng.integers(TOWNS)))
        card = replace(
            template,
            person=f"small-{n:02}",
            name=f"Small {n:02}",
            role=Role.HANDLER,
            agency=agency_id(Sort.NGO, n % agencies) if agencies <= 10 else _office(n % agencies),
            home=place,
            posting=place,
            past_postings=(),
            kin=(),
            languages=("es", "en"),
            child_clearance=bool(rng.random() < 0.65),
            founder=True,
            issued=START - timedelta(days=1),
            expires=(START + timedelta(days=364)).date(),
        )
        people.append(Person(card, VETTERS, enrolled=card.issued))
    return people


def _office(number: int) -> str:
    """Beyond ten NGOs, foreign liaison and labour inspectors."""
    offices = sorted(a.id for a in ATLAS.agencies.values() if a.kind in (House.NGO, House.FOREIGN_LIAISON, House.LABOUR_INSPECTION))
    return offices[number % len(offices)]


def _roster(people: Sequence[Person], rng: np.random.Generator) -> Roster:
    on_duty = rng.random(len(people)) < ON_DUTY
    return Roster(tuple(replace(one, on_duty=bool(duty)) for one, duty in zip(people, on_duty, strict=True)), ATLAS, frozenset(VETTERS))


def _percent(hits: Sequence[bool]) -> float:
    return 100 * float(np.mean(hits)) if hits else float("nan")
