"""Accepts messages: row, dedupe tag and task in one commit, which callers who come at the same time share."""

from __future__ import annotations

import asyncio
from collections import deque

from sealing.points import Point, reached
from sealing.rows import Accepted, SealedInbound, StorageDown, TaskKind
from storage import tables
from storage.engine import Database
from storage.tasks import Clock, TaskIds, add_tasks
from storage.transaction import Transaction

BATCH = 64
"""Most messages in one commit. A commit waits for the disk once, however many it carries: 16,000 messages a second against 230–640."""


class SqlIntake:
    """Port `handlers.ports.Intake`. Belongs to one event loop."""

    def __init__(self, database: Database, clock: Clock, *, timeout: float = 10.0) -> None:
        """`timeout`: seconds after which a commit that does not come back counts as failed."""
        self._database = database
        self._clock = clock
        self._timeout = timeout
        self._waiting: deque[tuple[SealedInbound, asyncio.Future[Accepted]]] = deque()
        self._committer: asyncio.Task[None] | None = None
        self._ids = TaskIds()

    async def accept(self, inbound: SealedInbound) -> Accepted:
        """Returns after the commit. Raises StorageDown: nothing written (or nobody knows: then the repeat is a DUPLICATE)."""
        answer: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._waiting.append((inbound, answer))
        if self._committer is None or self._committer.done():
            self._committer = asyncio.create_task(self._commit_all())
        return await answer

    async def _commit_all(self) -> None:
        """Commits batch after batch until nobody waits. A caller who was cancelled leaves his message in: it is a tip all the same."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                async with asyncio.timeout(self._timeout):
                    accepted = await self._commit([inbound for inbound, _ in batch])
            except (StorageDown, TimeoutError) as fault:
                _refuse(batch, type(fault).__name__)
            except BaseException as fault:
                # The loop is ending, or this is a bug: no caller may be left hanging, and the fault must still be seen.
                _refuse([*batch, *self._waiting], type(fault).__name__)
                self._waiting.clear()
                raise
            else:
                for (_, answer), result in zip(batch, accepted, strict=True):
                    if not answer.done():
                        answer.set_result(result)

    async def _commit(self, batch: list[SealedInbound]) -> list[Accepted]:
        async with self._database.begin() as transaction:
            fresh = await _remember(transaction, batch)
            new = [inbound for inbound in batch if fresh.get(inbound.dedupe) is inbound]
            if new:
                await transaction.run(
                    tables.inbound.insert(),
                    [{"id": i.id, "epoch": i.epoch, "thread": None, "sealed": i.sealed, "lane": i.lane} for i in new],
                )
                now = self._clock.now_ms()
                later = {inbound.id: inbound.delay_ms for inbound in new}
                await add_tasks(transaction, TaskKind.CONVERSE, list(later), now, self._ids.take(now, len(new)), later)
            reached(Point.WRITTEN)
        return [Accepted.NEW if fresh.get(inbound.dedupe) is inbound else Accepted.DUPLICATE for inbound in batch]


async def _remember(transaction: Transaction, batch: list[SealedInbound]) -> dict[str, SealedInbound]:
    """Writes the tags that are new; gives back the message to keep for each. Sorted, or two web processes could lock each other out."""
    first = {inbound.dedupe: inbound for inbound in reversed(batch)}
    statement = transaction.insert(tables.seen).on_conflict_do_nothing().returning(tables.seen.c.tag)
    written = await transaction.run(statement, [{"tag": tag, "day": first[tag].day} for tag in sorted(first)])
    return {tag: first[tag] for tag in written.scalars()}


def _refuse(batch: list[tuple[SealedInbound, asyncio.Future[Accepted]]], reason: str) -> None:
    for _, answer in batch:
        if not answer.done():
            answer.set_exception(StorageDown(reason))
