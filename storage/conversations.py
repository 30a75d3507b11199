"""What waits to be read, whom we talk with, and what leaves."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, case, delete, exists, select, update

from sealing.rows import CaseState, InboundRow, SendingRow, SendingState, TaskKind, ThreadRow
from storage import tables
from storage.tasks import TaskIds, add_tasks
from storage.transaction import TxPart, values_of

UNSEALED = (CaseState.TALKING, CaseState.HELD)
"""States in which `seal` may take a case."""


ENDED = frozenset({SendingState.SENT, SendingState.SHELVED, SendingState.UNKNOWN})


class ConversationPart(TxPart):
    """The inbound, thread and sending methods of `handlers.ports.Tx`."""

    __slots__ = ()

    async def inbound(self, id: str) -> InboundRow | None:
        return await self._transaction.one(tables.inbound, InboundRow, tables.inbound.c.id == id)

    async def inbound_of(self, thread: str) -> Sequence[InboundRow]:
        """In the order of their coming."""
        column = tables.inbound.c
        return await self._transaction.all(tables.inbound, InboundRow, column.thread == thread, column.seq)

    async def attach(self, id: str, thread: str) -> bool:
        """False = it has a thread already, or is gone.

        Raises the version of the thread's case while that waits to be sealed: a sealing that did not read this message must fail,
        because it would delete it unsealed. The case's row comes first, so that on PostgreSQL a running sealing is waited for.
        """
        free = and_(tables.inbound.c.id == id, tables.inbound.c.thread.is_(None))
        its_case = select(tables.thread.c.case_id).where(tables.thread.c.tag == thread).scalar_subquery()
        await self._transaction.run(
            update(tables.case)
            .where(tables.case.c.id == its_case, tables.case.c.state.in_(UNSEALED), exists().where(free))
            .values(version=tables.case.c.version + 1)
        )
        return await self._transaction.changed(update(tables.inbound).where(free).values(thread=thread))

    async def drop_inbound(self, ids: Sequence[str]) -> None:
        await self._transaction.run(delete(tables.inbound).where(tables.inbound.c.id.in_(ids)))

    async def thread(self, tag: str) -> ThreadRow | None:
        return await self._transaction.one(tables.thread, ThreadRow, tables.thread.c.tag == tag)

    async def thread_of(self, case_id: str) -> ThreadRow | None:
        return await self._transaction.one(tables.thread, ThreadRow, tables.thread.c.case_id == case_id, tables.thread.c.tag)

    async def save_thread(self, row: ThreadRow) -> bool:
        """`row.version` is that of the row as read, 0 for a new one; it is stored with the next."""
        values = values_of(row) | {"version": row.version + 1}
        if row.version == 0:
            insert = self._transaction.insert(tables.thread).values(values).on_conflict_do_nothing()
            return (await self._transaction.run(insert.returning(tables.thread.c.tag))).first() is not None
        column = tables.thread.c
        guarded = update(tables.thread).where(column.tag == row.tag, column.version == row.version)
        return await self._transaction.changed(guarded.values(values))

    async def drop_thread(self, tag: str) -> None:
        await self._transaction.run(delete(tables.thread).where(tables.thread.c.tag == tag))

    async def add_sending(self, row: SendingRow) -> bool:
        """False = this cause has its sending already."""
        return await self._transaction.add(tables.sending, row)

    async def sending(self, id: str) -> SendingRow | None:
        return await self._transaction.one(tables.sending, SendingRow, tables.sending.c.id == id)

    async def move_sending(self, id: str, old: SendingState, new: SendingState) -> bool:
        """Once sent or shelved, the row stays as the ledger's entry, emptied; so does a text of ours that may have left."""
        column = tables.sending.c
        emptied = case((column.case_id.is_(None), b""), else_=column.sealed) if new is SendingState.UNKNOWN else b""
        values = {"state": new, "sealed": emptied} if new in ENDED else {"state": new}
        return await self._transaction.changed(update(tables.sending).where(column.id == id, column.state == old).values(values))

    async def shelve_waiting(self, case_id: str) -> None:
        """Also what may not have arrived: nobody will ask for it."""
        column = tables.sending.c
        left = update(tables.sending).where(column.case_id == case_id, column.state.in_((SendingState.WAITING, SendingState.UNKNOWN)))
        await self._transaction.run(left.values(state=SendingState.SHELVED, sealed=b""))

    async def release_waiting(self, case_id: str, due: int) -> int:
        """What waited for the source, or may not have arrived, is sent at `due` (ms). Returns how many."""
        column = tables.sending.c
        freed = update(tables.sending).where(column.case_id == case_id, column.state.in_((SendingState.WAITING, SendingState.UNKNOWN)))
        ids = list((await self._transaction.run(freed.values(state=SendingState.DUE).returning(column.id))).scalars())
        if ids:
            await add_tasks(self._transaction, TaskKind.SEND, ids, due, TaskIds().take(due, len(ids)))
        return len(ids)
