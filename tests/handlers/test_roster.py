"""Cards become people only with two pinned signatures; whatever does not hold is nobody."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import delete, update

from handlers.enrolment import News, NotPut, NotTaken, Put, Taken
from handlers.roster import CardRefused, Member, find_member, held_card, judge, members, read_book, spellings
from handlers.roster_log import Book
from handlers.standing import LAPSE_HOURS, LIFT_HOURS
from routing.cards import card_bytes
from routing.exclusion import exclusions
from routing.people import Agency, Atlas, Card, Code, House, Kin, Region, RegionKind, Roster, TipFacts
from sealing import age, custody, signing
from sealing.card import SignedCard
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys, load_worker, make_secrets
from sealing.rows import PersonRow, Purpose, StorageDown
from sealing.said import Letter, read_letter
from sealing.statements import signed_statement
from storage import tables
from storage.engine import Database
from storage.store import SqlStore, SqlTx
from tests.handlers.roster_world import (
    ANN,
    BOB,
    CARD,
    CAT,
    HOLDER,
    HOUR,
    ISSUED,
    Signer,
    World,
    named,
    pinned,
    signed,
    signer,
    somebody,
    vouched,
)  # fmt: skip
from triage.tip import Child

VETTERS = pinned(ANN, BOB, CAT)
SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"])
"""Rules that no engine changes."""


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


@pytest.fixture
def keys(tmp_path: Path) -> WorkerKeys:
    make_secrets(tmp_path / "secrets", secrets.token_bytes)
    return load_worker(tmp_path / "secrets" / "worker")


def row(keys: WorkerKeys, card: SignedCard, person: str = "p1") -> PersonRow:
    return PersonRow(person, "active", 0, HOLDER[1], keys.seal(Purpose.ROSTER, card.to_bytes())[1], None)


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


@pytest_asyncio.fixture
async def world(keys: WorkerKeys, database: Database, tmp_path: Path) -> World:
    return World(SqlStore(database), keys, tmp_path / "cards.dead")


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


async def read_log(world: World) -> Book:
    async with world.store.begin() as tx:
        return await read_book(tx, world.keys, world.vetters)


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


# ---- one human, one card


async def letters_about(world: World, code: News) -> list[Letter]:
    async with world.store.begin() as tx:
        found = [read_letter(age.unseal(row.sealed, CAT.letters[0])) for row in await tx.letters(CAT.name)]
    return [letter for letter in found if letter.code == code]


@SQLITE
@pytest.mark.parametrize("field", ["verify_key", "age_recipient"])
@pytest.mark.asyncio
@pytest.mark.enable_socket
@pytest.mark.claim("T69")
async def test_nobody_is_enrolled_with_a_key_of_another_person(world: World, field: str) -> None:
    """He would stand twice in one draw."""
    await world.put()
    assert await world.put(replace(CARD, sequence=2, conflicts=())) == Put(HOUR + LIFT_HOURS)
    log = await world.store.leaves()
    assert await world.put(somebody("p2", **{field: getattr(CARD, field)})) is NotPut.KEYS
    assert await world.store.leaves() == log
    assert await letters_about(world, News.NAMESAKE) == []
    assert await world.put(somebody("p2", name="Somebody Else")) == Put()
    waiting = somebody("p1", sequence=3, conflicts=())
    assert await world.put(waiting) == Put(HOUR + LIFT_HOURS)
    assert await world.put(somebody("p3", **{field: getattr(waiting, field)})) is NotPut.KEYS, "also of a card that is announced"
    await world.write(card=b"nothing")
    assert await world.put(somebody("p4", verify_key=CARD.verify_key)) is NotPut.KEYS, "the login's key, where no card holds"


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_vetters_are_told_of_two_people_of_one_name(world: World) -> None:
    await world.put()
    other = somebody("p2", name="PRACTICE  Ána")
    assert await world.put(other) == Put()
    (letter,) = await letters_about(world, News.NAMESAKE)
    assert letter.person == "p2"
    assert letter.text.reveal().splitlines() == [f"The card's fingerprint: {named(card)}" for card in (other, CARD)]
    assert await world.put(other) is NotPut.ENROLLED
    assert await world.put(somebody("p3", name="Anna Practical")) == Put()
    assert len(await letters_about(world, News.NAMESAKE)) == 1


# ---- how a card takes another's place


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_a_card_with_the_same_ties_or_more_counts_at_once(world: World) -> None:
    await world.put()
    moved = replace(CARD, sequence=2, home="r9", past_postings=("r3", "r1"), posting="r2", kin=(*CARD.kin, Kin("Leo", None, "a7")))
    assert await world.put(moved) == Put(None, named())
    member = await world.member()
    assert member is not None
    assert member.card == moved
    assert (await read_log(world)).of(named()).replaced


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_a_renewal_is_no_new_probation(world: World) -> None:
    await world.put()
    assert (await world.known()).person.enrolled is None
    for sequence in (2, 3):
        world.clock.hour += 200 * 24
        await world.put(replace(CARD, sequence=sequence, issued=ISSUED + timedelta(days=200 * sequence - 200), expires=date(2030, 1, 1)))
        assert (await world.known()).person.enrolled == datetime.fromtimestamp(HOUR * 3600, UTC)


FEWER: dict[str, dict[str, Any]] = {
    "a name": {"spellings": ()},
    "the agency": {"agency": "a2"},
    "the home": {"home": "r5", "posting": "r5"},
    "a posting": {"past_postings": ()},
    "a relative": {"kin": ()},
    "where a relative is": {"kin": (Kin("Eva Practice", None, None),)},
    "a conflict": {"conflicts": ()},
}


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
@pytest.mark.parametrize("lacks", FEWER)
async def test_a_card_with_fewer_ties_counts_after_a_week(world: World, lacks: str) -> None:
    await world.put()
    fewer = replace(CARD, sequence=2, **FEWER[lacks])
    assert await world.put(fewer) == Put(HOUR + LIFT_HOURS)
    world.clock.hour += LIFT_HOURS - 1
    assert await world.record() == HOUR + LIFT_HOURS
    assert (await world.known()).card == CARD
    world.clock.hour += 1
    await world.record()
    assert (await world.known()).card == fewer
    assert (await world.row()).verify_key == fewer.verify_key
    assert (await read_log(world)).of(named()).replaced


@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_the_vetters_hear_of_it_and_stop_it(world: World) -> None:
    await world.put()
    fewer = replace(CARD, sequence=2, conflicts=())
    await world.put(fewer)
    async with world.store.begin() as tx:
        (letter,) = await tx.letters(CAT.name)
    told = read_letter(age.unseal(letter.sealed, CAT.letters[0]))
    assert (told.code, told.person) == (News.CARD_ANNOUNCED, "p1")
    assert named(fewer) in told.text.reveal(), "or nobody could say which card he means"
    taken = await world.say(EntryKind.REVOKE, BOB, CAT, card=fewer)
    assert [isinstance(each, Taken) and each.waiting for each in taken] == [True, True]
    assert await codes(world) == [News.CARD_ANNOUNCED, News.REVOKED, News.DEAD]
    world.clock.hour += 2 * LIFT_HOURS
    await world.record()
    assert (await world.known()).card == CARD
    assert (await world.row()).next is None


async def codes(world: World) -> list[str]:
    """Of the letters to one vetter, as they came."""
    async with world.store.begin() as tx:
        return sorted((read_letter(age.unseal(row.sealed, CAT.letters[0])).code for row in await tx.letters(CAT.name)), key=[*News].index)


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_the_second_vetters_suspension_says_that_it_stays(world: World) -> None:
    await world.put()
    await world.say(EntryKind.SUSPEND, BOB)
    assert await codes(world) == [News.SUSPENDED]
    await world.say(EntryKind.SUSPEND, CAT)
    assert await codes(world) == [News.SUSPENDED, News.STAYS]


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_an_announced_card_waits_while_it_is_suspended(world: World) -> None:
    await world.put()
    fewer = replace(CARD, sequence=2, conflicts=())
    await world.put(fewer)
    world.clock.hour += LIFT_HOURS - 10
    await world.say(EntryKind.SUSPEND, CAT, card=fewer)
    world.clock.hour += 20
    await world.record()
    assert (await world.known()).card == CARD
    world.clock.hour += 72
    await world.record()
    assert (await world.known()).card == fewer


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_an_announcement_is_of_the_card_that_it_was_made_against(world: World) -> None:
    """Somebody writes an announced card back into the row, after another card took the place of the one that it was to follow."""
    await world.put()
    fewer = replace(CARD, sequence=2, conflicts=())
    await world.put(fewer)
    kept = (await world.row()).next
    more = replace(CARD, sequence=3, conflicts=("Iván Practice", "Olga"))
    assert await world.put(more) == Put(None, named())
    for lower in (kept, world.keys.seal(Purpose.ROSTER, vouched(replace(fewer, sequence=4)).to_bytes())[1]):
        await world.write(next=lower)
        world.clock.hour += 2 * LIFT_HOURS
        await world.record()
        assert (await world.known()).card == more


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_a_new_card_lifts_no_suspension_by_the_way(world: World) -> None:
    await world.put()
    await world.say(EntryKind.SUSPEND, ANN, BOB)
    assert await world.put(replace(CARD, sequence=2)) == Put(HOUR + LIFT_HOURS)
    assert not await world.acts()
    world.clock.hour += LIFT_HOURS
    await world.record()
    assert await world.acts()


def declares_a_tie(card: Card = CARD, holder: tuple[str, str] = HOLDER) -> bytes:
    body = Entry(HOUR, EntryKind.TIE, "0" * 32, "a" * 64, named(card)).body()
    return custody.leaf(body, holder[1], signing.sign(holder[0], signing.Use.TIE, body))


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_who_declares_a_tie_is_drawn_no_more_before_a_card_says_it(world: World) -> None:
    await world.put()
    assert await world.is_drawn()
    await world.log(declares_a_tie())
    assert (await world.is_drawn(), await world.acts()) == (False, True)
    assert await world.put(replace(CARD, sequence=2)) == Put(HOUR + LIFT_HOURS)  # the same ties: that would lift his
    assert not await world.is_drawn()
    assert await world.put(replace(CARD, sequence=3, conflicts=("Iván Practice", "Olga"))) == Put(None, named())
    assert await world.is_drawn()


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_what_is_no_newer_card(world: World) -> None:
    await world.put(replace(CARD, sequence=5))
    assert await world.put(replace(CARD, sequence=5)) is NotPut.ENROLLED
    for sequence in (1, 4, 5):
        assert await world.put(replace(CARD, sequence=sequence, languages=("en",))) is NotPut.NUMBER
    await world.put(replace(CARD, sequence=6))
    assert await world.put(replace(CARD, sequence=5)) is NotPut.DEAD
    await world.put(replace(CARD, sequence=7, conflicts=()))
    assert await world.put(replace(CARD, sequence=7, conflicts=())) is NotPut.ANNOUNCED


# ---- attacks: what somebody can write who can write to the database


@pytest.mark.claim("T5")
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_a_tie_edited_in_the_database_makes_him_nobody(world: World) -> None:
    await world.put()
    edited = replace(vouched(), card=card_bytes(replace(CARD, home="r9")))
    await world.write_card(edited)
    assert await world.member() is None


@pytest.mark.claim("T5")
@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_an_invented_vetter_vouches_for_nobody(world: World) -> None:
    await world.put()
    shill = signer("border office")
    await world.write_card(signed(ANN.seed, shill.seed, card=replace(CARD, conflicts=())))
    assert await world.member() is None
    assert await world.take(signed_statement(EntryKind.SUSPEND, named(), HOUR, shill.seed)) is NotTaken.STRANGER


@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_a_rolled_back_card_is_nobody(world: World) -> None:
    await world.put()
    before = await world.row()
    await world.put(replace(CARD, sequence=2, conflicts=("Iván Practice", "Olga")))
    await world.write(card=before.card, status="active", verify_key=before.verify_key)
    for _ in range(3):
        assert await world.member() is None
    await strip(world, EntryKind.CARD, keep=1)  # and the entry of the newer card taken out of the log
    world.start()
    assert await world.member() is None


async def strip(world: World, kind: EntryKind, keep: int = 0) -> None:
    """Takes entries of a kind out of the log, but the first `keep`, and numbers the others anew."""
    leaves, left = await world.store.leaves(), list[bytes]()
    for leaf in leaves:
        if custody.read_leaf(leaf)[0].kind is not kind or (keep := keep - 1) >= 0:
            left.append(leaf)
    async with world.store.begin() as tx:
        await tx._transaction.run(delete(tables.custody))
        for leaf in left:
            await tx.log(leaf)


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_the_newest_card_comes_back_after_a_roll_back_and_no_other_at_once(world: World) -> None:
    await world.put()
    before = await world.row()
    newest = replace(CARD, sequence=2, conflicts=("Iván Practice", "Olga"))
    await world.put(newest)
    await world.write(card=before.card)
    between = replace(CARD, sequence=3)
    assert await world.put(between) == Put(HOUR + LIFT_HOURS)  # what it lifts cannot be seen
    assert await world.put(newest) == Put()
    assert (await world.known()).card == newest


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_a_row_that_was_deleted_opens_no_way_around_the_week(world: World) -> None:
    await world.put()
    async with world.store.begin() as tx:
        await tx._transaction.run(delete(tables.person))
    fewer = replace(CARD, sequence=2, conflicts=())
    assert await world.put(fewer) == Put(HOUR + LIFT_HOURS)
    assert await world.member() is None
    world.clock.hour += LIFT_HOURS
    await world.record()
    assert (await world.known()).card == fewer
    assert (await read_log(world)).of(named()).replaced


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_a_card_entry_of_another_key_enrols_nobody(world: World) -> None:
    async with world.store.begin() as tx:
        assert await tx.save_person(row(world.keys, vouched()))
        stranger = signing.generate()
        body = Entry(HOUR, EntryKind.CARD, "", named(), named()).body()
        await tx.log(custody.leaf(body, stranger[1], signing.sign(stranger[0], signing.Use.CUSTODY, body)))
        await tx.log(b"no entry")
        await tx.log(body)  # begins like one
    assert await world.member() is None


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_a_statement_about_a_card_whose_row_is_gone_is_kept(world: World) -> None:
    """Whoever deletes the row to keep a person from being revoked, and puts it back later, has won nothing."""
    await world.put()
    row = await world.row()
    async with world.store.begin() as tx:
        await tx._transaction.run(delete(tables.person))
    assert await world.record() is None
    for taken in await world.say(EntryKind.REVOKE, ANN, BOB):
        assert isinstance(taken, Taken)
        assert taken.standing is None
    async with world.store.begin() as tx:
        assert await tx.save_person(replace(row, version=0))
    assert not await world.acts()


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_an_announced_card_that_no_two_vetters_vouch_for_any_more_is_dropped(world: World) -> None:
    await world.put()
    dan = signer("fourth house")
    world.start(ANN, BOB, CAT, dan)
    assert await world.put(by=signed(BOB.seed, dan.seed, card=replace(CARD, sequence=2, conflicts=()))) == Put(HOUR + LIFT_HOURS)
    world.start(ANN, BOB, CAT)
    world.clock.hour += 2 * LIFT_HOURS
    await world.record()
    assert (await world.row()).next is None
    assert (await world.known()).card == CARD


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_an_expired_card_is_told_apart_and_excluded(world: World) -> None:
    await world.put()
    assert (await world.row()).status == "active"
    world.clock.hour = await world.record() or 0
    assert world.clock.hour == int((ISSUED + timedelta(days=365)).timestamp()) // 3600 + 1
    await world.record()
    assert (await world.row()).status == "expired"
    member = await world.member()
    assert member is not None
    assert Code.E8 in excluded(member, at=world.clock.hour)
    assert excluded(member, at=world.clock.hour - 1) == ()


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_a_card_signed_after_the_tip_reads_it_never(world: World) -> None:
    await world.put()
    member = await world.member()
    assert member is not None
    assert excluded(member, at=HOUR, received=ISSUED - timedelta(seconds=1)) == (Code.E1,)


def excluded(member: Member, at: int, received: datetime = ISSUED) -> tuple[Code, ...]:
    regions = tuple(Region(name, None, RegionKind.COUNTRY, (name,)) for name in ("r1", "r2", "r3", "r4"))
    atlas = Atlas(regions, (Agency("a1", House.NGO, "r1", None, ("a1",)),))
    tip = TipFacts(received, frozenset({"r4"}), child=Child.NO, could_involve_child=False)
    return exclusions(Roster((member.person,), atlas), tip, datetime.fromtimestamp(at * 3600, UTC))["p1"]


@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_the_status_column_lets_nobody_in(world: World) -> None:
    await world.put()
    await world.say(EntryKind.SUSPEND, ANN, BOB)
    assert (await world.row()).status == "suspended"
    assert await astray(world) == []
    await world.write(status="active")
    assert not await world.acts()
    assert await astray(world) == ["p1"]
    await world.record()
    assert (await world.row()).status == "suspended"


async def astray(world: World) -> list[str]:
    async with world.store.begin() as tx:
        return await world.enrolment.astray(tx, world.clock.hour)


# ---- attacks: an older database in the place of today's


@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_a_restored_database_brings_nobody_back(world: World) -> None:
    """All that a backup of before holds: the person's row, and no entry of what came later."""
    holders = {name: signing.generate() for name in ("revoked", "suspended", "tied", "himself")}
    cards = {name: somebody(name, verify_key=holder[1]) for name, holder in holders.items()}
    for card in cards.values():
        await world.put(card)
    await world.say(EntryKind.REVOKE, ANN, BOB, card=cards["revoked"])
    await world.say(EntryKind.SUSPEND, ANN, BOB, card=cards["suspended"])
    own = signed_statement(EntryKind.SUSPEND, named(cards["himself"]), HOUR, holders["himself"][0])
    await world.log(declares_a_tie(cards["tied"], holders["tied"]), own)
    for _ in range(3):  # the worker goes on, and so knows that it is committed
        assert not await world.is_drawn("revoked")
    for kind in (EntryKind.REVOKE, EntryKind.SUSPEND, EntryKind.TIE, EntryKind.ANNOUNCE):
        await strip(world, kind)
    async with world.store.begin() as tx:
        await tx._transaction.run(update(tables.person).values(status="active"))
    for _ in range(2):
        world.start()
        assert {name: await world.acts(name) for name in cards} == {"revoked": False, "suspended": False, "tied": True, "himself": False}
        assert {name: await world.is_drawn(name) for name in cards} == dict.fromkeys(cards, False)


# ---- statements


@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_a_suspension_is_written_where_the_login_looks_and_lapses_there(world: World) -> None:
    await world.put()
    (taken,) = await world.say(EntryKind.SUSPEND, ANN)
    assert isinstance(taken, Taken)
    assert taken.standing is not None
    assert taken.standing.until == HOUR + LAPSE_HOURS
    assert (await world.row()).status == "suspended"
    world.clock.hour = await world.record() or 0
    assert world.clock.hour == HOUR + LAPSE_HOURS
    await world.record()
    assert (await world.row()).status == "active"
    assert await world.acts()


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_lifted_too_early_and_in_time(world: World) -> None:
    await world.put()
    await world.say(EntryKind.SUSPEND, ANN, BOB)
    early = [signed_statement(EntryKind.LIFT, named(), HOUR, each.seed) for each in (ANN, BOB)]
    world.clock.hour += 100
    for leaf in early:  # dated back: what counts is when the line took it
        assert isinstance(await world.take(leaf), Taken)
    world.clock.hour += LIFT_HOURS - 1
    assert not await world.acts()
    world.clock.hour += 1
    assert await world.acts()


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_what_the_line_does_not_take(world: World) -> None:
    await world.put()
    again = signed_statement(EntryKind.SUSPEND, named(), HOUR, ANN.seed)
    assert isinstance(await world.take(again), Taken)
    entry = Entry(HOUR, EntryKind.SUSPEND, "", "f" * 64, named()).body()
    holder_is_a_vetter = (ANN, BOB, CAT, Signer(*HOLDER, "third house"))
    refused = {
        "twice": (again, NotTaken.TWICE),
        "not an entry": (b"x", NotTaken.UNREADABLE),
        "another kind": (declares_a_tie(), NotTaken.UNREADABLE),
        "about something else": (custody.leaf(entry, ANN.verify, signing.sign(ANN.seed, signing.Use.SUSPEND, entry)), NotTaken.UNREADABLE),
        "of tomorrow": (signed_statement(EntryKind.LIFT, named(), HOUR + 24, ANN.seed), NotTaken.HOUR),
        "of last year": (signed_statement(EntryKind.LIFT, named(), HOUR - 9_000, ANN.seed), NotTaken.HOUR),
        "of no card": (signed_statement(EntryKind.SUSPEND, "f" * 64, HOUR, ANN.seed), NotTaken.CARD),
        "altered": (again.replace(b'"suspend"', b'"lift"'), NotTaken.STRANGER),
    }
    before = await world.store.leaves()
    assert {why: await world.take(leaf) for why, (leaf, _) in refused.items()} == {why: code for why, (_, code) in refused.items()}
    world.start(*holder_is_a_vetter)
    assert await world.take(signed_statement(EntryKind.LIFT, named(), HOUR, HOLDER[0])) is NotTaken.OWN
    assert await world.store.leaves() == before


@SQLITE
@pytest.mark.asyncio
@pytest.mark.enable_socket
async def test_a_statement_that_the_line_did_not_take_counts_for_nothing(world: World) -> None:
    """Put into the table by somebody who found it on its way."""
    await world.put()
    await world.log(*(signed_statement(EntryKind.REVOKE, named(), HOUR, each.seed) for each in (ANN, BOB)))
    assert await world.acts()


def test_triage_looks_for_people_kin_and_conflicts() -> None:
    member = judge(signed(ANN.seed, BOB.seed), VETTERS)
    assert spellings([member]) == {
        "p1": ("Ana Practice", "Anna Practice"),
        "name:Eva Practice": ("Eva Practice",),
        "name:Iván Practice": ("Iván Practice",),
    }
    assert spellings([]) == {}
