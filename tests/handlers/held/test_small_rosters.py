"""Nobody waits because the roster is small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.holds import Held
from handlers.declared import seal_declared
from handlers.ports import Trouble
from routing.duty import Duty, duty_bytes
from routing.people import Flag, Hold
from sealing.case import sha256
from sealing.custody import EntryKind
from sealing.statements import signed_entry
from tests.handlers.held.holding import AN_HOUR, FIVE, ONE, SMALL, TWO, enrol, letters, told
from tests.handlers.test_line_escrow import gate_of
from tests.handlers.test_line_reading import PHONE, URGENT, sealed_case
from tests.line import TestLine

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


@pytest.mark.claim("T64")
async def test_an_urgent_tip_goes_out_at_once_and_vetters_look_at_it_afterwards(line: TestLine) -> None:
    await enrol(line, TWO, 2)
    case_id = await sealed_case(line, URGENT)
    assert len(await line.released(case_id)) == 1
    (letter,) = await letters(line)
    assert (letter.code, letter.case) == (Trouble.TWO_VETTERS_REVIEW, case_id)
    assert letter.text.reveal() == "May read it: 2. The likeliest of them gets it with a chance of 50 %."
    assert line.alarms[0] is Trouble.TWO_VETTERS_REVIEW
    assert await told(line) == Held()


async def test_an_urgent_tip_that_nobody_may_read_alarms_every_hour_and_tells_the_vetters_daily(line: TestLine) -> None:
    case_id = await sealed_case(line, URGENT)
    assert [letter.code for letter in await letters(line)] == [Hold.NOBODY_ELIGIBLE]
    assert await told(line) == Held(nobody=1, urgent_nobody=1)
    for _ in range(3):
        await line.later(AN_HOUR)
    assert line.alarms == [Hold.NOBODY_ELIGIBLE] * 4
    await line.later(19 * AN_HOUR)
    assert await letters(line) == []
    await line.later(2 * AN_HOUR)
    assert [letter.code for letter in await letters(line)] == [Hold.NOBODY_ELIGIBLE]
    (reader,) = await enrol(line, ONE, 1)
    await line.later(AN_HOUR)
    await line.later(6)
    assert await line.released(case_id) == {reader}


async def test_a_held_tip_that_becomes_urgent_is_told_as_one(line: TestLine) -> None:
    await sealed_case(line)
    assert await told(line) == Held(nobody=1)
    await line.write(PHONE, URGENT)
    await line.later(27)
    assert await told(line) == Held(nobody=1, urgent_nobody=1)


ROSTERS: dict[str, tuple[Sequence[str], dict[str, Any]]] = {
    "six of one house": (ONE, {}),
    "six of two houses": (TWO, {}),
    "six founders of one house": (ONE, {"days": 1, "founder": True}),
    "six newcomers of two houses": (TWO, {"days": 1}),
}


@pytest.mark.parametrize("roster", ROSTERS)
async def test_six_readers_get_a_tip_at_once(line: TestLine, roster: str) -> None:
    agencies, more = ROSTERS[roster]
    readers = await enrol(line, agencies, 6, **more)
    case_id = await sealed_case(line)
    assert line.alarms[:1] != [SMALL]
    gate = await gate_of(line, case_id)
    assert await line.released(case_id) == {gate.order[0].person}
    assert max(gate.chances[person] for person in readers) <= 1 / 3 + 1e-9


async def test_one_old_hand_among_newcomers_waits_for_two_vetters(line: TestLine) -> None:
    """Nobody could doubt who has it."""
    await enrol(line, ONE, 1)
    await enrol(line, TWO, 5, days=1)
    await sealed_case(line)
    assert line.alarms == [SMALL]


@pytest.mark.claim("T64")
async def test_six_who_are_all_off_duty_get_an_urgent_tip_all_the_same(line: TestLine) -> None:
    readers = await enrol(line, FIVE, 6)
    away = (datetime.fromtimestamp(line.clock.now / 1000, UTC).weekday() + 3) % 7
    hours = duty_bytes(Duty("UTC", tuple(((0, 600),) if day == away else () for day in range(7))))
    async with line.store.begin() as tx:
        for person in readers:
            row = await tx.person(person)
            assert row is not None
            leaf = signed_entry(line.entry(person, "", EntryKind.DUTY, sha256(hours)), line.person_keys[person].sign_seed)
            assert await tx.save_person(replace(row, duty=seal_declared(line.keys, person, hours, leaf)))
    case_id = await sealed_case(line, URGENT)
    assert len(await line.released(case_id)) == 1
    assert Flag.OFF_DUTY in (await gate_of(line, case_id)).flags
