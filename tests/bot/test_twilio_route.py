"""Twilio's routes refuse without storing, take what is a message or a status once, and say nothing of it in the log."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette

from bot.twilio_route import TWILIO_PATH
from handlers.text import EMPTY_TWIML, MAX_BODY, STATUS_PATH
from sealing.keyring import WebKeys
from sealing.rows import SendingState
from storage import tables
from storage.engine import Database
from storage.intake import SqlIntake
from storage.store import SqlStore
from tests.bot.test_web import NUMBER, PUBLIC, SOURCE, client, keys, post, web
from tests.databases import SetClock
from tests.peers.twilio import PRACTICE_TOKEN, incoming, signed_form, status
from tests.storage.rows import a_sending, count, sealed_case

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


@pytest.mark.claim("T14")
async def test_what_a_proxy_says_of_the_request_changes_nothing(app: Starlette, database: Database) -> None:
    """The signature is checked against the line's own address, whatever Host, port, path or protocol the request claims."""
    fields = incoming(SOURCE, NUMBER, WORDS)
    body, headers = signed_form(PUBLIC + TWILIO_PATH, PRACTICE_TOKEN, fields)
    lies = {
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "81",
        "Forwarded": "host=evil.example;proto=http",
        "X-Original-URL": "/twilio/status",
        "X-Forwarded-Prefix": "/elsewhere",
        "X-HTTP-Method-Override": "GET",
    }
    async with client(app, "http://line.example.org:8455") as proxied:
        assert (await proxied.post(TWILIO_PATH, content=body, headers=headers | lies)).status_code == 200
    forged, signed = signed_form("https://evil.example" + TWILIO_PATH, PRACTICE_TOKEN, incoming(SOURCE, NUMBER, WORDS))
    async with client(app) as stranger:
        assert (await stranger.post(TWILIO_PATH, content=forged, headers=signed | lies)).status_code == 403
    assert await count(database, tables.inbound) == 1


@pytest.mark.parametrize("path", [f"{TWILIO_PATH}?x=1", f"{TWILIO_PATH}/", "/twilio//message", f"{TWILIO_PATH}%20"])
async def test_another_address_than_the_signed_one_takes_nothing(app: Starlette, database: Database, path: str) -> None:
    """A query is not part of our address: with one, the request was not meant for us, or is a captured one dressed up."""
    dressed = signed_form(PUBLIC + path, PRACTICE_TOKEN, incoming(SOURCE, NUMBER, WORDS))
    async with client(app) as twilio:
        answer = await twilio.post(path, content=dressed[0], headers=dressed[1])
    assert answer.status_code in (307, 403, 404)
    assert await nothing_stored(database)


async def sent(database: Database, case_id: str | None, state: SendingState = SendingState.SENT) -> str:
    row = a_sending(case_id, state)
    async with SqlStore(database).begin() as tx:
        await tx.add_sending(row)
    return row.id


async def state_of(database: Database, id: str) -> tuple[SendingState, bool] | None:
    """With whether its text is still there."""
    async with SqlStore(database).begin() as tx:
        row = await tx.sending(id)
    return None if row is None else (row.state, bool(row.sealed))


async def tell(app: Starlette, sending: str, told: str, sid: str = "SM" + "7" * 32, more: str = "", token: str = PRACTICE_TOKEN) -> int:
    path = f"{STATUS_PATH}?id={sending}{more}"
    body, headers = signed_form(PUBLIC + path, token, status(sid, NUMBER, SOURCE, told))
    async with client(app) as twilio:
        answer = await twilio.post(path, content=body, headers=headers)
    assert answer.content == b""
    return answer.status_code


async def test_a_status_settles_the_ledger(app: Starlette, database: Database, clock: SetClock) -> None:
    case = await sealed_case(database, clock)
    delivered, failed, underway = [await sent(database, case.case_id) for _ in range(3)]
    assert [await tell(app, delivered, "sent"), await tell(app, delivered, "delivered")] == [204, 204]
    assert [await tell(app, failed, "sent"), await tell(app, failed, "undelivered")] == [204, 204]
    assert await tell(app, underway, "sent") == 204
    assert await state_of(database, delivered) == (SendingState.SENT, False)
    assert await state_of(database, failed) == (SendingState.WAITING, True)
    assert await state_of(database, underway) == (SendingState.SENT, True)


@pytest.mark.claim("T31")
async def test_a_status_told_twice_counts_once_however_late(app: Starlette, database: Database, clock: SetClock) -> None:
    case = await sealed_case(database, clock)
    answer = await sent(database, case.case_id)
    await tell(app, answer, "failed")
    async with SqlStore(database).begin() as tx:
        assert await tx.release_waiting(case.case_id, clock.now) == 1
        assert await tx.claim_sending(answer, "0" * 64)
        assert await tx.move_sending(answer, SendingState.SENDING, SendingState.SENT, keep=True)
    assert await tell(app, answer, "failed") == 204
    assert await state_of(database, answer) == (SendingState.SENT, True), "that was the first try's"
    assert await tell(app, answer, "failed", sid="SM" + "8" * 32) == 204
    assert await state_of(database, answer) == (SendingState.WAITING, True)


async def test_a_status_of_one_part_of_a_long_answer(app: Starlette, database: Database, clock: SetClock) -> None:
    case = await sealed_case(database, clock)
    answer = await sent(database, case.case_id)
    await tell(app, answer, "delivered", more="&parts=2")
    assert await state_of(database, answer) == (SendingState.SENT, True)
    await tell(app, answer, "failed", more="&parts=2")
    assert await state_of(database, answer) == (SendingState.WAITING, True)


async def test_an_unknown_id_is_answered_like_a_known_one(app: Starlette, database: Database, clock: SetClock) -> None:
    case = await sealed_case(database, clock)
    known = await sent(database, case.case_id)
    assert {await tell(app, named, "delivered") for named in (known, "0" * 64)} == {204}


@pytest.mark.claim("T31")
@pytest.mark.claim("T14")
async def test_a_forged_status_changes_nothing(app: Starlette, database: Database, clock: SetClock) -> None:
    case = await sealed_case(database, clock)
    answer = await sent(database, case.case_id)
    assert await tell(app, answer, "failed", token="another") == 403
    assert await tell(app, answer, "failed", more="&x=1") == 400
    body, headers = signed_form(f"{PUBLIC}{STATUS_PATH}?id={'0' * 64}", PRACTICE_TOKEN, status("SM" + "7" * 32, NUMBER, SOURCE, "failed"))
    async with client(app) as stranger:
        assert (await stranger.post(f"{STATUS_PATH}?id={answer}", content=body, headers=headers)).status_code == 403
        assert (await stranger.post(f"{STATUS_PATH}?id={answer}", content=b"\xff")).status_code == 400
        assert (await stranger.get(f"{STATUS_PATH}?id={answer}")).status_code == 405
    assert await state_of(database, answer) == (SendingState.SENT, True)


async def test_a_status_that_could_not_be_noted_is_not_acknowledged(app: Starlette, database: Database) -> None:
    await database.close()
    path = f"{STATUS_PATH}?id={'0' * 64}"
    body, headers = signed_form(PUBLIC + path, PRACTICE_TOKEN, status("SM" + "7" * 32, NUMBER, SOURCE, "failed"))
    async with client(app) as twilio:
        assert (await twilio.post(path, content=body, headers=headers)).status_code == 503
