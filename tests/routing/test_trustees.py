"""Trustees are on the roster and never drawn; a case keeps them from its keys by the same exclusions; one more seat behind an order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.cards import card_bytes, parse_card
from routing.draw import choose
from routing.exclusion import exclusions
from routing.gate import Granted, Refusal, Refused, append_seat, may_approve, may_keep, may_read, without
from routing.gate_bytes import gate_bytes, parse_gate
from routing.learning import nothing_known
from routing.people import Code, Person, Role, Roster, TipFacts
from tests.routing.gates import EVERYBODY, FIRST, GATE, by_id
from tests.routing.world import ATLAS, COINS, FAR, NOW, RECEIVED, TIPS, person, rosters

TRUSTEE = person("t1", role=Role.TRUSTEE)


@pytest.mark.parametrize("role", [Role.TRUSTEE, Role.AUDITOR])
@given(rosters(), TIPS, COINS, st.integers(1, 3))
def test_whoever_reads_nothing_is_never_drawn_and_changes_no_draw(
    role: Role, everybody: Roster, tip: TipFacts, coins: bytes, count: int
) -> None:
    more = tuple(person(f"t{n}", role=role, vetters=(f"x{n}", f"y{n}")) for n in range(count))
    alone, among = (
        choose(everybody, tip, nothing_known(), coins, NOW),
        choose(replace(everybody, people=(*more, *everybody.people)), tip, nothing_known(), coins, NOW),
    )
    same = replace(among, reasons=alone.reasons, chances=dict(among.chances))
    assert same == replace(alone, chances=dict(alone.chances))
    assert {one.id for one in more} <= among.reasons.keys(), "but judged, for the gate file"


@given(TIPS)
def test_a_trustee_may_hold_a_share_exactly_when_a_reader_with_his_card_could_read(tip: TipFacts) -> None:
    gate = replace(GATE, regions=tuple(sorted(tip.regions)), place_known=tip.place_known, agencies=tuple(sorted(tip.agencies)))
    facts = replace(
        tip, kinds=frozenset(), people=frozenset(), names=frozenset(), child=gate.child, could_involve_child=False, asks_help=False
    )
    for trustee in (TRUSTEE, person("t2", role=Role.TRUSTEE, home="nord"), person("t3", role=Role.TRUSTEE, agency="police-north")):
        barred = exclusions(Roster((trustee,), ATLAS), facts, NOW)[trustee.id]
        assert (may_approve(gate, trustee, NOW, ATLAS) is None) is not bool(barred)


@pytest.mark.parametrize(
    ("trustee", "code"),
    [
        (person("p1"), Refusal.NO_TRUSTEE),
        (person("p1", role=Role.LEAD), Refusal.NO_TRUSTEE),
        (person("t1", role=Role.TRUSTEE, active=False), Code.E1),
        (person("t1", role=Role.TRUSTEE, issued=RECEIVED + timedelta(minutes=1)), Code.E1),
        (person("t1", role=Role.TRUSTEE, home="ost"), Code.E5),
        (person("t1", role=Role.TRUSTEE, vetters=("vetter-a",)), Code.E8),
    ],
    ids=["handler", "lead", "suspended", "newer than the tip", "lives there", "one vetter"],
)
def test_who_may_hold_none(trustee: Person, code: Refusal | Code) -> None:
    assert may_approve(GATE, trustee, NOW, ATLAS) == Refused(code)


def test_a_region_that_the_file_lacks_makes_no_share_a_dummy_and_gives_none() -> None:
    lost = replace(GATE, regions=(*GATE.regions, "gone"))
    assert may_keep(lost, TRUSTEE, NOW, ATLAS) is None
    assert may_approve(lost, TRUSTEE, NOW, ATLAS) is not None, "asked again before it is given"
    assert may_keep(lost, person("t1", role=Role.TRUSTEE, home="ost"), NOW, ATLAS) == Refused(Code.E5)
    assert may_keep(lost, person("p1"), NOW, ATLAS) == Refused(Refusal.NO_TRUSTEE)


def test_a_trustee_struck_from_the_case_stays_out_whatever_his_card_says() -> None:
    assert may_approve(GATE, TRUSTEE, NOW, ATLAS) is None
    assert may_approve(without(GATE, [TRUSTEE.id]), TRUSTEE, NOW, ATLAS) == Refused(Refusal.STRUCK)


def test_a_trustee_is_no_reader() -> None:
    assert may_read(GATE, TRUSTEE, "card", NOW, ATLAS) == Refused(Refusal.NOT_IN_ORDER)


def test_one_more_seat_stands_alone_behind_an_order_that_is_out() -> None:
    new = next(one for one in EVERYBODY.people if one.id not in {seat.person for seat in GATE.order})
    more = append_seat(GATE, new.id, f"card-of-{new.id}")
    assert more.order[:-1] == GATE.order
    assert [(seat.person, seat.rank) for seat in more.standing()] == [(new.id, len(GATE.order) + 1)]
    assert may_read(more, by_id(FIRST), f"card-of-{FIRST}", NOW, EVERYBODY.atlas) == Refused(Refusal.STRUCK)
    assert may_read(more, new, f"card-of-{new.id}", NOW, EVERYBODY.atlas) == Granted(more.order[-1], same_card=True)
    assert parse_gate(gate_bytes(more)) == more


def test_a_trustees_card_is_written_and_read() -> None:
    assert parse_card(card_bytes(TRUSTEE.card)) == TRUSTEE.card
    assert FAR.received == RECEIVED
