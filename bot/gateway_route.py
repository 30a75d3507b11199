"""The way in of a text gateway of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.taking import refused, take
from handlers.channels import Refused, read_body
from handlers.gateway import MAX_BODY, SIGNATURE_HEADER, TIMESTAMP_HEADER, GatewayWebhook
from handlers.intake import Acceptor

GATEWAY_PATH = "/gateway/message"


@dataclass(frozen=True, slots=True)
class GatewayRoute:
    """`POST /gateway/message`. Authenticate, parse, accept, and only then answer; a phone repeats what it gets no 2xx for."""

    webhook: GatewayWebhook
    acceptor: Acceptor

    def routes(self) -> list[Route]:
        return [Route(GATEWAY_PATH, self._message, methods=["POST"])]

    async def _message(self, request: Request) -> Response:
        body = await read_body(request.stream(), MAX_BODY)
        if isinstance(body, Refused):
            return refused(body)
        signature, timestamp = (request.headers.get(name, "") for name in (SIGNATURE_HEADER, TIMESTAMP_HEADER))
        message = self.webhook.read(body, signature, timestamp, datetime.now(UTC))
        if isinstance(message, Refused):
            return refused(message)
        await take(self.acceptor, message)
        return PlainTextResponse("")
