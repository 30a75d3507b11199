"""Sealing a case: a key pair of its own, envelopes to it, a key file per drawn reader under two locks. After this no server-held
secret opens the case; `forget_key` is simply that nobody keeps the returned identity."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from sealing import age, plaintexts
from sealing.plaintexts import Stub
from sealing.rows import Envelope, GrantRow, GrantState, Part


@dataclass(frozen=True, slots=True)
class CaseKey:
    """`identity` is None where only the public half is known (appending to a sealed case)."""

    case_id: str
    epoch: int
    recipient: str
    identity: str | None = None

    def __repr__(self) -> str:
        return f"CaseKey({self.case_id}, {self.epoch}, …)"


@dataclass(frozen=True, slots=True)
class ReaderKey:
    """Whom a key file is for."""

    person: str
    age_recipient: str
    card_fingerprint: str


def new_case_key(case_id: str, epoch: int) -> CaseKey:
    identity, recipient = age.generate()
    return CaseKey(case_id, epoch, recipient, identity)


def sha256(sealed: bytes) -> str:
    return hashlib.sha256(sealed).hexdigest()


def envelope(key: CaseKey, seq: int, part: Part, day: int, plaintext: bytes) -> Envelope:
    return _row(key, seq, part, day, age.seal(plaintext, key.recipient))


def codes_envelope(key: CaseKey, seq: int, day: int, release: str, reasons: dict[str, list[str]]) -> Envelope:
    """Inner lock the key of the codes, outer lock the release epoch: opened by no reader and by no server. `key`: with the public half of
    the codes' own in the place of the case's. `sha256` is of what is under the outer lock, which is changed at rotations."""
    inner = age.seal(plaintexts.codes_note(key.case_id, key.epoch, seq, reasons), key.recipient)
    return Envelope(key.case_id, key.epoch, seq, Part.NOTE, day, sha256(inner), age.seal(inner, release))


def contact_envelope(key: CaseKey, seq: int, day: int, contact_id: str, inner: bytes) -> Envelope:
    """Nested: the case key outside, the delivery key inside (`inner`), so that the reader never sees the address."""
    return envelope(key, seq, Part.CONTACT, day, plaintexts.contact_outer(key.case_id, key.epoch, seq, contact_id, inner))


def grant(key: CaseKey, reader: ReaderKey, grant_id: str, release: str, stub: Stub) -> GrantRow:
    """Key file and stub for one reader, both under two locks. The stub names the hash of the key file under its outer lock, which the
    reader signs to open: the outer lock is changed at rotations."""
    if key.identity is None:
        raise ValueError("only the sealer of an epoch makes its key files")
    text = plaintexts.key_file(key.case_id, key.epoch, key.identity)
    return locked_grant(age.seal(text, reader.age_recipient), reader, grant_id, release, stub)


def locked_grant(inner: bytes, reader: ReaderKey, grant_id: str, release: str, stub: Stub) -> GrantRow:
    """`inner`: what the reader is handed, which nobody but he opens."""
    named = replace(stub, key_file_sha256=sha256(inner))
    sealed_stub = age.two_locks(plaintexts.stub(named), reader.age_recipient, release)
    return GrantRow(grant_id, stub.case, stub.epoch, None, GrantState.LOCKED, sealed_stub, age.seal(inner, release))


def _row(key: CaseKey, seq: int, part: Part, day: int, sealed: bytes) -> Envelope:
    return Envelope(key.case_id, key.epoch, seq, part, day, sha256(sealed), sealed)
