"""Who is one of two auditors of a case, and who is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.enrol import enrol
from handlers.audits import NotShown
from handlers.requests import Refusal, Result
from routing.cards import card_bytes
from routing.people import Role
from sealing import signing
from sealing.card import SignedCard
from sealing.custody import EntryKind
from sealing.rows import ShareState
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
    read,
)
from tests.handlers.test_line_escrow import FREE, TOWN, enrol_trustee, gate_of
from tests.handlers.test_line_reading import sealed_case
from tests.line import TestLine

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
DAY_S = 24 * 3600


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
