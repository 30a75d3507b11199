"""Forgetting at the worst moment: while a sealing runs, an answer is on its way, a tip is held, a reader answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from handlers.ports import MaybeSent, NotSent, Sent, Unsent, Wait
from handlers.state import Safety
from handlers.thread import read_thread
from sealing.age import OpenError
from sealing.rows import DAY_MS, HOUR_MS, Purpose, SendingState, TaskKind
from storage import tables
from tests.handlers.test_line_channels import Provider, heard, message, rows, sending_states
from tests.handlers.test_line_reading import PHONE, TIP, answer, answer_to, opened_case
from tests.line import CHANNEL, Outbox, TestLine, fresh_line
from triage.language import Translation
from triage.sensitive import Sensitive
from triage.tip import Control

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]

MORE = "Siguen encerradas, ahora son cinco mujeres"
AGAIN = "Y una tiene diez años, ayúdenla"


@dataclass
class SlowTranslator:
    """Holds a sealing between reading and writing, where `until` is set."""

    until: asyncio.Event | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def translate(self, text: Sensitive[str], source: str, target: str) -> Translation | None:
        self.asked.set()
        if self.until is not None:
            await self.until.wait()
        return None


@pytest.fixture
def translator() -> SlowTranslator:
    return SlowTranslator()


@pytest_asyncio.fixture
async def one(tmp_path: Path, translator: SlowTranslator) -> AsyncIterator[TestLine]:
    async with fresh_line(tmp_path, translator) as made:
        yield made


@pytest.mark.claim("T33")
async def test_who_writes_again_while_what_he_told_before_forget_is_sealed_is_not_lost(one: TestLine, translator: SlowTranslator) -> None:
    _, _, identity = await opened_case(one)
    seal = one.handlers.pop(TaskKind.SEAL)
    await one.take(message(one, MORE))
    await one.take(message(one, "", control=Control.FORGET))
    task = await one.queue.claim([TaskKind.SEAL])
    assert task is not None
    translator.until, translator.asked = asyncio.Event(), asyncio.Event()
    sealing = asyncio.ensure_future(seal(task))
    await translator.asked.wait()
    await one.take(message(one, AGAIN))
    translator.until.set()
    await asyncio.gather(sealing, return_exceptions=True)
    one.handlers[TaskKind.SEAL] = seal
    await one.later(70)
    await one.later(70)
    texts = [part["text"] for case in await one.cases() for part in await one.read(case, identity) if part["kind"] == "message"]
    assert texts == [TIP, MORE, AGAIN]
    assert await rows(one, "inbound") == 0


@pytest.mark.claim("T33")
async def test_an_answer_that_the_provider_put_off_does_not_leave_after_forget(one: TestLine) -> None:
    case_id, person, identity = await opened_case(one)
    Provider(one).waits[PHONE] = 60_000
    one.outbox.sent.clear()
    await answer(one, case_id, person, identity, "We read it.")
    await one.take(message(one, "", control=Control.FORGET))
    assert SendingState.DUE not in await sending_states(one)
    await one.later(120)
    assert one.outbox.sent == []


@dataclass
class SlowProvider(Outbox):
    """Has a text in hand until `go_on`."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    then: Exception | Unsent | None = None

    async def send(self, address: Sensitive[str], text: Sensitive[str], cause: str) -> Sent | Unsent:
        self.asked.set()
        await self.go_on.wait()
        met, self.then = self.then, None
        if isinstance(met, Exception):
            raise met
        return await super().send(address, text, cause) if met is None else met


def slow(line: TestLine, then: Exception | Unsent | None = None) -> SlowProvider:
    made = SlowProvider(line.outbox.sent, line.outbox.erased, then=then)
    line.outbox.provider = made.send
    line.outbox.sent.clear()
    return made


@pytest.mark.claim("T33")
@pytest.mark.parametrize("then", [Wait(1_000), NotSent(), MaybeSent(), Unsent.CLOSED], ids=["wait", "not_sent", "maybe", "closed"])
async def test_an_answer_that_was_in_hand_at_forget_is_not_tried_again_nor_kept(one: TestLine, then: Exception | Unsent) -> None:
    case_id, person, identity = await opened_case(one)
    provider = slow(one, then)
    answering = asyncio.create_task(answer(one, case_id, person, identity, "We read it."))
    await provider.asked.wait()
    await one.take(message(one, "", control=Control.FORGET))
    provider.go_on.set()
    await asyncio.gather(answering, return_exceptions=True)
    await one.later(600)
    assert one.outbox.sent == []
    async with one.database.begin(reading=True) as transaction:
        kept = await transaction.run(select(tables.sending.c.state, tables.sending.c.sealed).where(tables.sending.c.case_id == case_id))
    assert [tuple(row) for row in kept] == [(SendingState.SHELVED, b"")]


@pytest.mark.claim("T33")
async def test_no_answer_is_taken_after_forget_while_what_was_told_waits_to_be_sealed(one: TestLine) -> None:
    case_id, person, identity = await opened_case(one)
    parts = await one.read(case_id, identity)
    seal = one.handlers.pop(TaskKind.SEAL)
    await one.take(message(one, MORE))
    await one.later(4)
    await one.take(message(one, "", control=Control.FORGET))
    one.outbox.sent.clear()
    assert (await answer_to(one, case_id, person, parts, "We read it."))["result"] == "refused"
    one.handlers[TaskKind.SEAL] = seal
    await one.later(10)
    assert one.outbox.sent == []
    assert {table: await rows(one, table) for table in ("inbound", "thread")} == {"inbound": 0, "thread": 0}


@pytest.mark.claim("T33")
async def test_while_a_forgotten_tip_is_held_whoever_writes_is_met_as_a_stranger(one: TestLine) -> None:
    await one.take(message(one, "hola", phone="+999 100 0009"))
    stranger = await heard(one)
    del one.handlers[TaskKind.SEAL]
    await one.take(message(one, TIP))
    await heard(one)
    await one.take(message(one, "", control=Control.FORGET))
    await one.take(message(one, "hola"))
    assert await heard(one) == stranger


@pytest.mark.claim("T33")
async def test_a_text_of_ours_that_was_in_hand_at_forget_is_deleted_at_the_provider_too(one: TestLine) -> None:
    await one.take(message(one, "hola"))
    provider = slow(one)
    sending = asyncio.create_task(one.later(3.1))
    await provider.asked.wait()
    await one.take(message(one, "", control=Control.FORGET))
    provider.go_on.set()
    await sending
    await one.run()
    assert len(one.outbox.sent) == 1
    assert len(one.outbox.erased) == 3, "theirs, the command, and ours"
    assert await rows(one, "erasure") == 0


@pytest.mark.parametrize(("hour", "known"), [(6, 1), (20, 0)])
async def test_an_answer_is_not_deleted_from_the_sources_chat_because_he_was_silent_for_days(one: TestLine, hour: int, known: int) -> None:
    """A conversation is forgotten at the midnight after 72 hours: eight hours later it is there, or not, by the hour at which it began."""
    one.clock.now += (hour * HOUR_MS - one.clock.now) % DAY_MS
    case_id, person, identity = await opened_case(one)
    await one.later(80 * 3600)
    assert await rows(one, "thread") == known
    one.outbox.erased.clear()
    sent = len(one.outbox.sent)
    assert (await answer(one, case_id, person, identity, "We read it."))["result"] == "answered"
    assert len(one.outbox.sent) == sent + 1
    await one.later(24 * 3600)
    assert await rows(one, "thread") == 0
    assert await rows(one, "erasure") == 1, "he may ask for it yet"
    assert f"out{sent + 1}" not in {ref for _, ref in one.outbox.erased}
    await one.later(3 * 86_400)
    assert await rows(one, "erasure") == 0, "too old to be deleted there: forgotten here"


@pytest.mark.parametrize("met", ["sent, and never a receipt", "closed"])
async def test_of_an_answer_to_who_was_forgotten_since_the_ledger_keeps_no_text_and_no_address(one: TestLine, met: str) -> None:
    case_id, person, identity = await opened_case(one)
    await one.later(5 * 86_400)
    assert await rows(one, "thread") == 0
    one.outbox.receipts = True
    Provider(one).answers = [Unsent.CLOSED] if met == "closed" else []
    assert (await answer(one, case_id, person, identity, "We read it."))["result"] == "answered"
    async with one.database.begin(reading=True) as transaction:
        kept = await transaction.run(select(tables.sending.c.sealed).where(tables.sending.c.case_id == case_id))
    assert [row.sealed for row in kept] == [b""]


# ---- a conversation that no key opens any more, as after a recovery of the secrets alone


async def unreadable(line: TestLine) -> None:
    """The row stays, and its intake epoch is gone."""
    async with line.database.begin() as transaction:
        await transaction.run(update(tables.thread).values(epoch=0))


async def test_a_conversation_of_an_epoch_that_comes_yet_silences_nobody(one: TestLine) -> None:
    """Another worker has the newer key already: this one must not take the source for one who asked for silence."""
    await one.take(message(one, "hola"))
    async with one.store.begin() as tx:
        stored = await tx.thread(one.keys.index_tag(CHANNEL, PHONE))
    assert stored is not None
    with pytest.raises(OpenError):
        read_thread(one.keys, replace(stored, epoch=stored.epoch + 1))
    assert read_thread(one.keys, replace(stored, epoch=0)).state.safety is Safety.SILENT


@pytest.mark.parametrize("sealed", [True, False], ids=["of-a-case", "of-none-yet"])
async def test_who_wrote_in_a_conversation_that_nobody_can_read_is_read_and_met_with_silence(one: TestLine, sealed: bool) -> None:
    if sealed:
        case_id, _, identity = await opened_case(one)
    else:
        await one.take(message(one, "hola"))
        await heard(one)
    await unreadable(one)
    await one.take(message(one, MORE))
    assert await heard(one) == []
    await one.later(121)
    await one.later(6)
    if not sealed:
        (case_id,) = await one.cases()
        _, identity = await one.open_first(case_id)
    assert MORE in [part.get("text") for part in await one.read(case_id, identity)]
    assert await rows(one, "inbound") == 0


async def test_forget_takes_a_conversation_that_nobody_can_read(one: TestLine) -> None:
    """Of it the mark of a wish for silence stays, which nobody can say that there was none; no case, no way back, no answer."""
    case_id, _, identity = await opened_case(one)
    await unreadable(one)
    await one.take(message(one, "", control=Control.FORGET))
    assert await heard(one) == []
    async with one.store.begin() as tx:
        stored = await tx.thread(one.keys.index_tag(CHANNEL, PHONE))
    assert stored is not None
    assert (stored.case_id, stored.epoch) == (None, max(one.keys.epochs[Purpose.INTAKE]))
    assert "contact" not in [part["kind"] for part in await one.read(case_id, identity)]
    assert await rows(one, "inbound") == 0
