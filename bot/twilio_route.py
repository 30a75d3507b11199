"""The ways in of Twilio: messages, and what became of ours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.taking import refused, take
from handlers.channels import Refused
from handlers.intake import Acceptor
from handlers.ports import Receipts
from handlers.text import EMPTY_TWIML, SIGNATURE_HEADER, STATUS_PATH, Told, TwilioWebhook, form_items
from sealing.rows import DAY_MS, Seen

TWILIO_PATH = "/twilio/message"


@dataclass(frozen=True, slots=True)
class TwilioRoute:
    """`POST /twilio/message`: authenticate, parse, accept, and only then answer: 503 before commit, never 200.

    `POST /twilio/status?id=<ledger id>`: what became of a text of ours. An id that nobody knows is answered like one that we have.
    """

    webhook: TwilioWebhook
    acceptor: Acceptor
    receipts: Receipts

    def routes(self) -> list[Route]:
        return [Route(TWILIO_PATH, self._message, methods=["POST"]), Route(STATUS_PATH, self._status, methods=["POST"])]

    async def _message(self, request: Request) -> Response:
        items = await form_items(request.stream())
        if isinstance(items, Refused):
            return refused(items)
        signature = request.headers.get(SIGNATURE_HEADER, "")
        message = self.webhook.read(items, signature, TWILIO_PATH, datetime.now(UTC))
        if isinstance(message, Refused):
            return _refused(message)
        await take(self.acceptor, message)
        return Response(EMPTY_TWIML, media_type="text/xml")

    async def _status(self, request: Request) -> Response:
        items = await form_items(request.stream())
        if isinstance(items, Refused):
            return refused(items)
        query = request.scope["query_string"].decode("latin-1")  # as it came: the signature covers it
        told = self.webhook.told(items, request.headers.get(SIGNATURE_HEADER, ""), STATUS_PATH, query)
        if isinstance(told, Refused):
            return refused(told)
        if told is not None:
            await self.receipts.record(told.sending, told.receipt, self._once(told))
        return Response(status_code=204)

    def _once(self, told: Told) -> Seen:
        tag = self.acceptor.keys.dedupe_tag(STATUS_PATH, f"{told.message} {told.receipt}")
        return Seen(tag, self.acceptor.clock.now_ms() // DAY_MS)


def _refused(why: Refused) -> Response:
    """Twilio reads the answer of a message's request, also of one that is not for us."""
    answer = refused(why)
    return Response(EMPTY_TWIML, media_type="text/xml") if why is Refused.NOT_FOR_US else answer
