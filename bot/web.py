"""The web process: authenticates, seals to the intake key, inserts, answers. It holds nothing that opens anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.logs import Event, event
from handlers.intake import Acceptor
from sealing.rows import QueueFull, StorageDown
from storage.desk_store import DeskReads


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
