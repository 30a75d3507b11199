"""Coins: 32 committed bytes turned into as many even draws as a decision needs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

SIZE = 32
_PREFIX = b"tipline/v1/coins/"
_BYTES = 7
_BITS = 53


class CoinsError(ValueError):
    """Coins are 32 bytes. Carries no content."""


def uniforms(coins: bytes, use: str, n: int) -> list[float]:
    """`n` numbers, even over [0, 1), of 53 bits each; the same for the same coins and use, independent between uses.

    Anyone can compute them again from the revealed coins: SHAKE-256 of prefix, use, a zero byte and the coins, read 7 bytes big-endian at a
    time, the lowest 53 bits over 2^53. Raises CoinsError.
    """
    if len(coins) != SIZE:
        raise CoinsError("coins are 32 bytes")
    stream = hashlib.shake_256(_PREFIX + use.encode() + b"\0" + coins).digest(n * _BYTES)
    mask = (1 << _BITS) - 1
    return [(int.from_bytes(stream[i : i + _BYTES]) & mask) / (1 << _BITS) for i in range(0, n * _BYTES, _BYTES)]


def shuffled(coins: bytes, use: str, names: Iterable[str]) -> Mapping[str, float]:
    """Each name's key in a random order; the names' own order does not matter."""
    ordered = sorted(names)
    return dict(zip(ordered, uniforms(coins, use, len(ordered)), strict=True))
