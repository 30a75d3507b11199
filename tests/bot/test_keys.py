"""`tipline keys`, and a line whose machine is lost, brought back by its trustees."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.__main__ import PLAIN, app
from bot.enrol import Public, draft, new_key
from bot.recovery import WRITTEN
from handlers.rotation import DAY_H
from sealing import age
from sealing.dead_cards import NAME as DEAD
from sealing.keyring import load_worker, make_secrets
from sealing.rows import EpochState, Purpose
from storage.engine import open_database
from storage.store import SqlStore
from tests.bot.aged_keys import NOW, aged, intake_states, migrated, pinned
from tests.peers.command import ROOT

SPOKEN = "four quiet otters swim"
REGIONS = """
regions = [ { id = "cs", kind = "country", names = ["Costa Serena"] }, { id = "ln", kind = "region", parent = "cs", names = ["Norte"] } ]
agencies = [ { id = "trust", kind = "ngo", region = "cs", names = ["Harbour Trust"] } ]
"""
TRUSTEES = ("tara", "tom", "tess")


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
