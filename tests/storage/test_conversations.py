"""Inbound rows, threads and the ledger of sendings."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sealing.rows import CaseState, SendingState, TaskKind
from storage import tables
from storage.engine import Database
from storage.intake import SqlIntake
from storage.queue import SqlQueue
from storage.store import SqlStore
from tests.databases import SetClock
from tests.storage.rows import a_case, a_conversation, a_message, a_sending, a_thread, an_id, count


@pytest.mark.asyncio
async def test_a_message_is_attached_once(database: Database, clock: SetClock) -> None:
    message = a_message()
    await SqlIntake(database, clock).accept(message)
    async with SqlStore(database).begin() as tx:
        assert await tx.attach(message.id, "first")
        assert not await tx.attach(message.id, "second")
        assert not await tx.attach(an_id(), "first")
        assert [row.id for row in await tx.inbound_of("first")] == [message.id]
        assert not await tx.inbound_of("second")


@pytest.mark.asyncio
@pytest.mark.parametrize(("state", "raised"), [(CaseState.TALKING, 1), (CaseState.HELD, 1), (CaseState.SEALED, 0), (CaseState.OPEN, 0)])
async def test_a_late_message_makes_a_running_sealing_fail(database: Database, clock: SetClock, state: CaseState, raised: int) -> None:
    case, thread, _ = await a_conversation(database, clock)
    late = a_message()
    await SqlIntake(database, clock).accept(late)
    async with SqlStore(database).begin() as tx:
        if state is not CaseState.TALKING:
            assert await tx.move_case(case.id, CaseState.TALKING, state)
        assert await tx.attach(late.id, thread.tag)
        assert not await tx.attach(late.id, thread.tag)
        after = await tx.case(case.id)
    assert after is not None
    assert after.version == case.version + raised


@pytest.mark.asyncio
async def test_messages_of_a_thread_come_in_order_and_are_dropped_by_id(database: Database, clock: SetClock) -> None:
    _, thread, ids = await a_conversation(database, clock, 5)
    async with SqlStore(database).begin() as tx:
        rows = await tx.inbound_of(thread.tag)
        assert [row.id for row in rows] == ids
        assert [row.seq for row in rows] == sorted({row.seq for row in rows})
        await tx.drop_inbound(ids[1:3])
        assert [row.id for row in await tx.inbound_of(thread.tag)] == [ids[0], *ids[3:]]


@pytest.mark.asyncio
async def test_a_thread_is_saved_only_over_the_version_that_was_read(database: Database) -> None:
    row = a_thread()
    async with SqlStore(database).begin() as tx:
        assert await tx.save_thread(row)
        assert not await tx.save_thread(row)
        assert await tx.thread(row.tag) == replace(row, version=1)
        assert await tx.save_thread(replace(row, version=1, sealed=b"newer"))
        assert not await tx.save_thread(replace(row, version=1, sealed=b"late"))
        assert await tx.thread(row.tag) == replace(row, version=2, sealed=b"newer")
        assert not await tx.drop_thread(row.tag, 1), "not what was saved since"
        assert await tx.drop_thread(row.tag, 2)
        assert await tx.thread(row.tag) is None


@pytest.mark.asyncio
async def test_a_thread_is_found_by_its_case(database: Database) -> None:
    case, row = a_case(), a_thread()
    async with SqlStore(database).begin() as tx:
        assert await tx.save_thread(replace(row, case_id=case.id))
        assert await tx.add_case(case)
        assert await tx.save_thread(a_thread())
        found = await tx.thread_of(case.id)
        assert await tx.thread_of(an_id()) is None
    assert found == replace(row, case_id=case.id, version=1)


async def _write(database: Database, tag: str, times: int) -> None:
    store = SqlStore(database)
    while times:
        async with store.begin() as tx:
            row = await tx.thread(tag)
        assert row is not None
        async with store.begin() as tx:
            times -= await tx.save_thread(row)


@pytest.mark.asyncio
async def test_guarded_updates_are_not_lost(database: Database, other: Database) -> None:
    row = a_thread()
    async with SqlStore(database).begin() as tx:
        await tx.save_thread(row)
    await asyncio.gather(*(_write(each, row.tag, 10) for each in (database, other) for _ in range(2)))
    async with SqlStore(database).begin() as tx:
        after = await tx.thread(row.tag)
    assert after is not None
    assert after.version == 41


_PROCESS = """
import asyncio, sys
from storage.engine import open_database
from tests.storage.test_conversations import _write
asyncio.run(_write(open_database(sys.argv[1]), sys.argv[2], 100))
"""


@pytest.mark.asyncio
async def test_two_processes_lose_no_update(database: Database, url: str) -> None:
    row, root = a_thread(), Path(__file__).parents[2]
    async with SqlStore(database).begin() as tx:
        await tx.save_thread(row)
    environment = {"PYTHONPATH": str(root)}
    writers = [await asyncio.create_subprocess_exec(sys.executable, "-c", _PROCESS, url, row.tag, env=environment) for _ in range(2)]
    assert [await asyncio.wait_for(writer.wait(), 60) for writer in writers] == [0, 0]
    async with SqlStore(database).begin() as tx:
        after = await tx.thread(row.tag)
    assert after is not None
    assert after.version == 201


@pytest.mark.asyncio
async def test_one_cause_has_one_sending_and_its_content_leaves_with_it(database: Database) -> None:
    row = a_sending(state=SendingState.DUE)
    async with SqlStore(database).begin() as tx:
        assert await tx.add_sending(row)
        assert not await tx.add_sending(replace(row, sealed=b"again"))
        assert await tx.sending(row.id) == row
        assert not await tx.move_sending(row.id, SendingState.WAITING, SendingState.SENDING)
        assert await tx.move_sending(row.id, SendingState.DUE, SendingState.SENDING)
        assert await tx.sending(row.id) == replace(row, state=SendingState.SENDING)
        assert await tx.move_sending(row.id, SendingState.SENDING, SendingState.SENT)
        assert await tx.sending(row.id) == replace(row, state=SendingState.SENT, sealed=b"")
        assert not await tx.add_sending(row)


@pytest.mark.asyncio
async def test_what_waits_for_the_source_is_released_with_its_tasks(database: Database, clock: SetClock) -> None:
    case, apart = a_case(), a_case()
    states = [SendingState.WAITING, SendingState.UNKNOWN, SendingState.SENT, SendingState.SHELVED, SendingState.DUE]
    rows = [a_sending(case.id, state) for state in states]
    foreign = a_sending(apart.id)
    async with SqlStore(database).begin() as tx:
        assert await tx.add_case(case)
        assert await tx.add_case(apart)
        for row in [*rows, foreign]:
            assert await tx.add_sending(row)
        assert await tx.release_waiting(case.id, clock.now) == 2
        assert await tx.release_waiting(case.id, clock.now) == 0
        after = [await tx.sending(row.id) for row in [*rows, foreign]]
    assert [row.state for row in after if row] == [
        SendingState.DUE,
        SendingState.DUE,
        SendingState.SENT,
        SendingState.SHELVED,
        SendingState.DUE,
        SendingState.WAITING,
    ]
    queue = SqlQueue(database, clock)
    claimed = [await queue.claim([TaskKind.SEND]) for _ in range(3)]
    assert {task.ref for task in claimed if task} == {rows[0].id, rows[1].id}
    assert await count(database, tables.task) == 2
