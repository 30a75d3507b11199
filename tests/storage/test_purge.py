"""What a purge deletes, of which case, and that it deletes no message that nobody has read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from sealing.rows import CaseRow, CaseState, GrantState, MessagesWait, OutcomeRow, SealedCase, SendingState, ShareRow, ShareState
from storage import tables
from storage.engine import Database
from storage.intake import SqlIntake
from storage.store import SqlStore
from tests.databases import SetClock
from tests.storage.rows import DAY, a_case, a_message, a_sending, an_id, sealed_case

pytestmark = pytest.mark.asyncio
OF_A_CASE = (tables.envelope, tables.grant, tables.share, tables.sending, tables.code, tables.cluster, tables.thread)


async def closed_case(database: Database, clock: SetClock) -> SealedCase:
    sealing = await sealed_case(database, clock)
    case_id = sealing.case_id
    async with database.begin() as transaction:
        await transaction.run(tables.code.insert(), [{"tag": an_id(), "case_id": case_id}])
        cluster = {"id": an_id(), "case_id": case_id, "day": DAY, "epoch": 1, "version": 1, "sealed": b"x"}
        await transaction.run(tables.cluster.insert(), [cluster])
    async with SqlStore(database).begin() as tx:
        await tx.add_shares([ShareRow(an_id(), case_id, 1, an_id(), ShareState.LOCKED, b"x")])
        await tx.add_sending(a_sending(case_id, SendingState.SENT))
        await tx.move_grant(sealing.grants[0].id, GrantState.LOCKED, GrantState.DONE)
        await tx.save_outcome(OutcomeRow(an_id(), b"x"))
        assert await tx.move_case(case_id, CaseState.SEALED, CaseState.CLOSED)
    return sealing


async def rows(database: Database, case_id: str) -> dict[str, int]:
    async with database.begin(reading=True) as transaction:
        found = {table.name: select(table).where(table.c.case_id == case_id) for table in OF_A_CASE}
        return {name: len((await transaction.run(query)).all()) for name, query in found.items()}


async def test_a_purge_takes_everything_of_one_case_and_leaves_that_it_was(database: Database, clock: SetClock) -> None:
    gone, stays = await closed_case(database, clock), await closed_case(database, clock)
    before = await rows(database, stays.case_id)
    assert min(before.values()) > 0
    assert await rows(database, gone.case_id) == before
    leaves = await SqlStore(database).leaves()
    async with SqlStore(database).begin() as tx:
        assert await tx.purge(gone.case_id)
        left = await tx.case(gone.case_id)
        assert left == replace(a_case(id=gone.case_id, state=CaseState.PURGED), version=2)
        assert not await tx.purge(gone.case_id)
    assert set((await rows(database, gone.case_id)).values()) == {0}
    assert await rows(database, stays.case_id) == before
    assert await SqlStore(database).leaves() == leaves
    async with database.begin(reading=True) as transaction:
        assert len((await transaction.run(select(tables.outcome))).all()) == 2


@pytest.mark.claim("T48")
async def test_no_other_state_is_purged(database: Database, clock: SetClock) -> None:
    case_id = (await closed_case(database, clock)).case_id
    before, now = await rows(database, case_id), CaseState.CLOSED
    for state in set(CaseState) - {CaseState.CLOSED}:
        async with SqlStore(database).begin() as tx:
            assert await tx.move_case(case_id, now, state)
            assert not await tx.purge(case_id)
        now = state
    assert await rows(database, case_id) == before


async def test_a_message_that_waits_stops_the_purge(database: Database, clock: SetClock) -> None:
    sealing = await closed_case(database, clock)
    message = a_message()
    await SqlIntake(database, clock).accept(message)
    async with SqlStore(database).begin() as tx:
        thread = await tx.thread_of(sealing.case_id)
        assert thread is not None
        assert await tx.attach(message.id, thread.tag)
    before = await rows(database, sealing.case_id)
    with pytest.raises(MessagesWait):
        async with SqlStore(database).begin() as tx:
            await tx.purge(sealing.case_id)
    assert await rows(database, sealing.case_id) == before
    async with SqlStore(database).begin() as tx:
        case = await tx.case(sealing.case_id)
    assert isinstance(case, CaseRow)
    assert case.state is CaseState.CLOSED
