"""Which outcomes teach: what a case's end says of who had read it, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handlers import openings
from handlers.opening import Gate
from handlers.outcomes import Helped, Proposal, Second, Taught
from handlers.ports import Trouble
from handlers.requests import Result
from handlers.roster import find_member
from handlers.teaching import Teaching, is_news
from handlers.told import Telling
from routing.learning import SOURCES, Event, Verdict
from routing.people import House
from routing.policy import HOUSES
from sealing.custody import EntryKind
from sealing.rows import DAY_MS, HOUR_MS, Purpose
from sealing.said import Ending
from tests.handlers.cases.closing import close, closed_by_coin, decide, proposals
from tests.handlers.learning.records import current, looked_at, rows, taught
from tests.handlers.test_line_escrow import gate_of
from tests.handlers.test_line_reading import PHONE
from tests.line import TestLine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket]


@pytest.mark.parametrize(("ending", "verdict"), [(Ending.COMPROMISED, Verdict.COMPROMISED), (Ending.CHARGED, Verdict.CLEAN)])
async def test_what_a_second_of_another_agency_agreed_to_is_verified(line: TestLine, ending: Ending, verdict: Verdict) -> None:
    """The second read it only after it had ended: it says nothing of him."""
    case_id, first, second = await looked_at(line, ending)
    assert await rows(line) == [], "a proposal is no outcome"
    assert (await decide(line, case_id, second, EntryKind.CONCUR))["result"] == Result.DONE
    (event,) = await taught(line)
    assert [reader.person for reader in event.readers] == [first]
    house = line.atlas.agencies[line.cards[first].agency].kind
    assert event.readers[0].prior == HOUSES[house]
    assert (event.verdict, event.informer, event.verified, event.area) == (verdict, second, True, "sz")
    assert (event.day, event.outside) == (line.clock.now // DAY_MS, ())
    before, then = await current(line, line.memory), await current(line, line.memory)
    assert before == then, "once"
    assert (before[first] > 1) is (verdict is Verdict.COMPROMISED)


@pytest.mark.claim("T59")
async def test_a_second_of_an_office_above_or_below_the_first_verifies_nothing(line: TestLine) -> None:
    """His chief's word and his are one; it counts as the first's alone."""
    case_id, first, _ = await looked_at(line, Ending.COMPROMISED)
    chains = {card.agency: line.atlas.line(card.agency) - {card.agency} for card in line.cards.values()}
    below, above = next((name, next(iter(chain))) for name, chain in chains.items() if chain)
    second = next(name for name, card in line.cards.items() if card.agency == below)
    gate, hour, alarm = await gate_of(line, case_id), line.clock.now // HOUR_MS, line.alarms.append
    telling = Telling(line.keys, line.clock, line.atlas, Gate(line.keys, line.clock, line.atlas), alarm)
    teaching = Teaching(line.keys, line.clock, line.atlas, openings.Openings(line.keys, line.vetters, alarm), telling, alarm)
    (asked,) = await proposals(line, case_id)
    for records, (agency, verified) in enumerate({below: False, above: False, "an office that is gone": True}.items()):
        last = replace(asked, agency=agency, second=Second.CONCURRED, records=records)
        async with line.store.begin() as tx:
            member = await find_member(tx, line.keys, line.vetters, second, hour)
            assert member is not None
            saved = await teaching.outcome(tx, gate, [last], member)
        assert (saved.taught, saved.records) == (Taught.VERIFIED if verified else Taught.SAID, records + 1)
    assert sorted((event.informer, event.verified) for event in await taught(line)) == sorted(
        [(first, False), (first, False), (second, True)]
    )


async def test_a_case_that_is_agreed_to_twice_leaves_a_record_each_time_and_no_alarm(line: TestLine) -> None:
    case_id, _, second = await looked_at(line, Ending.PERSON_SAFE)
    await decide(line, case_id, second, EntryKind.CONCUR)
    await line.later(6)
    await line.write(PHONE, "2")
    await line.later(6)
    third, _ = await line.open_first(case_id)
    assert (await decide(line, case_id, third, EntryKind.CONCUR))["result"] == Result.DONE
    assert Trouble.TAMPERED not in line.alarms
    assert (len(await rows(line)), [proposal.records for proposal in await proposals(line, case_id)]) == (3, [3])
    found = sorted((event.verdict.value, event.informer, event.verified) for event in await taught(line))
    assert found == [("clean", second, True), ("compromised", SOURCES, False)]


@pytest.mark.claim("T60")
async def test_one_reader_s_word_is_taken_as_that_and_no_ending_shows_in_the_table(line: TestLine) -> None:
    """Rows of all endings are alike in number and size."""
    endings = (Ending.COMPROMISED, Ending.PERSON_SAFE, Ending.FAILED_UNKNOWN)
    found: dict[Ending, list[Event]] = {}
    for n, ending in enumerate(endings):
        known = await taught(line)
        case_id, reader = await closed_by_coin(line, f"+999 100 020{n}")
        await close(line, case_id, reader, ending)
        found[ending] = [event for event in await taught(line) if event not in known]
        if found[ending]:
            assert [(e.informer, e.verified, [r.person for r in e.readers]) for e in found[ending]] == [(reader, False, [reader])]
    assert [[event.verdict for event in found[ending]] for ending in endings] == [[Verdict.COMPROMISED], [Verdict.CLEAN], []]
    written = await rows(line)
    assert len(written) == len(endings)
    assert len({len(line.keys.open_any(Purpose.GATE, row.sealed)) for row in written}) == 1


async def test_a_contested_word_teaches_nothing_and_what_the_case_ends_with_does(line: TestLine) -> None:
    case_id, first, second = await looked_at(line, Ending.COMPROMISED)
    assert (await decide(line, case_id, second, EntryKind.DISAGREE))["result"] == Result.DONE
    assert (await taught(line), len(await rows(line))) == ([], 1)
    await close(line, case_id, second, Ending.PERSON_SAFE)
    await line.later(6)
    third, _ = await line.open_first(case_id)
    await decide(line, case_id, third, EntryKind.CONCUR)
    (last,) = await taught(line)
    assert last.verdict is Verdict.CLEAN
    assert ([reader.person for reader in last.readers], last.informer, last.verified) == ([first, second], third, True)
    assert [(p.second, p.taught) for p in await proposals(line, case_id)] == [
        (Second.DISAGREED, Taught.NOTHING),
        (Second.CONCURRED, Taught.VERIFIED),
    ]


@pytest.mark.parametrize(
    ("ending", "answer", "events"),
    [
        (Ending.PERSON_SAFE, "2", [(Verdict.COMPROMISED, SOURCES, False)]),
        (Ending.PERSON_SAFE, "1", []),
        (Ending.REFERRED, "2", []),
    ],
)
async def test_a_source_s_no_counts_where_the_case_was_called_clean(
    line: TestLine, ending: Ending, answer: str, events: list[tuple[Verdict, str, bool]]
) -> None:
    case_id, reader = await closed_by_coin(line)
    await close(line, case_id, reader, ending)
    await line.later(6)
    known = await taught(line)
    await line.write(PHONE, answer)
    (proposal,) = await proposals(line, case_id)
    assert proposal.helped is (Helped.NO if answer == "2" else Helped.YES), "the control"
    found = [event for event in await taught(line) if event not in known]
    assert [(event.verdict, event.informer, event.verified) for event in found] == events
    assert len(await rows(line)) == 2, "the row is there whatever was said"
    assert [reader.person for event in found for reader in event.readers] == [reader] * len(events)


ONCE = Proposal("0" * 32, 1, "a", "b", Ending.COMPROMISED, "", 0, Second.NONE, 1, taught=Taught.SAID)
SAFE = replace(ONCE, ending=Ending.PERSON_SAFE)


@pytest.mark.parametrize(
    ("before", "verdict", "verified", "news"),
    [
        ([], Verdict.CLEAN, False, True),
        ([replace(ONCE, taught=Taught.NOTHING)], Verdict.COMPROMISED, False, True),
        ([ONCE], Verdict.COMPROMISED, False, False),
        ([ONCE], Verdict.COMPROMISED, True, True),
        ([replace(ONCE, taught=Taught.VERIFIED)], Verdict.COMPROMISED, True, False),
        ([replace(ONCE, taught=Taught.VERIFIED), ONCE], Verdict.COMPROMISED, True, False),
        ([ONCE], Verdict.CLEAN, False, True),
        ([SAFE, ONCE], Verdict.CLEAN, False, True),
        ([replace(ONCE, taught=Taught.VERIFIED), SAFE], Verdict.COMPROMISED, False, True),
        ([SAFE, replace(ONCE, ending=Ending.REFERRED, taught=Taught.NOTHING)], Verdict.CLEAN, False, False),
    ],
)
async def test_one_case_says_the_same_only_once(before: list[Proposal], verdict: Verdict, verified: bool, news: bool) -> None:
    assert is_news(before, verdict, verified=verified) is news


async def test_a_no_and_a_second_look_that_agrees_verify_what_was_said_before(line: TestLine) -> None:
    case_id, reader = await closed_by_coin(line)
    await close(line, case_id, reader, Ending.PERSON_SAFE)
    await line.later(6)
    await line.write(PHONE, "2")
    await line.later(6)
    second, _ = await line.open_first(case_id)
    await decide(line, case_id, second, EntryKind.CONCUR)
    found = sorted((event.verdict.value, event.informer, event.verified) for event in await taught(line))
    assert found == sorted([("clean", reader, False), ("clean", second, True), ("compromised", SOURCES, False)])


async def test_the_practice_world_s_houses_all_have_a_prior() -> None:
    assert set(HOUSES) == set(House)
