"""The end of a case that stayed closed: everything that was sealed for it goes. How it ended, and the custody log, stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from handlers.outcomes import Outcomes, Second
from handlers.parts import worker_leaf
from handlers.ports import Clock, Store, Tx
from handlers.watching import GAP_MS, WORKER
from sealing.case import sha256
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import DAY_MS, HOUR_MS, CaseState, Later, MessagesWait, Task

LOOKED_AT = frozenset({Second.NONE, Second.CONCURRED})


class Notes(Protocol):
    async def drop(self, tx: Tx, case_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Purging:
    store: Store
    keys: WorkerKeys
    clock: Clock
    outcomes: Outcomes
    kept: tuple[Notes, ...]
    """What was noted of a case besides, and goes with it."""

    async def purge(self, task: Task) -> None:
        """The PURGE task: `ref` = case id. The worker's own record must say that the day has come and that no look is missing: the row and
        the task, which stand in the clear, delete nothing alone. Raises Later while a message waits that reopens the case."""
        try:
            async with self.store.begin() as tx:
                now, alive = self.clock.now_ms(), await tx.heartbeat(WORKER)  # before the case, like everybody who takes both
                case = await tx.lock_case(task.ref)
                if case is None or case.state is not CaseState.CLOSED or case.gate is None:
                    await tx.done(task)
                    return
                last = (await self.outcomes.of(tx, case.id))[-1:]
                day = next((p.purge_day for p in last if p.second in LOOKED_AT), None)
                if day is None:
                    await tx.done(task)
                    return
                if alive is not None and abs(now - alive) > GAP_MS:
                    raise Later(GAP_MS)  # the clock has jumped, or the line stood still: what is due is put off before
                if now < day * DAY_MS:
                    raise Later(day * DAY_MS - now)
                if await tx.purge(case.id):
                    for notes in self.kept:
                        await notes.drop(tx, case.id)
                    await tx.log(worker_leaf(self.keys, Entry(now // HOUR_MS, EntryKind.PURGE, case.id, sha256(case.gate), "")))
                await tx.done(task)
        except MessagesWait:
            raise Later(HOUR_MS) from None
