"""PTB's client for one bot: our own timeouts, no proxy from the environment, and a plain word on where a request failed.

The token stands in every URL, and PTB's and httpx's exceptions carry URLs: what leaves here carries none.
"""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import Any

import httpx
from telegram import Bot
from telegram.error import NetworkError, RetryAfter, TimedOut
from telegram.request import HTTPXRequest

from handlers.channels import NOT_WRITTEN
from triage.sensitive import Sensitive

PAUSE_S = 30
"""When a 429 does not say how long: it comes from something before Telegram."""

os.environ["PTB_TIMEDELTA"] = "1"
"""PTB reads it whenever it makes a RetryAfter; without it that is a warning."""


class NotWritten(NetworkError):
    """Nothing left this machine."""

    def __init__(self) -> None:
        super().__init__("not written")


class TelegramClient:
    """`bot` is PTB's; one connection a request, since a kept one can die unseen, and then nobody knows what left."""

    def __init__(self, token: Sensitive[str], api_url: str, timeout_s: float) -> None:
        self._request = _Request(timeout_s)
        base, files = f"{api_url}/bot", f"{api_url}/file/bot"
        self.bot = Bot(token.reveal(), base, files, request=self._request, get_updates_request=self._request)

    async def close(self) -> None:
        await self._request.shutdown()


class _Request(HTTPXRequest):
    def __init__(self, timeout_s: float) -> None:
        super().__init__(
            read_timeout=timeout_s,
            write_timeout=timeout_s,
            connect_timeout=timeout_s / 2,
            pool_timeout=timeout_s / 2,
            httpx_kwargs={"trust_env": False, "limits": httpx.Limits(max_keepalive_connections=0)},
        )

    async def do_request(self, *given: Any, **more: Any) -> tuple[int, bytes]:
        """Raises NotWritten, TimedOut, NetworkError, RetryAfter."""
        try:
            status, body = await super().do_request(*given, **more)
        except NetworkError as error:
            if isinstance(error.__cause__, NOT_WRITTEN):
                raise NotWritten from None
            raise (TimedOut() if isinstance(error, TimedOut) else NetworkError("unanswered")) from None
        if status == HTTPStatus.TOO_MANY_REQUESTS and b'"retry_after"' not in body:
            raise RetryAfter(PAUSE_S)
        return status, body
