"""The custody log: what happened to which ciphertext, signed by who did it. Append-only leaves of an RFC 6962 tree (proofs: a later issue).

leaf = body, newline, key fingerprint, space, base64 signature, newline. `body` is the exact bytes that were signed: compact JSON
{"v":1,"hour":hours since 1970 UTC,"kind","case","sha256":ciphertext,"card":card fingerprint}. Hashes are of ciphertext, never of plaintext.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum

from sealing.signing import Use, fingerprint, verify


class EntryKind(StrEnum):
    """Kinds of `ACTOR_USE` carry the signature of the person who acts, the others the worker's.

    `card`: `sha256` = the new card, `card` = the card it takes the place of, or itself; `case` = the worker's tag of the person
    (`WorkerKeys.person_tag`). `suspend`, `revoke`, `lift`: of the card in `card`; a vetter's counts from the worker's `announce` on, whose
    `sha256` is the statement's leaf hash. `announce` also of a card with fewer ties than `card`: `sha256` = that card.
    `release`: a vetter lets the held tip in `case` go out; `sha256` = `statements.matter`, which tells not why. Announced like them.
    `lesson`: an outcome was written down; `sha256` = the worker's HMAC of the record's name, which nobody else can tell.
    `epoch`: `sha256` = of the recipient's text; `card` is the same once that key is destroyed, else empty.
    """

    SEAL = "seal"
    NEW_EPOCH = "new_epoch"
    OFFER = "offer"
    OPEN = "open"
    ANSWER = "answer"
    STRIKE = "strike"
    CARD = "card"
    FORGET = "forget"
    COMMIT = "commit"
    RESTORE = "restore"
    GIVE_UP = "give_up"
    CLOSE = "close"
    CONCUR = "concur"
    DISAGREE = "disagree"
    TIE = "tie"
    SUSPEND = "suspend"
    REVOKE = "revoke"
    LIFT = "lift"
    APPROVE = "approve"
    RESEAL = "reseal"
    DUTY = "duty"
    PUSH = "push"
    LAPSE = "lapse"
    TOLD = "told"
    RELEASE = "release"
    PURGE = "purge"
    EPOCH = "epoch"
    VETTERS = "vetters"
    ANNOUNCE = "announce"
    EXPLAIN = "explain"  # the worker: somebody was shown how this case was drawn
    LESSON = "lesson"  # the worker: an outcome was written down, of no case (handlers/lost_lessons.py)
    AUDIT = "audit"  # an auditor asks why people could not read this case
    ALLOW = "allow"  # a trustee asks for his share of the key of that
    DISCLOSE = "disclose"  # and brings it back, sealed to two auditors


ACTED = frozenset(
    {
        EntryKind.OPEN,
        EntryKind.GIVE_UP,
        EntryKind.CLOSE,
        EntryKind.CONCUR,
        EntryKind.DISAGREE,
        EntryKind.TIE,
        EntryKind.SUSPEND,
        EntryKind.REVOKE,
        EntryKind.LIFT,
        EntryKind.APPROVE,
        EntryKind.RESEAL,
        EntryKind.DUTY,
        EntryKind.PUSH,
        EntryKind.TOLD,
        EntryKind.RELEASE,
        EntryKind.AUDIT,
        EntryKind.ALLOW,
        EntryKind.DISCLOSE,
    }
)
"""What people sign themselves, each kind for the use of its name."""
ACTOR_USE = {kind: Use(kind.value) for kind in EntryKind if kind in ACTED}
HEX_64 = re.compile(r"[0-9a-f]{64}")
ID = re.compile(r"[0-9a-f]{32}")


class EntryError(ValueError):
    """Not a custody entry. Carries no content."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`case` is empty for entries of the roster and of the line; `card` is empty where no reader acts."""

    hour: int
    kind: EntryKind
    case: str
    sha256: str
    card: str

    def body(self) -> bytes:
        fields = {"v": 1, "hour": self.hour, "kind": self.kind.value, "case": self.case, "sha256": self.sha256, "card": self.card}
        return json.dumps(fields, separators=(",", ":")).encode()


def parse_body(body: bytes) -> Entry:
    """Raises EntryError unless these are the very bytes that `body` writes: another spelling of the same entry would break the log."""
    try:
        fields = json.loads(body)
        entry = Entry(fields["hour"], EntryKind(fields["kind"]), fields["case"], fields["sha256"], fields["card"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise EntryError("unreadable") from None
    texts = all(isinstance(t, str) for t in (entry.case, entry.sha256, entry.card))
    if not texts or type(entry.hour) is not int or entry.hour < 0 or set(fields) != {"v", "hour", "kind", "case", "sha256", "card"}:
        raise EntryError("wrong fields")
    if not (entry.case == "" or ID.fullmatch(entry.case)) or not HEX_64.fullmatch(entry.sha256):
        raise EntryError("wrong fields")
    if not (entry.card == "" or HEX_64.fullmatch(entry.card)) or entry.body() != body:
        raise EntryError("not the one way to write this entry")
    return entry


def leaf(body: bytes, signer: str, signature: bytes) -> bytes:
    """`signer` = base64 Ed25519 public key; only its fingerprint is kept."""
    return body + b"\n" + fingerprint(signer).encode() + b" " + base64.b64encode(signature) + b"\n"


def read_leaf(data: bytes) -> tuple[Entry, bytes, str, bytes]:
    """(entry, exact body, signer's fingerprint, signature). Raises EntryError."""
    try:
        body, line, rest = data.split(b"\n")
        signer, encoded = line.split(b" ")
        signature = base64.b64decode(encoded, validate=True)
        name = signer.decode("ascii")
    except (ValueError, binascii.Error):
        raise EntryError("unreadable leaf") from None
    if rest or base64.b64encode(signature) != encoded:  # base64 has bits that decode to nothing: one leaf must have one writing
        raise EntryError("unreadable leaf")
    return parse_body(body), body, name, signature


def holds(data: bytes, public: str) -> bool:
    """Whether the leaf is signed by this key for its kind of entry."""
    entry, body, name, signature = read_leaf(data)
    return name == fingerprint(public) and verify(public, ACTOR_USE.get(entry.kind, Use.CUSTODY), body, signature)


def leaf_hash(data: bytes) -> bytes:
    """RFC 6962, 2.1."""
    return hashlib.sha256(b"\x00" + data).digest()
