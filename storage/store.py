"""The worker's store: one transaction with every method of `handlers.ports.Tx`, and the sweep of what has had its time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import and_, delete, exists, or_, select

from sealing.learned_rows import LINKED_DAYS
from sealing.rows import DAY_MS, CaseState, EpochRow, TaskKind
from storage import tables
from storage.cases import CasePart
from storage.conversations import ConversationPart
from storage.engine import Database
from storage.epochs import record
from storage.erasures import ErasurePart
from storage.floods import ClusterPart, past
from storage.lessons import LessonPart
from storage.people import PeoplePart
from storage.purge import PurgePart
from storage.shares import SharePart
from storage.tasks import TaskIds, TaskPart, add_tasks

SEEN_DAYS = 400
"""A provider's id is remembered this long: Twilio's signatures carry no time, so a replay validates for ever."""


class SqlTx(ConversationPart, CasePart, ClusterPart, ErasurePart, LessonPart, PeoplePart, PurgePart, SharePart, TaskPart):
    """Port `handlers.ports.Tx`: one open transaction."""

    __slots__ = ()


class SqlStore:
    """Port `handlers.ports.Store`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[SqlTx]:
        """Do not nest: with SQLite the inner one would wait for the outer one's connection, and raise StorageDown."""
        async with self._database.begin() as transaction:
            yield SqlTx(transaction)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[SqlTx]:
        """For who writes nothing and may take his time: with SQLite no writer waits for it. Do not nest."""
        async with self._database.begin(reading=True) as transaction:
            yield SqlTx(transaction)

    async def sweep(self, now_ms: int) -> int:
        """Deletes handouts and challenges that have expired, and dedupe tags past their time; returns how many rows.

        Then empties SQLite's write-ahead log, where deleted rows would live on. Raises StorageDown.
        """
        day = now_ms // DAY_MS
        async with self._database.begin() as transaction:
            swept = 0
            for expired in (
                delete(tables.handout).where(tables.handout.c.expires <= now_ms),
                delete(tables.challenge).where(tables.challenge.c.expires <= now_ms),
                delete(tables.seen).where(tables.seen.c.day < day - SEEN_DAYS),
                delete(tables.tries).where(tables.tries.c.day < day),
                delete(tables.cluster).where(past(day)),
                delete(tables.link).where(tables.link.c.day < day - LINKED_DAYS),
            ):
                swept += (await transaction.run(expired)).rowcount
        await self._database.compact()
        return swept

    async def record_epochs(
        self, epochs: Sequence[EpochRow], leaf: Callable[[EpochRow], bytes] | None = None, custody: str | None = None
    ) -> None:
        """At a start. Arguments and faults are those of storage.epochs.record."""
        async with self._database.begin() as transaction:
            await record(transaction, epochs, leaf, custody)

    async def retry_held(self, due: int) -> int:
        """Held cases are looked at again at `due` (ms), with the same coins and rules: the roster may have changed. So are those that a
        worker is looking at for the first time, by the roster as it was. Returns how many."""
        column, task = tables.case.c, tables.task.c
        looking = exists().where(task.kind == TaskKind.SEAL, task.ref == column.id, task.lease > due)
        async with self._database.begin() as transaction:
            held = select(column.id).where(or_(column.state == CaseState.HELD, and_(column.state == CaseState.TALKING, looking)))
            ids = list((await transaction.run(held)).scalars())
            if ids:
                await add_tasks(transaction, TaskKind.SEAL, ids, due, TaskIds().take(due, len(ids)))
        return len(ids)

    async def held(self) -> list[tuple[str, bool, bool]]:
        """(case id, whether it is urgent, whether it is held) of every tip that is, and of every case that waits for a next reader."""
        column = tables.case.c
        waits = exists().where(tables.task.c.kind == TaskKind.RESCUE, tables.task.c.ref == column.id)
        held = select(column.id, column.urgent, column.state).where(or_(column.state == CaseState.HELD, waits)).order_by(column.id)
        async with self._database.begin(reading=True) as transaction:
            return [(row[0], row[1], row[2] is CaseState.HELD) for row in await transaction.run(held)]

    async def case_ids(self) -> list[str]:
        """Random ids of all cases, in no order that says anything."""
        async with self._database.begin(reading=True) as transaction:
            return list((await transaction.run(select(tables.case.c.id).order_by(tables.case.c.id))).scalars())

    async def leaves(self, start: int = 0, most: int | None = None) -> list[bytes]:
        """Custody leaves from index `start`, in order, `most` at the most."""
        ordered = select(tables.custody.c.leaf).where(tables.custody.c.seq >= start).order_by(tables.custody.c.seq).limit(most)
        async with self._database.begin(reading=True) as transaction:
            return list((await transaction.run(ordered)).scalars())
