"""Texts out by the line's own gateway.

What an HTTP status means is known for the "SMS Gateway for Android" (202 taken, 400 not understood, 409 this id was taken before) and
guessed for others, always so that a text is rather marked `unknown` than sent twice.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from handlers.channels import NOT_WRITTEN, UNCERTAIN, whole
from handlers.gateway import SendMap
from handlers.ports import Erasing, MaybeSent, NotSent, Sent, Unsent, Wait
from handlers.text import fit_sms
from triage.sensitive import Sensitive

ID_CHARACTERS = 32
"""Of the cause: 128 bits tell texts apart, and the app's server takes 36 characters."""
TAKEN_BEFORE = 409
SLOW_DOWN = frozenset({429, 503})
LONGEST_WAIT_S = 3600


class GatewaySender:
    """handlers.ports.Sender for a gateway. One connection a request: a kept one can die unseen, and then nobody knows what left."""

    erasing = Erasing.NEVER
    receipts = False

    def __init__(self, url: str, authorization: Sensitive[str], body: SendMap, timeout_s: float = 15.0) -> None:
        """`authorization`: the whole header, or "" for none."""
        self._url, self._body, self._timeout_s = url, body, timeout_s
        given = authorization.reveal().encode()
        headers = {b"Content-Type": b"application/json", **({b"Authorization": given} if given else {})}
        limits = httpx.Limits(max_keepalive_connections=0)
        timeout = httpx.Timeout(timeout_s, connect=timeout_s / 2)
        self._http = httpx.AsyncClient(headers=headers, timeout=timeout, limits=limits, trust_env=False)

    async def send(self, address: Sensitive[str], text: Sensitive[str], cause: str) -> Sent | Unsent:
        """One text in one request; the gateway cuts it up. Raises NotSent (its args are the HTTP status, or none), Wait, MaybeSent.

        Never BLOCKED: a gateway takes the text first and learns later what becomes of it, so a 4xx speaks of our settings, and once they
        are mended the text should leave.
        """
        body = self._body.fill(address.reveal(), fit_sms(whole(text.reveal())), cause[:ID_CHARACTERS])
        try:
            async with asyncio.timeout(self._timeout_s * 2):  # each step has its own timeout; this ends a peer that dribbles
                async with self._http.stream("POST", self._url, content=body) as answer:
                    status, later = answer.status_code, answer.headers.get("Retry-After", "")
        except NOT_WRITTEN:
            raise NotSent from None
        except (httpx.HTTPError, TimeoutError):
            raise MaybeSent from None
        return self._judge(status, later)

    def _judge(self, status: int, later: str) -> Sent:
        if httpx.codes.is_success(status) or (status == TAKEN_BEFORE and self._body.has_id):
            return Sent()
        if status in UNCERTAIN:
            raise MaybeSent
        if status in SLOW_DOWN and (delay_ms := _delay_ms(later, datetime.now(UTC))) > 0:
            raise Wait(delay_ms)
        raise NotSent(status)

    async def erase(self, address: Sensitive[str], ref: str) -> None:
        """There is nothing that it could delete: no text it took has a `ref`."""

    async def close(self) -> None:
        await self._http.aclose()


def _delay_ms(text: str, now: datetime) -> int:
    """Of a Retry-After header (RFC 9110, 10.2.3): seconds or a date; at most an hour; 0 when it says nothing."""
    if text.isdecimal() and len(text) <= 9:
        return min(int(text), LONGEST_WAIT_S) * 1000
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0
    left = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)) - now
    return int(max(0.0, min(left.total_seconds(), LONGEST_WAIT_S)) * 1000)
