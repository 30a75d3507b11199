"""What leaves the line: offers of cases to readers, in slots, and texts to sources, through the send ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from handlers.parts import worker_leaf
from handlers.ports import Clock, MaybeSent, NotSent, Sender, SendResult, Store, Trouble, Tx
from handlers.roster import Member, Vetters, read_member
from routing.gate import GateFile, Refused, Seat, may_read, parse_gate
from routing.people import Atlas
from sealing import plaintexts
from sealing.case import sha256
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.plaintexts import Outgoing
from sealing.rows import CaseRow, GrantRow, GrantState, Purpose, SendingState, Task, TaskKind


@dataclass(frozen=True, slots=True)
class Offers:
    """Shows a locked grant's stub to the person next in the drawn order."""

    store: Store
    keys: WorkerKeys
    clock: Clock
    vetters: Vetters
    atlas: Atlas
    slot: Callable[[int, bool], int]
    alarm: Callable[[StrEnum], None]

    async def offer(self, task: Task) -> None:
        """The OFFER task: `ref` = grant id. The gate is asked again: the roster may have changed since the draw."""
        async with self.store.begin() as tx:
            grant = await tx.grant(task.ref)
            case = None if grant is None else await tx.case(grant.case_id)
            if grant is None or case is None or case.gate is None or grant.state is not GrantState.LOCKED:
                await tx.done(task)
                return
            gate = parse_gate(self.keys.open_gate(case.id, case.gate))
            seat = self._whose(gate, grant)
            member = None if seat is None else await self._member(tx, seat.person)
            if seat is None or member is None or not self._may(gate, member):
                await self._pass_over(tx, case, gate, grant, seat)
            else:
                await tx.offer(grant.id, seat.person, self.keys.peel(grant.stub))
                await tx.log(self._entry(EntryKind.OFFER, grant, member.card_fingerprint))
            await tx.done(task)

    def _may(self, gate: GateFile, member: Member) -> bool:
        now = datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC)
        return not isinstance(may_read(gate, member.person, member.card_fingerprint, now, self.atlas), Refused)

    def _whose(self, gate: GateFile, grant: GrantRow) -> Seat | None:
        return next((seat for seat in gate.order if self.keys.grant_id(gate.case, grant.epoch, seat.person) == grant.id), None)

    async def _member(self, tx: Tx, person: str) -> Member | None:
        row = await tx.person(person)
        return None if row is None else read_member(row, self.keys, self.vetters)

    async def _pass_over(self, tx: Tx, case: CaseRow, gate: GateFile, grant: GrantRow, seat: Seat | None) -> None:
        """Strikes this grant and makes the next in the order due; nobody left raises the alarm and nothing is widened."""
        await tx.move_grant(grant.id, GrantState.LOCKED, GrantState.STRUCK)
        await tx.log(self._entry(EntryKind.STRIKE, grant, ""))
        rank = 0 if seat is None else seat.rank
        following = [later for later in gate.standing() if later.rank > rank]
        if not following:
            self.alarm(Trouble.ORDER_EXHAUSTED)
            return
        next_grant = self.keys.grant_id(case.id, grant.epoch, following[0].person)
        await tx.enqueue(TaskKind.OFFER, next_grant, self.slot(self.clock.now_ms(), case.urgent))

    def _entry(self, kind: EntryKind, grant: GrantRow, card: str) -> bytes:
        hour = self.clock.now_ms() // 3_600_000
        return worker_leaf(self.keys, Entry(hour, kind, grant.case_id, sha256(grant.key_file), card))


@dataclass(frozen=True, slots=True)
class Sends:
    """Carries ledger rows out. A crash between hand-over and record leaves `unknown`, which is never sent again by itself."""

    store: Store
    keys: WorkerKeys
    senders: Mapping[str, Sender]

    async def send(self, task: Task) -> None:
        """The SEND task: `ref` = sending id. Raises NotSent, so that the queue tries again later."""
        outgoing = await self._claim(task)
        if outgoing is None:
            return
        sender = self.senders.get(outgoing.channel)
        if sender is None:
            await self._end(task, SendingState.SHELVED)
            return
        try:
            result = await sender.send(outgoing.address, outgoing.text)
        except NotSent:
            async with self.store.begin() as tx:
                await tx.move_sending(task.ref, SendingState.SENDING, SendingState.DUE)
            raise
        except MaybeSent:
            await self._end(task, SendingState.UNKNOWN)
            return
        await self._end(task, SendingState.SENT if result is SendResult.SENT else SendingState.SHELVED)

    async def _claim(self, task: Task) -> Outgoing | None:
        async with self.store.begin() as tx:
            row = await tx.sending(task.ref)
            if row is not None and await tx.move_sending(row.id, SendingState.DUE, SendingState.SENDING):
                return plaintexts.read_outgoing(self.keys.open(Purpose.DELIVERY, row.epoch, row.sealed))
            if row is not None and row.state is SendingState.SENDING:
                # A worker died between hand-over and record: it may have left.
                await tx.move_sending(row.id, SendingState.SENDING, SendingState.UNKNOWN)
            await tx.done(task)
            return None

    async def _end(self, task: Task, state: SendingState) -> None:
        async with self.store.begin() as tx:
            await tx.move_sending(task.ref, SendingState.SENDING, state)
            await tx.done(task)
