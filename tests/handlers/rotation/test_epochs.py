"""The table of epochs goes one way, whatever somebody writes to it."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from handlers.rotation import DAY_H, MONTH_H, Epoch, successor
from sealing import age, signing
from sealing.keyring import load_worker, make_secrets
from sealing.rows import HOUR_MS, EpochRow, EpochState, Purpose
from sealing.secret_files import KeyFolder
from storage import tables
from storage.engine import Database
from storage.epochs import EpochMismatch, SqlEpochs
from storage.store import SqlStore
from tests.handlers.rotation.workers import H0, files, states, worker

pytestmark = [pytest.mark.both, pytest.mark.asyncio, pytest.mark.enable_socket]


async def test_the_table_of_epochs_goes_one_way(database: Database, folder: Path) -> None:
    line, store = worker(database, folder), SqlStore(database)
    await line.turn(H0)
    await line.turn(H0 + DAY_H)
    held = line.keys.public_epochs()
    older = [row for row in held if (row.purpose, row.number) != (Purpose.INTAKE, 2)]
    with pytest.raises(EpochMismatch):
        await store.record_epochs(older)  # the secrets of yesterday
    with pytest.raises(EpochMismatch):
        await store.record_epochs([replace(row, recipient="age1other") for row in held])
    await line.turn(H0 + 2 * DAY_H)
    await store.record_epochs([*line.keys.public_epochs(), *(row for row in held if row.number == 1)])
    assert (await states(database, Purpose.INTAKE))[1] is EpochState.DESTROYED, "what is destroyed stays so"


async def test_an_epoch_that_somebody_invents_ends_nothing(lite: Database, folder: Path) -> None:
    line = worker(lite, folder)
    await line.turn(H0)
    seed, _ = signing.generate()
    forged = EpochRow(Purpose.INTAKE, 9, age.generate()[1], EpochState.CURRENT, seed)
    async with lite.begin() as transaction:
        await transaction.add(tables.epoch, forged)
    await line.turn(H0)
    assert await states(lite, Purpose.INTAKE) == {1: EpochState.CURRENT, 9: EpochState.DESTROYED}


@pytest.mark.parametrize("turned", [True, False], ids=["called destroyed", "current"])
async def test_an_epoch_that_somebody_invents_makes_room_for_ours(lite: Database, folder: Path, turned: bool) -> None:
    """In the place of the key that comes next."""
    line = worker(lite, folder)
    await line.turn(H0)
    async with lite.begin() as transaction:
        await transaction.add(tables.epoch, EpochRow(Purpose.INTAKE, 2, age.generate()[1], EpochState.CURRENT, ""))
    if turned:
        await line.turn(H0)
    else:
        successor(line.keys, KeyFolder(folder), Purpose.INTAKE, (H0 + DAY_H) * HOUR_MS)
    await line.turn(H0 + DAY_H)
    served = await line.store.serving(Purpose.INTAKE)
    assert (served[0].number, served[0].recipient) == line.keys.recipient(Purpose.INTAKE)
    keys = load_worker(folder)
    await SqlStore(lite).record_epochs(keys.public_epochs(), None, signing.public_of(keys.custody_seed))  # as a start does


async def test_a_database_of_another_line_is_refused_also_where_its_rows_are_signed(lite: Database, folder: Path, tmp_path: Path) -> None:
    make_secrets(tmp_path / "others", secrets.token_bytes, hour=H0)
    await worker(lite, folder).turn(H0)
    other, before = worker(lite, tmp_path / "others" / "worker"), await SqlEpochs(lite).epochs()
    with pytest.raises(EpochMismatch):
        await other.turn(H0 + DAY_H)
    assert await SqlEpochs(lite).epochs() == before


async def test_a_worker_that_another_has_left_behind_makes_no_key(lite: Database, folder: Path, tmp_path: Path) -> None:
    """Two of the same secrets in two folders: what the second made, the first could not open."""
    shutil.copytree(folder, tmp_path / "two")
    first, second = worker(lite, folder), worker(lite, tmp_path / "two")
    await first.turn(H0 + MONTH_H)
    with pytest.raises(EpochMismatch):
        await second.turn(H0 + MONTH_H)
    assert second.held(Purpose.INTAKE) == {1}
    assert "intake-2.key" not in files(tmp_path / "two")
    successor(second.keys, KeyFolder(tmp_path / "two"), Purpose.INTAKE, (H0 + MONTH_H) * HOUR_MS)
    with pytest.raises(EpochMismatch):  # another key under the number of one that we signed
        await second.turn(H0 + MONTH_H)


async def test_a_key_that_the_table_calls_destroyed_gets_a_successor(lite: Database, folder: Path) -> None:
    """Whoever wrote that, web accepts nothing under it; the key itself stays as long as any other."""
    line = worker(lite, folder)
    await line.turn(H0)
    async with lite.begin() as transaction:
        await transaction.run(update(tables.epoch).where(tables.epoch.c.purpose == Purpose.INTAKE).values(state=EpochState.DESTROYED))
    assert (await line.turn(H0)).made == (Epoch(Purpose.INTAKE, 2),)
    assert line.held(Purpose.INTAKE) == {1, 2}
    assert "intake-1.key" in files(folder)


async def test_a_key_made_by_hand_is_taken_up_and_a_lost_file_forgets_none(lite: Database, folder: Path) -> None:
    line = worker(lite, folder)
    await line.turn(H0)
    KeyFolder(folder).make(Purpose.GATE, 2, H0 + 1)
    await line.turn(H0 + 1)
    assert line.keys.recipient(Purpose.GATE)[0] == 2
    assert await states(lite, Purpose.GATE) == {1: EpochState.DRAINING, 2: EpochState.CURRENT}
    (folder / "gate-2.key").unlink()
    await line.turn(H0 + 2)
    assert line.keys.recipient(Purpose.GATE)[0] == 2
