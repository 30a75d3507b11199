"""Outcomes teach: who had really read the case, what its end says of them, once; records that outlive the case and tell of no case."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum

import pytest
from sqlalchemy import delete, func, select, update

from bot.enrol import enrolment_at
from handlers import lessons, openings
from handlers.kept import Kept
from handlers.lessons import Memory, open_record, seal_record
from handlers.lost_lessons import LostLessons
from handlers.opening import Gate
from handlers.openings import KIND as OPENED
from handlers.outcomes import Helped, Proposal, Second, Taught
from handlers.ports import Trouble
from handlers.requests import Result
from handlers.roster import find_member, judge
from handlers.roster_log import Book
from handlers.rotation import Rotation
from handlers.teaching import Teaching, is_news
from handlers.told import Telling
from routing.cards import card_bytes
from routing.learning import SOURCES, Event, Opened, Verdict
from routing.people import House
from routing.policy import HOUSES
from routing.records import Record
from sealing import age, signing
from sealing.card import SignedCard
from sealing.custody import EntryKind, leaf, read_leaf
from sealing.learned_rows import LessonRow
from sealing.rows import DAY_MS, HOUR_MS, CaseState, GrantState, Purpose, StorageDown
from sealing.said import Ending
from sealing.secret_files import KeyFolder
from storage import tables
from storage.epochs import SqlEpochs
from tests.handlers.cases.closing import close, closed_by_coin, decide, proposals, purge_now, second_look, state_of
from tests.handlers.test_line_escrow import gate_of
from tests.handlers.test_line_reading import PHONE
from tests.line import TestLine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket]


async def rows(line: TestLine) -> list[LessonRow]:
    async with line.store.begin() as tx:
        return list(await tx.lessons("", 10_000))


async def records(line: TestLine) -> list[Record]:
    return [open_record(line.keys, row) for row in await rows(line)]


async def taught(line: TestLine) -> list[Event]:
    return [event for record in await records(line) for event in record.events]


def other_worker(line: TestLine) -> Memory:
    return Memory(line.keys, line.clock, line.alarms.append)


async def current(line: TestLine, memory: Memory) -> dict[str, float]:
    """What it thinks before a draw: odds of each of whom anything is known."""
    async with line.store.begin() as tx:
        beliefs = await memory.current(tx)
    return {name: beliefs.of(name).odds for name in beliefs.columns.rows}


# ---- which outcomes teach -------------------------------------------------------------------------------------------------------


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


async def looked_at(line: TestLine, ending: Ending) -> tuple[str, str, str]:
    """(case, first, second): proposed so, and the second has it open."""
    case_id, first = await closed_by_coin(line, looked_at=True)
    assert (await close(line, case_id, first, ending))["result"] == Result.DONE
    await line.later(6)
    second, _ = await line.open_first(case_id)
    return case_id, first, second


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


# ---- readers: by the log, never by a row ----------------------------------------------------------------------------------------


@pytest.mark.claim("T59")
async def test_a_grant_s_state_or_an_entry_that_he_did_not_sign_makes_nobody_a_reader(
    line: TestLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As somebody does who can write to the database, to have another blamed for a leak."""
    monkeypatch.setattr(openings, "PAGE", 3)
    case_id, reader = await closed_by_coin(line)
    (row,) = await of_case(line, case_id)
    framed = (await gate_of(line, case_id)).order[1].person
    assert framed != reader
    said = line.entry(framed, case_id, EntryKind.OPEN, "0" * 64).body()
    stranger, worker = signing.generate(), line.keys.custody_seed
    forged = [
        leaf(said, line.cards[framed].verify_key, b"\0" * 64),
        leaf(said, stranger[1], signing.sign(stranger[0], signing.Use.OPEN, said)),
        leaf(said, signing.public_of(worker), signing.sign(worker, signing.Use.CUSTODY, said)),
        b"no entry at all, of " + f'"case":"{case_id}"'.encode(),
    ]
    async with line.store.begin() as tx:
        for each in forged:
            await tx.log(each)
    async with line.database.begin() as transaction:
        locked = update(tables.grant).where(tables.grant.c.case_id == case_id, tables.grant.c.id != row)
        await transaction.run(locked.values(state=GrantState.OPEN, person_id=framed))
    await close(line, case_id, reader, Ending.COMPROMISED)
    (event,) = await taught(line)
    assert [one.person for one in event.readers] == [reader]
    assert line.alarms == [Trouble.TAMPERED] * len(forged), "each is told"


async def of_case(line: TestLine, case_id: str) -> list[str]:
    return [grant.id for grant in await line.grants(case_id) if grant.state is GrantState.OPEN]


@pytest.mark.claim("T59")
async def test_a_new_card_with_new_keys_rids_nobody_of_what_he_opened(line: TestLine) -> None:
    case_id, first, second = await looked_at(line, Ending.COMPROMISED)
    now = datetime.fromtimestamp(line.clock.now / 1000, UTC)
    card = line.cards[first]
    fresh = replace(
        card,
        verify_key=signing.generate()[1],
        age_recipient=age.generate()[1],
        sequence=card.sequence + 1,
        issued=now.replace(microsecond=0),
    )
    signed = SignedCard(card_bytes(fresh))
    for seed in line.vetter_seeds:
        signed = signed.signed_by(seed)
    async with line.store.begin() as tx:
        row = await tx.person(first)
        assert row is not None
        put = await enrolment_at(now, line.keys, line.vetters).put(tx, signed, judge(signed, line.vetters), line.clock.now // HOUR_MS)
    assert getattr(put, "replaced", None) == line.card_of(first), "the control: the old card is nobody's now"
    await decide(line, case_id, second, EntryKind.CONCUR)
    (event,) = await taught(line)
    assert [one.person for one in event.readers] == [first]
    async with line.store.begin() as tx:
        again = await tx.person(first)
        assert again is not None
        await tx.save_person(replace(row, version=again.version))  # as it was, for the tests that follow


@pytest.mark.claim("T59")
async def test_a_reader_whom_no_card_explains_any_more_is_told(line: TestLine) -> None:
    """Who writes to the database deletes the copy of his card, after he has renewed it: the roster does not know the old one."""
    case_id, reader = await closed_by_coin(line)
    async with line.store.begin() as tx:
        row = await tx.person(reader)
        assert row is not None
        await Kept(line.keys, OPENED).drop(tx, case_id)
        before = row.card
        await tx.save_person(replace(row, card=b"another"))
    gate, closing = await gate_of(line, case_id), line.entry(reader, case_id, EntryKind.CLOSE, "0" * 64).body()
    async with line.store.begin() as tx:
        await tx.log(leaf(closing, line.cards[reader].verify_key, b"\0" * 64))
        found = await openings.Openings(line.keys, line.vetters, line.alarms.append).before(tx, gate, "0" * 64)
        assert found == ()
        assert line.alarms == [Trouble.TAMPERED]
        again = await tx.person(reader)
        assert again is not None
        await tx.save_person(replace(again, card=before))


async def test_a_copy_of_a_card_that_was_altered_is_told_and_the_roster_s_is_taken(line: TestLine) -> None:
    case_id, reader = await closed_by_coin(line)
    kept, opened = Kept(line.keys, OPENED), next(grant for grant in await line.grants(case_id) if grant.state is GrantState.OPEN)
    await line.open(opened, reader)
    async with line.store.begin() as tx:
        assert len(await kept.of(tx, case_id)) == 1, "a look more, and no copy more"
    async with line.database.begin() as transaction:
        sealed = line.keys.seal_gate("0" * 32, b'{"v":1,"kind":"opened","number":1}')
        assert await transaction.changed(update(tables.outcome).where(tables.outcome.c.id == kept._id(case_id, 1)).values(sealed=sealed))
    assert (await line.open(opened, reader))["result"] == Result.OPENED
    await close(line, case_id, reader, Ending.COMPROMISED)
    assert line.alarms.count(Trouble.TAMPERED) == 2
    assert [[one.person for one in event.readers] for event in await taught(line)] == [[reader]]


async def test_a_closing_that_the_log_lacks_blames_nobody_and_is_told(line: TestLine) -> None:
    case_id, _, second = await looked_at(line, Ending.COMPROMISED)
    async with line.database.begin() as transaction:
        found = select(tables.custody.c.seq, tables.custody.c.leaf).order_by(tables.custody.c.seq.desc())
        closing = next(row for row in await transaction.run(found) if b'"kind":"close"' in row.leaf)
        assert case_id.encode() in closing.leaf
        await transaction.run(delete(tables.custody).where(tables.custody.c.seq == closing.seq))
    await decide(line, case_id, second, EntryKind.CONCUR)
    assert Trouble.TAMPERED in line.alarms
    assert [event.readers for event in await taught(line)] == [()]
    async with line.database.begin() as transaction:
        await transaction.run(tables.custody.insert().values(seq=closing.seq, leaf=closing.leaf))


# ---- from rows to beliefs -------------------------------------------------------------------------------------------------------


async def test_what_is_rolled_back_leaves_no_trace(line: TestLine) -> None:
    before = await current(line, line.memory)

    async def fail() -> None:
        async with line.store.begin() as tx:
            await tx.add_lesson(lesson(line, 1, leaked("p1")))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await current(line, line.memory) == before
    assert await rows(line) == []


async def test_a_second_row_of_one_outcome_is_not_written(line: TestLine) -> None:
    case_id, reader = await closed_by_coin(line)
    async with line.store.begin() as tx:
        invented = line.keys.sending_id(f"lesson\0{case_id}\x001\x000")
        await tx.add_lesson(LessonRow(invented, b"somebody's"))
    assert (await close(line, case_id, reader, Ending.COMPROMISED))["result"] == Result.DONE
    assert (len(await rows(line)), line.alarms) == (1, [Trouble.TAMPERED])


def leaked(*names: str, day: int = 100) -> Event:
    return Event("ln", tuple(Opened(name, 0.3, 0.2) for name in names), Verdict.COMPROMISED, "x1", verified=True, day=day)


def lesson(line: TestLine, n: int, *events: Event, day: int = 100) -> LessonRow:
    return seal_record(line.keys, line.keys.sending_id(f"a test's {n}"), Record(day, 1, events))


async def put(line: TestLine, *some: LessonRow) -> None:
    async with line.store.begin() as tx:
        for row in some:
            assert await tx.add_lesson(row)


PAST = [leaked(f"p{n % 5}", f"p{n % 3 + 5}", day=100 + n // 4) for n in range(24)]


async def past(line: TestLine) -> None:
    await put(line, *(lesson(line, n, event, day=event.day) for n, event in enumerate(PAST)))


async def test_a_start_a_running_worker_and_one_that_put_rows_together_think_the_same(
    line: TestLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit: the same draws follow. Records in the order of their days; those of one day by their ids."""
    monkeypatch.setattr(lessons, "MOST_SINGLE", 10)
    monkeypatch.setattr(lessons, "PAGE", 5)
    await past(line)
    young = lesson(line, 99, leaked("p9", day=line.clock.now // DAY_MS), day=line.clock.now // DAY_MS)
    await put(line, young)
    seen = await current(line, line.memory)
    assert len(seen) == 9
    neighbour = other_worker(line)
    assert await current(line, neighbour) == seen
    starting = other_worker(line)
    await starting.learn(line.store)
    together = await rows(line)
    assert [open_record(line.keys, row).rows for row in together] == [24, 1]
    assert together[1] == young, "today's stay as they are"
    assert [event.day for event in open_record(line.keys, together[0]).events] == sorted(event.day for event in PAST)
    for memory in (starting, line.memory, neighbour):
        assert await current(line, memory) == seen
        await memory.learn(line.store)
        assert await current(line, memory) == seen
    later = other_worker(line)
    await later.learn(line.store)
    assert (await current(line, later), line.alarms) == (seen, [])
    await put(line, lesson(line, 100, leaked("p1")))
    assert (await current(line, later))["p1"] > seen["p1"]
    assert (await current(line, later))["p2"] == seen["p2"]


async def test_of_two_workers_that_put_together_at_once_one_does(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons, "MOST_SINGLE", 10)
    await past(line)
    one, other = other_worker(line), other_worker(line)
    seen = await current(line, one)
    assert await current(line, other) == seen
    await one.learn(line.store)
    await other._put_together(line.store)  # it has looked before the first was done
    assert [record.rows for record in await records(line)] == [24]
    assert await current(line, other) == await current(line, one) == seen
    assert line.alarms == []


async def test_a_row_that_stands_where_many_would_be_put_keeps_them_apart(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons, "MOST_SINGLE", 10)
    await past(line)
    worker = other_worker(line)
    seen = await current(line, worker)
    name = f"{1:016d}{worker._name(row.id for row in await rows(line))}"
    await put(line, LessonRow(name, b"somebody's"))
    await worker.learn(line.store)
    assert (len(await rows(line)), await current(line, worker)) == (25, seen)


@pytest.mark.parametrize("how", ["moved", "sealed by somebody", "of another kind"])
@pytest.mark.claim("T60")
async def test_a_record_that_the_worker_did_not_write_there_is_told_and_left_out(line: TestLine, how: str) -> None:
    good, bad = lesson(line, 1, leaked("p1")), lesson(line, 2, leaked("p2"))
    if how == "moved":
        bad = replace(bad, id=line.keys.sending_id("elsewhere"))
    elif how == "sealed by somebody":
        bad = replace(bad, sealed=age.seal(b"{}", line.keys.recipient(Purpose.GATE)[1]))
    else:
        bad = replace(bad, sealed=line.keys.seal_gate(f"lesson {bad.id}", b'{"v":1,"kind":"ended"}'))
    await put(line, good, bad)
    for memory in (line.memory, other_worker(line)):
        line.alarms.clear()
        assert set(await current(line, memory)) == {"p1"}
        assert set(await current(line, memory)) == {"p1"}
        assert line.alarms == [Trouble.TAMPERED]
    started = other_worker(line)
    await started.learn(line.store)
    assert set(await current(line, started)) == {"p1"}
    async with line.store.begin() as tx:
        await tx.drop_lessons([bad.id])
    line.alarms.clear()
    assert set(await current(line, line.memory)) == {"p1"}
    assert line.alarms == []


async def test_rows_that_somebody_deleted_are_told_and_not_forgotten_before_all_is_read_anew(line: TestLine) -> None:
    first, second = lesson(line, 1, leaked("p1")), lesson(line, 2, leaked("p2"))
    await put(line, first, second)
    seen = await current(line, line.memory)
    async with line.store.begin() as tx:
        assert await tx.drop_lessons([first.id, "0" * 64]) == 1
    await put(line, lesson(line, 3, leaked("p3")))
    for _ in range(2):
        found = await current(line, line.memory)
        assert {name: found[name] for name in seen} == seen
        assert found.keys() - seen.keys() == {"p3"}, "what is new is learned all the same"
    assert line.alarms == [Trouble.TAMPERED]
    await line.memory.learn(line.store)
    assert set(await current(line, line.memory)) == {"p2", "p3"}


@pytest.mark.claim("T60")
async def test_a_copy_of_a_record_that_was_put_together_teaches_nothing_again(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As somebody writes it who can write to the database, before a draw or while the worker is stopped."""
    monkeypatch.setattr(lessons, "MOST_SINGLE", 10)
    await past(line)
    copies = (await rows(line))[:12]
    neighbour = other_worker(line)
    await neighbour.learn(line.store)  # and puts them together
    seen = await current(line, neighbour)
    await put(line, *copies)
    started = other_worker(line)
    for memory in (neighbour, started):
        line.alarms.clear()
        await memory.learn(line.store)
        assert await current(line, memory) == seen
        assert line.alarms == [Trouble.TAMPERED] * len(copies)
    assert len(await rows(line)) == 13, "they are not put together a second time"


async def test_a_worker_that_stood_still_learns_what_others_put_together_before_it_draws(
    line: TestLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons, "MOST_SINGLE", 2)
    idle, busy = other_worker(line), other_worker(line)
    await put(line, lesson(line, 1, leaked("p1")), lesson(line, 2))
    await current(line, idle)
    later = {"day": 101}  # what came on one day is learned in the order of its arrival here, of its ids there
    await put(line, lesson(line, 3, leaked("p1", "p3", **later), **later), lesson(line, 4), lesson(line, 5, leaked("p5", **later), **later))
    await busy.learn(line.store)
    (together,) = await records(line)
    assert (together.rows, len(together.of), len(set(together.of))) == (5, 5, 5)
    seen = await current(line, busy)
    assert (await current(line, idle), line.alarms) == (seen, [])
    assert seen.keys() == {"p1", "p3", "p5"}
    assert (idle.names(), idle._astray) == (busy.names(), False)


@pytest.mark.claim("T60")
async def test_records_that_went_while_no_worker_ran_are_told_at_the_start(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether they were put together or not; and what the log says of them names no case and no row."""
    async with fresh_log(line):
        before = len(await line.store.leaves())
        for n in range(3):
            case_id, reader = await closed_by_coin(line, f"+999 100 040{n}")
            await close(line, case_id, reader, Ending.COMPROMISED)
        entries = [read_leaf(each)[0] for each in await line.store.leaves(before)]
        written = [entry for entry in entries if entry.kind is EntryKind.LESSON]
        ids = [row.id for row in await rows(line)]
        assert {(entry.case, entry.card) for entry in written} == {("", "")}
        assert not {entry.sha256 for entry in written} & {*ids, *(hashlib.sha256(row_id.encode()).hexdigest() for row_id in ids)}
        assert await at_start(line) == []
        monkeypatch.setattr(lessons, "MOST_SINGLE", 2)
        await line.later(5 * 24 * 3600)
        await line.memory.learn(line.store)
        assert (len(await rows(line)), await at_start(line)) == (1, [])
        async with line.store.begin() as tx:
            await tx.drop_lessons(await tx.lesson_ids())
        assert await at_start(line) == [Trouble.TAMPERED]


@asynccontextmanager
async def fresh_log(line: TestLine) -> AsyncIterator[None]:
    """What earlier tests of this line wrote and deleted is left out of account."""
    async with line.store.begin() as tx:
        before = (await line.vetters.log.read(tx, signing.public_of(line.keys.custody_seed))).lessons()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Book, "lessons", lambda book, known=Book.lessons: known(book) - before)
        yield


async def at_start(line: TestLine) -> list[StrEnum]:
    told: list[StrEnum] = []
    memory = Memory(line.keys, line.clock, told.append)
    await memory.learn(line.store)
    await LostLessons(line.keys, line.vetters, memory, told.append).look(line.store)
    return told


async def test_rows_that_changed_since_are_not_put_together(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons, "MOST_SINGLE", 1)
    some = [lesson(line, n, leaked(f"p{n}")) for n in range(3)]
    await put(line, *some)
    seen = await current(line, line.memory)
    async with line.database.begin() as transaction:
        await transaction.run(update(tables.lesson).where(tables.lesson.c.id == some[0].id).values(sealed=b"altered"))
    await line.memory.learn(line.store)
    assert len(await rows(line)) == 3
    assert (line.alarms, await current(line, line.memory)) == ([Trouble.TAMPERED], seen)


async def test_a_start_that_fails_leaves_the_collector_of_garbage_on(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        assert not gc.isenabled()
        raise StorageDown

    monkeypatch.setattr(lessons, "_page", away)
    with pytest.raises(StorageDown):
        await other_worker(line).learn(line.store)
    assert gc.isenabled()


async def test_the_draw_asks_for_what_was_learned(line: TestLine) -> None:
    """A favourite whom three verified leaks point to is drawn first no more."""
    case_id, _ = await closed_by_coin(line)
    order = [grant.person_id for grant in await line.grants(case_id) if grant.person_id]
    assert line.memory.beliefs.columns.rows == {}
    readers = [name for name in line.cards if name not in order]
    event = replace(leaked(*readers[:3]), area="sz")
    await put(line, *(lesson(line, n, event) for n in range(5)))
    await closed_by_coin(line, "+999 100 0300")
    assert set(line.memory.beliefs.columns.rows) == set(readers[:3])


async def test_records_outlive_the_purge_and_are_sealed_anew_with_the_gate_key(line: TestLine) -> None:
    case_id, first, second = await second_look(line)
    async with line.database.begin(reading=True) as transaction:
        before = (await transaction.run(select(func.count()).select_from(tables.outcome))).scalar_one()
    await decide(line, case_id, second, EntryKind.CONCUR)
    await line.later(100 * 24 * 3600)
    await purge_now(line, case_id)
    assert await state_of(line, case_id) is CaseState.PURGED
    async with line.database.begin(reading=True) as transaction:
        left = (await transaction.run(select(func.count()).select_from(tables.outcome))).scalar_one()
    assert left == before - 2, "the copies of both cards went with the case"
    written = await rows(line)
    assert len(written) == 1
    plain = line.keys.open_any(Purpose.GATE, written[0].sealed)
    assert case_id.encode() not in plain
    assert first.encode() not in plain, "of an ending that teaches nothing"
    line.keys.shelf.add(Purpose.GATE, 2, age.generate()[0], line.clock.now // HOUR_MS)
    try:
        rotation = Rotation(line.keys, KeyFolder(line.home / "secrets" / "worker"), SqlEpochs(line.database))
        assert await rotation.empty()
        again = await rows(line)
        assert again[0].sealed != written[0].sealed
        newest = {2: line.keys.epochs[Purpose.GATE][2]}
        assert open_record(replace(line.keys, epochs={**line.keys.epochs, Purpose.GATE: newest}), again[0]).rows == 1
        assert (set(await current(line, line.memory)), line.alarms) == (set(), [])
    finally:
        line.keys.shelf.drop(Purpose.GATE, 2)
        async with line.database.begin() as transaction:
            await transaction.run(delete(tables.lesson))


async def test_the_practice_world_s_houses_all_have_a_prior() -> None:
    assert set(HOUSES) == set(House)
