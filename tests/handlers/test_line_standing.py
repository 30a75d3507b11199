"""A vetter's suspension on a line that runs: what the reader had moves on, and what lapses comes back by itself, but the case."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.enrol import enrolment_at
from handlers.enrolment import Taken
from routing.cards import card_bytes
from sealing.card import SignedCard
from sealing.custody import EntryKind
from sealing.rows import HOUR_MS, GrantState
from sealing.statements import signed_statement
from tests.handlers.test_line_reading import opened_case
from tests.line import TestLine

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


@pytest.mark.parametrize("engine_name", ["sqlite"])
async def test_one_vetter_s_suspension_moves_the_case_on_and_lapses(line: TestLine) -> None:
    case_id, person, _ = await opened_case(line)
    hour = line.clock.now // HOUR_MS
    card = SignedCard(card_bytes(line.cards[person])).fingerprint()
    leaf = signed_statement(EntryKind.SUSPEND, card, hour, line.vetter_seeds[0])
    async with line.store.begin() as tx:
        now = datetime.fromtimestamp(line.clock.now / 1000, UTC)
        assert isinstance(await enrolment_at(now, line.keys, line.vetters).take(tx, leaf, hour), Taken)
    await line.run()
    assert await status(line, person) == "suspended"
    assert {g.state for g in await line.grants(case_id) if g.person_id == person} == {GrantState.STRUCK}
    await line.later(6)
    (second,) = {g.person_id for g in await line.grants(case_id) if g.state is GrantState.OFFERED}
    assert second != person
    await line.later(73 * 3600)
    assert await status(line, person) == "active"
    assert {g.state for g in await line.grants(case_id) if g.person_id == person} == {GrantState.STRUCK}


async def status(line: TestLine, person: str) -> str:
    async with line.store.begin() as tx:
        row = await tx.person(person)
    assert row is not None
    return row.status
