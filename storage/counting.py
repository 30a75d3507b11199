"""How many of what there are, for the operator's own numbers. For the public they are too fine (DESIGN 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Column, Select, Table, func, select

from sealing.rows import CaseState, SendingState, ShareState, TaskKind
from sealing.shares import CODES
from storage import tables
from storage.engine import Database
from storage.floods import OPEN_ITEMS
from storage.holding import held_since
from storage.tasks import SHELVED_ATTEMPTS
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Tally:
    """`waiting` = messages not sealed into a case yet; `late_ms` = how long the task that waits longest has been due; `beat_ms` = since the
    worker's last sign of life, None when there never was one; `held` = since a restore nothing leaves; `floods` = cases that go on and
    are the one item of a flood each; `letters` = what vetters have not read; `asked` = cases whose trustees are asked for their shares."""

    waiting: int
    tasks: Mapping[str, int]
    shelved: Mapping[str, int]
    late_ms: int
    cases: Mapping[str, int]
    sendings: Mapping[str, int]
    beat_ms: int | None
    held: bool
    people: int
    floods: int
    letters: int
    asked: int

    @property
    def totals(self) -> dict[str, int]:
        """By the names of `tipline status --json`."""
        ended = self.cases[CaseState.CLOSED] + self.cases[CaseState.PURGED]
        return {
            "inbound": self.waiting,
            "tasks": sum(self.tasks.values()),
            "tasks_shelved": sum(self.shelved.values()),
            "cases_open": sum(self.cases.values()) - ended,
            "cases_held": self.cases[CaseState.HELD],
            "floods": self.floods,
            "sendings_due": self.sendings[SendingState.DUE] + self.sendings[SendingState.SENDING],
            "sendings_unknown": self.sendings[SendingState.UNKNOWN],
            "sendings_shelved": self.sendings[SendingState.SHELVED],
            "people": self.people,
            "letters": self.letters,
            "cases_asked": self.asked,
        }


async def tally(database: Database, now_ms: int) -> Tally:
    """At one moment. Raises StorageDown."""
    task, share = tables.task.c, tables.share.c
    of_a_case = (share.state == ShareState.ASKED) & (share.epoch != CODES)
    async with database.begin(reading=True) as transaction:
        waiting = await _count(transaction, select(func.count()).select_from(tables.inbound))
        first = (await transaction.run(select(func.min(task.due)))).scalar()
        shelved = select(task.kind, func.count()).where(task.attempts >= SHELVED_ATTEMPTS).group_by(task.kind)
        stuck = {str(kind): n for kind, n in await transaction.run(shelved)}
        beat = (await transaction.run(select(tables.heartbeat.c.at).where(tables.heartbeat.c.role == "worker"))).scalar()
        return Tally(
            waiting,
            await _by(transaction, tables.task, task.kind, TaskKind),
            {kind.value: stuck.get(kind.value, 0) for kind in TaskKind},
            0 if first is None else max(0, now_ms - int(first)),
            await _by(transaction, tables.case, tables.case.c.state, CaseState),
            await _by(transaction, tables.sending, tables.sending.c.state, SendingState),
            None if beat is None else max(0, now_ms - int(beat)),
            await held_since(transaction) is not None,
            await _count(transaction, select(func.count()).select_from(tables.person)),
            await _count(transaction, OPEN_ITEMS),
            await _count(transaction, select(func.count()).select_from(tables.letter)),
            await _count(transaction, select(func.count(share.case_id.distinct())).where(of_a_case)),
        )


async def _count(transaction: Transaction, counted: Select[int]) -> int:
    return int((await transaction.run(counted)).scalar_one())


async def _by(
    transaction: Transaction, table: Table, column: Column[str], every: type[TaskKind | CaseState | SendingState]
) -> dict[str, int]:
    """Also those of which there are none: a number that is missing looks like a broken probe."""
    found = {str(value): n for value, n in await transaction.run(select(column, func.count()).select_from(table).group_by(column))}
    return {member.value: found.get(member.value, 0) for member in every}
