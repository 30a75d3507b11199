"""One sample of everything that sealing writes, from fixed inputs. `vectors.json` holds what it looked like when the format became final,
with ciphertexts made then: data sealed by an old line must open for ever, in Python and in the browser.

`python -m tests.sealing.vectors` adds samples that the file lacks, and never changes one that it holds.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from routing.cards import card_bytes
from routing.duty import Duty, duty_bytes
from routing.gate import GateFile, Seat, Sla
from routing.gate_bytes import gate_bytes
from routing.learning import SOURCES, Event, Heard, Opened, Verdict
from routing.lots import Lot
from routing.people import Card, Flag, Hold, Kin, Role
from routing.records import NOWHERE, Record, record_bytes
from sealing import age, custody, disclosing, passphrase, plaintexts, said, shares, signing
from sealing.age import padded_json
from sealing.card import SignedCard
from sealing.case import sha256
from sealing.custody import Entry, EntryKind
from sealing.disclosing import Disclosed
from sealing.keyring import WebKeys, WorkerKeys, announcement
from sealing.passphrase import PersonKey
from sealing.plaintexts import Contact, Erasure, Outgoing, Stub
from sealing.rows import Purpose
from sealing.said import Ending, Letter, Outcome, Push, Tie, Told
from sealing.shares import CODES, Bundle, Resealed, Share
from sealing.statements import matter, signed_entry, signed_release
from tests.desk.tips import spanish_tip
from triage.sensitive import Sensitive
from triage.tip import AgencyKind, Asked, Child, Control, Form, Inbound

FILE = Path(__file__).with_name("vectors.json")
CASE, GRANT, ACT, HASH = "0123456789abcdef" * 2, "fedcba9876543210" * 2, "00112233445566778899aabbccddeeff", "5a" * 32
AT = datetime(2026, 11, 21, 14, 37, 12, tzinfo=UTC)
WORDS = "Está encerrada. 她被锁在里面 🙏"
SPOKEN = "four random words here"
CONTENT = b"age-encryption.org/v1\nthe ciphertext behind an act"
"""Stands for one: age draws its keys anew at every sealing."""
SECOND = base64.b64encode(b"\x07" * 32).decode()
"""Seed of a second vetter; the first's is that of the file."""
RECIPIENT = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"
"""In the form of one; nobody seals to it."""
LEAD, SECOND_READER = "33445566778899aabbccddeeff001122", "44" * 16
EXPLAINED = Entry(494_000, EntryKind.EXPLAIN, CASE, HASH, "")
NONCE = bytes(range(16))
FOR_TWO = {HASH: CONTENT, "a5" * 32: CONTENT}
"""For the two auditors with these cards."""
LENGTHS = (0, 1, 2048, 2049, 2050, 4095, 4096, 4097, 5000, 65_535, 65_537, 1_000_000)


def plaintext_samples(identity: str) -> dict[str, bytes]:
    """Kind -> plaintext. The first name of each is its `kind`."""
    tip = spanish_tip()
    way = Contact("sms", Sensitive("+999 100 0001"), "es", "Latn", pull=True)
    stub = Stub(
        CASE, 1, GRANT, "teal heron", "asks_help", ("sex_trafficking",), "Valdoria", ("police",), "unknown", "es", "practice", HASH,
        HASH, "age1gate", "age1delivery",
    )  # fmt: skip
    answered = {"v": 1, "kind": "answer", "case": CASE, "epoch": 1, "sequence": 1, "contact": HASH, "inner": b64(b"inner"), "text": WORDS}
    return {
        "inbound": plaintexts.inbound(Inbound("sms", Sensitive("+999 100 0001"), Sensitive(WORDS), "SM1", AT)),
        "inbound forwarded": plaintexts.inbound(
            Inbound("telegram", Sensitive("999100001"), Sensitive(WORDS), "7:1:2", AT, AT, Form.FORWARDED, 2, Control.HELP, "1")
        ),
        "stub": plaintexts.stub(stub),
        "stub of today": plaintexts.stub(replace(stub, own=card_bytes(the_card()).decode(), line=signing.public_of(SECOND))),
        "message": plaintexts.message_in(CASE, 1, 1, "", Sensitive(tip.text), AT, "es", tip.translation, tip.found, Asked.WHO_NOT),
        "message forwarded": plaintexts.message_in(
            CASE, 1, 1, "", Sensitive(tip.text), AT, "es", tip.translation, tip.found, Asked.WHO_NOT, Form.FORWARDED, 2
        ),
        "message out": plaintexts.message_out(CASE, 1, 2, HASH, Sensitive(WORDS), AT),
        "address": plaintexts.contact_inner(CASE, 3, ACT, way),
        "contact": plaintexts.contact_outer(CASE, 1, 3, ACT, b"inner"),
        "codes": plaintexts.codes_note(CASE, 1, 4, {GRANT: ["E3", "E5"], ACT: []}),
        "outgoing": plaintexts.outgoing(Outgoing("sms", Sensitive("+999 100 0001"), Sensitive(WORDS))),
        "erasure": plaintexts.erasure(Erasure("sms", Sensitive("+999 100 0001"), "SM1")),
        "answer": age.padded_json(dict(answered)),
        "handout": plaintexts.handout(ACT, "opened", "", b"key file"),
        "handout of a second look": plaintexts.handout(ACT, "opened", "", b"key file", {"proposed": "unfounded"}),
        "outcome": said.outcome(Outcome(CASE, Ending.PERSON_SAFE)),
        "outcome of one who can be asked": said.outcome(Outcome(CASE, Ending.UNFOUNDED, HASH, CONTENT)),
        "outgoing question": plaintexts.outgoing(
            Outgoing("sms", Sensitive("+999 100 0001"), Sensitive(WORDS), 1_800_000_000_000, "es", "Latn")
        ),
        "push": said.push(Push(GRANT, "sms", Sensitive("+999 100 0001"))),
        "share": shares.share_text(Share(CASE, 1, RECIPIENT, 2, bytes(range(75)))),
        "reseal": shares.reseal(Resealed(CASE, 1, HASH, CONTENT)),
        "shares": shares.bundle(Bundle(CASE, 1, (CONTENT, CONTENT))),
        "given": shares.given(CONTENT, Resealed(CASE, 1, HASH, CONTENT)),
        "share of the codes": shares.share_text(Share(CASE, CODES, RECIPIENT, 2, bytes(range(75)))),
        "disclose": disclosing.disclose(Disclosed(CASE, FOR_TWO)),
        "disclosed": disclosing.disclosed(CONTENT, FOR_TWO),
        "handover": padded_json({"v": 1, "kind": "handover", "case": CASE, "shares": [b64(CONTENT), b64(CONTENT)]}),
        "tie": said.tie(Tie(GRANT, Sensitive(WORDS))),
        "told": said.told(Told(CASE, "police-cs", "", 20_778)),
        "told of a kind of office": said.told(Told(CASE, "", "ngo", 20_778)),
        "letter": said.letter(Letter("tie", CASE, GRANT, Sensitive(WORDS))),
        "key file": plaintexts.key_file(CASE, 1, identity),
    }


def exact_samples() -> dict[str, bytes]:
    """What is signed or authenticated as the very bytes that it is: no padded JSON."""
    spoken = Entry(494_000, EntryKind.TIE, CASE, sha256(CONTENT), HASH).body()
    return {
        "act": plaintexts.act(Entry(494_000, EntryKind.OPEN, CASE, HASH, HASH).body()),
        "act with content": plaintexts.act(spoken, CONTENT),
        "gate": gate_bytes(the_gate()),
        "gate with leads and lots": gate_bytes(the_gate_of_today()),
        "lessons": record_bytes(the_lessons()),
        "told entry": Entry(494_000, EntryKind.TOLD, CASE, sha256(CONTENT), HASH).body(),
        "release entry": Entry(494_000, EntryKind.RELEASE, CASE, matter(CASE, Hold.POISONED, NONCE), "").body(),
        "explain entry": EXPLAINED.body(),
        "audit entry": Entry(494_000, EntryKind.AUDIT, CASE, HASH, HASH).body(),
        "key card": card_bytes(the_card()),
        "epoch": announcement(Purpose.GATE, 2, RECIPIENT),
        "duty": duty_bytes(Duty("Asia/Manila", (((480, 720), (780, 1020)),) * 5 + ((), ((0, 1440),)))),
    }


def the_card() -> Card:
    return Card(
        person=GRANT, name="Ana Ñ. Práctica", spellings=("A. Practica",), age_recipient=RECIPIENT,
        verify_key=signing.public_of(base64.b64encode(b"\x09" * 32).decode()), role=Role.HANDLER, agency="ngo-faro",
        past_agencies=("police-cs",), home="cs", posting="cs", past_postings=("penalta",), kin=(Kin("Bo", "penalta", None),),
        conflicts=("Hotel Miramar",), languages=("en", "es"), child_clearance=True, capacity=7, founder=False, sequence=2,
        issued=datetime(2026, 5, 1, 8, tzinfo=UTC), expires=date(2027, 5, 1), practice=False,
    )  # fmt: skip


def the_gate() -> GateFile:
    return GateFile(
        case=CASE, epoch=1, recipient=RECIPIENT, sealed_at=AT, received=AT, sla=Sla.URGENT, agencies=("police-cs",),
        kinds=(AgencyKind.POLICE,), regions=("cs", "penalta"), place_known=True, child=Child.UNKNOWN, could_involve_child=True,
        asks_help=True, excluded=(ACT,), order=(Seat(GRANT, Role.HANDLER, 1, HASH),), pool=6, chances={GRANT: 0.25},
        flags=(Flag.SMALL_POOL,),
    )  # fmt: skip


def the_gate_of_today() -> GateFile:
    """With leads, and with what it takes to draw again."""
    lots = {
        GRANT: Lot(Role.HANDLER, "ngo-faro", ready=True),
        SECOND_READER: Lot(Role.HANDLER, "labour-ln", ready=False),
        LEAD: Lot(Role.LEAD, "prosecutor-cs", ready=True),
    }
    seats = (Seat(LEAD, Role.LEAD, 1, HASH),)
    chances = {GRANT: 0.2, SECOND_READER: 0.05, LEAD: 0.125}
    return replace(the_gate(), lead_order=seats, chances=dict(sorted(chances.items())), flags=(Flag.FEW_LEADS,), lots=lots)


def the_lessons() -> Record:
    """Two outcomes put together: one with somebody told by mouth, one that says next to nothing."""
    readers = (Opened(GRANT, 0.3, 0.65), Opened(SECOND_READER, 0.1, 0.0))
    leaked = Event("cs", readers, Verdict.COMPROMISED, LEAD, verified=True, day=20_778, outside=(Heard(GRANT, 0.18),))
    return Record(20_779, 2, (leaked, Event(NOWHERE, (), Verdict.CLEAN, SOURCES, verified=False, day=20_779)))


def derived(seed: str) -> dict[str, str]:
    """What follows from fixed inputs alone: signatures, leaves, tags. Ed25519 is deterministic."""
    public = signing.public_of(seed)
    body = Entry(494_000, EntryKind.OPEN, CASE, HASH, HASH).body()
    leaf = custody.leaf(body, public, signing.sign(seed, signing.Use.OPEN, body))
    web = WebKeys(1, "", b"\x01" * 32)
    worker = WorkerKeys({}, seed, b"\x02" * 32, b"\x03" * 32, b"\x04" * 32, b"\x05" * 32)
    return {
        **{f"signature {use.value}": b64(signing.sign(seed, use, WORDS.encode())) for use in signing.Use},
        "public key": public,
        "fingerprint": signing.fingerprint(public),
        "custody leaf": b64(leaf),
        "custody leaf hash": custody.leaf_hash(leaf).hex(),
        "signed card": b64(SignedCard(b'{"v":1}').signed_by(seed).to_bytes()),
        "signed key card": b64(SignedCard(card_bytes(the_card())).signed_by(seed).signed_by(SECOND).to_bytes()),
        "key card fingerprint": sha256(card_bytes(the_card())),
        "epoch signature": b64(signing.sign(seed, signing.Use.EPOCH, announcement(Purpose.GATE, 2, RECIPIENT))),
        "act signature": b64(signing.sign(seed, signing.Use.TIE, plaintexts.read_act(exact_samples()["act with content"])[0])),
        "dedupe tag": web.dedupe_tag("sms", "SM1"),
        "index tag": worker.index_tag("sms", "+9991000001"),
        "sending id": worker.sending_id("turn\0x"),
        "grant id": worker.grant_id(CASE, 1, ACT),
        "coins": worker.coins(CASE).hex(),
        "link tag": worker.link_tag("phone:+9991000001"),
        "release leaf": b64(signed_release(CASE, Hold.POISONED, NONCE, 494_000, seed)),
        "told leaf": b64(signed_entry(Entry(494_000, EntryKind.TOLD, CASE, sha256(CONTENT), HASH), seed)),
        "explain leaf": b64(custody.leaf(EXPLAINED.body(), public, signing.sign(seed, signing.Use.CUSTODY, EXPLAINED.body()))),
    }


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def main() -> None:
    held: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else _fresh()
    held.setdefault("exact", {})
    held.setdefault("escrow", _escrow(held["identity"]))
    recipient = age.recipient_of(held["identity"])
    for name, plaintext in plaintext_samples(held["identity"]).items():
        held["plaintexts"].setdefault(name, {"plaintext": b64(plaintext), "sealed": b64(age.seal(plaintext, recipient))})
    for name, exact in exact_samples().items():
        held["exact"].setdefault(name, b64(exact))
    for name, value in derived(held["seed"]).items():
        held["derived"].setdefault(name, value)
    FILE.write_text(json.dumps(held, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _escrow(reader: str) -> dict[str, Any]:
    """A case key in three shares of which two are needed, and a bundle of two that were re-sealed to the reader: Shamir's are drawn anew
    each time."""
    identity, recipient = age.generate()
    dealt = shares.split(identity.encode(), 2, 3)
    texts = [shares.share_text(Share(CASE, 1, recipient, 2, share)) for share in dealt]
    made = shares.bundle(Bundle(CASE, 1, tuple(age.seal(text, age.recipient_of(reader)) for text in texts[1:])))
    return {"identity": identity, "recipient": recipient, "shares": [b64(share) for share in dealt], "bundle": b64(made)}


def _fresh() -> dict[str, Any]:
    identity, release = age.generate()[0], age.generate()[0]
    seed = signing.generate()[0]
    key = PersonKey(ACT, identity, seed)
    file = passphrase.lock(key, SPOKEN, bytes(range(48)))
    text = plaintexts.key_file(CASE, 1, identity)
    return {
        "identity": identity,
        "seed": seed,
        "release": release,
        "padme": {str(length): age.padme(length) for length in LENGTHS},
        "person": {"text": b64(key.text()), "file": file, "passphrase": SPOKEN},
        "two locks": {"plaintext": b64(text), "sealed": b64(age.two_locks(text, age.recipient_of(identity), age.recipient_of(release)))},
        "plaintexts": {},
        "derived": {},
    }


if __name__ == "__main__":
    main()
