"""The operator's numbers: what waits, what is stuck, and when the worker last gave a sign of life."""

from __future__ import annotations

import pytest

from storage import tables
from storage.counting import tally
from storage.desk_store import DeskReads
from storage.engine import Database
from storage.store import SqlStore
from tests.databases import SetClock
from tests.storage.rows import a_person, sealed_case

pytestmark = pytest.mark.asyncio


async def test_it_tells_what_waits_and_what_is_stuck(database: Database, clock: SetClock) -> None:
    assert set((await tally(database, clock.now)).totals.values()) == {0}
    await sealed_case(database, clock)
    async with SqlStore(database).begin() as tx:
        await tx.save_person(a_person())
    async with database.begin() as transaction:
        await transaction.run(tables.task.update().values(attempts=10))
    found = (await tally(database, clock.now)).totals
    assert {name: n for name, n in found.items() if n} == {"tasks": 1, "tasks_shelved": 1, "cases_open": 1, "people": 1}


async def test_the_workers_last_sign_of_life(database: Database, clock: SetClock) -> None:
    assert (await tally(database, clock.now)).beat_ms is None
    await DeskReads(database, clock).beat("web", clock.now)
    assert (await tally(database, clock.now)).beat_ms is None
    await DeskReads(database, clock).beat("worker", clock.now - 123)
    assert (await tally(database, clock.now)).beat_ms == 123
