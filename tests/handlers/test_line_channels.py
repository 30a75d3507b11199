"""What a real channel brings beside plain texts: commands, edits, late and disordered messages, providers that say wait, no, or nothing."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from handlers.ports import Sent, Unsent, Wait
from handlers.state import Safety
from handlers.thread import read_thread
from sealing import plaintexts
from sealing.custody import EntryKind
from sealing.rows import CaseState, Part, Receipt, SendingState
from storage import tables
from storage.erasures import SqlReceipts
from tests.handlers.test_line_reading import PHONE, TIP, answer, answer_to, opened_case
from tests.line import CHANNEL, TestLine, fresh_line
from triage.sensitive import Sensitive
from triage.tip import Control, Form, Inbound

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


@pytest_asyncio.fixture
async def one(tmp_path: Path) -> AsyncIterator[TestLine]:
    async with fresh_line(tmp_path) as made:
        yield made


def message(line: TestLine, text: str, phone: str = PHONE, **more: Any) -> Inbound:
    at = datetime.fromtimestamp(line.clock.now / 1000, UTC)
    made = Inbound(CHANNEL, Sensitive(phone), Sensitive(text), secrets.token_hex(8), at, ref=secrets.token_hex(4))
    return replace(made, **more)


async def sending_states(line: TestLine) -> list[SendingState]:
    async with line.database.begin(reading=True) as transaction:
        return list((await transaction.run(select(tables.sending.c.state).order_by(tables.sending.c.state))).scalars())


async def rows(line: TestLine, table: str) -> int:
    async with line.database.begin(reading=True) as transaction:
        return len((await transaction.run(select(tables.metadata.tables[table]))).all())


async def heard(line: TestLine) -> list[str]:
    """What left in the next seconds."""
    line.outbox.sent.clear()
    await line.later(3.1)
    return [text for _, text in line.outbox.sent]


async def test_start_greets_and_makes_no_case(one: TestLine) -> None:
    await one.take(message(one, "", control=Control.START))
    (text,) = await heard(one)
    assert "automatic line" in text
    assert await one.cases() == []


async def test_help_tells_of_the_menu_and_leaves_the_question_open(one: TestLine) -> None:
    await one.take(message(one, TIP))
    (question,) = await heard(one)
    await one.take(message(one, "", control=Control.HELP))
    (text,) = await heard(one)
    assert "48" in text
    assert "/forget" in text
    await one.take(message(one, "Todavía es así"))
    (following,) = await heard(one)
    assert following != question, "the question was answered by the words, not by /help"


@pytest.mark.claim("T19")
async def test_stop_is_silence_for_ever(one: TestLine) -> None:
    await one.take(message(one, TIP))
    await one.take(message(one, "", control=Control.STOP))
    await one.take(message(one, "Son tres"))
    await one.take(message(one, "", control=Control.START))
    assert await heard(one) == []


@pytest.mark.claim("T7")
@pytest.mark.parametrize(
    ("text", "cases"), [("stop he reads my phone, the girls are in Calle Sur 4", 1), ("stop now please", 0), ("STOPALL", 0)]
)
async def test_what_is_told_with_a_stop_is_a_tip_and_is_not_answered(one: TestLine, text: str, cases: int) -> None:
    await one.take(message(one, text, control=Control.STOP))
    assert await heard(one) == []
    assert len(await one.cases()) == cases
    await one.take(message(one, "hola"))
    assert await heard(one) == []


async def test_an_edited_message_joins_the_tip_and_answers_no_question(one: TestLine) -> None:
    await one.take(message(one, "Unas mujeres trabajan encerradas sin pago, el jefe de policía cobra"))
    (asked,) = await heard(one)
    await one.take(message(one, "Unas mujeres trabajan encerradas sin pago, el jefe de la policía cobra", form=Form.EDITED))
    assert await heard(one) == []
    await one.take(message(one, "En Peñalta"))
    (then,) = await heard(one)
    assert then != asked
    await one.later(121)
    await one.later(6)
    (case_id,) = await one.cases()
    _, identity = await one.open_first(case_id)
    told = [(part["text"], part.get("form")) for part in await one.read(case_id, identity) if part["kind"] == "message"]
    assert [form for _, form in told] == [None, "edited", None]
    assert "la policía" in str(told[1][0])


@pytest.mark.claim("T19")
async def test_a_word_mended_before_our_question_left_takes_no_answer_from_it(one: TestLine) -> None:
    """Once the edit made us forget the question that left all the same, and "3, borrowed" was not heard."""
    plea = "Me tienen encerrada en una casa en Peñalta"
    await one.take(message(one, plea))
    await one.take(message(one, plea + ".", form=Form.EDITED))
    (question,) = await heard(one)
    await one.take(message(one, "3"))
    async with one.store.begin() as tx:
        thread = read_thread(one.keys, await tx.thread(one.keys.index_tag(CHANNEL, PHONE)))
    assert thread.state.safety is Safety.BORROWED
    assert await heard(one) != [question]


@pytest.mark.parametrize("by", ["refused", "told"])
async def test_a_question_that_never_arrived_is_not_answered_and_comes_again(one: TestLine, by: str) -> None:
    provider = Provider(one)
    if by == "refused":
        provider.answers = [Unsent.BLOCKED]
    await one.take(message(one, "Me tienen encerrada en una casa en Peñalta"))
    question = await heard(one)
    if by == "told":
        await SqlReceipts(one.database).record((await ids(one))[0], Receipt.FAILED)
    await one.take(message(one, "1"))
    async with one.store.begin() as tx:
        thread = read_thread(one.keys, await tx.thread(one.keys.index_tag(CHANNEL, PHONE)))
    assert thread.state.safety is Safety.UNKNOWN, "nobody was asked whose phone it is"
    again = await heard(one)
    assert len(again) == 1
    assert question in ([], again)


async def ids(line: TestLine) -> list[str]:
    async with line.database.begin(reading=True) as transaction:
        return list((await transaction.run(select(tables.sending.c.id))).scalars())


@pytest.mark.claim("T19")
@pytest.mark.parametrize("late", [False, True])
async def test_who_mends_an_old_message_is_met_like_a_stranger_all_the_same(one: TestLine, late: bool) -> None:
    """Neither an edit nor a message that took hours brings the sitting back for whoever has the phone now."""
    plea = "Me tienen encerrada en una casa en Peñalta, el lee mi telefono"
    await one.take(message(one, plea))
    await heard(one)
    written = datetime.fromtimestamp(one.clock.now / 1000, UTC)
    await one.later(3 * 3600)
    await one.take(message(one, plea + ".", **({"sent": written} if late else {"form": Form.EDITED})))
    await one.take(message(one, "hola"))
    greeted = await heard(one)
    await one.take(message(one, "hola", phone="+999 100 0042"))
    assert greeted == await heard(one)


async def test_a_forwarded_message_and_its_pictures_are_marked_for_the_reader(one: TestLine) -> None:
    await one.take(message(one, TIP, form=Form.FORWARDED, media=2))
    await one.later(21)
    await one.later(6)
    (case_id,) = await one.cases()
    _, identity = await one.open_first(case_id)
    (read,) = [part for part in await one.read(case_id, identity) if part["kind"] == "message"]
    assert (read["form"], read["media"]) == ("forwarded", 2)


@pytest.mark.claim("T7")
async def test_a_message_that_took_a_month_is_a_case_and_is_not_answered(one: TestLine) -> None:
    month_ago = datetime.fromtimestamp(one.clock.now / 1000, UTC) - timedelta(days=30)
    await one.take(message(one, TIP, sent=month_ago))
    assert await heard(one) == []
    await one.later(30)
    (case_id,) = await one.cases()
    async with one.store.begin() as tx:
        case = await tx.case(case_id)
    assert case is not None
    assert case.state in (CaseState.SEALED, CaseState.HELD), "cards signed since are no readers of it, so it may be held"


@pytest.mark.claim("T7")
async def test_one_senders_messages_are_conversed_in_the_order_in_which_they_came(line: TestLine) -> None:
    async with line.database.begin() as transaction:
        first, second, other = (message(line, text) for text in ("primero", "segundo", "otro"))
        for sent, lane, seq in ((first, "a", 1), (second, "a", 2), (other, "b", 3)):
            epoch, sealed = line.acceptor.keys.seal_intake(plaintexts.inbound(sent))
            await transaction.run(tables.inbound.insert().values(id=f"{seq:032x}", seq=seq, epoch=epoch, sealed=sealed, lane=lane))
    async with line.store.begin() as tx:
        assert [await tx.waits_for_earlier(f"{seq:032x}") for seq in (1, 2, 3)] == [False, True, False]
        await tx.attach(f"{1:032x}", "t")
        assert not await tx.waits_for_earlier(f"{2:032x}")


@pytest.mark.claim("T33")
async def test_forget_without_a_tip_leaves_nothing(one: TestLine) -> None:
    await one.take(message(one, "hola"))
    await heard(one)
    await one.take(message(one, "", control=Control.FORGET))
    assert await heard(one) == []
    assert {table: await rows(one, table) for table in ("inbound", "thread", "erasure", "case")} == {
        "inbound": 0,
        "thread": 0,
        "erasure": 0,
        "case": 0,
    }
    assert len(one.outbox.erased) == 3, "theirs, ours, and the command itself"


@pytest.mark.claim("T33")
async def test_forget_before_the_sealing_loses_no_tip_and_leaves_no_way_back(one: TestLine) -> None:
    await one.take(message(one, TIP))
    await one.take(message(one, "", control=Control.FORGET))
    await one.later(6)
    (case_id,) = await one.cases()
    _, identity = await one.open_first(case_id)
    parts = await one.read(case_id, identity)
    assert [part["text"] for part in parts if part["kind"] == "message"] == [TIP]
    assert [part for part in parts if part["kind"] == "contact"] == []
    assert await rows(one, "thread") == 0
    assert await rows(one, "inbound") == 0


@pytest.mark.claim("T33")
async def test_forget_after_the_sealing_takes_the_way_back_and_says_so_in_the_log(one: TestLine) -> None:
    case_id, person, identity = await opened_case(one)
    parts = await one.read(case_id, identity)
    contact = [part for part in parts if part["kind"] == "contact"][-1]
    await one.take(message(one, "", control=Control.FORGET))
    async with one.store.begin() as tx:
        assert [e for e in await tx.envelopes(case_id) if e.part is Part.CONTACT] == []
    assert contact["sha256"] in {leaf.sha256 for leaf in await one.leaves() if leaf.kind is EntryKind.FORGET}
    one.outbox.sent.clear()
    refused = await answer_to(one, case_id, person, parts, "Thank you.")
    assert refused["result"] == "refused"
    await one.later(100_000)
    assert one.outbox.sent == []


async def test_forget_keeps_a_silence(one: TestLine) -> None:
    await one.take(message(one, "9"))
    await one.take(message(one, "", control=Control.FORGET))
    await one.take(message(one, "hola"))
    assert await heard(one) == []


class Provider:
    """An outbox whose answers are set."""

    def __init__(self, line: TestLine) -> None:
        self.line, self.answers, self.tried = line, list[Exception | Unsent](), list[str]()
        self.waits = dict[str, int]()
        line.outbox.provider = self.send

    async def send(self, address: Sensitive[str], text: Sensitive[str], cause: str) -> Sent | Unsent:
        self.tried.append(address.reveal())
        if address.reveal() in self.waits:
            raise Wait(self.waits.pop(address.reveal()))
        met = self.answers.pop(0) if self.answers else None
        if isinstance(met, Exception):
            raise met
        if isinstance(met, Unsent):
            return met
        self.line.outbox.sent.append((address.reveal(), text.reveal()))
        return Sent((f"out{len(self.tried)}",))


async def test_a_provider_that_says_wait_is_heeded_for_that_address_alone(one: TestLine) -> None:
    provider = Provider(one)
    provider.waits["+999 100 0001"] = 30_000
    await one.take(message(one, "hola", phone="+999 100 0001"))
    await one.take(message(one, "hola", phone="+999 100 0002"))
    await one.later(3.1)
    assert [to for to, _ in one.outbox.sent] == ["+999 100 0002"]
    await one.take(message(one, "sí", phone="+999 100 0001"))
    await one.later(4)
    assert sorted(provider.tried) == ["+999 100 0001", "+999 100 0002"], "not asked again before its time"
    await one.later(30)
    assert [to for to, _ in one.outbox.sent] == ["+999 100 0002", "+999 100 0001"]


@pytest.mark.parametrize("told", ["at once", "later"])
async def test_an_answer_that_the_provider_takes_only_after_they_write_waits_for_that(one: TestLine, told: str) -> None:
    case_id, person, identity = await opened_case(one)
    provider = Provider(one)
    if told == "at once":
        provider.answers = [Unsent.CLOSED]
    else:
        one.outbox.receipts = True
    assert (await answer(one, case_id, person, identity, "We read it."))["result"] == "answered"
    if told == "later":
        (sending,) = await waiting_ids(one, SendingState.SENT, case_id)
        await SqlReceipts(one.database).record(sending, Receipt.FAILED)
    assert SendingState.WAITING in await sending_states(one)
    one.outbox.sent.clear()
    await one.later(10)
    assert one.outbox.sent == []
    await one.take(message(one, "¿Hay alguien? Siguen encerradas"))
    await one.later(5)
    assert any("We read it." in text for _, text in one.outbox.sent)


async def waiting_ids(line: TestLine, state: SendingState, case_id: str) -> list[str]:
    found = select(tables.sending.c.id).where(tables.sending.c.state == state, tables.sending.c.case_id == case_id)
    async with line.database.begin(reading=True) as transaction:
        return list((await transaction.run(found)).scalars())


async def test_a_receipt_settles_what_nobody_knew(one: TestLine) -> None:
    case_id, person, identity = await opened_case(one)
    one.outbox.receipts = True
    await answer(one, case_id, person, identity, "We read it.")
    (sending,) = await waiting_ids(one, SendingState.SENT, case_id)
    async with one.store.begin() as tx:
        kept = await tx.sending(sending)
    assert kept is not None
    assert kept.sealed, "until it is known to have arrived, it can be told again"
    await SqlReceipts(one.database).record(sending, Receipt.DELIVERED)
    await SqlReceipts(one.database).record(sending, Receipt.DELIVERED)
    async with one.store.begin() as tx:
        done = await tx.sending(sending)
    assert done is not None
    assert (done.state, done.sealed) == (SendingState.SENT, b"")


@pytest.mark.parametrize("told", [0, -5_000, 10**15])
async def test_a_provider_that_names_no_sensible_pause_is_asked_again_within_the_hour_and_not_at_once(one: TestLine, told: int) -> None:
    case_id, person, identity = await opened_case(one)
    provider = Provider(one)
    provider.waits[PHONE] = told
    await answer(one, case_id, person, identity, "We read it.")
    assert len(provider.tried) == 1
    await one.later(3601)
    assert len(provider.tried) == 2


@pytest.mark.parametrize("why", ["the provider says wait, for ever", "the worker was dead"])
async def test_a_text_of_ours_never_meets_whoever_holds_the_phone_hours_later(one: TestLine, why: str) -> None:
    provider = Provider(one)
    await one.take(message(one, TIP))
    if "wait" in why:
        for _ in range(100):
            provider.waits[PHONE] = 10_000
            await one.later(10)
        provider.waits.clear()
    await one.later(2 * 3600)
    assert one.outbox.sent == []
    assert await sending_states(one) == [SendingState.SHELVED]
