"""A file of vetters' signed statements about a card, or about a tip that is held: JSON {"v":1,"kind":"statement","leaves":[base64 custody
leaf]}. It travels between vetters, who add theirs, and then to the line, which puts the very leaves into its log."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Sequence

from sealing import custody
from sealing.custody import ACTOR_USE, Entry, EntryKind
from sealing.signing import public_of, sign

NONCE_BYTES = 16
_CHECK_BYTES = 4
_GROUP = 4


class StatementError(ValueError):
    """Not a file of statements, or not a release code. Carries no content."""


def signed_statement(kind: EntryKind, card: str, hour: int, seed: str) -> bytes:
    """The leaf: `kind` = SUSPEND, REVOKE or LIFT, of the card with this fingerprint."""
    return signed_entry(Entry(hour, kind, "", card, card), seed)


def signed_release(case: str, hold: str, nonce: bytes, hour: int, seed: str) -> bytes:
    """The leaf: the tip of this case id may go out although the draw would hold it for this reason (the code of the hold)."""
    return signed_entry(Entry(hour, EntryKind.RELEASE, case, matter(case, hold, nonce), ""), seed)


def matter(case: str, hold: str, nonce: bytes) -> str:
    """What a release names, hex SHA-256: nothing of the tip goes in. Who lets a small pool draw has not let the named be passed over.
    `nonce`: `NONCE_BYTES` random ones, which the worker and the vetters have, or whoever reads the log would try the few reasons."""
    return hashlib.sha256(f"tipline/v1/release\n{case}\n{hold}\n".encode() + nonce).hexdigest()


def release_code(case: str, hold: str, nonce: bytes) -> str:
    """What a vetter types to sign a release, out of his letter: the nonce and a check of what it is about, in base32 by fours."""
    text = base64.b32encode(nonce + _check(matter(case, hold, nonce))).decode()
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def matter_of_code(case: str, code: str, holds: Iterable[str]) -> str:
    """What a release by this code names. `holds`: codes of the reasons that can be released. Raises StatementError for a code that is
    mistyped, or another case's."""
    try:
        raw = base64.b32decode(code.replace("-", "").replace(" ", "").upper())
    except (binascii.Error, ValueError):
        raise StatementError("no release code") from None
    nonce, check = raw[:NONCE_BYTES], raw[NONCE_BYTES:]
    for hold in holds:
        if check == _check(named := matter(case, hold, nonce)):
            return named
    raise StatementError("no release code of this case")


def _check(named: str) -> bytes:
    return bytes.fromhex(named)[:_CHECK_BYTES]


def signed_entry(entry: Entry, seed: str) -> bytes:
    body = entry.body()
    return custody.leaf(body, public_of(seed), sign(seed, ACTOR_USE[entry.kind], body))


def statement_bytes(leaves: Sequence[bytes]) -> bytes:
    return json.dumps({"v": 1, "kind": "statement", "leaves": [base64.b64encode(leaf).decode() for leaf in leaves]}).encode()


def parse_statement(data: bytes) -> tuple[bytes, ...]:
    """The leaves, not judged. Raises StatementError."""
    try:
        fields = json.loads(data)
        if fields["v"] != 1 or fields["kind"] != "statement":
            raise StatementError("another kind of file")
        return tuple(base64.b64decode(leaf, validate=True) for leaf in fields["leaves"])
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise StatementError("not a file of statements") from None
