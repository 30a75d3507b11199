"""What is due in a database, and when."""

from __future__ import annotations

from sqlalchemy import select

from sealing.rows import TaskKind
from storage import tables
from storage.engine import Database


async def dues(database: Database, kind: TaskKind) -> list[int]:
    """Of all tasks of this kind, ms, in order."""
    async with database.begin(reading=True) as transaction:
        found = select(tables.task.c.due).where(tables.task.c.kind == kind).order_by(tables.task.c.due)
        return list((await transaction.run(found)).scalars())
