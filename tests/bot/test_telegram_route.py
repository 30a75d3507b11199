"""`POST /telegram/update`: a Bot API server that calls us is answered 200 only for what is durable, or what it need not repeat."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from bot.channels import Telegram
from bot.connect import connect_telegram, menu
from bot.telegram_route import TELEGRAM_PATH, TelegramRoute
from bot.web import application
from bot.wiring import SystemEntropy
from handlers.intake import Acceptor
from handlers.ports import Intake
from handlers.telegram import HOOK_HEADER, MAX_BODY, TelegramWebhook
from sealing.keyring import WebKeys, load_web, load_worker, make_secrets
from storage import tables
from storage.engine import Database
from storage.intake import SqlIntake
from tests.bot.test_web import Held
from tests.databases import SetClock
from tests.peers.telegram import PRACTICE_TOKEN, TelegramPeer
from tests.peers.telegram_line import opened, serving, until
from tests.storage.rows import count
from triage.sensitive import Sensitive

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
SECRET = "practice-hook-secret"
WORDS = "canary la casa azul"


@pytest.fixture(scope="module")
def running() -> Iterator[TelegramPeer]:
    with TelegramPeer() as peer:
        yield peer


@pytest.fixture
def peer(running: TelegramPeer) -> Iterator[TelegramPeer]:
    running.reset()
    yield running
    running.reset()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("web") / "secrets"
    make_secrets(made, secrets.token_bytes)
    return made


@pytest.fixture(scope="module")
def keys(folder: Path) -> WebKeys:
    return load_web(folder / "web")


def web(intake: Intake, keys: WebKeys, clock: SetClock) -> Starlette:
    route = TelegramRoute(TelegramWebhook(Sensitive(SECRET)), Acceptor(intake, keys, clock, SystemEntropy()))
    return application(route.routes(), ["127.0.0.1"])


@pytest.fixture
def app(database: Database, keys: WebKeys, clock: SetClock) -> Starlette:
    return web(SqlIntake(database, clock), keys, clock)


async def connect(peer: TelegramPeer, url: str, secret: str = SECRET) -> None:
    await connect_telegram(Telegram(Sensitive(PRACTICE_TOKEN), Sensitive(secret), peer.url), url, menu())


def client(app: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


async def nothing_stored(database: Database) -> bool:
    return [await count(database, table) for table in (tables.inbound, tables.seen, tables.task)] == [0, 0, 0]


async def test_what_is_delivered_is_one_row_however_often_it_comes(peer: TelegramPeer, app: Starlette, database: Database) -> None:
    peer.updates.forget_answers = 2
    first = peer.write(7, WORDS)
    peer.edit(first, "canary otra vez")
    peer.write(8, "hola")
    async with serving(app) as url:
        await connect(peer, url)
        await until(lambda: not peer.updates.waiting)
        peer.updates.again(first)
        await until(lambda: not peer.updates.waiting)
    assert await count(database, tables.inbound) == 3
    assert peer.updates.answers == [200] * 6


async def test_each_chat_is_taken_in_the_order_of_its_writing(peer: TelegramPeer, app: Starlette, database: Database, folder: Path) -> None:
    """Telegram delivers chats side by side."""
    for number in range(4):
        for chat in range(1, 9):
            peer.write(chat, str(number))
    async with serving(app) as url:
        await connect(peer, url)
        await until(lambda: not peer.updates.waiting)
    taken: dict[str, list[str]] = {}
    for message in await opened(database, load_worker(folder / "worker")):
        taken.setdefault(message.address.reveal(), []).append(message.text.reveal())
    assert taken == {str(chat): ["0", "1", "2", "3"] for chat in range(1, 9)}


@pytest.mark.claim("T7")
async def test_telegram_is_answered_only_after_the_commit(
    peer: TelegramPeer, database: Database, other: Database, keys: WebKeys, clock: SetClock
) -> None:
    held = Held(SqlIntake(database, clock))
    peer.write(7, WORDS)
    async with serving(web(held, keys, clock)) as url:
        await connect(peer, url)
        await held.asked.wait()
        await asyncio.sleep(0.05)
        assert (peer.updates.answers, await count(other, tables.inbound)) == ([], 0)
        held.open.set()
        await until(lambda: peer.updates.answers == [200])
    assert await count(other, tables.inbound) == 1


@pytest.mark.claim("T7")
async def test_what_met_a_database_that_is_away_comes_again_and_is_taken_once(
    peer: TelegramPeer, database: Database, other: Database, keys: WebKeys, clock: SetClock
) -> None:
    peer.write(7, WORDS)
    await database.close()
    async with serving(web(SqlIntake(database, clock), keys, clock)) as url:
        await connect(peer, url)
        await until(lambda: len(peer.updates.answers) >= 2)
        assert peer.updates.info()["last_error_message"].startswith("Wrong response from the webhook: 503")
    assert set(peer.updates.answers) == {503}
    async with serving(web(SqlIntake(other, clock), keys, clock)) as url:
        await connect(peer, url)
        await until(lambda: not peer.updates.waiting)
    assert peer.updates.answers[-1] == 200
    assert await count(other, tables.inbound) == 1


async def test_an_unreadable_update_is_not_repeated_and_holds_up_nobody(peer: TelegramPeer, app: Starlette, database: Database) -> None:
    peer.updates.add({"message": {"canary": 1}})
    peer.updates.add({"message": {"chat": {"id": 7}, "text": WORDS}})
    peer.updates.add({"a kind of tomorrow": 1})
    peer.write(7, "hola")
    async with serving(app) as url:
        await connect(peer, url)
        await until(lambda: not peer.updates.waiting)
    assert peer.updates.answers == [200] * 4
    assert await count(database, tables.inbound) == 1


@pytest.mark.claim("T29")
async def test_a_wrong_secret_is_refused_and_stays_at_telegram(peer: TelegramPeer, app: Starlette, database: Database) -> None:
    peer.write(7, WORDS)
    async with serving(app) as url:
        await connect(peer, url, "another-hook-secret")
        await until(lambda: len(peer.updates.answers) >= 2)
    assert set(peer.updates.answers) == {403}
    assert peer.updates.info()["pending_update_count"] == 1
    assert await nothing_stored(database)


@pytest.mark.claim("T29")
async def test_without_the_secret_no_byte_of_the_body_is_read(app: Starlette, database: Database) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"{}"

    async with client(app) as stranger:
        for header in (
            [],
            [(HOOK_HEADER.encode(), b"")],
            [(HOOK_HEADER.encode(), "contraseña".encode())],
            [(HOOK_HEADER.encode(), b"\xff\xfe")],
        ):
            answer = await stranger.post(TELEGRAM_PATH, content=body(), headers=header)
            assert (answer.status_code, answer.content) == (403, b"")
        assert (await stranger.get(TELEGRAM_PATH)).status_code == 405
    assert read == 0
    assert await nothing_stored(database)


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b"1", b"[" * 100_000, b'{"update_id": 1, "message": 1}', b'{"update_id": ' + b"9" * 5000 + b"}"]
)
async def test_what_is_no_update_is_answered_once_and_for_all(app: Starlette, database: Database, body: bytes) -> None:
    async with client(app) as telegram:
        answer = await telegram.post(TELEGRAM_PATH, content=body, headers={HOOK_HEADER: SECRET})
    assert (answer.status_code, answer.content) == (200, b"")
    assert await nothing_stored(database)


async def test_a_body_above_the_limit_is_not_read_to_its_end(app: Starlette, database: Database) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while given < MAX_BODY * 50:
            given += 16_384
            yield b"a" * 16_384

    async with client(app) as telegram:
        assert (await telegram.post(TELEGRAM_PATH, content=endless(), headers={HOOK_HEADER: SECRET})).status_code == 200
    assert given <= MAX_BODY + 2 * 16_384
    assert await nothing_stored(database)


@pytest.mark.claim("T15")
async def test_the_log_tells_that_and_why_and_never_what(peer: TelegramPeer, app: Starlette, capsys: pytest.CaptureFixture[str]) -> None:
    update = json.dumps(peer.write(7, WORDS)).encode()
    async with client(app) as telegram:
        for body, secret in ((update, SECRET), (update, SECRET), (update, "x"), (b"canary", SECRET), (b'{"canary":1}', SECRET)):
            await telegram.post(TELEGRAM_PATH, content=body, headers={HOOK_HEADER: secret})
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(e["event"], e.get("why")) for e in events] == [
        ("accepted", None),
        ("duplicate", None),
        ("request_refused", "bad_signature"),
        ("request_refused", "unreadable"),
        ("request_refused", "not_for_us"),
    ]
    assert {name for e in events for name in e} == {"t", "event", "why"}
