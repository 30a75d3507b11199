"""The web side of a line on a real port, for a Bot API server that calls it, and what it took."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from sealing import plaintexts
from sealing.keyring import WorkerKeys
from sealing.rows import Purpose
from storage import tables
from storage.engine import Database
from triage.tip import Inbound


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


async def opened(database: Database, keys: WorkerKeys) -> list[Inbound]:
    """What lies in the table, in the order of acceptance, as the worker reads it."""
    columns = tables.inbound.c
    async with database.begin(reading=True) as transaction:
        rows = await transaction.run(tables.inbound.select().with_only_columns(columns.epoch, columns.sealed).order_by(columns.seq))
        return [plaintexts.read_inbound(keys.open(Purpose.INTAKE, row.epoch, row.sealed)) for row in rows]
