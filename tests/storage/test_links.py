"""The orders that linked tips share: each tag is bound once, whoever binds it, and as long as its time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sealing.learned_rows import LINKED_DAYS, LinkRow
from sealing.rows import DAY_MS
from storage import tables
from storage.engine import Database
from storage.store import SqlStore
from tests.storage.rows import count

pytestmark = pytest.mark.asyncio
DAY = 20_000


def a_link(tag: str, day: int = DAY) -> LinkRow:
    return LinkRow(tag, day, tag.encode())


async def test_of_two_who_bind_at_once_one_is_told_that_he_is_late(database: Database, other: Database) -> None:
    first_wrote, second_waits = asyncio.Event(), asyncio.Event()

    async def first() -> bool:
        async with SqlStore(database).begin() as tx:
            bound = await tx.add_link(a_link("a"))
            first_wrote.set()
            await second_waits.wait()
            await asyncio.sleep(0.05)
            return bound

    async def second() -> bool:
        await first_wrote.wait()
        second_waits.set()
        async with SqlStore(other).begin() as tx:
            return await tx.add_link(replace(a_link("a"), sealed=b"mine"))

    assert list(await asyncio.gather(first(), second())) == [True, False]
    async with SqlStore(database).begin() as tx:
        assert list(await tx.links(["a"])) == [a_link("a")]


async def test_the_oldest_comes_first_and_only_what_was_asked_for(database: Database) -> None:
    async with SqlStore(database).begin() as tx:
        for row in (young := a_link("a", DAY + 1), old := a_link("c", DAY - 1), same := a_link("b", DAY + 1), a_link("d")):
            assert await tx.add_link(row)
        assert list(await tx.links(["a", "b", "c", "e"])) == [old, young, same]


async def test_only_the_very_row_that_was_read_is_dropped(database: Database) -> None:
    async with SqlStore(database).begin() as tx:
        await tx.add_link(a_link("a"))
        await tx.drop_link(replace(a_link("a"), sealed=b"as it was before"))
        assert list(await tx.links(["a"])) == [a_link("a")]
        await tx.drop_link(a_link("a"))
        assert not await tx.links(["a"])


async def test_the_sweep_deletes_what_has_had_its_time(database: Database) -> None:
    store = SqlStore(database)
    async with store.begin() as tx:
        await tx.add_link(a_link("a"))
        await tx.add_link(a_link("b", DAY + 1))
    await store.sweep((DAY + LINKED_DAYS) * DAY_MS)
    assert await count(database, tables.link) == 2
    await store.sweep((DAY + LINKED_DAYS + 1) * DAY_MS)
    async with store.begin() as tx:
        assert list(await tx.links(["a", "b"])) == [a_link("b", DAY + 1)]
