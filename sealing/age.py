"""The container: age v1 files (C2SP age specification) by pyrage. The recipient type stays behind `seal` (later: age1pq)."""

from __future__ import annotations

import json
from functools import lru_cache

from pyrage import DecryptError, IdentityError, RecipientError, decrypt, encrypt, x25519

FLOOR = 2048
"""Smallest padded plaintext, bytes."""


class SealError(Exception):
    """A recipient or identity is unreadable. Carries no content."""


class OpenError(Exception):
    """This identity does not open this ciphertext, or it was changed. Carries no content."""


def generate() -> tuple[str, str]:
    """A fresh X25519 identity: (secret `AGE-SECRET-KEY-1…`, recipient `age1…`)."""
    identity = x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def recipient_of(identity: str) -> str:
    return str(_identity(identity).to_public())


def seal(plaintext: bytes, recipient: str) -> bytes:
    """Only `recipient` opens it. Raises SealError on an unreadable recipient: refused loudly, never dropped."""
    return encrypt(plaintext, [_recipient(recipient)])


def unseal(sealed: bytes, identity: str) -> bytes:
    """Raises OpenError (wrong identity, bit flip, truncation) or SealError (unreadable identity)."""
    try:
        return decrypt(sealed, [_identity(identity)])
    except DecryptError:
        raise OpenError("not opened by this identity") from None


def two_locks(plaintext: bytes, reader: str, release: str) -> bytes:
    """Inner age to the reader, outer age to the release epoch; either identity alone opens nothing."""
    return seal(seal(plaintext, reader), release)


def padme(length: int) -> int:
    """Padded length, bytes (PADMÉ: Nikitin et al., PETS 2019, algorithm 1), with our floor."""
    if length <= FLOOR:
        return FLOOR
    exponent = length.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << low_bits) - 1
    return (length + mask) & ~mask


def padded_json(value: dict[str, object]) -> bytes:
    """Compact JSON, padded with trailing spaces (JSON allows them, so stock tools still read it)."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return body.ljust(padme(len(body)), b" ")


def read_json(plaintext: bytes, kind: str) -> dict[str, object]:
    """The JSON object inside a plaintext of this `kind`. Raises OpenError when it is anything else."""
    try:
        value = json.loads(plaintext.decode("utf-8", "surrogatepass"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise OpenError("not a Tipline plaintext") from None
    if not isinstance(value, dict) or value.get("kind") != kind or value.get("v") != 1:
        raise OpenError("another kind of plaintext")
    return value


@lru_cache(maxsize=4096)
def _recipient(text: str) -> x25519.Recipient:
    try:
        return x25519.Recipient.from_str(text)
    except RecipientError:
        raise SealError("unreadable recipient") from None


def _identity(text: str) -> x25519.Identity:
    try:
        return x25519.Identity.from_str(text)
    except IdentityError:
        raise SealError("unreadable identity") from None
