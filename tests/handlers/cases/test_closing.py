"""A case ends when a second reader agrees, or its coin did not ask for one: who may say so, what is deleted and when, and what is not."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from handlers.closing import PURGE_DAYS, UNSEEN_DAYS, needs_second
from handlers.held import held
from handlers.outcomes import Outcomes, Proposal, Second
from handlers.ports import Trouble
from handlers.requests import Refusal, Result
from handlers.succession import read_gate
from routing.gate import Sla
from routing.people import Assignment, Hold
from sealing import age, plaintexts, said
from sealing.case import sha256
from sealing.custody import EntryKind, holds, read_leaf
from sealing.rows import DAY_MS, CaseState, GrantState, Purpose
from sealing.said import Ending, Outcome
from storage import tables
from tests.handlers.cases.closing import (
    DANGER,
    PLAIN,
    QUESTION,
    act_on,
    case_of,
    close,
    closed_by_coin,
    decide,
    gate_of,
    kinds,
    letters_to_vetters,
    newest_contact,
    proposals,
    purge_now,
    read_letters,
    second_look,
    state_of,
)
from tests.handlers.held.holding import line_holds
from tests.handlers.test_line_later import said as sent
from tests.handlers.test_line_reading import PHONE, answer, opened_case, sealed_case
from tests.line import TestLine, practice_line
from triage.sensitive import Sensitive
from triage.tip import Child

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket]


@pytest.mark.claim("T47")
async def test_one_reader_alone_does_not_close_a_danger_case(long_line: TestLine) -> None:
    line = long_line
    vetters = letters_to_vetters(line)
    case_id = await sealed_case(line, DANGER)
    order = [seat.person for seat in read_gate(line.keys, await case_of(line, case_id)).order]
    for person in order:
        assert (await line.open_first(case_id))[0] == person
        handed = await (close(line, case_id, person) if person == order[0] else decide(line, case_id, person, EntryKind.DISAGREE))
        assert handed["result"] == Result.DONE
        if person != order[0]:
            assert await state_of(line, case_id) is CaseState.OPEN
            assert (await close(line, case_id, person))["result"] == Result.DONE
        assert await state_of(line, case_id) is CaseState.CLOSING
        await line.later(6)
    told = await read_letters(line, vetters)
    assert set(told) == {(Trouble.DISAGREED, case_id), (Trouble.UNCONCURRED, case_id), (Trouble.ORDER_EXHAUSTED, case_id)}
    assert Trouble.ORDER_EXHAUSTED in line.alarms
    await line.later(400 * 24 * 3600)
    assert await state_of(line, case_id) is CaseState.CLOSING
    async with line.store.begin() as tx:
        assert len(await tx.envelopes(case_id)) > 2
    assert (await close(line, case_id, order[0]))["code"] == Refusal.NOT_YOURS


async def test_the_second_is_told_the_ending_and_closes_the_case(line: TestLine) -> None:
    case_id = await sealed_case(line, DANGER)
    first, _ = await line.open_first(case_id)
    await close(line, case_id, first, Ending.NOT_FOUND)
    assert not [g for g in await line.grants(case_id) if g.state is GrantState.OFFERED], "in a slot"
    await line.later(6)
    offered = next(g for g in await line.grants(case_id) if g.state is GrantState.OFFERED)
    second = str(offered.person_id)
    assert line.cards[second].agency != line.cards[first].agency
    handed = await line.open(offered, second)
    assert (handed["result"], handed["proposed"], handed["helped"]) == ("opened", "not_found", "unknown")
    texts = [part["text"] for part in await line.read(case_id, line.case_identity(handed, second)) if part["kind"] == "message"]
    assert texts == [DANGER]
    assert (await decide(line, case_id, second, EntryKind.CONCUR))["result"] == Result.DONE
    assert await state_of(line, case_id) is CaseState.CLOSED
    assert (await kinds(line, case_id))[-4:] == ["close", "offer", "open", "concur"]
    (proposal,) = await proposals(line, case_id)
    assert (proposal.person, proposal.ending, proposal.second) == (first, Ending.NOT_FOUND, Second.CONCURRED)
    public = {line.cards[person].verify_key for person in (first, second)}
    signed = [leaf for leaf in await line.store.leaves() if read_leaf(leaf)[0].kind in (EntryKind.CLOSE, EntryKind.CONCUR)]
    assert [sum(holds(leaf, key) for key in public) for leaf in signed] == [1, 1]
    async with line.store.begin() as tx:
        assert not await tx.open_cases(), "nobody carries it any more"


async def test_unfounded_is_looked_at_again_whatever_the_coin(line: TestLine) -> None:
    case_id, reader = await closed_by_coin(line)
    await close(line, case_id, reader, Ending.UNFOUNDED)
    assert await state_of(line, case_id) is CaseState.CLOSING


@pytest.mark.claim("T47")
async def test_the_first_is_told_the_same_whatever_the_coin(line: TestLine) -> None:
    told: list[tuple[int, dict[str, object]]] = []
    for n, looked_at in enumerate((False, True)):
        case_id, reader = await closed_by_coin(line, f"+999 100 010{n}", looked_at=looked_at)
        handed = await close(line, case_id, reader)
        assert await state_of(line, case_id) is (CaseState.CLOSING if looked_at else CaseState.CLOSED)
        told.append((len(age.padded_json(handed)), {**handed, "act": ""}))
        assert not [row for row in await line.reads.grants_of(reader) if row.grant.case_id == case_id]
        assert len(sent(line, QUESTION)) == n
        await line.later(6)
        assert len(sent(line, QUESTION)) == n + 1, "the source is asked either way, in the same slot"
    assert told[0] == told[1]


def coins(n: int) -> bytes:
    return hashlib.sha256(str(n).encode()).digest()


@pytest.mark.asyncio(loop_scope="function")
async def test_a_fifth_of_the_plain_cases_is_looked_at_again() -> None:
    looked = [needs_second(gate_of(), Ending.REFERRED, (), coins(n)) for n in range(10_000)]
    assert 1_880 < sum(looked) < 2_120  # three standard deviations
    assert looked == [needs_second(gate_of(), Ending.REFERRED, (), coins(n)) for n in range(10_000)]
    once = Proposal("0" * 32, 1, "a", "b", Ending.REFERRED, "", 0, Second.NONE, 1)
    again = [needs_second(gate_of(), Ending.REFERRED, [once], coins(n)) for n in range(10_000)]
    both = sum(a and b for a, b in zip(looked, again, strict=True))
    assert 330 < both < 470, "the coin of a second closing is another one"


@pytest.mark.parametrize(
    "facts",
    [{"child": Child.YES}, {"could_involve_child": True}, {"asks_help": True}, {"sla": Sla.URGENT}],
    ids=lambda facts: next(iter(facts)),
)
async def test_grave_cases_are_always_looked_at_again(facts: dict[str, Any]) -> None:
    assert all(needs_second(gate_of(**facts), Ending.PERSON_SAFE, (), coins(n)) for n in range(200))


@pytest.mark.parametrize("second", [Second.DISAGREED, Second.CONCURRED])
async def test_what_somebody_objected_to_is_always_looked_at_again(second: Second) -> None:
    before = Proposal("0" * 32, 1, "a", "b", Ending.REFERRED, "", 0, second, None)
    looked = [needs_second(gate_of(), Ending.REFERRED, [before], coins(n)) for n in range(200)]
    assert all(looked) is (second is Second.DISAGREED)


@pytest.mark.claim("T47")
async def test_forged_outcomes_close_nothing(line: TestLine) -> None:
    case_id, reader, _ = await opened_case(line)
    other_reader, number = reader, 2
    while other_reader == reader:  # the coins may give both to one
        other = await sealed_case(line, DANGER, f"+999 100 {number:04}")
        other_reader, _ = await line.open_first(other)
        number += 1
    recipient = line.keys.recipient(Purpose.GATE)[1]
    reach = await newest_contact(line, case_id, reader)

    def content(of: str, ending: str = "referred") -> bytes:
        good = said.outcome(Outcome(of, Ending.REFERRED, *reach)).rstrip().replace(b'"referred"', f'"{ending}"'.encode())
        return age.seal(good, recipient)

    async def attempt(person: str, of: str, sealed: bytes | None, **changed: str) -> object:
        hash_ = changed.pop("hash_", "0" * 64 if sealed is None else sha256(sealed))
        return (await act_on(line, person, EntryKind.CLOSE, of, sealed, hash_, **changed))["code"]

    good = content(case_id)
    assert await attempt(reader, case_id, good, seed_of=other_reader) == Refusal.BAD_SIGNATURE
    assert await attempt(other_reader, case_id, good) == Refusal.NOT_YOURS
    assert await attempt(reader, case_id, content(other)) == Refusal.UNREADABLE
    assert await attempt(reader, case_id, content(case_id, "solved")) == Refusal.UNREADABLE
    assert await attempt(reader, case_id, None) == Refusal.UNREADABLE
    assert await attempt(reader, case_id, good, hash_="1" * 64) == Refusal.UNREADABLE
    assert await attempt(reader, case_id, good, act="concur") == Refusal.NOT_YOURS
    assert (await close(line, case_id, reader, contact="", inner=b""))["code"] == Refusal.NO_CONTACT
    assert (await close(line, case_id, reader, contact="2" * 64))["code"] == Refusal.STALE
    forged = plaintexts.contact_inner(case_id, 2, "x", plaintexts.Contact("handset", Sensitive("+1 900"), "en", "Latn", pull=False))
    mine = age.seal(forged, line.keys.recipient(Purpose.DELIVERY)[1])
    assert (await close(line, case_id, reader, inner=mine))["code"] == Refusal.NO_CONTACT
    assert await decide(line, case_id, reader, EntryKind.CONCUR) | {"act": ""} == {
        "v": 1, "kind": "handout", "act": "", "result": "refused", "code": Refusal.STALE, "key_file": None,
    }  # fmt: skip
    assert await state_of(line, case_id) is CaseState.OPEN
    assert "close" not in await kinds(line, case_id)
    assert await proposals(line, case_id) == []
    # And the same that a moment ago was refused: replayed with its own signature once the case is closing.
    assert await attempt(reader, case_id, good) == ""
    assert await attempt(reader, case_id, good) == Refusal.NOT_YOURS


async def test_the_first_and_his_colleagues_are_no_second_look(line: TestLine) -> None:
    case_id, first, second = await second_look(line)
    for kind in (EntryKind.CONCUR, EntryKind.DISAGREE):
        assert (await decide(line, case_id, first, kind))["code"] == Refusal.NOT_YOURS
        assert (await decide(line, case_id, second, kind, seed_of=first))["code"] == Refusal.BAD_SIGNATURE
    assert (await close(line, case_id, second))["code"] == Refusal.STALE, "he agrees or not; he proposes nothing of his own"
    async with line.store.begin() as tx:
        (proposal,) = await Outcomes(line.keys).of(tx, case_id)
        await Outcomes(line.keys).save(tx, replace(proposal, agency=line.cards[second].agency))  # as if he had moved there since
    for kind in (EntryKind.CONCUR, EntryKind.DISAGREE):
        assert (await decide(line, case_id, second, kind))["code"] == Refusal.GATE
    assert await state_of(line, case_id) is CaseState.CLOSING


async def test_a_record_that_was_moved_or_removed_closes_nothing(line: TestLine) -> None:
    case_id, _, second = await second_look(line)
    other, _, _ = await second_look(line, DANGER.replace("casa", "finca"), "+999 100 0002")
    column = tables.outcome.c
    async with line.database.begin() as transaction:
        ids = [line.keys.sending_id(f"outcome\0{of}\0{n}") for of, n in ((case_id, 1), (other, 1), (case_id, 2))]
        rows = dict([tuple(row) for row in await transaction.run(select(column.id, column.sealed).where(column.id.in_(ids)))])
        await transaction.run(update(tables.outcome).where(column.id == ids[0]).values(sealed=rows[ids[1]]))
    assert (await decide(line, case_id, second, EntryKind.CONCUR))["code"] == Refusal.GATE, "another case's"
    async with line.database.begin() as transaction:
        await transaction.run(update(tables.outcome).where(column.id == ids[0]).values(sealed=rows[ids[0]]))
        await transaction.run(tables.outcome.insert(), [{"id": ids[2], "sealed": rows[ids[0]]}])
    assert (await decide(line, case_id, second, EntryKind.CONCUR))["code"] == Refusal.GATE, "another number's"
    async with line.database.begin() as transaction:
        await transaction.run(delete(tables.outcome).where(column.id.in_(ids)))
    assert (await decide(line, case_id, second, EntryKind.CONCUR))["code"] == Refusal.GATE, "none at all"
    assert await state_of(line, case_id) is CaseState.CLOSING


async def test_who_disagrees_is_the_reader(line: TestLine) -> None:
    case_id, first, second = await second_look(line)
    assert (await decide(line, case_id, second, EntryKind.DISAGREE))["result"] == Result.DONE
    assert await state_of(line, case_id) is CaseState.OPEN
    assert Trouble.DISAGREED in line.alarms
    assert {g.state for g in await line.grants(case_id) if g.person_id == first} == {GrantState.DONE}
    await line.write(PHONE, "sigo encerrada en la casa")
    await line.later(6)
    assert await line.released(case_id) == {first, second}
    assert (await proposals(line, case_id))[0].second is Second.DISAGREED


@pytest.mark.claim("T49")
async def test_a_message_opens_a_closed_case_for_the_next(line: TestLine) -> None:
    case_id, reader = await closed_by_coin(line)
    await close(line, case_id, reader)
    assert await state_of(line, case_id) is CaseState.CLOSED
    await line.write(PHONE, "Siguen alli, son seis hombres")
    assert await state_of(line, case_id) is CaseState.SEALED
    await line.later(6)
    offered = [g for g in await line.grants(case_id) if g.state is GrantState.OFFERED]
    (second,) = {str(g.person_id) for g in offered}
    assert second != reader
    identities = [line.case_identity(await line.open(g, second), second) for g in sorted(offered, key=lambda g: g.epoch)]
    read = [part["text"] for one in identities for part in await line.read(case_id, one) if part["kind"] == "message"]
    assert read == [PLAIN, "Siguen alli, son seis hombres"]
    await purge_now(line, case_id)
    assert await state_of(line, case_id) is CaseState.OPEN


@pytest.mark.claim("T48")
async def test_a_case_is_deleted_when_its_time_has_come_and_only_then(long_line: TestLine) -> None:
    line = long_line
    case_id, reader = await closed_by_coin(line)
    other = await sealed_case(line, DANGER, "+999 100 0002")
    await close(line, case_id, reader)
    await line.later(6)
    await line.later((UNSEEN_DAYS + PURGE_DAYS) * 24 * 3600)
    async with line.store.begin() as tx:
        await line_holds(line).tell(tx, case_id, Assignment((), 9, {}, {}, hold=Hold.POISONED), Sensitive(""), urgent=False)
        assert await held(tx, line.keys, case_id) is not None
    assert await state_of(line, case_id) is CaseState.CLOSED
    assert await rows_of(line, case_id) > 5
    await line.later(2 * 24 * 3600)
    case = await case_of(line, case_id)
    assert (case.state, case.gate, case.recipient) == (CaseState.PURGED, None, None)
    assert await rows_of(line, case_id) == 0
    assert await rows_of(line, other) > 5
    async with line.store.begin() as tx:
        assert await held(tx, line.keys, case_id) is None, "why a next reader was not drawn"
    assert (await kinds(line, case_id))[-1] == "purge"
    assert [p.ending for p in await proposals(line, case_id)] == [Ending.REFERRED]
    await line.write(PHONE, PLAIN)  # much later, a new case: the old one takes nothing more
    assert len(await line.cases()) == 3


async def rows_of(line: TestLine, case_id: str) -> int:
    async with line.database.begin(reading=True) as transaction:
        found = 0
        for table in (tables.envelope, tables.grant, tables.share, tables.sending, tables.code, tables.thread, tables.cluster):
            counted = select(func.count()).select_from(table).where(table.c.case_id == case_id)
            found += (await transaction.run(counted)).scalar_one()
    return found


@pytest.mark.claim("T48")
async def test_a_state_or_a_task_written_into_the_database_deletes_nothing(line: TestLine) -> None:
    case_id, _, _ = await second_look(line)

    async def forge(state: CaseState) -> None:
        async with line.database.begin() as transaction:
            await transaction.run(update(tables.case).where(tables.case.c.id == case_id).values(state=state))
        await purge_now(line, case_id)

    for state in (CaseState.CLOSED, CaseState.OPEN, CaseState.CLOSING):
        await forge(state)
        assert await state_of(line, case_id) is state
    assert await rows_of(line, case_id) > 5
    async with line.store.begin() as tx:
        (proposal,) = await Outcomes(line.keys).of(tx, case_id)
        day = line.clock.now // DAY_MS
        await Outcomes(line.keys).save(tx, replace(proposal, second=Second.CONCURRED, purge_day=day))
    await forge(CaseState.CLOSED)  # the positive control: with the worker's own record it is deleted
    assert await state_of(line, case_id) is CaseState.PURGED


@pytest.mark.parametrize("engine_name", ["sqlite", "postgres"])
async def test_the_whole_way_on_both_engines(tmp_path: Path, url: str) -> None:
    async with practice_line(tmp_path, url) as made:
        case_id, _, second = await second_look(made)
        await made.write(PHONE, "sigo encerrada en la casa")
        await made.later(6)
        assert (await decide(made, case_id, second, EntryKind.CONCUR))["code"] == Refusal.STALE, "there is more, which he has not opened"
        await made.open_first(case_id)
        assert (await decide(made, case_id, second, EntryKind.CONCUR))["result"] == Result.DONE
        await made.later((PURGE_DAYS - 1) * 24 * 3600)
        assert await state_of(made, case_id) is CaseState.CLOSED, "the clock starts when the second agrees"
        await made.later(3 * 24 * 3600)
        assert await state_of(made, case_id) is CaseState.PURGED
        assert await rows_of(made, case_id) == 0


async def test_an_answer_still_reaches_the_source_of_a_case_that_is_closing(line: TestLine) -> None:
    case_id, _, second = await second_look(line, PLAIN + ", uno es menor")
    grant = next(g for g in await line.grants(case_id) if g.person_id == second)
    identity = line.case_identity(await line.open(grant, second), second)
    assert (await answer(line, case_id, second, identity, "We look at it again."))["result"] == "answered"


async def test_words_that_nobody_has_read_are_no_closed_matter(line: TestLine) -> None:
    """Everybody of the order is out while the case waits for a second look; then the source writes."""
    case_id = await sealed_case(line, DANGER)
    order = [seat.person for seat in read_gate(line.keys, await case_of(line, case_id)).order]
    first, _ = await line.open_first(case_id)
    await close(line, case_id, first)
    for person in order[1:]:
        await line.later(6)
        assert (await decide(line, case_id, person, EntryKind.GIVE_UP))["result"] == Result.DONE
    assert await state_of(line, case_id) is CaseState.CLOSING, "nobody concurred, and nothing is new"
    await line.write(PHONE, "sigo encerrada en la casa")
    assert await state_of(line, case_id) is CaseState.SEALED, "it goes on: a further reader is looked for"


async def test_while_the_clock_has_just_jumped_nothing_is_deleted(long_line: TestLine) -> None:
    line = long_line
    case_id, reader = await closed_by_coin(line)
    await close(line, case_id, reader)
    async with line.store.begin() as tx:
        await tx.beat("worker", line.clock.now)
    gap = (UNSEEN_DAYS + PURGE_DAYS + 2) * 24 * 3600
    await line.later(gap)
    assert await state_of(line, case_id) is CaseState.CLOSED
    line.clock.now += gap * 1000  # it was put off by as much as the clock has jumped
    async with line.store.begin() as tx:
        await tx.beat("worker", line.clock.now)
    await line.run()
    assert await state_of(line, case_id) is CaseState.PURGED


async def test_the_second_agrees_to_nothing_that_he_has_not_read(line: TestLine) -> None:
    case_id, _, second = await second_look(line)
    await line.write(PHONE, "Acaban de matar a una")
    assert (await decide(line, case_id, second, EntryKind.CONCUR))["code"] in (Refusal.STALE, Refusal.NOT_YOURS)
    assert await state_of(line, case_id) is CaseState.CLOSING
    await line.later(6)
    grants = sorted((g for g in await line.grants(case_id) if g.state is GrantState.OFFERED), key=lambda g: g.epoch)
    for grant in grants:
        assert (await line.open(grant, second))["result"] == Result.OPENED
    assert (await decide(line, case_id, second, EntryKind.CONCUR))["result"] == Result.DONE
