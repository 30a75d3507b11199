"""The way in of Telegram where it calls us."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.taking import refused, take
from handlers.channels import Refused, read_body
from handlers.intake import Acceptor
from handlers.telegram import HOOK_HEADER, MAX_BODY, TelegramWebhook

TELEGRAM_PATH = "/telegram/update"


@dataclass(frozen=True, slots=True)
class TelegramRoute:
    """`POST /telegram/update`. Authenticate before a byte of the body, parse, accept, and only then answer.

    What is not for us, unreadable or too large is answered 200 all the same: Telegram would repeat it for days, and hold back what comes
    after it in that chat.
    """

    webhook: TelegramWebhook
    acceptor: Acceptor

    def routes(self) -> list[Route]:
        return [Route(TELEGRAM_PATH, self._update, methods=["POST"])]

    async def _update(self, request: Request) -> Response:
        if not self.webhook.authentic(request.headers.get(HOOK_HEADER, "").encode("latin-1")):
            return refused(Refused.BAD_SIGNATURE)
        body = await read_body(request.stream(), MAX_BODY)
        message = body if isinstance(body, Refused) else self.webhook.read(body, datetime.now(UTC))
        if isinstance(message, Refused):
            refused(message)
        else:
            await take(self.acceptor, message)
        return PlainTextResponse("")
