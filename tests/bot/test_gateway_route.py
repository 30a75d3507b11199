"""`POST /gateway/message` takes what the phone posts once, answers only after the commit, and says nothing of it in its log."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.applications import Starlette

from bot.gateway_route import GATEWAY_PATH, GatewayRoute
from bot.web import application
from bot.wiring import SystemEntropy
from handlers.gateway import MAX_BODY, FieldMap, GatewayWebhook
from handlers.intake import Acceptor
from handlers.ports import Intake
from sealing.keyring import WebKeys
from sealing.rows import Accepted, SealedInbound, StorageDown
from storage import tables
from storage.engine import Database
from storage.intake import SqlIntake
from tests.bot.test_web import SOURCE, client, keys
from tests.databases import SetClock
from tests.peers.gateway import FIELDS, SIGNING_KEY, deliver, received, signed
from tests.storage.rows import count
from triage.sensitive import Sensitive

__all__ = ["keys"]
pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
WORDS = "canary la casa azul"


def web(intake: Intake, keys: WebKeys, clock: SetClock) -> Starlette:
    webhook = GatewayWebhook(Sensitive(SIGNING_KEY), FieldMap(FIELDS))
    return application(GatewayRoute(webhook, Acceptor(intake, keys, clock, SystemEntropy())).routes(), ["line.example.org"])


@pytest.fixture
def app(database: Database, keys: WebKeys, clock: SetClock) -> Starlette:
    return web(SqlIntake(database, clock), keys, clock)


def attempt(to: httpx.AsyncClient) -> Callable[[bytes, dict[str, str]], Awaitable[int]]:
    async def once(body: bytes, headers: dict[str, str]) -> int:
        return (await to.post(GATEWAY_PATH, content=body, headers=headers)).status_code

    return once


async def nothing_stored(database: Database) -> bool:
    return [await count(database, table) for table in (tables.inbound, tables.seen, tables.task)] == [0, 0, 0]


class Ailing:
    """The real intake, which is away for some requests before the commit and cut off after it for some."""

    def __init__(self, intake: Intake, before: int, after: int) -> None:
        self._intake, self._before, self._after = intake, before, after

    async def accept(self, inbound: SealedInbound) -> Accepted:
        if self._before > 0:
            self._before -= 1
            raise StorageDown
        accepted = await self._intake.accept(inbound)
        if self._after > 0:
            self._after -= 1
            raise StorageDown
        return accepted


@pytest.mark.claim("T7")
async def test_the_phone_repeats_until_it_is_durable_and_it_is_one_row(database: Database, keys: WebKeys, clock: SetClock) -> None:
    app = web(Ailing(SqlIntake(database, clock), before=3, after=2), keys, clock)
    async with client(app) as phone:
        statuses = await deliver(attempt(phone), received(SOURCE, WORDS))
    assert statuses == [503, 503, 503, 503, 503, 200]
    assert await count(database, tables.inbound) == 1


@pytest.mark.claim("T30")
async def test_month_late_reordered_and_repeated_is_one_row_each(app: Starlette, database: Database) -> None:
    start = datetime.now(UTC) - timedelta(days=31)
    posts = [received(SOURCE, f"{WORDS} {n}", start + timedelta(minutes=n)) for n in range(4)]
    async with client(app) as phone:
        for n in (3, 1, 1, 0, 2, 3, 0):
            assert await deliver(attempt(phone), {**posts[n], "id": str(n)}) == [200]
    assert await count(database, tables.inbound) == 4


async def test_what_is_not_a_message_is_answered_and_dropped(app: Starlette, database: Database) -> None:
    async with client(app) as phone:
        assert await deliver(attempt(phone), {"event": "system:ping", "payload": {"health": {}}}) == [200]
    assert await nothing_stored(database)


async def test_a_wrong_field_map_is_repeated_for_two_days(app: Starlette, database: Database) -> None:
    post = {"event": "sms:received", "payload": {"from": SOURCE, "body": WORDS}}
    async with client(app) as phone:
        assert await deliver(attempt(phone), post) == [400] * 15
    assert await nothing_stored(database)


@pytest.mark.claim("T30")
async def test_a_signature_of_another_key_or_body_is_refused(app: Starlette, database: Database) -> None:
    body, headers = signed(received(SOURCE, WORDS))
    async with client(app) as phone:
        for sent, given in (
            signed(received(SOURCE, WORDS), "another-signing-key"),
            (body + b" ", headers),
            (body, {}),
            (body, {**headers, "X-Signature": "é"}),
            (body, {**headers, "X-Timestamp": "é"}),
        ):
            answer = await phone.post(GATEWAY_PATH, content=sent, headers=[(k.encode(), v.encode()) for k, v in given.items()])
            assert (answer.status_code, answer.content) == (403, b"")
        assert (await phone.get(GATEWAY_PATH)).status_code == 405
    assert await nothing_stored(database)


async def test_a_body_above_64_kib_is_not_read_to_its_end(app: Starlette, database: Database) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while given < MAX_BODY * 50:
            given += 16_384
            yield b"a" * 16_384

    async with client(app) as phone:
        assert (await phone.post(GATEWAY_PATH, content=endless())).status_code == 400
    assert given <= MAX_BODY + 2 * 16_384
    assert await nothing_stored(database)


@pytest.mark.claim("T15")
async def test_the_log_tells_that_and_why_and_never_what(app: Starlette, capsys: pytest.CaptureFixture[str]) -> None:
    body, headers = signed(received(SOURCE, WORDS))
    ping, ping_headers = signed({"event": "system:ping"})
    async with client(app) as phone:
        for sent, given in ((body, headers), (body, headers), (body, {}), (ping, ping_headers), signed(b"{" + WORDS.encode())):
            await phone.post(GATEWAY_PATH, content=sent, headers=given)
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(e["event"], e.get("why")) for e in events] == [
        ("accepted", None),
        ("duplicate", None),
        ("request_refused", "bad_signature"),
        ("request_refused", "not_for_us"),
        ("request_refused", "unreadable"),
    ]
    assert {name for e in events for name in e} == {"t", "event", "why"}
