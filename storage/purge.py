"""What a purge deletes of a case, and what stays: its id, day and state, how it ended, and the custody log."""

from __future__ import annotations

from sqlalchemy import delete, exists, update

from sealing.rows import CaseState, MessagesWait
from storage import tables
from storage.transaction import TxPart

_OF_A_CASE = (tables.envelope, tables.grant, tables.share, tables.sending, tables.code, tables.cluster)


class PurgePart(TxPart):
    """The purge of `handlers.ports.Tx`."""

    __slots__ = ()

    async def purge(self, case_id: str) -> bool:
        """False = the case is not closed: nothing was done. Raises MessagesWait, after which nothing may be committed.

        The conversations are loosed first: whoever writes at this moment finds that his moved on, and starts a new case; whoever was faster
        is found here.
        """
        column = tables.case.c
        closed = update(tables.case).where(column.id == case_id, column.state == CaseState.CLOSED)
        emptied = {"urgent": False, "epoch": 0, "recipient": None, "delivery_epoch": None, "gate": None}
        if not await self._transaction.changed(closed.values(state=CaseState.PURGED, **emptied)):
            return False
        thread = tables.thread.c
        loosed = update(tables.thread).where(thread.case_id == case_id).values(case_id=None, version=thread.version + 1)
        tags = list((await self._transaction.run(loosed.returning(thread.tag))).scalars())
        waits = exists().where(tables.inbound.c.thread.in_(tags)).select()
        if tags and (await self._transaction.run(waits)).scalar_one():
            raise MessagesWait
        for table in _OF_A_CASE:
            await self._transaction.run(delete(table).where(table.c.case_id == case_id))
        return True
