"""The durable queue: claims what is due by lease, runs it, backs off. Nothing is ever lost: a task leaves only when it is done."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, select, union_all, update
from sqlalchemy.sql.dml import ReturningUpdate

from sealing.points import Point, reached
from sealing.rows import Later, StorageDown, Task, TaskKind
from storage import tables
from storage.engine import Database
from storage.tasks import SHELVED_ATTEMPTS, Clock
from storage.transaction import Transaction

LEASE_MS = 60_000
FIRST_DELAY_MS = 1_000
LONGEST_DELAY_MS = 600_000
_LANES = (
    frozenset({TaskKind.CONVERSE}),
    frozenset({TaskKind.SEAL, TaskKind.OFFER}),
    frozenset({TaskKind.ACT}),
    frozenset({TaskKind.SEND}),
    frozenset({TaskKind.NOTICE}),
    frozenset({TaskKind.LAPSE, TaskKind.IDLE, TaskKind.REVIEW, TaskKind.PURGE}),
)
WIDTH = {TaskKind.SEND: 8}
"""How many of one lane run side by side: a provider that keeps one text waiting must not hold up the others. Elsewhere one by one."""

Handler = Callable[[Task], Awaitable[None]]


def lanes(kinds: frozenset[TaskKind]) -> list[frozenset[TaskKind]]:
    """Which kinds wait for each other: a slow translation must hold up no greeting, a slow provider no sealing."""
    named = frozenset().union(*_LANES)
    return [lane for lane in (*(kinds & lane for lane in _LANES), kinds - named) if lane]


def retry_delay(attempts: int, jitter: float) -> int:
    """Milliseconds until the next try after `attempts` tries: doubles from 1 s to 10 min. `jitter` in [0, 1) takes off up to half."""
    longest = min(FIRST_DELAY_MS << min(attempts - 1, 20), LONGEST_DELAY_MS)
    return longest - int(longest * jitter / 2)


@dataclass(frozen=True, slots=True)
class _Claim:
    """`lease` is also the mark by which we know our claim again: another worker's differs."""

    task: Task
    lease: int


def _coin() -> float:
    return secrets.randbelow(1 << 16) / (1 << 16)


def _silent(name: str, kind: TaskKind | None) -> None:
    """Nobody listens."""


class SqlQueue:
    """Port `Queue`. Any number of processes may run one on the same database."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        on_event: Callable[[str, TaskKind | None], None] = _silent,
        jitter: Callable[[], float] = _coin,
        poll: float = 0.5,
        longest: float = 900.0,
    ) -> None:
        """`on_event(name, kind)` gets task_failed, task_shelved (the failure that made it so) and storage_down, without content.

        `poll`: seconds between looks at the table when nothing wakes us. `longest`: seconds after which a handler that hangs is cancelled.
        """
        self._database = database
        self._clock = clock
        self._on_event = on_event
        self._jitter = jitter
        self._poll = poll
        self._longest = longest

    async def run(self, handlers: Mapping[TaskKind, Handler], stop: asyncio.Event) -> None:
        """Until `stop`; then lets the tasks in hand finish. A handler that raises is tried again later."""
        async with asyncio.TaskGroup() as group:
            for kinds in lanes(frozenset(handlers)):
                group.create_task(self._lane(sorted(kinds), handlers, stop))

    async def claim(self, kinds: Sequence[TaskKind]) -> Task | None:
        """The task that is due longest and nobody has in hand; leased to the caller for a minute. Raises StorageDown."""
        claimed = await self._claim(kinds)
        return None if claimed is None else claimed.task

    async def drop_leases(self) -> None:
        """For the only worker of a database, at its start: what a dead one had in hand is free at once.

        What was in hand at several deaths waits a minute, in case it is the cause: it must not keep all others from being done.
        """
        column = tables.task.c
        suspect = case((column.attempts >= 3, self._clock.now_ms() + LEASE_MS), else_=column.due)
        async with self._database.begin() as transaction:
            await transaction.run(update(tables.task).where(column.lease > 0).values(lease=0, due=suspect))
            transaction.wakes = True

    async def _lane(self, kinds: Sequence[TaskKind], handlers: Mapping[TaskKind, Handler], stop: asyncio.Event) -> None:
        wake = self._database.listen()
        stopping = asyncio.create_task(_set_after(stop, wake))
        free = asyncio.Semaphore(max(WIDTH.get(kind, 1) for kind in kinds))
        try:
            async with asyncio.TaskGroup() as in_hand:
                while not stop.is_set():
                    await free.acquire()
                    wake.clear()
                    claimed = None if stop.is_set() else await self._claim_or_none(kinds)
                    if claimed is not None:
                        doing = in_hand.create_task(self._do(claimed, handlers[claimed.task.kind]))
                        doing.add_done_callback(lambda _: free.release())
                        continue
                    free.release()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._poll):
                            await wake.wait()
        finally:
            stopping.cancel()
            self._database.ignore(wake)

    async def _claim_or_none(self, kinds: Sequence[TaskKind]) -> _Claim | None:
        try:
            return await self._claim(kinds)
        except StorageDown:
            self._on_event("storage_down", None)
            return None

    async def _claim(self, kinds: Sequence[TaskKind]) -> _Claim | None:
        now = self._clock.now_ms()
        lease = now + LEASE_MS
        async with self._database.begin() as transaction:
            row = (await transaction.run(_take(tuple(kinds)), [{"now": now, "until": lease}])).first()
        return None if row is None else _Claim(Task(*row), lease)

    async def _do(self, claimed: _Claim, handler: Handler) -> None:
        """Runs the handler while a second task keeps the lease; then settles what the handler left."""
        reached(Point.CLAIMED)
        held = _Held(self._database, self._clock, claimed)
        keeper = asyncio.create_task(held.keep())
        try:
            [raised] = await asyncio.gather(self._in_time(handler, claimed.task), return_exceptions=True)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        failed = raised is not None and not isinstance(raised, Later)
        if failed:
            self._on_event("task_shelved" if claimed.task.attempts == SHELVED_ATTEMPTS else "task_failed", claimed.task.kind)
        try:
            async with self._database.begin() as transaction:
                if isinstance(raised, Later):
                    await self._put_back(transaction, held.claimed, raised.delay_ms, claimed.task.attempts - 1)
                elif failed:
                    delay = retry_delay(claimed.task.attempts, self._jitter())
                    await self._put_back(transaction, held.claimed, delay, claimed.task.attempts)
                else:
                    await _finish(transaction, held.claimed)
        except StorageDown:
            # The lease runs out by itself, and the task is done again.
            self._on_event("storage_down", claimed.task.kind)

    async def _in_time(self, handler: Handler, task: Task) -> None:
        async with asyncio.timeout(self._longest):
            await handler(task)

    async def _put_back(self, transaction: Transaction, claimed: _Claim, delay_ms: int, attempts: int) -> None:
        """Due later, unless it was enqueued meanwhile: then it keeps that due time."""
        column = tables.task.c
        due = case((column.rev == claimed.task.rev, self._clock.now_ms() + delay_ms), else_=column.due)
        await transaction.run(update(tables.task).where(_ours(claimed)).values(lease=0, due=due, attempts=attempts))


class _Held:
    """A claim whose lease is renewed while its handler runs."""

    def __init__(self, database: Database, clock: Clock, claimed: _Claim) -> None:
        self.claimed = claimed
        self._database = database
        self._clock = clock

    async def keep(self) -> None:
        while True:
            await asyncio.sleep(LEASE_MS / 3000)
            with suppress(StorageDown):
                await self.renew()

    async def renew(self) -> None:
        """A lease that was lost stays lost: the guards in the store's own updates keep two workers apart."""
        lease = self._clock.now_ms() + LEASE_MS
        async with self._database.begin() as transaction:
            kept = await transaction.changed(update(tables.task).where(_ours(self.claimed)).values(lease=lease))
        if kept:
            self.claimed = replace(self.claimed, lease=lease)


@cache
def _take(kinds: tuple[TaskKind, ...]) -> ReturningUpdate[tuple[str, TaskKind, str, int, int]]:
    """Claims what `_next` finds, with :now and :until. Built once: every lane asks twice a second."""
    column = tables.task.c
    free = and_(column.id == _next(kinds), column.lease <= bindparam("now"))
    take = update(tables.task).where(free).values(lease=bindparam("until"), attempts=column.attempts + 1)
    return take.returning(column.id, column.kind, column.ref, column.attempts, column.rev)


def _next(kinds: Sequence[TaskKind]) -> ColumnElement[str]:
    """Id of the task that is due longest: the first of each kind, by its index, then the first of those."""
    column = tables.task.c
    now = bindparam("now", type_=column.due.type)
    firsts = [
        select(column.id, column.due)
        .where(column.kind == kind, column.due <= now, column.lease <= now)
        .order_by(column.due, column.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .subquery()
        for kind in kinds
    ]
    found = union_all(*(select(first.c.id, first.c.due) for first in firsts)).subquery()
    return select(found.c.id).order_by(found.c.due, found.c.id).limit(1).scalar_subquery()


def _ours(claimed: _Claim) -> ColumnElement[bool]:
    return and_(tables.task.c.id == claimed.task.id, tables.task.c.lease == claimed.lease)


async def _finish(transaction: Transaction, claimed: _Claim) -> None:
    """For a handler that returned without `tx.done`. After one that called it, our lease is gone and this finds nothing."""
    if not await transaction.changed(delete(tables.task).where(_ours(claimed), tables.task.c.rev == claimed.task.rev)):
        await transaction.run(update(tables.task).where(_ours(claimed)).values(lease=0, attempts=0))


async def _set_after(first: asyncio.Event, then: asyncio.Event) -> None:
    await first.wait()
    then.set()
