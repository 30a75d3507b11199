"""The web process's own routes: 200 to the provider means durable, anything else means not taken."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from bot.twilio_route import TWILIO_PATH, TwilioRoute
from bot.web import Health, application
from bot.wiring import SystemEntropy
from handlers.intake import Acceptor
from handlers.ports import Intake
from handlers.text import EMPTY_TWIML, TwilioWebhook
from sealing.keyring import WebKeys, load_web, make_secrets
from sealing.rows import Accepted, SealedInbound
from storage import tables
from storage.desk_store import DeskReads
from storage.engine import Database
from storage.erasures import SqlReceipts
from storage.intake import SqlIntake
from tests.databases import SetClock
from tests.peers.twilio import PRACTICE_SID, PRACTICE_TOKEN, incoming, signed_form
from tests.storage.rows import count
from triage.sensitive import Sensitive

PUBLIC, NUMBER, SOURCE = "https://line.example.org", "+15005550006", "+34600111222"
pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> WebKeys:
    folder: Path = tmp_path_factory.mktemp("web") / "secrets"
    make_secrets(folder, secrets.token_bytes)
    return load_web(folder / "web")


def web(database: Database, intake: Intake, keys: WebKeys, clock: SetClock) -> Starlette:
    acceptor = Acceptor(intake, keys, clock, SystemEntropy())
    webhook = TwilioWebhook(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), PUBLIC, NUMBER)
    routes = [*Health(DeskReads(database, clock), acceptor).routes(), *TwilioRoute(webhook, acceptor, SqlReceipts(database)).routes()]
    return application(routes, ["line.example.org"])


def client(app: Starlette, base: str = PUBLIC) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)


async def post(to: httpx.AsyncClient, sid: str, token: str = PRACTICE_TOKEN) -> httpx.Response:
    """`sid`: its first characters."""
    body, headers = signed_form(PUBLIC + TWILIO_PATH, token, incoming(SOURCE, NUMBER, "hola", MessageSid=sid.ljust(34, "0")))
    return await to.post(TWILIO_PATH, content=body, headers=headers)


class Held:
    """The real intake behind a door, so that a test sees what happens before the commit."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.asked, self.open = asyncio.Event(), asyncio.Event()

    async def accept(self, inbound: SealedInbound) -> Accepted:
        self.asked.set()
        await self.open.wait()
        return await self._intake.accept(inbound)


@pytest.mark.claim("T7")
async def test_the_provider_is_answered_only_after_the_commit(database: Database, other: Database, keys: WebKeys, clock: SetClock) -> None:
    held = Held(SqlIntake(database, clock))
    async with client(web(database, held, keys, clock)) as twilio:
        waiting = asyncio.create_task(post(twilio, "SM1"))
        await held.asked.wait()
        done, _ = await asyncio.wait({waiting}, timeout=0.05)
        assert not done
        assert await count(other, tables.inbound) == 0
        held.open.set()
        answer = await waiting
    assert (answer.status_code, answer.content) == (200, EMPTY_TWIML)
    assert await count(other, tables.inbound) == 1


@pytest.mark.claim("T7")
async def test_a_database_that_is_away_is_answered_503_and_the_repeat_is_taken_once(
    database: Database, other: Database, keys: WebKeys, clock: SetClock
) -> None:
    app = web(database, SqlIntake(database, clock), keys, clock)
    await database.close()
    async with client(app) as twilio:
        refused = await post(twilio, "SM1")
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert await count(other, tables.inbound) == 0
    async with client(web(other, SqlIntake(other, clock), keys, clock)) as twilio:
        assert [(await post(twilio, "SM1")).status_code for _ in range(2)] == [200, 200]
    assert await count(other, tables.inbound) == 1


@pytest.mark.claim("T14")
async def test_what_twilio_did_not_sign_is_refused_and_leaves_nothing(database: Database, keys: WebKeys, clock: SetClock) -> None:
    async with client(web(database, SqlIntake(database, clock), keys, clock)) as stranger:
        assert (await post(stranger, "SM1", token="another")).status_code == 403
        assert (await stranger.post(TWILIO_PATH, content=b"\xff")).status_code == 400
        assert (await stranger.get(TWILIO_PATH)).status_code == 405
    for table in (tables.inbound, tables.seen, tables.task):
        assert await count(database, table) == 0


async def test_another_host_is_refused(database: Database, keys: WebKeys, clock: SetClock) -> None:
    app = web(database, SqlIntake(database, clock), keys, clock)
    async with client(app) as ours, client(app, "https://evil.example") as another:
        assert (await ours.get("/healthz")).status_code == 200
        assert (await another.get("/healthz")).status_code == 400


async def test_ready_only_while_the_worker_beats_and_the_database_is_there(database: Database, keys: WebKeys, clock: SetClock) -> None:
    async with client(web(database, SqlIntake(database, clock), keys, clock)) as probe:
        assert (await probe.get("/readyz")).status_code == 503
        await DeskReads(database, clock).beat("worker", clock.now)
        assert (await probe.get("/readyz")).json() == {"ready": True}
        clock.now += 31_000
        assert (await probe.get("/readyz")).status_code == 503
        await DeskReads(database, clock).beat("worker", clock.now)
        await database.close()
        assert (await probe.get("/readyz")).json() == {"ready": False}
        assert (await probe.get("/healthz")).status_code == 200
