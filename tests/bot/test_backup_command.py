"""`tipline backup`, `restore` and `confirm`, as an operator gives them."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.run import prepare
from bot.settings import DiskFiles, Mode, Settings, load_settings
from sealing.custody import EntryKind
from sealing.keyring import make_secrets
from storage.archive import BackupError
from tests.bot.test_backup import kinds, opened


@dataclass(frozen=True)
class Operator:
    """The command, in a home of its own."""

    folder: Path

    def run(self, *words: str | Path) -> Result:
        env = {name: None for name in os.environ if name.startswith("TIPLINE_")}
        home = {"TIPLINE_HOME": str(self.folder / "home"), "HOME": str(self.folder)}
        return CliRunner().invoke(app, [str(word) for word in words], env={**env, **home})


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    before = os.umask(0o077)
    (tmp_path / "home").mkdir(mode=0o700)
    make_secrets(tmp_path / "home" / "secrets", secrets.token_bytes)
    yield Operator(tmp_path)
    os.umask(before)


def refusal(done: Result) -> str:
    assert done.exit_code == 1
    assert isinstance(done.exception, BackupError)
    return str(done.exception)


def test_an_operator_backs_up_restores_and_confirms(operator: Operator) -> None:
    home, file = operator.folder / "home", operator.folder / "b"
    assert "no database" in refusal(operator.run("backup", file))
    assert not (home / "tipline.db").exists(), "asking for a backup makes no database"
    settings = load_settings({"TIPLINE_HOME": str(home), "HOME": ""}, DiskFiles(), Mode.OFFLINE)
    assert isinstance(settings, Settings)
    prepare(settings)
    made = operator.run("backup", file)
    assert (made.exit_code, "1 log entries" in made.output) == (0, True)
    assert "tipline keys recovery write" in made.output
    assert "exists already" in refusal(operator.run("backup", file))
    assert "not empty" in refusal(operator.run("restore", file))
    for left in home.glob("tipline.db*"):
        left.unlink()
    assert "Give a file" in refusal(operator.run("restore"))
    assert "Give a file" in refusal(operator.run("restore", file, "--send-old"))
    restored = operator.run("restore", file)
    assert restored.exit_code == 0, restored.output
    assert "tipline restore --confirm" in restored.output
    assert "every one signed" in restored.output
    assert "0 answer(s)" not in restored.output
    assert asyncio.run(log_of(home)) == [EntryKind.COMMIT, EntryKind.RESTORE]
    prepare(settings)  # as `serve` would: it is this line's own database
    kept = CliRunner().invoke(app, ["restore", "--confirm"], env={"TIPLINE_HOME": str(home), "HOME": ""}, input="n\n")
    assert (kept.exit_code, "0 text(s)" in kept.output) == (1, True)
    assert operator.run("restore", "--confirm", "--yes").exit_code == 0
    assert "Nothing is held" in operator.run("restore", "--confirm", "--yes").output


async def log_of(home: Path) -> list[EntryKind]:
    async with opened(f"sqlite:///{home}/tipline.db") as database:
        return await kinds(database)


def test_a_restore_needs_the_secrets_first(operator: Operator) -> None:
    shutil.rmtree(operator.folder / "home" / "secrets")
    assert "no secrets" in refusal(operator.run("restore", operator.folder / "b"))
    assert not (operator.folder / "home" / "tipline.db").exists()


def test_a_broken_off_backup_leaves_no_half_file(operator: Operator) -> None:
    with sqlite3.connect(operator.folder / "home" / "tipline.db") as database:
        database.execute("CREATE TABLE other (a)")
    assert "another version" in refusal(operator.run("backup", operator.folder / "b"))
    assert list(operator.folder.glob("b*")) == []
    (operator.folder / "b.part").write_bytes(b"")
    assert ".part" in refusal(operator.run("backup", operator.folder / "b"))
