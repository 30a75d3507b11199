"""`tipline analyse` as an operator's script runs it: JSON lines in, one JSON line each out, nothing stored, no word in a complaint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.__main__ import app
from tests.peers.command import ROOT

TIP = "Ayúdenme, estoy encerrada en una casa. El jefe de policía de Puerto Alondra lo sabe."
CANARY = "zqcanary"
pytestmark = pytest.mark.enable_socket


def analyse(home: Path, given: bytes, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    environment = {"PYTHONPATH": str(ROOT), "TIPLINE_HOME": str(home), "COLUMNS": "200", "PYTHONUTF8": "1", **(env or {})}
    done = [sys.executable, "-m", "bot", "analyse", *words]
    return subprocess.run(done, input=given, capture_output=True, env=environment, cwd=ROOT, timeout=60, check=False)


def refused_or_listed(*words: str, **env: str) -> Result:
    """In this process, which takes no three seconds: where no text is read, nothing of it can be kept."""
    gone = dict.fromkeys(name for name in os.environ if name.startswith("TIPLINE_"))
    return CliRunner().invoke(app, ["analyse", *words], env={**gone, **env, "COLUMNS": "200"})


def lines(*given: object) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in given).encode()


def answers(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def test_codes_are_listed_without_any_setting(tmp_path: Path) -> None:
    done = refused_or_listed("--codes", HOME=str(tmp_path / "home"), TIPLINE_HOME="not absolute")
    listed = done.stdout.splitlines()
    assert done.exit_code == 0
    assert {"official.police", "danger.locked_in"} <= set(listed)
    assert len(set(listed)) == len(listed)
    assert not (tmp_path / "home").exists()


def test_each_line_is_answered_in_order_and_nothing_is_kept(tmp_path: Path) -> None:
    regions = {"TIPLINE_REGIONS": str(ROOT / "bot" / "data" / "practice.toml")}
    given = (
        lines({"id": "a", "text": TIP}, {"id": 7, "text": "hola"}, {"id": "b", "text": ""}) + b"\n   \n" + lines({"id": "c", "text": "x"})
    )
    done = analyse(tmp_path / "home", given, "--no-translate", env=regions)
    assert (done.returncode, done.stderr) == (0, b"")
    first, *rest = answers(done)
    assert [first["id"], *(answer["id"] for answer in rest)] == ["a", "7", "b", "c"]
    assert first["translation"] is None
    assert "Puerto Alondra" in json.dumps(first, ensure_ascii=False)
    assert not [file for file in (tmp_path / "home").rglob("*") if file.is_file()]


def test_real_packages_translate(tmp_path: Path, models: Path) -> None:
    done = analyse(tmp_path / "home", lines({"id": "a", "text": TIP}), env={"TIPLINE_LANGUAGE_PACKS": str(models)})
    (translated,) = answers(done)
    assert isinstance(translated["translation"], str)
    assert translated["translation"].startswith("Help me")


@pytest.mark.claim("T15")
@pytest.mark.parametrize(
    "env",
    [
        pytest.param({}, marks=pytest.mark.thorough, id="utf-8"),
        pytest.param({"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}, id="C"),
    ],
)
def test_bad_lines_are_counted_by_number_the_others_answered_and_nothing_repeated(tmp_path: Path, env: Mapping[str, str]) -> None:
    bad = [
        f"{CANARY}".encode(),
        json.dumps([CANARY]).encode(),
        json.dumps({"id": "x"}).encode(),
        json.dumps({"id": None, "text": CANARY}).encode(),
        json.dumps({"id": "x", "text": [CANARY]}).encode(),
        b"[" * 100_000,
        b'{"id":"x","text":"' + CANARY.encode() + b'\xff"}',
    ]
    given = lines({"id": "first", "text": TIP}) + b"\n".join(bad) + b"\n" + lines({"id": "last", "text": "hola"})
    done = analyse(tmp_path / "home", given, "--no-translate", env=env)
    assert done.returncode == 1
    assert [answer["id"] for answer in answers(done)] == ["first", "last"]
    told = done.stderr.decode()
    assert [f"Line {n} is not JSON" in told for n in range(1, 10)] == [False, *[True] * 7, False]
    assert CANARY not in told


@pytest.mark.thorough
def test_no_text_stops_it(tmp_path: Path) -> None:
    odd = ["half \ud800 a character", "\0", "a\0b", "🙏" * 2000, "x" * 50_000, "\u202e\u200b", "\r\n\t"]
    done = analyse(tmp_path / "home", lines(*({"id": f"\ud800{n}", "text": text} for n, text in enumerate(odd))), "--no-translate")
    assert (done.returncode, done.stderr) == (0, b"")
    assert [answer["id"] for answer in answers(done)] == [f"\ud800{n}" for n in range(len(odd))]


def test_wrong_settings_are_told_one_sentence_each(tmp_path: Path) -> None:
    done = refused_or_listed(TIPLINE_HOME=str(tmp_path / "home"), TIPLINE_LANGUAGES="english", TIPLINE_REGIONS="/nowhere")
    assert done.exit_code == 2
    told = done.stderr
    assert told.count("TIPLINE_LANGUAGES") == told.count("TIPLINE_REGIONS") == 1
    assert "/nowhere" not in told
