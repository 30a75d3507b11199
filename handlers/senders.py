"""Sending text messages through Twilio's REST API, and knowing whether one left.

Twilio's own client makes the request; the transport under it is httpx, because it says *where* a request failed (before or after it was
written), keeps its timeouts, and retains neither text nor number (twilio's transports keep the last request, log it, and its async one
hangs past its timeout).
"""

from __future__ import annotations

import asyncio
import logging

import httpx
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from handlers.ports import Erasing, MaybeSent, NotSent, Sent, Unsent
from handlers.text import fit_sms, sms_parts
from triage.sensitive import Sensitive

UNREACHABLE = frozenset({21211, 21214, 21217, 21610, 21612, 21614, 21635})
"""Codes that will stay so for this address: opted out (21610), not a number, not a mobile, a landline, no route.
https://www.twilio.com/docs/api/errors"""

UNCERTAIN = frozenset({408, 502, 504})
"""Statuses of a gateway that gave up on a request that it may have passed on."""

NOT_WRITTEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
"""Failures before a byte of the request was written."""


class TwilioSender:
    """handlers.ports.Sender for numbers. One connection a request: a kept one can die unseen, and then nobody knows what left."""

    erasing = Erasing.SEALED
    receipts = False

    def __init__(self, account_sid: str, auth_token: Sensitive[str], number: str, api_url: str, timeout_s: float = 15.0) -> None:
        self._number = number
        self._timeout_s = timeout_s
        self._http = _Transport(timeout_s)
        # A non-empty environment of our own: with none, the client lets TWILIO_EDGE and TWILIO_REGION choose the host.
        self._client = Client(account_sid, auth_token.reveal(), http_client=self._http, environment={"TIPLINE": "1"})
        self._client.api.base_url = api_url

    async def send(self, address: Sensitive[str], text: Sensitive[str], cause: str) -> Sent | Unsent:  # noqa: ARG002
        """One text, in as few requests as Twilio takes it.

        BLOCKED = this address will not be reached. Raises NotSent (nothing left; its args are Twilio's HTTP status and code, or none)
        or MaybeSent. A long text whose later part fails has left in part: MaybeSent.
        """
        refs: list[str] = []
        for part in sms_parts(fit_sms(_whole(text.reveal()))):
            try:
                result = await self._post(address.reveal(), part)
            except NotSent:
                if refs:
                    raise MaybeSent from None
                raise
            if isinstance(result, Unsent):
                return result
            refs += result.refs
        return Sent(tuple(refs))

    async def erase(self, address: Sensitive[str], ref: str) -> None:
        raise NotImplementedError

    async def _post(self, to: str, body: str) -> Sent | Unsent:
        """Every cause is cut off (`from None`): httpx and twilio put the URL, the number or the answer into theirs."""
        try:
            async with asyncio.timeout(self._timeout_s * 2):  # each step has its own timeout; this ends a peer that dribbles
                made = await self._client.messages.create_async(to=to, from_=self._number, body=body)
        except (TwilioRestException, TwilioServiceException) as error:
            return _refusal(error.status, error.code)
        except NOT_WRITTEN:
            raise NotSent from None
        except (httpx.HTTPError, TimeoutError, TwilioException, ValueError, TypeError, AttributeError, LookupError):
            raise MaybeSent from None  # written and unanswered, or answered with something that is not Twilio's
        return Sent((str(made.sid),))

    async def close(self) -> None:
        await self._http.close()


def _refusal(status: int, code: int | None) -> Unsent:
    """What an HTTP refusal means. Raises NotSent, MaybeSent."""
    if code in UNREACHABLE:
        return Unsent.BLOCKED
    if status in UNCERTAIN:
        raise MaybeSent from None
    raise NotSent(status, code if isinstance(code, int) else 0) from None


def _whole(text: str) -> str:
    """Lone surrogates (a desk's JSON can hold one) as `?`: they cannot be sent, and the error of trying carries the text."""
    return text.encode("utf-8", "replace").decode("utf-8")


class _Transport(AsyncHttpClient):
    """What twilio's client calls to make a request."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(logging.getLogger("twilio.transport"), is_async=True, timeout=timeout_s)
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
        timeout: float | None = None,  # noqa: ASYNC109  twilio's interface
        allow_redirects: bool = False,
    ) -> Response:
        answer = await self._http.request(
            method,
            uri,
            params=params or None,
            data=data,
            headers=headers,
            auth=auth,
            timeout=httpx.USE_CLIENT_DEFAULT if timeout is None else timeout,
            follow_redirects=allow_redirects,
        )
        return Response(answer.status_code, answer.text, answer.headers)

    async def close(self) -> None:
        await self._http.aclose()
