"""What time does to a case: an offer that nobody opens, a case in which its reader does nothing, a reader who may read no more.

Time in which the line itself stood still, or its clock jumped, counts against nobody: it is added to what is due before anything runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from handlers.declared import Declared, declared
from handlers.enrolment import Enrolment
from handlers.leaving import hand_over, lock_held
from handlers.letters import Letters
from handlers.opening import Gate
from handlers.patience import Patience
from handlers.ports import Clock, Store, Trouble, Tx
from handlers.roster import Vetters, find_member
from handlers.succession import Alarm, Succession, read_gate
from routing.duty import Duty, begins, on_duty
from routing.gate import GateFile, Sla, without
from sealing.keyring import WorkerKeys
from sealing.rows import HOUR_MS, READ, CaseRow, GrantRow, GrantState, Task, TaskKind

WORKER = "worker"
"""Whose heartbeat is looked at."""
GAP_MS = 5 * 60_000
PATIENT = (TaskKind.LAPSE, TaskKind.IDLE, TaskKind.PURGE)
"""What counts time against a reader, or a case."""
HAND_OVERS = {Sla.URGENT: 2, Sla.NORMAL: 1}
"""How often silence alone moves a case on; then a vetter must look."""


@dataclass(frozen=True, slots=True)
class Watching:
    store: Store
    keys: WorkerKeys
    clock: Clock
    vetters: Vetters
    gate: Gate
    patience: Patience
    succession: Succession
    letters: Letters
    alarm: Alarm

    async def beat(self) -> int:
        """The worker's sign of life. Returns by how many ms every reader's time was moved: what the clock has jumped since the last one,
        forth or back, or the line stood still. Raises StorageDown."""
        async with self.store.begin() as tx:
            last, now = await tx.heartbeat(WORKER), self.clock.now_ms()
            gap = 0 if last is None or abs(now - last) <= GAP_MS else now - last
            if gap:
                await tx.postpone(PATIENT, gap)
            await tx.beat(WORKER, now)
        return gap

    async def lapse(self, task: Task) -> None:
        """The LAPSE task: `ref` = grant id. Whoever has not opened it by now is passed over, so often; then he keeps the offer, and the
        vetters are told, again and again."""
        async with self.store.begin() as tx:
            if await self._stood_still(tx, task):
                return
            named = await tx.grant(task.ref)
            case = None if named is None else await tx.lock_case(named.case_id)
            grant = await tx.grant(task.ref)
            if case is not None and grant is not None and grant.state is GrantState.OFFERED and case.state in READ:
                await self._silent(tx, case, grant)
            await tx.done(task)

    async def _silent(self, tx: Tx, case: CaseRow, grant: GrantRow) -> None:
        gate, grants = read_gate(self.keys, case), await tx.grants(case.id)
        mine = [g for g in grants if g.person_id == grant.person_id]
        if grant.person_id is None or any(g.state is GrantState.OPEN for g in mine):
            return  # he reads the case, and has not looked at its new epoch yet: IDLE is for that
        passed_over = {g.person_id for g in grants if g.state is GrantState.LAPSED}
        hours, left = await self._hours(tx, grant.person_id), len(passed_over) < HAND_OVERS[gate.sla]
        asleep, relief = self.patience.without_time(gate, hours), None
        if asleep is None:
            moves = left and await self.succession.goes_on(tx, gate, [grant.person_id])
        else:
            relief = await self._relief(tx, case, gate, grant.person_id, asleep) if left else None
            moves = relief is not None and relief <= self.clock.now_ms()
        if moves:
            await self.succession.leave(tx, case, [grant.person_id], GrantState.LAPSED, in_slot=True)
        elif grant.epoch == min(g.epoch for g in mine):  # one letter, however many epochs he was offered
            await self.letters.write(tx, Trouble.SILENT, case=case.id, person=grant.person_id)
            self.alarm(Trouble.SILENT)
            if asleep is None:
                await self.patience.still_silent(tx, grant.id, gate)
            else:
                await self.patience.offered(tx, grant.id, gate, asleep, relief)

    async def _relief(self, tx: Tx, case: CaseRow, gate: GateFile, person: str, duty: Duty) -> int | None:
        """From when on the next after him, who may read it, is on duty and he is not, ms; None = not before he is. Only then an urgent case
        leaves somebody who had no hour of his for it: else it would go from one who is asleep to another, as often as it may go on."""
        now, follows = self.clock.now_ms(), await self.succession.turn(tx, without(gate, [person]))
        member = None if follows is None else await find_member(tx, self.keys, self.vetters, follows[0].person, now // HOUR_MS)
        if member is None or not self.gate.passes(case, member):
            return None
        hours = await self._hours(tx, member.person.id)
        at = begins(None if hours is None else hours.duty, now)
        return None if on_duty(duty, at) else at

    async def _hours(self, tx: Tx, person: str) -> Declared | None:
        row = await tx.person(person)
        return None if row is None else declared(row, self.keys)

    async def idle(self, task: Task) -> None:
        """The IDLE task: `ref` = case id. Whoever opened it and did nothing for so long reads it no more; it moves on."""
        async with self.store.begin() as tx:
            if await self._stood_still(tx, task):
                return
            case = await tx.lock_case(task.ref)
            if case is not None and case.state in READ:
                readers = {g.person_id for g in await tx.grants(case.id) if g.state is GrantState.OPEN and g.person_id is not None}
                if readers:
                    await self._idle(tx, case, sorted(readers))
            await tx.done(task)

    async def _idle(self, tx: Tx, case: CaseRow, readers: Sequence[str]) -> None:
        gate = read_gate(self.keys, case)
        if await self.succession.goes_on(tx, gate, readers):
            await self.succession.leave(tx, case, readers, GrantState.LAPSED, in_slot=True)
            return
        for person in readers:
            await self.letters.write(tx, Trouble.SILENT, case=case.id, person=person)
        self.alarm(Trouble.SILENT)
        await self.patience.stirred(tx, gate)

    async def _stood_still(self, tx: Tx, task: Task) -> bool:
        """Whether the last sign of life is so old that this must not run yet. Then everything is put off, this with it."""
        last, now = await tx.heartbeat(WORKER), self.clock.now_ms()
        if last is None or abs(now - last) <= GAP_MS:
            return False
        await tx.postpone(PATIENT, now - last)
        await tx.beat(WORKER, now)
        await tx.done(task)  # it was put off: its row stays, free
        return True

    async def review(self, task: Task) -> None:
        """The REVIEW task: `ref` = person id. His standing changed: what he may read no more is taken from him, and moves on."""
        async with self.store.begin() as tx:
            hour, cases = self.clock.now_ms() // HOUR_MS, await lock_held(tx, task.ref)
            again = await Enrolment(self.keys, self.vetters, self.letters).record(tx, task.ref, hour)
            member = await find_member(tx, self.keys, self.vetters, task.ref, hour)
            for case in cases:
                if member is None or self.gate.lost(case, member):
                    await hand_over(tx, self.succession, case, task.ref, GrantState.STRUCK)
            if again is not None:
                await tx.enqueue(TaskKind.REVIEW, task.ref, again * HOUR_MS)  # a suspension that lapses, a card that ends
            await tx.done(task)

    async def review_all(self) -> None:
        """A REVIEW of everybody who is offered or reads a case, since a card ends by itself, and so does a suspension; and of whom the
        login is told something else of than the log says. Raises StorageDown."""
        async with self.store.begin() as tx:
            enrolment = Enrolment(self.keys, self.vetters, self.letters)
            astray = await enrolment.astray(tx, self.clock.now_ms() // HOUR_MS)
            for person in sorted({*await tx.readers(), *astray}):
                await tx.enqueue(TaskKind.REVIEW, person, self.clock.now_ms())
