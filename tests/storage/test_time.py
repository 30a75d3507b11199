"""Time that counts against nobody: tasks that are put off, whoever has them in hand; the heartbeat; who holds what."""

from __future__ import annotations

import asyncio

import pytest

from sealing.rows import GrantState, Later, Task, TaskKind
from storage.engine import Database
from storage.queue import SqlQueue
from storage.store import SqlStore
from tests.databases import SetClock
from tests.storage.rows import a_case, a_grant
from tests.storage.tasks import enqueue
from tests.tasks_of import dues

pytestmark = pytest.mark.asyncio
DAY_MS = 86_400_000


async def test_all_tasks_of_the_kinds_are_put_off_and_no_others(database: Database, clock: SetClock) -> None:
    for kind in (TaskKind.LAPSE, TaskKind.IDLE, TaskKind.OFFER):
        await enqueue(database, clock.now, "a", kind=kind)
    await enqueue(database, clock.now + 5, "b", kind=TaskKind.LAPSE)
    async with SqlStore(database).begin() as tx:
        await tx.postpone((TaskKind.LAPSE, TaskKind.IDLE), DAY_MS)
    assert await dues(database, TaskKind.LAPSE) == [clock.now + DAY_MS, clock.now + DAY_MS + 5]
    assert await dues(database, TaskKind.IDLE) == [clock.now + DAY_MS]
    assert await dues(database, TaskKind.OFFER) == [clock.now]
    async with SqlStore(database).begin() as tx:
        await tx.postpone((TaskKind.LAPSE,), -DAY_MS)
    assert await dues(database, TaskKind.LAPSE) == [clock.now, clock.now + 5]


@pytest.mark.parametrize("ends", ["done", "returns", "later", "fails"])
async def test_what_is_put_off_in_hand_stays_and_keeps_its_new_time(database: Database, clock: SetClock, ends: str) -> None:
    store, queue, stop = SqlStore(database), SqlQueue(database, clock, poll=0.01), asyncio.Event()
    await enqueue(database, clock.now, "a", kind=TaskKind.LAPSE)
    runs = []

    async def handler(task: Task) -> None:
        runs.append(task)
        stop.set()
        async with store.begin() as tx:
            await tx.postpone((TaskKind.LAPSE,), DAY_MS)
            if ends == "done":
                assert not await tx.done(task)
        if ends == "later":
            raise Later(1)
        if ends == "fails":
            raise ValueError

    await queue.run({TaskKind.LAPSE: handler}, stop)
    assert len(runs) == 1
    assert await dues(database, TaskKind.LAPSE) == [clock.now + DAY_MS]
    assert await queue.claim([TaskKind.LAPSE]) is None
    clock.now += DAY_MS
    again = await queue.claim([TaskKind.LAPSE])
    assert again is not None, "it is free when its time comes"


async def test_the_last_sign_of_life_is_what_was_written_last(database: Database, clock: SetClock) -> None:
    store = SqlStore(database)
    async with store.begin() as tx:
        assert await tx.heartbeat("worker") is None
        await tx.beat("worker", clock.now)
    async with store.begin() as tx:
        await tx.beat("worker", clock.now - 7)
    async with store.begin() as tx:
        assert await tx.heartbeat("worker") == clock.now - 7
        assert await tx.heartbeat("web") is None


async def test_a_person_holds_what_he_is_offered_or_has_opened(database: Database) -> None:
    store, case = SqlStore(database), a_case()
    made = [a_grant(case.id, epoch=epoch) for epoch in range(1, 5)]
    async with store.begin() as tx:
        await tx.add_case(case)
        await tx.add_grants(made)
        for grant, person in zip(made[:3], ("him", "him", "her"), strict=True):
            assert await tx.offer(grant.id, person, b"stub")
        assert await tx.move_grant(made[0].id, GrantState.OFFERED, GrantState.OPEN)
        assert {g.id for g in await tx.held_by("him")} == {made[0].id, made[1].id}
        assert await tx.move_grant(made[1].id, GrantState.OFFERED, GrantState.LAPSED)
        assert {g.id for g in await tx.held_by("him")} == {made[0].id}
        await tx.hurry_case(case.id)
        hurried = await tx.case(case.id)
    assert hurried is not None
    assert hurried.urgent
