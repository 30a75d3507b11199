"""Escrow, on both engines: shares at each sealing, an exhausted order, trustees who re-seal, the reader who opens; and all who may not."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.enrol import enrol
from handlers.ports import Trouble
from handlers.requests import Result
from routing.cards import card_bytes, parse_card
from routing.gate import GateFile
from routing.gate_bytes import parse_gate
from routing.people import Role
from sealing import age, shares, signing
from sealing.card import SignedCard, parse_signed_card
from sealing.case import sha256
from sealing.custody import EntryKind
from sealing.passphrase import PersonKey
from sealing.rows import GrantState, Purpose, ShareRow, ShareState
from sealing.shares import CODES, Share, SharesError
from tests.handlers.test_line_reading import TIP, sealed_case
from tests.line import TestLine

pytestmark = [pytest.mark.both, pytest.mark.asyncio, pytest.mark.enable_socket]

FREE = ("liaison-nl", "ngo-faro", "ngo-manos")
"""Agencies that the tip does not touch."""
TOWN = "penalta"
"""Where the tip happens."""


async def enrol_trustee(line: TestLine, agency: str = "liaison-nl", home: str = "brumhaven", **more: Any) -> str:
    """A card with two signatures, older than the tips of these tests. Returns the person's id."""
    person = f"{len(line.cards):032x}"
    key = PersonKey(person, age.generate()[0], signing.generate()[0])
    issued = datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)
    like = next(iter(line.cards.values()))
    made = replace(
        like, person=person, name=f"Trustee {len(line.cards)}", age_recipient=age.recipient_of(key.identity),
        verify_key=signing.public_of(key.sign_seed), role=Role.TRUSTEE, agency=agency, past_agencies=(), home=home, posting=home,
        past_postings=(), kin=(), conflicts=(), child_clearance=True, founder=False, issued=issued,
        expires=(issued + timedelta(days=365)).date(),
    )  # fmt: skip
    card = replace(made, **more)
    signed = SignedCard(card_bytes(card))
    for seed in line.vetter_seeds:
        signed = signed.signed_by(seed)
    await enrol(signed, line.store, line.keys, line.vetters, line.atlas, datetime.now(UTC), practice=True)
    line.cards = {**line.cards, person: card}
    line.person_keys = {**line.person_keys, person: key}
    return person


async def rows(line: TestLine, case_id: str) -> list[ShareRow]:
    """Shares of the case's own keys; that of its codes has its own tests (tests/handlers/shares)."""
    async with line.store.begin() as tx:
        return [share for share in await tx.shares(case_id) if share.epoch != CODES]


async def gate_of(line: TestLine, case_id: str) -> GateFile:
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
    assert case is not None
    assert case.gate is not None
    return parse_gate(line.keys.open_gate(case_id, case.gate))


async def say(line: TestLine, person: str, case_id: str, kind: EntryKind, named: str, content: bytes | None = None) -> dict[str, object]:
    return await line.post(person, line.entry(person, case_id, kind, named), content)


async def approve(line: TestLine, share: ShareRow, person: str | None = None) -> dict[str, object]:
    return await say(line, person or share.person_id, share.case_id, EntryKind.APPROVE, sha256(share.sealed))


def resealed(line: TestLine, share: ShareRow, handed: Mapping[str, object]) -> shares.Resealed:
    """What the trustee's device makes of the handout."""
    card = parse_signed_card(str(handed["reader"]).encode())
    reader = parse_card(card.card)
    own = base64.b64decode(str(handed["key_file"]))
    return shares.for_reader(
        own, line.person_keys[share.person_id].identity, share.case_id, share.epoch, card.fingerprint(), reader.age_recipient
    )


async def send(line: TestLine, person: str, made: shares.Resealed, case_id: str | None = None) -> dict[str, object]:
    content = age.seal(shares.reseal(made), line.keys.recipient(Purpose.GATE)[1])
    return await say(line, person, case_id or made.case, EntryKind.RESEAL, sha256(content), content)


async def give(line: TestLine, share: ShareRow) -> dict[str, object]:
    """The whole way of one trustee with one share."""
    handed = await approve(line, share)
    assert handed["result"] == Result.DONE, handed
    return await send(line, share.person_id, resealed(line, share, handed))


async def exhaust(line: TestLine, case_id: str) -> None:
    """Everybody of the order gives up, one after the other, until nobody is left; then a slot passes."""
    while offered := [g for g in await line.grants(case_id) if g.state in {GrantState.OFFERED, GrantState.OPEN}]:
        person = str(offered[0].person_id)
        assert (await say(line, person, case_id, EntryKind.GIVE_UP, line.keys.inner_hash(offered[0].key_file)))["result"] == Result.DONE
        await line.later(6)


async def exhausted(line: TestLine, trustees: int = 3) -> tuple[str, list[ShareRow]]:
    """A case whose order is exhausted: its id, and what the trustees are asked."""
    for n in range(trustees):
        await enrol_trustee(line, FREE[n % len(FREE)])
    case_id = await sealed_case(line)
    await exhaust(line, case_id)
    return case_id, await rows(line, case_id)


async def texts(line: TestLine, case_id: str, identity: str) -> list[object]:
    return [part["text"] for part in await line.read(case_id, identity) if part["kind"] == "message"]


@pytest.mark.claim("T51")
async def test_when_nobody_is_left_trustees_reseal_and_one_more_reader_reads(line: TestLine) -> None:
    case_id, asked = await exhausted(line)
    assert {share.state for share in asked} == {ShareState.ASKED}
    gate = await gate_of(line, case_id)
    (seat,) = gate.standing()
    assert seat.rank == 4
    assert await line.released(case_id) == {one.person for one in gate.order[:-1]}
    assert Trouble.ORDER_EXHAUSTED in line.alarms
    first, second = asked[:2]
    assert (await give(line, first))["result"] == Result.DONE
    await line.later(6)
    assert not [g for g in await line.grants(case_id) if g.person_id == seat.person], "one share is nothing"
    assert (await give(line, second))["result"] == Result.DONE
    await line.later(6)
    person, identity = await line.open_first(case_id)
    assert person == seat.person
    assert await texts(line, case_id, identity) == [TIP]
    leaves = [entry for entry in await line.leaves() if entry.case == case_id]
    assert [e.card for e in leaves if e.kind is EntryKind.APPROVE] == [line.card_of(s.person_id) for s in (first, second)]
    assert [e.card for e in leaves if e.kind is EntryKind.RESEAL] == [line.card_of(s.person_id) for s in (first, second)]
    assert [e.card for e in leaves if e.kind is EntryKind.OPEN] == [line.card_of(person)]


async def test_a_wrong_share_is_made_good_by_another_trustee(line: TestLine) -> None:
    case_id, asked = await exhausted(line)
    first, second, third = asked
    assert (await give(line, first))["result"] == Result.DONE
    handed = await approve(line, second)
    card = line.cards[(await gate_of(line, case_id)).standing()[0].person]
    own = shares.read_share(age.unseal(base64.b64decode(str(handed["key_file"])), line.person_keys[second.person_id].identity))
    wrong = shares.share_text(Share(case_id, 1, own.recipient, 2, bytes(len(own.share) - 1) + own.share[-1:]))
    made = shares.Resealed(case_id, 1, line.card_of(card.person), age.seal(wrong, card.age_recipient))
    assert (await send(line, second.person_id, made))["result"] == Result.DONE
    await line.later(6)
    grant = next(g for g in await line.grants(case_id) if g.state is GrantState.OFFERED)
    with pytest.raises(SharesError):
        line.case_identity(await line.open(grant, card.person), card.person)
    assert (await give(line, third))["result"] == Result.DONE
    (again,) = [g for g in await line.grants(case_id) if g.person_id == card.person]
    stub = age.read_json(age.unseal(again.stub, line.person_keys[card.person].identity), "stub")
    assert stub["key_file_sha256"] == line.keys.inner_hash(again.key_file) != line.keys.inner_hash(grant.key_file)
    identity = line.case_identity(await line.open(again, card.person), card.person)
    assert await texts(line, case_id, identity) == [TIP]
