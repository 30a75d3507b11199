"""Where it happens, and places that are only mentioned."""

from __future__ import annotations

import pytest

from tests.triage.line import LEXICONS, ROSTER, tip
from triage.assess import assess
from triage.places import Gazetteer
from triage.tip import AgencyKind, Assessment, Of

ELSEWHERE = """
soy de Lima, me tienen en un hotel no se donde
I am from Lima, they hold me, dont know where
las trajeron de Lima
las trajeron ayer en un bus de Lima
las llevan a Lima
no es en Lima, es en otro pueblo
lejos de Lima
la vieron por ultima vez en Lima
I live in Lima and it happens in another country
calle Lima 12
hotel Puerto Escondido
hotel "Puerto Escondido"
el barco San Pedro
Sr. Lima vende chicas
la familia Lima nos tiene
Maria Lima sells girls
not in Lima
she was last seen in Lima
they are taking us to Lima
Lima street 12
a village near Lima
a dos horas de Lima
san pedro me ayude, estoy encerrada
"""
HERE = """
estoy en Lima
no, es en Lima
No, it is in Lima
chicas encerradas en un hotel en Puerto Escondido
the girls are in Lima
soy Juana, en Lima nos tienen
Lima
nos llevaron a Lima y aqui nos encierran
Maria! Lima
"""


CASES = [(text, False) for text in ELSEWHERE.strip().splitlines()] + [(text, True) for text in HERE.strip().splitlines()]


@pytest.mark.parametrize(("text", "scene"), CASES)
def test_a_place_that_is_mentioned_need_not_be_where_it_happens(text: str, scene: bool) -> None:
    (place,) = tip(text).places
    assert place.scene is scene
    assert place.regions != ()


def test_one_text_may_hold_both() -> None:
    assert [(p.text, p.scene) for p in tip("soy de Lima pero me tienen en Tumbes").places] == [("Lima", False), ("Tumbes", True)]


def test_a_translation_tells_too() -> None:
    assert [(p.scene, p.of) for p in tip("xxx", "I am from Lima").places] == [(False, Of.TRANSLATION)]


ATLAS = Gazetteer(
    {
        "San Jacinto": ("sierra", "valle"),
        "San Jacinto del Valle": ("valle",),
        "San Jacinto del Mar": ("mar",),
        "Puerto Alondra": ("alondra",),
        "Muelle Hondo": ("hondo",),
    }
)


def read(text: str) -> Assessment:
    return assess(text, None, LEXICONS, ATLAS, ROSTER)


@pytest.mark.parametrize(
    "text",
    ["San Jacinto", "san jacinto d mar", "San Jacinto Mar", "san jacinto de mar", "San Jacinto del Mra", "San Jacinto by the sea"],
)
def test_a_name_that_begins_a_longer_one_may_be_that_place(text: str) -> None:
    assert [p.regions for p in read(text).places] == [("mar", "sierra", "valle")]


def test_a_whole_name_is_that_place_alone() -> None:
    assert [p.regions for p in read("San Jacinto del Mar y san jacinto del valle").places] == [("mar",), ("valle",)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("El jefe de la policía de Puerto Alondra cobra por las chicas", "Puerto Alondra"),
        ("policía de Muelle Hondo", "Muelle Hondo"),
        ("la policia del puerto", None),
        ("port police", None),
    ],
)
def test_the_police_of_a_port_are_police(text: str, place: str | None) -> None:
    officials = read(text).officials
    assert AgencyKind.POLICE in {o.agency for o in officials}
    assert {(o.place, o.name) for o in officials} == {(place, None)}


def test_an_office_ends_where_its_place_begins() -> None:
    (boss,) = read("el jefe de Puerto Alondra, jefe del puerto").officials
    assert (boss.agency, boss.place) == (AgencyKind.PORT_AUTHORITY, "Puerto Alondra")
