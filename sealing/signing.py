"""Ed25519 (RFC 8032) over `tipline/v1/<use>\\n` + the bytes carried. One prefix per use, so that no signature serves twice."""

from __future__ import annotations

import base64
import hashlib
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_BYTES = 32


class Use(StrEnum):
    """Prefixes, final. A new use gets a new name."""

    CARD = "card"
    LOGIN = "login"
    OPEN = "open"
    ANSWER = "answer"
    CUSTODY = "custody"
    EPOCH = "epoch"
    VETTERS = "vetters"
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
    RECOVERY = "recovery"
    TOLD = "told"
    RELEASE = "release"
    AUDIT = "audit"
    ALLOW = "allow"
    DISCLOSE = "disclose"


class KeyFormatError(ValueError):
    """Not a base64 Ed25519 key. Carries no content."""


def generate() -> tuple[str, str]:
    """A fresh key: (base64 32-byte seed, base64 public half)."""
    key = Ed25519PrivateKey.generate()
    return _b64(key.private_bytes_raw()), _b64(key.public_key().public_bytes_raw())


def public_of(seed: str) -> str:
    return _b64(_key_of(seed).public_key().public_bytes_raw())


def sign(seed: str, use: Use, body: bytes) -> bytes:
    """64 bytes."""
    return _key_of(seed).sign(_message(use, body))


def verify(public: str, use: Use, body: bytes, signature: bytes) -> bool:
    """Raises KeyFormatError when `public` is no key."""
    key = Ed25519PublicKey.from_public_bytes(_raw(public))
    try:
        key.verify(signature, _message(use, body))
    except InvalidSignature:
        return False
    return True


def fingerprint(public: str) -> str:
    """First 16 hex digits of SHA-256 of the raw public key: names a key to people and in custody leaves."""
    return hashlib.sha256(_raw(public)).hexdigest()[:16]


@lru_cache(maxsize=8)
def _key_of(seed: str) -> Ed25519PrivateKey:
    """Making one costs two signatures' time; the worker signs every leaf with the same."""
    return Ed25519PrivateKey.from_private_bytes(_raw(seed))


def _message(use: Use, body: bytes) -> bytes:
    return b"tipline/v1/" + use.value.encode() + b"\n" + body


def _raw(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise KeyFormatError("not base64") from None
    if len(raw) != KEY_BYTES:
        raise KeyFormatError("not 32 bytes")
    return raw


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
