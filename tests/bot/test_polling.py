"""Polling a real Bot API server: nothing is confirmed before it is durable, nothing is taken twice, and nothing stops the next page."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bot.polling import PAGE, Pace, Poller
from bot.wiring import SystemEntropy
from handlers.intake import Acceptor
from handlers.ports import Intake
from handlers.telegram_client import TelegramClient
from sealing.keyring import load_web, load_worker, make_secrets
from sealing.points import Point, listen
from sealing.rows import Accepted, SealedInbound, StorageDown
from storage import tables
from storage.engine import Database
from storage.intake import SqlIntake
from tests.databases import SetClock
from tests.peers.telegram import PRACTICE_TOKEN, Fault, TelegramPeer
from tests.peers.telegram_line import opened, until
from tests.storage.rows import count
from triage.sensitive import Sensitive
from triage.tip import Form

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
QUICK = Pace(wait=1, first=0.02, longest=0.05, refused=0.05)


@pytest.fixture(scope="module")
def running() -> Iterator[TelegramPeer]:
    with TelegramPeer() as peer:
        yield peer


@pytest.fixture
def peer(running: TelegramPeer) -> TelegramPeer:
    running.reset()
    return running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("polling")
    make_secrets(folder / "secrets", secrets.token_bytes)
    return folder / "secrets"


def poller(peer: TelegramPeer, intake: Intake, home: Path, clock: SetClock, token: str = PRACTICE_TOKEN) -> Poller:
    client = TelegramClient(Sensitive(token), peer.url, 5.0)
    return Poller(client, Acceptor(intake, load_web(home / "web"), clock, SystemEntropy()), QUICK)


@asynccontextmanager
async def polling(made: Poller) -> AsyncIterator[None]:
    task = asyncio.create_task(made.run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def texts(database: Database, home: Path) -> list[str]:
    found = await opened(database, load_worker(home / "worker"))
    return [("~" if message.form is Form.EDITED else "") + message.text.reveal() for message in found]


def asked(peer: TelegramPeer) -> list[dict[str, str]]:
    return [given for method, given in peer.requests if method == "getupdates"]


def events(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]


async def test_what_was_written_is_taken_in_order_and_then_confirmed(
    peer: TelegramPeer, database: Database, home: Path, clock: SetClock
) -> None:
    first = peer.write(7, "uno")
    peer.edit(first, "uno y medio")
    peer.write(8, "dos")
    async with polling(poller(peer, SqlIntake(database, clock), home, clock)):
        await until(lambda: len(peer.updates.done) == 3)
        peer.write(7, "tres")
        await until(lambda: len(peer.updates.done) == 4)
    assert await texts(database, home) == ["uno", "~uno y medio", "dos", "tres"]
    first_asked = asked(peer)[0]
    assert json.loads(first_asked["allowed_updates"]) == ["message", "edited_message"]
    assert "offset" not in first_asked
    assert await count(database, tables.task) == 4


@pytest.mark.claim("T7")
async def test_a_page_is_confirmed_only_after_all_of_it_is_durable(
    peer: TelegramPeer, database: Database, other: Database, home: Path, clock: SetClock
) -> None:
    """A crash between page and offset: the same page comes again, and nothing is lost or doubled."""
    for number in range(3):
        peer.write(7, f"tip {number}")
    inner, asked_for = SqlIntake(database, clock), list[SealedInbound]()

    class Dying:
        async def accept(self, inbound: SealedInbound) -> Accepted:
            asked_for.append(inbound)
            if len(asked_for) == 3:
                await asyncio.Event().wait()
            return await inner.accept(inbound)

    async with polling(poller(peer, Dying(), home, clock)):
        await until(lambda: len(asked_for) == 3)
    assert (len(peer.updates.waiting), await count(database, tables.inbound)) == (3, 2)
    async with polling(poller(peer, SqlIntake(other, clock), home, clock)):
        await until(lambda: not peer.updates.waiting)
    assert await texts(other, home) == ["tip 0", "tip 1", "tip 2"]


@pytest.mark.claim("T7")
async def test_while_the_database_is_away_the_rest_of_the_page_waits_at_telegram(
    peer: TelegramPeer, database: Database, home: Path, clock: SetClock, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        peer.write(7, f"tip {number}")
    inner, calls = SqlIntake(database, clock), 0

    class Shaky:
        async def accept(self, inbound: SealedInbound) -> Accepted:
            nonlocal calls
            calls += 1
            if calls in (1, 3, 4):
                raise StorageDown
            return await inner.accept(inbound)

    async with polling(poller(peer, Shaky(), home, clock)):
        await until(lambda: len(peer.updates.done) == 3)
    assert await texts(database, home) == ["tip 0", "tip 1", "tip 2"]
    assert events(capsys) == ["storage_down", "accepted", "storage_down", "storage_down", "accepted", "accepted"]


async def test_an_unreadable_update_stops_nobody(
    peer: TelegramPeer, database: Database, home: Path, clock: SetClock, capsys: pytest.CaptureFixture[str]
) -> None:
    peer.updates.add({"message": {"canary": 1}})
    peer.updates.add({"message": []})
    peer.updates.add({"a kind of tomorrow": {"canary": 1}})
    peer.write(-5, "en un grupo", chat={"id": -5, "type": "group", "title": "canary"})
    peer.write(7, "tip")
    async with polling(poller(peer, SqlIntake(database, clock), home, clock)):
        await until(lambda: not peer.updates.waiting)
    assert await texts(database, home) == ["tip"]
    lines = capsys.readouterr().err
    assert [json.loads(line).get("why", "taken") for line in lines.splitlines()] == ["unreadable"] * 2 + ["not_for_us"] * 2 + ["taken"]
    assert "canary" not in lines.lower()


async def test_more_than_a_page_is_taken_page_by_page(peer: TelegramPeer, database: Database, home: Path, clock: SetClock) -> None:
    for number in range(PAGE + 5):
        peer.write(number + 1, str(number))
    async with polling(poller(peer, SqlIntake(database, clock), home, clock)):
        await until(lambda: not peer.updates.waiting)
    assert await texts(database, home) == [str(number) for number in range(PAGE + 5)]


@pytest.mark.parametrize("fault", sorted(set(Fault) - {Fault.NONE, Fault.HANG}))
async def test_after_a_failed_poll_the_next_takes_it(
    peer: TelegramPeer, database: Database, home: Path, clock: SetClock, capsys: pytest.CaptureFixture[str], fault: Fault
) -> None:
    peer.write(7, "tip")
    peer.fail(fault, fault)
    async with polling(poller(peer, SqlIntake(database, clock), home, clock)):
        await until(lambda: not peer.updates.waiting)
    assert await texts(database, home) == ["tip"]
    assert events(capsys) == ["poll_failed", "poll_failed", "accepted"]


async def test_a_confirmation_whose_answer_is_lost_is_asked_again(
    peer: TelegramPeer, database: Database, home: Path, clock: SetClock
) -> None:
    peer.write(7, "uno")
    peer.fail(Fault.NONE, Fault.LOST)
    async with polling(poller(peer, SqlIntake(database, clock), home, clock)):
        await until(lambda: len(asked(peer)) >= 3)
        peer.write(7, "dos")
        await until(lambda: len(peer.updates.done) == 2)
    assert await texts(database, home) == ["uno", "dos"]


async def test_ids_that_start_again_below_are_taken(peer: TelegramPeer, database: Database, home: Path, clock: SetClock) -> None:
    """After a quiet week update ids start anywhere: an old offset would confirm the new ones unseen."""
    peer.updates.start_at(900_000)
    peer.write(7, "uno")
    async with polling(poller(peer, SqlIntake(database, clock), home, clock)):
        await until(lambda: not peer.updates.waiting and "offset" not in asked(peer)[-1])
        peer.updates.start_at(5)
        peer.write(7, "dos")
        await until(lambda: not peer.updates.waiting)
    assert await texts(database, home) == ["uno", "dos"]


async def test_a_webhook_or_another_poller_is_told_and_tried_again(
    peer: TelegramPeer, database: Database, home: Path, clock: SetClock, capsys: pytest.CaptureFixture[str]
) -> None:
    peer.write(7, "tip")
    peer.updates.webhook = "https://elsewhere.example"
    async with polling(poller(peer, SqlIntake(database, clock), home, clock)):
        await until(lambda: len(asked(peer)) >= 2)
        peer.updates.webhook = ""
        await until(lambda: not peer.updates.waiting)
        capsys.readouterr()
        async with polling(poller(peer, SqlIntake(database, clock), home, clock)):
            await until(lambda: "poll_conflict" in capsys.readouterr().err)
    assert await texts(database, home) == ["tip"]


async def test_a_refused_token_is_told_without_it(
    peer: TelegramPeer, database: Database, home: Path, clock: SetClock, capsys: pytest.CaptureFixture[str]
) -> None:
    async with polling(poller(peer, SqlIntake(database, clock), home, clock, token="99:canary-token")):
        await until(lambda: len(asked(peer)) >= 2)
    lines = capsys.readouterr().err
    assert {json.loads(line)["event"] for line in lines.splitlines()} == {"poll_refused"}
    assert "canary" not in lines


async def test_the_points_of_a_page_are_passed_with_a_page_alone(
    peer: TelegramPeer, database: Database, home: Path, clock: SetClock
) -> None:
    passed: list[Point] = []
    listen(passed.append)
    try:
        peer.write(7, "tip")
        async with polling(poller(peer, SqlIntake(database, clock), home, clock)):
            await until(lambda: len(asked(peer)) >= 3)
    finally:
        listen(lambda _: None)
    assert [point for point in passed if point in (Point.POLLED, Point.COMMITTED, Point.PAGE_TAKEN)] == [
        Point.POLLED,
        Point.COMMITTED,
        Point.PAGE_TAKEN,
    ]


async def test_a_poll_that_nobody_answers_is_no_fault_the_first_time(
    peer: TelegramPeer, database: Database, home: Path, clock: SetClock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.polling.ANSWER_S", 0.1)
    peer.write(7, "tip")
    peer.fail(*[Fault.HANG] * 3)
    made = poller(peer, SqlIntake(database, clock), home, clock)
    async with polling(Poller(made.client, made.acceptor, Pace(wait=0, first=0.02, longest=0.05))):
        await until(lambda: not peer.updates.waiting)
    assert events(capsys) == ["poll_failed", "accepted"]
