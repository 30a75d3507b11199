"""`tipline status` counts what waits and what is stuck, and names nobody."""

from __future__ import annotations

import asyncio
import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.settings import DiskFiles, Mode, Settings, load_settings
from bot.status import Status, status_of
from storage import tables
from storage.desk_store import DeskReads
from storage.engine import Database, open_database
from storage.intake import SqlIntake
from tests.databases import SetClock
from tests.storage.rows import a_message

pytestmark = pytest.mark.enable_socket
NOW = datetime.now(UTC)


def offline(home: Path) -> Settings:
    settings = load_settings({"TIPLINE_HOME": str(home)}, DiskFiles(), Mode.OFFLINE)
    assert isinstance(settings, Settings)
    return settings


@pytest.mark.asyncio
async def test_it_counts_what_is_there(database: Database, clock: SetClock, tmp_path: Path) -> None:
    before = await status_of(offline(tmp_path), database, NOW)
    assert (before.worker_s, before.alive, set(before.counts.values())) == (None, False, {0})
    for _ in range(3):
        await SqlIntake(database, clock).accept(a_message())
    await DeskReads(database, clock).beat("worker", int((NOW - timedelta(seconds=12)).timestamp() * 1000))
    async with database.begin() as transaction:
        await transaction.run(tables.task.update().values(attempts=10))
    after = await status_of(offline(tmp_path), database, NOW)
    assert (after.counts["inbound"], after.counts["tasks"], after.counts["tasks_shelved"]) == (3, 3, 3)
    assert (after.worker_s, after.alive) in {(12, True), (11, True)}
    assert after.free_mb > 0


@pytest.mark.parametrize(
    ("worker_s", "said", "odd"), [(None, "never seen", True), (30, "alive, seen 30 s ago", False), (31, "silent for 31 s", True)]
)
def test_the_workers_life(worker_s: int | None, said: str, odd: bool) -> None:
    counts = dict.fromkeys(
        (
            "inbound",
            "tasks",
            "tasks_shelved",
            "cases_open",
            "cases_held",
            "sendings_due",
            "sendings_unknown",
            "sendings_shelved",
            "people",
            "floods",
            "letters",
            "cases_asked",
        ),
        0,
    )
    assert Status(counts, worker_s, 1000).rows()[0] == ("Worker", said, odd)


def invoke(home: Path, *words: str) -> Result:
    gone: dict[str, str | None] = {name: None for name in os.environ if name.startswith("TIPLINE_")}
    return CliRunner().invoke(app, ["status", *words], env={**gone, "TIPLINE_HOME": str(home)})


def test_the_command(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert invoke(home).exit_code == 1
    assert not home.exists()
    home.mkdir(mode=0o700)
    assert invoke(home).exit_code == 1
    assert list(home.iterdir()) == []
    database = open_database(f"sqlite:///{home}/tipline.db")
    asyncio.run(database.migrate())
    asyncio.run(database.close())
    told = json.loads(invoke(home, "--json").output)
    assert (told["worker"], told["inbound"]) == ({"alive": False, "seconds": None}, 0)
    shown = invoke(home)
    assert shown.exit_code == 0
    assert "Worker" in shown.output
    assert "never seen" in shown.output
    assert re.search(r"Letters that vetters have not read +0", shown.output)
