"""What outcomes tell of readers, and the orders that linked tips share."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select

from sealing.rows import LessonRow, LinkRow
from storage import tables
from storage.transaction import TxPart, values_of


class LessonPart(TxPart):
    """The lesson and link methods of `handlers.ports.Tx`."""

    __slots__ = ()

    async def add_lesson(self, row: LessonRow) -> bool:
        insert = self._transaction.insert(tables.lesson).values(values_of(row))
        return await self._transaction.changed(insert.on_conflict_do_nothing())

    async def lessons(self, after: str, most: int) -> Sequence[LessonRow]:
        column = tables.lesson.c
        found = select(tables.lesson).where(column.id > after).order_by(column.id).limit(most)
        return [LessonRow(row.id, row.sealed) for row in await self._transaction.run(found)]

    async def drop_lessons(self, ids: Sequence[str]) -> None:
        await self._transaction.run(delete(tables.lesson).where(tables.lesson.c.id.in_(ids)))

    async def links(self, tags: Sequence[str]) -> Sequence[LinkRow]:
        return await self._transaction.all(tables.link, LinkRow, tables.link.c.tag.in_(tags), tables.link.c.day, tables.link.c.tag)

    async def add_link(self, row: LinkRow) -> bool:
        insert = self._transaction.insert(tables.link).values(values_of(row))
        return await self._transaction.changed(insert.on_conflict_do_nothing())
