"""The `task` table as the record of what is due: written in the transaction that needs it, finished in the one that does it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Protocol

from sqlalchemy import Executable, and_, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from sealing.rows import Task, TaskKind
from storage import tables
from storage.transaction import Transaction, TxPart

SHELVED_ATTEMPTS = 10
"""From here on a task counts as shelved: still tried at the longest interval, but an operator should look."""


class Clock(Protocol):
    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        ...


class TaskIds:
    """Random task ids, ascending while `due` stays the same: the queue orders by (due, id), so messages keep their order within one ms."""

    def __init__(self) -> None:
        self._due = -1
        self._last = 0

    def take(self, due: int, count: int) -> list[str]:
        if due != self._due:
            self._due, self._last = due, secrets.randbits(120)
        ids = []
        for _ in range(count):
            self._last += 1 + secrets.randbits(64)
            ids.append(f"{self._last:032x}")
        return ids


async def add_tasks(
    transaction: Transaction, kind: TaskKind, refs: Sequence[str], due: int, ids: Sequence[str], later: Mapping[str, int] | None = None
) -> None:
    """One task per ref, due at `due`, or `later[ref]` ms after that. Where (kind, ref) has one already, that takes the new due and the next
    rev; its lease stays: one run at a time."""
    fresh = {"kind": kind, "lease": 0, "attempts": 0, "rev": 0}
    rows = [fresh | {"id": task_id, "ref": ref, "due": due + (later or {}).get(ref, 0)} for task_id, ref in zip(ids, refs, strict=True)]
    await transaction.run(_put(transaction.postgres), rows)
    transaction.wakes = True


@cache
def _put(postgres: bool) -> Executable:
    """Built once for each engine: every accepted message needs it."""
    insert = postgresql.insert(tables.task) if postgres else sqlite.insert(tables.task)
    return insert.on_conflict_do_update(
        index_elements=[tables.task.c.kind, tables.task.c.ref],
        set_={"due": insert.excluded.due, "rev": tables.task.c.rev + 1},
    )


class TaskPart(TxPart):
    """The task methods of `handlers.ports.Tx`."""

    __slots__ = ()

    async def enqueue(self, kind: TaskKind, ref: str, due: int) -> None:
        """`due` in ms."""
        await add_tasks(self._transaction, kind, [ref], due, TaskIds().take(due, 1))

    async def postpone(self, kinds: Sequence[TaskKind], by_ms: int) -> None:
        """The next rev, so that whoever has one of them in hand neither ends it nor puts it back to an earlier time."""
        column = tables.task.c
        later = update(tables.task).where(column.kind.in_(kinds)).values(due=column.due + by_ms, rev=column.rev + 1)
        await self._transaction.run(later)

    async def heartbeat(self, role: str) -> int | None:
        found = select(tables.heartbeat.c.at).where(tables.heartbeat.c.role == role).with_for_update()
        return (await self._transaction.run(found)).scalar()

    async def beat(self, role: str, at: int) -> None:
        insert = self._transaction.insert(tables.heartbeat).values(role=role, at=at)
        await self._transaction.run(insert.on_conflict_do_update(index_elements=[tables.heartbeat.c.role], set_={"at": at}))

    async def done(self, task: Task) -> bool:
        """True = gone. False = it was enqueued again meanwhile (or is not there): kept, free for the next claim."""
        column = tables.task.c
        if await self._transaction.changed(delete(tables.task).where(column.id == task.id, column.rev == task.rev)):
            return True
        # `attempts` tells our claim from that of another worker, who took over when our lease had run out.
        ours = and_(column.id == task.id, column.attempts == task.attempts)
        await self._transaction.run(update(tables.task).where(ours).values(lease=0, attempts=0))
        self._transaction.wakes = True
        return False
