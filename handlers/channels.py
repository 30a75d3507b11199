"""What all channels share: why a request did not become a message, bodies and texts of bounded length, and when a text may have left.

The contract of a channel's way in: authenticate first, read only the fields that are named, answer with an `Inbound` or a `Refused`; only
after `Acceptor.accept` returned may the provider be told that the message was taken. The way out is `handlers.ports.Sender`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from enum import StrEnum
from itertools import accumulate

import httpx

NOT_WRITTEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
"""Failures before a byte of a request was written: it certainly did not leave."""
UNCERTAIN = frozenset({408, 502, 504})
"""Statuses of a gateway that gave up on a request that it may have passed on."""


class Refused(StrEnum):
    """Why a request did not become a message."""

    BAD_SIGNATURE = "bad_signature"
    NOT_FOR_US = "not_for_us"
    UNREADABLE = "unreadable"


async def read_body(chunks: AsyncIterable[bytes], most: int) -> bytes | Refused:
    """A request's body (Starlette's `request.stream()`), never more than `most` bytes in memory."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > most:
            return Refused.UNREADABLE
    return bytes(body)


def whole(text: str) -> str:
    """Lone surrogates (a desk's JSON can hold one) as `?`: they cannot be sent, and the error of trying carries the text."""
    return text.encode("utf-8", "replace").decode("utf-8")


def utf16(text: str) -> list[int]:
    """UTF-16 units of each character: what providers count."""
    return [2 if char > "\uffff" else 1 for char in text]


def pieces(text: str, most: int) -> tuple[str, ...]:
    """The text in pieces of at most `most` UTF-16 units, cut after white space where there is some. Joined, they are the text."""
    found: list[str] = []
    rest = text
    while rest:
        fits = sum(total <= most for total in accumulate(utf16(rest)))
        gap = max(rest.rfind(space, 0, fits) for space in " \n") if fits < len(rest) else -1
        cut = gap + 1 if gap > 0 else fits
        found.append(rest[:cut])
        rest = rest[cut:]
    return tuple(found)
