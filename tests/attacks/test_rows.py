"""Whoever writes to the database: the compromised web process (with everything that web holds), the administrator of PostgreSQL, a thief
who comes back. What he makes the worker do, and what he does not."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import pytest
from sqlalchemy import insert, update

from handlers.requests import Refusal
from handlers.succession import CaseBroken
from routing.gate_bytes import parse_gate
from sealing import age, plaintexts, signing
from sealing.case import sha256
from sealing.custody import EntryKind
from sealing.rows import ActRow, CaseState, GrantRow, GrantState, TaskKind
from sealing.signing import Use
from storage import tables
from tests.attacks.acts import TIP, gate_recipient, grant_in, kinds_of, offered_case, on_grant, opened_case
from tests.line import TestLine

PHONE, LATER = "+999 100 0001", "Se las llevan el martes"
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket, pytest.mark.slow]


async def put(line: TestLine, table: str, id: str, values: Mapping[str, object]) -> None:
    """Writes into one row, as nobody of the line would."""
    of = tables.metadata.tables[table]
    async with line.database.begin() as transaction:
        await transaction.run(update(of).where(of.c.id == id).values(dict(values)))


async def due_now(line: TestLine, kind: TaskKind, ref: str) -> None:
    """A task that the worker did not ask for."""
    row = {"id": secrets.token_hex(16), "kind": kind, "ref": ref, "due": line.clock.now, "lease": 0, "attempts": 0, "rev": 1}
    async with line.database.begin() as transaction:
        await transaction.run(insert(tables.task).values(row))


async def order_of(line: TestLine, case_id: str) -> tuple[str, ...]:
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
    assert case is not None
    assert case.gate is not None
    return tuple(seat.person for seat in parse_gate(line.keys.open_gate(case_id, case.gate)).order)


async def locked_grant_of(line: TestLine, case_id: str, person: str) -> GrantRow:
    wanted = line.keys.grant_id(case_id, 1, person)
    return next(grant for grant in await line.grants(case_id) if grant.id == wanted)


# ---- the case's public key


@pytest.mark.claim("T57")
async def test_a_swapped_case_key_gets_no_message_and_loses_none(line: TestLine) -> None:
    """Messages go to the key in the gate file, which the worker alone writes; until the row is right again they wait, sealed."""
    case_id, _, identity = await opened_case(line, PHONE)
    thief, recipient = age.generate()
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
    assert case is not None
    await put(line, "case", case_id, {"recipient": recipient})
    with pytest.raises(CaseBroken):
        await line.write(PHONE, LATER)
    assert await line.read(case_id, thief) == []
    await put(line, "case", case_id, {"recipient": case.recipient})
    await line.later(3_600)
    assert await line.read(case_id, thief) == []
    texts = [part["text"] for part in await line.read(case_id, identity) if part["kind"] == "message"]
    assert texts == [TIP, LATER]


# ---- whose grant it is


async def test_a_grant_written_to_somebody_else_opens_to_nobody(line: TestLine) -> None:
    """The offered grant under another's name: he signs with his own key and card, and the gate does not have him."""
    case_id = await offered_case(line)
    grant = await grant_in(line, case_id, GrantState.OFFERED)
    order = await order_of(line, case_id)
    outsider = next(person for person in line.cards if person not in order)
    await put(line, "grant_", grant.id, {"person_id": outsider})
    handed = await line.open(grant, outsider)
    assert (handed["result"], handed["code"], handed["key_file"]) == ("refused", Refusal.GATE, None)
    assert EntryKind.OPEN not in await kinds_of(line, case_id)


async def test_a_successor_written_into_his_turn_cannot_name_what_he_would_open(line: TestLine) -> None:
    """He stands in the order, and his grant says `offered`; but the stub that names his key file is still under its outer lock."""
    case_id, _, _ = await opened_case(line)
    successor = (await order_of(line, case_id))[1]
    grant = await locked_grant_of(line, case_id, successor)
    await put(line, "grant_", grant.id, {"person_id": successor, "state": GrantState.OFFERED})
    with pytest.raises(age.OpenError):
        age.unseal(grant.stub, line.person_keys[successor].identity)
    for named in (sha256(grant.key_file), sha256(grant.stub), sha256(b"")):
        handed = await line.post(successor, line.entry(successor, case_id, EntryKind.OPEN, named))
        assert (handed["result"], handed["code"], handed["key_file"]) == ("refused", Refusal.NOT_YOURS, None)


@pytest.mark.claim("T57")
async def test_a_struck_reader_written_back_stays_out(line: TestLine) -> None:
    """The gate file remembers him, and it is the worker's own."""
    case_id, person, _ = await opened_case(line)
    grant = await grant_in(line, case_id, GrantState.OPEN)
    assert (await on_grant(line, grant, EntryKind.GIVE_UP))["result"] == "done"
    await put(line, "grant_", grant.id, {"state": GrantState.OPEN})
    handed = await line.open(grant, person)
    assert (handed["result"], handed["code"], handed["key_file"]) == ("refused", Refusal.GATE, None)


async def test_two_grants_with_their_key_files_exchanged_open_to_neither(line: TestLine) -> None:
    """A reader is handed only what his own stub names."""
    case_id = await offered_case(line)
    grant = await grant_in(line, case_id, GrantState.OFFERED)
    person = str(grant.person_id)
    successor = next(one for one in await order_of(line, case_id) if one != person)
    theirs = await locked_grant_of(line, case_id, successor)
    stub = age.read_json(age.unseal(grant.stub, line.person_keys[person].identity), "stub")
    await put(line, "grant_", grant.id, {"key_file": theirs.key_file})
    handed = await line.post(person, line.entry(person, case_id, EntryKind.OPEN, str(stub["key_file_sha256"])))
    assert (handed["result"], handed["code"]) == ("refused", Refusal.NOT_YOURS)


# ---- what web takes down


async def test_web_makes_up_no_act(line: TestLine) -> None:
    """It knows the gate's public key, every id and every person; what it lacks is a key on somebody's card."""
    case_id = await offered_case(line)
    grant = await grant_in(line, case_id, GrantState.OFFERED)
    person = str(grant.person_id)
    mine, public = signing.generate()
    await put(line, "person", person, {"verify_key": public})  # the login key: a session is all that it gives
    body = line.entry(person, case_id, EntryKind.OPEN, line.keys.inner_hash(grant.key_file)).body()
    count = len(await line.leaves())
    for use in (Use.OPEN, Use.LOGIN):
        sealed = age.seal(plaintexts.act(body), gate_recipient(line))
        handed = await line.act(person, case_id, "open", signing.sign(mine, use, body), sealed)
        assert (handed["code"], handed["key_file"]) == (Refusal.BAD_SIGNATURE, None)
    assert len(await line.leaves()) == count


async def test_an_act_under_another_persons_name_is_answered_to_that_persons_key(line: TestLine) -> None:
    """A corrupt reader's web process posts his signed request in the name of the offered one."""
    case_id = await offered_case(line)
    grant = await grant_in(line, case_id, GrantState.OFFERED)
    person = str(grant.person_id)
    corrupt = next(one for one in line.cards if one != person)
    said = line.entry(corrupt, case_id, EntryKind.OPEN, line.keys.inner_hash(grant.key_file))
    signature = signing.sign(line.person_keys[corrupt].sign_seed, Use.OPEN, said.body())
    act = ActRow(secrets.token_hex(16), person, case_id, "open", signature, age.seal(said.body(), gate_recipient(line)))
    await line.reads.add_act(act)
    await line.run()
    handed = await line.reads.take_handout(act.id, person)
    assert handed is not None
    assert not isinstance(handed, bool)
    with pytest.raises(age.OpenError):
        age.unseal(handed.sealed, line.person_keys[corrupt].identity)
    assert EntryKind.OPEN not in await kinds_of(line, case_id)


async def test_a_task_that_nobody_asked_for_offers_the_case_to_no_second_reader(line: TestLine) -> None:
    """One person at a time: while somebody has the case, an OFFER written into the queue shows it to nobody else."""
    case_id, person, _ = await opened_case(line)
    successor = next(one for one in await order_of(line, case_id) if one != person)
    grant = await locked_grant_of(line, case_id, successor)
    await due_now(line, TaskKind.OFFER, grant.id)
    await line.later(60)
    assert await line.released(case_id) == {person}


@pytest.mark.parametrize("state", [CaseState.CLOSED, CaseState.PURGED])
async def test_a_case_written_closed_is_not_purged_by_that(line: TestLine, state: CaseState) -> None:
    """A purge needs the worker's own record of the closing."""
    case_id, _, identity = await opened_case(line)
    await put(line, "case", case_id, {"state": state})
    await due_now(line, TaskKind.PURGE, case_id)
    await line.later(60)
    assert [part["text"] for part in await line.read(case_id, identity) if part["kind"] == "message"] == [TIP]
