"""Who had really read a case that an outcome is of: by the log, never by a row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, select, update

from bot.enrol import enrolment_at
from handlers import openings
from handlers.kept import Kept
from handlers.openings import KIND as OPENED
from handlers.ports import Trouble
from handlers.requests import Result
from handlers.roster import judge
from routing.cards import card_bytes
from sealing import age, signing
from sealing.card import SignedCard
from sealing.custody import EntryKind, leaf
from sealing.rows import HOUR_MS, GrantState
from sealing.said import Ending
from storage import tables
from tests.handlers.cases.closing import close, closed_by_coin, decide
from tests.handlers.learning.records import looked_at, of_case, taught
from tests.handlers.test_line_escrow import gate_of
from tests.line import TestLine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket]


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
