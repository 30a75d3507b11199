"""A whole line on Twilio: phones write to a local Twilio, it calls the line's real routes, and the line answers by its API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.twilio_route import TWILIO_PATH, TwilioRoute
from bot.web import application
from handlers.reconcile import Tally, TwilioLog
from handlers.text import LineNumbers, TwilioWebhook
from handlers.twilio_client import TwilioAccount
from handlers.twilio_sender import TwilioSender
from sealing.rows import Part, SendingState
from storage import tables
from storage.erasures import SqlReceipts
from storage.intake import SqlIntake
from tests.handlers.test_line_reading import TIP, answer
from tests.line import TestLine, fresh_line
from tests.peers.telegram_line import serving
from tests.peers.twilio import PRACTICE_SID, PRACTICE_TOKEN, TwilioPeer
from tests.peers.twilio_log import Entry
from triage.sensitive import Sensitive

LINE, BUSINESS, SOURCE = "+15005550006", "+15005550009", "+34612345678"
ENDS = {"sms": (SOURCE, LINE), "whatsapp": (f"whatsapp:{SOURCE}", f"whatsapp:{BUSINESS}")}
pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket, pytest.mark.slow]


@pytest.fixture(scope="module")
def running() -> Iterator[TwilioPeer]:
    with TwilioPeer() as peer:
        yield peer


@dataclass
class OnTwilio:
    """`line` with its routes on a real port, and Twilio calling them."""

    line: TestLine
    peer: TwilioPeer
    log: TwilioLog

    async def receive(self, channel: str, text: str, *, media: int = 0, at: datetime | None = None) -> Entry:
        """A phone writes, and what is due now happens."""
        sender, to = ENDS[channel]
        entry = await asyncio.to_thread(self.peer.receive, sender, to, text, media=media, at=at)
        await self.line.run()
        return entry

    async def case(self, channel: str, text: str = TIP) -> str:
        """Of a tip that is sealed and offered."""
        await self.receive(channel, text)
        for seconds in (3.1, 21, 6):
            await self.line.later(seconds)
        (case_id,) = await self.line.cases()
        return case_id

    async def answered(self, case_id: str, text: str) -> None:
        person, identity = await self.line.open_first(case_id)
        assert (await answer(self.line, case_id, person, identity, text))["result"] == "answered"

    def bodies(self) -> list[str]:
        return [delivery.body for delivery in self.peer.sent]

    async def ledger(self, case_id: str) -> tuple[SendingState, bool]:
        """The answer's state, and whether its text is still there."""
        column = tables.sending.c
        async with self.line.database.begin(reading=True) as transaction:
            row = (await transaction.run(select(column.state, column.sealed).where(column.case_id == case_id))).one()
        return row.state, bool(row.sealed)


@asynccontextmanager
async def on_twilio(line: TestLine, peer: TwilioPeer) -> AsyncIterator[OnTwilio]:
    apps: list[ASGIApp] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await apps[0](scope, receive, send)

    token, numbers = Sensitive(PRACTICE_TOKEN), LineNumbers(LINE, BUSINESS)
    async with serving(app) as url:
        webhook = TwilioWebhook(PRACTICE_SID, token, url, LINE, BUSINESS)
        apps.append(application(TwilioRoute(webhook, line.acceptor, SqlReceipts(line.database)).routes(), ["127.0.0.1"]))
        senders = line.talk.erasures.senders
        assert isinstance(senders, dict)
        for channel, number in numbers.by_channel.items():
            senders[channel] = TwilioSender(PRACTICE_SID, token, number, peer.url, channel=channel, public_url=url)
        log = TwilioLog(TwilioAccount(PRACTICE_SID, token, peer.url, 5), numbers, line.acceptor, SqlIntake(line.database, line.clock))
        peer.webhook = url + TWILIO_PATH
        yield OnTwilio(line, peer, log)
        peer.webhook = None
        await log.close()
        for channel in numbers.by_channel:
            await senders[channel].close()


@pytest_asyncio.fixture
async def on(tmp_path: Path, running: TwilioPeer) -> AsyncIterator[OnTwilio]:
    running.reset()
    async with fresh_line(tmp_path) as line, on_twilio(line, running) as made:
        yield made


async def until(on: OnTwilio, case_id: str, state: SendingState) -> None:
    """A callback comes by itself, soon."""
    async with asyncio.timeout(10):
        while (await on.ledger(case_id))[0] is not state:
            await asyncio.sleep(0.01)


@pytest.mark.claim("T31")
async def test_an_answer_outside_the_24_hours_waits_until_they_write_and_goes_out_once(on: OnTwilio) -> None:
    case_id = await on.case("whatsapp")
    on.peer.heard[ENDS["whatsapp"][0]] = datetime.now(UTC) - timedelta(hours=25)
    on.peer.deliveries.clear()
    await on.answered(case_id, "We read it.")
    await until(on, case_id, SendingState.WAITING)
    await on.line.later(600)
    assert on.bodies() == [], "Twilio took it, and told later that WhatsApp did not (63016)"
    await on.receive("whatsapp", "¿Hay alguien? Siguen encerradas")
    await on.line.later(5)
    (out,) = [delivery for delivery in on.peer.sent if "We read it." in delivery.body]
    assert (out.sender, out.to) == (ENDS["whatsapp"][1], ENDS["whatsapp"][0])
    assert await on.ledger(case_id) == (SendingState.SENT, True), "kept until it is known to have arrived"
    assert await asyncio.to_thread(on.peer.tell, out.sid, "delivered", times=2) == [204, 204]
    assert await on.ledger(case_id) == (SendingState.SENT, False)


async def test_callbacks_that_come_by_themselves_settle_an_answer(on: OnTwilio) -> None:
    case_id = await on.case("sms")
    on.peer.progress = ("sent", "delivered")
    await on.answered(case_id, "We read it.")
    async with asyncio.timeout(10):
        while await on.ledger(case_id) != (SendingState.SENT, False):
            await asyncio.sleep(0.01)


@pytest.mark.claim("T19")
async def test_who_opts_out_hears_no_more_of_us(on: OnTwilio) -> None:
    case_id = await on.case("sms")
    on.peer.deliveries.clear()
    await on.receive("sms", "Stop")
    before = on.peer.tried
    await on.answered(case_id, "We read it.")
    await on.receive("sms", "START")
    await on.receive("sms", "hola")
    await on.line.later(60)
    assert on.peer.sent == ()
    assert on.peer.tried == before


async def test_help_is_a_plea_to_us_whatever_twilio_answers(on: OnTwilio) -> None:
    await on.receive("sms", "HELP")
    await on.line.later(3.1)
    assert len(on.peer.own_answers) == 1
    assert len(on.peer.sent) == 1


@pytest.mark.claim("T32")
@pytest.mark.claim("T7")
@pytest.mark.parametrize("hours", [0, 5])
async def test_a_text_that_the_webhook_missed_is_fetched_and_only_a_fresh_one_is_answered(on: OnTwilio, hours: int) -> None:
    on.peer.webhook = "http://127.0.0.1:9/twilio/message"
    await on.receive("sms", TIP, media=1, at=datetime.now(UTC) - timedelta(hours=hours))
    assert await on.log.reconcile() == Tally(1)
    await on.line.run()
    await on.line.later(3.1)
    assert len(on.peer.sent) == (0 if hours else 1)
    for seconds in (21, 6):
        await on.line.later(seconds)
    assert len(await on.line.cases()) == 1
    assert await on.log.reconcile() == Tally()


async def test_the_fallback_address_brings_it_at_once_and_nothing_is_doubled(on: OnTwilio) -> None:
    on.peer.fallback, on.peer.webhook, on.peer.retries = on.peer.webhook, "http://127.0.0.1:9/twilio/message", 2
    entry = await on.receive("sms", TIP)
    assert await asyncio.to_thread(on.peer.deliver, entry) == [0, 0, 0, 200]
    assert await on.log.reconcile() == Tally()
    await on.line.later(30)
    (case_id,) = await on.line.cases()
    async with on.line.store.begin() as tx:
        assert [envelope.part for envelope in await tx.envelopes(case_id)].count(Part.MESSAGE) == 1


@pytest.mark.claim("T32")
async def test_twilio_keeps_nothing_of_what_is_sealed(on: OnTwilio) -> None:
    """Theirs with its picture at once, ours when a carrier told what became of it."""
    entry = await on.receive("sms", "Unas mujeres trabajan encerradas sin pago", media=2)
    await on.line.later(3.1)
    assert on.peer.log.entries.keys() == {entry.sid, *(delivery.sid for delivery in on.peer.sent)}
    for seconds in (21, 6):
        await on.line.later(seconds)
    assert on.peer.log.entries.keys() == {delivery.sid for delivery in on.peer.sent}
    assert entry.media == []
    await on.line.later(3_601)
    assert len(on.peer.log.entries) == 1, "still queued: Twilio does not let us (20009)"
    for delivery in on.peer.sent:
        await asyncio.to_thread(on.peer.tell, delivery.sid, "delivered")
    await on.line.later(601)
    assert on.peer.log.entries == {}
    async with on.line.database.begin(reading=True) as transaction:
        assert (await transaction.run(select(tables.erasure.c.id))).all() == []
