"""One human, one card; and how a card takes another's place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from handlers.enrolment import News, NotPut, Put, Taken
from handlers.standing import LIFT_HOURS
from routing.people import Kin
from sealing import age
from sealing.custody import EntryKind
from sealing.rows import Purpose
from sealing.said import Letter, read_letter
from tests.handlers.roster.log import SQLITE, declares_a_tie, read_log
from tests.handlers.roster_world import ANN, BOB, CARD, CAT, HOUR, ISSUED, World, named, somebody, vouched

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
