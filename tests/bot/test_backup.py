"""A line's whole life in a backup: no secret in it, taken only with its own secrets and an unbroken log, silent until confirmed."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
import stat
import time
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from bot import child, wiring
from bot.backup import confirm, make_backup, restore, waiting_to_leave
from bot.channels import Channels, Twilio
from bot.settings import Mode
from sealing import custody, plaintexts, signing
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys, load_worker, make_secrets
from sealing.plaintexts import Outgoing
from sealing.rows import CaseState, Purpose, SendingRow, SendingState, TaskKind
from sealing.statements import signed_statement
from storage import tables
from storage.archive import BackupError, reading, writing
from storage.engine import Database, open_database
from storage.holding import held_since
from storage.store import SqlStore
from tests.databases import Servers
from tests.line import TestLine, practice_line
from tests.peers.processes import practice_settings
from tests.peers.twilio import PRACTICE_SID, PRACTICE_TOKEN, TwilioPeer
from triage.sensitive import Sensitive

PHONE, OTHER = "+34600111222", "+34600333444"
TIP = "My sister is locked in a house in Puerto Alondra. Nobody of the police knows."
NUMBER = "+15005550006"
NOTHING = "0" * 64
"""A message at a provider that is gone already: deleting it is done as soon as it may be."""


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = open_database(url)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def a_line(home: Path, url: str) -> AsyncIterator[TestLine]:
    """With one case that a reader opened, and a tip that still waits."""
    async with practice_line(home, url) as line:
        await line.write(PHONE, TIP)
        await line.later(200)
        await line.later(10)
        (case_id,) = await line.cases()
        await line.open_first(case_id)
        await line.write(OTHER, "A man sells girls at the harbour.")
        yield line


async def answers(line: TestLine, states: Mapping[str, SendingState]) -> str:
    """Answers of a reader, in the ledger as the worker leaves them, to go out by text; with a task each. Returns their case."""
    known = await line.cases()
    async with line.store.begin() as tx:
        cases = [await tx.case(case_id) for case_id in known]
    (case_id,) = [case.id for case in cases if case is not None and case.state is CaseState.OPEN]
    async with line.store.begin() as tx:
        for text, state in states.items():
            epoch, sealed = line.keys.seal(Purpose.DELIVERY, plaintexts.outgoing(Outgoing("sms", Sensitive(PHONE), Sensitive(text))))
            row = SendingRow(line.keys.sending_id(text), None if text.startswith("ours") else case_id, state, epoch, sealed)
            assert await tx.add_sending(row)
            if state is not SendingState.WAITING:
                await tx.enqueue(TaskKind.SEND, row.id, line.clock.now + 3_000)
    return case_id


async def states(database: Database, keys: WorkerKeys, *texts: str) -> dict[str, SendingState]:
    async with SqlStore(database).begin() as tx:
        rows = {text: await tx.sending(keys.sending_id(text)) for text in texts}
    return {text: row.state for text, row in rows.items() if row is not None}


async def kinds(database: Database) -> list[EntryKind]:
    return [custody.read_leaf(leaf)[0].kind for leaf in await SqlStore(database).leaves()]


@pytest.mark.claim("T36")
@pytest.mark.asyncio
async def test_no_byte_of_a_secret_and_no_path_is_in_a_backup(url: str, tmp_path: Path) -> None:
    async with a_line(tmp_path, url) as line:
        made = await make_backup(line.database, tmp_path / "b")
        assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600
        assert not (tmp_path / "b.part").exists()
        assert (made.cases, made.waiting) == (2, 1)
    inside = everything_in(tmp_path / "b")
    words = {word for file in (tmp_path / "secrets").rglob("*") if file.is_file() for word in file.read_bytes().split() if len(word) > 3}
    public = line.keys.recipient(Purpose.INTAKE)[1].encode()
    raw = {decoded for word in words for decoded in (as_hex(word), as_base64(word)) if len(decoded) == 32}
    assert len(raw) > 5
    assert not any(secret in part for secret in {*words, *raw} - {public} for part in inside)
    assert not any(said in part for said in (b"secrets", str(tmp_path).encode(), PHONE.encode(), b"sister") for part in inside)
    assert any(public in part for part in inside), "what is public is found, so the search works"


def everything_in(file: Path) -> list[bytes]:
    """The file itself, what it unpacks to, and every value as it goes back into a table."""
    with zipfile.ZipFile(file) as packed:
        parts = [file.read_bytes(), *(packed.read(name) for name in packed.namelist())]
    with reading(file) as archive:
        values = [value for name in archive.members for row in archive.rows(name) for value in row.values()]
    return [*parts, *(value for value in values if isinstance(value, bytes))]


def as_hex(word: bytes) -> bytes:
    return bytes.fromhex(word.decode()) if re.fullmatch(rb"[0-9a-f]{64}", word) else b""


def as_base64(word: bytes) -> bytes:
    return base64.b64decode(word) if re.fullmatch(rb"[A-Za-z0-9+/]{43}=", word) else b""


@pytest.mark.asyncio
async def test_a_restored_line_logs_it_and_reads_on(url: str, servers: Servers, engine_name: str, tmp_path: Path) -> None:
    async with a_line(tmp_path, url) as line:
        await make_backup(line.database, tmp_path / "b")
        before = await SqlStore(line.database).leaves()
        cases = await line.cases()
        async with opened(servers.empty(engine_name)) as database:
            found = await restore(database, tmp_path / "b", line.keys, line.clock.now)
            assert (found.unchecked, found.entries) == (0, len(before))
            after = await SqlStore(database).leaves()
            assert await SqlStore(database).case_ids() == cases
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1
    entry = custody.read_leaf(after[-1])[0]
    with reading(tmp_path / "b") as archive:
        assert (entry.kind, entry.sha256, entry.case) == (EntryKind.RESTORE, archive.sha256, "")
    assert EntryKind.OPEN in {custody.read_leaf(leaf)[0].kind for leaf in before}, "a reader's own signature was checked, too"


Rows = list[dict[str, object]]


def swap(rows: Rows) -> Rows:
    rows[1]["leaf"], rows[2]["leaf"] = rows[2]["leaf"], rows[1]["leaf"]
    return rows


def other_hour(rows: Rows) -> Rows:
    leaf = rows[2]["leaf"]
    assert isinstance(leaf, bytes)
    entry, body, _, _ = custody.read_leaf(leaf)
    changed = Entry(entry.hour + 1, entry.kind, entry.case, entry.sha256, entry.card)
    return [*rows[:2], rows[2] | {"leaf": leaf.replace(body, changed.body())}, *rows[3:]]


def other_opening(rows: Rows) -> Rows:
    """The reader's entry, as if he had opened an hour later."""
    changed = []
    for row in rows:
        leaf = row["leaf"]
        assert isinstance(leaf, bytes)
        entry, body, _, _ = custody.read_leaf(leaf)
        later = Entry(entry.hour + 1, entry.kind, entry.case, entry.sha256, entry.card)
        changed.append(row | {"leaf": leaf.replace(body, later.body())} if entry.kind is EntryKind.OPEN else row)
    return changed


LIES: Mapping[str, tuple[Callable[[Rows], Rows], str]] = {
    "a gap": (lambda rows: [*rows[:2], *rows[3:]], "gap"),
    "no beginning": (lambda rows: rows[1:], "gap"),
    "another beginning": (lambda rows: [rows[0] | {"leaf": rows[1]["leaf"]}, *rows[1:]], "gap"),
    "nothing": (lambda _: [], "no custody log"),
    "no entry": (lambda rows: [*rows[:2], rows[2] | {"leaf": b"x"}, *rows[3:]], "no entry"),
    "another hour": (other_hour, "not signed"),
    "another hour of an opening": (other_opening, "not signed"),
}


@pytest.mark.asyncio
async def test_a_log_that_was_changed_is_refused_and_nothing_is_written(
    url: str, servers: Servers, engine_name: str, tmp_path: Path
) -> None:
    empty = servers.empty(engine_name)
    async with a_line(tmp_path, url) as line, opened(empty) as database:
        await make_backup(line.database, tmp_path / "b")
        for name, (lie, told) in LIES.items():
            rewrite_log(tmp_path / "b", tmp_path / name, lie)
            with pytest.raises(BackupError, match=told):
                await restore(database, tmp_path / name, line.keys, line.clock.now)
        await restore(database, tmp_path / "b", line.keys, line.clock.now)
        with pytest.raises(BackupError, match="not empty"):
            await restore(database, tmp_path / "b", line.keys, line.clock.now)


def rewrite_log(file: Path, to: Path, lie: Callable[[Rows], Rows]) -> None:
    """With an honest manifest: hashes alone do not help against who can write both."""
    with reading(file) as archive, to.open("wb") as out, writing(out) as writer:
        for name, member in archive.members.items():
            rows = list(archive.rows(name))
            with writer.table(name, member.columns) as write:
                write([list(row.values()) for row in (lie(rows) if name == "custody" else rows)])
        writer.finish(archive.revision)


@pytest.mark.asyncio
async def test_other_secrets_are_refused(url: str, servers: Servers, engine_name: str, tmp_path: Path) -> None:
    make_secrets(tmp_path / "others", secrets.token_bytes)
    others = load_worker(tmp_path / "others" / "worker")
    async with a_line(tmp_path, url) as line, opened(servers.empty(engine_name)) as database:
        await make_backup(line.database, tmp_path / "b")
        with pytest.raises(BackupError, match="other secrets"):
            await restore(database, tmp_path / "b", others, line.clock.now)
        draws = WorkerKeys(line.keys.epochs, line.keys.custody_seed, b"", b"", others.draw_secret, line.keys.row_key)
        with pytest.raises(BackupError, match="other secrets"):
            await restore(database, tmp_path / "b", draws, line.clock.now)


@pytest.mark.asyncio
async def test_an_opening_by_a_lost_key_is_counted_not_refused(url: str, servers: Servers, engine_name: str, tmp_path: Path) -> None:
    async with a_line(tmp_path, url) as line, opened(servers.empty(engine_name)) as database:
        others = next(iter(line.vetters.keys.values()))
        async with line.database.begin() as transaction:
            await transaction.run(update(tables.person).values(verify_key=others))
        vetter, gone = signing.generate(), signing.generate()
        async with SqlStore(line.database).begin() as tx:
            for seed, _ in (vetter, gone):
                await tx.log(signed_statement(EntryKind.SUSPEND, "c" * 64, 500_000, seed))
        await make_backup(line.database, tmp_path / "b")
        found = await restore(database, tmp_path / "b", line.keys, line.clock.now, [vetter[1]])
        assert (found.unchecked, found.others) == (1, 1), "the opening; and of the statements that of an unknown vetter"


@asynccontextmanager
async def letting_go(line: TestLine, url: str, peer: TwilioPeer) -> AsyncIterator[None]:
    """The part of a real worker that lets things leave, with Twilio's client, on the restored database."""
    vetters = line.home / "vetters.json"
    listed = [{"name": name, "agency": line.vetters.agencies[name], "verify": key} for name, key in line.vetters.keys.items()]
    vetters.write_text(json.dumps({"vetters": listed}))
    twilio = Twilio(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), NUMBER, peer.url)
    settings = replace(practice_settings(line.home, url, vetters), mode=Mode.LINE, channels=Channels(twilio))
    stop = asyncio.Event()
    async with opened(url) as database:
        made = wiring.worker(settings, database, None)
        running = asyncio.create_task(child._send(made, database, stop))
        try:
            yield
        finally:
            stop.set()
            await running
            for sender in made.senders.values():
                await sender.close()


@pytest.mark.claim("T36")
@pytest.mark.asyncio
async def test_what_was_due_at_the_backup_waits_for_its_source_or_is_given_up(
    url: str, servers: Servers, engine_name: str, tmp_path: Path
) -> None:
    before = {
        "due": SendingState.DUE,
        "in hand": SendingState.SENDING,
        "waiting": SendingState.WAITING,
        "ours due": SendingState.DUE,
        "ours in hand": SendingState.SENDING,
    }
    target = servers.empty(engine_name)
    async with a_line(tmp_path, url) as line, opened(target) as database:
        await answers(line, before)
        await make_backup(line.database, tmp_path / "b")
        now = line.clock.now
        await restore(database, tmp_path / "b", line.keys, now)
        assert await states(database, line.keys, *before) == {
            "due": SendingState.WAITING,
            "in hand": SendingState.UNKNOWN,
            "waiting": SendingState.WAITING,
            "ours due": SendingState.SHELVED,
            "ours in hand": SendingState.UNKNOWN,
        }
        async with database.begin(reading=True) as transaction:
            sealed = select(tables.sending.c.sealed).where(tables.sending.c.case_id.is_(None))
            assert set((await transaction.run(sealed)).scalars()) == {b""}
            assert await held_since(transaction) == now


async def erasures_due(database: Database) -> int:
    async with database.begin(reading=True) as transaction:
        ours = (tables.task.c.kind == TaskKind.ERASE) & (tables.task.c.ref == NOTHING)
        return len((await transaction.run(select(tables.task.c.id).where(ours))).all())


def texts(peer: TwilioPeer) -> list[str]:
    return sorted(delivery.body for delivery in peer.sent)


@pytest.mark.claim("T36")
@pytest.mark.asyncio
@pytest.mark.parametrize("send_old", [False, True])
async def test_once_confirmed_each_text_leaves_once(
    url: str, servers: Servers, engine_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, send_old: bool
) -> None:
    """Of what was due at the backup only what the operator asks for; of what came due since, all that is not too late."""
    monkeypatch.setattr(child, "HELD_S", 0.02)
    target = servers.empty(engine_name)
    with TwilioPeer() as peer:
        async with a_line(tmp_path, url) as line, opened(target) as database:
            now = line.clock.now = int(time.time() * 1000)
            await answers(line, {"due": SendingState.DUE, "due of a borrowed phone": SendingState.WAITING, "in hand": SendingState.SENDING})
            await make_backup(line.database, tmp_path / "b")
            await restore(database, tmp_path / "b", line.keys, now)
            async with letting_go(line, target, peer):
                restored = replace(line, database=database, store=SqlStore(database))
                line.clock.now = now - 4_000
                await answers(restored, {"ours since": SendingState.DUE})
                line.clock.now = now - 20 * 60_000
                await answers(restored, {"ours, too late": SendingState.DUE})
                async with restored.store.begin() as tx:
                    await tx.enqueue(TaskKind.ERASE, NOTHING, now)
                await asyncio.sleep(0.3)
                assert (texts(peer), await erasures_due(database)) == ([], 1)
                held = await waiting_to_leave(database, now)
                assert held is not None
                assert (held.old, held.answers, held.ours, held.late) == (1, 0, 1, 1)
                await confirm(database, now, old=send_old)
                expected = {"ours since", "due"} if send_old else {"ours since"}
                await asyncio.to_thread(peer.wait_for, len(expected))
                await asyncio.sleep(0.3)
                assert (texts(peer), await erasures_due(database)) == (sorted(expected), 0)
                assert await waiting_to_leave(database, now) is None
            found = await states(database, line.keys, "due", "due of a borrowed phone", "in hand", "ours, too late")
    assert found["due"] is (SendingState.SENT if send_old else SendingState.WAITING)
    assert found["due of a borrowed phone"] is SendingState.WAITING
    assert found["in hand"] is SendingState.UNKNOWN
    assert found["ours, too late"] is SendingState.SHELVED


@pytest.mark.asyncio
async def test_an_answer_whose_source_writes_meanwhile_leaves_when_confirmed(
    url: str, servers: Servers, engine_name: str, tmp_path: Path
) -> None:
    async with a_line(tmp_path, url) as line, opened(servers.empty(engine_name)) as database:
        case_id = await answers(line, {"due": SendingState.DUE, "in hand": SendingState.SENDING})
        await make_backup(line.database, tmp_path / "b")
        now = line.clock.now
        await restore(database, tmp_path / "b", line.keys, now)
        async with SqlStore(database).begin() as tx:
            assert await tx.release_waiting(case_id, now + 1_000) == 2
        held = await waiting_to_leave(database, now + 2_000)
        assert held is not None
        assert (held.old, held.answers, held.ours, held.late) == (0, 2, 0, 0)
        await confirm(database, now + 2_000, old=False)
        assert set((await states(database, line.keys, "due", "in hand")).values()) == {SendingState.DUE}
