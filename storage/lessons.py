"""What outcomes tell of readers, and the orders that linked tips share."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select

from sealing.learned_rows import LessonRow, LinkRow
from storage import tables
from storage.transaction import TxPart


class LessonPart(TxPart):
    """The lesson and link methods of `handlers.ports.Tx`."""

    __slots__ = ()

    async def add_lesson(self, row: LessonRow) -> bool:
        return await self._transaction.add(tables.lesson, row)

    async def lessons(self, after: str, most: int) -> Sequence[LessonRow]:
        column = tables.lesson.c
        found = select(tables.lesson).where(column.id > after).order_by(column.id).limit(most)
        return [LessonRow(row.id, row.sealed) for row in await self._transaction.run(found)]

    async def lesson_ids(self) -> Sequence[str]:
        return list((await self._transaction.run(select(tables.lesson.c.id))).scalars())

    async def lessons_named(self, ids: Sequence[str]) -> Sequence[LessonRow]:
        return await self._transaction.all(tables.lesson, LessonRow, tables.lesson.c.id.in_(ids), tables.lesson.c.id)

    async def drop_lessons(self, ids: Sequence[str]) -> int:
        return (await self._transaction.run(delete(tables.lesson).where(tables.lesson.c.id.in_(ids)))).rowcount

    async def links(self, tags: Sequence[str]) -> Sequence[LinkRow]:
        return await self._transaction.all(tables.link, LinkRow, tables.link.c.tag.in_(tags), tables.link.c.day, tables.link.c.tag)

    async def add_link(self, row: LinkRow) -> bool:
        return await self._transaction.add(tables.link, row)

    async def drop_link(self, row: LinkRow) -> None:
        column = tables.link.c
        await self._transaction.run(delete(tables.link).where(column.tag == row.tag, column.sealed == row.sealed))
