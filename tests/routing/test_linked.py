"""Tips of one matter share one drawn order: whoever writes ten of them has one draw, and what he adds only strikes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.draw import choose
from routing.learning import Beliefs, nothing_known
from routing.people import Assignment, Earlier, Flag, Hold, Role, Roster, TipFacts
from tests.routing.test_draw import URGENT, coins, draw, naming, with_leads
from tests.routing.world import BELIEFS, COINS, FAR, NOW, TIPS, line, person, rosters

EVERYBODY = with_leads(40, 24)
FIRST = draw(EVERYBODY)
EARLIER = Earlier(FIRST.order, FIRST.leads, FIRST.chances)


def again(tip: TipFacts = FAR, everybody: Roster = EVERYBODY, earlier: Earlier = EARLIER, *, released: bool = False) -> Assignment:
    return choose(everybody, tip, nothing_known(), coins(99), NOW, released=released, earlier=earlier)


def without(name: str) -> TipFacts:
    return replace(FAR, people=frozenset({name}))


def test_ten_linked_tips_reach_the_readers_of_one() -> None:
    reached = {name for n in range(10) for name in choose(EVERYBODY, FAR, nothing_known(), coins(n), NOW, earlier=EARLIER).order}
    assert reached == set(FIRST.order)
    assert again() == replace(FIRST, flags=frozenset({Flag.LINKED}))


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_who_is_excluded_now_is_left_out_and_nobody_comes_in_his_place(rank: int) -> None:
    handler, lead = again(without(FIRST.order[rank])), again(without(FIRST.leads[rank]))
    assert handler.order == tuple(name for name in FIRST.order if name != FIRST.order[rank])
    assert handler.leads == FIRST.leads
    assert (lead.order, lead.leads) == (FIRST.order, tuple(name for name in FIRST.leads if name != FIRST.leads[rank]))
    assert handler.chances == FIRST.chances


@pytest.mark.parametrize("urgent", [False, True])
@pytest.mark.claim("T2")
def test_an_order_of_which_nobody_is_left_is_held_and_never_drawn_anew(urgent: bool) -> None:
    for tip, everybody in (
        (replace(FAR, people=frozenset(FIRST.order), urgent=urgent), EVERYBODY),
        (replace(FAR, urgent=urgent), replace(EVERYBODY, people=tuple(one for one in EVERYBODY.people if one.id not in FIRST.order))),
    ):
        for released in (False, True):
            held = again(tip, everybody, released=released)
            assert held.hold is Hold.NOBODY_ELIGIBLE
            assert (held.order, held.leads, held.chances) == ((), (), {})
            assert held.flags == {Flag.LINKED}
            assert held.pool > 30


def test_a_linked_tip_that_names_most_of_the_pool_is_held_like_any_other() -> None:
    everybody = line(40, 12)
    earlier = Earlier(("p039", "p038"), (), {"p039": 0.1, "p038": 0.1})
    assert again(naming(30), everybody, earlier).hold is Hold.POISONED
    released = again(naming(30), everybody, earlier, released=True)
    assert (released.hold, released.order) == (None, ("p039", "p038"))


def test_who_has_changed_role_or_agency_no_longer_stands() -> None:
    first, second, _ = FIRST.order
    by_id = {one.id: one for one in EVERYBODY.people}
    card = by_id[second].card
    moved = again(everybody=EVERYBODY.changed(replace(by_id[second], card=replace(card, agency=by_id[first].card.agency))))
    assert moved.order == (first, FIRST.order[2])
    leading = again(everybody=EVERYBODY.changed(replace(by_id[second], card=replace(card, role=Role.LEAD))))
    assert leading.order == (first, FIRST.order[2])
    assert second not in leading.leads


def test_the_flags_are_of_those_who_read_now() -> None:
    people = tuple(replace(one, on_duty=one.id != FIRST.order[1]) for one in EVERYBODY.people)
    assert again(everybody=replace(EVERYBODY, people=people)).flags == {Flag.LINKED, Flag.OFF_DUTY}
    small = draw(line(4, 4))
    linked = again(URGENT, line(4, 4), Earlier(small.order, (), small.chances))
    assert linked.flags == {Flag.LINKED, Flag.SMALL_POOL}
    assert linked.order == small.order


@given(rosters(), TIPS, TIPS, BELIEFS, COINS, st.booleans())
@pytest.mark.claim("T12")
def test_a_linked_tip_only_ever_strikes(
    everybody: Roster, tip: TipFacts, more: TipFacts, beliefs: Beliefs, seed: bytes, released: bool
) -> None:
    first = choose(everybody, tip, beliefs, seed, NOW, released=True)
    earlier = Earlier(first.order, first.leads, first.chances)
    later = choose(everybody, more, beliefs, seed[::-1], NOW, released=released, earlier=earlier)
    alone = choose(everybody, more, beliefs, seed[::-1], NOW, released=released)
    assert Flag.LINKED in later.flags
    assert (later.pool, later.reasons) == (alone.pool, alone.reasons)
    if later.hold is None:
        assert later.order == tuple(name for name in first.order if not later.reasons[name])
        assert later.leads == tuple(name for name in first.leads if not later.reasons[name])
    else:
        assert later.hold is Hold.POISONED or all(later.reasons[name] for name in first.order)


def test_somebody_who_is_on_no_roster_is_left_out() -> None:
    assert again(everybody=EVERYBODY.changed(person("zz")), earlier=Earlier(("gone", FIRST.order[0]), (), {})).order == FIRST.order[:1]
