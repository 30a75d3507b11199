"""What the webhook missed, by Twilio's real client from a local Twilio, into the real intake."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.wiring import SystemEntropy
from handlers.intake import Acceptor
from handlers.reconcile import OLDEST, PAGE_SIZE, ListingFailed, Tally, TwilioLog
from handlers.text import LineNumbers, TwilioWebhook, parse_form
from handlers.twilio_client import TwilioAccount
from sealing import plaintexts
from sealing.keyring import load_web, load_worker, make_secrets
from sealing.rows import Purpose, StorageDown
from storage import tables
from storage.engine import Database
from storage.intake import SqlIntake
from tests.databases import SetClock
from tests.peers.twilio import PRACTICE_SID, PRACTICE_TOKEN, Fault, TwilioPeer, incoming, signed_form
from tests.peers.twilio_log import Entry
from tests.storage.rows import count
from triage.sensitive import Sensitive
from triage.tip import Control, Inbound

LINE, BUSINESS, SOURCE = "+15005550006", "+15005550009", "+34612345678"
NUMBERS = LineNumbers(LINE, BUSINESS)
pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


@pytest.fixture(scope="module")
def running() -> Iterator[TwilioPeer]:
    with TwilioPeer() as peer:
        yield peer


@pytest.fixture
def peer(running: TwilioPeer) -> TwilioPeer:
    running.reset()
    return running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("line") / "secrets"
    make_secrets(made, secrets.token_bytes)
    return made


@pytest.fixture
def clock() -> SetClock:
    return SetClock(int(datetime.now(UTC).timestamp() * 1000))


class Line:
    def __init__(self, peer: TwilioPeer, database: Database, folder: Path, clock: SetClock) -> None:
        self.peer, self.database, self.clock = peer, database, clock
        self.worker = load_worker(folder / "worker")
        intake = SqlIntake(database, clock)
        self.acceptor = Acceptor(intake, load_web(folder / "web"), clock, SystemEntropy())
        self.account = TwilioAccount(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), peer.url, 2)
        self.log = TwilioLog(self.account, NUMBERS, self.acceptor, intake)

    async def taken(self) -> list[Inbound]:
        """In the order in which they are conversed."""
        column = tables.inbound.c
        async with self.database.begin(reading=True) as transaction:
            rows = (await transaction.run(select(column.epoch, column.sealed).order_by(column.seq))).all()
        return [plaintexts.read_inbound(self.worker.open(Purpose.INTAKE, row.epoch, row.sealed)) for row in rows]

    async def texts(self) -> list[str]:
        return [message.text.reveal() for message in await self.taken()]


@pytest_asyncio.fixture
async def line(peer: TwilioPeer, database: Database, folder: Path, clock: SetClock) -> AsyncIterator[Line]:
    made = Line(peer, database, folder, clock)
    yield made
    await made.log.close()


def ago(**parts: float) -> datetime:
    return datetime.now(UTC) - timedelta(**parts)


@pytest.mark.claim("T7")
async def test_what_the_webhook_missed_is_taken_once_and_known_to_be_late(line: Line) -> None:
    written = ago(hours=5).replace(microsecond=0)
    entry = line.peer.receive(SOURCE, LINE, "Mi hermana está encerrada", at=written)
    assert [await line.log.reconcile() for _ in range(3)] == [Tally(1), Tally(), Tally()]
    (message,) = await line.taken()
    assert (message.channel, message.address.reveal(), message.text.reveal()) == ("sms", SOURCE, "Mi hermana está encerrada")
    assert (message.provider_id, message.ref, message.sent, message.written) == (entry.sid, entry.sid, written, written)


@pytest.mark.claim("T7")
async def test_what_the_webhook_took_is_not_taken_again(line: Line) -> None:
    """The same id by both ways, in both orders."""
    first, second = (line.peer.receive(SOURCE, LINE, words) for words in ("primero", "segundo"))
    assert await line.acceptor.accept(by_webhook(first)) == "new"
    assert await line.log.reconcile() == Tally(1)
    assert await line.acceptor.accept(by_webhook(second)) == "duplicate"
    assert sorted(await line.texts()) == ["primero", "segundo"]


def by_webhook(entry: Entry) -> Inbound:
    webhook = TwilioWebhook(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), "https://line.example.org", LINE)
    body, headers = signed_form("https://line.example.org/m", PRACTICE_TOKEN, incoming(SOURCE, LINE, entry.body, MessageSid=entry.sid))
    items = parse_form(body)
    assert isinstance(items, tuple)
    message = webhook.read(items, headers["X-Twilio-Signature"], "/m", datetime.now(UTC))
    assert isinstance(message, Inbound)
    return message


async def test_pages_are_read_from_the_oldest_message_on(line: Line) -> None:
    many = PAGE_SIZE * 2 + 20
    for n in range(many):
        line.peer.receive(f"+3461200{n:04}", LINE, f"{n}", at=ago(minutes=many - n))
    assert await line.log.reconcile() == Tally(many)
    assert await line.texts() == [str(n) for n in range(many)]


async def test_pictures_whatsapp_and_stop_words_are_messages_too(line: Line) -> None:
    line.peer.receive(SOURCE, LINE, "", media=2, at=ago(minutes=4))
    line.peer.receive(f"whatsapp:{SOURCE}", f"whatsapp:{BUSINESS}", "ayuda", at=ago(minutes=3))
    line.peer.receive(SOURCE, LINE, "STOP", at=ago(minutes=2))
    assert await line.log.reconcile() == Tally(3)
    taken = [(m.channel, m.text.reveal(), m.media, m.control) for m in await line.taken()]
    assert sorted(taken) == sorted([("sms", "", 2, None), ("sms", "STOP", 0, Control.STOP), ("whatsapp", "ayuda", 0, None)])


async def test_our_own_texts_other_numbers_and_half_messages_are_left_alone(line: Line) -> None:
    line.peer.receive(SOURCE, "+15005550001", "another line's")
    line.peer.receive(SOURCE, LINE, "half").status = "receiving"
    line.peer.receive(LINE, LINE, "ours").direction = "outbound-api"
    assert await line.log.reconcile() == Tally()
    assert await line.texts() == []


async def test_what_is_older_than_we_remember_is_not_taken_for_new(line: Line) -> None:
    line.peer.receive(SOURCE, LINE, "old", at=datetime.now(UTC) - OLDEST - timedelta(minutes=5))
    line.peer.receive(SOURCE, LINE, "young", at=datetime.now(UTC) - OLDEST + timedelta(minutes=5))
    assert await line.log.reconcile() == Tally(1)
    assert await line.texts() == ["young"]


async def test_later_rounds_ask_for_the_last_days_alone(line: Line) -> None:
    """A message that the first round did not see and that is a week old is not seen by the next; one of yesterday is."""
    assert await line.log.reconcile() == Tally()
    line.peer.receive(SOURCE, LINE, "a week old", at=ago(days=7))
    line.peer.receive(SOURCE, LINE, "yesterday's", at=ago(days=1))
    assert await line.log.reconcile() == Tally(1)
    assert await line.texts() == ["yesterday's"]


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RATE_LIMIT, Fault.GARBLED, Fault.LOST, Fault.CLOSED, Fault.HANG])
async def test_a_listing_that_fails_says_why_without_content_and_the_next_takes_all(line: Line, fault: Fault) -> None:
    for n in range(PAGE_SIZE + 1):
        line.peer.receive(SOURCE, LINE, f"canary {n}", at=ago(days=20, minutes=-n))
    line.account._transport._longest_s = 0.3
    line.peer.fail(Fault.NONE, fault)
    with pytest.raises(ListingFailed) as caught:
        await line.log.reconcile()
    assert caught.value.args == {Fault.SERVER_ERROR: (500, 20500), Fault.RATE_LIMIT: (429, 20429)}.get(fault, (0, 0))
    assert caught.value.__suppress_context__
    assert await line.log.reconcile() == Tally(PAGE_SIZE + 1), "still the whole time: the round before was not whole"


async def test_one_entry_that_cannot_be_read_hides_no_other(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad, odd = (line.peer.receive(SOURCE, LINE, words, at=ago(minutes=n)) for n, words in ((3, "good"), (2, "bad"), (1, "odd")))
    odd.sender = "whatsapp:+1"
    shown = line.peer.log.shown
    monkeypatch.setattr(line.peer.log, "shown", lambda entry: {**shown(entry), **({"date_sent": 7} if entry is bad else {})})
    assert await line.log.reconcile() == Tally(1, unreadable=2)
    assert [message.provider_id for message in await line.taken()] == [good.sid]


async def test_a_database_that_is_away_loses_nothing(line: Line, folder: Path, other: Database) -> None:
    line.peer.receive(SOURCE, LINE, "hola", at=ago(days=9))
    await line.database.close()
    with pytest.raises(StorageDown):
        await line.log.reconcile()
    again = Line(line.peer, other, folder, line.clock)
    assert await again.log.reconcile() == Tally(1)
    assert await count(other, tables.inbound) == 1
    await again.log.close()


async def test_what_is_known_does_not_slow_its_sender_down(line: Line) -> None:
    """Listed again and again, it counts against nobody's pace."""
    for n in range(15):
        line.peer.receive(SOURCE, LINE, str(n), at=ago(minutes=n))
    for _ in range(5):
        await line.log.reconcile()
    lane = line.acceptor.lanes.of(by_webhook(line.peer.receive(SOURCE, LINE, "new")))
    assert line.acceptor.pace.delay(lane, line.clock.now) == 0
