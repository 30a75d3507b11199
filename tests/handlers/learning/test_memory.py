"""From rows to beliefs: records that outlive the case, tell of no case, and teach the same in whatever way they are read."""

from __future__ import annotations

import gc
import hashlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import StrEnum

import pytest
from sqlalchemy import delete, func, select, update

from handlers import lessons
from handlers.lessons import Memory, open_record
from handlers.lost_lessons import LostLessons
from handlers.ports import Trouble
from handlers.requests import Result
from handlers.roster_log import Book
from handlers.rotation import Rotation
from routing.learning import Verdict
from sealing import age, signing
from sealing.custody import EntryKind, read_leaf
from sealing.learned_rows import LessonRow
from sealing.rows import DAY_MS, HOUR_MS, CaseState, Purpose, StorageDown
from sealing.said import Ending
from sealing.secret_files import KeyFolder
from storage import tables
from storage.epochs import SqlEpochs
from tests.handlers.cases.closing import close, closed_by_coin, decide, purge_now, second_look, state_of
from tests.handlers.learning.records import current, leaked, lesson, other_worker, put, records, rows
from tests.line import TestLine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket]


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


async def test_outcomes_that_came_in_another_order_than_a_start_reads_them_are_read_anew(line: TestLine) -> None:
    """Of one day, by their ids: a bad outcome behind good ones, or in front of them, is not the same."""
    good = [replace(leaked("p1", day=90 + n), verdict=Verdict.CLEAN, informer=f"x{n}") for n in range(4)]
    for n, event in enumerate(good):
        await put(line, lesson(line, n, event, day=event.day))
        await current(line, line.memory)
    numbers = iter(range(10, 99))
    later, earlier = max((pair for pair in itertools.pairwise(numbers)), key=lambda pair: _id(line, pair[0]) > _id(line, pair[1]))
    for n, event in ((later, leaked("p1")), (earlier, replace(good[0], informer="x9", day=100))):
        await put(line, lesson(line, n, event))
        live = await current(line, line.memory)
    started = other_worker(line)
    await started.learn(line.store)
    anew = await current(line, started)
    assert live != anew, "or this shows nothing"
    await line.memory.learn(line.store)
    assert await current(line, line.memory) == anew
    assert line.alarms == []


def _id(line: TestLine, n: int) -> str:
    return lesson(line, n).id


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
