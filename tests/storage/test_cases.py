"""Cases: sealed whole, once, and only as they were read; grants, epochs and the custody log."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace

import pytest

from sealing.rows import CaseState, ClusterRow, GrantState, SealedCase, StorageDown
from storage import tables
from storage.engine import Database
from storage.intake import SqlIntake
from storage.store import SqlStore
from tests.databases import SetClock
from tests.storage.rows import a_case, a_conversation, a_grant, a_message, a_sealing, an_envelope, an_id, count, sealed_case


@pytest.mark.asyncio
async def test_a_case_is_added_once_and_moved_from_the_state_it_is_in(database: Database) -> None:
    row = a_case()
    async with SqlStore(database).begin() as tx:
        assert await tx.add_case(row)
        assert not await tx.add_case(replace(row, urgent=True))
        assert await tx.case(row.id) == row
        assert not await tx.move_case(row.id, CaseState.SEALED, CaseState.OPEN)
        assert await tx.move_case(row.id, CaseState.TALKING, CaseState.HELD)
        assert await tx.case(row.id) == replace(row, state=CaseState.HELD)
        assert await tx.case(an_id()) is None


@pytest.mark.asyncio
async def test_sealing_writes_everything_and_deletes_what_it_sealed(database: Database, other: Database, clock: SetClock) -> None:
    case, thread, _ = await a_conversation(database, clock, 3)
    _, _, foreign = await a_conversation(database, clock, 1)
    sealing = a_sealing(case.id)
    async with SqlStore(database).begin() as tx:
        assert await tx.seal(sealing, case.version)
    async with SqlStore(other).begin() as tx:
        assert await tx.case(case.id) == replace(
            case,
            state=CaseState.SEALED,
            urgent=True,
            version=case.version + 1,
            epoch=1,
            recipient=sealing.recipient,
            delivery_epoch=7,
            gate=sealing.gate,
        )
        assert tuple(await tx.envelopes(case.id)) == sealing.envelopes
        assert {grant.id: grant for grant in await tx.grants(case.id)} == {grant.id: grant for grant in sealing.grants}
        assert not await tx.inbound_of(thread.tag)
        assert await tx.inbound(foreign[0]) is not None
    assert await SqlStore(other).leaves() == list(sealing.entries)


async def _sealing_changes_nothing(database: Database, sealing: SealedCase, version: int) -> None:
    store = SqlStore(database)
    watched = (tables.envelope, tables.grant, tables.custody, tables.inbound)
    before = [await count(database, table) for table in watched]
    async with store.begin() as tx:
        case = await tx.case(sealing.case_id)
        assert not await tx.seal(sealing, version)
    async with store.begin() as tx:
        assert await tx.case(sealing.case_id) == case
    assert [await count(database, table) for table in watched] == before


@pytest.mark.asyncio
async def test_a_second_sealing_writes_nothing(database: Database, clock: SetClock) -> None:
    first = await sealed_case(database, clock)
    await _sealing_changes_nothing(database, a_sealing(first.case_id), 1)
    await _sealing_changes_nothing(database, a_sealing(first.case_id), 2)


@pytest.mark.asyncio
async def test_a_sealing_that_did_not_read_the_newest_message_writes_nothing_and_loses_nothing(database: Database, clock: SetClock) -> None:
    case, thread, ids = await a_conversation(database, clock)
    late = a_message()
    await SqlIntake(database, clock).accept(late)
    async with SqlStore(database).begin() as tx:
        assert await tx.attach(late.id, thread.tag)
    await _sealing_changes_nothing(database, a_sealing(case.id), case.version)
    async with SqlStore(database).begin() as tx:
        assert [row.id for row in await tx.inbound_of(thread.tag)] == [*ids, late.id]


@pytest.mark.asyncio
async def test_a_message_that_comes_while_a_case_is_sealed_survives(database: Database, other: Database, clock: SetClock) -> None:
    """Whichever of the two commits first, the message is in a row or its sealing has failed."""
    for _ in range(5):
        case, thread, _ = await a_conversation(database, clock)
        late = a_message()
        await SqlIntake(database, clock).accept(late)

        async def seal(case_id: str = case.id, version: int = case.version) -> bool:
            async with SqlStore(database).begin() as tx:
                return await tx.seal(a_sealing(case_id), version)

        async def attach(id: str = late.id, tag: str = thread.tag) -> bool:
            async with SqlStore(other).begin() as tx:
                return await tx.attach(id, tag)

        _, attached = await asyncio.gather(seal(), attach())
        assert attached
        async with SqlStore(database).begin() as tx:
            assert late.id in [row.id for row in await tx.inbound_of(thread.tag)]


@pytest.mark.asyncio
async def test_of_two_sealings_at_once_one_is_written(database: Database, other: Database, clock: SetClock) -> None:
    case, _, _ = await a_conversation(database, clock)

    async def seal(where: Database) -> bool:
        async with SqlStore(where).begin() as tx:
            return await tx.seal(a_sealing(case.id), case.version)

    assert sorted(await asyncio.gather(seal(database), seal(other), seal(database), seal(other))) == [False, False, False, True]
    assert await count(database, tables.grant) == 2
    assert await count(database, tables.custody) == 2


@pytest.mark.asyncio
async def test_a_sealing_that_breaks_off_leaves_the_tip_where_it_was(database: Database, clock: SetClock) -> None:
    case, thread, ids = await a_conversation(database, clock)
    sealing = a_sealing(case.id)
    broken = replace(sealing, grants=(sealing.grants[0], sealing.grants[0]))

    async def seal() -> None:
        async with SqlStore(database).begin() as tx:
            await tx.seal(broken, case.version)

    with pytest.raises(StorageDown):
        await seal()
    async with SqlStore(database).begin() as tx:
        assert await tx.case(case.id) == case
        assert [row.id for row in await tx.inbound_of(thread.tag)] == ids
    assert await count(database, tables.envelope) == 0
    async with SqlStore(database).begin() as tx:
        assert await tx.seal(sealing, case.version)


@pytest.mark.asyncio
async def test_an_envelope_of_no_case_or_in_a_taken_place_is_refused(database: Database, clock: SetClock) -> None:
    sealing = await sealed_case(database, clock)

    async def append(case_id: str, seq: int) -> None:
        async with SqlStore(database).begin() as tx:
            await tx.append([an_envelope(case_id, seq)])

    with pytest.raises(StorageDown):
        await append(an_id(), 1)
    with pytest.raises(StorageDown):
        await append(sealing.case_id, 2)
    await append(sealing.case_id, 3)
    async with SqlStore(database).begin() as tx:
        assert [envelope.seq for envelope in await tx.envelopes(sealing.case_id)] == [1, 2, 3]


@pytest.mark.asyncio
async def test_the_gate_changes_only_from_the_version_that_was_read(database: Database, clock: SetClock) -> None:
    sealing = await sealed_case(database, clock)
    async with SqlStore(database).begin() as tx:
        assert not await tx.update_gate(sealing.case_id, b"late", 1)
        assert await tx.update_gate(sealing.case_id, b"newer", 2)
        assert not await tx.update_gate(sealing.case_id, b"late", 2)
        case = await tx.case(sealing.case_id)
    assert case is not None
    assert (case.gate, case.version) == (b"newer", 3)


@pytest.mark.asyncio
async def test_a_new_epoch_is_higher_and_of_a_case_that_goes_on(database: Database, clock: SetClock) -> None:
    sealing, talking = await sealed_case(database, clock), a_case()
    async with SqlStore(database).begin() as tx:
        assert await tx.add_case(talking)
        assert not await tx.raise_epoch(talking.id, 2, "age1second", b"gate", talking.version)
        assert not await tx.raise_epoch(sealing.case_id, 2, "age1second", b"gate", 1)
        assert not await tx.raise_epoch(sealing.case_id, 1, "age1second", b"gate", 2)
        assert await tx.raise_epoch(sealing.case_id, 2, "age1second", b"gate", 2)
        await tx.add_grants([a_grant(sealing.case_id, epoch=2)])
        await tx.add_grants([])
        case = await tx.case(sealing.case_id)
        grants = await tx.grants(sealing.case_id)
    assert case is not None
    assert (case.epoch, case.recipient, case.gate, case.version) == (2, "age1second", b"gate", 3)
    assert sorted(grant.epoch for grant in grants) == [1, 1, 2]


@pytest.mark.asyncio
async def test_an_offer_names_the_reader_once_and_leaves_the_key_file_locked(database: Database, clock: SetClock) -> None:
    sealing = await sealed_case(database, clock)
    locked, reader = sealing.grants[0], an_id()
    async with SqlStore(database).begin() as tx:
        assert await tx.grant(locked.id) == locked
        assert await tx.offer(locked.id, reader, b"peeled")
        assert not await tx.offer(locked.id, an_id(), b"again")
        offered = replace(locked, person_id=reader, state=GrantState.OFFERED, stub=b"peeled")
        assert await tx.grant(locked.id) == offered
        assert not await tx.move_grant(locked.id, GrantState.LOCKED, GrantState.OPEN)
        assert await tx.move_grant(locked.id, GrantState.OFFERED, GrantState.OPEN)
        assert await tx.grant(locked.id) == replace(offered, state=GrantState.OPEN)


@pytest.mark.asyncio
async def test_open_cases_counts_what_a_reader_carries(database: Database, clock: SetClock) -> None:
    store, reader, second = SqlStore(database), an_id(), an_id()
    carried = [await sealed_case(database, clock) for _ in range(4)]
    async with store.begin() as tx:
        assert await tx.open_cases() == {}
        for sealing in carried:
            assert await tx.offer(sealing.grants[0].id, reader, b"")
        assert await tx.offer(carried[0].grants[1].id, second, b"")
        assert await tx.open_cases() == {reader: 4, second: 1}
        assert await tx.move_grant(carried[0].grants[0].id, GrantState.OFFERED, GrantState.OPEN)
        assert await tx.move_grant(carried[1].grants[0].id, GrantState.OFFERED, GrantState.GIVEN_UP)
        assert await tx.move_case(carried[2].case_id, CaseState.SEALED, CaseState.CLOSED)
        assert await tx.move_case(carried[3].case_id, CaseState.SEALED, CaseState.CLOSING)
        assert await tx.open_cases() == {reader: 2, second: 1}
        assert await tx.readers() == {reader, second}


@pytest.mark.asyncio
async def test_a_floods_item_is_read_and_is_no_load(database: Database, clock: SetClock) -> None:
    store, reader, second = SqlStore(database), an_id(), an_id()
    item, tip = [await sealed_case(database, clock) for _ in range(2)]
    async with store.begin() as tx:
        assert await tx.save_cluster(ClusterRow(an_id(), item.case_id, 1, 1, 0, b"sealed"))
        assert await tx.save_cluster(ClusterRow(an_id(), None, 1, 1, 0, b"sealed"))
        assert await tx.offer(item.grants[0].id, reader, b"")
        assert await tx.offer(item.grants[1].id, second, b"")
        assert await tx.offer(tip.grants[0].id, reader, b"")
        assert await tx.open_cases() == {reader: 1}
        assert await tx.readers() == {reader, second}


@pytest.mark.asyncio
async def test_a_case_of_two_epochs_is_one_case(database: Database, clock: SetClock) -> None:
    """Else a source who writes on makes his reader's desk look full."""
    reader, sealing = an_id(), await sealed_case(database, clock)
    renewed = a_grant(sealing.case_id, epoch=2)
    async with SqlStore(database).begin() as tx:
        await tx.add_grants([renewed])
        assert await tx.offer(sealing.grants[0].id, reader, b"")
        assert await tx.offer(renewed.id, reader, b"")
        assert await tx.open_cases() == {reader: 1}


@pytest.mark.asyncio
async def test_custody_leaves_are_numbered_without_gaps_and_rolled_back_ones_take_no_number(database: Database, other: Database) -> None:
    leaves = [secrets.token_bytes(16) for _ in range(20)]

    async def log(where: Database, leaf: bytes) -> None:
        async with SqlStore(where).begin() as tx:
            await tx.log(leaf)

    async def break_off() -> None:
        async with SqlStore(database).begin() as tx:
            await tx.log(b"never")
            raise LookupError

    for leaf in leaves[:5]:
        await log(database, leaf)
    with pytest.raises(LookupError):
        await break_off()
    await asyncio.gather(*(log(where, leaf) for where, leaf in zip([database, other] * 8, leaves[5:], strict=False)))
    stored = await SqlStore(database).leaves()
    assert stored[:5] == leaves[:5]
    assert sorted(stored) == sorted(leaves)
    assert await SqlStore(database).leaves(19) == stored[19:]
    async with database.begin(reading=True) as transaction:
        numbers = list((await transaction.run(tables.custody.select().order_by(tables.custody.c.seq))).scalars())
    assert numbers == list(range(20))
