"""The provider is away for a day, delivers twice, in another order, or a month late. The real client of Twilio against a local one."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path

import pytest
from sqlalchemy import func, select

from handlers.twilio_sender import TwilioSender
from sealing.rows import Accepted, SendingState, TaskKind
from storage import tables
from tests.handlers.test_line_reading import TIP, answer
from tests.line import TestLine, practice_line
from tests.peers.twilio import PRACTICE_SID, PRACTICE_TOKEN, Fault, TwilioPeer
from triage.sensitive import Sensitive
from triage.tip import Inbound

pytestmark = [pytest.mark.enable_socket, pytest.mark.asyncio]
NUMBER, SOURCE, OTHER = "+15005550006", "+447700900001", "+447700900002"
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def peer() -> Iterator[TwilioPeer]:
    with TwilioPeer() as running:
        yield running


@asynccontextmanager
async def on_twilio(home: Path, url: str, peer: TwilioPeer) -> AsyncIterator[TestLine]:
    peer.reset()
    async with practice_line(home, url) as line:
        senders = line.talk.erasures.senders
        assert isinstance(senders, dict)
        senders["sms"] = sender = TwilioSender(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), NUMBER, peer.url)
        yield line
        await sender.close()


def message(line: TestLine, text: str, phone: str = SOURCE, *, sent: datetime | None = None) -> Inbound:
    now = datetime.fromtimestamp(line.clock.now / 1000, UTC)
    return Inbound("sms", Sensitive(phone), Sensitive(text), f"SM{secrets.token_hex(16)}", now, sent=sent)


async def work(line: TestLine, until_ms: int) -> int:
    """As the queue works, with its own pauses after failures, until then; the clock moves to whatever is due next. How many failed."""
    failed = 0

    def heard(name: str, _: TaskKind | None) -> None:
        nonlocal failed
        failed += name in ("task_failed", "task_shelved")

    line.queue._on_event, line.queue._jitter = heard, lambda: 0.0
    while (due := await _next_due(line)) <= until_ms:
        line.clock.now = max(line.clock.now, due)
        claimed = await line.queue._claim(sorted(line.handlers))
        assert claimed is not None
        await line.queue._do(claimed, line.handlers[claimed.task.kind])
    line.clock.now = until_ms
    return failed


async def _next_due(line: TestLine) -> int:
    async with line.database.begin(reading=True) as transaction:
        due = (await transaction.run(select(func.min(tables.task.c.due)))).scalar_one()
    return 1 << 62 if due is None else int(due)


async def states(line: TestLine) -> Counter[SendingState]:
    async with line.database.begin(reading=True) as transaction:
        return Counter((await transaction.run(select(tables.sending.c.state))).scalars())


@pytest.mark.claim("T7")
@pytest.mark.slow
@pytest.mark.parametrize("engine_name", ["sqlite"])
async def test_after_a_day_without_the_provider_a_readers_answer_leaves_once(tmp_path: Path, url: str, peer: TwilioPeer) -> None:
    async with on_twilio(tmp_path, url, peer) as line:
        peer.fail(*repeat(Fault.SERVER_ERROR, 2000))
        await line.acceptor.accept(message(line, TIP))
        assert await work(line, line.clock.now + 3_600_000) == 10, "our question was tried for a quarter of an hour"
        assert await states(line) == {SendingState.SHELVED: 1}, "and then it might have met another person on that phone"
        (case_id,) = await line.cases()
        person, identity = await line.open_first(case_id)
        assert (await answer_failing(line, case_id, person, identity))["result"] == "answered"
        assert await work(line, line.clock.now + DAY_MS) > 100, "an answer is tried every ten minutes, for as long as it takes"
        assert not peer.deliveries
        peer.reset()
        await work(line, line.clock.now + 3_600_000)
        (left,) = peer.sent
        assert left.to == SOURCE
        assert "We read it." in left.body
        assert await states(line) == {SendingState.SHELVED: 1, SendingState.SENT: 1}


async def answer_failing(line: TestLine, case_id: str, person: str, identity: str) -> dict[str, object]:
    """A reader answers; that it cannot leave is a failure of the sending alone."""
    send = line.handlers.pop(TaskKind.SEND)
    given = await answer(line, case_id, person, identity, "We read it.")
    line.handlers[TaskKind.SEND] = send
    return given


@pytest.mark.claim("T7")
async def test_what_is_delivered_twice_at_once_and_again_later_is_one_message(tmp_path: Path, url: str, peer: TwilioPeer) -> None:
    async with on_twilio(tmp_path, url, peer) as line:
        told = message(line, TIP)
        accepted = Counter(await asyncio.gather(*(line.acceptor.accept(told) for _ in range(20))))
        assert accepted == {Accepted.NEW: 1, Accepted.DUPLICATE: 19}
        await work(line, line.clock.now + 60_000)
        (case_id,) = await line.cases()
        _, identity = await line.open_first(case_id)
        line.clock.now += 30 * DAY_MS
        assert await line.acceptor.accept(told) is Accepted.DUPLICATE
        assert [part["text"] for part in await line.read(case_id, identity) if part["kind"] == "message"] == [TIP]
        assert len(peer.sent) == 1


@pytest.mark.claim("T7")
async def test_messages_in_another_order_are_one_case_with_both(tmp_path: Path, url: str, peer: TwilioPeer) -> None:
    async with on_twilio(tmp_path, url, peer) as line:
        first, second = message(line, TIP), message(line, "Son tres mujeres")
        for one in (second, first):
            await line.acceptor.accept(one)
        await work(line, line.clock.now + 180_000)
        (case_id,) = await line.cases()
        _, identity = await line.open_first(case_id)
        texts = [part["text"] for part in await line.read(case_id, identity) if part["kind"] == "message"]
        assert sorted(map(str, texts)) == sorted([TIP, "Son tres mujeres"])
        assert len(peer.sent) == 1, "one answer, to the newer"


@pytest.mark.claim("T7")
async def test_what_comes_a_month_late_is_a_case_and_is_never_answered(tmp_path: Path, url: str, peer: TwilioPeer) -> None:
    async with on_twilio(tmp_path, url, peer) as line:
        now = datetime.fromtimestamp(line.clock.now / 1000, UTC)
        await line.acceptor.accept(message(line, TIP, sent=now - timedelta(days=30)))
        await line.acceptor.accept(message(line, TIP, OTHER))
        await work(line, line.clock.now + 3_600_000)
        assert len(await line.cases()) == 2
        assert all([await line.released(case) for case in await line.cases()]), "each is offered to somebody"
        assert [left.to for left in peer.sent] == [OTHER]
