"""A case ends when a second reader agrees, or its coin did not ask for one: who may say so, what is deleted and when, and what is not."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import delete, func, select, update

from handlers.closing import PURGE_DAYS, UNSEEN_DAYS, needs_second
from handlers.intake import Acceptor
from handlers.outcomes import Helped, Outcomes, Proposal, Second
from handlers.ports import Trouble
from handlers.requests import Refusal, Result
from handlers.succession import read_gate
from routing.gate import GateFile, Sla
from sealing import age, plaintexts, said, shares
from sealing.case import sha256
from sealing.custody import EntryKind, holds, read_leaf
from sealing.rows import DAY_MS, HOUR_MS, CaseRow, CaseState, GrantState, Part, Purpose, TaskKind
from sealing.said import Ending, Outcome
from storage import tables
from tests.handlers.test_line_later import said as sent
from tests.handlers.test_line_reading import PHONE, answer, opened_case, sealed_case
from tests.line import TestLine, fresh_line, practice_line
from triage.sensitive import Sensitive
from triage.tip import Child, Control, Inbound

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket]
PLAIN = "Hombres adultos trabajan sin pago en la cantera de Peñalta, el capataz les quita el pasaporte"
DANGER = "Ayúdenme, estoy encerrada en una casa en Peñalta, me van a matar"
QUESTION = "Le sirvio de algo"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def every_tests_line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestLine]:
    """One for all: what is looked at here lies above the engines, and tests/storage/test_purge.py deletes on both."""
    async with fresh_line(tmp_path_factory.mktemp("closing")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def line(every_tests_line: TestLine) -> TestLine:
    """As if nobody had written before; seven hours on, so that equal texts are no flood."""
    made = every_tests_line
    async with made.database.begin() as transaction:
        await transaction.run(delete(tables.task))
        await transaction.run(delete(tables.thread))
        await transaction.run(delete(tables.heartbeat))
    made.clock.now += 7 * HOUR_MS
    made.alarms.clear()
    made.outbox.sent.clear()
    return made


@pytest_asyncio.fixture(loop_scope="module")
async def long_line(tmp_path: Path) -> AsyncIterator[TestLine]:
    """One of its own, on which months pass."""
    async with fresh_line(tmp_path) as made:
        yield made


async def act_on(
    line: TestLine, person: str, kind: EntryKind, case_id: str, content: bytes | None, hash_: str, seed_of: str = "", act: str = ""
) -> dict[str, object]:
    return await line.post(person, line.entry(person, case_id, kind, hash_), content, act=act, seed_of=seed_of)


async def close(line: TestLine, case_id: str, person: str, ending: Ending = Ending.REFERRED, **changed: Any) -> dict[str, object]:
    """As the desk does, with the newest contact that any key of the person opens. `changed`: fields of the outcome."""
    contact = await newest_contact(line, case_id, person)
    outcome = replace(Outcome(case_id, ending, *contact), **changed)
    content = age.seal(said.outcome(outcome), line.keys.recipient(Purpose.GATE)[1])
    return await act_on(line, person, EntryKind.CLOSE, case_id, content, sha256(content))


async def newest_contact(line: TestLine, case_id: str, person: str) -> tuple[str, bytes]:
    """(hash, inner); empty where there is none. What his desk reads with the keys that he was handed."""
    held = [line.keys.peel(g.key_file) for g in await line.grants(case_id) if g.person_id == person and g.state is GrantState.OPEN]
    identities = [shares.open_key(key, line.person_keys[person].identity)[2] for key in held]
    parts = [part for identity in identities for part in await line.read(case_id, identity) if part["kind"] == "contact"]
    if not parts:
        return "", b""
    newest = max(parts, key=lambda part: int(str(part["seq"])))
    return str(newest["sha256"]), base64.b64decode(str(newest["inner"]))


async def decide(line: TestLine, case_id: str, person: str, kind: EntryKind, **changed: str) -> dict[str, object]:
    """`concur` or `disagree`."""
    grant = next(g for g in await line.grants(case_id) if g.person_id == person)
    return await act_on(line, person, kind, case_id, None, line.keys.inner_hash(grant.key_file), **changed)


async def case_of(line: TestLine, case_id: str) -> CaseRow:
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
    assert case is not None
    return case


async def state_of(line: TestLine, case_id: str) -> CaseState:
    return (await case_of(line, case_id)).state


async def proposals(line: TestLine, case_id: str) -> list[Proposal]:
    async with line.store.begin() as tx:
        return list(await Outcomes(line.keys).of(tx, case_id))


async def kinds(line: TestLine, case_id: str) -> list[str]:
    return [entry.kind.value for entry in await line.leaves() if entry.case == case_id]


async def closed_by_coin(line: TestLine, phone: str = PHONE, *, looked_at: bool = False) -> tuple[str, str]:
    """A plain case whose coin asks, or asks not, for a second look; its reader has it open. (case, reader)"""
    line.acceptor = Acceptor(line.acceptor.intake, line.acceptor.keys, line.clock, Chosen(line, looked_at=looked_at))
    case_id = await sealed_case(line, PLAIN, phone)
    reader, _ = await line.open_first(case_id)
    return case_id, reader


class Chosen:
    """handlers.ports.Entropy whose 16 bytes make a case id with the coin that a test needs."""

    def __init__(self, line: TestLine, *, looked_at: bool) -> None:
        self._line, self._looked_at, self._drawn = line, looked_at, 0

    def draw(self, n: int) -> bytes:
        while True:
            self._drawn += 1
            drawn = hashlib.shake_256(f"{self._line.clock.now} {self._drawn}".encode()).digest(n)
            if n != 16 or needs_second(gate_of(), Ending.REFERRED, (), self._line.keys.coins(drawn.hex())) is self._looked_at:
                return drawn


async def second_look(line: TestLine, text: str = DANGER, phone: str = PHONE) -> tuple[str, str, str]:
    """(case, first, second): proposed, offered in the next slot and opened."""
    case_id = await sealed_case(line, text, phone)
    first, _ = await line.open_first(case_id)
    assert (await close(line, case_id, first))["result"] == Result.DONE
    await line.later(6)
    second, _ = await line.open_first(case_id)
    return case_id, first, second


def letters_to_vetters(line: TestLine) -> dict[str, str]:
    """From here on every vetter gets letters: fingerprint -> identity."""
    made = {name: age.generate() for name in line.vetters.keys}
    recipients = line.vetters.recipients
    assert isinstance(recipients, dict)
    recipients.update({name: recipient for name, (_, recipient) in made.items()})
    return {name: identity for name, (identity, _) in made.items()}


async def read_letters(line: TestLine, vetters: Mapping[str, str]) -> list[tuple[str, str]]:
    async with line.store.begin() as tx:
        found = [(row.sealed, identity) for name, identity in vetters.items() for row in await tx.letters(name)]
    read = [said.read_letter(age.unseal(sealed, identity)) for sealed, identity in found]
    return [(letter.code, letter.case) for letter in read]


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


def gate_of(**facts: Any) -> GateFile:
    """Of a case that nothing but its coin makes looked at."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    plain: dict[str, Any] = {
        "case": "0" * 32, "epoch": 1, "recipient": "", "sealed_at": at, "received": at, "sla": Sla.NORMAL, "agencies": (), "kinds": (),
        "regions": (), "place_known": True, "child": Child.UNKNOWN, "could_involve_child": False, "asks_help": False, "excluded": (),
        "order": (), "pool": 9, "chances": {}, "flags": (),
    }  # fmt: skip
    return GateFile(**plain | facts)


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
    other = await sealed_case(line, DANGER, "+999 100 0002")
    other_reader, _ = await line.open_first(other)
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
    assert await state_of(line, case_id) is CaseState.CLOSED
    assert await rows_of(line, case_id) > 5
    await line.later(2 * 24 * 3600)
    case = await case_of(line, case_id)
    assert (case.state, case.gate, case.recipient) == (CaseState.PURGED, None, None)
    assert await rows_of(line, case_id) == 0
    assert await rows_of(line, other) > 5
    assert (await kinds(line, case_id))[-1] == "purge"
    assert [p.ending for p in await proposals(line, case_id)] == [Ending.REFERRED]
    await line.write(PHONE, PLAIN)  # much later, a new case: the old one takes nothing more
    assert len(await line.cases()) == 3


async def purge_now(line: TestLine, case_id: str) -> None:
    """Its task falls due, whoever wrote it."""
    async with line.store.begin() as tx:
        await tx.enqueue(TaskKind.PURGE, case_id, line.clock.now)
    await line.run()


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
