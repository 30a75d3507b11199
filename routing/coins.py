"""Coins: 32 committed bytes turned into as many even draws as a decision needs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

SIZE = 32
_PREFIX = b"tipline/v1/coins/"
_BYTES = 7
_WORD = 8
_BITS = 53


class CoinsError(ValueError):
    """Coins are 32 bytes. Carries no content."""


def evens(coins: bytes, use: str, n: int) -> NDArray[np.float64]:
    """`n` numbers, even over [0, 1), of 53 bits each; the same for the same coins and use, independent between uses.

    Anyone can compute them again from the revealed coins: SHAKE-256 of prefix, use, a zero byte and the coins, read 7 bytes big-endian at a
    time, the lowest 53 bits over 2^53. Raises CoinsError.
    """
    if len(coins) != SIZE:
        raise CoinsError("coins are 32 bytes")
    stream = hashlib.shake_256(_PREFIX + use.encode() + b"\0" + coins).digest(n * _BYTES)
    words = np.zeros((n, _WORD), dtype=np.uint8)
    words[:, _WORD - _BYTES :] = np.frombuffer(stream, dtype=np.uint8).reshape(n, _BYTES)
    whole = words.reshape(-1).view(">u8") & np.uint64((1 << _BITS) - 1)
    return whole.astype(np.float64) / (1 << _BITS)


def uniforms(coins: bytes, use: str, n: int) -> list[float]:
    """The same as plain numbers. Raises CoinsError."""
    return list(map(float, evens(coins, use, n)))


def shuffled(coins: bytes, use: str, names: Iterable[str]) -> Mapping[str, float]:
    """Each name's key in a random order; the names' own order does not matter."""
    ordered = sorted(names)
    return dict(zip(ordered, uniforms(coins, use, len(ordered)), strict=True))
