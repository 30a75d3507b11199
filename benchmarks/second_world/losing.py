"""What a choice of readers costs: the chance that a case is lost, and whom today's practice, exclusions alone and an oracle take.

Chances, not dice: of the same tip every policy's loss is the expected one, so that a few hundred tips tell policies apart.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.second_world.judging import Asked
from benchmarks.second_world.land import NO_OFFICIALS, Land, Plan, Soul
from benchmarks.second_world.tips import Tip
from routing.people import Person, Role

RAID = 0.07
"""A partner of the raid tells: no assignment prevents it."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a case goes, whoever reads it: the first reader does not answer; an enforcement lead is needed; a second reader looks again; it
    is worth betraying."""

    absent: bool
    operation: bool
    second_look: bool
    valuable: bool

    def readers(self, order: Sequence[str], leads: Sequence[str]) -> tuple[str, ...]:
        """Who opens it."""
        first = 1 if self.absent and len(order) > 1 else 0
        last = first + 2 if self.second_look else first + 1
        return (*order[first:last], *(leads[:1] if self.operation else ()))


def cast(dice: random.Random, plan: Plan) -> Way:
    return Way(dice.random() < 0.12, dice.random() < 0.7, dice.random() < 0.2, plan.valuable == 1 or dice.random() < plan.valuable)


def leaks(soul: Soul, tip: Tip, plan: Plan) -> float:
    """Chance that he does once he is awake."""
    if not soul.corrupt:
        return 0.0
    return plan.own if soul.networks & tip.areas else plan.other


def loss(policy: str, readers: Sequence[Soul], tip: Tip, plan: Plan, way: Way) -> float:
    """Chance that the case is lost; certain where all its readers serve the network: they bury it. Readers are awake by the cases that
    this policy gave them."""
    awake = [soul for soul in readers if way.valuable and soul.read[policy] >= plan.asleep]
    if awake and len(awake) == len(readers) and all(soul.networks & tip.areas for soul in awake):
        return 1.0
    kept = 1 - RAID
    for soul in awake:
        kept *= 1 - leaks(soul, tip, plan)
    return 1 - kept


def today(souls: Sequence[Soul], tip: Tip, land: Land, plan: Plan, dice: random.Random) -> list[Soul]:
    """The officials of the place and those over them, and whoever is asked besides, many of them from there."""
    there = tip.areas or {land.ring[dice.randrange(len(land.ring))]}
    atlas, near = land.atlas, round(plan.from_here * plan.ad_hoc)
    mixed = [soul for soul in dice.sample(souls, len(souls)) if soul.person.active]
    here = [soul for soul in mixed if atlas.area(soul.person.card.posting) in there]
    chain = [soul for soul in here if atlas.agencies[soul.person.card.agency].kind not in NO_OFFICIALS][: plan.local]
    asked = [soul for soul in here if soul not in chain][:near]
    near_by = set(here)
    return [*chain, *asked, *[soul for soul in mixed if soul not in near_by][: plan.ad_hoc - near]]


def exclusions_only(asked: Asked, way: Way, dice: random.Random) -> tuple[str, ...]:
    order, leads = _one_each(dice.sample(free := asked.free(Role.HANDLER), len(free)), asked, dice)
    return way.readers(order, leads)


def oracle(asked: Asked, way: Way, souls: Mapping[str, Soul], tip: Tip, plan: Plan, dice: random.Random) -> tuple[str, ...]:
    """Knows everybody's heart: takes who leaks least."""
    mixed = sorted(dice.sample(free := asked.free(Role.HANDLER), len(free)), key=lambda one: leaks(souls[one.id], tip, plan))
    order, _ = _one_each(mixed, asked, dice)
    had = {asked.people[one].card.agency for one in order}
    others = [one for one in asked.free(Role.LEAD) if one.card.agency not in had]
    leads = [min(others, key=lambda one: leaks(souls[one.id], tip, plan)).id] if others else []
    return way.readers(order, leads)


def _one_each(mixed: Sequence[Person], asked: Asked, dice: random.Random) -> tuple[list[str], list[str]]:
    """Three handlers of different agencies in this order, and a lead of another."""
    order: dict[str, str] = {}
    for one in mixed:
        if len(order) < 3:
            order.setdefault(one.card.agency, one.id)
    others = [one for one in asked.free(Role.LEAD) if one.card.agency not in order]
    return list(order.values()), [dice.choice(others).id] if others else []
