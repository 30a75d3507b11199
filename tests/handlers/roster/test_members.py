"""Cards become people only with two pinned signatures; whatever does not hold is nobody."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from handlers.enrolment import Put
from handlers.roster import CardRefused, find_member, held_card, judge, members, spellings
from routing.cards import card_bytes
from sealing import age, signing
from sealing.card import SignedCard
from sealing.custody import EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import Purpose, StorageDown
from storage.store import SqlTx
from tests.handlers.roster.log import SQLITE, read_log, row, strip
from tests.handlers.roster_world import ANN, BOB, CARD, CAT, HOLDER, HOUR, Signer, World, named, pinned, signed, somebody, vouched

VETTERS = pinned(ANN, BOB, CAT)


@pytest.mark.claim("T39")
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
    assert held_card(invented, keys, VETTERS) is None
    assert held_card(invented, keys, replace(VETTERS, practice=True, judged={})) is not None


def test_a_row_moved_to_another_person_is_nobody(keys: WorkerKeys) -> None:
    assert held_card(row(keys, vouched(), person="p2"), keys, VETTERS) is None


def test_what_does_not_open_or_hold_is_nobody(keys: WorkerKeys) -> None:
    good = row(keys, vouched())
    assert held_card(good, keys, VETTERS) is not None
    wrongs = {
        "one signature": row(keys, signed(ANN.seed)),
        "sealed to another purpose": replace(good, card=keys.seal(Purpose.GATE, vouched().to_bytes())[1]),
        "truncated": replace(good, card=good.card[:-1]),
        "not sealed": replace(good, card=vouched().to_bytes()),
        "not a signed card": replace(good, card=keys.seal(Purpose.ROSTER, json.dumps({"v": 1}).encode())[1]),
        "empty": replace(good, card=b""),
    }
    assert {why for why, wrong in wrongs.items() if held_card(wrong, keys, VETTERS) is not None} == set()


def test_the_older_roster_epoch_still_opens(keys: WorkerKeys) -> None:
    old = row(keys, vouched())
    newer = replace(keys, epochs={**keys.epochs, Purpose.ROSTER: {**keys.epochs[Purpose.ROSTER], 2: age.generate()[0]}})
    assert held_card(old, newer, VETTERS) is not None
    only_new = replace(newer, epochs={**newer.epochs, Purpose.ROSTER: {2: newer.epochs[Purpose.ROSTER][2]}})
    assert held_card(old, only_new, VETTERS) is None


@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_members_are_those_whose_card_holds_and_is_logged(world: World) -> None:
    assert await world.put() == Put()
    async with world.store.begin() as tx:  # past the worker: one card that nobody logged, one with one signature
        assert await tx.save_person(row(world.keys, vouched(replace(CARD, person="p2")), "p2"))
        assert await tx.save_person(row(world.keys, signed(ANN.seed, card=replace(CARD, person="p3")), "p3"))
    async with world.store.begin() as tx:
        found = await members(tx, world.keys, world.vetters, HOUR)
    assert {member.person.id: member.person.active for member in found} == {"p1": True}


@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_what_a_transaction_logs_counts_in_it_and_goes_with_it(world: World) -> None:
    with suppress(StorageDown):
        async with world.store.begin() as tx:
            await world.enrolment.put(tx, vouched(), judge(vouched(), world.vetters), HOUR)
            assert await find_member(tx, world.keys, world.vetters, "p1", HOUR) is not None
            raise StorageDown
    assert await world.put(replace(CARD, sequence=2)) == Put()  # takes the number in the log that the lost one had
    assert await world.acts()
    assert (await read_log(world)).of(named()).enrolled is False


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_only_what_came_since_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.put()
    for _ in range(3):
        await read_log(world)
    asked = list[int]()
    truly = SqlTx.leaves

    async def leaves(tx: SqlTx, start: int, most: int | None = None) -> Sequence[bytes]:
        asked.append(start)
        return await truly(tx, start, most)

    monkeypatch.setattr(SqlTx, "leaves", leaves)
    await world.say(EntryKind.SUSPEND, ANN)
    assert not await world.acts()
    assert min(asked) == len(await world.store.leaves()) - 3  # the last entry known, and two new ones


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_a_log_that_was_replaced_while_the_worker_runs_is_read_anew(world: World) -> None:
    await world.put()
    await world.put(somebody("p2"))
    for _ in range(3):
        assert await world.acts("p2")
    await strip(world, EntryKind.CARD, keep=1)
    assert (await world.acts(), await world.member("p2")) == (True, None)


def test_triage_looks_for_people_kin_and_conflicts() -> None:
    member = judge(signed(ANN.seed, BOB.seed), VETTERS)
    assert spellings([member]) == {
        "p1": ("Ana Practice", "Anna Practice"),
        "name:Eva Practice": ("Eva Practice",),
        "name:Iván Practice": ("Iván Practice",),
    }
    assert spellings([]) == {}
