"""Whom a rescue draws: by what outcomes told of readers, as the first draw does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import pytest

from handlers.rescue import Rescue
from handlers.roster import Member, members
from routing.gate import GateFile, append_seat
from routing.learning import Beliefs, Event, Opened, Verdict, nothing_known, update
from routing.people import Flag
from sealing.rows import DAY_MS, HOUR_MS, TaskKind
from tests.handlers.learning.records import lesson, put
from tests.handlers.test_line_escrow import FREE, enrol_trustee, exhaust, gate_of
from tests.handlers.test_line_reading import sealed_case
from tests.line import TestLine

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]

DRAWS = 80


def rescue_of(line: TestLine) -> Rescue:
    return cast("Rescue", getattr(line.handlers[TaskKind.RESCUE], "__self__", None))


def leaks(line: TestLine, area: str, *names: str) -> list[Event]:
    """Four of each, by two informers, all of cases that he alone had read."""
    day = line.clock.now // DAY_MS
    return [
        Event(area, (Opened(name, 0.3, 0.65),), Verdict.COMPROMISED, f"x{n % 2}", verified=True, day=day)
        for name in names
        for n in range(4)
    ]


def learnt(events: Sequence[Event]) -> Beliefs:
    beliefs = nothing_known()
    for event in events:
        beliefs = update(beliefs, event)
    return beliefs


async def test_it_avoids_who_probably_leaks_and_asks_for_what_was_learned_since(line: TestLine) -> None:
    for agency in FREE:
        await enrol_trustee(line, agency)
    case_id = await sealed_case(line)
    gate, known = await gate_of(line, case_id), await everybody(line)
    by_chance = drawn(line, gate, known, nothing_known())
    assert len(by_chance) > 1, "the control: there is a choice"
    worst = [name for name, _ in by_chance.most_common(len(by_chance) // 2)]
    area = gate.regions[0]
    learned = leaks(line, next(a for a in (line.atlas.area(area), area) if a), *worst)
    avoided = drawn(line, gate, known, learnt(learned))
    assert sum(avoided[name] for name in worst) < sum(by_chance[name] for name in worst) / 2
    assert line.memory.beliefs.columns.rows == {}
    await put(line, *(lesson(line, n, event) for n, event in enumerate(learned)))
    await exhaust(line, case_id)
    assert len((await gate_of(line, case_id)).order) == len(gate.order) + 1, "the control: somebody was drawn"
    assert line.memory.beliefs.columns.rows.keys() == set(worst)


async def test_whoever_is_alone_in_another_house_is_not_sure_to_come(line: TestLine) -> None:
    """Else he would need but to make the other houses' readers leave. Their other people have a chance, too, and few are flagged."""
    gate, known = await gate_of(line, await sealed_case(line)), await everybody(line)
    free = drawn(line, gate, known, nothing_known())
    houses = Counter(line.cards[name].agency for name in free)
    house = max(houses, key=lambda one: houses[one])
    mates = [name for name in free if line.cards[name].agency == house]
    alone = next(name for name in free if line.cards[name].agency != house)
    gate = append_seat(gate, mates[0], next(one.card_fingerprint for one in known if one.person.id == mates[0]))
    few = [one for one in known if one.person.id in {*mates, alone}]
    draws = [rescue_of(line)._drawn(replace(gate, case=f"{n:032x}"), few, nothing_known()) for n in range(DRAWS)]
    came = Counter(draw.order[0] for draw in draws)
    assert len(mates) > 1, "the control: somebody else of his house is left"
    assert came.keys() == {*mates[1:], alone}
    assert all(Flag.SMALL_POOL in draw.flags for draw in draws)


async def everybody(line: TestLine) -> Sequence[Member]:
    async with line.store.begin() as tx:
        return await members(tx, line.keys, line.vetters, line.clock.now // HOUR_MS)


def drawn(line: TestLine, gate: GateFile, known: Sequence[Member], beliefs: Beliefs) -> Counter[str]:
    """Of many cases that differ in nothing but their coins. The same, whatever else the worker draws meanwhile."""
    rescue = rescue_of(line)
    found: Counter[str] = Counter()
    for n in range(DRAWS):
        one = rescue._drawn(replace(gate, case=f"{n:032x}"), known, beliefs)
        found[one.order[0]] += 1
    had = {seat.person for seat in gate.seats}
    assert not had & found.keys()
    assert not {line.cards[name].agency for name in had} & {line.cards[name].agency for name in found}
    return found
