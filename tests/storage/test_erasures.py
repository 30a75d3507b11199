"""What lies at the providers, and what they tell of our texts: doubled, late, and in any order."""

from __future__ import annotations

from itertools import permutations

import pytest

from sealing.rows import ErasureRow, Receipt, Seen, SendingState, TaskKind
from storage import tables
from storage.engine import Database
from storage.erasures import SqlReceipts
from storage.store import SqlStore
from tests.databases import SetClock
from tests.storage.rows import DAY, a_sending, an_id, count, sealed_case

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
IN_FLIGHT = "1" * 64


async def added(database: Database, case_id: str | None, state: SendingState) -> str:
    row = a_sending(case_id, SendingState.DUE)
    async with SqlStore(database).begin() as tx:
        await tx.add_sending(row)
        if state is SendingState.SENDING:
            assert await tx.claim_sending(row.id, IN_FLIGHT)
        elif state is not SendingState.DUE:
            assert await tx.move_sending(row.id, SendingState.DUE, state, keep=True)
    return row.id


async def now(database: Database, sending: str) -> tuple[SendingState, bool]:
    """State, and whether its text is still there."""
    async with SqlStore(database).begin() as tx:
        row = await tx.sending(sending)
    assert row is not None
    return row.state, bool(row.sealed)


TAKEN = (SendingState.SENDING, SendingState.UNKNOWN, SendingState.SENT)


@pytest.mark.parametrize("state", [*TAKEN, SendingState.WAITING, SendingState.DUE])
async def test_an_answer_that_arrived_is_sent_for_good(database: Database, clock: SetClock, state: SendingState) -> None:
    case = await sealed_case(database, clock)
    sending = await added(database, case.case_id, state)
    for _ in range(2):
        await SqlReceipts(database).record(sending, Receipt.DELIVERED)
        assert await now(database, sending) == (SendingState.SENT, False)
    await SqlReceipts(database).record(sending, Receipt.FAILED)
    assert await now(database, sending) == (SendingState.SENT, False), "it did arrive"


@pytest.mark.claim("T31")
@pytest.mark.parametrize("state", TAKEN)
async def test_an_answer_that_failed_waits_for_the_source_and_goes_out_again(
    database: Database, clock: SetClock, state: SendingState
) -> None:
    case = await sealed_case(database, clock)
    sending = await added(database, case.case_id, state)
    for _ in range(2):
        await SqlReceipts(database).record(sending, Receipt.FAILED)
        assert await now(database, sending) == (SendingState.WAITING, True)
    async with SqlStore(database).begin() as tx:
        assert not await tx.move_sending(sending, SendingState.SENDING, SendingState.SENT, keep=True), (
            "the worker's own record comes too late"
        )
        assert await tx.release_waiting(case.case_id, clock.now) == 1
    assert await now(database, sending) == (SendingState.DUE, True)
    await SqlReceipts(database).record(sending, Receipt.FAILED)
    assert await now(database, sending) == (SendingState.DUE, True), "nothing of it is with the provider now"


@pytest.mark.parametrize("state", TAKEN)
async def test_a_question_of_ours_that_failed_is_given_up(database: Database, state: SendingState) -> None:
    sending = await added(database, None, state)
    await SqlReceipts(database).record(sending, Receipt.FAILED)
    assert await now(database, sending) == (SendingState.SHELVED, False)


@pytest.mark.parametrize("receipt", Receipt)
async def test_what_was_given_up_stays_so(database: Database, clock: SetClock, receipt: Receipt) -> None:
    case = await sealed_case(database, clock)
    for case_id in (None, case.case_id):
        sending = await added(database, case_id, SendingState.SHELVED)
        await SqlReceipts(database).record(sending, receipt)
        assert await now(database, sending) == (SendingState.SHELVED, False)


@pytest.mark.claim("T31")
@pytest.mark.parametrize("told", sorted(set(permutations([Receipt.DELIVERED, Receipt.FAILED, Receipt.FAILED, Receipt.DELIVERED]))))
async def test_in_any_order_an_answer_that_arrived_is_never_told_again(
    database: Database, clock: SetClock, told: tuple[Receipt, ...]
) -> None:
    case = await sealed_case(database, clock)
    sending = await added(database, case.case_id, SendingState.SENT)
    for receipt in told:
        await SqlReceipts(database).record(sending, receipt)
    assert await now(database, sending) == (SendingState.SENT, False)


async def test_what_was_told_once_counts_once(database: Database, clock: SetClock) -> None:
    case = await sealed_case(database, clock)
    sending = await added(database, case.case_id, SendingState.SENT)
    receipts, first = SqlReceipts(database), Seen("a" * 64, DAY)
    await receipts.record(sending, Receipt.FAILED, first)
    async with SqlStore(database).begin() as tx:
        await tx.release_waiting(case.case_id, clock.now)
        assert await tx.claim_sending(sending, IN_FLIGHT)
    await receipts.record(sending, Receipt.FAILED, first)
    assert await now(database, sending) == (SendingState.SENDING, True)
    await receipts.record(sending, Receipt.FAILED, Seen("b" * 64, DAY))
    assert await now(database, sending) == (SendingState.WAITING, True)


async def test_a_receipt_lets_the_next_text_to_this_address_go(database: Database, clock: SetClock) -> None:
    """It can overtake the worker's own record, or find one whose worker died."""
    case = await sealed_case(database, clock)
    first, second = await added(database, case.case_id, SendingState.SENDING), await added(database, case.case_id, SendingState.DUE)
    async with SqlStore(database).begin() as tx:
        assert not await tx.claim_sending(second, IN_FLIGHT)
    await SqlReceipts(database).record(first, Receipt.DELIVERED)
    async with SqlStore(database).begin() as tx:
        assert await tx.claim_sending(second, IN_FLIGHT)


async def test_an_id_that_nobody_knows_changes_nothing(database: Database, clock: SetClock) -> None:
    case = await sealed_case(database, clock)
    sending = await added(database, case.case_id, SendingState.SENT)
    for receipt in Receipt:
        await SqlReceipts(database).record("f" * 64, receipt)
    assert await now(database, sending) == (SendingState.SENT, True)


def an_erasure(thread: str, day: int = DAY) -> ErasureRow:
    return ErasureRow(an_id() * 2, thread, day, 2, b"sealed")


async def test_everything_of_one_conversation_is_asked_for_and_nothing_else(database: Database) -> None:
    ours, theirs = "1" * 64, "2" * 64
    rows = [an_erasure(ours), an_erasure(ours), an_erasure(theirs)]
    async with SqlStore(database).begin() as tx:
        for row in (*rows, rows[0]):
            await tx.add_erasure(row)
        await tx.erase_all(ours, 5)
        await tx.erase_all("3" * 64, 5)
    async with database.begin(reading=True) as transaction:
        found = {(row.kind, row.ref, row.due) for row in await transaction.run(tables.task.select())}
    assert found == {(TaskKind.ERASE, row.id, 5) for row in rows[:2]}
    async with SqlStore(database).begin() as tx:
        assert await tx.erasure(rows[0].id) == rows[0]
        await tx.drop_erasure(rows[0].id)
        assert await tx.erasure(rows[0].id) is None
    assert await count(database, tables.erasure) == 2


async def test_what_no_longer_can_be_deleted_is_forgotten(database: Database) -> None:
    thread = "1" * 64
    old, young, others = an_erasure(thread, DAY - 4), an_erasure(thread, DAY - 3), an_erasure("2" * 64, DAY - 4)
    async with SqlStore(database).begin() as tx:
        for row in (old, young, others):
            await tx.add_erasure(row)
        await tx.drop_old_erasures(thread, DAY - 3)
        assert [await tx.erasure(row.id) for row in (old, young, others)] == [None, young, others]
