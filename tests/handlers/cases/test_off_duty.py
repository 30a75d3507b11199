"""An urgent case that is offered to somebody who is not at work."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from handlers.declared import seal_declared
from handlers.ports import Trouble
from handlers.succession import read_gate
from routing.duty import Duty, due, duty_bytes
from sealing import age
from sealing.case import sha256
from sealing.custody import EntryKind
from sealing.rows import DAY_MS, GrantState, Purpose
from tests.handlers.cases.leaving import offered_to, say, sealed, states, suspend
from tests.handlers.test_line_reading import URGENT
from tests.line import TestLine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket]

HOUR_S = 3600


def once_a_week(line: TestLine) -> Duty:
    """Six hours, three days from now."""
    there = (datetime.fromtimestamp(line.clock.now / 1000, UTC).weekday() + 3) % 7
    return Duty("UTC", tuple(((8 * 60, 14 * 60),) if day == there else () for day in range(7)))


def daily(start: int, end: int) -> Duty:
    """Of these hours."""
    return Duty("UTC", (((start * 60, end * 60),),) * 7)


async def until(line: TestLine, hour: int) -> None:
    """That hour of tomorrow."""
    now = datetime.fromtimestamp(line.clock.now / 1000, UTC)
    then = (now + timedelta(days=1)).replace(hour=hour, minute=0, second=0, microsecond=0)
    await line.later((then - now).total_seconds())


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


@pytest.mark.parametrize("hours_back", [0, 2])
async def test_nor_does_it_help_to_sign_them_with_an_older_hour(line: TestLine, hours_back: int) -> None:
    """Offered at 18:00; he works from 08:00 to 17:00, and would be passed over at 09:00. His desk's clock may be two hours late."""
    await until(line, 18)
    await all_work(line, daily(8, 17))
    case_id, _ = await sealed(line, URGENT)
    first, duty = await offered_to(line, case_id), once_a_week(line)
    await all_work(line, duty, but=first)
    await line.later(300)
    content = age.seal(duty_bytes(duty), line.keys.recipient(Purpose.GATE)[1])
    entry = line.entry(first, "", EntryKind.DUTY, sha256(content))
    assert (await line.post(first, replace(entry, hour=entry.hour - hours_back), content))["result"] == "done"
    for _ in range(30):
        await line.later(HOUR_S / 2)
    assert await states(line, case_id, first) == {GrantState.LAPSED}


@pytest.mark.parametrize("minutes", [0, 10])
async def test_duty_before_the_offer_is_no_duty_for_it(line: TestLine, minutes: int) -> None:
    """All work until 18:10: of an offer at 18:00 he had ten minutes, and who is next had as many."""
    await until(line, 18)
    await all_work(line, Duty("UTC", (((8 * 60, 18 * 60 + minutes),),) * 7))
    case_id, _ = await sealed(line, URGENT)
    first = await offered_to(line, case_id)
    await line.later(12 * HOUR_S + 30)
    assert await states(line, case_id, first) == {GrantState.OFFERED}


@pytest.mark.claim("T45")
async def test_who_works_once_a_week_keeps_no_urgent_case_from_one_who_works_daily(line: TestLine) -> None:
    """Twelve hours after 18:00, and after that, he who is next sleeps: he gets it when he comes on duty."""
    await until(line, 18)
    await all_work(line, daily(8, 17))
    case_id, _ = await sealed(line, URGENT)
    first, weekly = await offered_to(line, case_id), once_a_week(line)
    async with line.store.begin() as tx:
        row, leaf = await tx.person(first), (await tx.leaves(0, 1))[0]
        assert row is not None
        assert await tx.save_person(replace(row, duty=seal_declared(line.keys, first, duty_bytes(weekly), leaf)))
    await line.later(12 * HOUR_S + 30)
    assert await offered_to(line, case_id) == first
    assert line.alarms == [Trouble.SILENT]
    await line.later(2 * HOUR_S + 60)
    assert await states(line, case_id, first) == {GrantState.LAPSED}
    assert await offered_to(line, case_id) != first


async def test_it_does_not_leave_him_for_somebody_who_may_not_read_it(line: TestLine) -> None:
    """Who is next works, and is suspended; who comes after him is off duty, too."""
    await until(line, 18)
    duty = once_a_week(line)
    await all_work(line, duty)
    case_id, _ = await sealed(line, URGENT)
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
    assert case is not None
    first, second, _ = (seat.person for seat in read_gate(line.keys, case).order)
    await all_work(line, None)
    await all_work(line, duty, but=second)
    await suspend(line, second, line.vetter_seeds[0])
    await line.later(12 * HOUR_S + 60)
    assert await states(line, case_id, first) == {GrantState.OFFERED}
