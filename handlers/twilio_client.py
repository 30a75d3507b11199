"""Twilio's own client on a transport of ours: it says *where* a request failed, keeps its timeouts, and retains neither text nor number.

twilio's transports keep the last request, log it, and the async one hangs past its timeout; twilio's exceptions carry the URL and the
answer, with the number in both. Here a refusal is raised before twilio's client reads it, as two integers.
"""

from __future__ import annotations

import asyncio
import json
import logging

import httpx
from twilio.base.exceptions import TwilioException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from triage.sensitive import Sensitive

UNANSWERED = (httpx.HTTPError, TimeoutError, TwilioException, ValueError, TypeError, AttributeError, LookupError)
"""Written and unanswered, or answered with something that is not Twilio's. Their args and causes hold content: `from None`."""
TOO_MANY = frozenset({20429, 14107, 21611, 63018})
"""Codes of "slower", beside HTTP 429: requests, a sender's rate, its queue, the channel's rate. https://www.twilio.com/docs/api/errors"""


class Refusal(Exception):
    """Twilio refused: `status` of HTTP (300 to 599), `code` of Twilio's error, 0 where it gave none."""

    def __init__(self, status: int, code: int) -> None:
        super().__init__(status, code)
        self.status, self.code = status, code

    @property
    def slower(self) -> bool:
        return self.status == httpx.codes.TOO_MANY_REQUESTS or self.code in TOO_MANY


class TwilioAccount:
    """One account's REST API. `api` = twilio's client; its async methods raise Refusal, NOT_WRITTEN or UNANSWERED."""

    def __init__(self, account_sid: str, auth_token: Sensitive[str], api_url: str, timeout_s: float) -> None:
        self._transport = _Transport(timeout_s)
        # A non-empty environment of our own: with none, the client lets TWILIO_EDGE and TWILIO_REGION choose the host.
        self.api = Client(account_sid, auth_token.reveal(), http_client=self._transport, environment={"TIPLINE": "1"})
        self.api.api.base_url = api_url

    async def close(self) -> None:
        await self._transport.close()


class _Transport(AsyncHttpClient):
    """What twilio's client calls. One connection a request: a kept one can die unseen, and then nobody knows what left."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(logging.getLogger("twilio.transport"), is_async=True, timeout=timeout_s)
        self._longest_s = timeout_s * 2
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(timeout_s, connect=timeout_s / 2), limits=limits, trust_env=False)

    async def request(
        self,
        method: str,
        uri: str,
        params: dict[str, str] | None = None,
        data: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        **_: object,
    ) -> Response:
        """Timeouts are ours, and no redirect is followed: nobody sends us elsewhere with a text."""
        async with asyncio.timeout(self._longest_s):  # each step has its own timeout; this ends a peer that dribbles
            answer = await self._http.request(method, uri, params=params or None, data=data, headers=headers, auth=auth)
        if not answer.is_success:
            raise Refusal(answer.status_code, _code(answer.content))
        return Response(answer.status_code, answer.text, answer.headers)

    async def close(self) -> None:
        await self._http.aclose()


def _code(body: bytes) -> int:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return 0
    code = told.get("code") if isinstance(told, dict) else None
    return code if isinstance(code, int) else 0
