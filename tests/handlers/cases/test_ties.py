"""A tie that a renewed card adds: the cases that its holder has and that it touches go to the next, and no others do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.enrol import enrolment_at
from handlers.enrolment import Put
from handlers.opening import Gate
from handlers.roster import find_member, judge
from routing.cards import card_bytes
from routing.people import Atlas, Kin
from sealing.card import SignedCard
from sealing.rows import HOUR_MS, GrantState
from tests.handlers.cases.closing import case_of, closed_by_coin
from tests.line import TestLine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket]


async def renew(line: TestLine, person: str, issued: timedelta, **changes: Any) -> None:
    """By two vetters, taken now; they signed it so long after this moment."""
    async with line.store.begin() as tx:
        held = await find_member(tx, line.keys, line.vetters, person, line.clock.now // HOUR_MS)
    assert held is not None
    now = datetime.fromtimestamp(line.clock.now // 1000, UTC)
    card = replace(held.card, sequence=held.card.sequence + 1, issued=now + issued, **changes)
    signed = SignedCard(card_bytes(card))
    for seed in line.vetter_seeds:
        signed = signed.signed_by(seed)
    async with line.store.begin() as tx:
        enrolment = enrolment_at(now, line.keys, line.vetters)
        put = await enrolment.put(tx, signed, judge(signed, line.vetters), line.clock.now // HOUR_MS)
    assert isinstance(put, Put)
    assert put.at is None, "more ties count at once"
    line.cards = {**line.cards, person: card}  # what he signs from now on
    await line.run()


async def states(line: TestLine, case_id: str, person: str) -> set[GrantState]:
    return {grant.state for grant in await line.grants(case_id) if grant.person_id == person}


BEFORE_THE_TIP = timedelta(hours=-3)


@pytest.mark.parametrize(
    ("kin", "issued", "struck"),
    [
        (Kin("Nora", "penalta", None), BEFORE_THE_TIP, True),
        (Kin("Nora", None, "police-penalta"), BEFORE_THE_TIP, False),
        (Kin("Nora", "brumhaven", None), timedelta(0), True),
    ],
    ids=["kin at the place", "kin of an office nobody spoke of", "a card newer than the tip"],
)
async def test_a_case_that_a_new_tie_touches_moves_on(line: TestLine, kin: Kin, issued: timedelta, struck: bool) -> None:
    case_id, reader = await closed_by_coin(line)
    await renew(line, reader, issued, kin=(*line.cards[reader].kin, kin))
    assert await states(line, case_id, reader) == {GrantState.STRUCK if struck else GrantState.OPEN}
    await line.later(6)
    offered = {grant.person_id for grant in await line.grants(case_id) if grant.state is GrantState.OFFERED}
    assert (len(offered) == 1 and reader not in offered) if struck else offered == set()


async def test_a_region_that_the_line_s_file_lacks_for_a_while_takes_no_case_from_anybody(line: TestLine) -> None:
    case_id, reader = await closed_by_coin(line, "+999 100 0040")
    async with line.store.begin() as tx:
        member = await find_member(tx, line.keys, line.vetters, reader, line.clock.now // HOUR_MS)
    assert member is not None
    tied = replace(member, person=replace(member.person, card=replace(member.card, kin=(Kin("Nora", "penalta", None),))))
    case, regions = await case_of(line, case_id), tuple(line.atlas.regions.values())
    offices = tuple(agency for agency in line.atlas.agencies.values() if agency.region != "penalta")
    without = Atlas(tuple(region for region in regions if region.id != "penalta"), offices)
    assert Gate(line.keys, line.clock, line.atlas).lost(case, tied)
    assert not Gate(line.keys, line.clock, line.atlas).lost(case, member)
    assert not Gate(line.keys, line.clock, without).lost(case, tied), "his card speaks of a place that nobody knows"
    assert not Gate(line.keys, line.clock, without).lost(case, member), "nor does the tip"
