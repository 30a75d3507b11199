"""The start of a line: whose home it is, and whose database."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.practice_line import people_folder, practice_line, with_files
from bot.run import MARK, StartError, claim_home, prepare
from bot.settings import Mode, Settings
from sealing import signing
from tests.peers.processes import practice_settings

pytestmark = pytest.mark.enable_socket


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def settings(home: Path, mode: Mode, database: Path | None = None) -> Settings:
    vetters = home.parent / "vetters.json"
    listed = [{"name": f"{n}", "agency": f"house {n}", "verify": signing.generate()[1]} for n in range(2)]
    vetters.write_text(json.dumps({"vetters": listed}))
    url = f"sqlite:///{database or home / 'tipline.db'}"
    return replace(practice_settings(home, url, vetters), mode=mode)


def rows(database: Path) -> dict[str, int]:
    with sqlite3.connect(database) as opened:
        return {table: opened.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("person", "custody", "epoch")}


@pytest.mark.claim("T23")
@pytest.mark.parametrize("first", [Mode.LINE, Mode.OFFLINE])
def test_practice_never_starts_in_a_real_lines_home(tmp_path: Path, first: Mode) -> None:
    home = tmp_path / "home"
    prepare(settings(home, first))
    prepare(settings(home, Mode.LINE))
    prepare(settings(home, Mode.OFFLINE))
    before = rows(home / "tipline.db")
    with pytest.raises(StartError, match="other kind"):
        prepare(settings(home, Mode.PRACTICE))
    assert rows(home / "tipline.db") == before


@pytest.mark.parametrize("second", [Mode.LINE, Mode.OFFLINE])
def test_a_real_line_never_starts_in_a_practice_home(tmp_path: Path, second: Mode) -> None:
    home = tmp_path / "home"
    prepare(settings(home, Mode.PRACTICE))
    prepare(settings(home, Mode.PRACTICE))
    with pytest.raises(StartError, match="other kind"):
        prepare(settings(home, second))
    assert stat.S_IMODE((home / MARK).stat().st_mode) == 0o600


@pytest.mark.claim("T23")
@pytest.mark.parametrize("kept", ["secrets", "tipline.db"])
def test_practice_refuses_what_an_older_version_left_without_a_mark(tmp_path: Path, kept: str) -> None:
    home = tmp_path / "home"
    prepare(settings(home, Mode.LINE))
    (home / MARK).unlink()
    for name in {"secrets", "tipline.db"} - {kept}:
        (home / name).rename(tmp_path / name)
    with pytest.raises(StartError, match="not marked"):
        prepare(settings(home, Mode.PRACTICE))
    assert not (home / MARK).exists()
    for name in {"secrets", "tipline.db"} - {kept}:
        (tmp_path / name).rename(home / name)
    prepare(settings(home, Mode.LINE))
    assert (home / MARK).read_text() == "line"


@pytest.mark.parametrize("content", ["", "practice\n", "lin"])
def test_a_mark_that_says_neither_stops_both(tmp_path: Path, content: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / MARK).write_text(content)
    for mode in Mode:
        with pytest.raises(StartError):
            claim_home(settings(home, mode))
    (home / MARK).unlink()
    (home / MARK).mkdir()
    for mode in Mode:
        with pytest.raises(StartError):
            claim_home(settings(home, mode))


def test_new_secrets_never_serve_from_an_old_database_elsewhere(tmp_path: Path) -> None:
    """Else tips would be acknowledged under keys that the bringing back of the old ones throws away."""
    database = tmp_path / "elsewhere.db"
    old, new = tmp_path / "old", tmp_path / "new"
    prepare(settings(old, Mode.LINE, database))
    prepare(settings(old, Mode.LINE, database))
    before = rows(database)
    assert (before["person"], before["custody"]) == (0, 1)
    assert before["epoch"] > 0
    for mode in Mode:
        with pytest.raises(StartError, match="The database belongs to other secrets"):
            prepare(settings(new.with_name(f"new-{mode.value}"), mode, database))
        assert rows(database) == before


@pytest.mark.claim("T23")
def test_no_practice_investigator_is_enrolled_in_a_real_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    prepare(settings(home, Mode.LINE))
    with pytest.raises(StartError, match="other kind"):
        practice_line(with_files(settings(home, Mode.PRACTICE)))
    assert rows(home / "tipline.db")["person"] == 0
    assert not people_folder(home).exists()
