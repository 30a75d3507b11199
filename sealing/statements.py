"""A file of vetters' signed statements about a card, or about a tip that is held: JSON {"v":1,"kind":"statement","leaves":[base64 custody
leaf]}. It travels between vetters, who add theirs, and then to the line, which puts the very leaves into its log."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence

from sealing import custody
from sealing.custody import ACTOR_USE, Entry, EntryKind
from sealing.signing import public_of, sign


class StatementError(ValueError):
    """Not a file of statements. Carries no content."""


def signed_statement(kind: EntryKind, card: str, hour: int, seed: str) -> bytes:
    """The leaf: `kind` = SUSPEND, REVOKE or LIFT, of the card with this fingerprint."""
    return signed_entry(Entry(hour, kind, "", card, card), seed)


def signed_release(case: str, hold: str, hour: int, seed: str) -> bytes:
    """The leaf: the tip of this case id may go out although the draw would hold it for this reason (the code of the hold)."""
    return signed_entry(Entry(hour, EntryKind.RELEASE, case, matter(case, hold), ""), seed)


def matter(case: str, hold: str) -> str:
    """What a release names, hex SHA-256: nothing of the tip goes in. Who lets a small pool draw has not let the named be passed over."""
    return hashlib.sha256(f"tipline/v1/release\n{case}\n{hold}".encode()).hexdigest()


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
