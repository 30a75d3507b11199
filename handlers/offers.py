"""A case is shown to the person next in its drawn order: his stub's outer lock is peeled, in a slot."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.declared import hours_of
from handlers.notices import announce
from handlers.opening import Gate
from handlers.parts import worker_leaf
from handlers.patience import Patience
from handlers.ports import Clock, Store, Trouble, Tx
from handlers.roster import Member, Vetters, find_member
from handlers.succession import Succession, grants_of, read_gate
from routing.gate import GateFile, Seat
from routing.people import Role
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.points import Point, reached
from sealing.rows import HOUR_MS, CaseRow, CaseState, GrantRow, GrantState, Later, Task

OVER = frozenset({CaseState.CLOSED, CaseState.PURGED})
"""Nobody is offered it; whoever opens it again makes the offer due again."""


@dataclass(frozen=True, slots=True)
class Offers:
    store: Store
    keys: WorkerKeys
    clock: Clock
    vetters: Vetters
    gate: Gate
    patience: Patience
    succession: Succession

    async def offer(self, task: Task) -> None:
        """The OFFER task: `ref` = grant id. The gate is asked again: the roster may have changed since the draw."""
        async with self.store.begin() as tx:
            named = await tx.grant(task.ref)
            case = None if named is None else await tx.lock_case(named.case_id)
            grant = await tx.grant(task.ref)
            if grant is None or case is None or case.gate is None or grant.state is not GrantState.LOCKED or case.state in OVER:
                await tx.done(task)
                return
            gate = read_gate(self.keys, case)
            seat = self._whose(gate, grant)
            hour = self.clock.now_ms() // HOUR_MS
            member = None if seat is None else await find_member(tx, self.keys, self.vetters, seat.person, hour)
            turn = await self.succession.turn(tx, gate)
            if seat is not None and (seat.role is Role.LEAD or (turn is not None and turn[0] != seat)):
                pass  # somebody else has the case, and a lead is offered none: whoever wrote this task, the worker did not
            elif seat is None or member is None or not self.gate.passes(case, member):
                if seat is not None and await self._waits(tx, case, gate, seat, member):
                    raise Later(self.succession.until_slot(gate))
                await self._pass_over(tx, gate, grant, seat)
            elif await tx.offer(grant.id, seat.person, self.keys.peel(grant.stub)):
                await tx.log(self._entry(EntryKind.OFFER, grant, member.card_fingerprint))
                row = await tx.person(seat.person)
                await self.patience.offered(tx, grant.id, gate, None if row is None else hours_of(row, self.keys))
                if case.urgent:
                    await announce(tx, self.succession.slot, self.clock.now_ms())
            await tx.done(task)
        reached(Point.OFFERED)

    async def _waits(self, tx: Tx, case: CaseRow, gate: GateFile, seat: Seat, member: Member | None) -> bool:
        """A refusal that may be over tomorrow takes nobody's place for ever: a region that the file lacks, or, where nobody can come after
        him, a suspension."""
        if member is not None and not self.gate.lost(case, member):
            self.succession.alarm(Trouble.CASE_BROKEN)
            return True
        if await self.succession.goes_on(tx, gate, [seat.person]):
            return False
        self.succession.alarm(Trouble.ORDER_EXHAUSTED)
        return True

    def _whose(self, gate: GateFile, grant: GrantRow) -> Seat | None:
        return next((seat for seat in gate.seats if self.keys.grant_id(gate.case, grant.epoch, seat.person) == grant.id), None)

    async def _pass_over(self, tx: Tx, gate: GateFile, grant: GrantRow, seat: Seat | None) -> None:
        """Strikes this person's grants and makes the next in the order due."""
        theirs = [grant] if seat is None else await grants_of(tx, self.keys, gate.case, gate.epoch, seat.person)
        await self.succession.take(tx, theirs, GrantState.STRUCK)
        await self.succession.next(tx, gate, in_slot=True)

    def _entry(self, kind: EntryKind, grant: GrantRow, card: str) -> bytes:
        hour = self.clock.now_ms() // HOUR_MS
        return worker_leaf(self.keys, Entry(hour, kind, grant.case_id, self.keys.inner_hash(grant.key_file), card))
