"""Intake: durable on return, one row for each message whatever the provider repeats, and never a caller left waiting."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, select, text

from sealing.rows import Accepted, QueueFull, SealedInbound, StorageDown, Task, TaskKind
from storage import tables
from storage.engine import Database, open_database
from storage.intake import BATCH, DEFAULT_LIMITS, Limits, SqlIntake, free_on_disk
from storage.queue import SqlQueue
from storage.store import SqlStore
from tests.databases import Servers, SetClock
from tests.storage.rows import a_message, an_id, count


def commits(database: Database) -> list[None]:
    """Grows by one with each commit."""
    seen: list[None] = []
    event.listen(database._engine.sync_engine, "commit", lambda _: seen.append(None))
    return seen


@pytest.mark.asyncio
@pytest.mark.claim("T7")
async def test_a_message_is_there_for_others_on_return_with_its_task(database: Database, other: Database, clock: SetClock) -> None:
    message = a_message()
    assert await SqlIntake(database, clock).accept(message) is Accepted.NEW
    async with SqlStore(other).begin() as tx:
        row = await tx.inbound(message.id)
    assert row is not None
    assert (row.id, row.epoch, row.thread, row.sealed) == (message.id, message.epoch, None, message.sealed)
    claimed = await SqlQueue(other, clock).claim([TaskKind.CONVERSE])
    assert claimed == Task(claimed.id if claimed else "", TaskKind.CONVERSE, message.id, 1, 0)


@pytest.mark.asyncio
@pytest.mark.claim("T7")
async def test_a_repeat_is_a_duplicate_and_writes_nothing(database: Database, clock: SetClock) -> None:
    intake, message = SqlIntake(database, clock), a_message()
    assert await intake.accept(message) is Accepted.NEW
    assert await intake.accept(replace(message, id=an_id())) is Accepted.DUPLICATE
    assert await count(database, tables.inbound) == 1
    assert await count(database, tables.task) == 1


@pytest.mark.asyncio
async def test_repeats_at_the_same_moment_in_two_processes_make_one_row_each(database: Database, other: Database, clock: SetClock) -> None:
    messages = [a_message() for _ in range(40)]
    intakes = [SqlIntake(database, clock), SqlIntake(other, clock)]
    results = await asyncio.gather(
        *(intake.accept(replace(message, id=an_id())) for order in (messages, messages[::-1]) for message in order for intake in intakes)
    )
    assert results.count(Accepted.NEW) == 40
    assert results.count(Accepted.DUPLICATE) == 120
    for table in (tables.inbound, tables.task, tables.seen):
        assert await count(database, table) == 40


@pytest.mark.asyncio
async def test_messages_that_come_together_share_commits(database: Database, clock: SetClock) -> None:
    done, intake = commits(database), SqlIntake(database, clock)
    results = await asyncio.gather(*(intake.accept(a_message()) for _ in range(3 * BATCH)))
    assert results == [Accepted.NEW] * (3 * BATCH)
    assert len(done) == 3
    assert await count(database, tables.inbound) == 3 * BATCH


@pytest.mark.asyncio
async def test_one_commit_carries_new_ones_and_repeats_and_tells_each_apart(database: Database, clock: SetClock) -> None:
    intake, old = SqlIntake(database, clock), [a_message() for _ in range(20)]
    for message in old:
        await intake.accept(message)
    done, new = commits(database), [a_message() for _ in range(20)]
    mixed = [message for pair in zip(new, old, strict=True) for message in pair] + [replace(message, id=an_id()) for message in new]
    results = await asyncio.gather(*(intake.accept(message) for message in mixed))
    assert results == [Accepted.NEW, Accepted.DUPLICATE] * 20 + [Accepted.DUPLICATE] * 20
    assert len(mixed) <= BATCH
    assert len(done) == 1
    assert await count(database, tables.inbound) == 40


@pytest.mark.asyncio
async def test_no_commit_carries_more_than_a_batch(database: Database, clock: SetClock) -> None:
    intake, sizes = SqlIntake(database, clock), [0]
    event.listen(database._engine.sync_engine, "commit", lambda _: sizes.append(0))

    def counted(_c: object, _u: object, statement: str, given: object, _x: object, many: bool) -> None:
        if statement.startswith("INSERT INTO inbound"):
            sizes[-1] += len(given) if many and isinstance(given, list) else 1

    event.listen(database._engine.sync_engine, "before_cursor_execute", counted)
    await asyncio.gather(*(intake.accept(a_message()) for _ in range(2 * BATCH + 7)))
    assert sizes == [BATCH, BATCH, 7, 0]
    assert await count(database, tables.inbound) == 2 * BATCH + 7


async def nothing_more_than(database: Database, rows: int) -> None:
    for table in (tables.inbound, tables.task, tables.seen):
        assert await count(database, table) == rows


@pytest.mark.asyncio
@pytest.mark.claim("T7")
async def test_a_line_that_is_far_behind_takes_nothing_and_the_repeat_is_new(database: Database, clock: SetClock) -> None:
    intake, queue = SqlIntake(database, clock, limits=Limits(waiting=5), probed_every=0), SqlQueue(database, clock)
    for _ in range(6):
        await intake.accept(a_message())
    refused = [a_message() for _ in range(3)]
    results = await asyncio.gather(*(intake.accept(message) for message in refused), return_exceptions=True)
    assert [type(result) for result in results] == [QueueFull] * 3
    await nothing_more_than(database, 6)
    claimed = await queue.claim([TaskKind.CONVERSE])
    assert claimed is not None
    async with SqlStore(database).begin() as tx:
        await tx.drop_inbound([claimed.ref])
        await tx.done(claimed)
    assert await intake.accept(refused[0]) is Accepted.NEW
    with pytest.raises(QueueFull):
        await intake.accept(refused[1])


@pytest.mark.claim("T34")
@pytest.mark.asyncio
async def test_what_a_pace_puts_off_does_not_close_the_line_to_others(database: Database, clock: SetClock) -> None:
    intake = SqlIntake(database, clock, limits=Limits(waiting=5), probed_every=0)
    flood = [replace(a_message(), lane="f", delay_ms=1_000 * n) for n in range(1, 30)]
    assert await asyncio.gather(*(intake.accept(message) for message in flood)) == [Accepted.NEW] * 29
    assert await intake.accept(a_message()) is Accepted.NEW
    clock.now += 10_000
    with pytest.raises(QueueFull):
        await intake.accept(a_message())


@pytest.mark.asyncio
async def test_a_message_that_is_put_off_falls_due_then(database: Database, clock: SetClock) -> None:
    intake, queue = SqlIntake(database, clock), SqlQueue(database, clock)
    late, soon = replace(a_message(), delay_ms=15_000), a_message()
    await asyncio.gather(intake.accept(late), intake.accept(soon))
    first, nothing = await queue.claim([TaskKind.CONVERSE]), await queue.claim([TaskKind.CONVERSE])
    assert (first and first.ref, nothing) == (soon.id, None)
    clock.now += 15_000
    second = await queue.claim([TaskKind.CONVERSE])
    assert second is not None
    assert second.ref == late.id


@pytest.mark.asyncio
@pytest.mark.claim("T7")
async def test_a_disk_that_is_nearly_full_takes_nothing_and_is_asked_once_a_second(database: Database, clock: SetClock) -> None:
    left, asked = DEFAULT_LIMITS.free - 1, [0]

    def free() -> int:
        asked[0] += 1
        return left

    message, intake = a_message(), SqlIntake(database, clock, free=free)
    for _ in range(20):
        with pytest.raises(QueueFull):
            await intake.accept(message)
    assert asked == [1]
    await nothing_more_than(database, 0)
    left += 1
    assert await SqlIntake(database, clock, free=free).accept(message) is Accepted.NEW
    patient = SqlIntake(database, clock, free=free, probed_every=0)
    assert await patient.accept(a_message()) is Accepted.NEW
    left = 0
    with pytest.raises(QueueFull):
        await patient.accept(a_message())


@pytest.mark.asyncio
async def test_the_disk_is_asked_where_the_file_lies_and_a_server_minds_its_own(
    database: Database, url: str, engine_name: str, clock: SetClock
) -> None:
    assert database.folder == (None if engine_name == "postgres" else Path(url.removeprefix("sqlite:///")).parent)
    assert free_on_disk(database)() >= DEFAULT_LIMITS.free, "or this machine cannot run the tests"
    assert await SqlIntake(database, clock).accept(a_message()) is Accepted.NEW


@pytest.mark.asyncio
@pytest.mark.claim("T7")
async def test_a_crowd_at_the_door_is_bounded_and_whoever_is_let_in_is_taken(database: Database, clock: SetClock) -> None:
    intake = SqlIntake(database, clock, limits=Limits(callers=10))
    messages = [a_message() for _ in range(40)]
    results = await asyncio.gather(*(intake.accept(message) for message in messages), return_exceptions=True)
    assert results[:10] == [Accepted.NEW] * 10
    assert [type(result) for result in results[10:]] == [QueueFull] * 30
    await nothing_more_than(database, 10)
    refused: list[SealedInbound] = messages[10:20]
    assert await asyncio.gather(*(intake.accept(message) for message in refused)) == [Accepted.NEW] * 10


@pytest.mark.asyncio
async def test_messages_of_one_moment_are_claimed_in_the_order_of_their_coming(database: Database, clock: SetClock) -> None:
    intake, queue, messages = SqlIntake(database, clock), SqlQueue(database, clock), [a_message() for _ in range(30)]
    await asyncio.gather(*(intake.accept(message) for message in messages[:20]))
    for message in messages[20:]:
        await intake.accept(message)
    claimed = [await queue.claim([TaskKind.CONVERSE]) for _ in messages]
    assert [task.ref for task in claimed if task is not None] == [message.id for message in messages]
    async with database.begin(reading=True) as transaction:
        stored = list((await transaction.run(select(tables.inbound.c.id).order_by(tables.inbound.c.seq))).scalars())
    assert stored == [message.id for message in messages]


@pytest.mark.asyncio
@pytest.mark.claim("T7")
async def test_a_batch_is_written_whole_or_not_at_all(database: Database, clock: SetClock) -> None:
    intake, taken = SqlIntake(database, clock), a_message()
    await intake.accept(taken)
    good = [a_message() for _ in range(5)]
    clash = a_message(id=taken.id)
    results = await asyncio.gather(*(intake.accept(message) for message in [*good, clash]), return_exceptions=True)
    assert all(isinstance(result, StorageDown) for result in results)
    for table in (tables.inbound, tables.task, tables.seen):
        assert await count(database, table) == 1
    assert [await intake.accept(message) for message in good] == [Accepted.NEW] * 5


@pytest.mark.asyncio
async def test_a_caller_who_leaves_harms_nobody_and_his_message_stays(database: Database, clock: SetClock) -> None:
    intake, messages = SqlIntake(database, clock), [a_message() for _ in range(10)]
    callers = [asyncio.create_task(intake.accept(message)) for message in messages]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert results[1::2] == [Accepted.NEW] * 5
    assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
    assert await intake.accept(messages[0]) is Accepted.DUPLICATE
    assert await count(database, tables.inbound) == 10


@pytest.mark.asyncio
@pytest.mark.claim("T7")
async def test_every_caller_of_a_database_that_is_down_hears_it(database: Database, clock: SetClock) -> None:
    intake = SqlIntake(database, clock)
    await database.close()
    results = await asyncio.gather(*(intake.accept(a_message()) for _ in range(BATCH + 6)), return_exceptions=True)
    assert len(results) == BATCH + 6
    assert all(isinstance(result, StorageDown) for result in results)


@pytest.mark.asyncio
async def test_a_commit_that_hangs_is_down_and_the_next_one_works(database: Database, other: Database, clock: SetClock) -> None:
    intake, message = SqlIntake(database, clock, timeout=0.2), a_message()
    async with other.begin() as transaction:
        await transaction.run(tables.seen.insert(), [{"tag": message.dedupe, "day": message.day}])
        with pytest.raises(StorageDown):
            await asyncio.wait_for(intake.accept(message), 5)
        await transaction.run(tables.seen.delete())
    assert await intake.accept(message) is Accepted.NEW


@pytest.mark.asyncio
async def test_a_loop_that_ends_leaves_no_caller_hanging(database: Database, clock: SetClock) -> None:
    intake = SqlIntake(database, clock)
    # The driver's thread outlives a loop that ends while it is opening the file, so it opens it now.
    await intake.accept(a_message())
    callers = [asyncio.create_task(intake.accept(a_message())) for _ in range(BATCH + 3)]
    await asyncio.sleep(0)
    assert intake._committer is not None
    await asyncio.sleep(0)
    intake._committer.cancel()
    results = await asyncio.wait_for(asyncio.gather(*callers, return_exceptions=True), 5)
    assert all(isinstance(result, StorageDown) for result in results)


@pytest.mark.asyncio
@pytest.mark.claim("T7")
async def test_a_full_disk_is_down_and_takes_nothing_until_there_is_room(servers: Servers, clock: SetClock) -> None:
    database = open_database(servers.migrated("sqlite"))
    intake = SqlIntake(database, clock)
    async with database.begin() as transaction:
        pages = (await transaction.run(text("PRAGMA page_count"))).scalar_one()
        await transaction.run(text(f"PRAGMA max_page_count = {pages}"))
    large = replace(a_message(), sealed=bytes(100_000))
    results = await asyncio.gather(intake.accept(large), intake.accept(a_message()), return_exceptions=True)
    assert [type(result) for result in results] == [StorageDown, StorageDown]
    for table in (tables.inbound, tables.task, tables.seen):
        assert await count(database, table) == 0
    async with database.begin() as transaction:
        await transaction.run(text("PRAGMA max_page_count = 100000"))
    assert await intake.accept(large) is Accepted.NEW
    await database.close()
