"""The way in of a text gateway of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.logs import Event, event
from bot.web import STATUS
from handlers.channels import Refused, read_body
from handlers.gateway import MAX_BODY, SIGNATURE_HEADER, TIMESTAMP_HEADER, GatewayWebhook
from handlers.intake import Acceptor
from sealing.rows import Accepted

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
            return _refused(body)
        signature, timestamp = (request.headers.get(name, "") for name in (SIGNATURE_HEADER, TIMESTAMP_HEADER))
        message = self.webhook.read(body, signature, timestamp, datetime.now(UTC))
        if isinstance(message, Refused):
            return _refused(message)
        accepted = await self.acceptor.accept(message)  # StorageDown is answered with 503 by the application
        event(Event.ACCEPTED if accepted is Accepted.NEW else Event.DUPLICATE)
        return PlainTextResponse("")


def _refused(why: Refused) -> Response:
    event(Event.REQUEST_REFUSED, why=why)
    return PlainTextResponse("", STATUS[why])
