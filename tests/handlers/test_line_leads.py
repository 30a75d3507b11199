"""Leads: drawn and sealed to with the readers, and then nothing: no list, offer or key tells one that a case of his exists."""

from __future__ import annotations

import json
import secrets
from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from desk.listing import page, rows_of
from handlers.ports import Trouble
from handlers.requests import Refusal
from routing.people import Role
from sealing import age
from sealing.custody import EntryKind
from sealing.rows import GrantRow, GrantState, TaskKind
from storage import tables
from tests.attacks.acts import kinds_of, offered_case, opened_case
from tests.handlers.test_line_escrow import FREE, enrol_trustee, exhaust, gate_of
from tests.line import TestLine, fresh_line

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]

PHONE = "+999 555 1234"
URGENT = "Esta noche suben a los pescadores al barco en Puerto Candela y les quitan el pasaporte"
FIRST = "2e1a4371923b09918876326304908d4b"
COLLEAGUE = "e2dab46cdce7247bb27fc5404c98b67c"
LEAD = "69d67e74310124a009b4965e8bca6d04"
"""Of the practice roster; nothing excludes them from that tip. The last two are of one police."""


@pytest.fixture
def engine_name() -> str:
    """What is looked at here lies above the engines; test_line_escrow walks the whole way on both."""
    return "sqlite"


async def lead_of(line: TestLine, case_id: str) -> str:
    return (await gate_of(line, case_id)).leads()[0].person


async def grants_to(line: TestLine, case_id: str, person: str) -> list[GrantRow]:
    """By epoch, whosever name stands on them."""
    ids = [line.keys.grant_id(case_id, epoch, person) for epoch in (1, 2, 3)]
    return sorted((grant for grant in await line.grants(case_id) if grant.id in ids), key=lambda grant: grant.epoch)


def opened_by(line: TestLine, person: str, grant: GrantRow) -> str:
    """The case's recipient, as this person's key file would give it, once its outer lock is off."""
    text = age.unseal(line.keys.peel(grant.key_file), line.person_keys[person].identity).decode()
    return age.recipient_of(text.splitlines()[-1])


async def put(line: TestLine, grant: GrantRow, person: str) -> None:
    """Whoever can write to the database offers it to him."""
    async with line.database.begin() as transaction:
        changed = {"person_id": person, "state": GrantState.OFFERED}
        await transaction.run(update(tables.grant).where(tables.grant.c.id == grant.id).values(changed))


async def shown(line: TestLine, person: str) -> dict[str, object]:
    """The desk's list, but for what fills it up."""
    listed = json.loads(page(rows_of(await line.reads.grants_of(person), await line.reads.shares_asked(person)), 1))
    return {name: value for name, value in listed.items() if name != "pad"}


async def test_a_lead_has_a_key_file_under_the_outer_lock_from_the_first_sealing_on(line: TestLine) -> None:
    case_id = await offered_case(line)
    gate, lead = await gate_of(line, case_id), await lead_of(line, case_id)
    assert line.cards[lead].role is Role.LEAD
    assert len(await line.grants(case_id)) == len(gate.order) + len(gate.lead_order)
    (grant,) = await grants_to(line, case_id, lead)
    assert (grant.state, grant.person_id) == (GrantState.LOCKED, None)
    assert opened_by(line, lead, grant) == gate.recipient, "of use the day that he is asked"
    for sealed in (grant.key_file, grant.stub):
        with pytest.raises(age.OpenError):
            age.unseal(sealed, line.person_keys[lead].identity)


@pytest.mark.claim("T65")
async def test_nothing_tells_a_lead_of_it_as_long_as_the_case_lives(line: TestLine) -> None:
    case_id, _, _ = await opened_case(line)
    lead = await lead_of(line, case_id)
    gate = await gate_of(line, case_id)
    stranger = next(name for name in line.cards if name not in gate.chances)
    (grant,) = await grants_to(line, case_id, lead)
    answers = [await line.open(grant, one) for one in (lead, stranger)]
    assert [(one["result"], one["code"], one["key_file"]) for one in answers] == [("refused", Refusal.NOT_YOURS, None)] * 2
    await exhaust(line, case_id)
    assert Trouble.ORDER_EXHAUSTED in line.alarms, "no handler is left; a lead does not count"
    assert await shown(line, lead) == await shown(line, stranger) == {"cases": [], "shares": [], "more": False}
    assert lead not in await line.released(case_id)
    assert {one.state for one in await grants_to(line, case_id, lead)} == {GrantState.LOCKED}
    assert (await kinds_of(line, case_id)).count(EntryKind.OFFER) == len(gate.order)


@pytest.mark.claim("T57")
@pytest.mark.claim("T65")
async def test_a_lead_written_into_his_turn_is_refused_by_the_gate(line: TestLine) -> None:
    """With the database and the release key he knows what to name; the gate has him, and does not let him."""
    case_id = await offered_case(line)
    lead = await lead_of(line, case_id)
    (grant,) = await grants_to(line, case_id, lead)
    await put(line, grant, lead)
    handed = await line.open(grant, lead)
    assert (handed["result"], handed["code"], handed["key_file"]) == ("refused", Refusal.GATE, None)
    assert EntryKind.OPEN not in await kinds_of(line, case_id)


@pytest.mark.parametrize("over", [False, True], ids=["somebody reads it", "nobody is left to read it"])
async def test_an_offer_that_somebody_else_made_due_offers_a_lead_nothing_and_takes_nothing_from_him(line: TestLine, over: bool) -> None:
    case_id = await offered_case(line)
    lead = await lead_of(line, case_id)
    if over:
        await exhaust(line, case_id)
    line.alarms.clear()
    (before,), log = await grants_to(line, case_id, lead), await kinds_of(line, case_id)
    task = {"kind": TaskKind.OFFER, "ref": before.id, "due": line.clock.now, "lease": 0, "attempts": 0, "rev": 1}
    async with line.database.begin() as transaction:
        await transaction.run(insert(tables.task).values(task | {"id": secrets.token_hex(16)}))
    await line.later(6)
    assert await grants_to(line, case_id, lead) == [before]
    assert await kinds_of(line, case_id) == log
    assert line.alarms == []


async def test_every_epoch_is_sealed_to_the_leads_too(line: TestLine) -> None:
    await line.write(PHONE, "La policía de Peñalta cobra por mujeres")
    await line.later(33)
    (case_id,) = await line.cases()
    reader, _ = await line.open_first(case_id)
    lead = await lead_of(line, case_id)
    await line.write(PHONE, f"Cuidado: {line.cards[reader].name} también cobra")
    gate = await gate_of(line, case_id)
    assert gate.epoch == 2
    first, second = await grants_to(line, case_id, lead)
    assert [first.state, second.state] == [GrantState.LOCKED, GrantState.LOCKED]
    assert opened_by(line, lead, second) == gate.recipient != opened_by(line, lead, first)


@pytest.mark.claim("T12")
async def test_a_lead_named_later_is_struck_and_gets_no_later_key(line: TestLine) -> None:
    await line.write(PHONE, "La policía de Peñalta cobra por mujeres")
    await line.later(33)
    (case_id,) = await line.cases()
    reader, _ = await line.open_first(case_id)
    lead = await lead_of(line, case_id)
    await line.write(PHONE, f"Cuidado: {line.cards[lead].name} también cobra")
    gate = await gate_of(line, case_id)
    assert lead not in {seat.person for seat in gate.leads()}
    assert gate.standing() == gate.order, "nobody else"
    assert gate.epoch == 1, "he was never shown it"
    assert {one.state for one in await grants_to(line, case_id, lead)} == {GrantState.STRUCK}
    assert (await kinds_of(line, case_id)).count(EntryKind.STRIKE) == 1
    await line.write(PHONE, f"Y {line.cards[reader].name} también")
    assert (await gate_of(line, case_id)).epoch == 2
    assert [one.epoch for one in await grants_to(line, case_id, lead)] == [1]


async def test_a_reader_found_at_a_leads_house_takes_the_leads_place(tmp_path: Path) -> None:
    """At most one of each agency: where nobody else is left, who reads goes before who leads."""
    async with fresh_line(tmp_path, people=frozenset({FIRST, COLLEAGUE, LEAD})) as line:
        for agency in FREE[:2]:
            await enrol_trustee(line, agency)
        case_id = await drawn_for(line, FIRST)
        assert [seat.person for seat in (await gate_of(line, case_id)).leads()] == [LEAD]
        await exhaust(line, case_id)
        await line.later(6)
        gate = await gate_of(line, case_id)
        assert [seat.person for seat in gate.standing()] == [COLLEAGUE]
        assert gate.leads() == ()
        assert [one.state for one in await grants_to(line, case_id, LEAD)] == [GrantState.STRUCK]


async def drawn_for(line: TestLine, reader: str) -> str:
    """A case whose whole order is this one. No text comes five times: that would be a flood, and no case of its own."""
    clauses = ("Esta noche suben a los pescadores al barco", "en Puerto Candela", "les quitan el pasaporte")
    for n, said in enumerate(4 * [", ".join(turn) for turn in permutations(clauses)]):
        known = set(await line.cases())
        await line.write(f"{PHONE}{n}", said)
        await line.later(33)
        await line.later(6)
        (case_id,) = set(await line.cases()) - known
        if [seat.person for seat in (await gate_of(line, case_id)).order] == [reader]:
            return case_id
    raise AssertionError
