"""`tipline keys`, the web process that opens nothing, and a line whose machine is lost, brought back by its trustees."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, true, update
from typer.testing import CliRunner, Result

from bot.__main__ import PLAIN, app
from bot.backup import make_backup, restore
from bot.enrol import Public, draft, new_key
from bot.handover import Role, from_child, to_child
from bot.recovery import WRITTEN
from bot.rotating import Recipients
from bot.run import prepare
from bot.settings import Settings
from handlers.memory import Safety
from handlers.rotation import DAY_H, Rotation
from handlers.thread import read_thread
from sealing import age, signing
from sealing.dead_cards import NAME as DEAD
from sealing.keyring import WorkerKeys, load_web, load_worker, make_secrets
from sealing.plaintexts import read_inbound
from sealing.rows import HOUR_MS, EpochRow, EpochState, Purpose, TaskKind, ThreadRow
from sealing.secret_files import KeyFolder
from storage import tables
from storage.archive import BackupError
from storage.engine import open_database
from storage.epochs import SqlEpochs
from storage.store import SqlStore
from tests.faults.scene import readers
from tests.line import CHANNEL, practice_line
from tests.peers.command import ROOT
from tests.peers.processes import practice_settings, processes
from tests.secrets_search import ciphertexts_in, identities_in, opened_by, values_under
from triage.sensitive import Sensitive
from triage.tip import Inbound

SPOKEN = "four quiet otters swim"
REGIONS = """
regions = [ { id = "cs", kind = "country", names = ["Costa Serena"] }, { id = "ln", kind = "region", parent = "cs", names = ["Norte"] } ]
agencies = [ { id = "trust", kind = "ngo", region = "cs", names = ["Harbour Trust"] } ]
"""
TRUSTEES = ("tara", "tom", "tess")
NOW = int(datetime.now(UTC).timestamp()) // 3600
pytestmark = pytest.mark.enable_socket


class Operator:
    """A machine with a line, and the files that its people gave."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"

    @property
    def env(self) -> Mapping[str, str]:
        given = {"TIPLINE_HOME": "home", "TIPLINE_REGIONS": "regions.toml", "TIPLINE_VETTERS": "vetters.json", "HOME": "nobody"}
        return {name: str(self.folder / file) for name, file in given.items()}

    def run(self, *words: str | Path, stdin: str = "") -> Result:
        gone = {name: None for name in os.environ if name.startswith("TIPLINE_")}
        return CliRunner().invoke(app, [str(word) for word in words], env={**gone, **self.env}, input=stdin)

    def done(self, *words: str | Path, stdin: str = "") -> str:
        result = self.run(*words, stdin=stdin)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    def refused(self, *words: str | Path) -> str:
        result = self.run(*words)
        assert isinstance(result.exception, PLAIN), (result.output, result.exception)
        return str(result.exception)

    def key_files(self) -> set[str]:
        return {file.name for file in (self.home / "secrets" / "worker").glob("*.key")} - {"row.key"}


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    before = os.umask(0o022)
    (tmp_path / "regions.toml").write_text(REGIONS)
    pinned(tmp_path)
    yield Operator(tmp_path)
    os.umask(before)


def pinned(folder: Path) -> list[str]:
    """Two vetters of the line; their seeds."""
    pairs = [signing.generate() for _ in range(2)]
    listed = [{"name": f"vetter {n}", "agency": f"house {n}", "verify": verify} for n, (_, verify) in enumerate(pairs)]
    (folder / "vetters.json").write_text(json.dumps({"vetters": listed}))
    return [seed for seed, _ in pairs]


@pytest.fixture(scope="module")
def people() -> Mapping[str, tuple[str, Public]]:
    """Key files, with a passphrase as on their devices: scrypt takes its time."""
    return {name: new_key(secrets.token_hex(16), SPOKEN) for name in (*TRUSTEES, "hana")}


# ---- what an operator sees and does


def test_secrets_are_made_once_and_shown_by_fingerprint_alone(operator: Operator) -> None:
    assert operator.refused("keys", "show") == "there are no secrets"
    operator.done("keys", "make")
    held = {file.name: file.read_text() for file in (operator.home / "secrets").rglob("*") if file.is_file()}
    assert "secrets exist already" in operator.refused("keys", "make")
    shown = operator.done("keys", "show")
    for purpose in Purpose:
        recipient = age.recipient_of(held[f"{purpose.value}-1.key"].splitlines()[1])
        assert recipient not in shown
    assert not [name for name, text in held.items() if text.split()[-1] in shown]
    assert "AGE-SECRET" not in shown
    assert len(re.findall(r"\b[0-9a-f]{16}\b", shown)) == len(Purpose) + 1
    assert "No recovery file was ever written" in shown
    (operator.home / "tipline.db").touch()
    shutil.rmtree(operator.home / "secrets")
    assert "bring back the secrets" in operator.refused("keys", "make")


def test_a_key_is_rotated_by_hand_and_the_old_one_kept_until_its_time(operator: Operator) -> None:
    operator.done("keys", "make")
    assert operator.run("keys", "rotate", "roster").exit_code == 1, "nobody said yes"
    assert operator.key_files() == {f"{purpose.value}-1.key" for purpose in Purpose}
    assert "Epoch 2 of the roster key is made" in operator.done("keys", "rotate", "roster", "--yes")
    shown = operator.done("keys", "show")
    assert re.search(r"roster +2 +current +0 h", shown)
    assert re.search(r"roster +1 +draining", shown)
    assert "There is no database" in operator.refused("keys", "destroy")
    asyncio.run(migrated(operator.home))
    assert "stays for 1 day" in operator.done("keys", "destroy")
    assert "roster-1.key" in operator.key_files()
    aged(operator.home, "roster-2.key", NOW - DAY_H)
    assert "Destroyed epoch 1 of the roster key" in operator.done("keys", "destroy")
    assert operator.key_files() == {f"{purpose.value}-1.key" for purpose in Purpose} - {"roster-1.key"} | {"roster-2.key"}


def aged(home: Path, name: str, hour: int) -> None:
    """As if it had been made then."""
    file = home / "secrets" / "worker" / name
    file.write_text(f"# since: {hour}\n{file.read_text().splitlines()[-1]}\n")


async def migrated(home: Path) -> None:
    database = open_database(f"sqlite:///{home / 'tipline.db'}")
    await database.migrate()
    await database.close()


def test_keys_are_not_destroyed_for_a_database_of_other_secrets(operator: Operator, tmp_path: Path) -> None:
    operator.done("keys", "make")
    make_secrets(tmp_path / "others", secrets.token_bytes)

    async def foreign() -> None:
        await migrated(operator.home)
        database = open_database(f"sqlite:///{operator.home / 'tipline.db'}")
        await SqlStore(database).record_epochs(load_worker(tmp_path / "others" / "worker").public_epochs())
        await database.close()

    asyncio.run(foreign())
    operator.done("keys", "rotate", "roster", "--yes")
    aged(operator.home, "roster-2.key", NOW - DAY_H)
    assert "other secrets" in operator.refused("keys", "destroy")
    assert "roster-1.key" in operator.key_files()


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


# ---- a lost machine


def enrolled(operator: Operator, people: Mapping[str, tuple[str, Public]]) -> None:
    """Three trustees and a handler, each with a card that two vetters signed."""
    seeds = pinned(operator.folder)
    cards = []
    for name, (locked, public) in people.items():
        (operator.folder / f"{name}.key").write_text(locked)
        role = "trustee" if name in TRUSTEES else "handler"
        details: dict[str, object] = {"name": name, "role": role, "agency": "trust", "home": "ln", "posting": "ln"}
        card = draft(public, details | {"child_clearance": False, "capacity": 5}, datetime.now(UTC))
        for seed in seeds:
            card = card.signed_by(seed)
        cards.append(operator.folder / f"{name}.card")
        cards[-1].write_bytes(card.to_bytes())
    operator.done("roster", "load", *cards)
    (operator.folder / "spoken").write_text(SPOKEN)


@pytest.mark.claim("T43")
def test_two_of_three_trustees_bring_a_lost_line_back(operator: Operator, people: Mapping[str, tuple[str, Public]]) -> None:
    enrolled(operator, people)
    (operator.home / "secrets" / "worker" / DEAD).touch(mode=0o600)
    file, backup = operator.folder / "line.recovery", operator.folder / "line.backup"
    operator.done("keys", "rotate", "release", "--yes")
    assert "generation 1: any 2 of 3" in operator.done("keys", "recovery", "write", file).replace("\n", " ")
    assert "exists already" in operator.refused("keys", "recovery", "write", file)
    assert "holds the newest keys" in operator.done("keys", "show")
    operator.done("backup", backup)
    lost = load_worker(operator.home / "secrets" / "worker")
    assert "secrets already" in operator.refused("keys", "recovery", "open", file)
    with zipfile.ZipFile(backup) as members:
        no_secret_in([file.read_bytes(), *(members.read(name) for name in members.namelist())], operator.home / "secrets")
    shutil.rmtree(operator.home)
    assert "Too few shares" in str(operator.run("keys", "recovery", "open", file, stdin="nonsense\n\n").exception)
    assert not operator.home.exists()
    opening = subprocess.Popen(
        [sys.executable, "-m", "bot", "keys", "recovery", "open", str(file)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=ROOT, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **operator.env},
    )  # fmt: skip
    assert opening.stdin is not None
    assert opening.stderr is not None
    while not (found := re.search(r"--to (age1[0-9a-z]+)", line := opening.stderr.readline())):
        assert line, "it ended before it said to which key"
    shown = hashlib.sha256(found[1].encode()).hexdigest()[:16]
    assert f"has the fingerprint {shown}." in opening.stderr.readline()
    asking = ("--to", found[1], "--passphrase-file", operator.folder / "spoken")
    asked = operator.run("trustee", "share", file, "--key", operator.folder / f"{TRUSTEES[0]}.key", *asking, stdin="n\n")
    assert (asked.exit_code, shown in asked.output, "this fingerprint" in asked.output) == (1, True, True)
    spoken = ("--to", found[1], "--passphrase-file", operator.folder / "spoken", "--yes")
    nonsense = ("--to", "age1nonsense", "--passphrase-file", operator.folder / "spoken")  # it would ask, and gets no answer
    assert "Nothing can be sealed" in operator.refused("trustee", "share", file, "--key", operator.folder / f"{TRUSTEES[0]}.key", *nonsense)
    assert "None of the shares" in operator.refused("trustee", "share", file, "--key", operator.folder / "hana.key", *spoken)
    shares = [
        operator.done("trustee", "share", file, "--key", operator.folder / f"{name}.key", *spoken).splitlines()[-1] for name in TRUSTEES[:2]
    ]
    _, told = opening.communicate("".join(f"{share}\n" for share in ("nonsense", shares[0], shares[0], shares[1])))
    assert opening.returncode == 0, told
    assert "This is no share" in told
    back = load_worker(operator.home / "secrets" / "worker")
    assert (back.custody_seed, back.row_key, back.draw_secret, back.sending_pepper) == (
        lost.custody_seed, lost.row_key, lost.draw_secret, lost.sending_pepper,
    )  # fmt: skip
    assert back.index_pepper != lost.index_pepper
    assert "holds the newest keys" in operator.done("keys", "show")
    for purpose in (Purpose.RELEASE, Purpose.GATE, Purpose.ROSTER):
        assert back.epochs[purpose] == lost.epochs[purpose]
    for purpose in (Purpose.INTAKE, Purpose.DELIVERY):
        assert min(back.epochs[purpose]) > 100_000, "a number that no epoch has had"
        assert not set(back.epochs[purpose].values()) & set(lost.epochs[purpose].values())
    assert (operator.home / "secrets" / "worker" / DEAD).exists()
    assert {file.stat().st_mode & 0o077 for file in (operator.home / "secrets").rglob("*")} == {0}
    assert "Restored 0 case(s)" in operator.done("restore", backup)
    assert "4" in operator.done("roster", "list")
    assert "generation 2: any 2 of 3" in operator.done("keys", "recovery", "write", operator.folder / "next.recovery")
    states = asyncio.run(intake_states(operator.home))
    assert states[1] is EpochState.DESTROYED, "what the lost machine held is never sealed to again"


def no_secret_in(values: list[bytes], folder: Path) -> None:
    files = [file for file in folder.rglob("*") if file.is_file() and file.name not in (DEAD, WRITTEN)]
    texts = {file.name: file.read_text().split()[-1].encode() for file in files}
    shown = [name for name, text in texts.items() if any(text in value for value in values)]
    assert sorted(shown) == ["custody.public", "intake.recipient"], "the public halves, which the search finds"


async def intake_states(home: Path) -> dict[int, EpochState]:
    database = open_database(f"sqlite:///{home / 'tipline.db'}")
    try:
        return {row.number: row.state for row in await SqlEpochs(database).epochs() if row.purpose is Purpose.INTAKE}
    finally:
        await database.close()


def test_a_recovery_file_grows_old_with_the_keys_and_needs_trustees(operator: Operator, people: Mapping[str, tuple[str, Public]]) -> None:
    enrolled(operator, people)
    assert "There are 3 active trustees" in operator.refused("keys", "recovery", "write", operator.folder / "four", "--needed", "4")
    assert not (operator.folder / "four").exists()
    operator.done("keys", "recovery", "write", operator.folder / "first")
    operator.done("keys", "rotate", "intake", "--yes")
    assert "holds the newest keys" in operator.done("keys", "show")
    operator.done("keys", "rotate", "gate", "--yes")
    assert "generation 1) is older" in operator.done("keys", "show").replace("\n", " ")
    assert "generation 2" in operator.done("keys", "recovery", "write", operator.folder / "second")
    assert "holds the newest keys" in operator.done("keys", "show")


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
