"""Why people could not read a case, told to two auditors by the trustees; and what nobody comes by."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from sqlalchemy import delete, update

from handlers.audits import NotShown
from handlers.kept import Kept
from handlers.ports import Trouble
from handlers.requests import Refusal, Result
from sealing import age, shares
from sealing.custody import EntryKind, holds
from sealing.rows import Part, Purpose, ShareState
from sealing.shares import CODES
from storage import tables
from storage.counting import tally
from tests.handlers.shares.audits import (
    allow,
    ask,
    audited,
    both_ask,
    disclose,
    enrol_auditor,
    give_enough,
    kinds,
    of_codes,
    outer,
    read,
    sealed_to_both,
    send,
)
from tests.handlers.test_line_escrow import FREE, TOWN, approve, enrol_trustee, exhaust, gate_of, give, rows, say
from tests.handlers.test_line_reading import TIP, case_texts, everything, sealed_case
from tests.line import TestLine
from tests.secrets_search import ciphertexts_in, identities_in, opened_by

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


@pytest.mark.claim("T70")
async def test_two_auditors_read_every_code_when_both_asked_and_enough_trustees_let_them(line: TestLine) -> None:
    case_id, ana, bo = await audited(line)
    assert {share.state for share in await of_codes(line, case_id)} == {ShareState.LOCKED}
    told = await ask(line, ana, case_id)
    assert (told["auditors"], told["given"], told["needed"]) == ("1", "0", "2")
    assert {share.state for share in await of_codes(line, case_id)} == {ShareState.LOCKED}, "nothing before both"
    assert (await ask(line, bo, case_id))["auditors"] == "2"
    first, second = await of_codes(line, case_id)
    assert {first.state, second.state} == {ShareState.ASKED}
    assert (await tally(line.database, line.clock.now)).asked == 0, "no case that nobody is left to read"
    assert (await disclose(line, first))["result"] == Result.DONE
    told = await ask(line, ana, case_id)
    assert (told["given"], "note" in told, "shares" in told) == ("1", False, False), "one share is nothing"
    assert (await disclose(line, second))["result"] == Result.DONE
    codes = await read(line, case_id, ana, bo)
    assert codes == await read(line, case_id, bo, ana)
    gate = await gate_of(line, case_id)
    assert codes.keys() == line.cards.keys()
    assert {person for person, found in codes.items() if not found} >= gate.chances.keys()
    assert {person for person, found in codes.items() if found} == line.cards.keys() - {person for person in codes if not codes[person]}
    assert set(gate.excluded) <= {person for person, found in codes.items() if found}
    cards = {name: line.card_of(person) for name, person in (("ana", ana), ("bo", bo), ("1", first.person_id), ("2", second.person_id))}
    assert (await kinds(line, case_id))[:7] == [
        (EntryKind.AUDIT, cards["ana"]), (EntryKind.AUDIT, cards["bo"]),
        (EntryKind.ALLOW, cards["1"]), (EntryKind.DISCLOSE, cards["1"]), (EntryKind.AUDIT, cards["ana"]),
        (EntryKind.ALLOW, cards["2"]), (EntryKind.DISCLOSE, cards["2"]),
    ]  # fmt: skip


@pytest.mark.claim("T70")
async def test_neither_server_nor_one_auditor_nor_both_without_a_trustee_open_any_of_it(line: TestLine) -> None:
    """All that the server holds after the codes were handed out, with one auditor's key and all that he was handed: no code, no share, no
    word of the case. And both auditors with the database and the server hold no case key."""
    case_id, ana, bo = await audited(line)
    await both_ask(line, case_id, ana, bo)
    await give_enough(line, case_id)
    told = [await ask(line, person, case_id) for person in (ana, bo)]
    files, columns = await everything(line)
    server = identities_in([*files, *columns])
    handed = [base64.b64decode(str(told[0]["note"])), *outer(told[0])]
    few = {sealed for sealed in ciphertexts_in([*columns, *handed]) if len(sealed) < 40_000}
    for keys in (server, {*server, line.person_keys[ana].identity}):
        opened = opened_by(keys, few)
        assert not [plain for plain in opened if b'"kind":"codes"' in plain[:40] or b'"kind":"share"' in plain[:40]]
        assert case_texts(opened) == []
    both = opened_by({*server, line.person_keys[ana].identity, line.person_keys[bo].identity}, few)
    found = [shares.read_share(plain) for plain in both if b'"kind":"share"' in plain[:40]]
    assert {share.epoch for share in found} == {CODES}, "no share of the case's key"
    assert case_texts(both) == []
    key = shares.recover([share.share for share in found], found[0].recipient, 2)
    plain = opened_by({*server, key}, few)
    assert [one for one in plain if b'"kind":"codes"' in one[:40]], "the search is worth something"
    assert case_texts(plain) == []


@pytest.mark.claim("T71")
async def test_of_trustees_only_those_who_may_give_and_only_their_own_to_these_two(line: TestLine) -> None:
    excluded = await enrol_trustee(line, home=TOWN)
    case_id, ana, bo = await audited(line)
    early = next(share for share in await of_codes(line, case_id) if share.person_id != excluded)
    assert (await allow(line, early))["code"] == Refusal.NOT_YOURS, "nobody asked"
    await both_ask(line, case_id, ana, bo)
    asked = await of_codes(line, case_id)
    dummy = next(share for share in asked if share.person_id == excluded)
    first, second = [share for share in asked if share.person_id != excluded]
    assert (await allow(line, dummy))["code"] == Refusal.GATE
    assert (await allow(line, first, second.person_id))["code"] == Refusal.NOT_YOURS
    assert (await allow(line, first, ana))["code"] == Refusal.NOT_YOURS
    assert (await approve(line, first))["code"] == Refusal.NOT_YOURS, "not the way to a reader"
    handed = await allow(line, first)
    leaves = [base64.b64decode(leaf) for _, leaf in json.loads(str(handed["auditors"]))]
    assert [holds(leaf, line.cards[person].verify_key) for leaf, person in zip(leaves, (ana, bo), strict=True)] == [True, True]
    made = sealed_to_both(line, first, handed)
    assert (await send(line, first.person_id, case_id, replace(made, case="0" * 32)))["code"] == Refusal.UNREADABLE
    long = {card: share + bytes(20_000) for card, share in made.shares.items()}
    assert (await send(line, first.person_id, case_id, replace(made, shares=long)))["code"] == Refusal.UNREADABLE
    strangers = dict(zip(("0" * 64, "1" * 64), made.shares.values(), strict=True))
    assert (await send(line, first.person_id, case_id, replace(made, shares=strangers)))["code"] == Refusal.STALE
    assert (await send(line, excluded, case_id, made))["code"] == Refusal.GATE
    assert (await say(line, first.person_id, case_id, EntryKind.DISCLOSE, "0" * 64))["code"] == Refusal.UNREADABLE
    assert (await send(line, first.person_id, case_id, made))["result"] == Result.DONE
    assert (await send(line, first.person_id, case_id, made))["code"] == Refusal.NOT_YOURS, "once"
    assert (await disclose(line, second))["result"] == Result.DONE
    assert await read(line, case_id, ana, bo)


async def test_a_wrong_share_is_made_good_by_another_trustee(line: TestLine) -> None:
    case_id, ana, bo = await audited(line, 3)
    await both_ask(line, case_id, ana, bo)
    first, second, third = await of_codes(line, case_id)
    made = sealed_to_both(line, first, await allow(line, first))
    wrong = {card: age.two_locks(b"{}", *(line.cards[p].age_recipient for p in ((ana, bo) if card == line.card_of(ana) else (bo, ana))))
             for card in made.shares}  # fmt: skip
    assert (await send(line, first.person_id, case_id, replace(made, shares=wrong)))["result"] == Result.DONE
    assert (await disclose(line, second))["result"] == Result.DONE
    with pytest.raises(shares.SharesError):
        await read(line, case_id, ana, bo)
    assert (await disclose(line, third))["result"] == Result.DONE
    assert await read(line, case_id, ana, bo)


async def test_an_audit_and_a_rescue_of_one_case_do_not_touch_each_other(line: TestLine) -> None:
    """The trustees give the case to one more reader, and the reasons to the auditors, each by the share of its own key."""
    case_id, ana, bo = await audited(line)
    await both_ask(line, case_id, ana, bo)
    await exhaust(line, case_id)
    of_case = await rows(line, case_id)
    assert {share.state for share in (*of_case, *await of_codes(line, case_id))} == {ShareState.ASKED}
    for share in await of_codes(line, case_id):
        assert (await approve(line, share))["code"] == Refusal.NOT_YOURS, "a reader gets none of these"
    for share in of_case:
        assert (await allow(line, share))["code"] == Refusal.NOT_YOURS
        assert (await give(line, share))["result"] == Result.DONE
    assert {share.state for share in await of_codes(line, case_id)} == {ShareState.ASKED}
    await give_enough(line, case_id)
    assert await read(line, case_id, ana, bo)
    await line.later(6)
    _, identity = await line.open_first(case_id)
    assert [part["text"] for part in await line.read(case_id, identity) if part["kind"] == "message"] == [TIP]


async def test_a_case_of_before_and_one_sealed_without_trustees_say_that_nobody_opens_their_codes(line: TestLine) -> None:
    ana, bo = await enrol_auditor(line, "liaison-nl"), await enrol_auditor(line, "ngo-faro")
    without = await sealed_case(line)
    assert (await ask(line, ana, without))["code"] == NotShown.NO_CODES
    for agency in FREE[:2]:
        await enrol_trustee(line, agency)
    before = await sealed_case(line, "Otro caso: en Peñalta obligan a trabajar a mujeres en una fábrica", "+999 100 0002")
    async with line.database.begin() as transaction:
        await transaction.run(delete(tables.share).where(tables.share.c.case_id == before, tables.share.c.epoch == CODES))
    assert (await ask(line, bo, before))["code"] == NotShown.NO_CODES
    assert await kinds(line, before) == []


async def test_a_tampered_note_or_case_raises_an_alarm_and_tells_nothing(line: TestLine) -> None:
    case_id, ana, bo = await audited(line)
    await both_ask(line, case_id, ana, bo)
    (share, _) = await of_codes(line, case_id)
    kept = Kept(line.keys, "audit")
    row = kept._id(case_id, 1)
    async with line.database.begin() as transaction:
        forged = line.keys.seal(Purpose.GATE, b"{}")[1]
        await transaction.run(update(tables.outcome).where(tables.outcome.c.id == row).values(sealed=forged))
    assert (await ask(line, ana, case_id))["code"] == Refusal.GATE
    assert Trouble.TAMPERED in line.alarms
    assert (await allow(line, share))["code"] == Refusal.GATE


async def test_the_note_lies_where_no_reader_is_shown_it_and_no_table_tells_who_asked(line: TestLine) -> None:
    case_id, ana, bo = await audited(line)
    await both_ask(line, case_id, ana, bo)
    async with line.store.begin() as tx:
        (note,) = [envelope for envelope in await tx.envelopes(case_id) if envelope.part is Part.NOTE]
    assert note.epoch == 1
    _, columns = await everything(line)
    told = b"\n".join(columns)
    assert ana.encode() in told, "the roster has him"
    async with line.database.begin(reading=True) as transaction:
        noted = [bytes(value) for row in await transaction.run(tables.outcome.select()) for value in row if isinstance(value, bytes)]
    assert noted
    assert not [value for value in noted if ana.encode() in value or case_id.encode() in value]
