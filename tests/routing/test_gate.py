"""The gate: what is kept of a draw, who passes, and how later facts strike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import assume, given

from routing.draw import choose
from routing.exclusion import exclusions
from routing.gate import (
    Consent,
    GateError,
    GateFile,
    Granted,
    Refusal,
    Refused,
    Seat,
    Sla,
    add_facts,
    append_seat,
    draw_up,
    may_read,
    without,
)
from routing.gate_bytes import gate_bytes, parse_gate
from routing.learning import nothing_known
from routing.people import Atlas, Code, Kin, Person, Role, Roster, TipFacts
from tests.routing.gates import CASE, EVERYBODY, FIRST, GATE, LED, LED_GATE, by_id, fingerprints, gate_of, with_card, with_person
from tests.routing.world import COINS, FAR, NOW, TIPS, line, person, roster, rosters
from triage.tip import AgencyKind, Child

# --- drawing up ---


def test_the_gate_keeps_the_order_and_everybody_who_is_excluded() -> None:
    tip = replace(FAR, people=frozenset({"p001"}))
    drawn = choose(EVERYBODY, tip, nothing_known(), b"c" * 32, NOW)
    gate = draw_up(CASE, 1, "age1case", NOW.astimezone(UTC) + timedelta(microseconds=5), tip, drawn, fingerprints(EVERYBODY), EVERYBODY)
    assert [seat.person for seat in gate.order] == list(drawn.order)
    assert [seat.rank for seat in gate.order] == [1, 2, 3]
    assert gate.excluded == ("p001",)
    assert gate.chances == drawn.chances
    assert gate.sealed_at == NOW
    assert (gate.sla, gate.consent) == (Sla.NORMAL, Consent.UNKNOWN)
    assert gate.standing() == gate.order


def test_no_gate_for_a_case_on_hold_or_a_missing_card() -> None:
    held = choose(line(1), FAR, nothing_known(), b"c" * 32, NOW)
    with pytest.raises(GateError):
        draw_up(CASE, 1, "age1case", NOW, FAR, held, {}, line(1))
    drawn = choose(EVERYBODY, FAR, nothing_known(), b"c" * 32, NOW)
    with pytest.raises(GateError):
        draw_up(CASE, 1, "age1case", NOW, FAR, drawn, {}, EVERYBODY)


# --- may read ---


def judged(one: Person, gate: GateFile = GATE, later: timedelta = timedelta(hours=1), card: str | None = None) -> Granted | Refused:
    return may_read(gate, one, card or f"card-of-{one.id}", NOW + later, EVERYBODY.atlas)


def test_the_drawn_may_read_and_nobody_else() -> None:
    for one in EVERYBODY.people:
        seat = next((seat for seat in GATE.order if seat.person == one.id), None)
        assert judged(one) == (Granted(seat, same_card=True) if seat else Refused(Refusal.NOT_IN_ORDER))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"issued": FAR.received + timedelta(seconds=1)}, Code.E1),
        ({"agency": "police-south", "home": "ost"}, Code.E5),
        ({"past_postings": ("ost",)}, Code.E5),
        ({"agency": "lost"}, Code.E3),
        ({"kin": (Kin("Ana", "ost", None),)}, Code.E6),
        ({"expires": NOW.date() - timedelta(days=1)}, Code.E8),
    ],
)
def test_a_changed_card_must_pass_all_that_the_first_one_passed(changes: dict[str, Any], code: Code) -> None:
    assert judged(with_card(by_id(FIRST), **changes), card="another") == Refused(code)


def test_a_changed_card_that_passes_is_granted_and_known_as_changed() -> None:
    assert judged(with_card(by_id(FIRST), capacity=9, sequence=2), card="another") == Granted(GATE.order[0], same_card=False)


def test_what_happens_to_a_person_counts_on_the_day() -> None:
    one = by_id(FIRST)
    assert judged(replace(one, active=False)) == Refused(Code.E1)
    assert judged(replace(one, vetters=("vetter-a",))) == Refused(Code.E8)
    assert judged(one, later=timedelta(days=400)) == Refused(Code.E8)
    assert judged(one, later=timedelta(days=100)) == Granted(GATE.order[0], same_card=True)


@given(rosters(), TIPS, COINS)
def test_at_the_moment_of_the_draw_exactly_the_order_may_read(everybody: Roster, tip: TipFacts, coins: bytes) -> None:
    tip = replace(tip, urgent=True)
    drawn = choose(everybody, tip, nothing_known(), coins, NOW)
    assume(not drawn.hold)
    gate = draw_up(CASE, 1, "age1case", NOW, tip, drawn, fingerprints(everybody), everybody)
    granted = {
        one.id
        for one in everybody.people
        if isinstance(may_read(gate, one, fingerprints(everybody)[one.id], NOW, everybody.atlas), Granted)
    }
    assert granted == set(drawn.order)


# --- later facts ---


@pytest.mark.claim("T12")
def test_a_new_fact_strikes_and_never_draws_again() -> None:
    grown, struck = add_facts(GATE, EVERYBODY, replace(FAR, people=frozenset({FIRST})), NOW)
    assert struck == (FIRST,)
    assert grown.order == GATE.order
    assert grown.standing() == GATE.order[1:]
    assert judged(by_id(FIRST), grown) == Refused(Refusal.STRUCK)
    assert isinstance(judged(by_id(GATE.order[1].person), grown), Granted)
    again, struck = add_facts(grown, EVERYBODY, FAR, NOW)
    assert (again, struck) == (grown, ())


def test_a_name_that_came_later_strikes_kin_without_being_kept() -> None:
    everybody = with_person(with_card(by_id(FIRST), kin=(Kin("Luis Ramos", None, None),)))
    grown, struck = add_facts(GATE, everybody, replace(FAR, names=frozenset({"ramos"})), NOW)
    assert struck == (FIRST,)
    assert b"ramos" not in gate_bytes(grown).lower()


def test_facts_only_add_up() -> None:
    first = replace(FAR, child=Child.UNKNOWN, agencies=frozenset({"court-north"}), kinds=frozenset({AgencyKind.JUDICIARY}))
    gate = gate_of(tip=first)
    more = TipFacts(
        NOW, frozenset({"nord"}), agencies=frozenset({"port"}), kinds=frozenset({AgencyKind.POLICE}), child=Child.NO, urgent=True
    )
    grown, struck = add_facts(gate, EVERYBODY, replace(more, could_involve_child=False), NOW)
    assert struck == ()
    assert grown.regions == ("nord", "ost")
    assert grown.agencies == ("court-north", "port")
    assert grown.kinds == (AgencyKind.JUDICIARY, AgencyKind.POLICE)
    assert (grown.place_known, grown.child, grown.sla, grown.received) == (True, Child.UNKNOWN, Sla.URGENT, FAR.received)
    calmer, _ = add_facts(grown, EVERYBODY, FAR, NOW)
    assert calmer == grown


def test_a_child_found_later_strikes_those_without_clearance() -> None:
    grown, struck = add_facts(GATE, EVERYBODY, replace(FAR, child=Child.YES), NOW)
    assert struck == tuple(seat.person for seat in GATE.order)
    assert grown.standing() == ()


def test_a_place_that_becomes_known_lifts_nothing() -> None:
    everybody = line(20, child_clearance=True)
    gate = gate_of(everybody, replace(FAR, place_known=False))
    grown, struck = add_facts(gate, everybody, FAR, NOW)
    assert not grown.place_known
    assert struck == ()


def test_the_inactive_of_today_are_not_struck_for_ever() -> None:
    resting = replace(by_id(FIRST), active=False)
    grown, struck = add_facts(GATE, with_person(resting), FAR, NOW)
    assert struck == ()
    assert judged(resting, grown) == Refused(Code.E1)
    assert isinstance(judged(by_id(FIRST), grown), Granted)


def lacking(region: str, everybody: Roster) -> Roster:
    """The same people after an edit of the regions file that renamed one region."""
    renamed = [replace(r, id="renamed") if r.id == region else r for r in everybody.atlas.regions.values()]
    return replace(everybody, atlas=Atlas(tuple(renamed), tuple(everybody.atlas.agencies.values())))


@pytest.mark.parametrize("agency", ["haven", "police-south"])
def test_an_edit_of_the_regions_file_strikes_nobody_and_lets_nobody_read_while_it_lasts(agency: str) -> None:
    everybody = roster(*(person(f"p{n}", agency=agency, posting="sud") for n in range(8)))
    gate = gate_of(everybody)
    edited = lacking("ost", everybody)
    reader = by_id(gate.order[0].person, everybody)
    grown, struck = add_facts(gate, edited, FAR, NOW)
    assert struck == ()
    assert grown == gate
    assert isinstance(may_read(grown, reader, "card", NOW, edited.atlas), Refused)
    assert isinstance(may_read(grown, reader, "card", NOW, everybody.atlas), Granted)


def test_an_agency_that_the_atlas_lost_strikes_nobody() -> None:
    gate = gate_of(tip=replace(FAR, agencies=frozenset({"port"})))
    fewer = [agency for agency in EVERYBODY.atlas.agencies.values() if agency.id != "port"]
    edited = replace(EVERYBODY, atlas=Atlas(tuple(EVERYBODY.atlas.regions.values()), tuple(fewer)))
    grown, struck = add_facts(gate, edited, FAR, NOW)
    assert struck == ()
    assert grown.agencies == ("port",)


@pytest.mark.parametrize(
    "fact",
    [
        {"people": frozenset({"p1"})},
        {"agencies": frozenset({"police-south"})},
        {"regions": frozenset({"sud"})},
        {"regions": frozenset({"sud"}), "kinds": frozenset({AgencyKind.POLICE})},
        {"child": Child.YES},
    ],
)
@pytest.mark.claim("T12")
def test_what_the_atlas_still_has_strikes_beside_what_it_lost(fact: dict[str, Any]) -> None:
    everybody = roster(person("p1", agency="police-south"))
    gate = replace(gate_of(), order=(Seat("p1", Role.HANDLER, 1, "card"),))
    _, struck = add_facts(gate, lacking("ost", everybody), replace(FAR, **fact), NOW)
    assert struck == ("p1",)


@given(rosters(), TIPS, TIPS, COINS)
@pytest.mark.claim("T12")
def test_i7_later_facts_strike_whom_they_exclude_and_admit_nobody(everybody: Roster, tip: TipFacts, more: TipFacts, coins: bytes) -> None:
    drawn = choose(everybody, replace(tip, urgent=True), nothing_known(), coins, NOW)
    assume(not drawn.hold)
    gate = draw_up(CASE, 1, "age1case", NOW, tip, drawn, fingerprints(everybody), everybody)
    grown, struck = add_facts(gate, everybody, more, NOW)
    assert set(gate.excluded) <= set(grown.excluded)
    assert {seat.person for seat in grown.standing()} == set(drawn.order) - set(struck)
    later = exclusions(everybody, replace(more, place_known=True, regions=more.regions | tip.regions), NOW)
    standing = {seat.person for seat in grown.standing()}
    assert all(not set(later[name]) - {Code.E7, Code.E4} for name in standing)
    for one in everybody.people:
        if one.id in struck:
            assert may_read(grown, one, "any", NOW, everybody.atlas) == Refused(Refusal.STRUCK)


# --- leads ---


def may(name: str, gate: GateFile) -> Granted | Refused:
    return may_read(gate, by_id(name, LED), f"card-of-{name}", NOW, LED.atlas)


@pytest.mark.claim("T65")
def test_a_drawn_lead_has_a_seat_of_his_own_and_reads_nothing() -> None:
    assert [(seat.role, seat.rank) for seat in LED_GATE.lead_order] == [(Role.LEAD, rank) for rank in (1, 2)]
    assert LED_GATE.seats == (*LED_GATE.order, *LED_GATE.lead_order)
    assert LED_GATE.standing() == LED_GATE.order
    assert LED_GATE.leads() == LED_GATE.lead_order
    assert {seat.card for seat in LED_GATE.leads()} == {f"card-of-{seat.person}" for seat in LED_GATE.leads()}
    for seat in LED_GATE.leads():
        assert may(seat.person, LED_GATE) == Refused(Refusal.NOT_ASKED)
    for allowed in Consent:
        assert may("l0", replace(LED_GATE, consent=allowed)) == Refused(Refusal.NOT_ASKED), "no act asks for an operation yet"
    assert parse_gate(gate_bytes(LED_GATE)) == LED_GATE


@pytest.mark.claim("T12")
def test_a_lead_is_struck_like_anybody_and_for_good() -> None:
    handler = LED_GATE.order[1].person
    grown, struck = add_facts(LED_GATE, LED, replace(FAR, regions=frozenset({"nord"}), people=frozenset({handler})), NOW)
    assert struck == (handler, "l0"), "handlers first"
    assert "l0" not in {seat.person for seat in grown.leads()}
    assert len(grown.leads()) == 1
    assert may("l0", grown) == Refused(Refusal.STRUCK)
    assert grown.lead_order == LED_GATE.lead_order, "no second draw"
    assert parse_gate(gate_bytes(grown)) == grown


def test_an_order_without_handlers_is_exhausted_whoever_leads() -> None:
    out = without(LED_GATE, [seat.person for seat in LED_GATE.order])
    assert out.standing() == ()
    assert out.leads() == LED_GATE.lead_order
    new = next(one for one in LED.people if one.id not in {seat.person for seat in LED_GATE.seats})
    more = append_seat(LED_GATE, new.id, f"card-of-{new.id}")
    assert [seat.rank for seat in more.standing()] == [4]
    assert more.leads() == LED_GATE.lead_order
    assert parse_gate(gate_bytes(more)) == more
    with pytest.raises(GateError):
        append_seat(LED_GATE, "l0", "card-of-l0")


def test_no_gate_where_a_leads_card_is_missing() -> None:
    drawn = choose(LED, FAR, nothing_known(), b"c" * 32, NOW)
    cards = {name: card for name, card in fingerprints(LED).items() if name not in drawn.leads}
    with pytest.raises(GateError):
        draw_up(CASE, 1, "age1case", NOW, FAR, drawn, cards, LED)
