"""How a peer is served: real HTTP on 127.0.0.1, in a thread of its own, with ways to break it."""

from __future__ import annotations

import asyncio
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol


class Served:
    """`with …Peer() as peer:` serves `app` at `peer.url`. A connection can be closed on arrival, a request left hanging or cut off."""

    def __init__(self) -> None:
        self._transports: dict[int, asyncio.Transport] = {}
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    def app(self) -> Starlette:
        raise NotImplementedError

    def closed_on_arrival(self) -> bool:
        """Whether the connection that comes now is."""
        return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        config = uvicorn.Config(
            self.app(), "127.0.0.1", 0, http=self._protocol(), ws="none", lifespan="off", loop="asyncio", log_config=None
        )
        config.timeout_graceful_shutdown = 1
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        end = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > end:
                raise TimeoutError("the peer did not start")
            time.sleep(0.01)
        self._port = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(timeout=10)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    async def hang(self, request: Request) -> None:
        """Until the client or the peer gives up."""
        while self._server is not None and not self._server.should_exit and not await request.is_disconnected():
            await asyncio.sleep(0.02)

    def cut(self, request: Request) -> None:
        """The connection is gone before an answer."""
        if request.client is not None:
            self._transports[request.client.port].abort()

    def _protocol(self) -> type[asyncio.Protocol]:
        peer = self

        class Breakable(H11Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.Transport)
                super().connection_made(transport)
                peer._transports[transport.get_extra_info("peername")[1]] = transport
                if peer.closed_on_arrival():
                    transport.abort()

        return Breakable


class Small:
    """The same for a few fixed paths: `handler` is a subclass of BaseHTTPRequestHandler with a field `peer`."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("OfPeer", (handler,), {"peer": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
