"""The one question to a source when a reader wants to close the case: was it of any use? It is asked once, with the first proposal, whether
a second look follows or not: who knows the source must not learn from it which cases are looked at again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from handlers.phrases import Phrase
from handlers.ports import Clock, Phrases, Tx
from handlers.replies import digit, yes_or_no
from handlers.requests import Refusal
from handlers.state import Safety
from handlers.succession import Slot
from handlers.thread import Thread, asked_mark, read_thread
from sealing import plaintexts
from sealing.age import OpenError
from sealing.keyring import WorkerKeys
from sealing.plaintexts import Contact, Outgoing
from sealing.rows import DAY_MS, HOUR_MS, CaseRow, Part, Purpose, SendingRow, SendingState, TaskKind
from sealing.said import Outcome
from triage.sensitive import Sensitive

KEPT_MS = 14 * DAY_MS
"""How long an answer is understood."""


def helped_id(keys: WorkerKeys, case_id: str) -> str:
    """Ledger id of the case's one question."""
    return keys.sending_id(f"helped\0{case_id}")


def midnight_after(ms: int) -> int:
    """The exact time of what a source did must not stand in the clear."""
    return (ms // DAY_MS + 1) * DAY_MS


async def expect_reply(tx: Tx, keys: WorkerKeys, now: int, row: SendingRow, outgoing: Outgoing, tag: str) -> bool:
    """A text of a case is about to leave. If it is the question, the source may answer it days later, when the conversation is long
    forgotten: then a mark with nothing else in it is kept. If it is a reader's, a bare "yes" is for him from now on. False = the source
    writes at this moment."""
    stored = await tx.thread(tag)
    thread = read_thread(keys, stored)
    if row.case_id is None or row.id != helped_id(keys, row.case_id):
        if stored is None or not thread.ended_asks:
            return True
        return await tx.save_thread(replace(thread, ended_asks=False).sealed(keys, stored))
    thread = replace(thread, ended=row.case_id, ended_until=now + KEPT_MS, ended_asks=True)
    if stored is None:
        state = replace(thread.state, language=outgoing.language, alphabet=outgoing.alphabet)
        await tx.enqueue(TaskKind.FORGET_THREAD, tag, midnight_after(now + KEPT_MS))
        return await tx.save_thread(asked_mark(keys, tag, replace(thread, state=state)))
    last = None if thread.last_sending is None else await tx.sending(thread.last_sending)
    if last is None or last.state is not SendingState.DUE:
        thread = replace(thread, state=replace(thread.state, asking=None))  # else a text of ours follows, and what it asks comes first
    return await tx.save_thread(thread.sealed(keys, stored))


def reply_of(thread: Thread, text: str, now: int) -> bool | None:
    """Whether it was of use, where a bare digit, or a plain yes or no, says so. None = nothing was asked, or something else is said."""
    if not thread.ended_asks or now >= thread.ended_until or thread.state.safety is Safety.SILENT:
        return None
    number = digit(text)
    return {1: True, 2: False}.get(yes_or_no(text) or 0 if number is None else number)


@dataclass(frozen=True, slots=True)
class Asking:
    keys: WorkerKeys
    clock: Clock
    phrases: Phrases
    slot: Slot

    async def contact(self, tx: Tx, case: CaseRow, said: Outcome) -> Contact | Refusal | None:
        """The newest way back to the source, as the reader handed it on. None = the case has none, or none that anybody can still open.
        He cannot leave it out: a source who is not asked cannot say no."""
        newest = max((e for e in await tx.envelopes(case.id) if e.part is Part.CONTACT), key=lambda e: e.seq, default=None)
        if newest is None or self._key_is_gone(newest.day):
            return None
        if said.contact and said.contact != newest.sha256:
            return Refusal.STALE
        try:
            seq, contact = plaintexts.read_contact_inner(self.keys.open_contact(case.id, said.inner), case.id)
        except OpenError:
            return Refusal.NO_CONTACT
        return contact if (seq, said.contact) == (newest.seq, newest.sha256) else Refusal.NO_CONTACT

    def _key_is_gone(self, day: int) -> bool:
        """Whether what was sealed to the delivery key of that day opens to nobody any more: its epoch was destroyed since."""
        oldest = min(self.keys.epochs[Purpose.DELIVERY])
        since = self.keys.shelf.since(Purpose.DELIVERY, oldest) * HOUR_MS // DAY_MS
        return day < since or (day == since and oldest > 1)

    async def ask(self, tx: Tx, case: CaseRow, contact: Contact | None) -> None:
        """In a slot. Who is not written to first is asked when he writes, as long as his conversation is remembered."""
        if contact is None or (contact.pull and await tx.thread_of(case.id) is None):
            return
        text = Sensitive(self.phrases.say(Phrase.HELPED.value, contact.language, contact.alphabet, {}))
        question = Outgoing(contact.channel, contact.address, text, language=contact.language, alphabet=contact.alphabet)
        epoch, sealed = self.keys.seal(Purpose.DELIVERY, plaintexts.outgoing(question))
        state = SendingState.WAITING if contact.pull else SendingState.DUE
        sending = helped_id(self.keys, case.id)
        if await tx.add_sending(SendingRow(sending, case.id, state, epoch, sealed)) and state is SendingState.DUE:
            await tx.enqueue(TaskKind.SEND, sending, self.slot(self.clock.now_ms(), False))
