"""Twilio's real client against a local Twilio over real HTTP: what left, what did not, and what nobody knows."""

from __future__ import annotations

import asyncio
import gc
import socket
import traceback
import types
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from handlers.ports import MaybeSent, NotSent, Sender, Sent, Unsent, Wait
from handlers.twilio_sender import TwilioSender
from tests.peers.twilio import PRACTICE_SID, PRACTICE_TOKEN, Fault, TwilioPeer, Window
from triage.sensitive import Sensitive

LINE, SOURCE, BUSINESS = "+15005550006", "+34612345678", "+15005550009"
TEXT = Sensitive("canary words")


@pytest.fixture(scope="module")
def running() -> Iterator[TwilioPeer]:
    with TwilioPeer() as peer:
        yield peer


@pytest.fixture
def peer(running: TwilioPeer) -> TwilioPeer:
    running.reset()
    return running


@pytest_asyncio.fixture
async def sender(peer: TwilioPeer) -> AsyncIterator[TwilioSender]:
    made = TwilioSender(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), LINE, peer.url)
    yield made
    await made.close()


@pytest.mark.asyncio
async def test_a_text_goes_out(peer: TwilioPeer, sender: TwilioSender) -> None:
    port: Sender = sender
    assert isinstance(await port.send(Sensitive(SOURCE), Sensitive("Estamos aquí – ¿puede escribir?"), "cause"), Sent)
    (delivery,) = peer.sent
    assert (delivery.to, delivery.sender, delivery.body) == (SOURCE, LINE, "Estamos aquí – ¿puede escribir?")


@pytest.mark.asyncio
async def test_curly_marks_go_out_plain_and_lone_surrogates_as_a_question_mark(peer: TwilioPeer, sender: TwilioSender) -> None:
    await sender.send(Sensitive(SOURCE), Sensitive("It’s us"), "cause")
    await sender.send(Sensitive(SOURCE), Sensitive("bad \ud800 end"), "cause")
    assert [d.body for d in peer.sent] == ["It's us", "bad ? end"]


@pytest.mark.asyncio
async def test_a_long_text_goes_out_in_parts(peer: TwilioPeer, sender: TwilioSender) -> None:
    long = "palabra " * 500
    assert isinstance(await sender.send(Sensitive(SOURCE), Sensitive(long), "cause"), Sent)
    assert len(peer.sent) == 3
    assert "".join(d.body for d in peer.sent) == long


@pytest.mark.asyncio
async def test_a_long_text_that_stops_in_the_middle_may_have_left(peer: TwilioPeer, sender: TwilioSender) -> None:
    peer.fail(Fault.NONE, Fault.SERVER_ERROR)
    with pytest.raises(MaybeSent):
        await sender.send(Sensitive(SOURCE), Sensitive("palabra " * 500), "cause")
    assert len(peer.sent) == 1


@pytest.mark.asyncio
async def test_someone_who_opted_out_is_closed_until_they_opt_in_again(peer: TwilioPeer, sender: TwilioSender) -> None:
    peer.receive(SOURCE, LINE, "Stop")
    assert await sender.send(Sensitive(SOURCE), TEXT, "cause") is Unsent.CLOSED
    assert peer.sent == ()
    assert [to for to, _ in peer.own_answers] == [SOURCE]
    peer.receive(SOURCE, LINE, "START")
    assert isinstance(await sender.send(Sensitive(SOURCE), TEXT, "cause"), Sent)


@pytest.mark.asyncio
async def test_a_number_that_is_none_is_blocked(peer: TwilioPeer, sender: TwilioSender) -> None:
    assert await sender.send(Sensitive("+1"), TEXT, "cause") is Unsent.BLOCKED


@pytest.mark.asyncio
async def test_a_refusal_did_not_leave_and_the_next_try_does(peer: TwilioPeer, sender: TwilioSender) -> None:
    peer.fail(Fault.SERVER_ERROR)
    with pytest.raises(NotSent) as caught:
        await sender.send(Sensitive(SOURCE), TEXT, "cause")
    assert caught.value.args == (500, 20500)
    _assert_empty(caught.value)
    assert peer.sent == ()
    assert isinstance(await sender.send(Sensitive(SOURCE), TEXT, "cause"), Sent)


@pytest.mark.asyncio
async def test_too_many_requests_are_a_wait(peer: TwilioPeer, sender: TwilioSender) -> None:
    peer.fail(Fault.RATE_LIMIT)
    with pytest.raises(Wait) as caught:
        await sender.send(Sensitive(SOURCE), TEXT, "cause")
    assert caught.value.delay_ms > 0
    _assert_empty(caught.value)
    assert peer.sent == ()


@pytest.mark.asyncio
async def test_a_long_text_that_is_refused_in_the_middle_may_have_left(peer: TwilioPeer, sender: TwilioSender) -> None:
    for fault in (Fault.RATE_LIMIT, Fault.SERVER_ERROR):
        peer.fail(Fault.NONE, fault)
        with pytest.raises(MaybeSent):
            await sender.send(Sensitive(SOURCE), Sensitive("palabra " * 500), "cause")


@pytest.mark.asyncio
async def test_where_to_tell_what_became_of_it(peer: TwilioPeer, sender: TwilioSender) -> None:
    assert not sender.receipts
    told = TwilioSender(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), LINE, peer.url, public_url="https://line.example.org/")
    assert told.receipts
    plain = await sender.send(Sensitive(SOURCE), TEXT, "c")
    short = await told.send(Sensitive(SOURCE), TEXT, "a" * 64)
    long = await told.send(Sensitive(SOURCE), Sensitive("palabra " * 500), "b" * 64)
    assert isinstance(plain, Sent)
    assert isinstance(short, Sent)
    assert isinstance(long, Sent)
    base = "https://line.example.org/twilio/status"
    called = [[peer.log.entries[ref].callback for ref in sent.refs] for sent in (plain, short, long)]
    assert called == [[None], [f"{base}?id={'a' * 64}"], [f"{base}?id={'b' * 64}&parts=3"] * 3]
    await told.close()


@pytest_asyncio.fixture
async def business(peer: TwilioPeer) -> AsyncIterator[TwilioSender]:
    made = TwilioSender(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), BUSINESS, peer.url, channel="whatsapp")
    yield made
    await made.close()


@pytest.mark.asyncio
async def test_a_whatsapp_text_goes_out_within_a_day_of_theirs(peer: TwilioPeer, business: TwilioSender) -> None:
    peer.window = Window.AT_ONCE
    peer.receive(f"whatsapp:{SOURCE}", f"whatsapp:{BUSINESS}", "ayuda", at=datetime.now(UTC) - timedelta(hours=25))
    assert await business.send(Sensitive(SOURCE), TEXT, "cause") is Unsent.CLOSED
    peer.receive(f"whatsapp:{SOURCE}", f"whatsapp:{BUSINESS}", "ayuda")
    assert isinstance(await business.send(Sensitive(SOURCE), TEXT, "cause"), Sent)
    assert [(d.sender, d.to) for d in peer.sent] == [(f"whatsapp:{BUSINESS}", f"whatsapp:{SOURCE}")]


@pytest.mark.asyncio
async def test_a_message_is_deleted_with_its_pictures(peer: TwilioPeer, sender: TwilioSender) -> None:
    entry, other = (peer.receive(SOURCE, LINE, words, media=3) for words in ("mira", "otra"))
    await sender.erase(Sensitive(SOURCE), entry.sid)
    assert list(peer.log.entries) == [other.sid]
    assert entry.media == [], "each was asked for"
    assert len(other.media) == 3
    await sender.erase(Sensitive(SOURCE), entry.sid)


@pytest.mark.asyncio
async def test_a_text_of_ours_is_deleted_once_twilio_is_done_with_it(peer: TwilioPeer, sender: TwilioSender) -> None:
    sent = await sender.send(Sensitive(SOURCE), TEXT, "cause")
    assert isinstance(sent, Sent)
    (ref,) = sent.refs
    for status in ("queued", "sent"):
        peer.log.entries[ref].status = status
        with pytest.raises(Wait) as caught:
            await sender.erase(Sensitive(SOURCE), ref)
        assert caught.value.delay_ms >= 60_000, "docs/api/errors/20009: wait several minutes"
    peer.log.entries[ref].status = "delivered"
    await sender.erase(Sensitive(SOURCE), ref)
    assert peer.log.entries == {}


@pytest.mark.asyncio
@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RATE_LIMIT, Fault.LOST, Fault.GATEWAY_TIMEOUT, Fault.CLOSED])
async def test_a_deletion_that_fails_anywhere_is_tried_again(peer: TwilioPeer, sender: TwilioSender, fault: Fault, before: int) -> None:
    """The list, two pictures, the message: four requests."""
    entry = peer.receive(SOURCE, LINE, "canary words", media=2)
    peer.fail(*[Fault.NONE] * before, fault)
    with pytest.raises(NotSent) as caught:
        await sender.erase(Sensitive(SOURCE), entry.sid)
    _assert_empty(caught.value)
    await sender.erase(Sensitive(SOURCE), entry.sid)
    assert peer.log.entries == {}


@pytest.mark.asyncio
async def test_a_wrong_token_deletes_nothing_and_is_tried_again(peer: TwilioPeer) -> None:
    entry = peer.receive(SOURCE, LINE, "hola")
    sender = TwilioSender(PRACTICE_SID, Sensitive("wrong"), LINE, peer.url)
    with pytest.raises(NotSent) as caught:
        await sender.erase(Sensitive(SOURCE), entry.sid)
    assert caught.value.args == (401, 20003)
    assert list(peer.log.entries) == [entry.sid]
    await sender.close()


@pytest.mark.asyncio
async def test_a_wrong_token_did_not_leave(peer: TwilioPeer) -> None:
    sender = TwilioSender(PRACTICE_SID, Sensitive("wrong"), LINE, peer.url)
    with pytest.raises(NotSent) as caught:
        await sender.send(Sensitive(SOURCE), TEXT, "cause")
    assert caught.value.args == (401, 20003)
    await sender.close()


@pytest.mark.asyncio
async def test_nobody_there_did_not_leave() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    sender = TwilioSender(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), LINE, url)
    with pytest.raises(NotSent):
        await sender.send(Sensitive(SOURCE), TEXT, "cause")
    await sender.close()


@pytest.mark.asyncio
async def test_a_full_backlog_that_never_takes_the_connection_did_not_leave() -> None:
    """Connecting times out: nothing was written."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        sender = TwilioSender(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), LINE, f"http://127.0.0.1:{address[1]}", timeout_s=0.6)
        with pytest.raises(NotSent):
            await sender.send(Sensitive(SOURCE), TEXT, "cause")
        await sender.close()
        for one in waiting:
            one.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [Fault.LOST, Fault.GATEWAY_TIMEOUT, Fault.GARBLED])
async def test_delivered_without_an_answer_may_have_left(peer: TwilioPeer, sender: TwilioSender, fault: Fault) -> None:
    peer.fail(fault)
    with pytest.raises(MaybeSent) as caught:
        await sender.send(Sensitive(SOURCE), TEXT, "cause")
    assert len(peer.sent) == 1
    _assert_empty(caught.value)


@pytest.mark.asyncio
async def test_an_answer_that_never_comes_may_have_left(peer: TwilioPeer) -> None:
    peer.fail(Fault.HANG)
    sender = TwilioSender(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), LINE, peer.url, timeout_s=2)
    with pytest.raises(MaybeSent) as caught:
        await asyncio.wait_for(sender.send(Sensitive(SOURCE), TEXT, "cause"), timeout=10)
    assert len(peer.sent) == 1
    _assert_empty(caught.value)
    await sender.close()


@pytest.mark.asyncio
async def test_a_connection_closed_on_arrival_may_have_left(peer: TwilioPeer, sender: TwilioSender) -> None:
    """Nothing did, but from here it looks like an answer that was lost."""
    peer.fail(Fault.CLOSED)
    with pytest.raises(MaybeSent):
        await sender.send(Sensitive(SOURCE), TEXT, "cause")
    assert peer.sent == ()


def _assert_empty(error: Exception) -> None:
    """No number, text or token in what a traceback would print."""
    shown = "".join(traceback.format_exception(error))
    assert not [secret for secret in (SOURCE[1:], "canary words", PRACTICE_TOKEN, PRACTICE_SID) if secret in shown]


@pytest.mark.asyncio
async def test_the_environment_does_not_choose_the_host(peer: TwilioPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("TWILIO_REGION", "canary")
    monkeypatch.setenv("TWILIO_EDGE", "canary")
    sender = TwilioSender(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), LINE, peer.url)
    assert isinstance(await sender.send(Sensitive(SOURCE), TEXT, "cause"), Sent)
    await sender.close()


@pytest.mark.asyncio
async def test_nothing_of_a_message_is_kept_in_the_client(sender: TwilioSender) -> None:
    await sender.send(Sensitive(SOURCE), TEXT, "cause")
    kept = " ".join(_strings_within(sender))
    assert LINE in kept  # the search sees what is there
    assert "canary" not in kept
    assert SOURCE[1:] not in kept


def _strings_within(root: object) -> list[str]:
    """Every string that can be reached from an object, but by way of code."""
    found, seen, todo = list[str](), set[int](), [root]
    while todo:
        at = todo.pop()
        if id(at) in seen or isinstance(at, types.ModuleType | types.FunctionType | type | types.FrameType):
            continue
        seen.add(id(at))
        if isinstance(at, str | bytes | bytearray):
            found.append(at if isinstance(at, str) else at.decode("latin-1"))
        todo.extend(gc.get_referents(at))
    return found


@pytest.mark.asyncio
async def test_the_peer_answers_as_twilio_does(peer: TwilioPeer) -> None:
    url = f"{peer.url}/2010-04-01/Accounts/{PRACTICE_SID}/Messages.json"
    async with httpx.AsyncClient(auth=(PRACTICE_SID, PRACTICE_TOKEN), trust_env=False) as client:
        made = await client.post(url, data={"To": SOURCE, "From": LINE, "Body": "hello"})
        wrong = await client.post(url, data={"To": "22", "From": LINE, "Body": "hello"})
    assert made.status_code == 201
    assert made.json()["sid"].startswith("SM")
    assert made.json()["status"] == "queued"
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["status"]) == (400, 21211, 400)
