"""The one way to write a gate file, and what it refuses to read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given

from routing.draw import choose
from routing.gate import GateError, add_facts, draw_up
from routing.gate_bytes import gate_bytes, parse_gate
from routing.learning import nothing_known
from routing.lots import Lot
from routing.people import Earlier, Flag, Kin, Role, Roster, TipFacts
from tests.routing.gates import CASE, EVERYBODY, FIRST, GATE, LED, LED_GATE, by_id, fingerprints, gate_of
from tests.routing.world import COINS, FAR, NOW, TIPS, person, rosters
from triage.tip import AgencyKind


@given(rosters(), TIPS, COINS)
def test_a_gate_comes_back_the_same(everybody: Roster, tip: TipFacts, coins: bytes) -> None:
    drawn = choose(everybody, replace(tip, urgent=True), nothing_known(), coins, NOW)
    assume(not drawn.hold)
    gate = draw_up(CASE, 1, "age1case", NOW, tip, drawn, fingerprints(everybody), everybody)
    assert parse_gate(gate_bytes(gate)) == gate
    assert gate_bytes(parse_gate(gate_bytes(gate))) == gate_bytes(gate)
    grown, _ = add_facts(gate, everybody, tip, NOW)
    assert parse_gate(gate_bytes(grown)) == grown


def test_the_form_is_final_and_holds_no_name() -> None:
    everybody = replace(EVERYBODY, people=(person("p-kin", kin=(Kin("Luis Ramos", None, None),)), *EVERYBODY.people[:6]))
    tip = replace(FAR, names=frozenset({"ramos"}), kinds=frozenset({AgencyKind.POLICE}), urgent=True)
    data = gate_bytes(gate_of(everybody, tip))
    fields = json.loads(data)
    assert list(fields) == [
        "v", "kind", "case", "epoch", "recipient", "sealed_at", "received", "sla", "agencies", "kinds", "regions", "place_known", "child",
        "could_involve_child", "asks_help", "excluded", "order", "pool", "chances", "flags", "consent",
    ]  # fmt: skip
    assert fields["kind"] == "gate"
    assert fields["sealed_at"] == "2026-11-21T12:00:00Z"
    assert fields["excluded"] == ["p-kin"]
    assert fields["sla"] == "urgent"
    [seat] = fields["order"]
    assert seat == {"person": seat["person"], "role": "handler", "rank": 1, "card": f"card-of-{seat['person']}"}
    assert fields["flags"] == ["small_pool"]
    assert fields["consent"] == "unknown"
    assert b"ramos" not in data.lower()
    assert b"Name Of" not in data


def altered(**changes: Any) -> bytes:
    return json.dumps(json.loads(gate_bytes(GATE)) | changes, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"kind": "card"},
        {"more": 1},
        {"case": "a b"},
        {"epoch": -1},
        {"sla": "soon"},
        {"kinds": ["pirates"]},
        {"child": None},
        {"place_known": "yes"},
        {"order": [{"person": "p1", "role": "handler", "rank": 0, "card": "c"}]},
        {"order": [{"person": "p1", "role": "handler", "rank": 1}]},
        {"chances": [{"person": "p1", "chance": 1.5}]},
        {"chances": [{"person": "p1", "chance": 1}]},
        {"chances": [{"person": "p1", "chance": 0.1}, {"person": "p1", "chance": 0.2}]},
        {"flags": ["tired"]},
        {"consent": "maybe"},
        {"received": "2026-11-21T12:00:00+01:00"},
    ],
)
def test_an_altered_gate_is_refused(changes: dict[str, Any]) -> None:
    assert parse_gate(altered()) == GATE
    with pytest.raises(GateError):
        parse_gate(altered(**changes))


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b" " * ((1 << 22) + 1)])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(GateError):
        parse_gate(data)


@pytest.mark.parametrize(
    "changes", [{"case": "A"}, {"order": list(GATE.order)}, {"sealed_at": NOW.replace(tzinfo=None)}, {"chances": {"p": 2.0}}]
)
def test_a_gate_that_would_not_come_back_is_not_written(changes: dict[str, Any]) -> None:
    with pytest.raises(GateError):
        gate_bytes(replace(GATE, **changes))


def test_what_the_draw_knew_is_kept_of_everybody_who_could_be_drawn() -> None:
    assert LED_GATE.lots.keys() == LED_GATE.chances.keys()
    assert LED_GATE.lots["l0"] == Lot(Role.LEAD, "unit-0", ready=True)
    first = LED_GATE.order[0].person
    assert LED_GATE.lots[first] == Lot(Role.HANDLER, by_id(first, LED).card.agency, ready=True)
    urgent = gate_of(LED, replace(FAR, urgent=True))
    assert {name for name, lot in urgent.lots.items() if not lot.ready} == {"l0", "l1", "l2"}, "off duty counts where time does"


def test_a_shared_order_is_written_as_one_of_its_own_and_takes_as_much_room() -> None:
    """Sizes must not tell that a case is linked."""
    own = choose(LED, FAR, nothing_known(), b"c" * 32, NOW)
    linked = choose(LED, FAR, nothing_known(), b"d" * 32, NOW, earlier=Earlier(own.order, own.leads, own.chances))
    gates = [draw_up(CASE, 1, "age1case", NOW, FAR, drawn, fingerprints(LED), LED) for drawn in (own, linked)]
    assert gates[0].lots == gates[1].lots
    assert [Flag.LINKED in gate.flags for gate in gates] == [False, True]
    assert abs(len(gate_bytes(gates[0])) - len(gate_bytes(gates[1]))) <= 4, "a flag's quotes and comma"
    for gate in gates:
        assert len(gate_bytes(gate).rstrip(b" ")) < len(gate_bytes(gate)), "it took room"
        assert parse_gate(gate_bytes(gate)) == parse_gate(gate_bytes(gate).rstrip(b" ")) == gate


def test_a_gate_file_of_before_still_opens_and_stays_the_same() -> None:
    """Its chances say no more than a person and a number, and it has no lead."""
    before = json.loads(gate_bytes(GATE))
    before["chances"] = [{"person": person, "chance": chance} for person, chance in GATE.chances.items()]
    data = json.dumps(before, separators=(",", ":")).encode()
    gate = parse_gate(data)
    assert gate == replace(GATE, lots={})
    assert gate_bytes(gate) == data
    grown, struck = add_facts(gate, EVERYBODY, replace(FAR, people=frozenset({FIRST})), NOW)
    assert struck == (FIRST,)
    assert parse_gate(gate_bytes(grown)) == grown


@pytest.mark.parametrize(
    "column",
    [
        {"people": []},
        {"chances": [0.5]},
        {"chances": [1] * len(LED_GATE.chances)},
        {"chances": [1.5] * len(LED_GATE.chances)},
        {"agency_of": [0]},
        {"agency_of": [99] * len(LED_GATE.chances)},
        {"agency_of": [True] * len(LED_GATE.chances)},
        {"agencies": ["another"]},
        {"leads": [999]},
        {"leads": [0, 0]},
        {"off_duty": ["p001"]},
        {"more": []},
    ],
    ids=lambda column: next(iter(column)),
)
def test_there_is_one_way_to_write_what_the_draw_knew(column: dict[str, Any]) -> None:
    fields = json.loads(gate_bytes(LED_GATE))
    fields["chances"] |= column
    with pytest.raises(GateError):
        parse_gate(json.dumps(fields, separators=(",", ":")).encode())


def test_leads_stand_behind_the_handlers() -> None:
    fields = json.loads(gate_bytes(LED_GATE))
    fields["order"] = [*fields["order"][3:], *fields["order"][:3]]
    with pytest.raises(GateError):
        parse_gate(json.dumps(fields, separators=(",", ":")).encode())


def test_a_gate_that_knows_less_of_some_than_of_others_is_not_written() -> None:
    fewer = {name: lot for name, lot in LED_GATE.lots.items() if name != "l0"}
    with pytest.raises(GateError):
        gate_bytes(replace(LED_GATE, lots=fewer))
