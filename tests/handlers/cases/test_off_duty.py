"""An urgent case that is offered to somebody who is not at work."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from handlers.declared import seal_declared
from handlers.ports import Trouble
from routing.duty import Duty, due, duty_bytes
from sealing.custody import EntryKind
from sealing.rows import DAY_MS, GrantState
from tests.handlers.cases.leaving import offered_to, say, sealed, states
from tests.handlers.test_line_reading import URGENT
from tests.line import TestLine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket]

HOUR_S = 3600


def once_a_week(line: TestLine) -> Duty:
    """Six hours, three days from now."""
    there = (datetime.fromtimestamp(line.clock.now / 1000, UTC).weekday() + 3) % 7
    return Duty("UTC", tuple(((8 * 60, 14 * 60),) if day == there else () for day in range(7)))


async def all_work(line: TestLine, duty: Duty | None, *, but: str = "") -> None:
    """As they said when the line began."""
    async with line.store.begin() as tx:
        leaf = (await tx.leaves(0, 1))[0]
        for row in await tx.people():
            if row.id != but:
                kept = None if duty is None else seal_declared(line.keys, row.id, duty_bytes(duty), leaf)
                assert await tx.save_person(replace(row, duty=kept))


async def test_of_an_urgent_case_that_nobody_on_duty_has_the_vetters_hear_by_the_clock(line: TestLine) -> None:
    """It stays with the first, who may yet come on duty, and no hand-over is used up on others who are asleep; his hour still counts."""
    await line.later(24 * HOUR_S)
    duty = once_a_week(line)
    await all_work(line, duty)
    case_id, _ = await sealed(line, URGENT)
    first, end = await offered_to(line, case_id), due(line.clock.now, 1, duty)
    assert end > line.clock.now + 2 * DAY_MS
    await line.later(12 * HOUR_S - 60)
    assert line.alarms == []
    await line.later(HOUR_S)
    assert line.alarms == [Trouble.SILENT]
    assert await offered_to(line, case_id) == first
    await line.later(13 * HOUR_S)
    assert line.alarms == [Trouble.SILENT] * 2
    while line.clock.now < end - HOUR_S * 500:
        await line.later(HOUR_S / 2)
    assert await states(line, case_id, first) == {GrantState.OFFERED}, "he is at work since half an hour"
    await line.later(HOUR_S)
    assert await states(line, case_id, first) == {GrantState.LAPSED}


async def test_an_urgent_case_leaves_whoever_is_off_duty_for_one_who_is_on(line: TestLine) -> None:
    await line.later(24 * HOUR_S)
    duty = once_a_week(line)
    await all_work(line, duty)
    case_id, _ = await sealed(line, URGENT)
    first = await offered_to(line, case_id)
    await all_work(line, None, but=first)
    await line.later(12 * HOUR_S - 60)
    assert await offered_to(line, case_id) == first
    await line.later(HOUR_S)
    assert await offered_to(line, case_id) != first
    assert line.alarms == []


async def test_who_declares_other_hours_once_he_has_an_urgent_case_is_passed_over_all_the_same(line: TestLine) -> None:
    await line.later(24 * HOUR_S)
    case_id, _ = await sealed(line, URGENT)
    first, duty = await offered_to(line, case_id), once_a_week(line)
    await all_work(line, duty, but=first)
    assert (await say(line, first, EntryKind.DUTY, "", "", duty_bytes(duty)))["result"] == "done"
    await line.later(HOUR_S + 10)
    assert await states(line, case_id, first) == {GrantState.LAPSED}
    assert await offered_to(line, case_id) != first
