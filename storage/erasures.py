"""What lies at the providers and is to be deleted there, and what they tell of texts that they took."""

from __future__ import annotations

from sqlalchemy import and_, delete, select, update

from sealing.rows import ErasureRow, Receipt, Seen, SendingState, TaskKind
from storage import tables
from storage.engine import Database
from storage.tasks import TaskIds, add_tasks
from storage.transaction import TxPart

_TAKEN = (SendingState.SENDING, SendingState.UNKNOWN, SendingState.SENT)
"""A receipt can overtake the worker's own record of the sending."""
_UNSETTLED = (*_TAKEN, SendingState.WAITING, SendingState.DUE)
"""What arrived after all is not sent again."""


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

    async def erase_all(self, thread: str, due: int, *, before_day: int | None = None) -> None:
        """`due` in ms."""
        column = tables.erasure.c
        found = select(column.id).where(column.thread == thread).order_by(column.id)
        ids = list((await self._transaction.run(found if before_day is None else found.where(column.day < before_day))).scalars())
        if ids:
            await add_tasks(self._transaction, TaskKind.ERASE, ids, due, TaskIds().take(due, len(ids)))


class SqlReceipts:
    """Port `handlers.ports.Receipts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, sending: str, receipt: Receipt, once: Seen | None = None) -> None:
        """Delivered: sent for good, and emptied. Failed: an answer waits until the source writes, a text of ours is given up; what was
        delivered cannot fail any more. Receipts may come doubled and in any order; `once` keeps a failure of an earlier try, told again,
        from counting against a later one.
        """
        column = tables.sending.c
        ours = column.id == sending
        answer = column.case_id.is_not(None)
        async with self._database.begin() as transaction:
            if once is not None and not await transaction.add(tables.seen, once):
                return
            if receipt is Receipt.DELIVERED:
                arrived = and_(ours, column.state.in_(_UNSETTLED))
                await transaction.run(update(tables.sending).where(arrived).values(state=SendingState.SENT, sealed=b"", thread=None))
                return
            taken = and_(ours, column.state.in_(_TAKEN))
            again = update(tables.sending).where(taken, answer, column.sealed != b"")
            await transaction.run(again.values(state=SendingState.WAITING, thread=None))
            given_up = update(tables.sending).where(taken, ~answer)
            await transaction.run(given_up.values(state=SendingState.SHELVED, sealed=b"", thread=None))
