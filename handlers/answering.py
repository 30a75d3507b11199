"""A reader's answer on its way to the source: read out of its nested contact, translated with the reader's own words under it, kept in the
case, and put in the ledger: due at once, or waiting until the source writes. Links, numbers and handles never go out (DESIGN 4)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from handlers.phrases import Phrase
from handlers.ports import Clock, Detector, Phrases, Translator, Tx
from handlers.renewal import Renewal
from sealing import age, plaintexts
from sealing.case import CaseKey, envelope
from sealing.keyring import WorkerKeys
from sealing.plaintexts import Answer, Contact, Outgoing
from sealing.rows import DAY_MS, CaseRow, Envelope, Part, Purpose, SendingRow, SendingState, TaskKind
from triage.sensitive import Sensitive

CONTACT = re.compile(r"(?i)[a-z]://|\bwww\.|\w\.[^\W\d_]{2,}|\S@|@\w")
"""A scheme, anything like a domain ("a.bc", also in other scripts), an e-mail address, a handle."""
MANY_DIGITS = re.compile(r"(?:\d\W{0,3}){7,}")
LONGEST = 1000
"""Code points of an answer: seven text messages."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Where an answer goes, and the text as the source will see it."""

    seq: int
    contact: Contact
    text: Sensitive[str]


@dataclass(frozen=True, slots=True)
class Answering:
    keys: WorkerKeys
    clock: Clock
    detector: Detector
    translator: Translator
    phrases: Phrases
    renewal: Renewal

    async def prepare(self, answer: Answer) -> Prepared | None:
        """Reads the inner contact and translates; no transaction is open meanwhile. None = not the line's own contact for this case."""
        try:
            plaintext = self.keys.open_contact(answer.case, answer.inner)
            seq, contact = plaintexts.read_contact_inner(plaintext, answer.case)
        except age.OpenError:
            return None
        return Prepared(seq, contact, Sensitive(await self._render(answer.text, contact)))

    async def commit(self, tx: Tx, case: CaseRow, answer: Answer, prepared: Prepared | None) -> str | None:
        """Everything in the caller's transaction. A refusal's code, or None when it is on its way."""
        if len(answer.text.reveal()) > LONGEST:
            return "too_long"
        if names_contact(answer.text.reveal()):
            return "contact_in_reply"
        if prepared is None:
            return "no_contact"
        stored = await tx.envelopes(case.id)
        newest = max((e for e in stored if e.part is Part.CONTACT), key=lambda e: e.seq, default=None)
        if newest is None or (newest.sha256, newest.seq) != (answer.contact, prepared.seq) or answer.epoch != case.epoch:
            return "stale"
        epoch, sealed = self.keys.seal(Purpose.DELIVERY, self._outgoing(prepared))
        state = SendingState.WAITING if prepared.contact.pull else SendingState.DUE
        sending = self.keys.sending_id(f"answer\0{case.id}\0{answer.sequence}")
        if not await tx.add_sending(SendingRow(sending, case.id, state, epoch, sealed)):
            return "stale"  # this sequence number was used: the desk reads the case again
        await tx.append([self._kept(await self.renewal.place(tx, case), answer, stored)])
        if state is SendingState.DUE:
            await tx.enqueue(TaskKind.SEND, sending, self.clock.now_ms())
        return None

    async def _render(self, text: Sensitive[str], contact: Contact) -> str:
        """Translation and the reader's own words; below the package's self-test floor only his own words and a phrase that says so."""
        words = text.reveal()
        written = self.detector.identify(words).language
        slots = {"original": words}
        if written == contact.language:
            return self.phrases.say(Phrase.ANSWER_SAME.value, contact.language, contact.alphabet, slots)
        source = "en" if written == "und" else written
        translation = await self.translator.translate(text, source, contact.language)
        if translation is None or not translation.trusted:
            return self.phrases.say(Phrase.ANSWER_PLAIN.value, contact.language, contact.alphabet, slots)
        slots = {"translation": translation.text.reveal(), "original": words}
        return self.phrases.say(Phrase.ANSWER_TRANSLATED.value, contact.language, contact.alphabet, slots)

    @staticmethod
    def _outgoing(prepared: Prepared) -> bytes:
        return plaintexts.outgoing(Outgoing(prepared.contact.channel, prepared.contact.address, prepared.text))

    def _kept(self, key: CaseKey, answer: Answer, stored: Sequence[Envelope]) -> Envelope:
        """The answer as the case keeps it, chained behind the last message."""
        seq = max(e.seq for e in stored) + 1
        previous = next(e.sha256 for e in reversed(stored) if e.part is Part.MESSAGE)
        now = self.clock.now_ms()
        sent = datetime.fromtimestamp(now / 1000, UTC)
        plaintext = plaintexts.message_out(key.case_id, key.epoch, seq, previous, answer.text, sent)
        return envelope(key, seq, Part.MESSAGE, now // DAY_MS, plaintext)


def names_contact(text: str) -> bool:
    """A link, phone number, e-mail address or @handle: none goes out, since it would lead the source off the line (or into a trap)."""
    plain = unicodedata.normalize("NFKC", text)
    return bool(CONTACT.search(plain) or MANY_DIGITS.search(plain))
