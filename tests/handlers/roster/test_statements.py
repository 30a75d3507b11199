"""Vetters' statements about a person: what they do, how long, and which the line does not take."""

from __future__ import annotations

import pytest

from handlers.enrolment import NotTaken, Taken
from handlers.standing import LAPSE_HOURS, LIFT_HOURS
from sealing import custody, signing
from sealing.custody import Entry, EntryKind
from sealing.statements import signed_statement
from tests.handlers.roster.log import SQLITE, declares_a_tie
from tests.handlers.roster_world import ANN, BOB, CAT, HOLDER, HOUR, Signer, World, named


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
