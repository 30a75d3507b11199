"""Cards become people only with two pinned signatures; whatever does not hold is nobody."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from handlers.roster import ACTIVE, CardRefused, Vetters, judge, members, read_member, spellings
from routing.cards import card_bytes
from routing.people import Card, Kin, Role
from sealing import age, signing
from sealing.card import SignedCard
from sealing.keyring import WorkerKeys, load_worker, make_secrets
from sealing.rows import PersonRow, Purpose
from storage.engine import Database
from storage.store import SqlStore

ISSUED = datetime(2026, 11, 1, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Signer:
    seed: str
    verify: str
    agency: str

    @property
    def name(self) -> str:
        return signing.fingerprint(self.verify)


def signer(agency: str) -> Signer:
    return Signer(*signing.generate(), agency)


def pinned(*signers: Signer, one_house: bool = False) -> Vetters:
    return Vetters({s.name: s.verify for s in signers}, {s.name: s.agency for s in signers}, one_house)


ANN, BOB, CAT = signer("harbour trust"), signer("border office"), signer("harbour trust")
HOLDER = signing.generate()
VETTERS = pinned(ANN, BOB, CAT)
CARD = Card(
    person="p1",
    name="Ana Practice",
    spellings=("Anna Practice",),
    age_recipient=age.generate()[1],
    verify_key=HOLDER[1],
    role=Role.HANDLER,
    agency="a1",
    past_agencies=(),
    home="r1",
    posting="r1",
    past_postings=(),
    kin=(Kin("Eva Practice", "r2", None),),
    conflicts=("Iván Practice",),
    languages=("es",),
    child_clearance=False,
    capacity=5,
    founder=False,
    sequence=1,
    issued=ISSUED,
    expires=(ISSUED + timedelta(days=365)).date(),
)


def signed(*seeds: str, card: Card = CARD) -> SignedCard:
    made = SignedCard(card_bytes(card))
    for seed in seeds:
        made = made.signed_by(seed)
    return made


def test_two_vetters_of_two_agencies_make_a_member() -> None:
    card = signed(ANN.seed, BOB.seed)
    member = judge(card, VETTERS)
    assert member.card == CARD
    assert member.person.vetters == tuple(sorted((ANN.name, BOB.name)))
    assert member.card_fingerprint == card.fingerprint()


def twice(card: SignedCard) -> SignedCard:
    """The same vetter's signature listed two times."""
    return replace(card, signatures=card.signatures * 2)


REFUSED = {
    "nobody": signed(),
    "one signature": signed(ANN.seed),
    "the same vetter twice": twice(signed(ANN.seed)),
    "two of one agency": signed(ANN.seed, CAT.seed),
    "a stranger's second signature": signed(ANN.seed, signing.generate()[0]),
    "the holder as second": signed(ANN.seed, HOLDER[0]),
    "bytes edited after signing": replace(signed(ANN.seed, BOB.seed), card=card_bytes(CARD).replace(b'"home":"r1"', b'"home":"r2"')),
    "signatures of another card": replace(signed(ANN.seed, BOB.seed), card=card_bytes(replace(CARD, sequence=2))),
    "a signature made for another use": SignedCard(
        card_bytes(CARD),
        ((ANN.name, signing.sign(ANN.seed, signing.Use.LOGIN, card_bytes(CARD))), *signed(BOB.seed).signatures),
    ),
    "a signature under another's name": SignedCard(
        card_bytes(CARD), ((ANN.name, signed(ANN.seed).signatures[0][1]), (BOB.name, signed(ANN.seed).signatures[0][1]))
    ),
    "not a card": SignedCard(b"{}").signed_by(ANN.seed).signed_by(BOB.seed),
    "a card whose key is none": signed(ANN.seed, BOB.seed, card=replace(CARD, verify_key="AAAA")),
}


@pytest.mark.claim("T5")
@pytest.mark.parametrize("why", REFUSED)
def test_refused(why: str) -> None:
    with pytest.raises(CardRefused) as caught:
        judge(REFUSED[why], VETTERS)
    assert "Ana" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.claim("T5")
def test_a_vetter_never_signs_for_himself_though_he_is_pinned() -> None:
    vetters = pinned(ANN, BOB, Signer(*HOLDER, "third house"))
    with pytest.raises(CardRefused):
        judge(signed(ANN.seed, HOLDER[0]), vetters)
    assert judge(signed(ANN.seed, HOLDER[0], BOB.seed), vetters).person.vetters == tuple(sorted((ANN.name, BOB.name)))


def test_a_line_of_one_house_takes_two_of_it_and_still_not_one() -> None:
    house = pinned(ANN, CAT, one_house=True)
    assert judge(signed(ANN.seed, CAT.seed), house).card == CARD
    for card in (signed(ANN.seed), twice(signed(ANN.seed)), signed(ANN.seed, HOLDER[0])):
        with pytest.raises(CardRefused):
            judge(card, house)


@pytest.mark.claim("T5")
def test_a_practice_card_is_for_a_practice_line_and_no_other_is() -> None:
    practice = replace(VETTERS, practice=True, judged={})
    invented = signed(ANN.seed, BOB.seed, card=replace(CARD, practice=True))
    assert judge(invented, practice).card.practice
    for card, vetters in ((invented, VETTERS), (signed(ANN.seed, BOB.seed), practice)):
        with pytest.raises(CardRefused, match="practice"):
            judge(card, vetters)


@pytest.mark.claim("T5")
def test_a_practice_card_in_a_real_lines_table_is_nobody(keys: WorkerKeys) -> None:
    invented = row(keys, signed(ANN.seed, BOB.seed, card=replace(CARD, practice=True)))
    assert read_member(invented, keys, VETTERS) is None
    assert read_member(invented, keys, replace(VETTERS, practice=True, judged={})) is not None


@pytest.fixture
def keys(tmp_path: Path) -> WorkerKeys:
    make_secrets(tmp_path / "secrets", secrets.token_bytes)
    return load_worker(tmp_path / "secrets" / "worker")


def row(keys: WorkerKeys, card: SignedCard, person: str = "p1", status: str = ACTIVE) -> PersonRow:
    return PersonRow(person, status, 0, HOLDER[1], keys.seal(Purpose.ROSTER, card.to_bytes())[1], None)


def test_a_row_is_read_with_its_load_and_status(keys: WorkerKeys) -> None:
    card = signed(ANN.seed, BOB.seed)
    member = read_member(row(keys, card), keys, VETTERS, open_cases=3)
    assert member is not None
    assert (member.person.active, member.person.open_cases, member.person.id) == (True, 3, "p1")
    for status in ("suspended", "revoked", ""):
        stopped = read_member(row(keys, card, status=status), keys, VETTERS)
        assert stopped is not None
        assert not stopped.person.active


def test_a_row_moved_to_another_person_is_nobody(keys: WorkerKeys) -> None:
    assert read_member(row(keys, signed(ANN.seed, BOB.seed), person="p2"), keys, VETTERS) is None


def test_what_does_not_open_or_hold_is_nobody(keys: WorkerKeys) -> None:
    card = signed(ANN.seed, BOB.seed)
    good = row(keys, card)
    wrongs = {
        "one signature": row(keys, signed(ANN.seed)),
        "sealed to another purpose": replace(good, card=keys.seal(Purpose.GATE, card.to_bytes())[1]),
        "truncated": replace(good, card=good.card[:-1]),
        "not sealed": replace(good, card=card.to_bytes()),
        "not a signed card": replace(good, card=keys.seal(Purpose.ROSTER, json.dumps({"v": 1}).encode())[1]),
        "empty": replace(good, card=b""),
    }
    assert {why for why, wrong in wrongs.items() if read_member(wrong, keys, VETTERS) is not None} == set()


def test_the_older_roster_epoch_still_opens(keys: WorkerKeys) -> None:
    old = row(keys, signed(ANN.seed, BOB.seed))
    newer = replace(keys, epochs={**keys.epochs, Purpose.ROSTER: {**keys.epochs[Purpose.ROSTER], 2: age.generate()[0]}})
    assert read_member(old, newer, VETTERS) is not None
    only_new = replace(newer, epochs={**newer.epochs, Purpose.ROSTER: {2: newer.epochs[Purpose.ROSTER][2]}})
    assert read_member(old, only_new, VETTERS) is None


@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_members_are_those_whose_card_holds(keys: WorkerKeys, database: Database) -> None:
    other = replace(CARD, person="p2")
    store = SqlStore(database)
    async with store.begin() as tx:
        assert await tx.save_person(row(keys, signed(ANN.seed, BOB.seed)))
        assert await tx.save_person(row(keys, signed(ANN.seed, BOB.seed, card=other), person="p2", status="suspended"))
        assert await tx.save_person(row(keys, signed(ANN.seed), person="p3"))
    async with store.begin() as tx:
        found = await members(tx, keys, VETTERS)
    assert {member.person.id: member.person.active for member in found} == {"p1": True, "p2": False}


def test_triage_looks_for_people_kin_and_conflicts() -> None:
    member = judge(signed(ANN.seed, BOB.seed), VETTERS)
    assert spellings([member]) == {
        "p1": ("Ana Practice", "Anna Practice"),
        "name:Eva Practice": ("Eva Practice",),
        "name:Iván Practice": ("Iván Practice",),
    }
    assert spellings([]) == {}
