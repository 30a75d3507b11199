"""Attacks that once succeeded, each as the reviewer ran it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from handlers.ports import NotSent, Sent, Trouble
from handlers.requests import Refusal
from routing.gate_bytes import parse_gate
from sealing import age, custody, plaintexts, signing
from sealing.plaintexts import Contact
from sealing.rows import CaseState, GrantState, Purpose, SendingState, TaskKind
from sealing.signing import Use
from storage.engine import Database, open_database
from storage.store import SqlStore
from tests.handlers.roster_world import suspend
from tests.handlers.test_line_reading import PHONE, TIP, answer, opened_case, sealed_case
from tests.line import TestLine
from triage.sensitive import Sensitive

HELP = "Ayúdenme, no me dejan salir de la casa en Peñalta"
pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket, pytest.mark.slow]


@pytest.fixture
def engine_name() -> str:
    """What is looked at here lies above the engines; test_line_reading walks the whole way on both."""
    return "sqlite"


@pytest.mark.claim("T18")
async def test_a_reader_cannot_make_up_whom_his_answer_goes_to(line: TestLine) -> None:
    case_id, person, identity = await opened_case(line)
    mine = Contact("handset", Sensitive("+1 900 555 1234"), "en", "Latn", pull=False)
    newest = [part for part in await line.read(case_id, identity) if part["kind"] == "contact"][-1]
    seq = newest["seq"]
    assert isinstance(seq, int)
    forged = age.seal(plaintexts.contact_inner(case_id, seq, "x", mine), line.keys.recipient(Purpose.DELIVERY)[1])
    line.outbox.sent.clear()
    handed = await answer(line, case_id, person, identity, "Hello.", inner=base64.b64encode(forged).decode())
    assert handed["code"] == Refusal.NO_CONTACT
    assert line.outbox.sent == []


@pytest.mark.claim("T19")
async def test_an_older_contact_does_not_undo_a_nine(line: TestLine) -> None:
    case_id, person, identity = await opened_case(line)
    old = [part for part in await line.read(case_id, identity) if part["kind"] == "contact"][-1]
    await line.write(PHONE, "9")
    newest = [part for part in await line.read(case_id, identity) if part["kind"] == "contact"][-1]
    line.outbox.sent.clear()
    assert (await answer(line, case_id, person, identity, "One.", contact=newest["sha256"], inner=old["inner"]))["code"] == Refusal.STALE
    assert (await answer(line, case_id, person, identity, "Two."))["result"] == "answered"
    await line.later(3600)
    assert line.outbox.sent == []


@pytest.mark.claim("T19")
async def test_a_nine_said_in_a_new_conversation_silences_the_old_case_too(line: TestLine) -> None:
    case_id, person, identity = await opened_case(line)
    await line.later(100 * 3600)
    await line.write(PHONE, "Otra vez mujeres sin pago en Peñalta")
    await line.write(PHONE, "9")
    line.outbox.sent.clear()
    assert (await answer(line, case_id, person, identity, "We read it."))["result"] == "answered"
    await line.later(3600)
    assert line.outbox.sent == []


@pytest.mark.claim("T19")
async def test_an_answer_that_could_not_leave_stays_here_after_a_nine(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    case_id, person, identity = await opened_case(line)
    line.outbox.sent.clear()
    send = line.outbox.send

    async def down(_address: Sensitive[str], _text: Sensitive[str], _cause: str) -> Sent:
        raise NotSent

    monkeypatch.setattr(line.outbox, "send", down)
    with pytest.raises(NotSent):
        await answer(line, case_id, person, identity, "We read it.")
    monkeypatch.setattr(line.outbox, "send", send)
    await line.write(PHONE, "9")
    await line.later(100_000)
    assert line.outbox.sent == []


@pytest.mark.claim("T9")
@pytest.mark.parametrize(
    "respell",
    [
        lambda body: body.replace(b",", b",\n", 1),
        lambda body: body.decode().encode("utf-16"),
        lambda body: body.replace(b'"case":', b'"case":"","case":'),
    ],
)
async def test_an_opening_in_another_spelling_opens_nothing(line: TestLine, respell: Callable[[bytes], bytes]) -> None:
    case_id = await sealed_case(line)
    grant = next(g for g in await line.grants(case_id) if g.state is GrantState.OFFERED)
    person = str(grant.person_id)
    body = respell(line.open_body(grant, person))
    signature = signing.sign(line.person_keys[person].sign_seed, Use.OPEN, body)
    handed = await line.act(person, case_id, "open", signature, age.seal(body, line.keys.recipient(Purpose.GATE)[1]))
    assert (handed["result"], handed["code"]) == ("refused", Refusal.UNREADABLE)
    assert all(custody.read_leaf(leaf) for leaf in await line.store.leaves())


@pytest.mark.parametrize(
    "plea",
    [
        "Tulungan ninyo ako, nakakulong ako sa bahay, hindi ako makalabas",
        "Aidez-moi, je suis enfermée dans une maison près du port",
        "Help, they hold me here in Peñalta and the police know",
        "Ayúdenme",
    ],
)
async def test_who_might_be_a_survivor_is_not_written_to_first(line: TestLine, plea: str) -> None:
    await line.write(PHONE, plea)
    await line.later(130)
    cases = await line.cases()
    if not [g for case_id in cases for g in await line.grants(case_id) if g.state is GrantState.OFFERED]:
        return  # held: nobody can answer
    person, identity = await line.open_first(cases[0])
    line.outbox.sent.clear()
    assert (await answer(line, cases[0], person, identity, "We read it."))["result"] == "answered"
    await line.later(3600)
    assert line.outbox.sent == []


@pytest.mark.claim("T7")
async def test_forgetting_an_address_drops_no_message_that_waits_for_its_case(line: TestLine) -> None:
    """The worker was dead for days; at its start the forgetting runs before the sealing."""
    case_id, _, identity = await opened_case(line)
    seal = line.handlers.pop(TaskKind.SEAL)
    await line.write(PHONE, "Se las llevan el martes")
    await line.later(100 * 3600)
    line.handlers[TaskKind.SEAL] = seal
    await line.run()
    texts = [part["text"] for part in await line.read(case_id, identity) if part["kind"] == "message"]
    assert texts[-1] == "Se las llevan el martes"


async def test_who_was_passed_over_does_not_block_the_next(line: TestLine) -> None:
    """First of the order suspended at the offer, second named later: the third gets every epoch."""
    await line.write(PHONE, "Unas mujeres trabajan sin pago en Peñalta y la policía cobra")
    await line.later(18)
    await line.later(3)
    (case_id,) = await line.cases()
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
        assert case is not None
        assert case.gate is not None
        order = [seat.person for seat in parse_gate(line.keys.open_gate(case_id, case.gate)).order]
    await suspend(line, order[0])
    await line.later(6)
    await line.later(6)
    shown = await line.released(case_id)
    if order[0] in shown:
        return  # the offer was quicker than the suspension
    assert shown == {order[1]}
    second, _ = await line.open_first(case_id)
    await line.write(PHONE, f"Cuidado, {line.cards[second].name} también cobra")
    await line.later(6)
    offered = [g for g in await line.grants(case_id) if g.state is GrantState.OFFERED]
    assert {g.person_id for g in offered} == {order[2]}
    assert {g.epoch for g in offered} == {1, 2}
    assert Trouble.ORDER_EXHAUSTED not in line.alarms


@pytest.mark.parametrize("engine_name", ["postgres"])  # SQLite's transactions are alone
async def test_a_case_is_not_opened_while_its_reader_is_being_struck(line: TestLine, url: str) -> None:
    """Two workers: the struck one gets no key to what names him, however their transactions fall."""
    case_id = await sealed_case(line)
    grant = next(g for g in await line.grants(case_id) if g.state is GrantState.OFFERED)
    person = str(grant.person_id)
    other = open_database(url)
    try:
        striking = asyncio.create_task(held_strike(other, case_id, grant.id))
        await asyncio.sleep(0.3)
        handed = await line.open(grant, person)
        await striking
    finally:
        await other.close()
    assert handed["result"] == "refused"
    assert "open" not in [entry.kind for entry in await line.leaves() if entry.case == case_id]


async def held_strike(other: Database, case_id: str, grant_id: str) -> None:
    async with SqlStore(other).begin() as tx:
        await tx.lock_case(case_id)
        await tx.move_grant(grant_id, GrantState.OFFERED, GrantState.STRUCK)
        await asyncio.sleep(1.0)


async def test_a_held_tip_is_looked_at_again_when_the_roster_changed(line: TestLine) -> None:
    async with line.store.begin() as tx:
        enrolled = await tx.people()
        for row in enrolled:
            await tx.save_person(replace(row, card=b""))
    await line.write(PHONE, TIP)
    await line.later(130)
    (case_id,) = await line.cases()
    assert await state_of(line, case_id) is CaseState.HELD
    async with line.store.begin() as tx:
        for row in enrolled:
            assert await tx.save_person(replace(row, version=row.version + 1))
    assert await line.store.retry_held(line.clock.now) == 1
    await line.later(6)
    assert await state_of(line, case_id) is CaseState.SEALED


async def state_of(line: TestLine, case_id: str) -> CaseState:
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
    assert case is not None
    return case.state


async def test_the_ledger_keeps_no_address_of_what_did_not_leave(line: TestLine) -> None:
    case_id = await sealed_case(line, HELP)
    person, identity = await line.open_first(case_id)
    assert (await answer(line, case_id, person, identity, "We read it."))["result"] == "answered"
    await line.write("+999 100 0007", "Hola")
    await line.write("+999 100 0007", "Unas mujeres trabajan sin pago en Peñalta")
    await line.later(200 * 3600)
    states: list[SendingState] = []
    async with line.store.begin() as tx:
        for leaf in (f"answer\0{case_id}\0{1}",):
            row = await tx.sending(line.keys.sending_id(leaf))
            assert row is not None
            states.append(row.state)
            assert row.sealed == b""
    assert states == [SendingState.SHELVED]


async def test_a_question_that_is_late_by_a_quarter_of_an_hour_never_leaves(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    send = line.outbox.send

    async def down(_address: Sensitive[str], _text: Sensitive[str], _cause: str) -> Sent:
        raise NotSent

    monkeypatch.setattr(line.outbox, "send", down)
    await line.write(PHONE, HELP)
    line.clock.now += 4_000
    for _ in range(12):
        await tried(line)
    monkeypatch.setattr(line.outbox, "send", send)
    await line.later(80 * 3600)
    assert line.outbox.sent == []


async def tried(line: TestLine) -> None:
    """One try of what is due, as the queue runs it: a failure is a later try."""
    task = await line.queue.claim([TaskKind.SEND])
    if task is None:
        line.clock.now += 61_000  # the lease runs out
        return
    handler: Callable[..., Awaitable[None]] = line.handlers[TaskKind.SEND]
    try:
        await handler(task)
    except NotSent:
        line.clock.now += 61_000


async def test_no_exact_time_of_a_message_stands_in_the_clear_for_long(line: TestLine) -> None:
    await opened_case(line)
    rows = await due_times(line.database)
    assert rows
    assert {kind for kind, _ in rows} <= {TaskKind.FORGET_THREAD, TaskKind.LAPSE, TaskKind.IDLE, TaskKind.REVIEW}
    assert all(due % 86_400_000 == 0 for kind, due in rows if kind == TaskKind.FORGET_THREAD)
    assert all(due % 5_000 == 0 for _, due in rows), "on a slot of this line"


async def due_times(database: Database) -> list[tuple[str, int]]:
    async with database.begin(reading=True) as transaction:
        return [(kind, due) for kind, due in await transaction.run(text("SELECT kind, due FROM task"))]
