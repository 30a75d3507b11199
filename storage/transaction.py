"""One open transaction: runs statements, turns a database's errors into StorageDown, and refuses to commit once one has failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, fields
from typing import Any, ClassVar, Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection, CursorResult, Executable, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from sealing.rows import StorageDown


class Row(Protocol):
    """A dataclass whose fields are named like the columns of its table."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __init__(self, *values: Any) -> None: ...


V = TypeVar("V", bound=Row)
T = TypeVar("T")

FAULTS = (DBAPIError, PoolTimeout)


def down(fault: DBAPIError | PoolTimeout) -> StorageDown:
    """Only the kind of error: PostgreSQL's own text carries values in spite of `hide_parameters`. Raise it `from None`."""
    cause = fault.orig if isinstance(fault, DBAPIError) else fault
    return StorageDown(type(cause).__name__)


def values_of(row: Row) -> dict[str, object]:
    return {field.name: getattr(row, field.name) for field in fields(row)}


class Transaction:
    __slots__ = ("_connection", "broken", "wakes")

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.broken = False
        """A statement failed. PostgreSQL answers COMMIT after that by silently rolling back, so nobody may believe in this transaction."""
        self.wakes = False
        """A task was written; the queue is told after the commit."""

    @property
    def postgres(self) -> bool:
        return self._connection.dialect.name == "postgresql"

    async def run(self, statement: Executable, rows: Sequence[Mapping[str, object]] | None = None) -> CursorResult[*tuple[Any, ...]]:
        """`rows`: one statement for many rows. Raises StorageDown."""
        if self.broken:
            raise StorageDown("broken")
        try:
            return await self._connection.execute(statement, rows)
        except FAULTS as fault:
            self.broken = True
            raise down(fault) from None

    async def plain(self, work: Callable[[Connection], T]) -> T:
        """Runs what knows only a plain connection, such as Alembic, inside this transaction. Raises StorageDown."""
        if self.broken:
            raise StorageDown("broken")
        try:
            return await self._connection.run_sync(work)
        except FAULTS as fault:
            self.broken = True
            raise down(fault) from None

    async def changed(self, statement: Executable) -> bool:
        """Whether the guarded UPDATE or DELETE touched a row. An INSERT that may find its key taken is `add`'s: PostgreSQL's driver does
        not count those."""
        return (await self.run(statement)).rowcount > 0

    def insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """An INSERT that knows ON CONFLICT."""
        return postgresql.insert(table) if self.postgres else sqlite.insert(table)

    async def add(self, table: Table, row: Row) -> bool:
        """False = its key is taken, nothing written."""
        result = await self.run(self.insert(table).values(values_of(row)).on_conflict_do_nothing().returning(*table.primary_key))
        return result.first() is not None

    async def add_all(self, table: Table, rows: Sequence[Row]) -> None:
        """A key that is taken breaks the transaction."""
        if rows:
            await self.run(table.insert(), [values_of(row) for row in rows])

    async def all(self, table: Table, value: type[V], where: ColumnElement[bool], *order: ColumnElement[Any]) -> list[V]:
        columns = [table.c[field.name] for field in fields(value)]
        return [value(*row) for row in await self.run(select(*columns).where(where).order_by(*order))]

    async def one(self, table: Table, value: type[V], where: ColumnElement[bool], *order: ColumnElement[Any]) -> V | None:
        columns = [table.c[field.name] for field in fields(value)]
        row = (await self.run(select(*columns).where(where).order_by(*order).limit(1))).first()
        return None if row is None else value(*row)


class TxPart:
    """What the parts of the store's Tx share: the open transaction they write in."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
