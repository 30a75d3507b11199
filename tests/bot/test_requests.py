"""Generated requests to the public routes: 5,000 here, 200,000 by `make bench-load`. And that what judges them finds something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import redirect_stderr
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request as Asked
from starlette.responses import Response
from starlette.routing import Route

from benchmarks import leaks
from benchmarks.calls import Log, call, right
from benchmarks.chance import MARK, Chance, Effect, Request, to_host
from benchmarks.requests import BY_ROUTE, MOST_GROWTH, Target, open_target, requests, run
from bot.logs import Event, event
from tests.databases import Servers

SEED = 3
Answering = Callable[[Asked], Coroutine[Any, Any, Response]]
pytestmark = [pytest.mark.enable_socket]


@pytest.mark.claim("T38")
def test_no_request_is_a_fault_and_every_accepted_one_is_one_row(url: str, tmp_path: Path) -> None:
    done = asyncio.run(run(url, tmp_path / "home", 2500, SEED, wal=False))
    assert done.problems == []
    assert done.report.kinds.total() >= 2500
    assert done.report.accepted > 400
    assert done.report.duplicates > 50
    assert done.growth < MOST_GROWTH


@pytest_asyncio.fixture
async def target(servers: Servers, tmp_path: Path) -> AsyncIterator[Target]:
    opened = await open_target(servers.migrated("sqlite"), tmp_path / "home")
    yield opened
    await opened.database.close()


@pytest.mark.asyncio
async def test_every_route_is_asked_for_and_every_effect_is_meant(target: Target) -> None:
    made = list(islice(requests(Chance(SEED), target), 3000))
    asked = {request.path for request in made}
    assert BY_ROUTE.keys() <= set(target.paths)
    assert {path for path in target.paths if "{" not in path} <= asked
    assert {request.effect for request in made} == set(Effect)
    for route in ("/twilio/message", "/telegram/update", "/gateway/message"):
        assert {Effect.TAKEN, Effect.REFUSED, Effect.ANY} <= {request.effect for request in made if request.path == route}


@pytest.mark.asyncio
async def test_the_same_seed_makes_the_same_requests(target: Target) -> None:
    first, second, other = (list(islice(requests(Chance(seed), target), 400)) for seed in (1, 1, 2))
    assert list(map(shown, first)) == list(map(shown, second))
    assert list(map(shown, first)) != list(map(shown, other))


def shown(request: Request) -> tuple[object, ...]:
    return request.kind, request.method, request.path, request.query, request.headers, request.body


async def raises(_: Asked) -> Response:
    raise ValueError(MARK)


async def tells(_: Asked) -> Response:
    event(Event.ACCEPTED)
    return Response(status_code=403)


async def takes(_: Asked) -> Response:
    event(Event.ACCEPTED)
    return Response()


@pytest.mark.parametrize("route", [raises, tells, takes])
@pytest.mark.parametrize("effect", list(Effect))
@pytest.mark.asyncio
async def test_a_wrong_outcome_is_seen(route: Answering, effect: Effect) -> None:
    """A fault is wrong for every request; to take what is refused, too; to take and answer well is right where it may be."""
    app = Starlette(routes=[Route("/", route, methods=["POST"])])
    request = to_host(Request("any", effect, "POST", "/"))
    with redirect_stderr(Log()):
        outcome = await call(app, request)
    assert right(request, outcome) == (route is takes and effect in {Effect.TAKEN, Effect.ANY})
    assert bool(outcome.fault) == (route is raises)
    assert MARK not in outcome.fault


def test_the_search_reads_over_the_ends_of_its_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files larger than one piece, with the word across the seam."""
    monkeypatch.setattr(leaks, "PIECE", 4096)
    file = tmp_path / "large"
    for at in (4091, 4096, 4 * 4096 - 1, 0):
        file.write_bytes(b"\0" * at + MARK.encode() + b"\0" * 5000)
        assert leaks.in_files([file]) == {"text, plain: large"}
    file.write_bytes(b"\0" * 9000 + MARK[:-1].encode())
    assert leaks.in_files([file]) == set()
