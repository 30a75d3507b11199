"""The engine: what it promises of a transaction, and how each database is set up."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, make_url, text

from sealing.rows import StorageDown
from storage import tables
from storage.engine import Database, DatabaseUrlError, open_database
from tests.databases import Servers, sqlite_url
from tests.storage.rows import a_person, count


@pytest.mark.parametrize("url", ["", "tips.db", "mysql://u:secret@h/d", "sqlite://", "sqlite:///tips.db", "sqlite:///:memory:"])
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(DatabaseUrlError) as refused:
        open_database(url)
    assert "secret" not in str(refused.value)


@pytest.mark.asyncio
async def test_commits_on_a_clean_exit_and_rolls_back_on_an_exception(database: Database, other: Database) -> None:
    async with database.begin() as transaction:
        await transaction.add(tables.person, a_person())

    async def fail() -> None:
        async with database.begin() as transaction:
            await transaction.add(tables.person, a_person())
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await count(other, tables.person) == 1


@pytest.mark.asyncio
async def test_a_cancelled_transaction_writes_nothing_and_leaves_the_database_usable(database: Database) -> None:
    entered = asyncio.Event()

    async def hang() -> None:
        async with database.begin() as transaction:
            await transaction.add(tables.person, a_person())
            entered.set()
            await asyncio.sleep(60)

    hanging = asyncio.create_task(hang())
    await entered.wait()
    hanging.cancel()
    await asyncio.wait([hanging])
    assert await count(database, tables.person) == 0


@pytest.mark.asyncio
async def test_a_failed_statement_breaks_the_whole_transaction_even_when_the_error_is_swallowed(database: Database) -> None:
    twice = a_person()

    async def swallow() -> None:
        async with database.begin() as transaction:
            await transaction.add(tables.person, a_person())
            with pytest.raises(StorageDown):
                await transaction.add_all(tables.person, [twice, twice])
            with pytest.raises(StorageDown):
                await transaction.add(tables.person, a_person())

    with pytest.raises(StorageDown):
        await swallow()
    assert await count(database, tables.person) == 0


@pytest.mark.asyncio
async def test_an_error_carries_no_value(database: Database) -> None:
    twice = a_person()
    with pytest.raises(StorageDown) as fault:
        async with database.begin() as transaction:
            await transaction.add_all(tables.person, [twice, twice])
    assert str(fault.value) == "IntegrityError" or str(fault.value) == "UniqueViolation"
    assert fault.value.__cause__ is None
    assert fault.value.__suppress_context__


@pytest.mark.asyncio
async def test_a_closed_database_is_down(database: Database) -> None:
    await database.close()
    with pytest.raises(StorageDown):
        async with database.begin():
            pytest.fail("opened")


@pytest.mark.asyncio
async def test_a_server_that_is_away_is_down(tmp_path: Path) -> None:
    database = open_database(f"postgresql://nobody@/nothing?host={tmp_path}")
    with pytest.raises(StorageDown):
        async with database.begin():
            pytest.fail("opened")
    with pytest.raises(StorageDown):
        await database.migrate()
    await database.close()


@pytest.mark.asyncio
async def test_a_file_that_cannot_be_opened_or_is_no_database_is_down(tmp_path: Path) -> None:
    with pytest.raises(StorageDown) as fault:
        open_database(sqlite_url(tmp_path / "nowhere" / "tips.db"))
    assert str(fault.value) == "FileNotFoundError"
    (tmp_path / "tips.db").write_bytes(b"something else" * 500)
    database = open_database(sqlite_url(tmp_path / "tips.db"))
    for refused in (database.migrate, database.compact):
        with pytest.raises(StorageDown):
            await refused()
    await database.close()


@pytest.mark.asyncio
async def test_a_connection_that_breaks_inside_a_transaction_is_down_and_the_next_one_works(servers: Servers) -> None:
    url = servers.migrated("postgres")
    database, killer = open_database(url), open_database(url)

    async def break_off() -> None:
        async with database.begin() as transaction:
            await transaction.add(tables.person, a_person())
            pid = (await transaction.run(text("SELECT pg_backend_pid()"))).scalar_one()
            async with killer.begin() as kill:
                await kill.run(text("SELECT pg_terminate_backend(:pid)").bindparams(pid=pid))
            await transaction.add(tables.person, a_person())

    with pytest.raises(StorageDown):
        await break_off()
    assert await count(database, tables.person) == 0
    await database.close()
    await killer.close()


@pytest.mark.asyncio
async def test_postgres_ends_sessions_that_idle_in_a_transaction(servers: Servers) -> None:
    database = open_database(servers.migrated("postgres"))
    async with database.begin() as transaction:
        assert (await transaction.run(text("SHOW idle_in_transaction_session_timeout"))).scalar_one() == "8s"
    await database.close()


@pytest.mark.asyncio
async def test_a_second_sqlite_transaction_does_not_share_the_first_ones(servers: Servers) -> None:
    """One connection: the second waits, then gives up. It must never write into the first's transaction."""
    database = open_database(servers.migrated("sqlite"))
    async with database.begin() as transaction:
        await transaction.add(tables.person, a_person())
        with pytest.raises(StorageDown):
            async with database.begin():
                pytest.fail("shared")
    assert await count(database, tables.person) == 1
    await database.close()


@pytest.mark.asyncio
async def test_sqlite_is_set_up_for_power_cuts_and_thieves(servers: Servers) -> None:
    url = servers.migrated("sqlite")
    database = open_database(url)
    expected = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1, "busy_timeout": 3000, "temp_store": 2}
    async with database.begin() as transaction:
        found = {name: (await transaction.run(text(f"PRAGMA {name}"))).scalar_one() for name in expected}
        assert found == expected
        await transaction.add(tables.person, a_person())
    file = Path(make_url(url).database or "")
    modes = {path.name.removeprefix(file.name): path.stat().st_mode & 0o777 for path in file.parent.glob(f"{file.name}*")}
    assert modes == {"": 0o600, "-wal": 0o600, "-shm": 0o600}
    await database.close()


@pytest.mark.asyncio
async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "tips.db").touch(mode=0o644)
    database = open_database(sqlite_url(tmp_path / "tips.db"))
    assert (tmp_path / "tips.db").stat().st_mode & 0o777 == 0o600
    await database.close()


@pytest.mark.asyncio
@pytest.mark.claim("T13")
async def test_what_was_deleted_is_gone_from_every_file_after_compact(servers: Servers) -> None:
    url = servers.migrated("sqlite")
    database = open_database(url)
    row = a_person()
    file = Path(make_url(url).database or "")

    def holds() -> list[str]:
        return [path.name.removeprefix(file.name) for path in file.parent.glob(f"{file.name}*") if row.card in path.read_bytes()]

    async with database.begin() as transaction:
        await transaction.add(tables.person, row)
    async with database.begin() as transaction:
        await transaction.run(tables.person.delete())
    assert holds() == ["-wal"]
    await database.compact()
    assert holds() == []
    await database.close()


@pytest.mark.asyncio
@pytest.mark.claim("T13")
async def test_random_keys_leave_no_hidden_row_numbers(servers: Servers) -> None:
    database = open_database(servers.migrated("sqlite"))
    async with database.begin() as transaction:
        made = {row.name: row.sql for row in await transaction.run(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))}
    numbered = {name for name, sql in made.items() if "WITHOUT ROWID" not in sql}
    assert numbered == {"inbound", "custody", "checkpoint", "alembic_version"}
    await database.close()


@pytest.mark.asyncio
async def test_processes_that_start_at_once_migrate_once(empty_url: str) -> None:
    databases = [open_database(empty_url) for _ in range(4)]
    await asyncio.gather(*(database.migrate() for database in databases))
    assert await count(databases[0], tables.person) == 0
    await databases[0].migrate()
    for database in databases:
        await database.close()


@pytest.mark.asyncio
async def test_the_migrations_make_exactly_the_tables(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, tables.metadata))

    async with database._engine.connect() as connection:
        assert await connection.run_sync(differences) == []


PLANS = [
    ("SELECT id FROM task WHERE kind = 'send' AND due <= 5 AND lease <= 5 ORDER BY due, id LIMIT 1", "task_due"),
    ("SELECT id FROM inbound WHERE thread = 'x' ORDER BY seq", "inbound_thread"),
    ("SELECT tag FROM thread WHERE case_id = 'x'", "thread_case"),
    ("SELECT id FROM grant_ WHERE person_id = 'x'", "grant_person"),
    ("SELECT id FROM grant_ WHERE case_id = 'x'", "grant_case"),
    ("SELECT id FROM sending WHERE case_id = 'x' AND state = 'waiting'", "sending_case"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("query", "index"), PLANS)
async def test_what_is_asked_often_has_its_index(database: Database, query: str, index: str) -> None:
    async with database.begin() as transaction:
        if transaction.postgres:
            # The tables are empty, so the planner must be told to plan as for full ones.
            await transaction.run(text("SET LOCAL enable_seqscan = off"))
            await transaction.run(text("SET LOCAL enable_bitmapscan = off"))
        explain = "EXPLAIN" if transaction.postgres else "EXPLAIN QUERY PLAN"
        plan = " ".join(str(row) for row in await transaction.run(text(f"{explain} {query}")))
    assert index in plan
    assert not re.search(r"TEMP B-TREE|Sort ", plan)
