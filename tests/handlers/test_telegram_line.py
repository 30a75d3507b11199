"""Telegram's real client behind the real queue, ledger and conversation: one slow chat holds up nobody, and /forget deletes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from handlers.delivery import Sends
from handlers.erasing import Erasures
from handlers.ports import Sender
from handlers.telegram import CHANNEL, read_update
from handlers.telegram_sender import TelegramSender
from sealing import plaintexts
from sealing.keyring import WorkerKeys, load_worker, make_secrets
from sealing.plaintexts import Outgoing
from sealing.rows import Purpose, SendingRow, SendingState, TaskKind
from storage.engine import Database
from storage.queue import SqlQueue
from storage.store import SqlStore
from tests.databases import SetClock
from tests.line import TestLine, fresh_line
from tests.peers.telegram import PRACTICE_TOKEN, TelegramPeer
from tests.peers.telegram_line import until
from triage.sensitive import Sensitive
from triage.tip import Inbound

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
SLOW = 7


@pytest.fixture(scope="module")
def running() -> Iterator[TelegramPeer]:
    with TelegramPeer() as peer:
        yield peer


@pytest.fixture
def peer(running: TelegramPeer) -> TelegramPeer:
    running.reset()
    return running


@pytest_asyncio.fixture
async def sender(peer: TelegramPeer) -> AsyncIterator[TelegramSender]:
    made = TelegramSender(Sensitive(PRACTICE_TOKEN), peer.url)
    yield made
    await made.close()


@dataclass(frozen=True)
class Ledger:
    """What the worker sends with, and its queue."""

    store: SqlStore
    keys: WorkerKeys
    clock: SetClock
    queue: SqlQueue
    sends: Sends

    async def put(self, chat: int, text: str) -> str:
        """A text that is due now; its ledger id."""
        name = self.keys.sending_id(f"{chat}\0{text}")
        plaintext = plaintexts.outgoing(Outgoing(CHANNEL, Sensitive(str(chat)), Sensitive(text)))
        epoch, sealed = self.keys.seal(Purpose.DELIVERY, plaintext)
        async with self.store.begin() as tx:
            await tx.add_sending(SendingRow(name, None, SendingState.DUE, epoch, sealed))
            await tx.enqueue(TaskKind.SEND, name, self.clock.now)
        return name

    async def states(self, *names: str) -> set[SendingState]:
        async with self.store.begin() as tx:
            rows = [await tx.sending(name) for name in names]
        return {row.state for row in rows if row is not None}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """As the worker runs it, eight texts side by side."""
        stop = asyncio.Event()
        task = asyncio.create_task(self.queue.run({TaskKind.SEND: self.sends.send}, stop))
        try:
            yield
        finally:
            stop.set()
            await task


@pytest.fixture
def ledger(database: Database, clock: SetClock, sender: TelegramSender, tmp_path: Path) -> Ledger:
    make_secrets(tmp_path / "secrets", secrets.token_bytes)
    keys, store = load_worker(tmp_path / "secrets" / "worker"), SqlStore(database)
    senders: dict[str, Sender] = {CHANNEL: sender}
    sends = Sends(store, keys, clock, senders, Erasures(store, keys, clock, senders))
    return Ledger(store, keys, clock, SqlQueue(database, clock, poll=0.05), sends)


async def test_a_chat_that_must_wait_holds_up_no_other_and_is_not_asked_before_its_time(ledger: Ledger, peer: TelegramPeer) -> None:
    quick = range(20, 32)
    for chat in (SLOW, *quick):
        peer.write(chat, "hola")
    peer.chats[SLOW].retry_after = 30
    waiting = [await ledger.put(SLOW, f"a {number}") for number in range(10)]  # more than run side by side
    others = [await ledger.put(chat, "b") for chat in quick]
    async with ledger.running():
        await until(lambda: len(peer.sent) == len(others))
        assert {delivery.chat for delivery in peer.sent} == set(quick)
        assert await ledger.states(*waiting) == {SendingState.DUE}
        asked = [given for method, given in peer.requests if method == "sendmessage" and given["chat_id"] == str(SLOW)]
        assert len(asked) == 1
        peer.chats[SLOW].retry_after = 0
        ledger.clock.now += 31_000

        def all_there() -> bool:
            ledger.clock.now += 100  # one in flight to an address: the next looks again half a second later, by the line's clock
            return len(peer.sent) == len(others) + len(waiting)

        await until(all_there, 30)
    assert await ledger.states(*waiting, *others) == {SendingState.SENT}
    assert sorted(delivery.text for delivery in peer.sent if delivery.chat == SLOW) == sorted(f"a {number}" for number in range(10))


async def test_who_blocked_the_bot_is_not_written_to_again_and_nothing_fails(ledger: Ledger, peer: TelegramPeer) -> None:
    peer.write(SLOW, "hola")
    peer.chats[SLOW].blocked = True
    name = await ledger.put(SLOW, "a")
    async with ledger.running():
        await until(lambda: bool(peer.requests))
    assert await ledger.states(name) == {SendingState.SHELVED}
    assert peer.sent == []


async def take(line: TestLine, update: dict[str, Any]) -> None:
    message = read_update(update, datetime.fromtimestamp(line.clock.now / 1000, UTC))
    assert isinstance(message, Inbound)
    await line.acceptor.accept(message)
    await line.run()


@pytest.mark.claim("T33")
async def test_forget_deletes_what_both_sides_wrote(tmp_path: Path, peer: TelegramPeer, sender: TelegramSender) -> None:
    async with fresh_line(tmp_path) as line:
        senders: dict[str, Sender] = {CHANNEL: sender}
        erasures = Erasures(line.store, line.keys, line.clock, senders)
        sends = Sends(line.store, line.keys, line.clock, senders, erasures)
        talk = replace(line.talk, erasures=erasures)
        line.handlers |= {TaskKind.CONVERSE: talk.converse, TaskKind.SEND: sends.send, TaskKind.ERASE: erasures.erase}
        first = peer.write(SLOW, "En el hotel del puerto encierran a unas chicas y les quitan el pasaporte")
        await take(line, first)
        await line.later(4)
        (answer,) = peer.sent
        assert answer.protected
        command = peer.write(SLOW, "/forget")
        await take(line, command)
        await line.later(4)
    theirs = {update["message"]["message_id"] for update in (first, command)}
    assert {message for _, message in peer.deleted} == theirs | {answer.message_id}
    assert peer.chats[SLOW].messages == {}
    assert len(peer.sent) == 1
