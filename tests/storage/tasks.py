"""What the queue's tests share."""

from __future__ import annotations

from sqlalchemy import select

from sealing.rows import TaskKind
from storage import tables
from storage.engine import Database
from storage.store import SqlStore


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
