"""The web process: authenticates, seals to the intake key, inserts, answers. It holds nothing that opens anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.logs import Event, event
from handlers.channels import Refused
from handlers.intake import Acceptor
from handlers.ports import Receipts
from handlers.text import EMPTY_TWIML, SIGNATURE_HEADER, STATUS_PATH, Told, TwilioWebhook, form_items
from sealing.rows import DAY_MS, Accepted, QueueFull, Seen, StorageDown
from storage.desk_store import DeskReads

TWILIO_PATH = "/twilio/message"
STATUS = {Refused.BAD_SIGNATURE: 403, Refused.NOT_FOR_US: 200, Refused.UNREADABLE: 400}


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
            return _refused(items)
        signature = request.headers.get(SIGNATURE_HEADER, "")
        message = self.webhook.read(items, signature, TWILIO_PATH, datetime.now(UTC))
        if isinstance(message, Refused):
            return _refused(message)
        accepted = await self.acceptor.accept(message)  # StorageDown is answered with 503, below
        event(Event.ACCEPTED if accepted is Accepted.NEW else Event.DUPLICATE)
        return Response(EMPTY_TWIML, media_type="text/xml")

    async def _status(self, request: Request) -> Response:
        items = await form_items(request.stream())
        if isinstance(items, Refused):
            return _refused(items)
        query = request.scope["query_string"].decode("latin-1")  # as it came: the signature covers it
        told = self.webhook.told(items, request.headers.get(SIGNATURE_HEADER, ""), STATUS_PATH, query)
        if isinstance(told, Refused):
            return _refused(told)
        if told is not None:
            await self.receipts.record(told.sending, told.receipt, self._once(told))
        return Response(status_code=204)

    def _once(self, told: Told) -> Seen:
        tag = self.acceptor.keys.dedupe_tag(STATUS_PATH, f"{told.message} {told.receipt}")
        return Seen(tag, self.acceptor.clock.now_ms() // DAY_MS)


@dataclass(frozen=True, slots=True)
class Health:
    """`/healthz`: this process answers. `/readyz`: somebody will read what it takes."""

    store: DeskReads
    acceptor: Acceptor

    def routes(self) -> list[Route]:
        return [Route("/healthz", self._healthz), Route("/readyz", self._readyz)]

    async def _healthz(self, _: Request) -> Response:
        return JSONResponse({"ok": True})

    async def _readyz(self, _: Request) -> Response:
        try:
            ready = await self.store.ready(self.acceptor.clock.now_ms())
        except StorageDown:
            ready = False
        return JSONResponse({"ready": ready}, 200 if ready else 503)


def application(routes: Sequence[BaseRoute], hosts: Sequence[str]) -> Starlette:
    """`hosts`: the names this line answers to; another Host header is refused (DNS rebinding)."""
    return Starlette(
        routes=list(routes),
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)],
        exception_handlers={StorageDown: _storage_down, ClientDisconnect: _gone},
    )


async def _storage_down(_: Request, error: Exception) -> Response:
    """Of whatever route: try again soon."""
    event(Event.QUEUE_FULL if isinstance(error, QueueFull) else Event.STORAGE_DOWN)
    return PlainTextResponse("", 503, {"Retry-After": "5"})


async def _gone(_: Request, __: Exception) -> Response:
    """The client went before its body was whole: nothing was taken, nobody is there to be answered, and it is no fault of ours."""
    return PlainTextResponse("", 400)


def _refused(why: Refused) -> Response:
    event(Event.REQUEST_REFUSED, why=why)
    if why is Refused.NOT_FOR_US:
        return Response(EMPTY_TWIML, media_type="text/xml")
    return PlainTextResponse("", STATUS[why])
