"""The queue: each task is in one hand at a time, is tried until it is done, and is never lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealing.rows import Task, TaskKind
from storage import tables
from storage.engine import Database
from storage.queue import LEASE_MS, LONGEST_DELAY_MS, SqlQueue, _Held, lanes, retry_delay
from storage.store import SqlStore
from storage.tasks import SHELVED_ATTEMPTS
from tests.databases import SetClock
from tests.storage.rows import count
from tests.storage.tasks import enqueue, the_task


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
    assert made[1:3] == [{TaskKind.SEAL, TaskKind.OFFER}, {TaskKind.ACT}]
    assert lanes(frozenset({TaskKind.ERASE})) == [{TaskKind.ERASE}]


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
