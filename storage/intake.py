"""Accepts messages: row, dedupe tag and task in one commit, which callers who come at the same time share.

Refuses before it writes anything when too much waits or the disk is nearly full: the provider keeps the message and tries again, and the
worker has room to seal what is here.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import select

from sealing.points import Point, reached
from sealing.rows import Accepted, Purpose, QueueFull, SealedInbound, StorageDown, TaskKind
from storage import tables
from storage.engine import Database
from storage.epochs import closed
from storage.tasks import Clock, TaskIds, add_tasks
from storage.transaction import Transaction

BATCH = 64
"""Most messages in one commit. A commit waits for the disk once, however many it carries: 16,000 messages a second against 230–640."""


PROBED_EVERY = 1.0
"""Seconds for which a look at the table and the disk is believed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`waiting`: messages that are due to be read and were not. What a sender's pace puts off is not due: one who floods must not close the
    line to others. `callers`: requests that wait in memory for their commit. `free`: bytes that must be left on the disk."""

    waiting: int = 50_000
    callers: int = 4_096
    free: int = 64 << 20


DEFAULT_LIMITS = Limits()


def free_on_disk(database: Database) -> Callable[[], int]:
    """Bytes left where a SQLite file lies. A PostgreSQL server minds its own disk, and says by an error that it is full."""
    folder = database.folder

    def free() -> int:
        try:
            return DEFAULT_LIMITS.free if folder is None else shutil.disk_usage(folder).free
        except OSError as fault:
            raise StorageDown(type(fault).__name__) from None

    return free


class SqlIntake:
    """Port `handlers.ports.Intake`. Belongs to one event loop."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        timeout: float = 10.0,
        limits: Limits = DEFAULT_LIMITS,
        free: Callable[[], int] | None = None,
        probed_every: float = PROBED_EVERY,
        on_batch: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`timeout`: seconds after which a commit that does not come back counts as failed. `free`: bytes left on the disk.
        `on_batch` gets how many messages a commit carried."""
        self._database = database
        self._clock = clock
        self._timeout = timeout
        self._limits = limits
        self._free = free or free_on_disk(database)
        self._probed_every = probed_every
        self._on_batch = on_batch
        self._probed = float("-inf")
        self._full = False
        self._waiting: deque[tuple[SealedInbound, asyncio.Future[Accepted]]] = deque()
        self._committer: asyncio.Task[None] | None = None
        self._ids = TaskIds()

    async def accept(self, inbound: SealedInbound) -> Accepted:
        """Returns after the commit. Raises StorageDown: nothing written (or nobody knows: then the repeat is a DUPLICATE); also for what is
        sealed to an intake key that is destroyed.

        Raises QueueFull: nothing written, and a repeat when there is room is NEW.
        """
        if len(self._waiting) >= self._limits.callers:
            raise QueueFull
        answer: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._waiting.append((inbound, answer))
        if self._committer is None or self._committer.done():
            self._committer = asyncio.create_task(self._commit_all())
        return await answer

    async def unseen(self, tags: Collection[str]) -> frozenset[str]:
        """Which of these dedupe tags no message bore. Raises StorageDown."""
        found = select(tables.seen.c.tag).where(tables.seen.c.tag.in_(tags))
        async with self._database.begin(reading=True) as transaction:
            return frozenset(tags) - frozenset((await transaction.run(found)).scalars())

    async def _commit_all(self) -> None:
        """Commits batch after batch until nobody waits. A caller who was cancelled leaves his message in: it is a tip all the same."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                async with asyncio.timeout(self._timeout):
                    accepted = await self._commit([inbound for inbound, _ in batch])
            except QueueFull:
                _refuse(batch, QueueFull())
            except (StorageDown, TimeoutError) as fault:
                _refuse(batch, StorageDown(type(fault).__name__))
            except BaseException as fault:
                # The loop is ending, or this is a bug: no caller may be left hanging, and the fault must still be seen.
                _refuse([*batch, *self._waiting], StorageDown(type(fault).__name__))
                self._waiting.clear()
                raise
            else:
                self._on_batch(len(batch))
                for (inbound, answer), result in zip(batch, accepted, strict=True):
                    if result is None:
                        _refuse([(inbound, answer)], StorageDown(Purpose.INTAKE))
                    elif not answer.done():
                        answer.set_result(result)

    async def _room(self, transaction: Transaction) -> None:
        """Raises QueueFull. Looks at most once in `probed_every` seconds, and never at more rows than the limit."""
        now = asyncio.get_running_loop().time()
        if now - self._probed >= self._probed_every:
            self._full = self._free() < self._limits.free or await self._behind(transaction)
            self._probed = now
        if self._full:
            raise QueueFull

    async def _behind(self, transaction: Transaction) -> bool:
        column = tables.task.c
        due = select(column.id).where(column.kind == TaskKind.CONVERSE, column.due <= self._clock.now_ms())
        return (await transaction.run(due.order_by(column.due).offset(self._limits.waiting).limit(1))).first() is not None

    async def _commit(self, batch: list[SealedInbound]) -> list[Accepted | None]:
        """None = sealed to a key that is destroyed, or that the table does not know: nothing of it is written, and a repeat is sealed to
        a newer one."""
        async with self._database.begin() as transaction:
            await self._room(transaction)
            gone = await closed(transaction, {inbound.epoch for inbound in batch})
            readable = [inbound for inbound in batch if inbound.epoch not in gone]
            fresh = await _remember(transaction, readable) if readable else {}
            new = [inbound for inbound in readable if fresh.get(inbound.dedupe) is inbound]
            if new:
                await transaction.run(
                    tables.inbound.insert(),
                    [{"id": i.id, "epoch": i.epoch, "thread": None, "sealed": i.sealed, "lane": i.lane} for i in new],
                )
                now = self._clock.now_ms()
                later = {inbound.id: inbound.delay_ms for inbound in new}
                await add_tasks(transaction, TaskKind.CONVERSE, list(later), now, self._ids.take(now, len(new)), later)
            reached(Point.WRITTEN)
        return [
            None if inbound.epoch in gone else Accepted.NEW if fresh.get(inbound.dedupe) is inbound else Accepted.DUPLICATE
            for inbound in batch
        ]


async def _remember(transaction: Transaction, batch: list[SealedInbound]) -> dict[str, SealedInbound]:
    """Writes the tags that are new; gives back the message to keep for each. Sorted, or two web processes could lock each other out."""
    first = {inbound.dedupe: inbound for inbound in reversed(batch)}
    statement = transaction.insert(tables.seen).on_conflict_do_nothing().returning(tables.seen.c.tag)
    written = await transaction.run(statement, [{"tag": tag, "day": first[tag].day} for tag in sorted(first)])
    return {tag: first[tag] for tag in written.scalars()}


def _refuse(batch: list[tuple[SealedInbound, asyncio.Future[Accepted]]], why: StorageDown) -> None:
    for _, answer in batch:
        if not answer.done():
            answer.set_exception(type(why)(*why.args))
