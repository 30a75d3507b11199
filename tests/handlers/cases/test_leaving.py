"""Readers who leave a case: "I know someone here", a tie, pressure, a suspension. The next gets all of it; who left, nothing more."""

from __future__ import annotations

import pytest

from handlers.leaving import Matter
from handlers.ports import Trouble
from handlers.requests import Refusal
from handlers.roster import members
from sealing import said
from sealing.custody import Entry, EntryKind
from sealing.rows import CaseState, GrantState
from sealing.said import Tie
from tests.handlers.cases.leaving import (
    TEXT,
    add_tie,
    give_up,
    kinds_of,
    letters,
    offered,
    offered_to,
    open_all,
    opened,
    press,
    say,
    sealed,
    states,
    texts_of,
    with_letters,
)
from tests.handlers.test_line_escrow import gate_of
from tests.handlers.test_line_reading import answer, everything
from tests.line import TestLine
from tests.secrets_search import ciphertexts_in, opened_by
from triage.sensitive import Sensitive

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket]


async def test_i_know_someone_here_before_opening_moves_the_case_on(line: TestLine) -> None:
    case_id, _ = await sealed(line)
    first = await offered_to(line, case_id)
    assert (await give_up(line, case_id, first))["result"] == "done"
    assert await states(line, case_id, first) == {GrantState.GIVEN_UP}
    assert await offered(line, case_id) == [], "the next hears of it in a slot"
    await line.later(6)
    second, texts = await open_all(line, case_id)
    assert second != first
    assert texts == [TEXT]
    assert (await give_up(line, case_id, first))["code"] == Refusal.NOT_YOURS


@pytest.mark.claim("T12")
@pytest.mark.claim("T44")
async def test_who_knows_someone_after_opening_reads_nothing_that_comes_later(line: TestLine) -> None:
    case_id, phone, first, identity = await opened(line)
    assert (await give_up(line, case_id, first))["result"] == "done"
    await line.later(6)
    await line.write(phone, "Son tres mujeres")
    second, texts = await open_all(line, case_id)
    assert second != first
    assert texts == [TEXT]
    await line.later(6)
    assert await open_all(line, case_id) == (second, ["Son tres mujeres"]), "a new epoch"
    assert (await answer(line, case_id, first, identity, "Who is it?", epoch=1))["code"] == Refusal.NOT_YOURS
    # Everything that he holds, on everything that is stored: his own key, the case key that he had, and what those open.
    _, columns = await everything(line)
    found = opened_by({identity, line.person_keys[first].identity}, ciphertexts_in(columns))
    assert [plain for plain in found if TEXT.encode() in plain], "the search finds what he has read"
    assert not [plain for plain in found if b"Son tres mujeres" in plain]


async def test_a_new_epoch_is_offered_at_once_to_whoever_reads(line: TestLine) -> None:
    case_id, phone, first, _ = await opened(line)
    await give_up(line, case_id, first)
    await line.later(6)
    second, _ = await open_all(line, case_id)
    await line.write(phone, "Son tres mujeres")
    await line.later(20)  # he is not kept waiting for a slot
    assert await offered_to(line, case_id) == second
    assert await open_all(line, case_id) == (second, ["Son tres mujeres"])


async def test_an_answer_after_a_departure_is_sealed_to_a_new_epoch(line: TestLine) -> None:
    case_id, _, first, identity = await opened(line)
    await give_up(line, case_id, first)
    await line.later(6)
    (grant,) = await offered(line, case_id)
    second = str(grant.person_id)
    theirs = line.case_identity(await line.open(grant, second), second)
    assert (await answer(line, case_id, second, theirs, "Thank you."))["result"] == "answered"
    assert await texts_of(line, case_id, identity) == [TEXT]
    assert await open_all(line, case_id) == (second, ["Thank you."])


async def test_several_departures_leave_key_files_of_every_epoch_to_who_follows(line: TestLine) -> None:
    case_id, phone, reader, _ = await opened(line)
    later = ["Son tres mujeres", "Una es de fuera"]
    for n, words in enumerate(later):
        await give_up(line, case_id, reader)
        await line.write(phone, words)
        await line.later(26)
        assert {g.epoch for g in await offered(line, case_id)} == set(range(1, n + 3))
        reader, texts = await open_all(line, case_id)
        assert texts == [TEXT, *later[: n + 1]]


@pytest.mark.claim("T44")
async def test_all_give_up_and_it_is_exhausted_and_no_reason_is_kept(line: TestLine) -> None:
    case_id, _ = await sealed(line)
    given = []
    while now := await offered(line, case_id):
        given += [(line.keys.inner_hash(grant.key_file), line.card_of(str(grant.person_id))) for grant in now]
        await give_up(line, case_id, str(now[0].person_id))
        await line.later(6)
    assert Trouble.ORDER_EXHAUSTED in line.alarms
    assert len(given) == 3
    gate = await gate_of(line, case_id)
    leads = {line.keys.grant_id(case_id, gate.epoch, seat.person) for seat in gate.lead_order}
    left = {(g.id in leads, g.state, g.person_id is None) for g in await line.grants(case_id)}
    assert left == {(False, GrantState.GIVEN_UP, False), (True, GrantState.LOCKED, True)}, "leads stay asleep: they follow nobody"
    entries = [entry for entry in await line.leaves() if entry.kind is EntryKind.GIVE_UP and entry.case == case_id]
    assert entries == [Entry(entries[0].hour, EntryKind.GIVE_UP, case_id, *one) for one in given], "which key file, whose card: that is all"


async def test_only_who_holds_it_gives_it_up_and_by_the_key_file_that_he_was_shown(line: TestLine) -> None:
    case_id, _ = await sealed(line)
    (grant,) = await offered(line, case_id)
    person, other = str(grant.person_id), next(p for p in line.cards if p != grant.person_id)
    named = line.keys.inner_hash(grant.key_file)
    assert (await say(line, other, EntryKind.GIVE_UP, case_id, named))["code"] == Refusal.NOT_YOURS
    assert (await say(line, person, EntryKind.GIVE_UP, case_id, "0" * 64))["code"] == Refusal.NOT_YOURS
    assert (await say(line, person, EntryKind.OPEN, case_id, named, act="give_up"))["code"] == Refusal.NOT_YOURS
    assert await states(line, case_id, person) == {GrantState.OFFERED}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_tie_strikes_and_is_told_to_the_vetters(line: TestLine, after: bool) -> None:
    seeds = with_letters(line, ["a", "b"])
    case_id, _ = await sealed(line)
    person = (await line.open_first(case_id))[0] if after else await offered_to(line, case_id)
    assert (await add_tie(line, case_id, person))["result"] == "done"
    assert await states(line, case_id, person) == {GrantState.STRUCK}
    assert EntryKind.TIE in await kinds_of(line, case_id)
    for (letter,) in (await letters(line, seeds)).values():
        assert (letter.code, letter.case, letter.person) == (Matter.TIE, case_id, person)
        assert letter.text.reveal() == "My sister works there"
    await line.later(6)
    second, texts = await open_all(line, case_id)
    assert second != person
    assert texts == [TEXT]
    async with line.store.begin() as tx:
        drawn_from = {m.person.id: m.person.active for m in await members(tx, line.keys, line.vetters, line.clock.now // 3_600_000)}
    assert (drawn_from[person], drawn_from[second]) == (False, True), "he is drawn for no other case"


async def test_a_tie_is_ones_own_and_has_words(line: TestLine) -> None:
    case_id, _ = await sealed(line)
    person = await offered_to(line, case_id)
    other = next(p for p in line.cards if p != person)
    assert (await add_tie(line, case_id, other))["code"] == Refusal.NOT_YOURS
    foreign = said.tie(Tie(other, Sensitive("His brother works there")))
    assert (await say(line, person, EntryKind.TIE, case_id, "", foreign))["code"] == Refusal.NOT_YOURS
    assert (await say(line, person, EntryKind.TIE, case_id, "0" * 64))["code"] == Refusal.UNREADABLE
    assert (await add_tie(line, case_id, person, "x" * 2001))["code"] == Refusal.UNREADABLE
    assert await states(line, case_id, person) == {GrantState.OFFERED}


async def two_cases_of_one(line: TestLine) -> tuple[str, list[str]]:
    """Somebody with two cases, one opened and one offered."""
    held = dict[str, list[str]]()
    while True:
        case_id, _ = await sealed(line)
        person = await offered_to(line, case_id)
        held.setdefault(person, []).append(case_id)
        if len(held[person]) == 2:
            await line.open_first(held[person][0])
            return person, held[person]


@pytest.mark.claim("T46")
async def test_a_reader_under_pressure_loses_every_case_and_vetters_of_other_houses_hear_of_it(line: TestLine) -> None:
    person, cases = await two_cases_of_one(line)
    house = line.cards[person].agency
    seeds = with_letters(line, [house, "elsewhere", "a third"])
    bland = await press(line, person)
    assert (bland["result"], bland["code"], bland["key_file"]) == ("done", "", None)
    for case_id in cases:
        assert await states(line, case_id, person) == {GrantState.STRUCK}
    told = await letters(line, seeds)
    own = next(name for name, agency in line.vetters.agencies.items() if agency == house)
    assert told.pop(own) == []
    assert [(letter.code, letter.person, letter.case) for (letter,) in told.values()] == [(Matter.PRESSURED, person, "")] * 2
    assert line.alarms == []
    await line.later(6)
    for case_id in cases:
        second, texts = await open_all(line, case_id)
        assert second != person
        assert texts == [TEXT]
    async with line.store.begin() as tx:
        row = await tx.person(person)
    assert row is not None
    assert row.status == "suspended"
    grant = next(g for g in await line.grants(cases[0]) if g.person_id == person)
    assert (await line.open(grant, person))["code"] == Refusal.NOT_YOURS


async def test_the_quiet_word_is_answered_like_any_act_and_told_to_few_is_an_alarm(line: TestLine) -> None:
    case_id, _ = await sealed(line)
    person = await offered_to(line, case_id)
    usual = await give_up(line, case_id, person)
    other_id, _ = await sealed(line)
    second = await offered_to(line, other_id)
    seeds = with_letters(line, [line.cards[second].agency, "elsewhere"])
    quiet = await press(line, second)
    assert {**usual, "act": ""} == {**quiet, "act": ""}, "but for the act's own id"
    assert sorted(len(found) for found in (await letters(line, seeds)).values()) == [0, 1]
    assert line.alarms == [Trouble.FEW_VETTERS]


async def test_nobody_speaks_the_quiet_word_for_another(line: TestLine) -> None:
    case_id, _ = await sealed(line)
    person = await offered_to(line, case_id)
    other = next(p for p in line.cards if p != person)
    assert (await say(line, other, EntryKind.SUSPEND, "", line.card_of(person), act="pressured"))["code"] == Refusal.NOT_YOURS
    assert await states(line, case_id, person) == {GrantState.OFFERED}


async def test_a_later_message_opens_a_closed_case_again_for_the_next(line: TestLine) -> None:
    """Who closed it is done with it: he reads none of what comes."""
    case_id, phone, first, identity = await opened(line)
    async with line.store.begin() as tx:
        for grant in await tx.grants(case_id):
            await tx.move_grant(grant.id, GrantState.OPEN, GrantState.DONE)
        assert await tx.move_case(case_id, CaseState.OPEN, CaseState.CLOSED)
    await line.write(phone, "Siguen encerradas")
    await line.later(26)
    second, texts = await open_all(line, case_id)
    assert second != first
    assert texts == [TEXT, "Siguen encerradas"]
    assert await texts_of(line, case_id, identity) == [TEXT]
