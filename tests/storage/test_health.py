"""What an operator asks of a database, on both engines."""

from __future__ import annotations

import pytest

from sealing.rows import StorageDown
from storage import tables
from storage.engine import Database, open_database
from storage.health import Vitals
from tests.storage.rows import count

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


async def test_tables_of_this_version_are_told_from_none(database: Database, empty_url: str) -> None:
    assert await Vitals(database).migrated()
    empty = open_database(empty_url)
    assert not await Vitals(empty).migrated()
    await empty.migrate()
    assert await Vitals(empty).migrated()
    await empty.close()


async def test_trying_to_write_leaves_nothing_and_fails_where_it_cannot(database: Database, empty_url: str) -> None:
    await Vitals(database).try_writing()
    await Vitals(database).try_writing()
    assert await count(database, tables.heartbeat) == 0
    empty = open_database(empty_url)
    with pytest.raises(StorageDown):
        await Vitals(empty).try_writing()
    await empty.close()


async def test_a_database_that_is_away_is_not_an_old_one(database: Database) -> None:
    await database.close()
    for asked in (Vitals(database).migrated, Vitals(database).try_writing):
        with pytest.raises(StorageDown):
            await asked()
