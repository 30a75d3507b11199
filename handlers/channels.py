"""What all channels share: why a request did not become a message, and a body of bounded length.

The contract of a channel's way in: authenticate first, read only the fields that are named, answer with an `Inbound` or a `Refused`; only
after `Acceptor.accept` returned may the provider be told that the message was taken. The way out is `handlers.ports.Sender`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from enum import StrEnum


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
