"""Auditors are on the roster and never drawn; a case keeps them from its reasons by the same exclusions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.cards import card_bytes, parse_card
from routing.draw import choose
from routing.gate import Refusal, Refused, may_approve, may_audit, may_read, without
from routing.learning import nothing_known
from routing.people import Code, Person, Role, Roster, TipFacts
from tests.routing.gates import FIRST, GATE, by_id
from tests.routing.world import ATLAS, COINS, NOW, RECEIVED, TIPS, person, rosters

AUDITOR = person("a1", role=Role.AUDITOR)


@given(rosters(), TIPS, COINS, st.integers(1, 3))
def test_auditors_are_never_drawn_and_change_no_draw(everybody: Roster, tip: TipFacts, coins: bytes, count: int) -> None:
    auditors = tuple(person(f"a{n}", role=Role.AUDITOR, vetters=(f"x{n}", f"y{n}")) for n in range(count))
    alone, among = (
        choose(everybody, tip, nothing_known(), coins, NOW),
        choose(replace(everybody, people=(*auditors, *everybody.people)), tip, nothing_known(), coins, NOW),
    )
    assert (among.order, among.leads, among.pool, among.chances, among.hold) == (
        alone.order, alone.leads, alone.pool, alone.chances, alone.hold,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("auditor", "code"),
    [
        (person("p1"), Refusal.NO_AUDITOR),
        (person("p1", role=Role.TRUSTEE), Refusal.NO_AUDITOR),
        (person(FIRST, role=Role.AUDITOR), Refusal.SEATED),
        (person("a1", role=Role.AUDITOR, active=False), Code.E1),
        (person("a1", role=Role.AUDITOR, issued=RECEIVED + timedelta(minutes=1)), Code.E1),
        (person("a1", role=Role.AUDITOR, home="ost"), Code.E5),
        (person("a1", role=Role.AUDITOR, vetters=("vetter-a",)), Code.E8),
    ],
    ids=["handler", "trustee", "had a seat", "suspended", "newer than the tip", "lives there", "one vetter"],
)
def test_who_is_told_nothing(auditor: Person, code: Refusal | Code) -> None:
    assert may_audit(GATE, auditor, NOW, ATLAS) == Refused(code)


def test_an_auditor_whom_nothing_excludes_is_told_until_he_is_struck_and_is_nothing_else() -> None:
    assert may_audit(GATE, AUDITOR, NOW, ATLAS) is None
    assert may_audit(without(GATE, [AUDITOR.id]), AUDITOR, NOW, ATLAS) == Refused(Refusal.STRUCK)
    assert may_approve(GATE, AUDITOR, NOW, ATLAS) == Refused(Refusal.NO_TRUSTEE)
    assert may_read(GATE, AUDITOR, "card", NOW, ATLAS) == Refused(Refusal.NOT_IN_ORDER)
    assert by_id(FIRST).card.role is Role.HANDLER, "who had a seat was a reader"


def test_an_auditors_card_is_a_card() -> None:
    assert parse_card(card_bytes(AUDITOR.card)) == AUDITOR.card


def test_agencies_are_apart_unless_one_commands_the_other() -> None:
    below = next(agency for agency in ATLAS.agencies.values() if agency.parent is not None)
    assert below.parent is not None
    others = [name for name in ATLAS.agencies if name not in ATLAS.line(below.id)]
    assert others
    assert not ATLAS.apart(below.id, below.id)
    assert not ATLAS.apart(below.id, below.parent)
    assert not ATLAS.apart(below.parent, below.id)
    assert all(ATLAS.apart(below.id, other) and ATLAS.apart(other, below.id) for other in others)
