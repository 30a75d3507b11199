"""Converse: one accepted message in, at most one answer out, and the case's sealing made due. Obligations, in order:

(1) open the message, find its thread by keyed tag  (2) understand it  (3) `advance` decides, purely
(4) a first tip makes a case, its id drawn at acceptance, before anything was known; of many alike the fifth makes one for all that follow
(5) the sealing falls due: at once, or after silence  (6) the answer goes to the ledger, sealed, due a fixed delay after acceptance
(7) all of it in one transaction with the task's end
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from handlers.conversation import Heard, Plan, Say, Turn, advance, overtaken, pending
from handlers.crowds import CrowdMoved, Crowds
from handlers.erasing import Erasures
from handlers.facts import place_known
from handlers.floods import fingerprint, own_words
from handlers.forgetting import cut_off, drop, emptied, let_go
from handlers.hearing import SILENCE
from handlers.helped import midnight_after, reply_of
from handlers.phrases import Phrase
from handlers.ports import Clock, Phrases, Store, Tx
from handlers.replies import digit
from handlers.roster import Member, Vetters, members, spellings
from handlers.state import Safety, State
from handlers.subject import subject_of, together
from handlers.thread import Thread, asked_mark, read_thread
from handlers.understanding import ENGLISH, UNSURE, Understanding, Understood
from routing.people import Atlas
from sealing import plaintexts
from sealing.keyring import WorkerKeys
from sealing.plaintexts import Outgoing
from sealing.points import Point, reached
from sealing.rows import (
    DAY_MS,
    HOUR_MS,
    CaseRow,
    CaseState,
    InboundRow,
    Later,
    Purpose,
    SendingRow,
    SendingState,
    Task,
    TaskKind,
    ThreadRow,
)
from triage.sensitive import Sensitive
from triage.tip import Control, Form, Inbound, Urgency

MINUTE_MS = 60_000
ANSWER_AFTER_MS = 3_000
"""Fixed, from acceptance: the same for a stranger, a wrong code and a tip (DESIGN 1, oracle)."""
LATE_MS = HOUR_MS
"""A message that took longer to reach us is taken and not answered: somebody else may hold the phone by now."""
EARLIER_MS = 200
TRIES = 5
FORGET_AFTER_MS = 72 * HOUR_MS
AT_ONCE = frozenset({Urgency.DANGER_NOW, Urgency.ASKS_HELP})
WAITING_FOR_SEAL = frozenset({CaseState.TALKING, CaseState.HELD})


class Helped(Protocol):
    async def __call__(self, tx: Tx, case_id: str, /, *, yes: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds. `silence`: a case is sealed after so long without a word; `longest`: at the latest so long after the first."""

    silence: int
    longest: int


@dataclass(frozen=True, slots=True)
class Talk:
    store: Store
    keys: WorkerKeys
    clock: Clock
    vetters: Vetters
    atlas: Atlas
    understanding: Understanding
    phrases: Phrases
    plan: Callable[[int], Plan]
    timing: Timing
    erasures: Erasures
    crowds: Crowds
    helped: Helped
    """What the source says of a case that was to be closed."""

    async def converse(self, task: Task) -> None:
        """The CONVERSE task. A message already handled (its row gone or attached) changes nothing.

        Raises Later while an earlier message of the same sender is still to be conversed: answers belong to the questions before them.
        """
        async with self.store.begin() as tx:
            row = await tx.inbound(task.ref)
            if row is None or row.thread is not None:
                await tx.done(task)
                return
            if await tx.waits_for_earlier(row.id):
                raise Later(EARLIER_MS)
            found = await members(tx, self.keys, self.vetters, self.clock.now_ms() // HOUR_MS)
        message = plaintexts.read_inbound(self.keys.open(Purpose.INTAKE, row.epoch, row.sealed))  # (1)
        tag = await asyncio.to_thread(self.keys.index_tag, message.channel, message.address.reveal())
        for _ in range(TRIES):
            try:
                await (self._forget if message.control is Control.FORGET else self._turn)(task, row, message, tag, found)
            except (ThreadMoved, CrowdMoved):
                continue
            return
        raise Later(EARLIER_MS)

    async def _turn(self, task: Task, row: InboundRow, message: Inbound, tag: str, found: Sequence[Member]) -> None:
        stored, thread, last = await self._remembered(tag)
        now = self.clock.now_ms()
        aside = message.form is Form.EDITED or now - int(message.written.timestamp() * 1000) > LATE_MS
        # Our last text was never seen, so its question is not the one that this message answers. What is aside stops none: it leaves.
        if last is SendingState.SHELVED or (last is SendingState.DUE and not aside):
            thread = replace(thread, state=overtaken(thread.state))
        asked = None if aside or message.control is not None else pending(thread.state, now)
        told = None if aside or message.control is not None or asked is not None else reply_of(thread, message.text.reveal(), now)
        if told is not None:
            await self._told(task, row, message, stored or ThreadRow(tag, None, 0, 0, b""), thread, yes=told)
            return
        understood = await self.understanding.quick(message.text, thread.state.language or None, asked, spellings(found))  # (2)
        known = place_known([understood.assessment], self.atlas)
        language, alphabet = _language(understood, thread.state), understood.identified.alphabet
        heard = Heard(message.text, understood.assessment, language, alphabet, known, message.control, aside)
        state, turn = advance(thread.state, heard, now, self.plan(now))  # (3)
        questions = dict(thread.asked) if asked is None else {**thread.asked, row.id: asked}
        readable = {lexicon.language for lexicon in self.understanding.lexicons}
        subject = together(thread.subject, subject_of(message.text.reveal(), understood, readable))
        new = replace(thread, state=state, asked=questions, subject=subject)
        reached(Point.UNDERSTOOD)
        async with self.store.begin() as tx:
            held = stored or ThreadRow(tag, None, 0, 0, b"")
            await self._commit(tx, task, row, message, held, new, turn, understood, now)
            reached(Point.CONVERSED)

    async def _told(self, task: Task, row: InboundRow, message: Inbound, held: ThreadRow, thread: Thread, *, yes: bool) -> None:
        """A digit that answers whether the line was of use: the case's record keeps it, and nothing else does."""
        answered = replace(thread, ended_asks=False)
        async with self.store.begin() as tx:
            if thread.ended is not None and await tx.attach(row.id, held.tag):
                await tx.drop_inbound([row.id])
                await self.erasures.note(tx, held.tag, message.channel, message.address, message.ref)
                await self.erasures.sealed(tx, held.tag, message.channel)
                await self.helped(tx, thread.ended, yes=yes)
                await self._keep(tx, row, message, held, answered, Turn((Say(Phrase.ENOUGH),), False, False, None, hears=False))
            await tx.done(task)

    async def _keep(self, tx: Tx, row: InboundRow, message: Inbound, held: ThreadRow, thread: Thread, turn: Turn) -> None:
        """Says what the turn says, and remembers."""
        sending = await self._answer(tx, row, message, thread, turn)  # (6)
        thread = replace(thread, last_sending=sending or thread.last_sending)
        if not await tx.save_thread(thread.sealed(self.keys, held)):
            raise ThreadMoved
        await tx.enqueue(TaskKind.FORGET_THREAD, held.tag, midnight_after(self.clock.now_ms() + FORGET_AFTER_MS))

    async def _remembered(self, tag: str) -> tuple[ThreadRow | None, Thread, SendingState | None]:
        """And what became of our last text."""
        async with self.store.begin() as tx:
            stored = await tx.thread(tag)
            thread = read_thread(self.keys, stored)
            last = None if thread.last_sending is None else await tx.sending(thread.last_sending)
        return stored, thread, None if last is None else last.state

    async def _commit(
        self,
        tx: Tx,
        task: Task,
        row: InboundRow,
        message: Inbound,
        held: ThreadRow,
        thread: Thread,
        turn: Turn,
        understood: Understood,
        now: int,
    ) -> None:
        if not await tx.attach(row.id, held.tag):
            await tx.done(task)
            return
        await self.erasures.note(tx, held.tag, message.channel, message.address, message.ref)
        if turn.tip:
            held, thread = await self._placed(tx, row, message, held, thread, understood, now)  # (4)
        if held.case_id is not None and await self._parting(tx, row, message, held.case_id):
            await self.erasures.sealed(tx, held.tag, message.channel)
        elif held.case_id is not None:
            await self._seal_when(tx, held.case_id, thread, turn, understood, now)  # (5)
            if turn.hears:
                await tx.release_waiting(held.case_id, now)
        await self._keep(tx, row, message, held, thread, turn)  # (6)
        await tx.done(task)  # (7)

    async def _placed(
        self, tx: Tx, row: InboundRow, message: Inbound, held: ThreadRow, thread: Thread, understood: Understood, now: int
    ) -> tuple[ThreadRow, Thread]:
        """A first tip gets its case, and so does somebody of a crowd who now tells something himself. Words after the question that we put
        at a case's end belong to that."""
        mark, found = fingerprint(message.text.reveal()), understood.assessment
        asked = thread.asked.get(row.id)
        ended = None if held.case_id is not None or thread.ended is None else await tx.lock_case(thread.ended)
        if ended is not None and ended.state is not CaseState.PURGED:
            return replace(held, case_id=ended.id), thread  # which opens it again
        if held.case_id is not None and (thread.crowd is None or not own_words(thread.crowd, mark, found, asked)):
            return held, thread
        written = int(message.written.timestamp() * 1000)
        placed = await self.crowds.place(tx, row.id, mark, written, now)
        if placed.new:
            urgent = found.urgency in AT_ONCE
            await tx.add_case(CaseRow(row.id, now // DAY_MS, CaseState.TALKING, urgent, 1, 0, None, None, None))
        return replace(held, case_id=placed.case_id), replace(thread, crowd=placed.crowd)

    async def _parting(self, tx: Tx, row: InboundRow, message: Inbound, case_id: str) -> bool:
        """A bare 9 after a case's end: silence is kept, and nobody has to read it. Everything else opens the case again."""
        case = await tx.case(case_id)
        if case is None or case.state is not CaseState.CLOSED or digit(message.text.reveal()) != SILENCE:
            return False
        await tx.drop_inbound([row.id])
        return True

    async def _seal_when(self, tx: Tx, case_id: str, thread: Thread, turn: Turn, understood: Understood, now: int) -> None:
        """A crowd's messages are sealed together, at the next full minute: later ones do not put it off."""
        if thread.crowd is not None:
            await tx.enqueue(TaskKind.SEAL, case_id, (now // MINUTE_MS + 1) * MINUTE_MS)
            return
        case = await tx.case(case_id)
        first = thread.state.first_ms or now
        due = min(now + self.timing.silence, first + self.timing.longest)
        at_once = turn.settled or understood.assessment.urgency in AT_ONCE
        if at_once or case is None or case.state not in WAITING_FOR_SEAL:
            due = now
        await tx.enqueue(TaskKind.SEAL, case_id, due)

    async def _answer(self, tx: Tx, row: InboundRow, message: Inbound, thread: Thread, turn: Turn) -> str | None:
        if thread.last_sending is not None and (turn.say or thread.state.safety is Safety.SILENT):
            # One message in flight per address (R6): what has not left yet is overtaken by the newer one, or by silence.
            await tx.move_sending(thread.last_sending, SendingState.DUE, SendingState.SHELVED)
        if not turn.say:
            return None
        text = "\n".join(self._say(say, thread.state) for say in turn.say)
        now = self.clock.now_ms()
        due = min(int(message.received.timestamp() * 1000), now) + ANSWER_AFTER_MS  # a clock that was set back delays no answer
        plaintext = plaintexts.outgoing(Outgoing(message.channel, message.address, Sensitive(text), max(due, now)))
        epoch, sealed = self.keys.seal(Purpose.DELIVERY, plaintext)
        sending = self.keys.sending_id(f"turn\0{row.id}")
        if await tx.add_sending(SendingRow(sending, None, SendingState.DUE, epoch, sealed)):
            await tx.enqueue(TaskKind.SEND, sending, due)
        return sending

    def _say(self, say: Say, state: State) -> str:
        return self.phrases.say(say.phrase.value, state.language or ENGLISH, state.alphabet, say.slots)

    async def _forget(self, task: Task, row: InboundRow, message: Inbound, tag: str, _: Sequence[Member]) -> None:
        """The source asks to be let go. What he told is sealed first, without a way back to him; nothing is said any more."""
        stored, thread = (await self._remembered(tag))[:2]
        now = self.clock.now_ms()
        async with self.store.begin() as tx:
            if not await tx.attach(row.id, tag):
                await tx.done(task)
                return
            await tx.drop_inbound([row.id])
            await self.erasures.note(tx, tag, message.channel, message.address, message.ref)
            await tx.erase_all(tag, now)
            if thread.last_sending is not None:
                await tx.move_sending(thread.last_sending, SendingState.DUE, SendingState.SHELVED)
            if stored is not None:
                await self._let_go(tx, stored, thread, now)
            await tx.done(task)

    async def _let_go(self, tx: Tx, stored: ThreadRow, thread: Thread, now: int) -> None:
        unsealed = await tx.inbound_of(stored.tag)
        if stored.case_id is not None and not unsealed:
            done = await let_go(tx, self.keys, thread, stored, stored.case_id, now // HOUR_MS)
        elif stored.case_id is None:
            await tx.drop_inbound([waiting.id for waiting in unsealed])
            if thread.ended is not None:
                await cut_off(tx, self.keys, thread.ended, now // HOUR_MS)
            done = await drop(tx, self.keys, thread, stored)
        else:
            await cut_off(tx, self.keys, stored.case_id, now // HOUR_MS)
            done = await tx.save_thread(emptied(thread).sealed(self.keys, stored))
            await tx.enqueue(TaskKind.SEAL, stored.case_id, now)
        if not done:
            raise ThreadMoved

    async def forget_thread(self, task: Task) -> None:
        """72 h of silence: the address's tag, state and what never became a tip are gone. One mark stays: who sent 9 is not answered."""
        async with self.store.begin() as tx:
            row = await tx.thread(task.ref)
            case = None if row is None or row.case_id is None else await tx.case(row.case_id)
            unsealed = [] if row is None else await tx.inbound_of(row.tag)
            if row is not None and case is not None and (unsealed or case.state in WAITING_FOR_SEAL):
                # What belongs to a case stays sealed to the intake key until somebody may read it: never lost.
                if case.state not in WAITING_FOR_SEAL:
                    await tx.enqueue(TaskKind.SEAL, case.id, self.clock.now_ms())
                await tx.enqueue(TaskKind.FORGET_THREAD, task.ref, midnight_after(self.clock.now_ms() + FORGET_AFTER_MS))
            elif row is not None:
                await tx.drop_inbound([waiting.id for waiting in unsealed])
                await self.erasures.over(tx, row.tag)
                if row.case_id is not None:
                    await tx.shelve_waiting(row.case_id)
                thread = read_thread(self.keys, row)
                if not await drop(tx, self.keys, thread, row):
                    raise Later(EARLIER_MS)  # somebody writes at this moment
                if self.clock.now_ms() < thread.ended_until and thread.state.safety is not Safety.SILENT:
                    await tx.save_thread(asked_mark(self.keys, row.tag, thread))
                    await tx.enqueue(TaskKind.FORGET_THREAD, row.tag, midnight_after(thread.ended_until))
            await tx.done(task)


class ThreadMoved(Exception):
    """Another worker advanced this conversation first; the task runs again on what it left."""


def _language(understood: Understood, state: State) -> str:
    found = understood.identified.language
    return state.language if found == UNSURE else found
