"""Every storage test runs on SQLite and on PostgreSQL, each on a fresh database."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import make_url

from storage.engine import Database, open_database
from tests.postgres import GIVEN, postgres_server


class SetClock:
    """Stands still until it is told."""

    def __init__(self, now: int) -> None:
        self.now = now

    def now_ms(self) -> int:
        return self.now


@pytest.fixture
def clock() -> SetClock:
    return SetClock(1_800_000_000_000)


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def _migrate(url: str) -> None:
    async def migrate() -> None:
        database = open_database(url)
        await database.migrate()
        await database.close()

    asyncio.run(migrate())


class Servers:
    """Makes databases: empty ones, and copies of a migrated one."""

    def __init__(self, postgres: str, folder: Path) -> None:
        self._postgres = make_url(postgres)
        self._folder = folder
        self._made: list[str] = []
        self._templates: dict[str, str] = {}

    def empty(self, engine: str) -> str:
        name = f"tipline_{secrets.token_hex(8)}"
        if engine == "sqlite":
            return sqlite_url(self._folder / name)
        self._admin(f"CREATE DATABASE {name}")
        self._made.append(name)
        return self._url(name)

    def migrated(self, engine: str) -> str:
        if engine not in self._templates:
            self._templates[engine] = self.empty(engine)
            _migrate(self._templates[engine])
        template = make_url(self._templates[engine]).database
        assert template is not None
        name = f"tipline_{secrets.token_hex(8)}"
        if engine == "sqlite":
            shutil.copy(template, self._folder / name)
            return sqlite_url(self._folder / name)
        self._admin(f"CREATE DATABASE {name} TEMPLATE {template}")
        self._made.append(name)
        return self._url(name)

    def drop_all(self) -> None:
        for name in self._made:
            self._admin(f"DROP DATABASE {name} WITH (FORCE)")

    def _url(self, name: str) -> str:
        return self._postgres.set(database=name).render_as_string(hide_password=False)

    def _admin(self, statement: str) -> None:
        with psycopg.connect(self._postgres.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with postgres_server() as postgres:
        made = Servers(postgres, tmp_path_factory.mktemp("sqlite"))
        yield made
        if GIVEN in os.environ:  # A server of our own is thrown away whole, which is quicker.
            made.drop_all()


@pytest.fixture(params=["sqlite", "postgres"])
def engine_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(servers: Servers, engine_name: str) -> str:
    """A migrated database with nothing in it."""
    return servers.migrated(engine_name)


@pytest.fixture
def empty_url(servers: Servers, engine_name: str) -> str:
    """A database without a table."""
    return servers.empty(engine_name)


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = open_database(url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def other(url: str) -> AsyncIterator[Database]:
    """The same database as another process has it open."""
    opened = open_database(url)
    yield opened
    await opened.close()
