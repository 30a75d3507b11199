"""The web side of a line on a real port, for a Bot API server that calls it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """The URL under which it answers, in this loop."""
    config = uvicorn.Config(app, "127.0.0.1", 0, log_config=None, access_log=False, lifespan="off", proxy_headers=False, ws="none")
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        running = asyncio.create_task(server.main_loop())
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        await server.shutdown()


async def until(done: Callable[[], bool], seconds: float = 10.0) -> None:
    """TimeoutError when it does not come true."""
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.01)
