"""Keys of running processes: web opens nothing and hears of new ones, and what their time has taken is gone from backups, too."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, true, update

from bot.backup import make_backup, restore
from bot.handover import Role, from_child, to_child
from bot.rotating import Recipients
from bot.run import prepare
from bot.settings import Settings
from handlers.rotation import DAY_H, Rotation
from handlers.state import Safety
from handlers.thread import read_thread
from sealing import age
from sealing.keyring import WorkerKeys, load_web, load_worker, make_secrets
from sealing.plaintexts import read_inbound
from sealing.rows import HOUR_MS, EpochRow, EpochState, Purpose, TaskKind, ThreadRow
from sealing.secret_files import KeyFolder
from storage import tables
from storage.archive import BackupError
from storage.engine import open_database
from storage.epochs import SqlEpochs
from tests.bot.aged_keys import NOW, aged, intake_states, migrated, pinned
from tests.faults.scene import readers
from tests.line import CHANNEL, practice_line
from tests.peers.processes import practice_settings, processes
from tests.secrets_search import ciphertexts_in, identities_in, opened_by, values_under
from triage.sensitive import Sensitive
from triage.tip import Inbound

pytestmark = pytest.mark.enable_socket


# ---- web


def settings(home: Path) -> Settings:
    return practice_settings(home, f"sqlite:///{home / 'tipline.db'}", home / "vetters.json")


@pytest.mark.claim("T4")
@pytest.mark.linux
def test_a_web_process_with_its_own_files_alone_takes_a_tip_and_can_open_nothing(tmp_path: Path) -> None:
    """Everything that the process could use: its folder, its environment, what it has open, what it was told, and the whole database."""
    home, apart = tmp_path / "home", tmp_path / "apart"
    home.mkdir()
    make_secrets(apart, secrets.token_bytes)
    (home / "secrets").mkdir(mode=0o700)
    shutil.copytree(apart / "web", home / "secrets" / "web")
    asyncio.run(migrated(home))
    text = "Unas mujeres trabajan en el bar sin pago."
    with processes(settings(home)) as running, httpx.Client(timeout=20, trust_env=False) as client:
        running.start(Role.WEB)
        running.until_listening(client)
        assert running.write(client, "+34600111222", text, "1")
        held = [*values_under(home), *of_process(running.pids[Role.WEB]), json.dumps(to_child(running.settings, Role.WEB)).encode()]
    columns = asyncio.run(everything(home))
    sealed = ciphertexts_in(columns)
    assert len(sealed) == 1
    assert opened_by(identities_in([*held, *columns]), sealed) == []
    assert len(identities_in(held)) >= 2, "its pepper and the line's public key were tried, too"
    (opened,) = opened_by(identities_in(values_under(apart / "worker")), sealed)
    assert read_inbound(opened).text.reveal() == text, "the same search with the worker's files finds it"


def of_process(pid: int) -> list[bytes]:
    """What its environment says, and what files it has open or mapped beside the database, Python and its libraries."""
    proc = Path("/proc", str(pid))
    found = [(proc / "environ").read_bytes(), (proc / "cmdline").read_bytes()]
    paths = {link.readlink() for link in (proc / "fd").iterdir()}
    paths |= {Path(line.split()[-1]) for line in (proc / "maps").read_text().splitlines() if "/" in line}
    files = [path for path in paths if path.is_file() and not {"lib", "lib64", ".venv"} & set(path.parts) and ".db" not in path.name]
    assert not [path for path in paths if "worker" in path.parts]
    found += [path.read_bytes() for path in files if path.stat().st_size < 1 << 20]
    return [part for value in found for part in (value, *value.replace(b"\0", b" ").split())]


async def everything(home: Path) -> list[bytes]:
    database = open_database(f"sqlite:///{home / 'tipline.db'}")
    columns: list[bytes] = []
    async with database.begin(reading=True) as transaction:
        for table in tables.metadata.sorted_tables:
            for row in (await transaction.run(select(table))).all():
                columns += [value if isinstance(value, bytes) else str(value).encode() for value in row if value is not None]
    await database.close()
    return columns


@pytest.mark.asyncio
@pytest.mark.claim("T42")
async def test_web_hears_of_a_new_key_and_believes_nobody_else(tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    make_secrets(tmp_path, secrets.token_bytes, hour=NOW)
    keys, web, database = load_worker(tmp_path / "worker"), load_web(tmp_path / "web"), open_database(url)
    rotation = Rotation(keys, KeyFolder(tmp_path / "worker"), SqlEpochs(database))
    recipients = Recipients(SqlEpochs(database), web, tmp_path / "web")
    await rotation.turn(NOW * HOUR_MS)
    await recipients.look()
    assert web.newest.number == 1
    await rotation.turn((NOW + DAY_H) * HOUR_MS)
    stolen, thiefs = next(row for row in keys.public_epochs() if row.number == 1 and row.purpose is Purpose.INTAKE), age.generate()[1]
    signature = next(row for row in keys.public_epochs() if row.number == 2).signature
    async with database.begin() as transaction:
        for number in (8, 9):  # whoever writes to the database
            await transaction.add(tables.epoch, EpochRow(Purpose.INTAKE, number, thiefs, EpochState.CURRENT, signature))
    await recipients.look()
    assert web.newest.number == 2
    assert capsys.readouterr().err.count("epoch_refused") == 2
    epoch, sealed = web.seal_intake(b"a tip")
    assert keys.open(Purpose.INTAKE, epoch, sealed) == b"a tip"
    async with database.begin() as transaction:  # and takes away what is newer, so that the key he stole is the newest
        await transaction.run(tables.epoch.delete().where(tables.epoch.c.number > 1))
        await transaction.run(update(tables.epoch).values(state=EpochState.CURRENT, signature=stolen.signature))
    later = load_web(tmp_path / "web")
    for process in (web, later):
        await Recipients(SqlEpochs(database), process, tmp_path / "web").look()
        assert process.newest.number == 2, "also the next web process: what was seen is pinned"
    await database.close()
    await recipients.look()
    assert "storage_down" in capsys.readouterr().err
    assert web.newest.number == 2


def test_both_processes_are_told_of_credentials(tmp_path: Path) -> None:
    told = replace(settings(tmp_path), credentials=Path("/run/credentials/tipline.service"))
    assert {from_child(to_child(told, role)).credentials for role in Role} == {told.credentials}
    assert {from_child(to_child(settings(tmp_path), role)).credentials for role in Role} == {None}


# ---- backups of other times


@pytest.mark.asyncio
@pytest.mark.claim("T36")
@pytest.mark.thorough
async def test_a_backup_tells_what_its_time_has_taken(tmp_path: Path) -> None:
    """Two days old: cases come back, what waited does not. Two months old: its cases need keys that are gone. Newer than the secrets."""
    await migrated(tmp_path)
    async with practice_line(tmp_path, f"sqlite:///{tmp_path / 'tipline.db'}", people=readers()) as line:
        rotation = Rotation(line.keys, KeyFolder(tmp_path / "secrets" / "worker"), SqlEpochs(line.database))
        await rotation.turn(line.clock.now)
        old = load_worker(tmp_path / "secrets" / "worker")
        await line.write("+34600111222", "En Peñalta unas mujeres trabajan en el bar sin pago.")
        await line.acceptor.accept(Inbound(CHANNEL, Sensitive("+1"), Sensitive("waits"), "2", datetime.now(UTC)))
        await make_backup(line.database, tmp_path / "first")
        for days in (1, 2):
            await rotation.turn(line.clock.now + days * DAY_H * HOUR_MS)
        await make_backup(line.database, tmp_path / "second")
        assert await taken(tmp_path, "first", line.keys) == 2
        assert await taken(tmp_path, "second", line.keys) == 0
        with pytest.raises(BackupError, match="newer than these secrets"):
            await taken(tmp_path, "second", old)
        for days in (31, 62, 93):
            await rotation.turn(line.clock.now + days * DAY_H * HOUR_MS)
        with pytest.raises(BackupError, match="too old"):
            await taken(tmp_path, "first", line.keys)


async def taken(folder: Path, file: str, keys: WorkerKeys) -> int:
    """How many messages were lost. Nothing in the restored line is sealed to an intake key that is gone."""
    database = open_database(f"sqlite:///{folder / secrets.token_hex(4)}")
    try:
        found = await restore(database, folder / file, keys, 0)
        async with database.begin(reading=True) as transaction:
            waiting = (await transaction.run(select(tables.inbound.c.epoch))).scalars().all()
            threads = await transaction.all(tables.thread, ThreadRow, true())
            refs = set((await transaction.run(select(tables.task.c.ref).where(tables.task.c.kind == TaskKind.CONVERSE))).scalars())
        assert set(waiting) <= keys.epochs[Purpose.INTAKE].keys()
        assert len(refs) == (0 if found.lost else 1)
        assert [read_thread(keys, row).state.safety is Safety.SILENT for row in threads] == [found.lost > 0]
        states = {row.number: row.state for row in await SqlEpochs(database).epochs() if row.purpose is Purpose.INTAKE}
        assert states == {1: EpochState.DESTROYED, 2: EpochState.DRAINING, 3: EpochState.CURRENT}
        return found.lost
    finally:
        await database.close()


@pytest.mark.slow
@pytest.mark.linux
def test_a_running_line_changes_its_keys_by_itself(tmp_path: Path) -> None:
    """The key is a day old when the line starts: the worker makes the next, and web seals to that from its first message on."""
    home = tmp_path / "home"
    home.mkdir()
    made = settings(home)
    pinned(home)
    prepare(made)
    aged(home, "intake-1.key", NOW - DAY_H)
    with processes(made) as running, httpx.Client(timeout=20, trust_env=False) as client:
        running.start(Role.WORKER)
        deadline = time.monotonic() + 40
        while asyncio.run(intake_states(home)).get(2) is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        running.kill(Role.WORKER)
        running.start(Role.WEB)
        running.until_listening(client)
        assert running.write(client, "+34600111222", "Hola", "1")
    assert (home / "secrets" / "web" / "intake.recipient").read_text().startswith("2 ")
    assert asyncio.run(intake_states(home)) == {1: EpochState.DRAINING, 2: EpochState.CURRENT}
    sealed = ciphertexts_in(asyncio.run(everything(home)))
    assert len(sealed) == 1
    assert opened_by({load_worker(home / "secrets" / "worker").epochs[Purpose.INTAKE][2]}, sealed)
