"""Worlds that nobody has seen: every number of a plan drawn from a wide range, so that nothing can be tuned for them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from benchmarks.second_world.land import Plan

WORK = 400_000
"""Most of people times tips in one world: fifteen then take one to two minutes on two idle cores."""


def strange_plans(count: int, seed: int) -> tuple[Plan, ...]:
    """The same for the same seed. Small rosters are as frequent as large ones; each of the rarer tricks comes in every fourth world."""
    return tuple(_plan(f"strange {seed}.{n}", random.Random(f"strange {seed} {n}")) for n in range(count))


def _plan(name: str, dice: random.Random) -> Plan:
    people = round(math.exp(dice.uniform(math.log(60), math.log(800))))
    return Plan(
        name,
        people=people,
        tips=min(dice.randint(400, 1500), max(400, WORK // people)),
        prevalence=dice.uniform(0.05, 0.5),
        own=dice.uniform(0.3, 0.95),
        other=dice.uniform(0.0, 0.3),
        clusters=dice.choice(("town", "pair")),
        declared=dice.random(),
        seen=dice.uniform(0.2, 0.95),
        false_alarm=dice.uniform(0.0, 0.25),
        unnoticed=dice.uniform(0.0, 0.35),
        late=dice.uniform(5, 90),
        verified=dice.uniform(0.05, 0.7),
        leaving=dice.uniform(0.0, 0.8),
        framed=dice.choice((0, 0, 0, dice.randint(1, 10))),
        on_duty=dice.uniform(0.2, 1.0),
        hidden=dice.choice((0.0, 0.0, 0.0, dice.uniform(0.2, 1.0))),
        asleep=(asleep := dice.choice((0, 0, 0, dice.randint(2, 12)))),
        valuable=dice.uniform(0.1, 0.5) if asleep else 1.0,
        praised=(praised := dice.choice((0.0, 0.0, 0.0, dice.uniform(0.5, 1.0)))),
        confirmed=dice.uniform(0.1, 0.5) if praised else 0.0,
        small_ngos=dice.randint(6, 90),
        towns=dice.randint(2, 6),
        areas=dice.randint(4, 12),
        vetters=dice.randint(3, 30),
        informers=dice.randint(4, 40),
        a_day=dice.uniform(0.5, 4.0),
    )


def in_short(plan: Plan) -> str:
    """For whoever reads the table: `0.6+0.1` is how often the corrupt leak a case of their network, and any other."""
    tricks: Sequence[tuple[bool, str]] = (
        (plan.framed > 0, f"{plan.framed} framed"),
        (plan.hidden > 0, f"{plan.hidden:.0%} hidden"),
        (plan.asleep > 0, f"asleep for {plan.asleep}"),
        (plan.praised > 0, f"{plan.praised:.0%} praised"),
    )
    parts = (
        f"{plan.people} people, {plan.areas} areas of {plan.towns}, {plan.small_ngos} small NGOs, {plan.vetters} vetters",
        f"{plan.tips} tips, {plan.a_day:.1f} a day, {plan.prevalence:.0%} corrupt by {plan.clusters}, leak {plan.own:.2f}+{plan.other:.2f}",
        f"{plan.declared:.0%} declared, {plan.on_duty:.0%} on duty, {plan.leaving:.0%} leave",
        f"{plan.seen:.0%} told, {plan.verified:.0%} verified, wrong {plan.false_alarm:.2f}+{plan.unnoticed:.2f}, {plan.late:.0f} days late",
        f"{plan.informers} informers",
        *(trick for there, trick in tricks if there),
    )
    return ", ".join(parts)
