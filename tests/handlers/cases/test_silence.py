"""What time does to a case: silence, idleness, duty hours, a line that stood still, a reader whose card holds no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from handlers.declared import seal_declared
from handlers.leaving import lock_held
from handlers.opening import Gate
from handlers.ports import Trouble
from handlers.requests import Refusal
from handlers.roster import members
from handlers.slots import Slots
from handlers.succession import read_gate
from handlers.watching import GAP_MS, WORKER
from routing.duty import HOUR_MS, Duty, due, duty_bytes
from routing.gate import Seat
from routing.people import Atlas, Region, RegionKind
from sealing.custody import EntryKind
from sealing.rows import DAY_MS, CaseState, GrantState, Purpose, Task, TaskKind
from storage import tables
from tests.handlers.cases.leaving import (
    TEXT,
    give_up,
    kinds_of,
    letters,
    offered,
    offered_to,
    open_all,
    opened,
    press,
    say,
    sealed,
    states,
    suspend,
    with_letters,
)
from tests.handlers.test_line_reading import URGENT, answer
from tests.line import TestLine, practice_line
from tests.tasks_of import dues

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket]

HOUR_S = 3600
NIGHTS = Duty("Asia/Manila", (((22 * 60, 24 * 60),),) * 7)


async def declare(line: TestLine, person: str, duty: Duty) -> dict[str, object]:
    return await say(line, person, EntryKind.DUTY, "", "", duty_bytes(duty))


@pytest.mark.claim("T45")
async def test_silence_hands_a_case_on_once_and_then_vetters_must_look(line: TestLine) -> None:
    seeds = with_letters(line, ["a", "b"])
    case_id, _ = await sealed(line)
    first = await offered_to(line, case_id)
    await line.later(6 * HOUR_S - 20)
    assert await states(line, case_id, first) == {GrantState.OFFERED}
    await line.later(30)
    assert await states(line, case_id, first) == {GrantState.LAPSED}
    assert EntryKind.LAPSE in await kinds_of(line, case_id)
    second = await offered_to(line, case_id)
    assert second != first
    grant = next(g for g in await line.grants(case_id) if g.person_id == first)
    assert (await line.open(grant, first))["code"] == Refusal.NOT_YOURS, "too late"
    assert line.alarms == []
    await line.later(6 * HOUR_S + 10)
    assert await offered_to(line, case_id) == second, "he keeps it"
    assert line.alarms == [Trouble.SILENT]
    for (letter,) in (await letters(line, seeds)).values():
        assert (letter.code, letter.case, letter.person) == (Trouble.SILENT, case_id, second)
    await line.later(12 * HOUR_S + 10)
    assert line.alarms == [Trouble.SILENT] * 2, "nobody has looked: they are told again"
    _, texts = await open_all(line, case_id)
    assert texts == [TEXT]
    await line.later(12 * HOUR_S + 10)
    assert line.alarms == [Trouble.SILENT] * 2


@pytest.mark.parametrize(("late_ms", "at"), [(300, 14), (120_000, 20)], ids=["in the slot", "too late for it"])
async def test_what_silence_hands_on_is_offered_in_the_same_slot(line: TestLine, late_ms: int, at: int) -> None:
    """Else a reader's six hours would be twelve. What came too late for the desks to see it waits for the next."""
    slots = Slots.parse("08:00,14:00,20:00")
    assert slots is not None
    case_id, _ = await sealed(line)
    (grant,) = await offered(line, case_id)
    day = (line.clock.now // DAY_MS + 1) * DAY_MS
    line.clock.now = day + 14 * HOUR_MS + late_ms
    on_the_day = replace(line.watching.succession, slot=lambda now, _: slots.next_slot(now))
    await replace(line.watching, succession=on_the_day).lapse(Task("", TaskKind.LAPSE, grant.id, 1, 0))
    assert await states(line, case_id, str(grant.person_id)) == {GrantState.LAPSED}
    assert await dues(line.database, TaskKind.OFFER) == [day + at * HOUR_MS]


async def test_an_urgent_case_moves_on_after_an_hour_and_twice(line: TestLine) -> None:
    case_id, _ = await sealed(line, URGENT)
    people = []
    for _ in range(3):
        people.append(await offered_to(line, case_id))
        await line.later(HOUR_S + 10)
    assert len(set(people)) == 3
    assert await offered_to(line, case_id) == people[-1]
    assert line.alarms == [Trouble.SILENT]


async def test_a_case_that_becomes_urgent_has_less_time(line: TestLine) -> None:
    case_id, phone = await sealed(line)
    first = await offered_to(line, case_id)
    await line.write(phone, "El vuelo sale mañana")
    await line.later(30)
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
    assert case is not None
    assert case.urgent, "notices go out for it from now on"
    await line.later(HOUR_S + 10)
    assert await states(line, case_id, first) == {GrantState.LAPSED}


async def test_whoever_opens_in_time_keeps_it(line: TestLine) -> None:
    case_id, _, person, _ = await opened(line)
    await line.later(7 * HOUR_S)
    assert await states(line, case_id, person) == {GrantState.OPEN}
    assert line.alarms == []


async def test_silence_counts_in_the_readers_own_duty_hours(line: TestLine) -> None:
    """Six hours of two a night are three nights; the offer ends in the slot after."""
    async with line.store.begin() as tx:
        leaf = (await tx.leaves(0, 1))[0]
        for row in await tx.people():
            assert await tx.save_person(replace(row, duty=seal_declared(line.keys, row.id, duty_bytes(NIGHTS), leaf)))
    case_id, _ = await sealed(line)
    first = await offered_to(line, case_id)
    end = due(line.clock.now, 6, NIGHTS)
    assert end > line.clock.now + 2 * DAY_MS
    await line.later((end - line.clock.now) / 1000 - 10)
    assert await states(line, case_id, first) == {GrantState.OFFERED}
    await line.later(20)
    assert await states(line, case_id, first) == {GrantState.LAPSED}


async def test_hours_are_what_their_owner_signed_and_nothing_else(line: TestLine) -> None:
    person, elsewhere = min(line.cards), Duty("UTC", NIGHTS.hours)
    before = [entry.kind for entry in await line.leaves()].count(EntryKind.DUTY)
    assert (await declare(line, person, elsewhere))["result"] == "done"
    for bad in (b"", duty_bytes(NIGHTS)[:-1], duty_bytes(NIGHTS).replace(b"Asia/Manila", b"Mars/Olympus")):
        assert (await say(line, person, EntryKind.DUTY, "", "", bad))["code"] == Refusal.UNREADABLE
    assert (await say(line, person, EntryKind.DUTY, "", "0" * 64))["code"] == Refusal.UNREADABLE
    assert (await say(line, person, EntryKind.DUTY, "", "", duty_bytes(NIGHTS) + b" " * 99))["result"] == "done", "padded"
    line.clock.now -= HOUR_MS
    assert (await declare(line, person, elsewhere))["code"] == Refusal.STALE, "an act of before, put in again"
    line.clock.now += HOUR_MS
    assert [entry.kind for entry in await line.leaves()].count(EntryKind.DUTY) == before + 2


async def on_duty(line: TestLine, person: str, now_ms: int) -> bool:
    async with line.store.begin() as tx:
        found = {m.person.id: m.person for m in await members(tx, line.keys, line.vetters, now_ms // HOUR_MS)}
    return found[person].on_duty


async def test_the_draw_knows_who_is_on_duty_and_believes_no_edited_row(line: TestLine) -> None:
    person, other = sorted(line.cards)[:2]
    morning = line.clock.now // DAY_MS * DAY_MS + 30 * HOUR_MS  # 06:00 UTC is 14:00 in Manila
    night = morning + 9 * HOUR_MS
    await declare(line, person, NIGHTS)
    assert [await on_duty(line, person, at) for at in (morning, night)] == [False, True]
    assert await on_duty(line, other, morning), "he has declared nothing"
    async with line.store.begin() as tx:
        row = await tx.person(person)
    assert row is not None
    _, forged = line.keys.seal(Purpose.ROSTER, duty_bytes(NIGHTS) + b"\nAAAA\n" + b"0" * 64)
    for values in ({"duty": forged}, {"duty": b"?"}):
        async with line.database.begin() as transaction:
            await transaction.run(update(tables.person).where(tables.person.c.id == person).values(values))
        assert await on_duty(line, person, morning), "hours that the worker did not write count for nothing"
    async with line.database.begin() as transaction:
        await transaction.run(update(tables.person).where(tables.person.c.id == other).values(duty=row.duty))
    assert await on_duty(line, other, morning), "nor another person's"


async def test_a_reader_who_does_nothing_for_14_days_loses_the_case(line: TestLine) -> None:
    case_id, _, person, identity = await opened(line)
    await line.later(13 * 24 * HOUR_S)
    assert (await answer(line, case_id, person, identity, "Thank you."))["result"] == "answered"
    await line.later(13 * 24 * HOUR_S)
    assert await states(line, case_id, person) == {GrantState.OPEN}, "an answer is a sign of life"
    await line.later(24 * HOUR_S + 10)
    assert await states(line, case_id, person) == {GrantState.LAPSED}
    await line.later(6)
    second, _ = await open_all(line, case_id)
    assert second != person


async def test_an_urgent_case_waits_72_hours_for_its_reader(line: TestLine) -> None:
    case_id, _ = await sealed(line, URGENT)
    person, _ = await line.open_first(case_id)
    await line.later(71 * HOUR_S)
    assert await states(line, case_id, person) == {GrantState.OPEN}
    await line.later(HOUR_S + 10)
    assert await states(line, case_id, person) == {GrantState.LAPSED}


@pytest.mark.claim("T45")
async def test_a_line_that_was_down_for_a_week_takes_no_case_from_anybody(line: TestLine) -> None:
    mine, _, person, _ = await opened(line)
    waiting, _ = await sealed(line)
    first = await offered_to(line, waiting)
    await line.watching.beat()
    line.clock.now += 30 * DAY_MS
    assert await line.watching.beat() == 30 * DAY_MS
    await line.run()
    assert await states(line, waiting, first) == {GrantState.OFFERED}
    assert await states(line, mine, person) == {GrantState.OPEN}
    assert await line.watching.beat() == 0
    for _ in range(3):  # six hours of a line that lives: it beats more often than is shown here
        line.clock.now += 2 * HOUR_MS + 5_000
        async with line.store.begin() as tx:
            await tx.beat(WORKER, line.clock.now)
        await line.run()
    assert await states(line, waiting, first) == {GrantState.LAPSED}, "from then on it counts"


async def test_whatever_is_due_first_after_a_jump_puts_everything_off(line: TestLine) -> None:
    """The beat of a stopped process may come after its queue runs again."""
    case_id, _ = await sealed(line)
    first = await offered_to(line, case_id)
    await line.watching.beat()
    (before,) = await dues(line.database, TaskKind.LAPSE)
    await line.later(7 * 24 * HOUR_S)
    assert await states(line, case_id, first) == {GrantState.OFFERED}
    assert await dues(line.database, TaskKind.LAPSE) == [before + 7 * DAY_MS]
    assert await line.watching.beat() == 0, "once"


async def test_a_clock_that_is_put_back_gives_nobody_more_time(line: TestLine) -> None:
    await sealed(line)
    await line.watching.beat()
    (before,) = await dues(line.database, TaskKind.LAPSE)
    line.clock.now -= DAY_MS
    assert await line.watching.beat() == -DAY_MS
    assert await dues(line.database, TaskKind.LAPSE) == [before - DAY_MS]
    line.clock.now += GAP_MS
    assert await line.watching.beat() == 0, "five minutes are no gap"


async def test_who_is_suspended_in_mid_case_loses_it_at_once(line: TestLine) -> None:
    case_id, phone, person, _ = await opened(line)
    await suspend(line, person, line.vetter_seeds[0])
    await line.run()
    assert await states(line, case_id, person) == {GrantState.STRUCK}
    await line.write(phone, "Son tres mujeres")
    await line.later(6)
    second, texts = await open_all(line, case_id)
    assert second != person
    assert texts == [TEXT, "Son tres mujeres"]


async def test_a_card_that_ends_ends_the_reading(line: TestLine) -> None:
    case_id, _, person, _ = await opened(line)
    await line.watching.beat()
    line.clock.now += 366 * DAY_MS
    await line.watching.beat()
    await line.watching.review_all()
    await line.run()
    assert await states(line, case_id, person) == {GrantState.STRUCK}
    await line.later(6)
    assert await offered(line, case_id) == []
    assert Trouble.ORDER_EXHAUSTED in line.alarms, "nobody's card holds"
    async with line.store.begin() as tx:
        row = await tx.person(person)
    assert row is not None
    assert row.status != "active"


async def test_a_region_that_the_file_lacks_for_a_while_takes_no_case_away(line: TestLine) -> None:
    """Nothing is handed out while it lasts; but an edit of a file must not empty every case for ever."""
    case_id, _, person, _ = await opened(line)
    blind = Gate(line.keys, line.clock, Atlas((Region("nowhere", None, RegionKind.COUNTRY, ("Nowhere",)),), ()))
    async with line.store.begin() as tx:
        (case,) = await lock_held(tx, person)
        found = {m.person.id: m for m in await members(tx, line.keys, line.vetters, line.clock.now // HOUR_MS)}
    assert case.id == case_id
    assert not blind.passes(case, found[person])
    assert not blind.lost(case, found[person])
    assert blind.lost(case, replace(found[person], person=replace(found[person].person, active=False)))


async def test_a_case_whose_row_was_changed_is_taken_from_the_suspended_all_the_same(line: TestLine) -> None:
    case_id, _, person, _ = await opened(line)
    async with line.database.begin() as transaction:
        await transaction.run(update(tables.case).where(tables.case.c.id == case_id).values(recipient="age1swapped"))
    await suspend(line, person, line.vetter_seeds[0])
    await line.run()
    assert await states(line, case_id, person) == {GrantState.STRUCK}
    assert line.alarms == [Trouble.CASE_BROKEN]
    await line.later(6)
    assert await offered(line, case_id) == []


async def test_the_way_of_a_case_from_hand_to_hand_on_both_engines(tmp_path: Path, url: str) -> None:
    """Silence, a departure, a new epoch for an answer, the quiet word: every lock and every guarded write of it."""
    async with practice_line(tmp_path, url) as line:
        case_id, _ = await sealed(line)
        first = await offered_to(line, case_id)
        await line.watching.beat()
        line.clock.now += 6 * HOUR_MS + 10_000
        assert await line.watching.beat() > 6 * HOUR_MS
        line.clock.now += 6 * HOUR_MS + 10_000
        async with line.database.begin() as transaction:
            await transaction.run(delete(tables.heartbeat))
        await line.run()
        assert await states(line, case_id, first) == {GrantState.LAPSED}
        (grant,) = await offered(line, case_id)
        second = str(grant.person_id)
        identity = line.case_identity(await line.open(grant, second), second)
        assert (await answer(line, case_id, second, identity, "Thank you."))["result"] == "answered"
        assert await open_all(line, case_id) == (second, ["Thank you."])
        await press(line, second)
        assert await states(line, case_id, second) == {GrantState.STRUCK}
        await line.later(6)
        third, texts = await open_all(line, case_id)
        assert third not in (first, second)
        assert texts == [TEXT, "Thank you."]
        await line.watching.review_all()
        await line.run()
        assert await states(line, case_id, third) == {GrantState.OPEN}


async def test_due_times_stand_on_slots(line: TestLine) -> None:
    """Else they would tell the minute of an opening."""
    case_id, _, _, _ = await opened(line)
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
    assert case is not None
    assert case.state is CaseState.OPEN
    for kind in (TaskKind.LAPSE, TaskKind.IDLE):
        assert [at % 5_000 for at in await dues(line.database, kind)] == [0]


async def test_the_last_who_may_read_a_case_is_reminded_and_not_passed_over(line: TestLine) -> None:
    case_id, _ = await sealed(line, URGENT)
    order = [seat.person for seat in await order_of(line, case_id)]
    for person in order[:-1]:
        assert (await give_up(line, case_id, person))["result"] == "done"
        await line.later(6)
    await line.later(HOUR_S + 10)
    assert await states(line, case_id, order[-1]) == {GrantState.OFFERED}, "nobody can come after him"
    assert Trouble.SILENT in line.alarms
    assert (await line.open_first(case_id))[0] == order[-1]
    await line.later(73 * HOUR_S)
    assert await states(line, case_id, order[-1]) == {GrantState.OPEN}


async def test_opening_again_and_again_is_no_work_on_a_case(line: TestLine) -> None:
    case_id, _ = await sealed(line, URGENT)
    person, _ = await line.open_first(case_id)
    await line.later(71 * HOUR_S)
    grant = next(g for g in await line.grants(case_id) if g.person_id == person)
    assert (await line.open(grant, person))["result"] == "opened"
    await line.later(2 * HOUR_S)
    assert await states(line, case_id, person) == {GrantState.LAPSED}


async def order_of(line: TestLine, case_id: str) -> tuple[Seat, ...]:
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
    assert case is not None
    return read_gate(line.keys, case).order
