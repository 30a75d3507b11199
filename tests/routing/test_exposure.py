"""Exposure: beliefs as the draw reads them, on a prior that the people around somebody shift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.exposure import areas_of, exposures, opened, share_of, ties_of
from routing.index import Index, index_of
from routing.learning import (
    Event,
    Evidence,
    Opened,
    exposed,
)
from routing.people import Atlas, House, Kin, Region, RegionKind, Roster
from routing.policy import HOUSES
from tests.routing.outcomes import (
    AREAS,
    LEARNING,
    PAST,
    STEADY,
    after,
    leaked,
    serves,
)
from tests.routing.world import ATLAS, EVERYBODY, VETTERS, person, roster


def alone(name: str) -> Index:
    """One person: nobody's company shifts what is thought of him."""
    return index_of(roster(person(name)))


@pytest.mark.parametrize("agency", ["police-north", "haven", "liaison"])
@pytest.mark.parametrize("known", [0, 1, 5])
def test_exposure_is_that_of_learning(agency: str, known: int) -> None:
    one = person("p1", agency=agency, home="nord", posting="ost")
    told = opened(one, "north", ATLAS, LEARNING)
    beliefs = after([replace(leaked("p1", verified=True), readers=(told,))] * known)
    (found,) = exposures(beliefs, index_of(roster(one)), ["north"], LEARNING)
    prior = min(LEARNING.highest, max(LEARNING.lowest, HOUSES[ATLAS.agencies[agency].kind]))
    hidden = 1 - LEARNING.tied
    elsewhere = replace(told, prior=prior, share=told.share if known else hidden / (ATLAS.areas - 2))
    assert found == pytest.approx(exposed(beliefs.of("p1"), elsewhere, "north", LEARNING))


def test_of_several_areas_the_worst_counts_and_of_none_any() -> None:
    beliefs = after([leaked("p1", verified=True)] * 3)
    index = alone("p1")
    north, south, both, none = (exposures(beliefs, index, areas, LEARNING)[0] for areas in (["north"], ["south"], ["north", "south"], []))
    assert both == north > south
    assert none > both


def test_company_shifts_what_is_expected_of_a_person_and_nothing_else() -> None:
    """The same agency, the same region, the same vetters: each alone raises it."""
    beliefs = after([leaked("p1", informer=f"x{n}", verified=True) for n in range(6)])
    stranger = person("p2", agency="lantern", home="ost", posting="ost", vetters=("c", "d"))
    near = (
        replace(stranger, card=replace(stranger.card, agency="haven")),
        replace(stranger, card=replace(stranger.card, home="sud")),
        replace(stranger, vetters=VETTERS),
    )
    apart, *found = (exposures(beliefs, index_of(roster(person("p1"), one)), ["east"], LEARNING)[1] for one in (stranger, *near))
    assert min(found) > apart
    assert beliefs.of("p2") == Evidence()


@given(PAST, st.sets(st.sampled_from(AREAS), max_size=3))
def test_exposures_are_chances_in_the_order_of_the_index(past: list[Event], areas: set[str]) -> None:
    index = index_of(Roster(EVERYBODY[:40], ATLAS))
    renamed = [replace(e, readers=tuple(replace(r, person=f"p{int(r.person[1:]):03}") for r in e.readers)) for e in past]
    found = exposures(after(renamed), index, sorted(areas), LEARNING)
    assert found.shape == (40,)
    assert ((found > 0) & (found <= LEARNING.own)).all()


def test_a_corrupt_person_serves_where_his_ties_are() -> None:
    tied = person("p1", home="nord", posting="sud", kin=(Kin("Ana", "harbour", None), Kin("Luis", None, "haven")))
    assert ties_of(tied, ATLAS) == {"north", "south"}
    assert share_of(tied, "north", ATLAS, LEARNING) == LEARNING.tied / 2
    assert share_of(tied, "east", ATLAS, LEARNING) == pytest.approx((1 - LEARNING.tied) / 2)
    every = [share_of(tied, area, ATLAS, LEARNING) for area in AREAS]
    assert sum(every) == pytest.approx(1)
    nowhere = person("p2", home="gone", posting="gone")
    assert share_of(nowhere, "north", ATLAS, LEARNING) == pytest.approx(1 / 4)
    small = Atlas((Region("r", None, RegionKind.REGION, ("R",)),), ())
    assert share_of(person("p3", home="r", posting="r"), "elsewhere", small, LEARNING) == pytest.approx(1 - LEARNING.tied)


def test_areas_are_regions_seas_or_countries_that_the_file_has() -> None:
    assert areas_of({"harbour", "nord", "sud", "calm", "abroad", "gone"}, ATLAS) == ("abroad", "calm", "north", "south")
    assert areas_of((), ATLAS) == ()


def test_a_reader_of_an_agency_that_the_file_lacks_is_of_some_office() -> None:
    assert opened(person("p1", agency="gone"), "north", ATLAS, LEARNING).prior == HOUSES[House.OTHER]


def test_exposure_is_a_noisy_or_over_readers() -> None:
    """The control of the tests above: what `update` takes to be the chance that nobody leaked."""
    past = [leaked("p1", verified=True)] * 2
    beliefs, readers = after(past, STEADY), (Opened("p1", 0.3, 0.2), Opened("p2", 0.1, 0.05))
    kept: Sequence[float] = [1 - exposed(beliefs.of(r.person), r, "north", STEADY) for r in readers]
    moved = after([*past, replace(leaked(verified=True), readers=readers)], STEADY)
    others = prod(kept) / kept[1]
    expected = log(0.9 - 0.75 * 0.4 * others) - log(0.9 - 0.75 * others)
    assert serves(moved.of("p2"), "north") == pytest.approx(expected)
