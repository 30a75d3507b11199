"""Secrets on disk: two folders, never made anew, never readable by others; what each opens."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from sealing import age
from sealing.keyring import KeyringError, load_web, load_worker, make_secrets
from sealing.rows import Purpose


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_secrets(tmp_path, secrets.token_bytes)
    return tmp_path


def test_secrets_are_made_once(folder: Path) -> None:
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    with pytest.raises(KeyringError):
        make_secrets(folder, secrets.token_bytes)
    assert before == {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_all_files_are_private(folder: Path) -> None:
    modes = {file.name: file.stat().st_mode & 0o077 for file in folder.rglob("*")}
    assert set(modes.values()) == {0}


@pytest.mark.claim("T4")
def test_the_web_folder_opens_nothing(folder: Path) -> None:
    web, worker = load_web(folder / "web"), load_worker(folder / "worker")
    epoch, sealed = web.seal_intake(b"a tip")
    assert worker.open(Purpose.INTAKE, epoch, sealed) == b"a tip"
    texts = [file.read_text().strip() for file in (folder / "web").iterdir()]
    assert not any("AGE-SECRET-KEY" in text for text in texts)
    with pytest.raises(KeyringError):
        load_worker(folder / "web")


def test_tags_are_keyed_and_stable(folder: Path) -> None:
    web, worker = load_web(folder / "web"), load_worker(folder / "worker")
    other = replace(worker, index_pepper=b"x" * 32)
    assert web.dedupe_tag("sms", "SM1") == web.dedupe_tag("sms", "SM1") != web.dedupe_tag("handset", "SM1")
    assert worker.index_tag("sms", "+1") == worker.index_tag("sms", "+1")
    assert worker.index_tag("sms", "+1") not in {worker.index_tag("sms", "+2"), other.index_tag("sms", "+1")}
    assert worker.coins("a") != worker.coins("b")
    assert worker.sending_id("turn\0a") == worker.sending_id("turn\0a") != worker.sending_id("turn\0b")
    assert worker.sending_id("turn\0a") != replace(worker, sending_pepper=b"x" * 32).sending_id("turn\0a")
    assert len(worker.coins("a")) == 32
    assert worker.draw_commitment() != replace(worker, draw_secret=b"x" * 32).draw_commitment()
    assert len({worker.grant_id("a", epoch, who) for epoch in (1, 2) for who in ("x", "y")}) == 4


@pytest.mark.claim("T10")
def test_a_gate_file_is_the_workers_own_and_for_one_case(folder: Path) -> None:
    worker = load_worker(folder / "worker")
    sealed = worker.seal_gate("a" * 32, b'{"kind":"gate"}')
    assert worker.open_gate("a" * 32, sealed) == b'{"kind":"gate"}'
    with pytest.raises(age.OpenError):
        worker.open_gate("b" * 32, sealed)
    _, forged = worker.seal(Purpose.GATE, b'{"kind":"gate"}\n' + b"0" * 64)
    _, bare = worker.seal(Purpose.GATE, b'{"kind":"gate"}')
    for wrong in (forged, bare, b"", sealed[:-1]):
        with pytest.raises(age.OpenError):
            worker.open_gate("a" * 32, wrong)


def test_an_epoch_whose_key_is_gone_opens_nothing(folder: Path) -> None:
    worker = load_worker(folder / "worker")
    epoch, sealed = worker.seal(Purpose.INTAKE, b"x")
    with pytest.raises(age.OpenError):
        worker.open(Purpose.INTAKE, epoch + 1, sealed)
    with pytest.raises(age.OpenError):
        worker.peel(sealed)
    assert worker.peel(worker.seal(Purpose.RELEASE, b"x")[1]) == b"x"


def test_a_newer_epoch_is_used_and_the_older_still_opens(folder: Path) -> None:
    old = load_worker(folder / "worker")
    before = old.seal(Purpose.INTAKE, b"x")
    file = folder / "worker" / "intake-2.key"
    file.touch(mode=0o600)
    file.write_text(age.generate()[0])
    new = load_worker(folder / "worker")
    assert new.recipient(Purpose.INTAKE)[0] == 2
    assert new.open(Purpose.INTAKE, *before) == b"x"
    assert {(row.purpose, row.number) for row in new.public_epochs()} >= {(Purpose.INTAKE, 1), (Purpose.INTAKE, 2)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("worker/row.key", "xx"),
        ("worker/row.key", "00"),
        ("worker/draw.secret", "é"),
        ("web/intake.recipient", "age1 1"),
        ("web/dedupe.pepper", ""),
    ],
)
@pytest.mark.claim("T24")
def test_a_broken_secret_stops_the_start_and_names_its_file_only(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(KeyringError) as caught:
        load_worker(folder / "worker") if name.startswith("worker") else load_web(folder / "web")
    assert Path(name).name in str(caught.value)


@pytest.mark.claim("T24")
def test_missing_or_open_secrets_stop_the_start(folder: Path) -> None:
    (folder / "worker" / "row.key").chmod(0o640)
    with pytest.raises(KeyringError, match="read by others"):
        load_worker(folder / "worker")
    (folder / "worker" / "gate-1.key").unlink()
    with pytest.raises(KeyringError, match="gate"):
        load_worker(folder / "worker")
    (folder / "web" / "dedupe.pepper").unlink()
    with pytest.raises(KeyringError, match="missing"):
        load_web(folder / "web")


def test_reprs_are_dull(folder: Path) -> None:
    web, worker = load_web(folder / "web"), load_worker(folder / "worker")
    assert (repr(web), repr(worker)) == ("WebKeys(…)", "WorkerKeys(…)")


def test_the_way_back_to_a_source_is_the_workers_own_and_for_one_case(folder: Path) -> None:
    worker = load_worker(folder / "worker")
    sealed = worker.seal_contact("a" * 32, b'{"kind":"address"}')
    assert worker.open_contact("a" * 32, sealed) == b'{"kind":"address"}'
    _, forged = worker.seal(Purpose.DELIVERY, b'{"kind":"address"}\n' + b"0" * 64)
    for case_id, wrong in (("b" * 32, sealed), ("a" * 32, forged), ("a" * 32, worker.seal_gate("a" * 32, b"{}"))):
        with pytest.raises(age.OpenError):
            worker.open_contact(case_id, wrong)
