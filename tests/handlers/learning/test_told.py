""" "I told somebody": who may say so and of whom, what the worker keeps of it, what an outcome makes of it, and that it strikes nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import update

from handlers import told
from handlers.kept import Kept
from handlers.ports import Trouble
from handlers.requests import Refusal, Result
from handlers.told import KIND
from routing.learning import Heard
from routing.people import House
from routing.policy import DEFAULT, HOUSES
from sealing import age, said
from sealing.case import sha256
from sealing.custody import EntryKind, holds, read_leaf
from sealing.rows import DAY_MS, CaseState, GrantState, Purpose
from sealing.said import Ending, Told
from storage import tables
from tests.handlers.cases.closing import close, closed_by_coin, decide, purge_now, state_of
from tests.handlers.learning.records import looked_at, taught
from tests.line import TestLine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket]

OWN, OTHER = DEFAULT.learning.own, DEFAULT.learning.other


async def tell(line: TestLine, case_id: str, person: str, agency: str = "", house: str = "", **changed: Any) -> dict[str, object]:
    """As the desk does. `changed`: of what he says (`case`, `day`) or of how it is posted (`seed_of`)."""
    seed_of, ago = str(changed.get("seed_of", "")), int(changed.get("ago", 0))
    words = Told(str(changed.get("case", case_id)), agency, house, line.clock.now // DAY_MS - ago)
    content = age.seal(said.told(words), line.keys.recipient(Purpose.GATE)[1])
    return await line.post(person, line.entry(person, case_id, EntryKind.TOLD, sha256(content)), content, seed_of=seed_of)


async def notes(line: TestLine, case_id: str) -> list[dict[str, object]]:
    async with line.store.begin() as tx:
        return [dict(note) for note in await Kept(line.keys, KIND).of(tx, case_id)]


@pytest.mark.claim("T67")
async def test_whoever_was_told_stands_in_the_lesson_with_who_told_and_nobody_is_struck(line: TestLine) -> None:
    """Offices of the case's own area count for more than others; the same twice counts once; three of one teller at the most."""
    case_id, reader = await closed_by_coin(line)
    before = [(grant.person_id, grant.state) for grant in await line.grants(case_id)]
    for agency, house in (("police-penalta", ""), ("police-penalta", ""), ("police-ln", ""), ("", "ngo"), ("prosecutor-cs", "")):
        assert (await tell(line, case_id, reader, agency, house))["result"] == Result.DONE
    assert [(grant.person_id, grant.state) for grant in await line.grants(case_id)] == before
    assert await state_of(line, case_id) is CaseState.OPEN
    kept = await notes(line, case_id)
    assert [(note["agency"], note["house"], note["by"]) for note in kept][3] == ("", "ngo", reader)
    leaves = [leaf for leaf in await line.store.leaves() if read_leaf(leaf)[0].kind is EntryKind.TOLD]
    assert [holds(leaf, line.cards[reader].verify_key) for leaf in leaves] == [True] * 5
    await close(line, case_id, reader, Ending.COMPROMISED)
    (event,) = await taught(line)
    every = [HOUSES[House.POLICE] * OWN, HOUSES[House.POLICE] * OTHER, HOUSES[House.NGO] * OWN, HOUSES[House.JUDICIARY] * OWN]
    assert list(event.outside) == [Heard(reader, exposure) for exposure in sorted(every, reverse=True)[:3]]
    assert [one.person for one in event.readers] == [reader], "who was told is no reader"
    await line.later(130 * 24 * 3600)
    await purge_now(line, case_id)
    assert (await state_of(line, case_id), await notes(line, case_id)) == (CaseState.PURGED, [])


@pytest.mark.claim("T67")
async def test_whom_the_second_look_told_is_no_other_explanation_of_what_had_leaked_before(line: TestLine) -> None:
    """An honest one asks around before he agrees; a friend would, to lighten the leaker's blame."""
    case_id, first, second = await looked_at(line, Ending.COMPROMISED)
    for house in ("police", "port_authority", "border_guard"):
        assert (await tell(line, case_id, second, "", house))["result"] == Result.DONE
    assert (await decide(line, case_id, second, EntryKind.CONCUR))["result"] == Result.DONE
    (event,) = await taught(line)
    assert ([one.person for one in event.readers], event.outside, event.verified) == ([first], (), True)


async def test_what_makes_no_sense_is_refused(line: TestLine) -> None:
    """An agency or a kind that is none, a day to come or before the tip, another case; what another signed."""
    case_id, reader = await closed_by_coin(line)
    other = next(name for name in line.cards if name != reader)
    for handed in (
        await tell(line, case_id, reader, "police-nowhere"),
        await tell(line, case_id, reader, house="mafia"),
        await tell(line, case_id, reader, "police-ln", ago=-3),
        await tell(line, case_id, reader, "police-ln", ago=30),
        await tell(line, case_id, reader, "police-ln", case="0" * 32),
    ):
        assert (handed["result"], handed["code"]) == (Result.REFUSED, Refusal.UNREADABLE)
    assert (await tell(line, case_id, reader, "police-ln", seed_of=other))["code"] == Refusal.BAD_SIGNATURE
    assert (await notes(line, case_id), [e for e in await line.leaves() if e.kind is EntryKind.TOLD and e.case == case_id]) == ([], [])


async def test_only_who_reads_the_case_may_say_so_and_only_while_he_does(line: TestLine) -> None:
    case_id, reader = await closed_by_coin(line)
    stranger = next(name for name in line.cards if name != reader)
    assert (await tell(line, case_id, stranger, house="police"))["code"] == Refusal.NOT_YOURS
    await close(line, case_id, reader)
    assert (await tell(line, case_id, reader, house="police"))["code"] == Refusal.NOT_YOURS
    assert await notes(line, case_id) == []


async def test_a_case_that_stands_still_takes_none_and_a_struck_reader_s_is_not_taken(line: TestLine) -> None:
    """As where a row says that he may: the gate and the case's own state decide."""
    case_id, reader = await closed_by_coin(line)
    for state, code in ((CaseState.HELD, Refusal.STALE), (CaseState.OPEN, None)):
        async with line.database.begin() as transaction:
            await transaction.run(update(tables.case).where(tables.case.c.id == case_id).values(state=state))
        assert (await tell(line, case_id, reader, house="police"))["code"] == (code or "")
    async with line.database.begin() as transaction:
        await transaction.run(update(tables.case).where(tables.case.c.id == case_id).values(gate=b"altered"))
    assert (await tell(line, case_id, reader, house="police"))["code"] == Refusal.GATE
    assert len(await notes(line, case_id)) == 1


async def test_what_was_posted_twice_is_kept_once_and_there_is_an_end_to_it(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An end for each reader: what the first filled up takes no word from the next."""
    monkeypatch.setattr(told, "MOST", 2)
    case_id, reader = await closed_by_coin(line)
    async with line.store.begin() as tx:
        for _ in range(2):
            await Kept(line.keys, KIND).add(tx, case_id, {"agency": "police-gone", "house": "", "day": 1, "by": "f" * 32})
    content = age.seal(said.told(Told(case_id, "", "police", line.clock.now // DAY_MS)), line.keys.recipient(Purpose.GATE)[1])
    for _ in range(2):
        assert (await line.post(reader, line.entry(reader, case_id, EntryKind.TOLD, sha256(content)), content))["result"] == Result.DONE
    assert len(await notes(line, case_id)) == 3
    async with line.store.begin() as tx:
        await Kept(line.keys, KIND).add(tx, case_id, {"agency": "police-gone", "house": "", "day": 1, "by": reader})
    assert (await tell(line, case_id, reader, house="ngo"))["code"] == Refusal.TOO_MANY
    await close(line, case_id, reader, Ending.COMPROMISED)
    (event,) = await taught(line)
    assert event.outside == (Heard(reader, HOUSES[House.POLICE] * OWN),), "an agency that the file lacks today is left out"


@pytest.mark.parametrize("how", ["of another case", "in another place"])
async def test_a_note_that_was_altered_is_told_and_nothing_is_taken_for_true(line: TestLine, how: str) -> None:
    case_id, reader = await closed_by_coin(line)
    kept = Kept(line.keys, KIND)
    assert (await tell(line, case_id, reader, house="police"))["result"] == Result.DONE
    assert (await tell(line, case_id, reader, house="ngo"))["result"] == Result.DONE
    rows = tables.outcome.c
    async with line.store.begin() as tx:
        second = await tx.outcome(kept._id(case_id, 2))
    assert second is not None
    sealed = line.keys.seal_gate("0" * 32, b'{"v":1,"kind":"told","number":1}') if how == "of another case" else second.sealed
    async with line.database.begin() as transaction:
        await transaction.run(update(tables.outcome).where(rows.id == kept._id(case_id, 1)).values(sealed=sealed))
    assert (await tell(line, case_id, reader, house="police"))["code"] == Refusal.GATE
    assert line.alarms == [Trouble.TAMPERED]
    assert (await close(line, case_id, reader, Ending.COMPROMISED))["result"] == Result.DONE
    assert [event.outside for event in await taught(line)] == [()]


async def test_the_worker_tells_a_reader_the_agencies_of_the_line_s_file(line: TestLine) -> None:
    reader = next(iter(line.cards))
    handed = await line.act(reader, "", "agencies", b"\0" * 64, b"")
    agencies, houses = json.loads(str(handed["agencies"])), json.loads(str(handed["houses"]))
    assert {one[0] for one in agencies} == set(line.atlas.agencies)
    assert ["police-penalta", "Policía de Peñalta", "police", "Peñalta"] in agencies
    assert [one[1] for one in agencies] == sorted(one[1] for one in agencies)
    assert houses == [house.value for house in House]
    assert (await line.act(reader, "0" * 32, "agencies", b"\0" * 64, b""))["code"] == Refusal.NOT_YOURS
    assert not [grant for case in await line.cases() for grant in await line.grants(case) if grant.state is GrantState.STRUCK]
