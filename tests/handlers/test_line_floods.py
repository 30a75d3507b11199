"""A flood on a whole line: slower for who floods, the same for everybody else, and nothing lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest

from sealing.rows import Accepted
from storage import tables
from tests.line import CHANNEL, TestLine
from tests.storage.rows import count
from triage.sensitive import Sensitive
from triage.tip import Inbound

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]

FLOODER, OTHER = "+34600000001", "+34600000002"


async def conversed(line: TestLine) -> int:
    async with line.database.begin(reading=True) as transaction:
        rows = await transaction.run(tables.inbound.select().where(tables.inbound.c.thread.is_not(None)))
        return len(rows.all())


async def test_five_thousand_messages_of_one_phone_do_not_delay_anothers_answer(line: TestLine) -> None:
    at = datetime.fromtimestamp(line.clock.now / 1000, UTC)
    flood = [Inbound(CHANNEL, Sensitive(FLOODER), Sensitive(f"buy cheap watches {n}"), f"f{n}", at) for n in range(5_000)]
    results = Counter[Accepted]()
    for start in range(0, len(flood), 1_000):
        results.update(await asyncio.gather(*(line.acceptor.accept(message) for message in flood[start : start + 1_000])))
    assert results == {Accepted.NEW: 5_000}
    await line.write(OTHER, "They keep my sister in the house next to the harbour in Puerto Claro")
    assert await conversed(line) == 20 + 1, "the flood's first twenty, and the other's, are all that was due"
    await line.later(3)
    assert [address for address, _ in line.outbox.sent].count(OTHER) == 1, "answered as soon as ever"
    await line.later(12)
    assert await conversed(line) == 20 + 1 + 1, "then the flood comes a message at a time"
    assert await count(line.database, tables.inbound) == 5_001, "and all of it waits, durably"
