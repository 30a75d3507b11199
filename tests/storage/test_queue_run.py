"""The queue at work: lanes, back-off, waking and stopping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise

import pytest
from sqlalchemy.exc import NoResultFound

from sealing.rows import Later, StorageDown, Task, TaskKind
from storage import tables
from storage.engine import Database
from storage.queue import LEASE_MS, SqlQueue, _Claim, retry_delay
from storage.store import SqlStore
from storage.tasks import SHELVED_ATTEMPTS
from storage.transaction import Transaction
from tests.databases import SetClock
from tests.storage.rows import count
from tests.storage.tasks import enqueue, the_task


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0.01)


class Running:
    """A queue at work, and what it tells."""

    def __init__(self, database: Database, clock: SetClock, *, poll: float = 0.02, longest: float = 60.0) -> None:
        self.events: list[tuple[str, TaskKind | None]] = []
        self.stop = asyncio.Event()
        self.queue = SqlQueue(
            database, clock, on_event=lambda name, kind: self.events.append((name, kind)), jitter=lambda: 0.0, poll=poll, longest=longest
        )

    async def during(self, handlers: dict[TaskKind, Callable[[Task], Awaitable[None]]], done: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.queue.run(handlers, self.stop))
            try:
                await until(done)
            finally:
                self.stop.set()


@pytest.mark.asyncio
async def test_a_handler_finishes_its_task_in_its_own_transaction_or_leaves_that_to_the_queue(database: Database, clock: SetClock) -> None:
    store, seen = SqlStore(database), list[str]()

    async def finish(task: Task) -> None:
        seen.append(task.ref)
        async with store.begin() as tx:
            assert await tx.done(task)

    async def leave(task: Task) -> None:
        seen.append(task.ref)

    await enqueue(database, clock.now, "a", "b")
    await enqueue(database, clock.now, "c", "d", kind=TaskKind.OFFER)
    running = Running(database, clock)
    await running.during({TaskKind.SEND: finish, TaskKind.OFFER: leave}, lambda: _empty(database))
    assert sorted(seen) == ["a", "b", "c", "d"]
    assert running.events == []


async def _empty(database: Database) -> bool:
    return await count(database, tables.task) == 0


@pytest.mark.asyncio
async def test_a_handler_may_enqueue_its_own_task_for_later(database: Database, clock: SetClock) -> None:
    store, runs = SqlStore(database), list[int]()

    async def sweep(task: Task) -> None:
        runs.append(task.attempts)
        async with store.begin() as tx:
            await tx.enqueue(TaskKind.ERASE, task.ref, clock.now + 50)
            if len(runs) == 2:
                await tx.done(task)
        clock.now += 50 if len(runs) < 3 else 0

    await enqueue(database, clock.now, "all", kind=TaskKind.ERASE)
    await Running(database, clock).during({TaskKind.ERASE: sweep}, lambda: _is(len(runs) == 3))
    assert runs == [1, 1, 1]
    assert await the_task(database) == (clock.now + 50, 0, 0, 3)


async def _handled(handled: list[str], ref: str) -> bool:
    return ref in handled


async def _is(condition: bool) -> bool:
    return condition


@pytest.mark.asyncio
async def test_a_handler_that_raises_is_tried_again_later_and_later_and_never_given_up(database: Database, clock: SetClock) -> None:
    tries: list[tuple[int, int]] = []

    async def fail(task: Task) -> None:
        tries.append((task.attempts, clock.now))
        if len(tries) < SHELVED_ATTEMPTS + 3:
            raise LookupError("a person's words")

    async def step() -> bool:
        try:
            due, lease, _, _ = await the_task(database)
        except NoResultFound:
            return True
        if lease == 0 and tries:
            clock.now = max(clock.now, due)
        return False

    await enqueue(database, clock.now, "a")
    running = Running(database, clock)
    await running.during({TaskKind.SEND: fail}, step)
    assert [attempts for attempts, _ in tries] == list(range(1, SHELVED_ATTEMPTS + 4))
    waits = [later - earlier for (_, earlier), (_, later) in pairwise(tries)]
    assert waits == [retry_delay(n, 0) for n in range(1, SHELVED_ATTEMPTS + 3)]
    assert running.events.count(("task_shelved", TaskKind.SEND)) == 1
    assert running.events.count(("task_failed", TaskKind.SEND)) == SHELVED_ATTEMPTS + 1


@pytest.mark.asyncio
async def test_what_is_enqueued_again_while_it_fails_keeps_its_new_due_time(database: Database, clock: SetClock) -> None:
    async def fail(task: Task) -> None:
        await enqueue(database, clock.now + 3, task.ref)
        raise LookupError

    await enqueue(database, clock.now, "a")
    running = Running(database, clock)
    await running.during({TaskKind.SEND: fail}, lambda: _is(bool(running.events)))
    assert await the_task(database) == (clock.now + 3, 0, 1, 1)


@pytest.mark.asyncio
async def test_a_handler_that_hangs_is_cancelled_and_tried_again(database: Database, clock: SetClock) -> None:
    async def hang(task: Task) -> None:
        await asyncio.sleep(60)

    await enqueue(database, clock.now, "a")
    running = Running(database, clock, longest=0.05)
    await running.during({TaskKind.SEND: hang}, lambda: _is(bool(running.events)))
    assert await the_task(database) == (clock.now + 1000, 0, 1, 0)


@pytest.mark.asyncio
async def test_a_slow_lane_holds_up_no_other(database: Database, clock: SetClock) -> None:
    slow, greeted = asyncio.Event(), asyncio.Event()

    async def seal(task: Task) -> None:
        await slow.wait()

    async def converse(task: Task) -> None:
        greeted.set()

    await enqueue(database, clock.now, "case", kind=TaskKind.SEAL)
    await enqueue(database, clock.now, "message", kind=TaskKind.CONVERSE)

    async def done() -> bool:
        if greeted.is_set():
            slow.set()
        return await _empty(database)

    await Running(database, clock).during({TaskKind.SEAL: seal, TaskKind.CONVERSE: converse}, done)
    assert greeted.is_set()


@pytest.mark.asyncio
async def test_a_commit_in_this_process_wakes_the_queue_and_one_elsewhere_is_found_by_polling(
    database: Database, other: Database, clock: SetClock
) -> None:
    handled: list[str] = []

    async def note(task: Task) -> None:
        handled.append(task.ref)

    async def write(where: Database, ref: str) -> None:
        await asyncio.sleep(0.1)
        await enqueue(where, clock.now, ref)

    for where, ref, poll in ((database, "woken", 60.0), (other, "polled", 0.02)):
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(write(where, ref))
            await Running(database, clock, poll=poll).during({TaskKind.SEND: note}, partial(_handled, handled, ref))
    assert handled == ["woken", "polled"]


@pytest.mark.asyncio
async def test_stop_lets_the_task_in_hand_finish(database: Database, clock: SetClock) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def handler(task: Task) -> None:
        entered.set()
        await go.wait()

    await enqueue(database, clock.now, "a", "b", kind=TaskKind.OFFER)
    stop = asyncio.Event()
    running = asyncio.create_task(SqlQueue(database, clock).run({TaskKind.OFFER: handler}, stop))
    await entered.wait()
    stop.set()
    await asyncio.sleep(0.05)
    assert not running.done()
    go.set()
    await asyncio.wait_for(running, 5)
    assert await count(database, tables.task) == 1


class Flaky(Database):
    """Our database, with a switch that takes it away."""

    away = False

    @classmethod
    def of(cls, database: Database) -> Flaky:
        return cls(database._engine)

    @asynccontextmanager
    async def begin(self, *, reading: bool = False) -> AsyncIterator[Transaction]:
        if self.away:
            raise StorageDown("away")
        async with super().begin(reading=reading) as transaction:
            yield transaction


@pytest.mark.asyncio
async def test_the_queue_outlives_a_database_that_goes_away(database: Database, clock: SetClock) -> None:
    flaky, handled = Flaky.of(database), list[str]()

    async def handler(task: Task) -> None:
        handled.append(task.ref)
        flaky.away = len(handled) == 1

    await enqueue(database, clock.now, "a", kind=TaskKind.OFFER)
    running = Running(flaky, clock)

    async def done() -> bool:
        if running.events.count(("storage_down", None)) >= 2:
            flaky.away = False
            clock.now += LEASE_MS
        return await _empty(database)

    await running.during({TaskKind.OFFER: handler}, done)
    assert handled == ["a", "a"]
    assert ("storage_down", TaskKind.OFFER) in running.events


@pytest.mark.asyncio
async def test_a_text_that_hangs_holds_up_no_other(database: Database, clock: SetClock) -> None:
    sent, go = list[str](), asyncio.Event()

    async def handler(task: Task) -> None:
        if task.ref == "a":
            await go.wait()
        sent.append(task.ref)
        go.set()

    await enqueue(database, clock.now, "a", "b")
    await Running(database, clock).during({TaskKind.SEND: handler}, lambda: _empty(database))
    assert sent == ["b", "a"]


@pytest.mark.asyncio
async def test_later_is_no_failure(database: Database, clock: SetClock) -> None:
    running, tried = Running(database, clock), list[int]()

    async def handler(task: Task) -> None:
        tried.append(task.attempts)
        if len(tried) < 3:
            clock.now += 100
            raise Later(100)

    await enqueue(database, clock.now, "a", kind=TaskKind.OFFER)
    await running.during({TaskKind.OFFER: handler}, lambda: _advance(database, clock))
    assert tried == [1, 1, 1]
    assert running.events == []


async def _advance(database: Database, clock: SetClock) -> bool:
    clock.now += 20
    return await _empty(database)


@pytest.mark.asyncio
async def test_finishing_after_the_lease_was_lost_touches_nothing(database: Database, clock: SetClock) -> None:
    queue = SqlQueue(database, clock)
    await enqueue(database, clock.now, "a")
    lost = await queue._claim([TaskKind.SEND])
    clock.now += LEASE_MS
    kept = await queue._claim([TaskKind.SEND])
    assert isinstance(lost, _Claim)
    assert kept is not None
    before = await the_task(database)
    async with database.begin() as transaction:
        assert isinstance(transaction, Transaction)
        await queue._put_back(transaction, lost, 1000, 1)
    assert await the_task(database) == before
