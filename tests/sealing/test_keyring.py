"""Secrets on disk: two folders, never made anew, never readable by others; what each opens."""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from sealing import age, secret_files, signing
from sealing.epochs import Epochs
from sealing.keyring import KeyringError, load_web, load_worker, make_secrets, pin_line, pin_recipient
from sealing.rows import EpochRow, Purpose
from sealing.secret_files import KeyFolder, SecretThere


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
    assert worker.person_tag("x") not in {worker.person_tag("y"), replace(worker, row_key=b"x" * 32).person_tag("x")}
    assert worker.share_id("a", 1, "x") not in {worker.share_id("a", 2, "x"), worker.grant_id("a", 1, "x")}
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


def test_declared_hours_are_what_the_worker_wrote_for_this_person(folder: Path) -> None:
    worker = load_worker(folder / "worker")
    sealed = worker.seal_duty("ana", b"hours")
    assert worker.open_duty("ana", sealed) == b"hours"
    with pytest.raises(age.OpenError):
        worker.open_duty("eva", sealed)


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
        ("web/custody.public", "AAAA"),
        ("worker/custody.seed", "AAAA"),
        ("worker/gate-1.key", "# since: 5"),
        ("worker/other-1.key", "AGE-SECRET-KEY-1"),
    ],
)
@pytest.mark.claim("T24")
def test_a_broken_secret_stops_the_start_and_names_its_file_only(folder: Path, name: str, text: str) -> None:
    (folder / name).touch(mode=0o600)
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
    with pytest.raises(KeyringError, match="no secrets"):
        load_worker(folder / "nowhere")
    with pytest.raises(KeyringError, match="gate"):
        load_worker(folder / "worker")
    (folder / "web" / "dedupe.pepper").unlink()
    with pytest.raises(KeyringError, match="missing"):
        load_web(folder / "web")


@pytest.fixture
def given(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Systemd's credentials: what never changes, readable by the service's user through the group's bits."""
    credentials = tmp_path_factory.mktemp("credentials")
    for name in ("worker/custody.seed", "worker/row.key", "web/dedupe.pepper"):
        (folder / name).rename(credentials / Path(name).name)
    for file in credentials.iterdir():
        file.chmod(0o440)
    return credentials


def test_long_lived_secrets_may_come_from_credentials(folder: Path, given: Path, tmp_path: Path) -> None:
    worker, web = load_worker(folder / "worker", given), load_web(folder / "web", given)
    assert worker.row_key.hex() == (given / "row.key").read_text().strip()
    assert web.dedupe_pepper.hex() == (given / "dedupe.pepper").read_text().strip()
    for load in (load_worker, load_web):
        with pytest.raises(KeyringError, match="missing"):
            load(folder / ("web" if load is load_web else "worker"))
    make_secrets(tmp_path / "anew", secrets.token_bytes, given=given)
    assert not list((tmp_path / "anew").rglob("row.key"))
    assert load_worker(tmp_path / "anew" / "worker", given).row_key == worker.row_key


@pytest.mark.claim("T24")
def test_credentials_that_others_can_read_or_that_lie_twice_stop_the_start(folder: Path, given: Path) -> None:
    (given / "row.key").chmod(0o444)
    with pytest.raises(KeyringError, match="read by others"):
        load_worker(folder / "worker", given)
    (given / "row.key").chmod(0o400)
    (folder / "worker" / "row.key").touch(mode=0o600)
    with pytest.raises(KeyringError, match="keep one"):
        load_worker(folder / "worker", given)


def signed(folder: Path, number: int, purpose: Purpose = Purpose.INTAKE) -> EpochRow:
    """As a worker that has rotated writes it."""
    worker = load_worker(folder / "worker")
    worker.shelf.add(purpose, number, age.generate()[0])
    return next(row for row in worker.public_epochs() if (row.purpose, row.number) == (purpose, number))


def test_web_takes_a_newer_key_that_the_line_announced(folder: Path) -> None:
    web, row = load_web(folder / "web"), signed(folder, 5)
    assert web.learn(row)
    epoch, sealed = web.seal_intake(b"a tip")
    assert epoch == 5
    pin_recipient(folder / "web", web)
    assert load_web(folder / "web").newest == web.newest
    assert stat.S_IMODE((folder / "web" / "intake.recipient").stat().st_mode) == 0o600
    with pytest.raises(age.OpenError):
        load_worker(folder / "worker").open(Purpose.INTAKE, 1, sealed)


@pytest.mark.claim("T4")
def test_web_takes_no_other_key(folder: Path, tmp_path: Path) -> None:
    make_secrets(tmp_path / "others", secrets.token_bytes)
    web, newest = load_web(folder / "web"), signed(folder, 7)
    assert web.learn(newest)
    pin_recipient(folder / "web", web)
    fresh, good = load_web(folder / "web"), signed(folder, 8)
    refused = {
        "an older key, of which somebody has the private half": signed(folder, 6),
        "the key it has": newest,
        "not signed": replace(good, signature=""),
        "nothing that could be a signature": replace(good, signature="é"),
        "signed by another line": signed(tmp_path / "others", 8),
        "signed for another key": replace(good, recipient=age.generate()[1]),
        "signed for another number": replace(good, number=9),
        "signed for another purpose": replace(signed(folder, 8, Purpose.GATE), purpose=Purpose.INTAKE),
        "another purpose's": signed(folder, 8, Purpose.GATE),
    }
    assert [why for why, row in refused.items() if fresh.learn(row)] == []
    assert fresh.seal_intake(b"x")[0] == 7
    assert fresh.learn(good)


def test_whose_epochs_web_believes_is_pinned_once(folder: Path, tmp_path: Path) -> None:
    (folder / "web" / "custody.public").unlink()
    worker = load_worker(folder / "worker")
    pin_line(folder, worker)
    pin_line(folder, worker)
    assert load_web(folder / "web").custody == signing.public_of(worker.custody_seed)
    make_secrets(tmp_path / "others", secrets.token_bytes)
    with pytest.raises(KeyringError, match="another line"):
        pin_line(folder, load_worker(tmp_path / "others" / "worker"))


def test_an_epochs_file_says_since_when_it_serves(folder: Path) -> None:
    keys = KeyFolder(folder / "worker")
    keys.make(Purpose.GATE, 2, 400_000)
    held = keys.read()
    assert held.since(Purpose.GATE, 2) == 400_000
    assert held.since(Purpose.GATE, 1) == int((folder / "worker" / "gate-1.key").stat().st_mtime) // 3600
    assert held.drained_since(Purpose.GATE, 1) == 400_000
    assert held.drained_since(Purpose.GATE, 2) is None
    assert age.recipient_of((folder / "worker" / "gate-2.key").read_text().splitlines()[1]), "and is an age identity file all the same"
    with pytest.raises(SecretThere):
        keys.make(Purpose.GATE, 2, 400_001)
    assert keys.read().since(Purpose.GATE, 2) == 400_000


@pytest.mark.parametrize("step", ["write", "fsync", "unlink"])
def test_a_key_whose_destruction_was_cut_short_is_ended_at_the_next_look(folder: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = KeyFolder(folder / "worker")
    keys.make(Purpose.GATE, 2, 400_000)
    secret = (folder / "worker" / "gate-1.key").read_text()

    def dies(*_: object, **__: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as cut:
        cut.setattr(f"pathlib.Path.{step}" if step == "unlink" else f"os.{step}", dies)
        with pytest.raises(InterruptedError):
            keys.destroy(Purpose.GATE, 1)
    assert set(load_worker(folder / "worker").epochs[Purpose.GATE]) == {2}
    left = [file for file in (folder / "worker").iterdir() if "gate-1" in file.name or secret in file.read_text()]
    assert left == []


@pytest.mark.parametrize(
    ("own", "later", "drained"),
    [
        (500, [], None),
        (500, [524, 548], 524),
        (500, [300, 548], 548),  # the clock was behind
        (900, [524, 548, 572], 524),  # this one says it comes from the future: what comes every day does not put its end off
        (500, [900, 548], 548),
    ],
)
def test_since_when_a_key_is_replaced(own: int, later: list[int], drained: int | None) -> None:
    held = Epochs()
    for number, hour in enumerate([own, *later], 1):
        held.add(Purpose.GATE, number, "identity", hour)
    assert held.drained_since(Purpose.GATE, 1) == drained


def test_what_one_process_holds_follows_the_folder(folder: Path) -> None:
    held, disk = load_worker(folder / "worker").shelf, KeyFolder(folder / "worker")
    assert len(held) == len(Purpose)
    disk.make(Purpose.GATE, 2, 400_000)
    shown = held[Purpose.GATE]
    held.take(disk.read())
    assert (set(shown), set(held[Purpose.GATE])) == ({1}, {1, 2}), "whoever reads a mapping has it as it was"
    disk.destroy(Purpose.GATE, 1)
    disk.destroy(Purpose.ROSTER, 1)
    held.take(disk.read())
    assert set(held[Purpose.GATE]) == {2}
    assert set(held[Purpose.ROSTER]) == {1}, "the newest is forgotten for no lost file"


def test_a_destroyed_key_is_written_over_before_it_goes(folder: Path) -> None:
    file = folder / "worker" / "gate-1.key"
    before, beside = file.read_bytes(), folder / "beside"
    os.link(file, beside)  # the same blocks, by another name
    for _ in range(2):
        KeyFolder(folder / "worker").destroy(Purpose.GATE, 1)
    assert not file.exists()
    assert len(beside.read_bytes()) == len(before)
    assert not set(beside.read_bytes().split()) & set(before.split())


def test_a_secret_is_whole_or_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies while it writes leaves nothing under the name that the next one reads."""

    def full(_: int) -> None:
        raise OSError(28, "full")

    before = load_web(folder / "web").newest
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        KeyFolder(folder / "worker").make(Purpose.INTAKE, 2, 1)
    with pytest.raises(OSError, match="full"):
        pin_recipient(folder / "web", load_web(folder / "web"))
    monkeypatch.undo()
    assert load_worker(folder / "worker").epochs[Purpose.INTAKE].keys() == {1}
    assert load_web(folder / "web").newest == before
    assert not list(folder.rglob("*.part"))


def test_reprs_are_dull(folder: Path) -> None:
    web, worker = load_web(folder / "web"), load_worker(folder / "worker")
    assert (repr(web), repr(worker)) == ("WebKeys(…)", "WorkerKeys(…)")
    assert repr(worker.epochs) == "Epochs(…)"


def test_the_way_back_to_a_source_is_the_workers_own_and_for_one_case(folder: Path) -> None:
    worker = load_worker(folder / "worker")
    sealed = worker.seal_contact("a" * 32, b'{"kind":"address"}')
    assert worker.open_contact("a" * 32, sealed) == b'{"kind":"address"}'
    _, forged = worker.seal(Purpose.DELIVERY, b'{"kind":"address"}\n' + b"0" * 64)
    for case_id, wrong in (("b" * 32, sealed), ("a" * 32, forged), ("a" * 32, worker.seal_gate("a" * 32, b"{}"))):
        with pytest.raises(age.OpenError):
            worker.open_contact(case_id, wrong)


def test_what_a_dead_process_had_begun_to_destroy_is_ended_and_one_that_cannot_be_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = KeyFolder(folder / "worker")
    left = folder / "worker" / ".intake-1.key.00000000.dying"
    left.write_text("half\n", encoding="ascii")
    keys.read()
    assert not left.exists()
    left.mkdir()
    with pytest.raises(KeyringError, match=r"\.dying is to be destroyed, and cannot be"):
        keys.read()
    left.rmdir()
    somebody = folder / "worker" / "x.key"
    somebody.write_text("x\n", encoding="ascii")
    monkeypatch.setattr(Path, "rename", _gone)
    secret_files.destroy(somebody)  # another process took it between our two looks


def _gone(self: Path, _: Path) -> Path:
    raise FileNotFoundError
