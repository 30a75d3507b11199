"""`POST /twilio/message` refuses without storing, takes what is a message once, and says nothing of it in its log."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette

from bot.web import TWILIO_PATH
from handlers.text import EMPTY_TWIML, MAX_BODY
from sealing.keyring import WebKeys
from storage import tables
from storage.engine import Database
from storage.intake import SqlIntake
from tests.bot.test_web import NUMBER, PUBLIC, SOURCE, client, keys, post, web
from tests.databases import SetClock
from tests.peers.twilio import PRACTICE_TOKEN, incoming, signed_form
from tests.storage.rows import count

__all__ = ["keys"]
pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
WORDS = "canary la casa azul"


@pytest.fixture
def app(database: Database, keys: WebKeys, clock: SetClock) -> Starlette:
    return web(database, SqlIntake(database, clock), keys, clock)


async def nothing_stored(database: Database) -> bool:
    return [await count(database, table) for table in (tables.inbound, tables.seen, tables.task)] == [0, 0, 0]


async def test_a_signed_form_is_one_row_however_often_it_comes(app: Starlette, database: Database) -> None:
    async with client(app) as twilio:
        answers = [await post(twilio, sid) for sid in ("SM1", "SM1", "SM2", "SM1")]
    assert {(a.status_code, a.content, a.headers["content-type"].partition(";")[0]) for a in answers} == {(200, EMPTY_TWIML, "text/xml")}
    assert await count(database, tables.inbound) == 2


async def test_a_text_to_another_number_is_answered_and_dropped(app: Starlette, database: Database) -> None:
    """Twilio would repeat anything but a 200, for a text that is not ours to read."""
    body, headers = signed_form(PUBLIC + TWILIO_PATH, PRACTICE_TOKEN, incoming(SOURCE, "+15005550001", WORDS))
    async with client(app) as twilio:
        answer = await twilio.post(TWILIO_PATH, content=body, headers=headers)
    assert (answer.status_code, answer.content) == (200, EMPTY_TWIML)
    assert await nothing_stored(database)


async def test_a_signature_of_another_address_or_body_is_refused(app: Starlette, database: Database) -> None:
    fields = incoming(SOURCE, NUMBER, WORDS)
    elsewhere = signed_form("https://evil.example" + TWILIO_PATH, PRACTICE_TOKEN, fields)
    body, headers = signed_form(PUBLIC + TWILIO_PATH, PRACTICE_TOKEN, fields)
    unsigned = {name: value for name, value in headers.items() if name.lower() != "x-twilio-signature"}
    async with client(app) as twilio:
        for sent, given in (elsewhere, (body + b"&Extra=1", headers), (body, unsigned), (body, {**unsigned, "X-Twilio-Signature": "é"})):
            answer = await twilio.post(TWILIO_PATH, content=sent, headers=[(k.encode(), v.encode()) for k, v in given.items()])
            assert (answer.status_code, answer.content) == (403, b"")
    assert await nothing_stored(database)


async def test_what_is_no_form_is_refused(app: Starlette, database: Database) -> None:
    async with client(app) as twilio:
        for body in (b"\xff", b"a", b"Body=%ff", b"&" * 1000, b"a=1&" * 1000):
            assert (await twilio.post(TWILIO_PATH, content=body)).status_code == 400, body[:20]
    assert await nothing_stored(database)


async def test_a_body_above_64_kib_is_not_read_to_its_end(app: Starlette, database: Database) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while given < MAX_BODY * 50:
            given += 16_384
            yield b"a" * 16_384

    async with client(app) as twilio:
        assert (await twilio.post(TWILIO_PATH, content=endless())).status_code == 400
    assert given <= MAX_BODY + 2 * 16_384
    assert await nothing_stored(database)


@pytest.mark.claim("T15")
async def test_the_log_tells_that_and_why_and_never_what(app: Starlette, capsys: pytest.CaptureFixture[str]) -> None:
    body, headers = signed_form(PUBLIC + TWILIO_PATH, PRACTICE_TOKEN, incoming(SOURCE, NUMBER, WORDS, MessageSid="SM" + "1" * 32))
    async with client(app) as twilio:
        for token in (headers, headers, {}):
            await twilio.post(TWILIO_PATH, content=body, headers=token)
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(e["event"], e.get("why")) for e in events] == [("accepted", None), ("duplicate", None), ("request_refused", "bad_signature")]
    assert {name for e in events for name in e} == {"t", "event", "why"}
