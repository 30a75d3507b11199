"""Rows to store. Contents are random bytes: to storage, everything is ciphertext."""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import Table, func, select

from sealing.rows import (
    CaseRow,
    CaseState,
    Envelope,
    GrantRow,
    GrantState,
    Part,
    PersonRow,
    SealedCase,
    SealedInbound,
    SendingRow,
    SendingState,
    ThreadRow,
)
from storage.engine import Database
from storage.intake import SqlIntake
from storage.store import SqlStore
from storage.tasks import Clock

DAY = 20_833


def an_id() -> str:
    return secrets.token_hex(16)


def a_message(*, id: str | None = None, dedupe: str | None = None) -> SealedInbound:
    return SealedInbound(id or an_id(), dedupe or secrets.token_hex(32), 3, secrets.token_bytes(64), DAY)


def a_case(*, id: str | None = None, state: CaseState = CaseState.TALKING, version: int = 1) -> CaseRow:
    return CaseRow(id or an_id(), DAY, state, False, version, 0, None, None, None)


def a_thread(case_id: str | None = None, *, tag: str | None = None, version: int = 0) -> ThreadRow:
    return ThreadRow(tag or secrets.token_hex(32), case_id, 3, version, secrets.token_bytes(64))


def an_envelope(case_id: str, seq: int, *, epoch: int = 1, part: Part = Part.MESSAGE) -> Envelope:
    sealed = secrets.token_bytes(64)
    return Envelope(case_id, epoch, seq, part, DAY, hashlib.sha256(sealed).hexdigest(), sealed)


def a_grant(case_id: str, *, id: str | None = None, epoch: int = 1) -> GrantRow:
    return GrantRow(id or an_id(), case_id, epoch, None, GrantState.LOCKED, secrets.token_bytes(32), secrets.token_bytes(32))


def a_sending(case_id: str | None = None, state: SendingState = SendingState.WAITING) -> SendingRow:
    return SendingRow(secrets.token_hex(32), case_id, state, 2, secrets.token_bytes(64))


def a_person(*, id: str | None = None, version: int = 0) -> PersonRow:
    return PersonRow(id or an_id(), "active", version, secrets.token_hex(32), secrets.token_bytes(64), None)


def a_sealing(case_id: str, *, grants: int = 2) -> SealedCase:
    return SealedCase(
        case_id,
        1,
        "age1" + secrets.token_hex(8),
        7,
        True,
        secrets.token_bytes(32),
        (an_envelope(case_id, 1), an_envelope(case_id, 2, part=Part.CONTACT)),
        tuple(a_grant(case_id) for _ in range(grants)),
        (secrets.token_bytes(20), secrets.token_bytes(20)),
    )


async def a_conversation(database: Database, clock: Clock, messages: int = 1) -> tuple[CaseRow, ThreadRow, list[str]]:
    """A talking case, its thread, and the ids of its waiting messages."""
    case = a_case()
    thread = a_thread(case.id)
    accepted = [a_message() for _ in range(messages)]
    intake = SqlIntake(database, clock)
    for message in accepted:
        await intake.accept(message)
    async with SqlStore(database).begin() as tx:
        for message in accepted:
            assert await tx.attach(message.id, thread.tag)
        assert await tx.add_case(case)
        assert await tx.save_thread(thread)
    return case, thread, [message.id for message in accepted]


async def sealed_case(database: Database, clock: Clock) -> SealedCase:
    case, _, _ = await a_conversation(database, clock)
    sealing = a_sealing(case.id)
    async with SqlStore(database).begin() as tx:
        assert await tx.seal(sealing, case.version)
    return sealing


async def count(database: Database, table: Table) -> int:
    async with database.begin(reading=True) as transaction:
        return int((await transaction.run(select(func.count()).select_from(table))).scalar_one())
