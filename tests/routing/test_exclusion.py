"""E1–E9 of ROUTING.md, one by one, and what holds for all of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.exclusion import exclusions, ground_of, judge
from routing.people import Agency, Atlas, Code, House, Kin, Person, Region, RegionKind, Roster, RosterError, TipFacts
from tests.routing.world import (
    AGENCIES,
    ATLAS,
    EVERYBODY,
    FAR,
    NOW,
    ODD_TIPS,
    REGIONS,
    STRANGERS,
    TIPS,
    crowds,
    person,
    roster,
    rosters,
)
from triage.tip import AgencyKind, Child


def codes(one: Person, tip: TipFacts, *others: Person) -> tuple[Code, ...]:
    return exclusions(roster(one, *others), tip, NOW)[one.id]


def tip(*regions: str, **changes: Any) -> TipFacts:
    return replace(FAR, regions=frozenset(regions), **changes)


def police(*agencies: str) -> dict[str, Any]:
    return {"agencies": frozenset(agencies), "kinds": frozenset({AgencyKind.POLICE})}


def test_somebody_without_ties_is_eligible() -> None:
    assert codes(person(), FAR) == ()


def test_e1_inactive() -> None:
    assert codes(person(active=False), FAR) == (Code.E1,)


@pytest.mark.claim("T6")
def test_e1_a_card_signed_after_the_tip() -> None:
    assert codes(person(issued=FAR.received + timedelta(seconds=1)), FAR) == (Code.E1,)
    assert codes(person(issued=FAR.received), FAR) == ()


@pytest.mark.claim("T6")
def test_e2_named() -> None:
    assert codes(person(), replace(FAR, people=frozenset({"p1"}))) == (Code.E2,)


@pytest.mark.parametrize(
    ("agency", "implicated", "excluded"),
    [
        ("police-nord", "police-nord", True),
        ("police", "police-nord", True),  # above
        ("police-nord", "police", True),  # below
        ("police-north", "police-nord", True),
        ("police-nord-2", "police-nord", False),  # beside: neither commands the other
        ("police-south", "police-nord", False),
        ("haven", "police-nord", False),
    ],
)
@pytest.mark.parametrize("past", [False, True])
@pytest.mark.claim("T6")
def test_e3_the_agency_and_its_chain_in_both_directions(agency: str, implicated: str, excluded: bool, past: bool) -> None:
    one = person(past_agencies=(agency,)) if past else person(agency=agency)
    assert (Code.E3 in codes(one, replace(FAR, agencies=frozenset({implicated})))) == excluded


@pytest.mark.parametrize(
    ("agency", "region", "excluded"),
    [
        ("police", "ost", True),  # national: everywhere
        ("police-north", "nord", True),  # around
        ("police-nord", "north", True),  # inside
        ("police-nord-2", "nord", True),  # another town of the same region
        ("police-nord", "harbour", True),
        ("police-south", "nord", False),
        ("police", "away", False),  # another country
        ("court-north", "nord", False),  # another kind
        ("haven", "nord", False),
    ],
)
@pytest.mark.parametrize("past", [False, True])
@pytest.mark.claim("T6")
def test_e4_the_kind_with_jurisdiction_over_the_place(agency: str, region: str, excluded: bool, past: bool) -> None:
    one = person(past_agencies=(agency,)) if past else person(agency=agency)
    assert (Code.E4 in codes(one, tip(region, kinds=frozenset({AgencyKind.POLICE})))) == excluded


def test_e4_every_kind_of_triage_meets_its_house() -> None:
    for kind in AgencyKind:
        atlas = Atlas(REGIONS, (*AGENCIES, Agency("office", House(kind.value), "east", None, ())))
        found = exclusions(Roster((person(agency="office"),), atlas), replace(FAR, kinds=frozenset({kind})), NOW)
        assert found["p1"] == (Code.E4,)


def test_e4_a_place_that_bears_several_regions_counts_for_all_of_them() -> None:
    both = tip("nord", "sud", kinds=frozenset({AgencyKind.POLICE}))
    assert Code.E4 in codes(person(agency="police-north"), both)
    assert Code.E4 in codes(person(agency="police-south"), both)


@pytest.mark.parametrize("facts", [replace(FAR, regions=frozenset()), replace(FAR, place_known=False), tip("land"), tip("land", "abroad")])
def test_e4_unknown_place_excludes_every_official(facts: TipFacts) -> None:
    for agency in AGENCIES:
        expected = agency.kind not in {House.NGO, House.FOREIGN_LIAISON}
        assert (Code.E4 in codes(person(agency=agency.id), facts)) == expected


def test_e4_unknown_place_excludes_former_officials_of_an_implicated_kind_too() -> None:
    one = person(past_agencies=("police-south",))
    assert codes(one, replace(FAR, regions=frozenset(), kinds=frozenset({AgencyKind.POLICE}))) == (Code.E4,)
    assert codes(one, replace(FAR, regions=frozenset(), kinds=frozenset({AgencyKind.JUDICIARY}))) == ()


@pytest.mark.parametrize("field", ["home", "posting", "past_postings"])
@pytest.mark.parametrize(
    ("tie", "region", "excluded"),
    [
        ("nord", "nord", True),
        ("nord-2", "nord", True),  # any town of the same region
        ("nord-2", "harbour", True),
        ("north", "nord", True),
        ("nord", "north", True),
        ("sud", "nord", False),
        ("land", "nord", True),  # a card that says no more than the country hides the tie
        ("abroad", "nord", False),
        ("calm", "calm", True),
        ("nord", "calm", False),
        ("free-city", "free-city", True),
        ("nord", "free-city", False),
    ],
)
@pytest.mark.claim("T6")
def test_e5_home_posting_or_past_posting_there(field: str, tie: str, region: str, excluded: bool) -> None:
    ties: dict[str, Any] = {field: (tie,) if field == "past_postings" else tie}
    one = person(**ties)
    assert (Code.E5 in codes(one, tip(region))) == excluded


@pytest.mark.claim("T25")
def test_e5_a_place_seen_only_in_the_translation_excludes_but_is_not_known() -> None:
    facts = tip("nord", place_known=False)
    assert codes(person(home="nord"), facts) == (Code.E5,)
    assert codes(person(agency="court-south"), facts) == (Code.E4,)


def test_e5_the_country_alone_excludes_those_of_it_by_equality_only() -> None:
    assert codes(person(home="sud"), tip("land")) == ()
    assert codes(person(home="land"), tip("land")) == (Code.E5,)


@pytest.mark.parametrize(
    ("kin", "facts", "excluded"),
    [
        (Kin("Ana", "nord-2", None), tip("nord"), True),
        (Kin("Ana", "sud", None), tip("nord"), False),
        (Kin("Ana", None, None), tip("nord"), False),
        (Kin("Ana", None, "police-nord"), tip("ost", **police("police-north")), True),
        (Kin("Ana", None, "police-south"), tip("ost", **police("police-nord")), False),
        (Kin("Ana", None, "police-nord-2"), tip("nord", kinds=frozenset({AgencyKind.POLICE})), True),
        (Kin("Luis Ramos Vega", None, None), replace(FAR, names=frozenset({"ramos"})), True),
        (Kin("Luis Ramos Vega", None, None), replace(FAR, names=frozenset({"luis pardo"})), False),
        (Kin("Inés Núñez", None, None), replace(FAR, names=frozenset({"ines nunez"})), True),
    ],
)
@pytest.mark.claim("T6")
def test_e6_kin_there_kin_named_or_kin_in_an_implicated_agency(kin: Kin, facts: TipFacts, excluded: bool) -> None:
    assert codes(person(kin=(kin,)), facts) == ((Code.E6,) if excluded else ())


@pytest.mark.parametrize(
    ("child", "could", "asks", "excluded"),
    [
        (Child.YES, False, False, True),
        (Child.UNKNOWN, True, False, True),
        (Child.UNKNOWN, False, True, True),
        (Child.UNKNOWN, False, False, False),
        (Child.NO, True, True, False),
    ],
)
@pytest.mark.claim("T6")
def test_e7_child_clearance(child: Child, could: bool, asks: bool, excluded: bool) -> None:
    facts = replace(FAR, child=child, could_involve_child=could, asks_help=asks)
    assert codes(person(), facts) == ((Code.E7,) if excluded else ())
    assert codes(person(child_clearance=True), facts) == ()


def test_e8_vetting_older_than_a_year() -> None:
    later = (NOW + timedelta(days=900)).date()
    assert codes(person(issued=NOW - timedelta(days=365), expires=later), FAR) == ()
    assert codes(person(issued=NOW - timedelta(days=365, seconds=1), expires=later), FAR) == (Code.E8,)


def test_e8_a_card_whose_last_day_is_over() -> None:
    assert codes(person(expires=NOW.date()), FAR) == ()
    assert codes(person(expires=(NOW - timedelta(days=1)).date()), FAR) == (Code.E8,)


@pytest.mark.parametrize("vetters", [(), ("a",), ("a", "a")])
@pytest.mark.claim("T6")
def test_e8_fewer_than_two_vetters(vetters: tuple[str, ...]) -> None:
    assert codes(person(vetters=vetters), FAR) == (Code.E8,)


@pytest.mark.claim("T6")
def test_e9_a_declared_conflict_with_a_named_person() -> None:
    one = person(conflicts=("Bruno Dunavega",))
    assert codes(one, replace(FAR, names=frozenset({"dunavega"}))) == (Code.E9,)
    assert codes(one, replace(FAR, names=frozenset({"bruno albariza"}))) == ()
    other = person("p2", name="Bruno Dunavega", spellings=("B. D.",))
    assert codes(one, replace(FAR, people=frozenset({"p2"})), other) == (Code.E9,)
    assert codes(one, FAR, other) == ()
    assert codes(person(conflicts=("p2",)), replace(FAR, people=frozenset({"p2"})), other) == (Code.E9,)


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (person(agency="lost"), Code.E3),
        (person(past_agencies=("lost",)), Code.E3),
        (person(home="lost"), Code.E5),
        (person(posting="lost"), Code.E5),
        (person(past_postings=("lost",)), Code.E5),
        (person(kin=(Kin("Ana", "lost", None),)), Code.E6),
        (person(kin=(Kin("Ana", None, "lost"),)), Code.E6),
    ],
)
def test_a_card_that_cannot_be_judged_excludes(one: Person, code: Code) -> None:
    assert codes(one, FAR) == (code,)
    assert code in codes(one, replace(FAR, regions=frozenset()))


@pytest.mark.parametrize("facts", [tip("ost", "lost"), tip("ost", agencies=frozenset({"lost"}))])
def test_a_tip_that_cannot_be_judged_excludes_everybody(facts: TipFacts) -> None:
    assert codes(person(), facts) == (Code.E3, Code.E5)


@given(crowds(), ODD_TIPS)
@pytest.mark.claim("T6")
def test_the_roster_at_once_and_one_by_one_give_the_same_codes(everybody: Roster, facts: TipFacts) -> None:
    """The safety net under the index: the gate judges one person's card by itself."""
    ground = ground_of(ATLAS, facts, NOW, [one.card for one in everybody.people if one.id in facts.people])
    found = exclusions(everybody, facts, NOW)
    assert found == {one.id: judge(one, ground) for one in everybody.people}
    assert len(found) == len(everybody.people)


@pytest.mark.parametrize("code", list(Code))
def test_every_code_occurs_among_those_compared(code: Code) -> None:
    """So the test above has something to compare."""
    facts = TipFacts(
        FAR.received,
        frozenset({"nord"}),
        place_known=True,
        agencies=frozenset({"police-nord"}),
        kinds=frozenset({AgencyKind.JUDICIARY}),
        people=frozenset({STRANGERS[0].id, EVERYBODY[0].id}),
        names=frozenset({"brumedo"}),
    )
    held = exclusions(Roster((*EVERYBODY, *STRANGERS), ATLAS), facts, NOW)
    assert 0 < sum(code in codes for codes in held.values()) < len(held)


@given(rosters(), TIPS)
def test_i8_everybody_of_the_roster_has_an_answer(everybody: Roster, facts: TipFacts) -> None:
    found = exclusions(everybody, facts, NOW)
    assert found.keys() == {one.id for one in everybody.people}
    assert all(list(held) == sorted(set(held)) for held in found.values())


@given(rosters(), TIPS, TIPS, st.booleans())
@pytest.mark.claim("T25")
def test_i7_more_facts_never_lift_a_code(everybody: Roster, facts: TipFacts, more: TipFacts, known: bool) -> None:
    start = replace(facts, place_known=facts.place_known and known)
    grown = replace(
        start,
        regions=start.regions | more.regions,
        agencies=start.agencies | more.agencies,
        kinds=start.kinds | more.kinds,
        people=start.people | more.people,
        names=start.names | more.names,
        asks_help=start.asks_help or more.asks_help,
    )
    if not start.place_known or any(ATLAS.regions[region].kind is not RegionKind.COUNTRY for region in start.regions):
        before, after = exclusions(everybody, start, NOW), exclusions(everybody, grown, NOW)
        assert all(set(before[name]) <= set(after[name]) for name in before)


@given(rosters(), TIPS)
@pytest.mark.claim("T6")
def test_no_reader_is_tied_to_the_tip_by_a_second_look_at_the_roster(everybody: Roster, facts: TipFacts) -> None:
    """Written apart from the code: ties by climbing from every place to its region."""

    def region_of(place: str) -> str | None:
        here: Region | None = ATLAS.regions[place]
        while here is not None and here.kind not in {RegionKind.REGION, RegionKind.SEA}:
            here = ATLAS.regions[here.parent] if here.parent else None
        return here.id if here else None

    touched = {region_of(place) for place in facts.regions} - {None}
    found = exclusions(everybody, facts, NOW)
    for one in everybody.people:
        if found[one.id]:
            continue
        card = one.card
        places = {card.home, card.posting, *card.past_postings, *(kin.region for kin in card.kin if kin.region)}
        assert not places & facts.regions
        assert not {region_of(place) for place in places} & touched
        assert one.id not in facts.people
        assert not {card.agency, *card.past_agencies} & facts.agencies
        assert card.child_clearance or facts.child is not Child.YES


def test_a_roster_with_one_id_twice_is_refused() -> None:
    with pytest.raises(RosterError):
        roster(person("p1"), person("p1", home="nord"))
