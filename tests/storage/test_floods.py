"""Clusters: counted once whoever counts, read again only when they changed, kept as long as their item goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sealing.rows import CaseState, ClusterRow
from storage import tables
from storage.counting import tally
from storage.engine import Database
from storage.floods import CHUNK, KEPT_DAYS
from storage.store import SqlStore
from tests.databases import SetClock
from tests.storage.rows import a_case, a_conversation, a_sealing, an_id, count

pytestmark = pytest.mark.asyncio
DAY = 20_000
DAY_MS = 86_400_000


def a_cluster(*, day: int = DAY, case_id: str | None = None) -> ClusterRow:
    return ClusterRow(an_id(), case_id, day, 1, 0, b"sealed")


async def test_a_cluster_is_saved_from_the_version_that_was_read_and_from_no_other(database: Database, other: Database) -> None:
    row = a_cluster()
    async with SqlStore(database).begin() as tx:
        assert await tx.save_cluster(row)
        assert not await tx.save_cluster(row), "there is one already"
    async with SqlStore(other).begin() as tx:
        assert await tx.save_cluster(replace(row, version=1, sealed=b"newer"))
    async with SqlStore(database).begin() as tx:
        assert not await tx.save_cluster(replace(row, version=1, sealed=b"late"))
        named, found = await tx.clusters(DAY, {})
    assert (set(named), list(found)) == ({row.id}, [replace(row, version=2, sealed=b"newer")])


async def test_only_what_changed_is_read_and_all_that_is_there_is_named(database: Database) -> None:
    rows = [a_cluster() for _ in range(CHUNK + 20)]
    old = a_cluster(day=DAY - 1)
    async with SqlStore(database).begin() as tx:
        for row in [*rows, old]:
            assert await tx.save_cluster(row)
    async with SqlStore(database).begin() as tx:
        named, found = await tx.clusters(DAY, {})
        assert named == {row.id for row in rows}
        assert {row.id: row for row in found} == {row.id: replace(row, version=1) for row in rows}
        named, found = await tx.clusters(DAY, {row.id: 1 for row in rows[1:]} | {rows[0].id: 7, old.id: 1})
        assert len(named) == len(rows)
        assert [row.id for row in found] == [rows[0].id]
        await tx.drop_clusters([row.id for row in rows])
        named, found = await tx.clusters(DAY - 1, {})
    assert (set(named), list(found)) == ({old.id}, [replace(old, version=1)])


async def test_the_sweep_keeps_an_item_that_goes_on_and_takes_the_rest(database: Database) -> None:
    going, over = a_case(), replace(a_case(), state=CaseState.CLOSED)
    store, young = SqlStore(database), a_cluster(day=DAY - KEPT_DAYS)
    item, ended, alone = (a_cluster(day=DAY - KEPT_DAYS - 1, case_id=case) for case in (going.id, over.id, None))
    async with store.begin() as tx:
        for case in (going, over):
            assert await tx.add_case(case)
        for row in (young, item, ended, alone):
            assert await tx.save_cluster(row)
    assert (await tally(database, 0)).floods == 1
    assert await store.sweep(DAY * DAY_MS) == 2
    async with store.begin() as tx:
        assert (await tx.clusters(0, {}))[0] == {young.id, item.id}


async def test_a_sealing_takes_the_messages_it_holds_and_leaves_the_others(database: Database, clock: SetClock) -> None:
    case, thread, messages = await a_conversation(database, clock, messages=3)
    store = SqlStore(database)
    async with store.begin() as tx:
        assert [row.tag for row in await tx.threads_waiting(case.id, 9)] == [thread.tag]
        assert await tx.seal(replace(a_sealing(case.id), inbound=tuple(messages[:2])), case.version)
    async with store.begin() as tx:
        assert [row.id for row in await tx.inbound_of(thread.tag)] == messages[2:]
        await tx.drop_inbound(messages)
        assert await tx.threads_waiting(case.id, 9) == []
    assert await count(database, tables.thread) == 1
