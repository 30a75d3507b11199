"""Practice alone: the phones' page, their mailbox in memory, and the practice investigators' keys. Loopback only, guarded by a token that
stands in the addresses which the demo prints (behind the #, so that no log or history of a server sees it)."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from desk.api import read_json
from desk.pages import Page
from handlers.handset import read_handset
from handlers.intake import Acceptor
from sealing.rows import StorageDown
from triage.sensitive import Sensitive

MOST_PHONES = 200
MOST_TEXTS = 500
LOOPBACK = frozenset({"127.0.0.1", "::1"})
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Delivered:
    n: int
    text: Sensitive[str]
    at: int


@dataclass(slots=True)
class Practice:
    token: Sensitive[str]
    people_file: Path
    page: Page
    acceptor: Acceptor
    now_ms: Callable[[], int]
    _mailbox: dict[str, list[Delivered]] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        return [
            Route("/handset", self._page),
            Route("/handset/message", self._guarded(self._message), methods=["POST"]),
            Route("/handset/messages", self._guarded(self._messages), methods=["POST"]),
            Route("/handset/deliver", self._guarded(self._deliver), methods=["POST"]),
            Route("/practice/people", self._guarded(self._people)),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization", "").encode()
            right = f"Practice {self.token.reveal()}".encode()
            local = request.client is not None and request.client.host in LOOPBACK
            if not local or not hmac.compare_digest(given, right):
                return JSONResponse({"error": "not here"}, 403)
            return await handler(request)

        return guarded

    async def _page(self, _: Request) -> Response:
        return Response(self.page.html, headers=dict(self.page.headers))

    async def _message(self, request: Request) -> Response:
        fields = await read_json(request)
        message = None if fields is None else read_handset(fields, datetime.now(UTC))
        if message is None:
            return JSONResponse({"error": "not a message"}, 400)
        try:
            await self.acceptor.accept(message)
        except StorageDown:
            return JSONResponse({"error": "not taken, try again"}, 503)
        return JSONResponse({}, 202)

    async def _messages(self, request: Request) -> Response:
        fields = await read_json(request) or {}
        phone, after = fields.get("phone"), fields.get("after")
        if not isinstance(phone, str) or type(after) is not int:
            return JSONResponse({"error": "no phone"}, 400)
        waiting = [m for m in self._mailbox.get(phone, ()) if m.n > after]
        return JSONResponse({"messages": [{"n": m.n, "text": m.text.reveal(), "at": m.at} for m in waiting]})

    async def _deliver(self, request: Request) -> Response:
        fields = await read_json(request) or {}
        phone, text = fields.get("phone"), fields.get("text")
        if not isinstance(phone, str) or not isinstance(text, str):
            return JSONResponse({"error": "no phone"}, 400)
        if phone not in self._mailbox and len(self._mailbox) >= MOST_PHONES:
            return JSONResponse({"error": "too many phones"}, 503)
        texts = self._mailbox.setdefault(phone, [])
        texts.append(Delivered(texts[-1].n + 1 if texts else 1, Sensitive(text), self.now_ms()))
        del texts[:-MOST_TEXTS]
        return Response(status_code=204)

    async def _people(self, _: Request) -> Response:
        return JSONResponse(json.loads(self.people_file.read_text(encoding="utf-8")), headers={"Cache-Control": "no-store"})
