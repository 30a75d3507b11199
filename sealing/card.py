"""A signed key card: the card's exact bytes and vetters' Ed25519 signatures over them. What the bytes say: routing/cards.py.

File and row form: JSON {"v":1,"kind":"signed card","card":base64,"signatures":[{"key":fingerprint,"signature":base64}]}.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sealing.signing import Use, fingerprint, public_of, sign, verify


class SignedCardError(ValueError):
    """Not a signed card. Carries no content."""


@dataclass(frozen=True, slots=True)
class SignedCard:
    """`signatures` = (fingerprint of the vetter's key, 64 bytes)."""

    card: bytes
    signatures: tuple[tuple[str, bytes], ...] = ()

    def fingerprint(self) -> str:
        """Hex SHA-256 of the card's bytes: names this very card in gate files and custody entries."""
        return hashlib.sha256(self.card).hexdigest()

    def signed_by(self, seed: str) -> SignedCard:
        """Adds a vetter's signature; signing twice changes nothing."""
        key = fingerprint(public_of(seed))
        if any(name == key for name, _ in self.signatures):
            return self
        return replace(self, signatures=(*self.signatures, (key, sign(seed, Use.CARD, self.card))))

    def vetters(self, pinned: Mapping[str, str], holder: str) -> tuple[str, ...]:
        """Fingerprints of pinned keys whose signature holds, each once, never the holder's own. `pinned`: fingerprint -> public key."""
        own = fingerprint(holder)
        valid = {
            name
            for name, signature in self.signatures
            if name in pinned and name != own and verify(pinned[name], Use.CARD, self.card, signature)
        }
        return tuple(sorted(valid))

    def to_bytes(self) -> bytes:
        signatures = [{"key": name, "signature": base64.b64encode(value).decode()} for name, value in self.signatures]
        fields = {"v": 1, "kind": "signed card", "card": base64.b64encode(self.card).decode(), "signatures": signatures}
        return json.dumps(fields, separators=(",", ":")).encode()


def parse_signed_card(data: bytes) -> SignedCard:
    """Raises SignedCardError."""
    try:
        fields = json.loads(data)
        if fields["v"] != 1 or fields["kind"] != "signed card":
            raise SignedCardError("another kind of file")
        card = _decoded(fields["card"])
        signatures = tuple((str(s["key"]), _decoded(s["signature"])) for s in fields["signatures"])
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise SignedCardError("not a signed card") from None
    return SignedCard(card, signatures)


def _decoded(text: str) -> bytes:
    """Raises ValueError, also for another writing of the same bytes: base64 has bits that decode to nothing."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("not the one way to write this")
    return raw
