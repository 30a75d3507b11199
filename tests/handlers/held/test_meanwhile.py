"""What comes while a tip is looked at, after its draw and before its hold is written: it is not slept over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from handlers.pipeline import CaseMoved, Pipeline
from handlers.releases import Freed, NotFreed
from routing.gate import GateFile
from sealing.rows import CaseState, TaskKind
from tests.handlers.held.holding import AN_HOUR, FIVE, NAMED, TWO, enrol, hour_of, looked_at, releases, said, state_of, take
from tests.handlers.held.test_held_rescue import two_trustees
from tests.handlers.test_line_escrow import gate_of
from tests.handlers.test_line_reading import PHONE, TIP, sealed_case
from tests.line import TestLine
from tests.tasks_of import dues

LEASE_S = 120
"""This line runs a task that failed again when its lease has run out; the real queue at once."""
COMMITTING_S = 0.3
T = TypeVar("T")
pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


def meanwhile(monkeypatch: pytest.MonkeyPatch, come: Callable[[], Awaitable[T]]) -> list[T]:
    """It comes once, between the next draw and what is made of that. What it returned."""
    goes, came = Pipeline._goes_to_trustees, list[T]()

    async def then(self: Pipeline, gate: GateFile) -> bool:
        answer = await goes(self, gate)
        if not came:
            came.append(await come())
        return answer

    monkeypatch.setattr(Pipeline, "_goes_to_trustees", then)
    return came


def releasing(line: TestLine, leaf: bytes, monkeypatch: pytest.MonkeyPatch) -> list[asyncio.Task[Freed | NotFreed]]:
    """A release that has the case's lock, and commits while the pipeline waits for that."""

    async def release(locked: asyncio.Event) -> Freed | NotFreed:
        async with line.store.begin() as tx:
            taken = await releases(line).take(tx, leaf, hour_of(line))
            locked.set()
            await asyncio.sleep(COMMITTING_S)
        return taken

    async def come() -> asyncio.Task[Freed | NotFreed]:
        locked = asyncio.Event()
        job = asyncio.create_task(release(locked))
        await locked.wait()
        return job

    return meanwhile(monkeypatch, come)


async def test_a_release_while_it_is_looked_at_again_lets_it_go_at_once(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    await enrol(line, TWO, 2)
    case_id = await sealed_case(line)
    assert await take(line, await said(line, case_id, 0)) is Freed.SIGNED
    came = releasing(line, await said(line, case_id, 1), monkeypatch)
    await looked_at(line)
    (job,) = came
    assert await job is Freed.RELEASED
    assert await state_of(line, case_id) is CaseState.SEALED, "long before it is looked at again by itself"


async def test_a_release_in_the_last_moment_gives_it_to_a_reader_and_not_to_trustees_alone(
    line: TestLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = await enrol(line, FIVE, 20)
    await two_trustees(line)
    case_id = await sealed_case(line, f"{TIP}. También cobran {', '.join(line.cards[reader].name for reader in readers[:11])}")
    await line.later(13.9 * 24 * AN_HOUR)
    assert await take(line, await said(line, case_id, 0, NAMED)) is Freed.SIGNED
    came = releasing(line, await said(line, case_id, 1, NAMED), monkeypatch)
    with pytest.raises(CaseMoved):
        await line.later(0.2 * 24 * AN_HOUR)
    (job,) = came
    assert await job is Freed.RELEASED
    await line.later(LEASE_S)
    assert await state_of(line, case_id) is CaseState.SEALED
    assert {seat.person for seat in (await gate_of(line, case_id)).order} & set(readers[11:])


@pytest.mark.parametrize("look", ["first", "again"])
async def test_cards_that_are_loaded_while_it_is_looked_at_count_at_once(
    line: TestLine, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    """It was looked at by the roster as it was: nobody could read it."""

    async def load() -> int:
        """As `tipline roster load` does."""
        await enrol(line, FIVE, 20)
        return await line.store.retry_held(line.clock.now)

    if look == "first":
        came = meanwhile(monkeypatch, load)
        case_id = await sealed_case(line)
    else:
        case_id = await sealed_case(line)
        assert await state_of(line, case_id) is CaseState.HELD
        came = meanwhile(monkeypatch, load)
        await looked_at(line)
    assert came == [1]
    assert await state_of(line, case_id) is CaseState.SEALED


async def test_a_tip_that_nobody_looks_at_yet_is_not_hurried(line: TestLine) -> None:
    """Its source may still write: it is sealed when that time is over, and not when somebody loads a card."""
    await line.write(PHONE, "Hay una mujer que no puede salir")
    (case_id,) = await line.cases()
    (before,) = await dues(line.database, TaskKind.SEAL)
    assert await line.store.retry_held(line.clock.now) == 0
    assert await state_of(line, case_id) is CaseState.TALKING
    assert await dues(line.database, TaskKind.SEAL) == [before]
    assert before > line.clock.now
