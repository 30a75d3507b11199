"""What the worker looks at before anything else: whether the outcomes that were written down are all still there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from bot import child, logs
from bot.logs import Event
from bot.run import prepare
from bot.settings import Mode, Settings
from handlers.lessons import seal_record
from handlers.lost_lessons import record_leaf
from handlers.ports import Trouble
from routing.records import Record
from sealing.keyring import load_worker
from storage.engine import open_database
from storage.store import SqlStore
from tests.bot.test_run import settings
from translations.engine import ChildTranslator

KEPT, LOST = "1" * 64, "2" * 64
DAY = 20_000


async def write_down(settings: Settings, row_id: str) -> None:
    """An outcome that teaches nothing, as the worker keeps it: a sealed row, and an entry in the log."""
    keys = load_worker(settings.home / "secrets" / "worker")
    async with open_database(settings.database_url.reveal()) as database, SqlStore(database).begin() as tx:
        assert await tx.add_lesson(seal_record(keys, row_id, Record(DAY, 1, ())))
        await tx.log(record_leaf(keys, row_id, DAY * 24))


async def delete(settings: Settings, row_id: str) -> None:
    async with open_database(settings.database_url.reveal()) as database, SqlStore(database).begin() as tx:
        assert await tx.drop_lessons([row_id]) == 1


async def held_at_start(settings: Settings) -> list[object]:
    """Codes of what the worker says that it holds, until it is ready."""
    said: list[tuple[Event, Mapping[str, object]]] = []
    logs.listen(lambda name, fields: said.append((name, fields)))
    running = asyncio.create_task(child._run(child.worker, settings, None))
    async with asyncio.timeout(20):
        while not running.done() and Event.READY not in {name for name, _ in said}:
            await asyncio.sleep(0.01)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    logs.listen(lambda _name, _fields: None)
    return [fields["code"] for name, fields in said if name is Event.HELD]


@pytest.mark.claim("T60")
def test_a_worker_tells_at_its_start_of_an_outcome_that_the_log_has_and_the_database_has_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_to_translate_with(_: ChildTranslator) -> None:
        """Without a package nobody asks the translation child, whose start takes longer than all the rest."""

    monkeypatch.setattr(ChildTranslator, "start", nothing_to_translate_with)
    made = settings(tmp_path / "home", Mode.PRACTICE)
    prepare(made)

    async def starts() -> None:
        for row_id in (KEPT, LOST):
            await write_down(made, row_id)
        assert await held_at_start(made) == [], "the control: both are there"
        await delete(made, LOST)
        assert await held_at_start(made) == [Trouble.TAMPERED]

    asyncio.run(starts())
