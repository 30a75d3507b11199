"""Why people could not read a case, told to two auditors by the trustees, on a whole line; and all whom nobody tells."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import delete, update

from bot.enrol import enrol
from handlers.audits import NotShown
from handlers.kept import Kept
from handlers.ports import Trouble
from handlers.requests import Refusal, Result
from routing.cards import card_bytes
from routing.people import Role
from sealing import age, disclosing, shares, signing
from sealing.card import SignedCard, parse_signed_card
from sealing.case import sha256
from sealing.custody import EntryKind, holds
from sealing.disclosing import Disclosed
from sealing.rows import Part, Purpose, ShareRow, ShareState
from sealing.shares import CODES
from storage import tables
from storage.counting import tally
from tests.handlers.test_line_escrow import FREE, TOWN, approve, enrol_trustee, exhaust, gate_of, give, rows, say
from tests.handlers.test_line_reading import TIP, case_texts, everything, sealed_case
from tests.line import TestLine, practice_line, world_cards
from tests.secrets_search import ciphertexts_in, identities_in, opened_by

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
DAY_S = 24 * 3600


@pytest.fixture
def engine_name() -> str:
    """Nothing here differs between the engines; shares and notes are tested on both."""
    return "sqlite"


@pytest_asyncio.fixture
async def line(tmp_path: Path, url: str) -> AsyncIterator[TestLine]:
    """With those of the practice roster alone who are no officials."""
    people = frozenset(person for person, card in world_cards()[0].items() if card.agency.startswith(("ngo-", "liaison-")))
    async with practice_line(tmp_path, url, people=people) as made:
        yield made


async def enrol_auditor(line: TestLine, agency: str, **more: Any) -> str:
    return await enrol_trustee(line, agency, role=Role.AUDITOR, **more)


async def audited(line: TestLine, trustees: int = 2) -> tuple[str, str, str]:
    """(case, an auditor, one of another agency); the trustees hold shares."""
    for n in range(trustees):
        await enrol_trustee(line, FREE[n % len(FREE)])
    first, second = await enrol_auditor(line, "liaison-nl"), await enrol_auditor(line, "ngo-faro")
    return await sealed_case(line), first, second


async def ask(line: TestLine, person: str, case_id: str) -> dict[str, object]:
    return await say(line, person, case_id, EntryKind.AUDIT, sha256(str(datetime.now(UTC)).encode()))


async def both_ask(line: TestLine, case_id: str, *auditors: str) -> None:
    for person in auditors:
        told = await ask(line, person, case_id)
        assert told["result"] == Result.DONE, told


async def of_codes(line: TestLine, case_id: str) -> list[ShareRow]:
    async with line.store.begin() as tx:
        return [share for share in await tx.shares(case_id) if share.epoch == CODES]


async def allow(line: TestLine, share: ShareRow, person: str | None = None) -> dict[str, object]:
    return await say(line, person or share.person_id, share.case_id, EntryKind.ALLOW, sha256(share.sealed))


def sealed_to_both(line: TestLine, share: ShareRow, handed: Mapping[str, object]) -> Disclosed:
    """What the trustee's device makes of the handout."""
    cards = [parse_signed_card(card.encode()) for card, _ in json.loads(str(handed["auditors"]))]
    people = {line.card_of(person): card.age_recipient for person, card in line.cards.items()}
    own = base64.b64decode(str(handed["key_file"]))
    two = {card.fingerprint(): people[card.fingerprint()] for card in cards}
    return disclosing.for_auditors(own, line.person_keys[share.person_id].identity, share.case_id, two)


async def send(line: TestLine, person: str, case_id: str, made: Disclosed) -> dict[str, object]:
    content = age.seal(disclosing.disclose(made), line.keys.recipient(Purpose.GATE)[1])
    return await say(line, person, case_id, EntryKind.DISCLOSE, sha256(content), content)


async def disclose(line: TestLine, share: ShareRow) -> dict[str, object]:
    """The whole way of one trustee."""
    handed = await allow(line, share)
    assert handed["result"] == Result.DONE, handed
    return await send(line, share.person_id, share.case_id, sealed_to_both(line, share, handed))


async def give_enough(line: TestLine, case_id: str, most: int = 2) -> None:
    for share in (await of_codes(line, case_id))[:most]:
        assert (await disclose(line, share))["result"] == Result.DONE


async def read(line: TestLine, case_id: str, reader: str, other: str) -> Mapping[str, Sequence[str]]:
    """What `reader` reads with what `other` hands to him."""
    handed = disclosing.handover(case_id, outer(await ask(line, other, case_id)), line.person_keys[other].identity)
    note = base64.b64decode(str((await ask(line, reader, case_id))["note"]))
    return disclosing.open_codes(note, case_id, disclosing.read_handover(handed)[1], line.person_keys[reader].identity)


def outer(told: Mapping[str, object]) -> list[bytes]:
    return [base64.b64decode(share) for share in json.loads(str(told["shares"]))]


async def kinds(line: TestLine, case_id: str) -> list[tuple[EntryKind, str]]:
    wanted = {EntryKind.AUDIT, EntryKind.ALLOW, EntryKind.DISCLOSE}
    return [(entry.kind, entry.card) for entry in await line.leaves() if entry.case == case_id and entry.kind in wanted]


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
async def test_two_of_one_agency_of_one_chain_or_one_person_twice_are_not_two(line: TestLine) -> None:
    for agency in FREE[:2]:
        await enrol_trustee(line, agency)
    ana, twin = await enrol_auditor(line, "prosecutor-ln"), await enrol_auditor(line, "prosecutor-ln")
    above, bo, third = (
        await enrol_auditor(line, "prosecutor-cs"),
        await enrol_auditor(line, "ngo-faro"),
        await enrol_auditor(line, "ngo-manos"),
    )
    case_id = await sealed_case(line)
    await both_ask(line, case_id, ana, ana)
    assert (await ask(line, ana, case_id))["auditors"] == "1"
    for same in (twin, above):
        assert (await ask(line, same, case_id))["code"] == NotShown.SAME_AGENCY
    assert {share.state for share in await of_codes(line, case_id)} == {ShareState.LOCKED}
    assert (await ask(line, bo, case_id))["auditors"] == "2"
    assert (await ask(line, third, case_id))["code"] == NotShown.TWO_ASKED
    assert [card for _, card in await kinds(line, case_id)] == [line.card_of(person) for person in (ana, ana, ana, bo)]


async def new_card(line: TestLine, person: str, **changed: Any) -> None:
    """The person's next card, as old as the first: vetters write the date."""
    card = replace(line.cards[person], sequence=line.cards[person].sequence + 1, **changed)
    signed = SignedCard(card_bytes(card))
    for seed in line.vetter_seeds:
        signed = signed.signed_by(seed)
    await enrol(signed, line.store, line.keys, line.vetters, line.atlas, datetime.now(UTC), practice=True)
    line.cards = {**line.cards, person: card}


@pytest.mark.claim("T71")
async def test_one_auditor_with_two_cards_is_one(line: TestLine) -> None:
    case_id, ana, bo = await audited(line)
    await both_ask(line, case_id, ana)
    await new_card(line, ana, agency="ngo-manos", past_agencies=("liaison-nl",))
    assert (await ask(line, bo, case_id))["auditors"] == "1", "her request by the old card counts no more"
    assert (await ask(line, ana, case_id))["auditors"] == "2"
    assert (await ask(line, ana, case_id))["auditors"] == "2"
    await new_card(line, bo, agency="liaison-vd", past_agencies=("ngo-faro",))
    assert (await ask(line, ana, case_id))["auditors"] == "1"


@pytest.mark.claim("T71")
async def test_whom_the_case_excludes_and_who_has_another_office_in_it_are_told_nothing(line: TestLine) -> None:
    trustee = await enrol_trustee(line, "liaison-nl")
    await enrol_trustee(line, "ngo-faro")
    tied = await enrol_auditor(line, "ngo-manos", home=TOWN)
    case_id = await sealed_case(line)
    seat = (await gate_of(line, case_id)).order[0].person
    late = await enrol_auditor(line, "ngo-faro", issued=datetime.fromtimestamp(line.clock.now // 1000, UTC))
    bo = await enrol_auditor(line, "ngo-faro")
    assert (await ask(line, tied, case_id))["code"] == Refusal.GATE
    line.clock.now += 60_000
    assert (await ask(line, late, case_id))["code"] == Refusal.GATE, "a card that is newer than the tip"
    for nobody in (trustee, seat):
        assert (await ask(line, nobody, case_id))["code"] == Refusal.NOT_YOURS
    for person, code in ((seat, Refusal.GATE), (trustee, NotShown.OTHER_OFFICE)):
        await new_card(line, person, role=Role.AUDITOR)
        assert (await ask(line, person, case_id))["code"] == code
    assert await kinds(line, case_id) == []
    await both_ask(line, case_id, bo)


@pytest.mark.claim("T71")
async def test_a_vetter_of_the_line_is_no_auditor_of_it(line: TestLine) -> None:
    case_id, ana, bo = await audited(line)
    key = line.cards[ana].verify_key
    past = line.vetters.past
    assert isinstance(past, dict)
    past[signing.fingerprint(key)] = key
    assert (await ask(line, ana, case_id))["code"] == NotShown.OTHER_OFFICE
    await both_ask(line, case_id, bo)


@pytest.mark.claim("T71")
async def test_a_suspended_auditor_stops_it_until_another_asks(line: TestLine) -> None:
    """Also what trustees gave already is given again, to the two who ask now; nothing that was sealed to the first pair is handed out."""
    case_id, ana, bo = await audited(line)
    cy = await enrol_auditor(line, "ngo-manos")
    await both_ask(line, case_id, ana, bo)
    first, second = await of_codes(line, case_id)
    assert (await disclose(line, first))["result"] == Result.DONE
    card = line.card_of(bo)
    told = await line.post(bo, line.entry(bo, "", EntryKind.SUSPEND, card), act="pressured")
    assert told["result"] == Result.DONE
    assert (await ask(line, bo, case_id))["code"] == Refusal.GATE
    assert (await allow(line, second))["code"] == Refusal.STALE
    assert (await ask(line, ana, case_id))["auditors"] == "1"
    assert (await ask(line, cy, case_id))["given"] == "0"
    again = await of_codes(line, case_id)
    assert {share.state for share in again} == {ShareState.ASKED}
    assert {line.keys.inner_hash(share.sealed) for share in again} == {line.keys.inner_hash(share.sealed) for share in (first, second)}
    await give_enough(line, case_id)
    assert await read(line, case_id, cy, ana) == await read(line, case_id, ana, cy)


async def test_a_request_ends_after_30_days(line: TestLine) -> None:
    case_id, ana, bo = await audited(line)
    await both_ask(line, case_id, ana)
    await line.later(30 * DAY_S + 3600)
    assert (await ask(line, bo, case_id))["auditors"] == "1"
    assert (await ask(line, ana, case_id))["auditors"] == "2"


@pytest.mark.claim("T71")
async def test_a_replayed_and_a_forged_request_count_for_nothing(line: TestLine) -> None:
    case_id, ana, bo = await audited(line)
    entry = line.entry(ana, case_id, EntryKind.AUDIT, "5a" * 32)
    assert (await line.post(ana, entry))["result"] == Result.DONE
    assert (await line.post(ana, entry))["code"] == Refusal.STALE
    assert (await line.post(ana, line.entry(ana, "0" * 32, EntryKind.AUDIT, "5a" * 32)))["code"] == Refusal.NOT_YOURS
    assert (await line.post(bo, line.entry(bo, case_id, EntryKind.AUDIT, "5a" * 32), seed_of=ana))["code"] == Refusal.BAD_SIGNATURE
    as_open = await line.post(bo, line.entry(bo, case_id, EntryKind.AUDIT, "5a" * 32), use=signing.Use.OPEN)
    assert as_open["code"] == Refusal.BAD_SIGNATURE
    await line.later(3 * 3600)
    assert (await line.post(ana, replace(entry, sha256="5b" * 32)))["code"] == Refusal.WRONG_HOUR
    assert await kinds(line, case_id) == [(EntryKind.AUDIT, line.card_of(ana))]
    assert {share.state for share in await of_codes(line, case_id)} == {ShareState.LOCKED}


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
