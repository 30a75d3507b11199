"""After a restore nothing leaves until an operator says so: what was due then may have left already, and who asked for silence since then
is not silent in the copy. The mark is the row `restore` of `heartbeat`, written in the transaction that restores."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, delete, func, select, update

from sealing.rows import SendingState, TaskKind
from storage import tables
from storage.engine import Database
from storage.tasks import TaskIds, add_tasks
from storage.transaction import Transaction

MARK = "restore"
OUTGOING = frozenset({TaskKind.SEND, TaskKind.ERASE, TaskKind.NOTICE})
LATE_MS = 15 * 60_000
"""A question or a greeting of the line that is later than this may meet another person on that phone (as in `handlers.delivery`)."""

_sending = tables.sending.c
_task = tables.task.c
_answer, _ours = _sending.case_id.is_not(None), _sending.case_id.is_(None)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What would leave. `old` = answers that were due when the backup was made; `answers` = those whose source has written since;
    `ours` = texts of the line itself that came due within a quarter of an hour; `late` = older ones, which are given up."""

    old: int
    answers: int
    ours: int
    late: int


async def hold(transaction: Transaction, now_ms: int) -> None:
    """Marks a database that was just restored. Old answers wait until their source writes; texts of ours from then are given up."""
    await transaction.run(tables.heartbeat.insert().values(role=MARK, at=now_ms))
    # First those that may have left with the process that had them in hand; as when a worker dies.
    in_hand, due = _sending.state == SendingState.SENDING, _sending.state == SendingState.DUE
    await transaction.run(update(tables.sending).where(in_hand, _answer).values(state=SendingState.UNKNOWN, thread=None))
    await transaction.run(update(tables.sending).where(in_hand, _ours).values(state=SendingState.UNKNOWN, sealed=b"", thread=None))
    await transaction.run(update(tables.sending).where(due, _answer).values(state=SendingState.WAITING, thread=None))
    await transaction.run(update(tables.sending).where(due, _ours).values(state=SendingState.SHELVED, sealed=b"", thread=None))
    # Their tasks stay, and tell later which answers were due: no task that is written from now on is due so early.
    await transaction.run(update(tables.task).where(_task.kind.in_(OUTGOING), _task.due >= now_ms).values(due=now_ms - 1))


async def held_since(transaction: Transaction) -> int | None:
    """Milliseconds since 1970; None when nothing is held."""
    found = select(tables.heartbeat.c.at).where(tables.heartbeat.c.role == MARK)
    return (await transaction.run(found)).scalar()


async def outgoing(transaction: Transaction, since: int, now_ms: int) -> Outgoing:
    counts = [_old(since), _due(_answer), _due(_ours, _task.due >= now_ms - LATE_MS), _due(_ours, _task.due < now_ms - LATE_MS)]
    old, answers, ours, late = [(await transaction.run(select(func.count()).select_from(c.subquery()))).scalar_one() for c in counts]
    return Outgoing(old, answers, ours, late)


async def let_go(transaction: Transaction, since: int, now_ms: int, *, old: bool) -> None:
    """Takes the mark away. `old`: answers that were due at the backup leave now, too; else they wait for their source."""
    late = _due(_ours, _task.due < now_ms - LATE_MS)
    await transaction.run(update(tables.sending).where(_sending.id.in_(late)).values(state=SendingState.SHELVED, sealed=b""))
    if old:
        freed = update(tables.sending).where(_sending.id.in_(_old(since))).values(state=SendingState.DUE)
        ids = list((await transaction.run(freed.returning(_sending.id))).scalars())
        if ids:
            await add_tasks(transaction, TaskKind.SEND, ids, now_ms, TaskIds().take(now_ms, len(ids)))
    await transaction.run(delete(tables.heartbeat).where(tables.heartbeat.c.role == MARK))


def _due(*where: ColumnElement[bool]) -> Select[str]:
    return _with_task(_sending.state == SendingState.DUE, *where)


def _old(since: int) -> Select[str]:
    return _with_task(_sending.state == SendingState.WAITING, _answer, _task.due < since)


def _with_task(*where: ColumnElement[bool]) -> Select[str]:
    joined = and_(_task.kind == TaskKind.SEND, _task.ref == _sending.id)
    return select(_sending.id).select_from(tables.sending.join(tables.task, joined)).where(*where)


class SqlHold:
    """Whether a worker must hold back what leaves."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def held(self) -> bool:
        """Raises StorageDown."""
        async with self._database.begin(reading=True) as transaction:
            return await held_since(transaction) is not None
