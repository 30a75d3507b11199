"""A line's tables into a backup and out of it, on either engine, while the line runs. In memory is one page of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from alembic.migration import MigrationContext
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    LargeBinary,
    String,
    Table,
    column,
    inspect,
    literal,
    select,
    table,
    text,
    tuple_,
)
from sqlalchemy.types import Integer, TypeEngine

from sealing.rows import StorageDown
from storage import tables
from storage.archive import Archive, BackupError, Kind, Writer
from storage.engine import Database, newest_revision, revisions, upgrade
from storage.transaction import Transaction

PAGE = 200
LEFT_OUT = frozenset({tables.challenge.name, tables.handout.name, tables.heartbeat.name})
"""What is over in minutes, and belongs to processes that are gone by then."""
_CONTRADICTIONS = frozenset({"IntegrityError", "UniqueViolation", "NotNullViolation", "ForeignKeyViolation"})
_TYPES: Mapping[Kind, TypeEngine[Any]] = {
    Kind.TEXT: String(),
    Kind.NUMBER: BigInteger(),
    Kind.TRUTH: Boolean(),
    Kind.BYTES: LargeBinary(),
}


def kept() -> list[Table]:
    """In an order in which they can be written."""
    return [t for t in tables.metadata.sorted_tables if t.name not in LEFT_OUT]


async def dump(database: Database, writer: Writer, on_table: Callable[[str], None] = lambda _: None) -> None:
    """All tables as they are at one moment; the line goes on writing. Raises StorageDown, BackupError."""
    async with database.begin(reading=True) as transaction:
        if transaction.postgres:  # SQLite's read transactions are snapshots by themselves
            await transaction.run(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        found = await transaction.plain(_revision)
        if found is None or found != newest_revision():
            raise BackupError("The database is of another version of Tipline, or there is none: use the version that it belongs to.")
        for t in kept():
            on_table(t.name)
            with writer.table(t.name, {c.name: _kind(c) for c in t.columns}) as write:
                await _dump_table(transaction, t, write)
        writer.finish(found)


async def _dump_table(transaction: Transaction, t: Table, write: Callable[[Sequence[Sequence[object]]], None]) -> None:
    keys = list(t.primary_key.columns)
    columns = [literal(0).label("lease") if c is tables.task.c.lease else c for c in t.columns]  # whoever held it is gone by then
    last: Sequence[Any] | None = None
    while True:
        page = select(*columns, *(key.label(f"key_{key.name}") for key in keys)).order_by(*keys).limit(PAGE)
        if last is not None:
            page = page.where(tuple_(*keys) > tuple_(*(literal(value, key.type) for value, key in zip(last, keys, strict=True))))
        rows = (await transaction.run(page)).all()
        write([row[: len(columns)] for row in rows])
        if len(rows) < PAGE:
            return
        last = rows[-1][len(columns) :]


async def load(transaction: Transaction, archive: Archive) -> None:
    """Into a database without a table: those of the backup's version are made, filled, and brought to the newest version.

    Raises BackupError, StorageDown; the caller's transaction then leaves nothing behind.
    """
    if await transaction.plain(lambda connection: inspect(connection).get_table_names()):
        raise BackupError("The database is not empty: a backup is restored into a new one alone.")
    if archive.revision not in revisions():
        raise BackupError("The backup was made by a newer version of Tipline: restore it with that one.")
    await transaction.plain(lambda connection: upgrade(connection, archive.revision))
    layout = await transaction.plain(_layout)
    if layout != {name: set(member.columns) for name, member in archive.members.items()}:
        raise BackupError("The backup lacks tables, or has others than its version had.")
    try:
        await _load_tables(transaction, archive)
    except StorageDown as fault:
        if str(fault) in _CONTRADICTIONS:
            raise BackupError("The rows of the backup contradict each other.") from None
        raise
    await transaction.plain(upgrade)
    if transaction.postgres:  # the numbers of waiting messages go on after the highest
        last = "SELECT setval(pg_get_serial_sequence('inbound', 'seq'), n) FROM (SELECT max(seq) AS n FROM inbound) AS last"
        await transaction.run(text(f"{last} WHERE n IS NOT NULL"))


async def _load_tables(transaction: Transaction, archive: Archive) -> None:
    for name in await transaction.plain(_ordered):
        if name in archive.members:
            await _load_table(transaction, archive, name)
    if transaction.postgres:  # which alters no table as long as a check is put off to the commit
        await transaction.run(text("SET CONSTRAINTS ALL IMMEDIATE"))


async def _load_table(transaction: Transaction, archive: Archive, name: str) -> None:
    target = table(name, *(column(c, _TYPES[kind]) for c, kind in archive.members[name].columns.items()))
    for page in _pages(archive.rows(name)):
        await transaction.run(target.insert(), page)


def _pages(rows: Iterator[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    while page := list(islice(rows, PAGE)):
        yield page


def _kind(c: Column[Any]) -> Kind:
    if isinstance(c.type, LargeBinary):
        return Kind.BYTES
    if isinstance(c.type, Boolean):
        return Kind.TRUTH
    return Kind.NUMBER if isinstance(c.type, Integer) else Kind.TEXT


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _ordered(connection: Connection) -> list[str]:
    return [name for name, _ in inspect(connection).get_sorted_table_and_fkc_names() if name is not None]


def _layout(connection: Connection) -> dict[str, set[str]]:
    """Table -> columns, of what a backup holds."""
    found = inspect(connection)
    names = set(found.get_table_names()) - LEFT_OUT - {"alembic_version"}
    return {name: {c["name"] for c in found.get_columns(name)} for name in names}
