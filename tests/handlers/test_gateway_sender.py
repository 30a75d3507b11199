"""The sender against a local phone over real HTTP: what left, what certainly did not, and what nobody knows."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import pytest_asyncio

from handlers.gateway import SendMap
from handlers.gateway_sender import LONGEST_WAIT_S, GatewaySender
from handlers.ports import Erasing, MaybeSent, NotSent, Sent, Wait
from tests.peers.gateway import AUTHORIZATION, SEND_BODY, Fault, GatewayPeer, Text
from triage.sensitive import Sensitive

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
TO, WORDS = "+84912345678", 'Đã nhận {to} "của bạn"'
CAUSE = secrets.token_hex(32)


@pytest.fixture
def phone() -> Iterator[GatewayPeer]:
    with GatewayPeer() as peer:
        yield peer


@pytest_asyncio.fixture
async def sender(phone: GatewayPeer) -> AsyncIterator[GatewaySender]:
    made = GatewaySender(phone.url, Sensitive(AUTHORIZATION), SendMap(SEND_BODY), timeout_s=0.4)
    yield made
    await made.close()


async def send(sender: GatewaySender, text: str = WORDS, cause: str = CAUSE) -> object:
    return await sender.send(Sensitive(TO), Sensitive(text), cause)


async def test_a_text_reaches_the_phone_as_it_is(phone: GatewayPeer, sender: GatewaySender) -> None:
    assert await send(sender) == Sent()
    assert phone.sent == [Text(CAUSE[:32], TO, WORDS)]
    assert (sender.erasing, sender.receipts) == (Erasing.NEVER, False)


async def test_typographic_quotes_do_not_make_it_dearer_and_half_characters_no_fault(phone: GatewayPeer, sender: GatewaySender) -> None:
    await send(sender, "it’s – fine", "a")
    await send(sender, "half \ud83d", "b")
    assert [text.text for text in phone.sent] == ["it's - fine", "half ?"]


async def test_the_same_cause_goes_out_once(phone: GatewayPeer, sender: GatewaySender) -> None:
    """The app answers 409 to an id that it has; a gateway that takes no id says nothing by it."""
    assert [await send(sender), await send(sender)] == [Sent(), Sent()]
    assert len(phone.sent) == 1
    phone.fail(Fault.NONE)
    nameless = GatewaySender(phone.url, Sensitive(AUTHORIZATION), SendMap(SEND_BODY.replace("{id}", phone.sent[0].id)))
    with pytest.raises(NotSent):
        await send(nameless)
    await nameless.close()


@pytest.mark.parametrize(("fault", "status"), [(Fault.SERVER_ERROR, 500), (Fault.MOVED, 302)])
async def test_what_certainly_did_not_leave(phone: GatewayPeer, sender: GatewaySender, fault: Fault, status: int) -> None:
    phone.fail(fault)
    with pytest.raises(NotSent) as refused:
        await send(sender)
    assert (refused.value.args, phone.sent) == ((status,), [])
    assert await send(sender) == Sent()


async def test_an_empty_text_or_a_wrong_password_waits_for_the_settings_to_be_mended(phone: GatewayPeer, sender: GatewaySender) -> None:
    stranger = GatewaySender(phone.url, Sensitive(""), SendMap(SEND_BODY))
    for who, text, status in ((sender, "", 400), (stranger, WORDS, 401)):
        with pytest.raises(NotSent) as refused:
            await send(who, text)
        assert refused.value.args == (status,)
    await stranger.close()


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.LOST, Fault.PROXY])
async def test_what_nobody_knows(phone: GatewayPeer, sender: GatewaySender, fault: Fault) -> None:
    phone.fail(fault)
    with pytest.raises(MaybeSent) as unknown:
        await send(sender)
    assert (unknown.value.args, len(phone.sent)) == ((), 1)
    assert unknown.value.__cause__ is None
    assert unknown.value.__suppress_context__ or unknown.value.__context__ is None


async def test_a_phone_that_is_off(sender: GatewaySender) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        off = GatewaySender(f"http://127.0.0.1:{free.getsockname()[1]}/message", Sensitive(AUTHORIZATION), SendMap(SEND_BODY))
    with pytest.raises(NotSent):
        await send(off)
    await off.close()


@pytest.mark.parametrize(
    ("told", "delay_ms"),
    [
        ("7", 7000),
        ("99999", LONGEST_WAIT_S * 1000),
        (format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True), LONGEST_WAIT_S * 1000),
    ],
    ids=["seconds", "many seconds", "a date"],  # two workers must call it the same
)
async def test_a_phone_that_asks_to_wait(phone: GatewayPeer, sender: GatewaySender, told: str, delay_ms: int) -> None:
    phone.retry_after = told
    phone.fail(Fault.BUSY)
    with pytest.raises(Wait) as asked:
        await send(sender)
    assert asked.value.delay_ms == delay_ms


@pytest.mark.parametrize("told", ["", "soon", "-5", "0", format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True), "²"])
async def test_a_wait_without_a_time_is_a_refusal(phone: GatewayPeer, sender: GatewaySender, told: str) -> None:
    phone.retry_after = told.encode().decode("latin-1")
    phone.fail(Fault.BUSY)
    with pytest.raises(NotSent) as refused:
        await send(sender)
    assert type(refused.value) is NotSent


async def test_an_authorization_that_is_not_ascii_is_no_fault_that_tells_it(phone: GatewayPeer) -> None:
    odd = GatewaySender(phone.url, Sensitive("Basic é"), SendMap(SEND_BODY))
    with pytest.raises(NotSent):
        await send(odd)
    await odd.close()
