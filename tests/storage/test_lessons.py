"""Records of outcomes in the tables, on both engines."""

from __future__ import annotations

import pytest

from sealing.learned_rows import LessonRow
from storage.engine import Database
from storage.store import SqlStore

pytestmark = [pytest.mark.both, pytest.mark.asyncio, pytest.mark.enable_socket]

ROWS = [LessonRow(f"{n:064x}", bytes([n])) for n in range(5)]


async def test_a_record_is_written_once_read_in_pages_and_dropped_by_name(database: Database) -> None:
    store = SqlStore(database)
    async with store.begin() as tx:
        assert [await tx.add_lesson(row) for row in reversed(ROWS)] == [True] * 5
        assert not await tx.add_lesson(LessonRow(ROWS[0].id, b"another"))
    async with store.begin() as tx:
        assert [*await tx.lessons("", 2)] == ROWS[:2]
        assert [*await tx.lessons(ROWS[1].id, 10)] == ROWS[2:]
        assert sorted(await tx.lesson_ids()) == [row.id for row in ROWS]
        assert [*await tx.lessons_named([ROWS[3].id, "0" * 63 + "f", ROWS[1].id])] == [ROWS[1], ROWS[3]]
        assert await tx.drop_lessons([ROWS[0].id, ROWS[4].id, "0" * 63 + "f"]) == 2
        assert await tx.lesson_ids() != []
    async with store.begin() as tx:
        assert [*await tx.lessons("", 10)] == ROWS[1:4]
