"""What somebody can write who can write to the database, or who puts an older one in its place, enrols nobody and lets nobody in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, update

from handlers.enrolment import NotTaken, Put, Taken
from handlers.roster import Member
from handlers.standing import LIFT_HOURS
from routing.cards import card_bytes
from routing.exclusion import exclusions, ground_of, judge
from routing.people import Agency, Atlas, Code, House, Region, RegionKind, Roster, TipFacts
from sealing import custody, signing
from sealing.custody import Entry, EntryKind
from sealing.statements import signed_statement
from storage import tables
from tests.handlers.roster.log import SQLITE, declares_a_tie, read_log, row, strip
from tests.handlers.roster_world import ANN, BOB, CARD, CAT, HOUR, ISSUED, World, named, signed, signer, somebody, vouched
from triage.tip import Child

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
    now = datetime.fromtimestamp(at * 3600, UTC)
    codes = exclusions(Roster((member.person,), atlas), tip, now)["p1"]
    assert judge(member.person, ground_of(atlas, tip, now)) == codes, "the gate and the draw say the same"
    return codes


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
