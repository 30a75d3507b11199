"""The source is asked once whether it was of any use; what it says, or writes, brings a closed case to a reader who has not had it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, func, select

from handlers.outcomes import Helped, Second
from handlers.ports import Trouble
from handlers.requests import Refusal, Result
from sealing import age
from sealing.custody import EntryKind
from sealing.rows import HOUR_MS, CaseState, GrantState, Part, Purpose
from storage import tables
from tests.handlers.cases.closing import (
    DANGER,
    QUESTION,
    close,
    closed_by_coin,
    decide,
    proposals,
    purge_now,
    state_of,
)
from tests.handlers.test_line_later import said as sent
from tests.handlers.test_line_reading import PHONE, answer, sealed_case
from tests.line import TestLine
from triage.sensitive import Sensitive
from triage.tip import Control, Inbound

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket]


async def closed_and_asked(line: TestLine) -> tuple[str, str]:
    """(case, reader): closed without a second look, and the source, who may be written to first, was asked."""
    case_id, reader = await closed_by_coin(line)
    await close(line, case_id, reader)
    await line.later(6)
    assert [text for _, text in line.outbox.sent if QUESTION in text], "the control: it was asked"
    line.outbox.sent.clear()
    return case_id, reader


@pytest.mark.parametrize("days", [0, 13])
@pytest.mark.claim("T49")
async def test_a_no_of_the_source_is_a_second_look(line: TestLine, days: int) -> None:
    """Also when the conversation was forgotten since: then nothing but the question is remembered."""
    case_id, reader = await closed_and_asked(line)
    await line.later(days * 24 * 3600)
    async with line.store.begin() as tx:
        assert (await tx.thread_of(case_id) is None) is (days > 3)
    await line.write(PHONE, "2")
    await line.later(6)
    assert len(line.outbox.sent) == 1
    assert "Lo tenemos" in line.outbox.sent[0][1]
    assert await state_of(line, case_id) is CaseState.CLOSING
    offered = next(g for g in await line.grants(case_id) if g.state is GrantState.OFFERED)
    second = str(offered.person_id)
    assert second != reader
    handed = await line.open(offered, second)
    assert (handed["proposed"], handed["helped"]) == ("referred", "no")
    assert len([part for part in await line.read(case_id, line.case_identity(handed, second)) if part["kind"] == "message"]) == 1
    await purge_now(line, case_id)
    assert await state_of(line, case_id) is CaseState.CLOSING


async def test_a_yes_of_the_source_is_noted_and_changes_nothing(line: TestLine) -> None:
    case_id, _ = await closed_and_asked(line)
    known = set(await line.cases())
    await line.write(PHONE, "1 si")
    assert await state_of(line, case_id) is CaseState.CLOSED
    assert [p.helped for p in await proposals(line, case_id)] == [Helped.YES]
    await line.write(PHONE, "2")
    assert [p.helped for p in await proposals(line, case_id)] == [Helped.YES], "it is asked, and answered, once"
    assert set(await line.cases()) == known


async def test_a_no_while_the_second_looks_is_told_to_whoever_comes_next(line: TestLine) -> None:
    case_id, reader = await closed_by_coin(line, looked_at=True)
    await close(line, case_id, reader)
    await line.later(6)
    second, _ = await line.open_first(case_id)
    await line.write(PHONE, "No")
    (proposal,) = await proposals(line, case_id)
    assert (proposal.helped, proposal.second) == (Helped.NO, Second.ASKED)
    assert await state_of(line, case_id) is CaseState.CLOSING
    assert (await decide(line, case_id, second, EntryKind.CONCUR))["result"] == Result.DONE


async def test_an_answer_about_a_case_whose_record_is_gone_stops_no_conversation(line: TestLine) -> None:
    case_id, _ = await closed_and_asked(line)
    async with line.database.begin() as transaction:
        await transaction.run(delete(tables.outcome))
    await line.write(PHONE, "2")
    await line.later(6)
    assert Trouble.TAMPERED in line.alarms
    assert (await state_of(line, case_id), len(line.outbox.sent)) == (CaseState.CLOSED, 1)


async def test_words_after_the_question_belong_to_that_case_and_open_it(line: TestLine) -> None:
    case_id, reader = await closed_and_asked(line)
    known = set(await line.cases())
    await line.later(10 * 24 * 3600)
    await line.write(PHONE, "nadie vino, los hombres siguen en la cantera de Peñalta")
    await line.later(27)
    assert set(await line.cases()) == known
    second, _ = await line.open_first(case_id)
    assert second != reader


async def test_fourteen_days_later_nothing_is_remembered(line: TestLine) -> None:
    case_id, _ = await closed_and_asked(line)
    await line.later(16 * 24 * 3600)
    async with line.database.begin(reading=True) as transaction:
        assert (await transaction.run(select(func.count()).select_from(tables.thread))).scalar_one() == 0
    await line.write(PHONE, "2")
    assert await state_of(line, case_id) is CaseState.CLOSED


async def test_who_is_not_written_to_first_is_asked_when_he_writes(line: TestLine) -> None:
    case_id = await sealed_case(line, DANGER)
    first, _ = await line.open_first(case_id)
    await close(line, case_id, first)
    await line.later(3600)
    assert not sent(line, QUESTION)
    await line.write(PHONE, "sigo encerrada en la casa")
    await line.later(4)
    assert len(sent(line, QUESTION)) == 1
    await line.later(60)
    assert len(sent(line, QUESTION)) == 1


async def test_a_way_back_whose_key_was_destroyed_keeps_no_case_open(long_line: TestLine) -> None:
    line = long_line
    case_id, reader = await closed_by_coin(line)
    assert (await close(line, case_id, reader, contact="", inner=b""))["code"] == Refusal.NO_CONTACT
    line.clock.now += 24 * HOUR_MS
    line.keys.shelf.add(Purpose.DELIVERY, 2, age.generate()[0], line.clock.now // HOUR_MS)
    assert (await close(line, case_id, reader, contact="", inner=b""))["code"] == Refusal.NO_CONTACT
    line.keys.shelf.drop(Purpose.DELIVERY, 1)
    assert (await close(line, case_id, reader, contact="", inner=b""))["result"] == Result.DONE
    await line.later(3600)
    assert not sent(line, QUESTION)


@pytest.mark.parametrize("gone", ["9", "/forget"])
async def test_who_asked_for_silence_or_to_be_let_go_is_not_asked(line: TestLine, gone: str) -> None:
    case_id, reader = await closed_by_coin(line)
    await close(line, case_id, reader)
    at = datetime.fromtimestamp(line.clock.now / 1000, UTC)
    control = Control.FORGET if gone == "/forget" else None
    await line.take(Inbound("handset", Sensitive(PHONE), Sensitive(gone), gone, at, control=control))
    await line.later(3600)
    assert not sent(line, QUESTION)
    assert await state_of(line, case_id) is CaseState.CLOSED


async def test_forgetting_after_the_question_cuts_the_way_back(line: TestLine) -> None:
    case_id, _ = await closed_and_asked(line)
    await line.later(5 * 24 * 3600)
    at = datetime.fromtimestamp(line.clock.now / 1000, UTC)
    await line.take(Inbound("handset", Sensitive(PHONE), Sensitive("/forget"), "f", at, control=Control.FORGET))
    async with line.store.begin() as tx:
        assert not [e for e in await tx.envelopes(case_id) if e.part is Part.CONTACT]
    async with line.database.begin(reading=True) as transaction:
        assert (await transaction.run(select(func.count()).select_from(tables.thread))).scalar_one() == 0


async def test_a_readers_words_after_the_question_take_the_digits(line: TestLine) -> None:
    """A bare "si" to what a reader asked is his to read, and no answer to our question."""
    case_id, reader = await closed_by_coin(line, looked_at=True)
    await close(line, case_id, reader)
    await line.later(6)
    second, identity = await line.open_first(case_id)
    assert (await answer(line, case_id, second, identity, "¿Siguen en la cantera?"))["result"] == "answered"
    await line.write(PHONE, "si")
    assert [p.helped for p in await proposals(line, case_id)] == [Helped.UNKNOWN]
    async with line.store.begin() as tx:
        assert sum(envelope.part is Part.MESSAGE for envelope in await tx.envelopes(case_id)) == 3
