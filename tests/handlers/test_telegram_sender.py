"""PTB's real client against a local Bot API server over real HTTP: what left, what did not, what nobody knows, and what is deleted."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from handlers.ports import Erasing, MaybeSent, NotSent, Sender, Sent, Unsent, Wait
from handlers.telegram_client import PAUSE_S
from handlers.telegram_sender import TelegramSender
from tests.peers.telegram import DELETABLE_S, PRACTICE_TOKEN, Fault, TelegramPeer
from triage.sensitive import Sensitive

CHAT = 600111222333
SOURCE = Sensitive(str(CHAT))
TEXT = Sensitive("canary words")


@pytest.fixture(scope="module")
def running() -> Iterator[TelegramPeer]:
    with TelegramPeer() as peer:
        yield peer


@pytest.fixture
def peer(running: TelegramPeer) -> TelegramPeer:
    running.reset()
    running.write(CHAT, "hola")
    return running


@pytest_asyncio.fixture
async def sender(peer: TelegramPeer) -> AsyncIterator[TelegramSender]:
    made = TelegramSender(Sensitive(PRACTICE_TOKEN), peer.url)
    yield made
    await made.close()


def _assert_empty(error: BaseException) -> None:
    """No chat, text or token in what a traceback would print."""
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert not [secret for secret in (str(CHAT), "canary words", PRACTICE_TOKEN, PRACTICE_TOKEN.split(":")[1]) if secret in shown]


@pytest.mark.asyncio
async def test_a_text_goes_out_protected_without_preview_and_unmarked(peer: TelegramPeer, sender: TelegramSender) -> None:
    port: Sender = sender
    text = "Estamos *aquí* <b>–</b> https://example.org"
    result = await port.send(SOURCE, Sensitive(text), "cause")
    (delivery,) = peer.sent
    assert result == Sent((str(delivery.message_id),))
    assert (delivery.chat, delivery.text, delivery.protected, delivery.preview) == (CHAT, text, True, False)
    assert "parse_mode" not in peer.requests[-1][1]
    assert (port.erasing, port.receipts) == (Erasing.ASKED, False)


@pytest.mark.asyncio
async def test_half_a_character_goes_out_as_a_question_mark(peer: TelegramPeer, sender: TelegramSender) -> None:
    await sender.send(SOURCE, Sensitive("bad \ud800 end"), "cause")
    assert [d.text for d in peer.sent] == ["bad ? end"]


@pytest.mark.asyncio
async def test_a_long_text_goes_out_in_parts(peer: TelegramPeer, sender: TelegramSender) -> None:
    long = "palabra " * 1100
    result = await sender.send(SOURCE, Sensitive(long), "cause")
    assert result == Sent(tuple(str(d.message_id) for d in peer.sent))
    assert len(peer.sent) == 3
    assert "".join(d.text for d in peer.sent) == long


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [Fault.RATE_LIMIT, Fault.SERVER_ERROR])
async def test_a_long_text_that_stops_in_the_middle_may_have_left(peer: TelegramPeer, sender: TelegramSender, fault: Fault) -> None:
    peer.fail(Fault.NONE, fault)
    with pytest.raises(MaybeSent):
        await sender.send(SOURCE, Sensitive("palabra " * 1100), "cause")
    assert len(peer.sent) == 1


@pytest.mark.asyncio
async def test_who_blocked_the_bot_may_come_back_and_who_is_gone_does_not(peer: TelegramPeer, sender: TelegramSender) -> None:
    peer.chats[CHAT].blocked = True
    assert await sender.send(SOURCE, TEXT, "cause") is Unsent.CLOSED
    peer.chats[CHAT].deactivated = True
    assert await sender.send(SOURCE, TEXT, "cause") is Unsent.BLOCKED
    assert await sender.send(Sensitive("99"), TEXT, "cause") is Unsent.BLOCKED
    assert peer.sent == []


@pytest.mark.asyncio
async def test_a_pause_is_that_of_the_chat_and_the_next_try_goes_out(peer: TelegramPeer, sender: TelegramSender) -> None:
    peer.write(8, "hola")
    peer.chats[CHAT].retry_after = 17
    with pytest.raises(Wait) as caught:
        await sender.send(SOURCE, TEXT, "cause")
    assert caught.value.delay_ms == 17_000
    _assert_empty(caught.value)
    assert isinstance(await sender.send(Sensitive("8"), TEXT, "cause"), Sent)
    peer.chats[CHAT].retry_after = 0
    assert isinstance(await sender.send(SOURCE, TEXT, "cause"), Sent)


@pytest.mark.asyncio
async def test_a_limit_of_something_before_telegram_is_a_pause_too(peer: TelegramPeer, sender: TelegramSender) -> None:
    peer.fail(Fault.EDGE_LIMIT)
    with pytest.raises(Wait) as caught:
        await sender.send(SOURCE, TEXT, "cause")
    assert caught.value.delay_ms == PAUSE_S * 1000


@pytest.mark.asyncio
async def test_a_wrong_token_did_not_leave(peer: TelegramPeer) -> None:
    sender = TelegramSender(Sensitive("1:" + "x9" * 20), peer.url)
    with pytest.raises(NotSent) as caught:
        await sender.send(SOURCE, TEXT, "cause")
    assert "x9x9" not in "".join(traceback.format_exception(caught.value))
    await sender.close()


@pytest.mark.asyncio
async def test_nobody_there_did_not_leave() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    sender = TelegramSender(Sensitive(PRACTICE_TOKEN), url)
    with pytest.raises(NotSent) as caught:
        await sender.send(SOURCE, TEXT, "cause")
    _assert_empty(caught.value)
    with pytest.raises(NotSent):
        await sender.erase(SOURCE, "1")
    await sender.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [Fault.LOST, Fault.BAD_GATEWAY, Fault.GARBLED, Fault.STRANGE])
async def test_delivered_without_an_answer_may_have_left(peer: TelegramPeer, sender: TelegramSender, fault: Fault) -> None:
    peer.fail(fault)
    with pytest.raises(MaybeSent) as caught:
        await sender.send(SOURCE, TEXT, "cause")
    assert len(peer.sent) == 1
    _assert_empty(caught.value)


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.CLOSED])
async def test_what_looks_like_a_lost_answer_may_have_left(peer: TelegramPeer, sender: TelegramSender, fault: Fault) -> None:
    """Nothing did; from here nobody can tell."""
    peer.fail(fault)
    with pytest.raises(MaybeSent):
        await sender.send(SOURCE, TEXT, "cause")
    assert peer.sent == []


@pytest.mark.asyncio
async def test_an_answer_that_never_comes_may_have_left(peer: TelegramPeer) -> None:
    peer.fail(Fault.HANG)
    sender = TelegramSender(Sensitive(PRACTICE_TOKEN), peer.url, timeout_s=0.5)
    with pytest.raises(MaybeSent) as caught:
        await asyncio.wait_for(sender.send(SOURCE, TEXT, "cause"), timeout=10)
    assert len(peer.sent) == 1
    _assert_empty(caught.value)
    await sender.close()


@pytest.mark.asyncio
async def test_the_environment_does_not_choose_the_way(peer: TelegramPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    sender = TelegramSender(Sensitive(PRACTICE_TOKEN), peer.url)
    assert isinstance(await sender.send(SOURCE, TEXT, "cause"), Sent)
    await sender.close()


@pytest.mark.asyncio
async def test_messages_of_both_sides_are_deleted(peer: TelegramPeer, sender: TelegramSender) -> None:
    theirs = peer.write(CHAT, "borre esto")["message"]["message_id"]
    sent = await sender.send(SOURCE, TEXT, "cause")
    assert isinstance(sent, Sent)
    for ref in (str(theirs), *sent.refs):
        await sender.erase(SOURCE, ref)
    assert peer.deleted == [(CHAT, theirs), (CHAT, int(sent.refs[0]))]


@pytest.mark.asyncio
async def test_what_cannot_be_deleted_any_more_is_done_with(peer: TelegramPeer, sender: TelegramSender) -> None:
    """Older than 48 hours, deleted already, never there, a chat that is gone, a source who blocked the bot."""
    old = next(iter(peer.chats[CHAT].messages))
    peer.ahead_s = DELETABLE_S + 5
    for address, ref in ((SOURCE, str(old)), (SOURCE, "999"), (Sensitive("99"), "1")):
        await sender.erase(address, ref)
    peer.chats[CHAT].blocked = True
    await sender.erase(SOURCE, str(old))
    assert [method for method, _ in peer.requests] == ["deletemessage"] * 4
    assert peer.deleted == []


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.LOST, Fault.GARBLED, Fault.BAD_GATEWAY])
async def test_a_deletion_that_nobody_confirmed_is_asked_for_again(peer: TelegramPeer, sender: TelegramSender, fault: Fault) -> None:
    ref = str(next(iter(peer.chats[CHAT].messages)))
    peer.fail(Fault.RATE_LIMIT, fault)
    with pytest.raises(Wait) as caught:
        await sender.erase(SOURCE, ref)
    assert caught.value.delay_ms == 3000
    with pytest.raises(NotSent) as refused:
        await sender.erase(SOURCE, ref)
    assert not isinstance(refused.value, Wait)
    _assert_empty(refused.value)
    await sender.erase(SOURCE, ref)
    assert peer.deleted == [(CHAT, int(ref))]
