"""Whatever is changed, cut, re-addressed, moved to another case or epoch, or shown as something else, is refused: for everything that
sealing writes, taken from the vectors."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealing import age, custody, disclosing, plaintexts, said, shares, signing
from sealing.age import OpenError
from sealing.card import SignedCardError, parse_signed_card
from sealing.case import CaseKey, ReaderKey, codes_envelope, contact_envelope, envelope, grant, new_case_key
from sealing.custody import ACTOR_USE, EntryError, EntryKind, read_leaf
from sealing.keyring import WorkerKeys, announcement
from sealing.plaintexts import Stub
from sealing.rows import Part, Purpose
from sealing.signing import Use
from tests.sealing.vectors import ACT, CASE, FILE, GRANT, HASH, SECOND, WORDS, plaintext_samples

VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
IDENTITY, SEED, PUBLIC = VECTORS["identity"], VECTORS["seed"], VECTORS["derived"]["public key"]
OTHER, OTHER_RECIPIENT = age.generate()
OTHER_CASE = "f" * 32
SEALED = {name: base64.b64decode(vector["sealed"]) for name, vector in VECTORS["plaintexts"].items()}
SEALED["two locks"] = base64.b64decode(VECTORS["two locks"]["sealed"])
OPENS = {name: VECTORS["release"] if name == "two locks" else IDENTITY for name in SEALED}
LEAF = base64.b64decode(VECTORS["derived"]["custody leaf"])
CARD = base64.b64decode(VECTORS["derived"]["signed key card"])
VETTERS = {signing.fingerprint(key): key for key in (PUBLIC, signing.public_of(SECOND))}
BODY = plaintexts.read_act(base64.b64decode(VECTORS["exact"]["act with content"]))[0]
SIGNATURE = base64.b64decode(VECTORS["derived"]["act signature"])
few = settings(max_examples=40, deadline=None)
places, bits = st.integers(min_value=0, max_value=1 << 30), st.integers(min_value=0, max_value=7)

READERS: dict[str, Callable[[bytes], object]] = {
    "inbound": plaintexts.read_inbound,
    "address": lambda plain: plaintexts.read_contact_inner(plain, CASE),
    "codes": plaintexts.read_codes,
    "outgoing": plaintexts.read_outgoing,
    "erasure": plaintexts.read_erasure,
    "answer": plaintexts.read_answer,
    "outcome": said.read_outcome,
    "tie": said.read_tie,
    "letter": said.read_letter,
    "push": said.read_push,
    "told": said.read_told,
    "share": shares.read_share,
    "reseal": shares.read_reseal,
    "shares": shares.read_bundle,
    "given": shares.read_given,
    "disclose": disclosing.read_disclose,
    "disclosed": disclosing.read_disclosed,
    "handover": disclosing.read_handover,
    "key file": plaintexts.read_key_file,
    **{kind: partial(age.read_json, kind=kind) for kind in ("stub", "message", "contact", "handout")},
}


def worker() -> WorkerKeys:
    """Two epochs of every purpose."""
    epochs = {purpose: {1: age.generate()[0], 2: age.generate()[0]} for purpose in Purpose}
    return WorkerKeys(epochs, SEED, b"\x02" * 32, b"\x03" * 32, b"\x04" * 32, b"\x05" * 32)


KEYS = worker()


def flipped(whole: bytes, place: int, bit: int) -> bytes:
    changed = bytearray(whole)
    changed[place % len(changed)] ^= 1 << bit
    return bytes(changed)


def kind_of(name: str) -> str:
    return "key file" if name == "key file" else name.partition(" ")[0]


# ---- a bit, an end


@few
@given(st.sampled_from(sorted(SEALED)), places, bits)
def test_any_flipped_bit_of_any_ciphertext_is_refused(name: str, place: int, bit: int) -> None:
    assert age.unseal(SEALED[name], OPENS[name])
    with pytest.raises(OpenError):
        age.unseal(flipped(SEALED[name], place, bit), OPENS[name])


@few
@given(st.sampled_from(sorted(SEALED)), places)
def test_any_cut_ciphertext_is_refused(name: str, place: int) -> None:
    with pytest.raises(OpenError):
        age.unseal(SEALED[name][: place % len(SEALED[name])], OPENS[name])
    with pytest.raises(OpenError):
        age.unseal(SEALED[name] + bytes([place % 256]), OPENS[name])


@few
@given(st.sampled_from(["gate", "contact"]), places, bits)
def test_a_flipped_gate_file_or_contact_is_not_the_workers(what: str, place: int, bit: int) -> None:
    sealed, opened = (OWN[what], KEYS.open_gate if what == "gate" else KEYS.open_contact)
    assert opened(CASE, sealed) == b"{}"
    with pytest.raises(OpenError):
        opened(CASE, flipped(sealed, place, bit))


OWN = {"gate": KEYS.seal_gate(CASE, b"{}"), "contact": KEYS.seal_contact(CASE, b"{}")}


@few
@given(st.sampled_from(["leaf", "act", "card", "epoch"]), places, bits)
def test_no_flipped_bit_leaves_a_signature_standing(what: str, place: int, bit: int) -> None:
    assert all(HOLDS[name](whole) for name, whole in SIGNED.items())
    assert not HOLDS[what](flipped(SIGNED[what], place, bit))


@pytest.mark.parametrize("what", ["leaf", "card"])
def test_base64_hides_no_bit(what: str) -> None:
    """The last letter of base64 has bits that decode to nothing: a leaf that is written otherwise would be another leaf of the tree."""
    whole = SIGNED[what]
    padded = [place for place in range(len(whole)) if whole[place + 1 : place + 2] == b"="]
    assert padded
    assert not any(HOLDS[what](flipped(whole, place, bit)) for place in padded for bit in range(8))


@few
@given(st.sampled_from(["leaf", "act", "card", "epoch"]), places)
def test_no_cut_leaves_a_signature_standing(what: str, place: int) -> None:
    assert not HOLDS[what](SIGNED[what][: place % len(SIGNED[what])])


def leaf_holds(data: bytes) -> bool:
    try:
        return custody.holds(data, PUBLIC)
    except EntryError:
        return False


def act_holds(data: bytes) -> bool:
    """A signature of 64 bytes in front of the entry."""
    return signing.verify(PUBLIC, Use.TIE, data[64:], data[:64])


def card_holds(data: bytes) -> bool:
    """Both vetters stand for the very card of the vector."""
    try:
        signed = parse_signed_card(data)
    except SignedCardError:
        return False
    return len(signed.vetters(VETTERS, signing.generate()[1])) == 2 and signed.fingerprint() == VECTORS["derived"]["key card fingerprint"]


def epoch_holds(data: bytes) -> bool:
    return signing.verify(PUBLIC, Use.EPOCH, data[64:], data[:64])


SIGNED = {
    "leaf": LEAF,
    "act": SIGNATURE + BODY,
    "card": CARD,
    "epoch": base64.b64decode(VECTORS["derived"]["epoch signature"]) + base64.b64decode(VECTORS["exact"]["epoch"]),
}
HOLDS: dict[str, Callable[[bytes], bool]] = {"leaf": leaf_holds, "act": act_holds, "card": card_holds, "epoch": epoch_holds}


# ---- another recipient, case, epoch, kind


@few
@given(st.sampled_from(sorted(SEALED)))
def test_another_identity_opens_nothing(name: str) -> None:
    with pytest.raises(OpenError):
        age.unseal(SEALED[name], OTHER)


def test_what_is_re_sealed_to_another_opens_to_him_alone_and_changes_its_name() -> None:
    """A key file addressed to somebody else is not the one that the stub names, and the reader cannot open it."""
    key = CaseKey(CASE, 1, age.recipient_of(IDENTITY), IDENTITY)
    made = grant(key, ReaderKey(ACT, age.recipient_of(IDENTITY), HASH), GRANT, KEYS.recipient(Purpose.RELEASE)[1], the_stub())
    stub = age.read_json(age.unseal(KEYS.peel(made.stub), IDENTITY), "stub")
    assert KEYS.inner_hash(made.key_file) == stub["key_file_sha256"]
    swapped = KEYS.seal(Purpose.RELEASE, age.seal(plaintexts.key_file(CASE, 1, IDENTITY), OTHER_RECIPIENT))[1]
    assert KEYS.inner_hash(swapped) != stub["key_file_sha256"]
    with pytest.raises(OpenError):
        age.unseal(KEYS.peel(swapped), IDENTITY)


def test_the_worker_takes_no_gate_file_and_no_contact_of_another_case_use_or_worker() -> None:
    foreign = replace(KEYS, row_key=b"\x06" * 32)
    for sealed, opened in ((OWN["gate"], KEYS.open_gate), (OWN["contact"], KEYS.open_contact)):
        with pytest.raises(OpenError):
            opened(OTHER_CASE, sealed)
    body = b"{}"
    forged = (
        foreign.seal_gate(CASE, body),  # sealed to our public half by somebody without the row key
        KEYS.seal(Purpose.GATE, body)[1],
        KEYS.seal(Purpose.GATE, KEYS.open(Purpose.DELIVERY, 2, OWN["contact"]))[1],  # a contact's own MAC under a gate
        KEYS.seal_contact(CASE, body),
    )
    for sealed in forged:
        with pytest.raises(OpenError):
            KEYS.open_gate(CASE, sealed)


@pytest.mark.parametrize("purpose", Purpose)
def test_a_row_of_another_epoch_or_purpose_does_not_open(purpose: Purpose) -> None:
    epoch, sealed = KEYS.seal(purpose, b"row")
    assert (epoch, KEYS.open(purpose, epoch, sealed)) == (2, b"row")
    for wrong in (1, 3):
        with pytest.raises(OpenError):
            KEYS.open(purpose, wrong, sealed)
    for other in set(Purpose) - {purpose}:
        with pytest.raises(OpenError):
            KEYS.open(other, epoch, sealed)


def test_an_announcement_of_another_purpose_number_or_key_is_not_signed() -> None:
    row = next(row for row in KEYS.public_epochs() if (row.purpose, row.number) == (Purpose.INTAKE, 2))
    signature = base64.b64decode(row.signature)
    assert signing.verify(PUBLIC, Use.EPOCH, announcement(Purpose.INTAKE, 2, row.recipient), signature)
    others = [(Purpose.GATE, 2, row.recipient), (Purpose.INTAKE, 1, row.recipient), (Purpose.INTAKE, 2, OTHER_RECIPIENT)]
    assert not any(signing.verify(PUBLIC, Use.EPOCH, announcement(*other), signature) for other in others)


@pytest.mark.parametrize("name", sorted(VECTORS["plaintexts"]))
def test_no_plaintext_is_read_as_another_kind(name: str) -> None:
    plaintext = base64.b64decode(VECTORS["plaintexts"][name]["plaintext"])
    READERS[kind_of(name)](plaintext)
    for kind, read in READERS.items():
        if kind != kind_of(name):
            with pytest.raises(OpenError):
                read(plaintext)


def test_every_kind_of_plaintext_has_its_reader() -> None:
    assert {kind_of(name) for name in plaintext_samples(IDENTITY)} == set(READERS)


@pytest.mark.parametrize("behind", [b"\n!", b"\nAAA", b"\nAAAA\nAAAA"])
def test_what_stands_behind_an_act_is_one_ciphertext(behind: bytes) -> None:
    with pytest.raises(OpenError):
        plaintexts.read_act(BODY + behind)


@pytest.mark.parametrize("field", ["person", "channel", "address"])
def test_a_push_without_its_texts_is_refused(field: str) -> None:
    told = json.loads(base64.b64decode(VECTORS["plaintexts"]["push"]["plaintext"]))
    for wrong in (None, 1, ["+999 100 0001"]):
        with pytest.raises(OpenError):
            said.read_push(age.padded_json({**told, field: wrong}))


def test_shares_of_another_key_give_no_key() -> None:
    """Enough of them, and right ones: but of a key that is not this case's."""
    dealt = shares.split(OTHER.encode(), 2, 3)
    assert shares.recover(dealt, OTHER_RECIPIENT, 2) == OTHER
    with pytest.raises(shares.SharesError):
        shares.recover(dealt, age.recipient_of(IDENTITY), 2)


def test_a_contact_of_another_case_is_refused() -> None:
    plaintext = base64.b64decode(VECTORS["plaintexts"]["address"]["plaintext"])
    with pytest.raises(OpenError):
        plaintexts.read_contact_inner(plaintext, OTHER_CASE)


def test_a_key_of_one_epoch_opens_no_envelope_of_another() -> None:
    old, new = new_case_key(CASE, 1), new_case_key(CASE, 2)
    release = KEYS.recipient(Purpose.RELEASE)[1]
    later = [
        envelope(new, 5, Part.MESSAGE, 1, b"later").sealed,
        contact_envelope(new, 6, 1, ACT, b"inner").sealed,
        KEYS.peel(codes_envelope(new, 7, 1, release, {}).sealed),
    ]
    assert old.identity is not None
    assert new.identity is not None
    for sealed in later:
        assert age.unseal(sealed, new.identity)
        with pytest.raises(OpenError):
            age.unseal(sealed, old.identity)


# ---- a signature for another use


@pytest.mark.parametrize("use", Use)
def test_a_signature_of_one_use_counts_for_no_other(use: Use) -> None:
    signature = base64.b64decode(VECTORS["derived"][f"signature {use.value}"])
    counted = [other for other in Use if signing.verify(PUBLIC, other, WORDS.encode(), signature)]
    assert counted == [use]


@pytest.mark.parametrize("kind", EntryKind)
def test_a_leaf_of_one_kind_cannot_be_told_as_another(kind: EntryKind) -> None:
    """Neither by renaming the entry, nor by the worker's own signature over what a person must sign."""
    entry = replace(read_leaf(LEAF)[0], kind=kind)
    use = ACTOR_USE.get(kind, Use.CUSTODY)
    signed = custody.leaf(entry.body(), PUBLIC, signing.sign(SEED, use, entry.body()))
    assert custody.holds(signed, PUBLIC)
    for other in set(EntryKind) - {kind}:
        renamed = custody.leaf(replace(entry, kind=other).body(), PUBLIC, signing.sign(SEED, use, entry.body()))
        assert not custody.holds(renamed, PUBLIC)
    if kind in ACTOR_USE:
        assert not custody.holds(custody.leaf(entry.body(), PUBLIC, signing.sign(SEED, Use.CUSTODY, entry.body())), PUBLIC)


def the_stub() -> Stub:
    return Stub(
        CASE, 1, GRANT, "teal heron", "asks_help", (), "Valdoria", ("police",), "unknown", "es", "practice", "", HASH, "age1g", "age1d"
    )  # fmt: skip
