"""What the web process reads and writes for the desk, and people and handouts on the worker's side."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace

import pytest
from sqlalchemy import select

from sealing.rows import ActRow, CaseState, DeskGrant, GrantState, Handout, Part, StorageDown, TaskKind
from storage import tables
from storage.desk_store import MOST_CHALLENGES_EACH, DeskReads
from storage.engine import Database
from storage.queue import SqlQueue
from storage.store import SEEN_DAYS, SqlStore
from tests.databases import SetClock
from tests.storage.rows import a_person, an_envelope, an_id, count, sealed_case


def an_act() -> ActRow:
    return ActRow(an_id(), an_id(), an_id(), "open", secrets.token_bytes(64), secrets.token_bytes(64))


def a_handout(expires: int) -> Handout:
    return Handout(an_id(), an_id(), secrets.token_bytes(64), expires)


@pytest.mark.asyncio
async def test_a_person_is_saved_only_over_the_version_that_was_read(database: Database, clock: SetClock) -> None:
    row, second = a_person(), a_person()
    async with SqlStore(database).begin() as tx:
        assert await tx.save_person(row)
        assert not await tx.save_person(row)
        assert await tx.save_person(replace(row, version=1, duty=b"hours"))
        assert not await tx.save_person(replace(row, version=1))
        assert await tx.save_person(second)
        stored = replace(row, version=2, duty=b"hours")
        assert await tx.person(row.id) == stored
        assert await tx.people() == sorted([stored, replace(second, version=1)], key=lambda person: person.id)
    assert await DeskReads(database, clock).person(row.id) == stored
    assert await DeskReads(database, clock).person(an_id()) is None


@pytest.mark.asyncio
@pytest.mark.claim("T22")
async def test_a_challenge_is_taken_once_and_in_time(database: Database, other: Database, clock: SetClock) -> None:
    desk = DeskReads(database, clock)
    await desk.save_challenge("tag", "teal", clock.now + 10)
    await desk.save_challenge("tag", "heron", clock.now + 99)
    taken = await asyncio.gather(*(each.take_challenge("tag", clock.now) for each in (desk, DeskReads(other, clock), desk)))
    assert sorted(str(person) for person in taken) == ["None", "None", "teal"]
    await desk.save_challenge("late", "teal", clock.now)
    assert await desk.take_challenge("late", clock.now) is None
    assert await desk.take_challenge("unknown", clock.now) is None


@pytest.mark.asyncio
async def test_challenges_are_bounded_for_a_person_and_in_all(database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = DeskReads(database, clock)

    async def saved(person: str, number: int) -> str:
        await desk.save_challenge(tag := f"{person}-{number}", person, clock.now + 1000 + number)
        return tag

    async def left() -> list[str]:
        async with database.begin(reading=True) as transaction:
            return list((await transaction.run(select(tables.challenge.c.tag).order_by(tables.challenge.c.tag))).scalars())

    for number in range(MOST_CHALLENGES_EACH + 2):
        await saved("teal", number)
    assert sorted(await left()) == sorted(f"teal-{n}" for n in range(2, MOST_CHALLENGES_EACH + 2))
    heron = await saved("heron", 0)
    assert heron in await left()
    assert len(await left()) == MOST_CHALLENGES_EACH + 1

    monkeypatch.setattr("storage.desk_store.MOST_CHALLENGES", MOST_CHALLENGES_EACH + 3)
    for number in range(100, 110):
        await saved("", number)
    assert len(await left()) == MOST_CHALLENGES_EACH + 3
    assert {heron, "-108", "-109"} < set(await left()), "nobody's go first, the oldest of them"
    assert await desk.take_challenge("-109", clock.now) == ""
    owl = await saved("owl", -500)
    assert owl in await left(), "the newest is never the one that goes"


@pytest.mark.asyncio
@pytest.mark.claim("T28")
async def test_an_act_is_under_way_until_its_handout_is_fetched_or_it_was_dropped(database: Database, clock: SetClock) -> None:
    desk, act = DeskReads(database, clock), an_act()
    assert not await desk.acting(act.id, act.person_id)
    assert await desk.add_act(act)
    assert await desk.acting(act.id, act.person_id)
    assert not await desk.acting(act.id, an_id())
    assert not await desk.acting(an_id(), act.person_id)
    async with SqlStore(database).begin() as tx:
        await tx.drop_act(act.id)
        await tx.hand_out(Handout(act.id, act.person_id, b"sealed", clock.now + 10))
    assert await desk.acting(act.id, act.person_id)
    assert not await desk.acting(act.id, an_id())
    assert await desk.take_handout(act.id, act.person_id) is not None
    assert not await desk.acting(act.id, act.person_id)


@pytest.mark.asyncio
@pytest.mark.claim("T28")
async def test_a_person_sees_what_was_offered_to_him_with_the_cases_state(database: Database, clock: SetClock) -> None:
    desk, store, reader = DeskReads(database, clock), SqlStore(database), an_id()
    sealings = [await sealed_case(database, clock) for _ in range(4)]
    assert await desk.grants_of(reader) == []
    async with store.begin() as tx:
        for sealing in sealings:
            assert await tx.offer(sealing.grants[0].id, reader, b"stub")
        assert await tx.offer(sealings[0].grants[1].id, an_id(), b"another's")
        assert await tx.move_grant(sealings[1].grants[0].id, GrantState.OFFERED, GrantState.OPEN)
        assert await tx.move_case(sealings[1].case_id, CaseState.SEALED, CaseState.OPEN)
        assert await tx.move_grant(sealings[2].grants[0].id, GrantState.OFFERED, GrantState.STRUCK)
        assert await tx.move_grant(sealings[3].grants[0].id, GrantState.OFFERED, GrantState.GIVEN_UP)
    states = [(GrantState.OFFERED, CaseState.SEALED), (GrantState.OPEN, CaseState.OPEN), (GrantState.STRUCK, CaseState.SEALED)]
    expected = [
        DeskGrant(replace(sealing.grants[0], person_id=reader, state=state, stub=b"stub"), case)
        for sealing, (state, case) in zip(sealings, states, strict=False)
    ]
    assert await desk.grants_of(reader) == sorted(expected, key=lambda held: held.grant.id)
    assert [await desk.open_grant(reader, sealing.case_id) for sealing in sealings] == [False, True, False, False]
    assert not await desk.open_grant(an_id(), sealings[1].case_id)


@pytest.mark.asyncio
async def test_envelopes_come_in_order_of_the_epochs_and_parts_asked_for(database: Database, clock: SetClock) -> None:
    sealing = await sealed_case(database, clock)
    note, second = an_envelope(sealing.case_id, 3, part=Part.NOTE), an_envelope(sealing.case_id, 4, epoch=2)
    async with SqlStore(database).begin() as tx:
        await tx.append([second, note])
    desk = DeskReads(database, clock)
    assert await desk.envelopes(sealing.case_id, [1]) == list(sealing.envelopes)
    assert await desk.envelopes(sealing.case_id, [1, 2]) == [*sealing.envelopes, second]
    assert await desk.envelopes(sealing.case_id, [1], [Part.NOTE]) == [note]
    assert await desk.envelopes(sealing.case_id, []) == []
    assert await desk.envelopes(an_id(), [1]) == []


@pytest.mark.asyncio
async def test_an_act_brings_its_task_and_is_taken_once(database: Database, clock: SetClock) -> None:
    desk, act = DeskReads(database, clock), an_act()
    assert await desk.add_act(act)
    assert not await desk.add_act(replace(act, kind="answer"))
    task = await SqlQueue(database, clock).claim([TaskKind.ACT])
    assert task is not None
    assert task.ref == act.id
    assert await count(database, tables.task) == 1
    async with SqlStore(database).begin() as tx:
        assert await tx.act(act.id) == act
        await tx.drop_act(act.id)
        assert await tx.act(act.id) is None


@pytest.mark.asyncio
@pytest.mark.claim("T28")
async def test_a_handout_goes_once_and_only_to_the_person_who_acted(database: Database, other: Database, clock: SetClock) -> None:
    desk, handout = DeskReads(database, clock), a_handout(clock.now + 10)
    async with SqlStore(database).begin() as tx:
        await tx.hand_out(replace(handout, sealed=b"first"))
        await tx.hand_out(handout)
    assert await desk.take_handout(handout.act_id, an_id()) is None
    assert await desk.take_handout(an_id(), handout.person_id) is None
    taken = await asyncio.gather(*(DeskReads(each, clock).take_handout(handout.act_id, handout.person_id) for each in (database, other)))
    assert sorted(taken, key=str) == sorted([handout, None], key=str)


@pytest.mark.asyncio
async def test_the_sweep_takes_what_has_had_its_time(database: Database, clock: SetClock) -> None:
    desk, store, day = DeskReads(database, clock), SqlStore(database), clock.now // 86_400_000
    old, young = a_handout(clock.now), a_handout(clock.now + 1)
    async with store.begin() as tx:
        await tx.hand_out(old)
        await tx.hand_out(young)
    await desk.save_challenge("old", "teal", clock.now)
    await desk.save_challenge("young", "teal", clock.now + 1)
    async with database.begin() as transaction:
        days = [day, day - SEEN_DAYS, day - SEEN_DAYS - 1]
        await transaction.run(tables.seen.insert(), [{"tag": f"{n}", "day": n} for n in days])
        await transaction.run(tables.tries.insert(), [{"tag": f"{n}", "day": n, "n": 1} for n in (day, day - 1)])
    assert await store.sweep(clock.now) == 4
    assert await store.sweep(clock.now) == 0
    assert await desk.take_handout(young.act_id, young.person_id) == young
    assert await desk.take_challenge("young", clock.now) == "teal"
    assert await count(database, tables.seen) == 2
    assert await count(database, tables.tries) == 1


@pytest.mark.asyncio
async def test_ready_while_the_worker_beats(database: Database, clock: SetClock) -> None:
    desk = DeskReads(database, clock)
    assert not await desk.ready(clock.now)
    await desk.beat("web", clock.now)
    assert not await desk.ready(clock.now)
    await desk.beat("worker", clock.now - 90_000)
    assert not await desk.ready(clock.now)
    await desk.beat("worker", clock.now)
    assert await desk.ready(clock.now + 30_000)
    assert not await desk.ready(clock.now + 30_001)
    assert await desk.ready(clock.now + 30_001, 40_000)


@pytest.mark.asyncio
async def test_a_database_that_is_away_is_said_to_be_down(database: Database, clock: SetClock) -> None:
    desk = DeskReads(database, clock)
    await database.close()
    with pytest.raises(StorageDown):
        await desk.ready(clock.now)
    with pytest.raises(StorageDown):
        await desk.add_act(an_act())
