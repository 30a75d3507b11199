"""From what triage found to what routing reads: facts add up, a translation makes no place known, and nothing is lifted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from handlers.facts import offices, place_known, tip_facts
from routing.people import Agency, Atlas, House, Region, RegionKind, TipFacts
from tests.desk.tips import NOTHING_FOUND
from triage.tip import AgencyKind, Assessment, Child, NameMention, Of, Official, PlaceMention, Relation, Urgency

AT = datetime(2026, 11, 21, 14, tzinfo=UTC)
ATLAS = Atlas(
    (
        Region("cs", None, RegionKind.COUNTRY, ("Costa Serena",)),
        Region("ln", "cs", RegionKind.REGION, ("Litoral Norte",)),
        Region("alondra", "ln", RegionKind.PORT, ("Puerto Alondra",)),
        Region("sj1", "ln", RegionKind.TOWN, ("San Jacinto",)),
        Region("sj2", "cs", RegionKind.TOWN, ("San Jacinto",)),
    ),
    (
        Agency("police-cs", House.POLICE, "cs", None, ("Policía Nacional",)),
        Agency("police-ln", House.POLICE, "ln", "police-cs", ("Policía de Litoral Norte",)),
        Agency("police-alondra", House.POLICE, "alondra", "police-ln", ("Policía de Alondra",)),
        Agency("mayor-alondra", House.LOCAL_GOVERNMENT, "alondra", None, ("Alcaldía",)),
        Agency("police-sj1", House.POLICE, "sj1", "police-ln", ("Policía",)),
        Agency("police-sj2", House.POLICE, "sj2", "police-cs", ("Policía",)),
    ),
)


def place(*regions: str, of: Of = Of.ORIGINAL) -> PlaceMention:
    return PlaceMention("x", regions, 0, 1, of)


def official(agency: AgencyKind = AgencyKind.POLICE, *, negated: bool = False) -> Official:
    return Official(agency, None, None, Relation.MENTIONED, negated)


def found(*places: PlaceMention, officials: tuple[Official, ...] = (), names: tuple[NameMention, ...] = ()) -> Assessment:
    return replace(NOTHING_FOUND, places=places, officials=officials, names=names)


def facts(*assessments: Assessment, today: bool | None = None) -> TipFacts:
    return tip_facts(assessments, ATLAS, AT, today, "es")


def test_a_tip_that_says_nothing_knows_nothing() -> None:
    said = facts(NOTHING_FOUND)
    assert said == TipFacts(received=AT, could_involve_child=True, language="es")
    assert not said.place_known


@pytest.mark.claim("T25")
def test_a_place_of_a_translation_counts_for_exclusion_and_is_never_known() -> None:
    said = facts(found(place("alondra", of=Of.TRANSLATION), officials=(official(),)))
    assert said.regions == {"alondra"}
    assert "police-alondra" in said.agencies, "what only the translation says may exclude"
    assert not said.place_known
    assert facts(found(place("alondra"))).place_known


def test_a_country_alone_is_no_place() -> None:
    assert not place_known([found(place("cs"))], ATLAS)
    assert place_known([found(place("cs")), found(place("ln"))], ATLAS)
    assert place_known([found(place("cs", "sj2"))], ATLAS)


def test_a_region_that_the_line_does_not_have_is_no_place_and_no_fault() -> None:
    assert not place_known([found(place("elsewhere"))], ATLAS)
    assert facts(found(place("elsewhere"), officials=(official(),))).agencies == frozenset()


def test_a_name_that_two_towns_bear_implicates_both_offices() -> None:
    assert facts(found(place("sj1", "sj2"), officials=(official(),))).agencies == {"police-sj1", "police-sj2"}


def test_offices_are_of_the_kind_and_exactly_there() -> None:
    assert offices(ATLAS, frozenset({AgencyKind.POLICE}), frozenset({"alondra"})) == {"police-alondra"}
    assert offices(ATLAS, frozenset({AgencyKind.LOCAL_GOVERNMENT}), frozenset({"alondra", "sj1"})) == {"mayor-alondra"}
    assert offices(ATLAS, frozenset(), frozenset({"alondra"})) == frozenset()
    assert offices(ATLAS, frozenset(AgencyKind), frozenset()) == frozenset()


@pytest.mark.claim("T25")
def test_a_negation_lifts_nothing() -> None:
    """ "The police are not involved" still keeps the police of that town away."""
    plain, negated = (facts(found(place("alondra"), officials=(official(negated=no),))) for no in (False, True))
    assert plain == negated
    assert negated.agencies == {"police-alondra"}


def test_facts_of_all_messages_add_up_in_any_order() -> None:
    first = found(place("alondra"), officials=(official(),))
    second = found(place("sj1", of=Of.TRANSLATION), officials=(official(AgencyKind.LOCAL_GOVERNMENT),))
    together = facts(first, second)
    assert together == facts(second, first)
    assert together.agencies == {"police-alondra", "police-sj1", "mayor-alondra"}
    for one in (facts(first), facts(second)):
        assert one.regions <= together.regions
        assert one.kinds <= together.kinds
        assert one.agencies <= together.agencies
    assert together.place_known


def test_names_of_the_roster_are_ids_and_names_of_others_are_folded_words() -> None:
    mention = NameMention("Teniente Núñez", ("p7", "name:Inés Núñez"), 0, 14, Of.ORIGINAL)
    said = facts(found(names=(mention,)))
    assert said.people == {"p7"}
    assert said.names == {"teniente nunez", "ines nunez"}


@pytest.mark.parametrize(
    ("said", "merged"),
    [
        ([Child.UNKNOWN], Child.UNKNOWN),
        ([Child.UNKNOWN, Child.NO], Child.NO),
        ([Child.NO, Child.UNKNOWN], Child.NO),
        ([Child.NO, Child.YES], Child.YES),
        ([Child.YES, Child.NO, Child.UNKNOWN], Child.YES),
        ([], Child.UNKNOWN),
    ],
)
def test_a_child_once_said_stays(said: list[Child], merged: Child) -> None:
    assert facts(*(replace(NOTHING_FOUND, child=child) for child in said)).child is merged


def test_one_message_that_could_involve_a_child_is_enough() -> None:
    sure = replace(NOTHING_FOUND, could_involve_child=False)
    assert not facts(sure, sure).could_involve_child
    assert facts(sure, NOTHING_FOUND).could_involve_child


@pytest.mark.parametrize("urgency", Urgency)
def test_urgent_is_what_may_not_wait_or_the_sources_own_word(urgency: Urgency) -> None:
    at_once = urgency in {Urgency.DANGER_NOW, Urgency.ASKS_HELP, Urgency.TIME_CRITICAL}
    assessed = replace(NOTHING_FOUND, urgency=urgency)
    assert facts(assessed).urgent is at_once
    assert facts(assessed, NOTHING_FOUND).urgent is at_once
    assert facts(assessed, today=True).urgent
    assert facts(assessed, today=False).urgent is at_once, "'it can wait' does not lift what triage found"
    assert facts(assessed).asks_help is (urgency is Urgency.ASKS_HELP)


def test_who_speaks_of_himself_asks_for_help() -> None:
    assert facts(replace(NOTHING_FOUND, about_self=True), NOTHING_FOUND).asks_help
