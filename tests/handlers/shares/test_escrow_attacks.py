"""Who gets nothing out of escrow, and what goes wrong on the way: colluding trustees, foreign, repeated, wrong and dummy shares, readers
who approve, trustees who may not, a next reader who leaves, nobody to come, too few trustees."""

from __future__ import annotations

import base64
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from sqlalchemy import select

from handlers.ports import Trouble
from handlers.requests import Refusal, Result
from routing.people import Hold, Role
from sealing import age, shares, signing
from sealing.age import OpenError
from sealing.case import sha256
from sealing.custody import Entry, EntryKind
from sealing.rows import CaseState, GrantState, Purpose, ShareState, TaskKind
from sealing.shares import CODES, SharesError
from storage import tables
from tests.handlers.test_line_escrow import (
    TOWN,
    approve,
    enrol_trustee,
    exhaust,
    exhausted,
    gate_of,
    give,
    resealed,
    rows,
    say,
    send,
    texts,
)
from tests.handlers.test_line_reading import PHONE, TIP, URGENT, case_texts, everything, sealed_case
from tests.line import TestLine, practice_line
from tests.secrets_search import ciphertexts_in, identities_in, opened_by

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


ALONE = "2e1a4371923b09918876326304908d4b"
"""Of the practice roster; nothing excludes him from a case in Peñalta."""


async def next_reader(line: TestLine, case_id: str) -> str:
    (seat,) = (await gate_of(line, case_id)).standing()
    return seat.person


@pytest.mark.claim("T50")
async def test_all_but_one_trustee_and_the_whole_server_open_nothing(line: TestLine) -> None:
    """The server's secrets, the database, and one of two trustees who are needed. With the other one the same search opens the case."""
    case_id, asked = await exhausted(line, 2)
    files, columns = await everything(line)
    identities, ciphertexts = identities_in([*files, *columns]), ciphertexts_in(columns)
    few = {sealed for sealed in ciphertexts if len(sealed) < 40_000}
    release = set(line.keys.epochs[Purpose.RELEASE].values())
    mine = line.person_keys[asked[0].person_id].identity
    opened = opened_by({*identities, mine}, few)
    held = [shares.read_share(plain) for plain in opened if b'"kind":"share"' in plain]
    assert {share.epoch for share in held} == {CODES, 1}
    assert len({share.share for share in held}) == 2, "his own two, and no other's"
    assert case_texts(opened) == []
    both = opened_by({*release, mine, line.person_keys[asked[1].person_id].identity}, few)
    found = [share for plain in both if b'"kind":"share"' in plain if (share := shares.read_share(plain)).epoch == 1]
    identity = shares.recover([share.share for share in found], found[0].recipient, 2)
    assert await texts(line, case_id, identity) == [TIP], "the search is worth something"


async def test_who_may_not_gets_no_share_and_gives_none(line: TestLine) -> None:
    """A reader of the order, a trustee with another's share, one whom the case excludes, one who is not asked, a wrong signature."""
    excluded = await enrol_trustee(line, home=TOWN)
    case_id, asked = await exhausted(line)
    fourth = next(share for share in asked if share.person_id == excluded)
    first, second = [share for share in asked if share.person_id != excluded][:2]
    reader = (await gate_of(line, case_id)).order[0].person
    assert (await approve(line, first, reader))["code"] == Refusal.NOT_YOURS
    assert (await approve(line, first, second.person_id))["code"] == Refusal.NOT_YOURS
    assert (await approve(line, fourth))["code"] == Refusal.GATE
    other = await sealed_case(line, "Otro caso: en Peñalta obligan a trabajar a mujeres en una fábrica", "+999 100 0002")
    locked = next(share for share in await rows(line, other) if share.person_id == first.person_id)
    assert (await approve(line, locked))["code"] == Refusal.NOT_YOURS, "nobody asked for this one"
    body = Entry(line.clock.now // 3_600_000, EntryKind.APPROVE, case_id, sha256(first.sealed), line.card_of(first.person_id)).body()
    forged = signing.sign(line.person_keys[first.person_id].sign_seed, signing.Use.OPEN, body)
    told = await line.act(first.person_id, case_id, "approve", forged, age.seal(body, line.keys.recipient(Purpose.GATE)[1]))
    assert told["code"] == Refusal.BAD_SIGNATURE
    assert {entry.kind for entry in await line.leaves()}.isdisjoint({EntryKind.APPROVE, EntryKind.RESEAL})
    assert {share.state for share in await rows(line, case_id)} == {ShareState.ASKED}


@pytest.mark.claim("T50")
async def test_a_dummy_looks_like_a_share_and_the_excluded_trustee_cannot_give_it(line: TestLine) -> None:
    excluded = await enrol_trustee(line, home=TOWN)
    case_id, asked = await exhausted(line, 2)
    assert len(asked) == 3
    plain = {share.person_id: age.unseal(line.keys.peel(share.sealed), line.person_keys[share.person_id].identity) for share in asked}
    assert len({len(text) for text in plain.values()}) == 1
    held = {person: shares.read_share(text) for person, text in plain.items()}
    assert len({(s.case, s.epoch, s.recipient, s.needed, len(s.share)) for s in held.values()}) == 1
    assert len({s.share[-1] for s in held.values()}) == 3
    fake, *real = [held[excluded].share, *(share.share for person, share in held.items() if person != excluded)]
    for one in real:
        with pytest.raises(SharesError):
            shares.recover([fake, one], held[excluded].recipient, 2)
    assert await texts(line, case_id, shares.recover(real, held[excluded].recipient, 2)) == [TIP]
    reader = line.cards[await next_reader(line, case_id)]
    dummy = next(share for share in asked if share.person_id == excluded)
    made = shares.for_reader(
        line.keys.peel(dummy.sealed), line.person_keys[excluded].identity, case_id, 1, line.card_of(reader.person), reader.age_recipient
    )
    assert (await send(line, excluded, made))["code"] == Refusal.GATE


@pytest.mark.claim("T50")
async def test_foreign_repeated_and_misdirected_shares_are_refused(line: TestLine) -> None:
    case_id, asked = await exhausted(line)
    first, second = asked[:2]
    handed = await approve(line, first)
    made = resealed(line, first, handed)
    assert (await send(line, first.person_id, replace(made, case="0" * 32), case_id))["code"] == Refusal.UNREADABLE
    assert (await send(line, first.person_id, replace(made, epoch=2)))["code"] == Refusal.NOT_YOURS
    assert (await send(line, first.person_id, replace(made, card="0" * 64)))["code"] == Refusal.STALE
    assert (await send(line, first.person_id, replace(made, share=made.share + bytes(9_000))))["code"] == Refusal.UNREADABLE
    assert (await say(line, first.person_id, case_id, EntryKind.RESEAL, "0" * 64))["code"] == Refusal.UNREADABLE
    assert (await send(line, first.person_id, made))["result"] == Result.DONE
    assert (await send(line, first.person_id, made))["code"] == Refusal.NOT_YOURS, "once"
    assert (await approve(line, first))["code"] == Refusal.NOT_YOURS
    assert (await send(line, second.person_id, made))["result"] == Result.DONE, "the line cannot see that it is the first one's"
    await line.later(6)
    grant = next(g for g in await line.grants(case_id) if g.state is GrantState.OFFERED)
    opened = await line.open(grant, str(grant.person_id))
    with pytest.raises(SharesError):
        line.case_identity(opened, str(grant.person_id))


async def test_the_next_reader_leaves_too_and_the_trustees_give_again(line: TestLine) -> None:
    """A rescue after a rescue: nobody comes twice, and what was sealed to the one who left is not passed on."""
    case_id, asked = await exhausted(line, 2)
    for share in asked:
        assert (await give(line, share))["result"] == Result.DONE
    await line.later(6)
    before = (await gate_of(line, case_id)).order
    left, identity = await line.open_first(case_id)
    await exhaust(line, case_id)
    gate = await gate_of(line, case_id)
    (seat,) = gate.standing()
    assert gate.order == (*before, seat)
    assert len({one.person for one in gate.order}) == len(before) + 1
    again = await rows(line, case_id)
    assert {share.state for share in again} == {ShareState.ASKED}
    assert {line.keys.inner_hash(share.sealed) for share in again} == {line.keys.inner_hash(share.sealed) for share in asked}
    await line.write(PHONE, "Son tres mujeres")
    for share in again:
        assert (await give(line, share))["result"] == Result.DONE
    await line.later(6)
    offered = [g for g in await line.grants(case_id) if g.state is GrantState.OFFERED]
    assert {str(g.person_id) for g in offered} == {seat.person}
    keys = [line.case_identity(await line.open(g, seat.person), seat.person) for g in offered]
    assert set(chain(*[await texts(line, case_id, key) for key in keys])) == {TIP, "Son tres mujeres"}
    assert await texts(line, case_id, identity) == [TIP], "who left reads nothing that came later"
    assert left != seat.person


async def test_a_next_reader_who_loses_his_standing_is_replaced_before_anything_is_given(line: TestLine) -> None:
    case_id, asked = await exhausted(line, 2)
    first, second = asked
    assert (await give(line, first))["result"] == Result.DONE
    person = await next_reader(line, case_id)
    body = Entry(line.clock.now // 3_600_000, EntryKind.SUSPEND, "", line.card_of(person), line.card_of(person)).body()
    signature = signing.sign(line.person_keys[person].sign_seed, signing.Use.SUSPEND, body)
    told = await line.act(person, "", "pressured", signature, age.seal(body, line.keys.recipient(Purpose.GATE)[1]))
    assert told["result"] == Result.DONE
    assert (await approve(line, second))["code"] == Refusal.STALE
    await line.later(6)
    following = await next_reader(line, case_id)
    assert following != person
    asked_again = await rows(line, case_id)
    assert {share.state for share in asked_again} == {ShareState.ASKED}
    for share in asked_again:
        assert (await give(line, share))["result"] == Result.DONE
    await line.later(6)
    assert (await line.open_first(case_id))[0] == following
    grants = await line.grants(case_id)
    assert all(grant.person_id != person for grant in grants)


async def test_too_few_trustees_alarm_at_the_sealing_and_draw_nobody(line: TestLine) -> None:
    await enrol_trustee(line)
    await enrol_trustee(line, home=TOWN)
    case_id = await sealed_case(line)
    assert line.alarms.count(Trouble.NO_ESCROW) == 1, "and not once more for the codes' key"
    assert len(await rows(line, case_id)) == 2, "nobody sees from the table who is excluded"
    before = await gate_of(line, case_id)
    await exhaust(line, case_id)
    after = await gate_of(line, case_id)
    assert after.order == before.order
    assert {share.state for share in await rows(line, case_id)} == {ShareState.LOCKED}
    assert await waiting(line) == 1, "looked at again in the next slot"


async def test_a_line_without_trustees_seals_as_before_and_says_nothing_at_each_case(line: TestLine) -> None:
    case_id = await sealed_case(line)
    assert await rows(line, case_id) == []
    assert line.alarms == []
    await exhaust(line, case_id)
    assert set(line.alarms) == {Trouble.ORDER_EXHAUSTED}
    assert await waiting(line) == 0


async def waiting(line: TestLine) -> int:
    async with line.database.begin(reading=True) as transaction:
        return len((await transaction.run(select(tables.task.c.id).where(tables.task.c.kind == TaskKind.RESCUE))).all())


async def test_nobody_else_may_read_it_so_it_is_held_and_tried_again(tmp_path: Path, url: str) -> None:
    """An alarm in each slot, nobody is asked for anything, and a draw once somebody is there."""
    async with practice_line(tmp_path, url, people=frozenset({ALONE})) as line:
        trustees = [await enrol_trustee(line, agency) for agency in ("ngo-faro", "ngo-manos")]
        case_id = await sealed_case(line, URGENT)
        assert [seat.person for seat in (await gate_of(line, case_id)).order] == [ALONE]
        await exhaust(line, case_id)
        assert Hold.NOBODY_ELIGIBLE in line.alarms
        assert {share.state for share in await rows(line, case_id)} == {ShareState.LOCKED}
        newcomer = await enrol_trustee(line, "liaison-vd", "valdor", role=Role.HANDLER)
        await line.later(6)
        assert await next_reader(line, case_id) == newcomer
        assert {share.person_id for share in await rows(line, case_id) if share.state is ShareState.ASKED} == set(trustees)


@pytest.mark.claim("T51")
async def test_naming_the_honest_until_the_order_is_exhausted_leaves_the_draw_to_nobody(line: TestLine) -> None:
    """The rest of the roster is not drawn from when most of it was named, in the first message or later ones."""
    for _ in range(2):
        await enrol_trustee(line)
    case_id = await sealed_case(line)
    order = (await gate_of(line, case_id)).order
    handlers = [person for person, card in line.cards.items() if card.role is Role.HANDLER]
    spared = [person for person in handlers if person not in {seat.person for seat in order}][:3]
    named = ", ".join(line.cards[person].name for person in handlers if person not in spared)
    await line.write(PHONE, f"Todos cobran: {named}")
    await line.later(6)
    assert {Trouble.ORDER_EXHAUSTED, Hold.POISONED} <= set(line.alarms)
    gate = await gate_of(line, case_id)
    assert gate.order == order
    assert gate.standing() == ()
    assert {share.state for share in await rows(line, case_id)} == {ShareState.LOCKED}


@pytest.mark.claim("T52")
async def test_a_held_tip_waits_no_longer_than_14_days_at_the_intake_key(tmp_path: Path, url: str) -> None:
    """Then the trustees alone can give it to somebody: here to the one reader whom two vetters would have had to release."""
    async with practice_line(tmp_path, url, people=frozenset({ALONE})) as line:
        for agency in ("ngo-faro", "ngo-manos"):
            await enrol_trustee(line, agency)
        case_id = await sealed_case(line)
        assert line.alarms == [Hold.NEEDS_TWO_VETTERS]
        await line.later(13.9 * 24 * 3600)
        assert await rows(line, case_id) == []
        await line.later(0.2 * 24 * 3600)
        files, columns = await everything(line)
        few = {sealed for sealed in ciphertexts_in(columns) if len(sealed) < 40_000}
        assert TIP.encode() not in b"".join(opened_by(identities_in([*files, *columns]), few)), "no key of the server opens it any more"
        await line.later(6)
        assert await next_reader(line, case_id) == ALONE
        for share in await rows(line, case_id):
            assert (await give(line, share))["result"] == Result.DONE
        await line.later(6)
        person, identity = await line.open_first(case_id)
        assert person == ALONE
        assert await texts(line, case_id, identity) == [TIP]


async def test_a_held_tip_stays_held_where_too_few_trustees_could_give_it_back(tmp_path: Path, url: str) -> None:
    async with practice_line(tmp_path, url, people=frozenset({ALONE})) as line:
        await enrol_trustee(line)
        case_id = await sealed_case(line)
        await line.later(14.1 * 24 * 3600)
        async with line.store.begin() as tx:
            case = await tx.case(case_id)
        assert case is not None
        assert case.state is CaseState.HELD
        assert line.alarms == [Hold.NEEDS_TWO_VETTERS] * 2


async def test_the_handout_opens_for_its_trustee_alone(line: TestLine) -> None:
    _, asked = await exhausted(line, 2)
    handed = await approve(line, asked[0])
    own = base64.b64decode(str(handed["key_file"]))
    for other in (line.person_keys[asked[1].person_id].identity, *line.keys.epochs[Purpose.RELEASE].values()):
        with pytest.raises(OpenError):
            age.unseal(own, other)
