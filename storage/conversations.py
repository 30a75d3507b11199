"""What waits to be read, whom we talk with, and what leaves."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, case, delete, exists, select, text, update

from sealing.rows import CaseState, InboundRow, SendingRow, SendingState, TaskKind, ThreadRow
from storage import tables
from storage.tasks import SHELVED_ATTEMPTS, TaskIds, add_tasks
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

        Raises the version of the thread's case while that waits to be sealed: a sealing that did not read this message must fail, because
        it may say who must not read. Not of a flood's item, whose crowd could so keep it from ever being sealed. The case's row comes
        first, so that on PostgreSQL a running sealing is waited for.
        """
        free = and_(tables.inbound.c.id == id, tables.inbound.c.thread.is_(None))
        item = exists().where(tables.cluster.c.case_id == tables.case.c.id)
        its_case = select(tables.thread.c.case_id).where(tables.thread.c.tag == thread).scalar_subquery()
        await self._transaction.run(
            update(tables.case)
            .where(tables.case.c.id == its_case, tables.case.c.state.in_(UNSEALED), exists().where(free), ~item)
            .values(version=tables.case.c.version + 1)
        )
        return await self._transaction.changed(update(tables.inbound).where(free).values(thread=thread, lane=None))

    async def waits_for_earlier(self, id: str) -> bool:
        """Whether an earlier message of the same lane is still to be conversed. One that failed often enough to be shelved is passed."""
        mine, earlier = tables.inbound.alias("mine"), tables.inbound.alias("earlier")
        stuck = exists().where(
            tables.task.c.kind == TaskKind.CONVERSE,
            tables.task.c.ref == earlier.c.id,
            tables.task.c.attempts >= SHELVED_ATTEMPTS,
        )
        before = and_(earlier.c.lane == mine.c.lane, earlier.c.seq < mine.c.seq, earlier.c.thread.is_(None))
        found = select(earlier.c.seq).select_from(mine.join(earlier, before)).where(mine.c.id == id, ~stuck).limit(1)
        return (await self._transaction.run(found)).first() is not None

    async def drop_inbound(self, ids: Sequence[str]) -> None:
        await self._transaction.run(delete(tables.inbound).where(tables.inbound.c.id.in_(ids)))

    async def thread(self, tag: str) -> ThreadRow | None:
        return await self._transaction.one(tables.thread, ThreadRow, tables.thread.c.tag == tag)

    async def thread_of(self, case_id: str) -> ThreadRow | None:
        return await self._transaction.one(tables.thread, ThreadRow, tables.thread.c.case_id == case_id, tables.thread.c.tag)

    async def threads_waiting(self, case_id: str, most: int) -> Sequence[ThreadRow]:
        """Threads of the case that have messages to be sealed, at most `most`. Of a case that is no flood's there is one."""
        column = tables.thread.c
        waits = exists().where(tables.inbound.c.thread == column.tag)
        columns = [column[name] for name in ThreadRow.__slots__]
        found = select(*columns).where(column.case_id == case_id, waits).order_by(column.tag).limit(most)
        return [ThreadRow(*row) for row in await self._transaction.run(found)]

    async def save_thread(self, row: ThreadRow) -> bool:
        """`row.version` is that of the row as read, 0 for a new one; it is stored with the next."""
        values = values_of(row) | {"version": row.version + 1}
        if row.version == 0:
            insert = self._transaction.insert(tables.thread).values(values).on_conflict_do_nothing()
            return (await self._transaction.run(insert.returning(tables.thread.c.tag))).first() is not None
        column = tables.thread.c
        guarded = update(tables.thread).where(column.tag == row.tag, column.version == row.version)
        return await self._transaction.changed(guarded.values(values))

    async def drop_thread(self, tag: str, version: int) -> bool:
        """False = it was saved since it was read at `version`: a message may have come, which without its thread would be lost."""
        column = tables.thread.c
        return await self._transaction.changed(delete(tables.thread).where(column.tag == tag, column.version == version))

    async def add_sending(self, row: SendingRow) -> bool:
        """False = this cause has its sending already."""
        return await self._transaction.add(tables.sending, row)

    async def sending(self, id: str) -> SendingRow | None:
        return await self._transaction.one(tables.sending, SendingRow, tables.sending.c.id == id)

    async def claim_sending(self, id: str, thread: str) -> bool:
        """DUE to SENDING, unless another text to the same address is on its way (R6: one in flight)."""
        if self._transaction.postgres:  # two workers that ask at once must not both find nothing in flight
            key = int(thread[:15], 16)
            await self._transaction.run(text("SELECT pg_advisory_xact_lock(:key)").bindparams(key=key))
        column, other = tables.sending.c, tables.sending.alias("other")
        in_flight = exists().where(other.c.thread == thread, other.c.state == SendingState.SENDING)
        free = and_(column.id == id, column.state == SendingState.DUE, ~in_flight)
        return await self._transaction.changed(update(tables.sending).where(free).values(state=SendingState.SENDING, thread=thread))

    async def move_sending(self, id: str, old: SendingState, new: SendingState, *, keep: bool = False) -> bool:
        """Once sent or shelved, the row stays as the ledger's entry, emptied; so does a text of ours that may have left. An answer that
        may have left, or (`keep`) whose receipt is still to come, keeps its text: the source may have to be told again."""
        column = tables.sending.c
        kept = new is SendingState.UNKNOWN or (keep and new is SendingState.SENT)
        emptied = case((column.case_id.is_(None), b""), else_=column.sealed) if kept else b""
        values = {"state": new, "sealed": emptied} if new in ENDED else {"state": new}
        return await self._transaction.changed(
            update(tables.sending).where(column.id == id, column.state == old).values(values | {"thread": None})
        )

    async def shelve_waiting(self, case_id: str, *, due: bool = False) -> None:
        """Also what may not have arrived: nobody will ask for it. A receipt that never came is waited for no longer."""
        column = tables.sending.c
        theirs = update(tables.sending).where(column.case_id == case_id)
        left = theirs.where(column.state.in_((SendingState.WAITING, SendingState.UNKNOWN, *([SendingState.DUE] if due else ()))))
        await self._transaction.run(left.values(state=SendingState.SHELVED, sealed=b""))
        await self._transaction.run(theirs.where(column.state == SendingState.SENT, column.sealed != b"").values(sealed=b""))

    async def release_waiting(self, case_id: str, due: int) -> int:
        """What waited for the source, or may not have arrived, is sent at `due` (ms). Returns how many."""
        column = tables.sending.c
        freed = update(tables.sending).where(column.case_id == case_id, column.state.in_((SendingState.WAITING, SendingState.UNKNOWN)))
        ids = list((await self._transaction.run(freed.values(state=SendingState.DUE).returning(column.id))).scalars())
        if ids:
            await add_tasks(self._transaction, TaskKind.SEND, ids, due, TaskIds().take(due, len(ids)))
        return len(ids)
