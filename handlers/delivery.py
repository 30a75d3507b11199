"""Texts to sources leave the line through the send ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from handlers.erasing import KEPT_DAYS, OURS_AFTER_MS, Erasures
from handlers.forgetting import reachable
from handlers.helped import expect_reply
from handlers.ports import Clock, Erasing, MaybeSent, NotSent, Sender, Sent, Store, Tx, Unsent, Wait
from handlers.state import Safety
from handlers.thread import read_thread
from sealing import plaintexts
from sealing.keyring import WorkerKeys
from sealing.plaintexts import Outgoing
from sealing.points import Point, reached
from sealing.rows import DAY_MS, Later, Purpose, SendingRow, SendingState, Task, TaskKind

LATE_MS = 15 * 60_000
"""A question of ours that is later than this may meet another person on that phone."""
IN_FLIGHT_MS = 500
"""When to look again after another text to the same address was on its way."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One text that the ledger calls `sending`. `thread` = tag of the address it goes to. `known`: there was a conversation with it;
    without one nobody comes for an answer, so none is kept for him."""

    row: SendingRow
    outgoing: Outgoing
    thread: str
    known: bool


@dataclass(frozen=True, slots=True)
class Sends:
    """Carries ledger rows out. A crash between hand-over and record leaves `unknown`, which is never sent again by itself."""

    store: Store
    keys: WorkerKeys
    clock: Clock
    senders: Mapping[str, Sender]
    erasures: Erasures
    _paused: dict[str, int] = field(default_factory=dict)
    """Address tag -> ms before which the provider wants nothing for it. Lost with the process: it is told again."""

    async def send(self, task: Task) -> None:
        """The SEND task: `ref` = sending id. Raises NotSent, so that the queue tries again later; Later while another text to the same
        address is on its way, or the provider asked to wait with this address."""
        row = await self._row(task)
        claim = None if row is None else await self._claim(task, row)
        if claim is None:
            return
        sender = self.senders.get(claim.outgoing.channel)
        if sender is None:
            await self._end(task, claim, SendingState.SHELVED)
            return
        reached(Point.SENDING)
        try:
            result = await sender.send(claim.outgoing.address, claim.outgoing.text, claim.row.id)
        except Wait as wait:
            self._pause(claim.thread, wait.delay_ms)
            await self._take_back(claim)
            raise Later(wait.delay_ms) from None
        except NotSent:
            await self._take_back(claim)
            raise
        except MaybeSent:
            await self._end(task, claim, SendingState.UNKNOWN)
            return
        reached(Point.LEFT)
        await (self._sent(task, claim, sender, result) if isinstance(result, Sent) else self._refused(task, claim, result))

    async def _row(self, task: Task) -> SendingRow | None:
        async with self.store.begin() as tx:
            row = await tx.sending(task.ref)
            if row is not None and row.state is SendingState.DUE:
                return row
            if row is not None and row.state is SendingState.SENDING:
                # A worker died between hand-over and record: it may have left.
                await self._move(tx, row, SendingState.UNKNOWN)
            await tx.done(task)
            return None

    async def _claim(self, task: Task, row: SendingRow) -> Claim | None:
        """Asks the conversation and the case, as they are now, before anything leaves: nothing stale, nothing after 9, no answer to
        a phone that was borrowed since, or to who asked to be let go."""
        outgoing = plaintexts.read_outgoing(self.keys.open(Purpose.DELIVERY, row.epoch, row.sealed))
        tag = await asyncio.to_thread(self.keys.index_tag, outgoing.channel, outgoing.address.reveal())
        self._heed_pause(tag)
        async with self.store.begin() as tx:
            stored = await tx.thread(tag)
            safety = read_thread(self.keys, stored).state.safety
            late = 0 < outgoing.due < self.clock.now_ms() - LATE_MS
            if late or safety is Safety.SILENT or (row.case_id is not None and not await reachable(tx, row.case_id)):
                await tx.move_sending(row.id, SendingState.DUE, SendingState.SHELVED)
            elif safety is Safety.BORROWED and row.case_id is not None:
                await tx.move_sending(row.id, SendingState.DUE, SendingState.WAITING)
            elif await tx.claim_sending(row.id, tag):
                self._heed_pause(tag)  # told while we waited for the claim: what raises here takes it back
                if row.case_id is not None and not await expect_reply(tx, self.keys, self.clock.now_ms(), row, outgoing, tag):
                    raise Later(IN_FLIGHT_MS)
                return Claim(row, outgoing, tag, stored is not None)
            elif (again := await tx.sending(row.id)) is not None and again.state is SendingState.DUE:
                raise Later(IN_FLIGHT_MS)
            await tx.done(task)
            return None

    def _pause(self, thread: str, delay_ms: int) -> None:
        now = self.clock.now_ms()
        for over in [tag for tag, until in self._paused.items() if until <= now]:
            del self._paused[over]
        self._paused[thread] = now + delay_ms

    def _heed_pause(self, thread: str) -> None:
        left = self._paused.get(thread, 0) - self.clock.now_ms()
        if left > 0:
            raise Later(left + 1)

    @staticmethod
    async def _move(tx: Tx, row: SendingRow, state: SendingState, *, keep: bool = False) -> None:
        """What became of a text that was on its way. Of an answer to who asked meanwhile to be let go, nothing is kept."""
        await tx.move_sending(row.id, SendingState.SENDING, state, keep=keep)
        if row.case_id is not None and not await reachable(tx, row.case_id):
            await tx.shelve_waiting(row.case_id, due=True)

    async def _take_back(self, claim: Claim) -> None:
        async with self.store.begin() as tx:
            await self._move(tx, claim.row, SendingState.DUE)

    async def _sent(self, task: Task, claim: Claim, sender: Sender, sent: Sent) -> None:
        async with self.store.begin() as tx:
            await self._move(tx, claim.row, SendingState.SENT, keep=sender.receipts and claim.known)
            stored = await tx.thread(claim.thread) if claim.known else None
            over = claim.known and (stored is None or read_thread(self.keys, stored).forgotten)  # while it was in the provider's hands
            for ref in sent.refs:
                noted = await self.erasures.note(tx, claim.thread, claim.outgoing.channel, claim.outgoing.address, ref)
                if noted is not None and (after := self._erased_after(sender, known=claim.known, over=over)) is not None:
                    await tx.enqueue(TaskKind.ERASE, noted, self.clock.now_ms() + after)
            await tx.done(task)

    @staticmethod
    def _erased_after(sender: Sender, *, known: bool, over: bool) -> int | None:
        """When to ask for a text's deletion, in ms from now; None = when its conversation ends. Whose conversation was forgotten before may
        not have read it yet, and nothing else would ever end what we keep of it."""
        if sender.erasing is Erasing.SEALED:
            return OURS_AFTER_MS
        if not known:
            return KEPT_DAYS * DAY_MS
        return 0 if over else None

    async def _refused(self, task: Task, claim: Claim, why: Unsent) -> None:
        """An answer that the provider takes only after the source has written again waits for that, where we would know him."""
        waits = why is Unsent.CLOSED and claim.row.case_id is not None and claim.known
        await self._end(task, claim, SendingState.WAITING if waits else SendingState.SHELVED)

    async def _end(self, task: Task, claim: Claim, state: SendingState) -> None:
        async with self.store.begin() as tx:
            await self._move(tx, claim.row, state)
            await tx.done(task)
