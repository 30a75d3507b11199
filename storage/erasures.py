"""What lies at the providers and is to be deleted there, and what they tell of texts that they took."""

from __future__ import annotations

from sqlalchemy import and_, case, delete, literal, select, update

from sealing.rows import ErasureRow, Receipt, SendingState, TaskKind
from storage import tables
from storage.engine import Database
from storage.tasks import TaskIds, add_tasks
from storage.transaction import TxPart

_TAKEN = (SendingState.SENDING, SendingState.UNKNOWN, SendingState.SENT)
"""A receipt can overtake the worker's own record of the sending."""


class ErasurePart(TxPart):
    """The erasure methods of `handlers.ports.Tx`."""

    __slots__ = ()

    async def add_erasure(self, row: ErasureRow) -> None:
        await self._transaction.add(tables.erasure, row)

    async def erasure(self, id: str) -> ErasureRow | None:
        return await self._transaction.one(tables.erasure, ErasureRow, tables.erasure.c.id == id)

    async def drop_erasure(self, id: str) -> None:
        await self._transaction.run(delete(tables.erasure).where(tables.erasure.c.id == id))

    async def drop_old_erasures(self, thread: str, before_day: int) -> None:
        column = tables.erasure.c
        await self._transaction.run(delete(tables.erasure).where(column.thread == thread, column.day < before_day))

    async def erase_all(self, thread: str, due: int) -> None:
        """`due` in ms."""
        found = select(tables.erasure.c.id).where(tables.erasure.c.thread == thread).order_by(tables.erasure.c.id)
        ids = list((await self._transaction.run(found)).scalars())
        if ids:
            await add_tasks(self._transaction, TaskKind.ERASE, ids, due, TaskIds().take(due, len(ids)))


class SqlReceipts:
    """Port `handlers.ports.Receipts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, sending: str, receipt: Receipt) -> None:
        """Delivered: sent for good, and emptied. Failed: an answer waits until the source writes, a text of ours is given up."""
        column = tables.sending.c
        taken = and_(column.id == sending, column.state.in_(_TAKEN))
        if receipt is Receipt.DELIVERED:
            values: dict[str, object] = {"state": SendingState.SENT, "sealed": b""}
        else:
            answer = and_(column.case_id.is_not(None), column.sealed != b"")
            kind = tables.sending.c.state.type
            state = case((answer, literal(SendingState.WAITING, kind)), else_=literal(SendingState.SHELVED, kind))
            values = {"state": state, "sealed": case((answer, column.sealed), else_=b"")}
        async with self._database.begin() as transaction:
            await transaction.run(update(tables.sending).where(taken).values(values | {"thread": None}))
