"""The database: one SQLite file, or PostgreSQL. Nothing above this module knows which."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from sealing.rows import StorageDown
from storage.transaction import FAULTS, Transaction, down

_LOCK_WAIT_SECONDS = 3
_MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x7469706C_0001
"""Key of the advisory lock under which one process migrates a PostgreSQL database."""

# FULL: NORMAL loses acknowledged tips at a power cut. secure_delete: deleted rows are overwritten. temp_store: nothing spills to /tmp.
_PRAGMAS = (
    f"busy_timeout = {_LOCK_WAIT_SECONDS * 1000}",
    "journal_mode = WAL",
    "synchronous = FULL",
    "secure_delete = ON",
    "foreign_keys = ON",
    "temp_store = MEMORY",
)

# A worker that hangs or lost its network must not keep its locks: whoever waits for one gets it within his own patience.
_POSTGRES_CONNECT = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "options": "-c idle_in_transaction_session_timeout=8000 -c lock_timeout=10000 -c statement_timeout=30000",
}


class DatabaseUrlError(ValueError):
    """The database's URL is not one of ours. Does not repeat it: it may hold a password."""


class Database:
    """An open database. Made by `open_database`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._closed = False
        self._listeners: list[asyncio.Event] = []

    @property
    def folder(self) -> Path | None:
        """Where the file lies; None for a server's database."""
        url = self._engine.url
        return Path(url.database).parent if url.get_backend_name() == "sqlite" and url.database else None

    @asynccontextmanager
    async def begin(self, *, reading: bool = False) -> AsyncIterator[Transaction]:
        """Commits on a clean exit, rolls back on an exception.

        `reading` promises to write nothing; SQLite then does not wait for its single writer. Raises StorageDown: nothing was written,
        or, when the connection broke in the middle of the commit, nobody knows: writers repeat, and their keys make that harmless.
        """
        if self._closed:
            raise StorageDown("closed")
        wakes = False
        try:
            async with self._engine.connect() as connection:
                await connection.execution_options(reading=reading)
                async with connection.begin():
                    transaction = Transaction(connection)
                    yield transaction
                    if transaction.broken:
                        raise StorageDown("broken")
                    wakes = transaction.wakes
        except FAULTS as fault:
            raise down(fault) from None
        if wakes:
            self.wake()

    def wake(self) -> None:
        """Tells the queues in this process that a task was written. Others find it by polling."""
        for listener in self._listeners:
            listener.set()

    def listen(self) -> asyncio.Event:
        """An event that is set after each commit that wrote a task; the listener clears it. Give it back with `ignore`."""
        listener = asyncio.Event()
        self._listeners.append(listener)
        return listener

    def ignore(self, listener: asyncio.Event) -> None:
        self._listeners.remove(listener)

    async def migrate(self) -> None:
        """Brings the tables to the newest version. Of several processes that start at once, one does it and the others wait.

        All or nothing. Raises StorageDown.
        """
        try:
            async with self._engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    await connection.execute(text("SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = '10min'"))
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                await connection.run_sync(upgrade)
        except FAULTS as fault:
            raise down(fault) from None

    async def compact(self) -> None:
        """SQLite: empties the write-ahead log, where deleted rows live on. PostgreSQL: leaves that to its own checkpoints."""
        if self._engine.dialect.name != "sqlite":
            return
        try:
            async with self._engine.connect() as connection:
                await connection.run_sync(_checkpoint)
        except FAULTS as fault:
            raise down(fault) from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Later calls of `begin` raise StorageDown."""
        self._closed = True
        await self._engine.dispose()


def open_database(url: str) -> Database:
    """`sqlite:////absolute/path` or `postgresql://…`. Connects when first used. Raises DatabaseUrlError."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseUrlError("the database URL cannot be read") from None
    match parsed.get_backend_name():
        case "sqlite":
            return Database(_sqlite(parsed))
        case "postgresql":
            return Database(_postgres(parsed))
        case _:
            raise DatabaseUrlError("the database must be sqlite or postgresql")


def _postgres(url: URL) -> AsyncEngine:
    return create_async_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_size=5,
        max_overflow=0,
        pool_timeout=_LOCK_WAIT_SECONDS,
        pool_pre_ping=True,
        connect_args=_POSTGRES_CONNECT,
    )


def _sqlite(url: URL) -> AsyncEngine:
    """One connection, so that two tasks never share a transaction; WAL lets the other process read meanwhile."""
    if url.database is None or not Path(url.database).is_absolute():
        raise DatabaseUrlError("a sqlite database needs an absolute path")
    _make_private(Path(url.database))
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        hide_parameters=True,
        pool_size=1,
        max_overflow=0,
        pool_timeout=_LOCK_WAIT_SECONDS,
    )
    event.listen(engine.sync_engine, "connect", _set_pragmas)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _make_private(path: Path) -> None:
    """Mode 0600 before the first byte; SQLite gives its -wal and -shm files the mode of this one."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
    except OSError as fault:
        raise StorageDown(type(fault).__name__) from None


def _set_pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself: it begins deferred ones, and two of those lose updates silently.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _checkpoint(connection: Connection) -> None:
    # By the driver's own cursor: outside a transaction, where alone it works.
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    cursor.close()


def upgrade(connection: Connection, to: str = "head") -> None:
    """Brings the tables to a version, in the caller's transaction."""
    config = _alembic()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def revisions() -> frozenset[str]:
    """Every version that the tables have had."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions())


def newest_revision() -> str | None:
    return ScriptDirectory.from_config(_alembic()).get_current_head()


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
