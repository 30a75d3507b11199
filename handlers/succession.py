"""Who is offered a case next: the first of the drawn order who still stands, with every epoch of it. Never a new draw."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from handlers.parts import worker_leaf
from handlers.ports import Clock, Trouble, Tx
from routing.gate import GateFile, Seat, Sla, without
from routing.gate_bytes import gate_bytes, parse_gate
from sealing.age import OpenError
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import HOUR_MS, OUT, CaseRow, GrantRow, GrantState, TaskKind

Slot = Callable[[int, bool], int]
"""(now, urgent) -> the next moment at which a case may be offered, ms."""
Alarm = Callable[[StrEnum], None]
"""Somebody must look: a code, never content."""
SLOT_LASTS_MS = 45_000
"""What falls due in a slot is done by then; the desks look a minute after it began."""
NobodyLeft = Callable[[Tx, GateFile], Awaitable[None]]
"""What is done, in the same transaction, for a case whose drawn order is exhausted."""


class CaseBroken(Exception):
    """A sealed case without its own gate file or recipient: the row was tampered with. Nothing is handed out."""


async def nobody(_: Tx, __: GateFile) -> None:
    """Nothing more than the alarm."""


def read_gate(keys: WorkerKeys, case: CaseRow) -> GateFile:
    """The case's gate file. Raises CaseBroken, also when the row names another recipient than the gate, which only the worker writes."""
    if case.gate is None:
        raise CaseBroken
    try:
        gate = parse_gate(keys.open_gate(case.id, case.gate))
    except OpenError:
        raise CaseBroken from None
    if (gate.recipient, gate.epoch) != (case.recipient, case.epoch):
        raise CaseBroken
    return gate


async def grants_of(tx: Tx, keys: WorkerKeys, case_id: str, epochs: int, person: str) -> list[GrantRow]:
    """The person's grant in each epoch that he has one in."""
    found = [await tx.grant(keys.grant_id(case_id, epoch, person)) for epoch in range(1, epochs + 1)]
    return [grant for grant in found if grant is not None]


@dataclass(frozen=True, slots=True)
class Succession:
    """Takes people out of a case, and offers it to the next. Ask for the case's lock before."""

    keys: WorkerKeys
    clock: Clock
    slot: Slot
    alarm: Alarm
    nobody_left: NobodyLeft = nobody

    async def leave(self, tx: Tx, case: CaseRow, people: Sequence[str], state: GrantState, *, in_slot: bool = False) -> bool:
        """Strikes them from the gate file, takes their grants away, and offers the case to the next. `case`: locked, as it is now.
        False = nobody is left. Raises CaseBroken."""
        gate = without(read_gate(self.keys, case), people)
        if not await tx.update_gate(case.id, self.keys.seal_gate(case.id, gate_bytes(gate)), case.version):
            raise CaseBroken  # it was locked: nobody else can have changed it
        await self.out(tx, gate, people, state)
        return await self.next(tx, gate, in_slot=in_slot)

    async def out(self, tx: Tx, gate: GateFile, people: Iterable[str], state: GrantState) -> None:
        """Their grants of every epoch; who has no more gets nothing further."""
        for person in people:
            await self.take(tx, await grants_of(tx, self.keys, gate.case, gate.epoch, person), state)

    async def take(self, tx: Tx, grants: Sequence[GrantRow], state: GrantState) -> None:
        """Each with its custody entry; what a person signed himself is logged by whoever judged it, what a silence did is a LAPSE."""
        kind = {GrantState.STRUCK: EntryKind.STRIKE, GrantState.LAPSED: EntryKind.LAPSE}.get(state)
        for grant in grants:
            if grant.state not in OUT and await tx.move_grant(grant.id, grant.state, state) and kind is not None:
                hour = self.clock.now_ms() // HOUR_MS
                await tx.log(worker_leaf(self.keys, Entry(hour, kind, grant.case_id, self.keys.inner_hash(grant.key_file), "")))

    async def next(self, tx: Tx, gate: GateFile, *, in_slot: bool = False) -> bool:
        """Makes the offers due at the next slot, unless the first who stands has them already. Who reads the case is offered its new epoch
        at once. False = nobody is left: the alarm is raised, and nothing is widened. `in_slot`: by what falls due in slots alone, so that
        the one of now will do."""
        at = self.slot(self.clock.now_ms() - (SLOT_LASTS_MS if in_slot else 0), gate.sla is Sla.URGENT)
        turn = await self.turn(tx, gate)
        if turn is None:
            self.alarm(Trouble.ORDER_EXHAUSTED)
            await self.nobody_left(tx, gate)
            return False
        reads = any(grant.state is GrantState.OPEN for grant in turn[1])
        for grant in turn[1]:
            if grant.state is GrantState.LOCKED:
                await tx.enqueue(TaskKind.OFFER, grant.id, self.clock.now_ms() if reads else at)
        return True

    async def goes_on(self, tx: Tx, gate: GateFile, people: Sequence[str]) -> bool:
        """Whether the case goes on without these: somebody of the order follows, or trustees hold shares of its key. Whom nobody can come
        after is reminded, and not passed over."""
        return await self.turn(tx, without(gate, people)) is not None or bool(await tx.shares(gate.case))

    def until_slot(self, gate: GateFile) -> int:
        """Milliseconds until the next."""
        now = self.clock.now_ms()
        return self.slot(now, gate.sla is Sla.URGENT) - now

    async def turn(self, tx: Tx, gate: GateFile) -> tuple[Seat, Sequence[GrantRow]] | None:
        """Whose turn it is, with his grants: the first who stands, was not passed over, and has a key of the newest epoch."""
        for seat in gate.standing():
            grants = await grants_of(tx, self.keys, gate.case, gate.epoch, seat.person)
            if grants and grants[-1].epoch == gate.epoch and not any(grant.state in OUT for grant in grants):
                return seat, grants
        return None
