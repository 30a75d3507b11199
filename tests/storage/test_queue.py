"""The queue: each task is in one hand at a time, is tried until it is done, and is never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import NoResultFound

from sealing.rows import StorageDown, Task, TaskKind
from storage import tables
from storage.engine import Database
from storage.queue import LEASE_MS, LONGEST_DELAY_MS, SHELVED_ATTEMPTS, SqlQueue, _Claim, _Held, lanes, retry_delay
from storage.store import SqlStore
from storage.transaction import Transaction
from tests.storage.conftest import SetClock
from tests.storage.rows import count


async def enqueue(database: Database, due: int, *refs: str, kind: TaskKind = TaskKind.SEND) -> None:
    async with SqlStore(database).begin() as tx:
        for ref in refs:
            await tx.enqueue(kind, ref, due)


async def the_task(database: Database) -> tuple[int, int, int, int]:
    """due, lease, attempts, rev of the only task."""
    column = tables.task.c
    async with database.begin(reading=True) as transaction:
        row = (await transaction.run(select(column.due, column.lease, column.attempts, column.rev))).one()
    return row.due, row.lease, row.attempts, row.rev


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0.01)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_delays_grow_and_are_bounded(attempts: int, jitter: float) -> None:
    delay = retry_delay(attempts, jitter)
    assert 500 <= delay <= LONGEST_DELAY_MS
    assert retry_delay(attempts + 1, jitter) >= delay
    assert retry_delay(attempts, 0) <= 2 * delay


def test_delays_double_from_a_second() -> None:
    assert [retry_delay(n, 0) for n in (1, 2, 3, 4)] == [1000, 2000, 4000, 8000]
    assert retry_delay(SHELVED_ATTEMPTS, 0) <= LONGEST_DELAY_MS == retry_delay(SHELVED_ATTEMPTS + 1, 0)


def test_every_kind_has_one_lane_and_new_kinds_go_with_sending() -> None:
    made = lanes(frozenset(TaskKind))
    assert sorted(kind for lane in made for kind in lane) == sorted(TaskKind)
    assert made[0] == {TaskKind.CONVERSE}
    assert made[1] == {TaskKind.SEAL, TaskKind.OFFER, TaskKind.ACT}
    assert lanes(frozenset({TaskKind.SWEEP})) == [{TaskKind.SWEEP}]


@pytest.mark.asyncio
async def test_claims_what_is_due_longest_and_only_what_was_asked_for(database: Database, clock: SetClock) -> None:
    queue, now = SqlQueue(database, clock), clock.now
    await enqueue(database, now + 1, "future")
    await enqueue(database, now, "second")
    await enqueue(database, now - 9, "first")
    await enqueue(database, now - 5, "between", kind=TaskKind.OFFER)
    await enqueue(database, now - 99, "elsewhere", kind=TaskKind.CONVERSE)
    kinds = [TaskKind.SEND, TaskKind.OFFER]
    claimed = [await queue.claim(kinds) for _ in range(4)]
    assert [task.ref if task else None for task in claimed] == ["first", "between", "second", None]
    clock.now += 1
    last = await queue.claim(kinds)
    assert last == Task(last.id if last else "", TaskKind.SEND, "future", 1, 0)


@pytest.mark.asyncio
async def test_two_processes_claim_each_task_once(database: Database, other: Database, clock: SetClock) -> None:
    refs = [f"{n:03d}" for n in range(100)]
    await enqueue(database, clock.now, *refs[:50])
    await enqueue(database, clock.now, *refs[50:], kind=TaskKind.OFFER)
    claimed: list[str] = []

    async def take(where: Database) -> None:
        queue = SqlQueue(where, clock)
        # PostgreSQL skips what another claim has locked, so one None does not mean that nothing is left.
        misses = 0
        while misses < 3:
            task = await queue.claim([TaskKind.SEND, TaskKind.OFFER])
            misses = misses + 1 if task is None else 0
            claimed.extend([] if task is None else [task.ref])

    await asyncio.gather(*(take(where) for where in (database, other, database, other)))
    await take(database)
    assert sorted(claimed) == refs


@pytest.mark.asyncio
async def test_a_lease_runs_out(database: Database, other: Database, clock: SetClock) -> None:
    await enqueue(database, clock.now, "a")
    first = await SqlQueue(database, clock).claim([TaskKind.SEND])
    assert first is not None
    clock.now += LEASE_MS - 1
    assert await SqlQueue(other, clock).claim([TaskKind.SEND]) is None
    clock.now += 1
    assert await SqlQueue(other, clock).claim([TaskKind.SEND]) == replace(first, attempts=2)


@pytest.mark.asyncio
async def test_a_lease_is_renewed_only_by_its_holder(database: Database, other: Database, clock: SetClock) -> None:
    await enqueue(database, clock.now, "a")
    claimed = await SqlQueue(database, clock)._claim([TaskKind.SEND])
    assert claimed is not None
    held = _Held(database, clock, claimed)
    clock.now += LEASE_MS - 1
    await held.renew()
    assert (await the_task(database))[1] == clock.now + LEASE_MS
    clock.now += LEASE_MS - 1
    await held.renew()
    clock.now += LEASE_MS
    taken = await SqlQueue(other, clock)._claim([TaskKind.SEND])
    assert taken is not None
    clock.now += 5
    await held.renew()
    assert (await the_task(database))[1] == taken.lease


@pytest.mark.asyncio
async def test_done_deletes_the_rev_that_was_claimed(database: Database, clock: SetClock) -> None:
    await enqueue(database, clock.now, "a")
    task = await SqlQueue(database, clock).claim([TaskKind.SEND])
    assert task is not None
    async with SqlStore(database).begin() as tx:
        assert await tx.done(task)
        assert not await tx.done(task)
    assert await count(database, tables.task) == 0


@pytest.mark.asyncio
async def test_what_was_enqueued_again_while_in_hand_is_kept_and_not_run_twice_at_once(database: Database, clock: SetClock) -> None:
    queue = SqlQueue(database, clock)
    await enqueue(database, clock.now, "a")
    task = await queue.claim([TaskKind.SEND])
    assert task is not None
    await enqueue(database, clock.now + 7, "a")
    assert await the_task(database) == (clock.now + 7, clock.now + LEASE_MS, 1, 1)
    clock.now += 7
    assert await queue.claim([TaskKind.SEND]) is None
    async with SqlStore(database).begin() as tx:
        assert not await tx.done(task)
    again = await queue.claim([TaskKind.SEND])
    assert again == replace(task, rev=1)


@pytest.mark.asyncio
async def test_a_worker_whose_lease_ran_out_does_not_free_the_task_of_the_next(database: Database, clock: SetClock) -> None:
    queue = SqlQueue(database, clock)
    await enqueue(database, clock.now, "a")
    late = await queue.claim([TaskKind.SEND])
    assert late is not None
    clock.now += LEASE_MS
    await enqueue(database, clock.now, "a")
    assert await queue.claim([TaskKind.SEND]) is not None
    async with SqlStore(database).begin() as tx:
        assert not await tx.done(late)
    assert await queue.claim([TaskKind.SEND]) is None


@pytest.mark.asyncio
async def test_a_task_and_what_needs_it_are_one_transaction(database: Database, clock: SetClock) -> None:
    async def break_off() -> None:
        async with SqlStore(database).begin() as tx:
            await tx.enqueue(TaskKind.SEND, "a", clock.now)
            raise LookupError

    with pytest.raises(LookupError):
        await break_off()
    assert await count(database, tables.task) == 0


@pytest.mark.asyncio
async def test_a_sole_owner_frees_what_a_dead_worker_had_and_delays_what_may_have_killed_it(database: Database, clock: SetClock) -> None:
    queue = SqlQueue(database, clock)
    await enqueue(database, clock.now, "killer")
    for _ in range(3):
        assert await queue.claim([TaskKind.SEND]) is not None
        clock.now += LEASE_MS
    await enqueue(database, clock.now, "harmless", kind=TaskKind.OFFER)
    kinds = [TaskKind.SEND, TaskKind.OFFER]
    assert [task.ref if task else "" for task in (await queue.claim(kinds), await queue.claim(kinds))] == ["killer", "harmless"]
    assert await queue.claim(kinds) is None
    await queue.drop_leases()
    freed = await queue.claim(kinds)
    assert freed is not None
    assert freed.ref == "harmless"
    assert await queue.claim(kinds) is None
    clock.now += LEASE_MS
    assert await queue.claim([TaskKind.SEND]) is not None


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
            await tx.enqueue(TaskKind.SWEEP, task.ref, clock.now + 50)
            if len(runs) == 2:
                await tx.done(task)
        clock.now += 50 if len(runs) < 3 else 0

    await enqueue(database, clock.now, "all", kind=TaskKind.SWEEP)
    await Running(database, clock).during({TaskKind.SWEEP: sweep}, lambda: _is(len(runs) == 3))
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

    await enqueue(database, clock.now, "a", "b")
    stop = asyncio.Event()
    running = asyncio.create_task(SqlQueue(database, clock).run({TaskKind.SEND: handler}, stop))
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

    await enqueue(database, clock.now, "a")
    running = Running(flaky, clock)

    async def done() -> bool:
        if running.events.count(("storage_down", None)) >= 2:
            flaky.away = False
            clock.now += LEASE_MS
        return await _empty(database)

    await running.during({TaskKind.SEND: handler}, done)
    assert handled == ["a", "a"]
    assert ("storage_down", TaskKind.SEND) in running.events


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
        await queue._put_back(transaction, lost)
    assert await the_task(database) == before
