"""What leaves the line: offers of cases to readers, in slots, and texts to sources, through the send ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from handlers.memory import Safety
from handlers.parts import worker_leaf
from handlers.ports import Clock, MaybeSent, NotSent, Sender, SendResult, Store, Trouble, Tx
from handlers.roster import Member, Vetters, read_member
from handlers.succession import grants_of, hand_over, strike
from handlers.thread import read_thread
from routing.gate import GateFile, Refused, Seat, may_read, parse_gate
from routing.people import Atlas
from sealing import plaintexts
from sealing.case import sha256
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.plaintexts import Outgoing
from sealing.rows import GrantRow, GrantState, Purpose, SendingRow, SendingState, Task

MOST_TRIES = 9
"""With the queue's pauses (1 s doubling to 10 min) about a quarter of an hour."""


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
            named = await tx.grant(task.ref)
            case = None if named is None else await tx.lock_case(named.case_id)
            grant = await tx.grant(task.ref)
            if grant is None or case is None or case.gate is None or grant.state is not GrantState.LOCKED:
                await tx.done(task)
                return
            gate = parse_gate(self.keys.open_gate(case.id, case.gate))
            seat = self._whose(gate, grant)
            member = None if seat is None else await self._member(tx, seat.person)
            if seat is None or member is None or not self._may(gate, member):
                await self._pass_over(tx, gate, grant, seat)
            elif await tx.offer(grant.id, seat.person, self.keys.peel(grant.stub)):
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

    async def _pass_over(self, tx: Tx, gate: GateFile, grant: GrantRow, seat: Seat | None) -> None:
        """Strikes this person's grants and makes the next in the order due; nobody left raises the alarm and nothing is widened."""
        now = self.clock.now_ms()
        theirs = [grant] if seat is None else await grants_of(tx, self.keys, gate.case, gate.epoch, seat.person)
        await strike(tx, self.keys, theirs, now // 3_600_000)
        if not await hand_over(tx, self.keys, gate, (self.slot(now, True), self.slot(now, False))):
            self.alarm(Trouble.ORDER_EXHAUSTED)

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
        row = await self._row(task)
        outgoing = None if row is None else await self._claim(task, row)
        if row is None or outgoing is None:
            return
        sender = self.senders.get(outgoing.channel)
        if sender is None:
            await self._end(task, SendingState.SHELVED)
            return
        try:
            result = await sender.send(outgoing.address, outgoing.text)
        except NotSent:
            if row.case_id is None and task.attempts > MOST_TRIES:
                # A question of ours that is late by a quarter of an hour may meet another person on that phone.
                await self._end(task, SendingState.SHELVED)
                return
            async with self.store.begin() as tx:
                await tx.move_sending(task.ref, SendingState.SENDING, SendingState.DUE)
            raise
        except MaybeSent:
            await self._end(task, SendingState.UNKNOWN)
            return
        await self._end(task, SendingState.SENT if result is SendResult.SENT else SendingState.SHELVED)

    async def _row(self, task: Task) -> SendingRow | None:
        async with self.store.begin() as tx:
            row = await tx.sending(task.ref)
            if row is not None and row.state is SendingState.DUE:
                return row
            if row is not None and row.state is SendingState.SENDING:
                # A worker died between hand-over and record: it may have left.
                await tx.move_sending(row.id, SendingState.SENDING, SendingState.UNKNOWN)
            await tx.done(task)
            return None

    async def _claim(self, task: Task, row: SendingRow) -> Outgoing | None:
        """Asks the conversation, as it is now, before anything leaves: nothing after 9, no answer to a phone that was borrowed since."""
        outgoing = plaintexts.read_outgoing(self.keys.open(Purpose.DELIVERY, row.epoch, row.sealed))
        tag = await asyncio.to_thread(self.keys.index_tag, outgoing.channel, outgoing.address.reveal())
        async with self.store.begin() as tx:
            safety = read_thread(self.keys, await tx.thread(tag)).state.safety
            if safety is Safety.SILENT:
                await tx.move_sending(row.id, SendingState.DUE, SendingState.SHELVED)
            elif safety is Safety.BORROWED and row.case_id is not None:
                await tx.move_sending(row.id, SendingState.DUE, SendingState.WAITING)
            elif await tx.move_sending(row.id, SendingState.DUE, SendingState.SENDING):
                return outgoing
            await tx.done(task)
            return None

    async def _end(self, task: Task, state: SendingState) -> None:
        async with self.store.begin() as tx:
            await tx.move_sending(task.ref, SendingState.SENDING, state)
            await tx.done(task)
