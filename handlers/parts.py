"""The parts of one case epoch, sealed: messages, contact, codes, key files, stubs, custody entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from handlers.designation import designation
from handlers.phrases import Phrase
from handlers.ports import Entropy
from handlers.reading import Read
from handlers.roster import Member
from handlers.state import Safety
from handlers.subject import Subject
from handlers.thread import Thread
from routing.cards import card_bytes
from routing.gate import GateFile, Seat, Sla, facts_of
from routing.people import Atlas, Code, TipFacts
from sealing import custody, plaintexts, signing
from sealing.case import CaseKey, ReaderKey, codes_envelope, contact_envelope, envelope, grant
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.plaintexts import Contact, Stub
from sealing.rows import Envelope, GrantRow, Part, Purpose
from triage.tip import Inbound, Urgency


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals the parts of one case epoch. `day` = days since 1970 UTC, the only time that stands in the clear."""

    keys: WorkerKeys
    entropy: Entropy
    key: CaseKey
    day: int

    @property
    def delivery(self) -> tuple[int, str]:
        return self.keys.recipient(Purpose.DELIVERY)

    @property
    def _release(self) -> str:
        return self.keys.recipient(Purpose.RELEASE)[1]

    def messages(self, read: Sequence[Read], first_seq: int, previous: str) -> tuple[Envelope, ...]:
        """Hash-chained: each names the ciphertext hash of the message before it."""
        sealed: list[Envelope] = []
        for seq, r in enumerate(read, first_seq):
            u = r.understood
            plaintext = plaintexts.message_in(
                self.key.case_id,
                self.key.epoch,
                seq,
                previous,
                r.message.text,
                r.message.written,
                u.identified.language,
                u.translation,
                u.assessment,
                r.asked,
                r.message.form,
                r.message.media,
            )
            sealed.append(envelope(self.key, seq, Part.MESSAGE, self.day, plaintext))
            previous = sealed[-1].sha256
        return tuple(sealed)

    def contact(self, message: Inbound, thread: Thread, seq: int) -> Envelope:
        """Made anew at each message of the source, so that the newest says how, and whether, we may write first."""
        state, contact_id = thread.state, self.entropy.draw(16).hex()
        contact = Contact(message.channel, message.address, state.language or "und", state.alphabet, pull=pull(thread))
        plaintext = plaintexts.contact_inner(self.key.case_id, seq, contact_id, contact)
        return contact_envelope(self.key, seq, self.day, contact_id, self.keys.seal_contact(self.key.case_id, plaintext))

    def codes(self, reasons: Mapping[str, tuple[Code, ...]], seq: int, recipient: str) -> Envelope:
        """`recipient`: of the codes' own key, which trustees hold in shares."""
        plain = {person: [code.value for code in codes] for person, codes in sorted(reasons.items())}
        return codes_envelope(CaseKey(self.key.case_id, self.key.epoch, recipient), seq, self.day, self._release, plain)

    def stub(self, facts: TipFacts, read: Sequence[Read], atlas: Atlas, country: str) -> Stub:
        """Never a name, a town or a word of the tip."""
        urgency = min((r.assessment.urgency for r in read), key=list(Urgency).index)
        kinds = tuple(sorted({kind.value for r in read for kind in r.assessment.kinds}))
        told = self.stub_of(facts, urgency, atlas, country)
        return replace(told, kinds=kinds, language=facts.language or "und", translation=_translation_quality(read))

    def later_stub(self, gate: GateFile, atlas: Atlas, country: str) -> Stub:
        """Of a later epoch, or for a later reader: by what the gate file knows."""
        urgency = Urgency.ASKS_HELP if gate.asks_help else Urgency.TIME_CRITICAL if gate.sla is Sla.URGENT else Urgency.GENERAL_TIP
        return self.stub_of(facts_of(gate), urgency, atlas, country)

    def stub_of(self, facts: TipFacts, urgency: Urgency, atlas: Atlas, country: str) -> Stub:
        return Stub(
            case=self.key.case_id,
            epoch=self.key.epoch,
            grant="",
            designation=designation(self.key.case_id),
            urgency=urgency.value,
            kinds=(),
            country=atlas.regions[country].names[0] if country else "",
            agency_kinds=tuple(sorted(kind.value for kind in facts.kinds)),
            child=facts.child.value,
            language="und",
            translation="none",
            key_file_sha256="",
            card="",
            gate_recipient=self.keys.recipient(Purpose.GATE)[1],
            delivery_recipient=self.delivery[1],
            line=signing.public_of(self.keys.custody_seed),
        )

    def grants(self, seats: Sequence[Seat], members: Mapping[str, Member], stub: Stub) -> tuple[GrantRow, ...]:
        """One for every person drawn at once, in their order: fail-over needs nobody and reveals nothing. A lead's is like any other's."""
        made: list[GrantRow] = []
        for seat in seats:
            card = members[seat.person].card
            grant_id = self.keys.grant_id(self.key.case_id, self.key.epoch, seat.person)
            reader = ReaderKey(seat.person, card.age_recipient, seat.card)
            own = plaintexts.with_reader(stub, grant_id, reader.card_fingerprint, card_bytes(card).decode())
            made.append(grant(self.key, reader, grant_id, self._release, own))
        return tuple(made)

    def entries(self, kind: EntryKind, hashes: Sequence[str], hour: int) -> tuple[bytes, ...]:
        """Custody leaves signed by the worker, one per ciphertext."""
        return tuple(worker_leaf(self.keys, Entry(hour, kind, self.key.case_id, hash_, "")) for hash_ in hashes)


def worker_leaf(keys: WorkerKeys, entry: Entry) -> bytes:
    body = entry.body()
    signature = signing.sign(keys.custody_seed, signing.Use.CUSTODY, body)
    return custody.leaf(body, signing.public_of(keys.custody_seed), signature)


def country_of(facts: TipFacts, atlas: Atlas) -> str:
    """Where it happens, if that is one country of the atlas, else empty."""
    above = {region for known in facts.regions if known in atlas.regions for region in atlas.above(known)}
    countries = {region for region in above if atlas.regions[region].parent is None}
    return next(iter(countries)) if len(countries) == 1 else ""


def pull(thread: Thread) -> bool:
    """Whether an answer waits until the source writes. It does, but for a phone that she said is hers alone, and for somebody who told of
    others and of nobody else. Never on a vessel (F4 promises it), and never to a shared or borrowed phone or after 9."""
    state = thread.state
    if Phrase.F4 in state.asked:
        return True
    if state.safety is Safety.OWN:
        return False
    return state.safety is not Safety.UNKNOWN or thread.subject is not Subject.OTHERS


def _translation_quality(read: Sequence[Read]) -> str:
    found = {"none" if r.understood.translation is None else r.understood.translation.quality for r in read}
    foreign = {r.understood.identified.language for r in read} - {"en"}
    if not foreign:
        return "original"
    return "practice" if "practice" in found else "package" if "package" in found else "none"
