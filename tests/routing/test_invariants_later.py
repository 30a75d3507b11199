"""I2 over time: what a reader says of himself between tips, and whoever is drawn when all of a case's order have left it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from handlers.rescue import ONE_MORE
from handlers.roster import idle
from routing.draw import choose
from routing.gate import add_facts, draw_up, facts_of
from routing.learning import Beliefs
from routing.people import Flag, Person, Role, Roster, TipFacts
from routing.policy import DEFAULT
from tests.routing.world import BELIEFS, COINS, EVERYBODY, NOW, TIPS, large_rosters

CAP = DEFAULT.cap + 1e-9
SMALL = {Role.HANDLER: Flag.SMALL_POOL, Role.LEAD: Flag.FEW_LEADS}
FEW = frozenset(SMALL.values())
EDITS = st.fixed_dictionaries(
    {
        "languages": st.sampled_from([(), ("en",), ("en", "es", "fr")]),
        "capacity": st.integers(0, 50),
        "open_cases": st.integers(0, 9),
        "on_duty": st.booleans(),
    }
)
"""What depends on the reader himself; the rest of his card stands over vetters' signatures."""


def edited(one: Person, edit: dict[str, Any]) -> Person:
    card = replace(one.card, languages=edit["languages"], capacity=edit["capacity"])
    return replace(one, card=card, open_cases=edit["open_cases"], on_duty=edit["on_duty"])


@given(large_rosters(), st.integers(0, 59), st.lists(st.tuples(TIPS, EDITS, BELIEFS), min_size=1, max_size=3), COINS)
@pytest.mark.claim("T8")
def test_i2_what_a_reader_says_of_himself_between_tips_lifts_him_over_no_cap(
    everybody: Roster, who: int, tips: Sequence[tuple[TipFacts, dict[str, Any], Beliefs]], coins: bytes
) -> None:
    """Nor does it make a pool small, or hold a tip."""
    one = everybody.people[who % len(everybody.people)]
    for tip, edit, beliefs in tips:
        before = choose(everybody, tip, beliefs, coins, NOW)
        everybody = everybody.changed(edited(one, edit))
        after = choose(everybody, tip, beliefs, coins, NOW)
        assert (after.hold, Flag.SMALL_POOL in after.flags) == (before.hold, Flag.SMALL_POOL in before.flags)
        if SMALL[one.card.role] not in after.flags:
            assert after.chances.get(one.id, 0.0) <= CAP


@given(large_rosters(), TIPS, st.lists(st.tuples(TIPS, st.sampled_from(EVERYBODY), EDITS, COINS), min_size=1, max_size=3), BELIEFS, COINS)
@pytest.mark.claim("T8")
def test_i2_over_every_rescue_each_draw_keeps_to_the_cap_on_its_own(
    everybody: Roster, tip: TipFacts, rescues: Sequence[tuple[TipFacts, Person, dict[str, Any], bytes]], beliefs: Beliefs, coins: bytes
) -> None:
    """Whoever can make others leave a case has a chance of q once more at each rescue: over n of them no more than 1 - (1 - q)^(n + 1).
    Nobody has one twice, and what later messages say takes chance and gives none."""
    drawn = choose(everybody, replace(tip, urgent=True), beliefs, coins, NOW)
    assume(drawn.order and not drawn.flags & FEW)
    cards = {one.id: "" for one in everybody.people}
    gate = draw_up("c" * 32, 1, "age1case", NOW, tip, drawn, cards, everybody)
    had, never = {*drawn.order, *drawn.leads}, {one.id: 1 - drawn.chances.get(one.id, 0.0) for one in everybody.people}
    for n, (more, one, edit, own) in enumerate(rescues, start=2):
        everybody = everybody.changed(edited(one, edit)) if one.id in never else everybody
        gate, _ = add_facts(gate, everybody, more, NOW)
        again = choose(idle(everybody, {*had, *gate.excluded}), facts_of(gate), beliefs, own, NOW, ONE_MORE)
        if not again.order or again.flags & FEW:
            return
        assert not {*had, *gate.excluded} & again.chances.keys()
        never = {name: left * (1 - again.chances.get(name, 0.0)) for name, left in never.items()}
        assert min(never.values()) >= (1 - CAP) ** n
        had |= {*again.order}
