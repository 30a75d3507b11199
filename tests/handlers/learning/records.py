"""Records of outcomes, as tests write and read them."""

from __future__ import annotations

from handlers.lessons import Memory, open_record, seal_record
from handlers.requests import Result
from routing.learning import Event, Opened, Verdict
from routing.records import Record
from sealing.learned_rows import LessonRow
from sealing.rows import GrantState
from sealing.said import Ending
from tests.handlers.cases.closing import close, closed_by_coin
from tests.line import TestLine


async def rows(line: TestLine) -> list[LessonRow]:
    async with line.store.begin() as tx:
        return list(await tx.lessons("", 10_000))


async def records(line: TestLine) -> list[Record]:
    return [open_record(line.keys, row) for row in await rows(line)]


async def taught(line: TestLine) -> list[Event]:
    return [event for record in await records(line) for event in record.events]


def other_worker(line: TestLine) -> Memory:
    return Memory(line.keys, line.clock, line.alarms.append)


async def current(line: TestLine, memory: Memory) -> dict[str, float]:
    """What it thinks before a draw: odds of each of whom anything is known."""
    async with line.store.begin() as tx:
        beliefs = await memory.current(tx)
    return {name: beliefs.of(name).odds for name in beliefs.columns.rows}


async def looked_at(line: TestLine, ending: Ending) -> tuple[str, str, str]:
    """(case, first, second): proposed so, and the second has it open."""
    case_id, first = await closed_by_coin(line, looked_at=True)
    assert (await close(line, case_id, first, ending))["result"] == Result.DONE
    await line.later(6)
    second, _ = await line.open_first(case_id)
    return case_id, first, second


async def of_case(line: TestLine, case_id: str) -> list[str]:
    return [grant.id for grant in await line.grants(case_id) if grant.state is GrantState.OPEN]


def leaked(*names: str, day: int = 100) -> Event:
    return Event("ln", tuple(Opened(name, 0.3, 0.2) for name in names), Verdict.COMPROMISED, "x1", verified=True, day=day)


def lesson(line: TestLine, n: int, *events: Event, day: int = 100) -> LessonRow:
    return seal_record(line.keys, line.keys.sending_id(f"a test's {n}"), Record(day, 1, events))


async def put(line: TestLine, *some: LessonRow) -> None:
    async with line.store.begin() as tx:
        for row in some:
            assert await tx.add_lesson(row)
