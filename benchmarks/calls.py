"""Calling an ASGI application as uvicorn does, and what became of it: status, events that the request itself wrote, fault."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from io import TextIOBase
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette

from benchmarks import leaks
from benchmarks.chance import Effect, Request
from bot.logs import fault_of

UNWANTED = {"fault", "not ours", "storage_down"}

RIGHT = {
    Effect.TAKEN: {("2xx", True)},
    Effect.ANSWERED: {("2xx", False)},
    Effect.REFUSED: {("4xx", False)},
    Effect.NOT_TAKEN: {("2xx", False), ("4xx", False)},
    Effect.ANY: {("2xx", True), ("2xx", False), ("4xx", False)},
    Effect.READY: {("2xx", False), ("4xx", False), ("503", False)},
}
"""Effect -> (answer, whether the message was taken)."""


@dataclass(slots=True)
class Outcome:
    """`status` 0 = no answer. `events`: names of the events that the request wrote. `fault`: class and line of an exception."""

    status: int = 0
    body: bytes = b""
    events: list[str] = field(default_factory=list)
    fault: str = ""

    @property
    def taken(self) -> bool:
        return "accepted" in self.events or "duplicate" in self.events


_current: ContextVar[Outcome | None] = ContextVar("_current", default=None)


class Log(TextIOBase):
    """Stands in for standard error, and hands each event to the request that it belongs to. `leaked`: lines with words of a request."""

    def __init__(self) -> None:
        self.leaked = 0
        self.told: Counter[str] = Counter()

    def write(self, line: str, /) -> int:
        name = str(json.loads(line)["event"]) if line.startswith("{") else "not ours"
        self.told[name] += 1
        self.leaked += leaks.in_text(line)
        outcome = _current.get()
        if outcome is not None:
            outcome.events.append(name)
        return len(line)


async def call(app: Starlette, request: Request) -> Outcome:
    outcome = Outcome()
    raw = request.path.encode("utf-8", "surrogatepass")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "method": request.method,
        "path": unquote(request.path, errors="replace"),
        "raw_path": raw,
        "query_string": request.query,
        "headers": list(request.headers),
        "client": ("127.0.0.1", 9),
        "server": ("127.0.0.1", 8455),
    }
    given = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal given
        if given == len(request.body):
            return {"type": "http.disconnect"}
        given += 1
        return {"type": "http.request", "body": request.body[given - 1], "more_body": request.cut or given < len(request.body)}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            outcome.status = message["status"]
        else:
            outcome.body += message.get("body", b"")

    _current.set(outcome)  # the task below inherits it
    [raised] = await asyncio.gather(app(scope, receive, send), return_exceptions=True)
    if raised is not None:
        outcome.fault = str(fault_of(raised))
    return outcome


def right(request: Request, outcome: Outcome) -> bool:
    """Whether it became what it was made for."""
    if outcome.fault or not UNWANTED.isdisjoint(outcome.events) or len(outcome.events) > 1:
        return False
    answer = "2xx" if 200 <= outcome.status < 300 else "4xx" if 400 <= outcome.status < 500 else str(outcome.status)
    return (answer, outcome.taken) in RIGHT[request.effect]
