"""`tipline backup` and `tipline restore`: a copy of the database without a secret, and a line from it that is silent until it may speak."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sqlalchemy import delete, select, update

from handlers.parts import worker_leaf
from handlers.thread import silent_mark
from sealing import signing
from sealing.custody import ACTOR_USE, Entry, EntryError, EntryKind, holds, read_leaf
from sealing.keyring import WorkerKeys, announced
from sealing.rows import HOUR_MS, Purpose, TaskKind, ThreadRow
from sealing.secret_files import sync_folder
from storage import holding, tables
from storage.archive import Archive, BackupError, reading, writing
from storage.backup import dump, load
from storage.engine import Database
from storage.epochs import EpochMismatch, known, record
from storage.holding import Outgoing
from storage.store import SqlTx
from storage.transaction import Transaction

PAGE = 500
OTHERS = "The backup belongs to other secrets: bring those back first."
LASTING = (Purpose.RELEASE, Purpose.GATE, Purpose.ROSTER)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds, for the operator. `unchecked` = openings signed by keys that nobody of today has, `others` = all else that such
    keys signed; `lost` = waiting messages under intake keys that are destroyed: nobody can ever open them."""

    cases: int
    waiting: int
    entries: int
    unchecked: int = 0
    others: int = 0
    lost: int = 0


async def make_backup(database: Database, file: Path) -> Contents:
    """Writes `file` (mode 0600), whole or not at all, and reads it back. Raises BackupError, StorageDown."""
    with _whole_file(file) as (part, out):
        with writing(out) as writer:
            await dump(database, writer)
        out.flush()
        os.fsync(out.fileno())
        with reading(part) as archive:
            archive.check()
            return _contents(archive)


@contextmanager
def _whole_file(file: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    if file.exists():
        raise BackupError("A file of that name exists already; nothing was changed.")
    part = file.with_name(file.name + ".part")
    try:
        out = os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError:
        raise BackupError("The backup cannot be written there. Where another one was broken off, delete its .part file.") from None
    try:
        with out:
            yield part, out
        part.rename(file)
        sync_folder(file.parent)
    except OSError:
        raise BackupError("The backup could not be written: is the disk full?") from None
    finally:
        part.unlink(missing_ok=True)


async def restore(database: Database, file: Path, keys: WorkerKeys, now_ms: int, vetters: Collection[str] = ()) -> Contents:
    """All in one transaction: the tables, the checks, the held outgoing texts, and the log's entry about it. `vetters`: public keys of
    all who are or were one; what they signed can be checked with them alone.

    Raises BackupError, StorageDown; the database then stays as it was.
    """
    with reading(file) as archive:
        archive.check()
        async with database.begin() as transaction:
            await load(transaction, archive)
            await _same_secrets(transaction, keys)
            unchecked, others = await _check_log(transaction, keys, vetters)
            lost = await drop_unreadable(transaction, keys)
            await holding.hold(transaction, now_ms)
            entry = Entry(now_ms // HOUR_MS, EntryKind.RESTORE, "", archive.sha256, "")
            await SqlTx(transaction).log(worker_leaf(keys, entry))
        await database.compact()
        found = _contents(archive)
        return Contents(found.cases, found.waiting, found.entries, unchecked, others, lost)


async def _same_secrets(transaction: Transaction, keys: WorkerKeys) -> None:
    """Every epoch of the backup is one that we hold, or that our custody key announced, and what its cases need is not destroyed."""
    custody = signing.public_of(keys.custody_seed)
    rows, ours = await known(transaction), {(row.purpose, row.number): row.recipient for row in keys.public_epochs()}
    for row in rows:
        held = ours.get((row.purpose, row.number))
        if held != row.recipient and (held is not None or (row.signature and not announced(row, custody))):
            raise BackupError(OTHERS)
    if not any(announced(row, custody) or (row.purpose, row.number) in ours for row in rows):
        raise BackupError(OTHERS)
    try:
        await record(transaction, keys.public_epochs(), custody=custody)
    except EpochMismatch:
        raise BackupError("The backup is newer than these secrets: bring back those of its time.") from None
    for purpose in LASTING:
        if max((row.number for row in rows if row.purpose is purpose), default=0) not in keys.epochs[purpose]:
            raise BackupError("The backup is too old: keys that its cases need are destroyed, as they should be.")


async def _check_log(transaction: Transaction, keys: WorkerKeys, vetters: Collection[str]) -> tuple[int, int]:
    """Numbered without a gap, the first the commitment to these secrets' draws, every entry signed. How many could not be checked:
    openings, and others.

    Raises BackupError.
    """
    worker = signing.public_of(keys.custody_seed)
    people = (await transaction.run(select(tables.person.c.verify_key))).scalars()
    try:
        by_name = {signing.fingerprint(key): key for key in (*people, *vetters)}
    except signing.KeyFormatError:
        raise BackupError("A person in the backup has no key.") from None
    openings = others = expected = 0
    while leaves := await _leaves(transaction, expected):
        for seq, leaf in leaves:
            entry, _, signer, _ = _read(leaf)
            if seq != expected or (seq == 0 and (entry.kind, entry.sha256) != (EntryKind.COMMIT, keys.draw_commitment())):
                raise BackupError("The custody log in the backup has a gap, or is that of other secrets.")
            key = by_name.get(signer) if entry.kind in ACTOR_USE else worker
            if key is None:
                openings += entry.kind is EntryKind.OPEN
                others += entry.kind is not EntryKind.OPEN
            elif not holds(leaf, key):
                raise BackupError("An entry of the custody log in the backup is not signed as it should be.")
            expected += 1
    if expected == 0:
        raise BackupError("The backup has no custody log.")
    return openings, others


async def _leaves(transaction: Transaction, start: int) -> Sequence[tuple[int, bytes]]:
    column = tables.custody.c
    page = select(column.seq, column.leaf).where(column.seq >= start).order_by(column.seq).limit(PAGE)
    return [(seq, leaf) for seq, leaf in await transaction.run(page)]


async def drop_unreadable(transaction: Transaction, keys: WorkerKeys) -> int:
    """What a backup brings back under intake keys that are destroyed. Waiting messages go, and how many is told. A conversation of which
    nothing is known any more is silent: its source may have asked for that. He is heard all the same."""
    held, inbound, thread = tuple(keys.epochs[Purpose.INTAKE]), tables.inbound.c, tables.thread.c
    gone = list((await transaction.run(delete(tables.inbound).where(inbound.epoch.not_in(held)).returning(inbound.id))).scalars())
    for start in range(0, len(gone), PAGE):
        column, some = tables.task.c, gone[start : start + PAGE]
        await transaction.run(delete(tables.task).where(column.kind == TaskKind.CONVERSE, column.ref.in_(some)))
    for row in await transaction.all(tables.thread, ThreadRow, thread.epoch.not_in(held)):
        silent = silent_mark(keys, row.tag)
        new = {"epoch": silent.epoch, "sealed": silent.sealed, "version": row.version + 1}
        await transaction.run(update(tables.thread).where(thread.tag == row.tag).values(new))
    return len(gone)


def _read(leaf: bytes) -> tuple[Entry, bytes, str, bytes]:
    try:
        return read_leaf(leaf)
    except EntryError:
        raise BackupError("The custody log in the backup holds something that is no entry.") from None


def _contents(archive: Archive) -> Contents:
    rows = {name: member.rows for name, member in archive.members.items()}
    return Contents(rows["case"], rows["inbound"], rows["custody"])


async def waiting_to_leave(database: Database, now_ms: int) -> Outgoing | None:
    """None when nothing is held. Raises StorageDown."""
    async with database.begin(reading=True) as transaction:
        since = await holding.held_since(transaction)
        return None if since is None else await holding.outgoing(transaction, since, now_ms)


async def confirm(database: Database, now_ms: int, *, old: bool) -> None:
    """From now on texts leave again. Raises StorageDown."""
    async with database.begin() as transaction:
        since = await holding.held_since(transaction)
        if since is not None:
            await holding.let_go(transaction, since, now_ms, old=old)
