"""Auditors are on the roster and never drawn (test_trustees); a case keeps them from its reasons by the same exclusions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from routing.cards import card_bytes, parse_card
from routing.gate import Refusal, Refused, may_approve, may_audit, may_read, without
from routing.people import Code, Person, Role
from tests.routing.gates import FIRST, GATE, by_id
from tests.routing.world import ATLAS, NOW, RECEIVED, person

AUDITOR = person("a1", role=Role.AUDITOR)


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
