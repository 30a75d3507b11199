"""People of the roster in a text: a surname anywhere, a first name where somebody is accused or must not hear of it."""

from __future__ import annotations

import pytest

from tests.triage.line import GAZETTEER, LEXICONS
from triage.assess import assess
from triage.names import RosterNames
from triage.tip import Asked

ROSTER = RosterNames(
    {
        "bea": ("Beatriz Yaralquero",),
        "ana": ("Ana Velatano Ruiz",),
        "ramos": ("Luis Ramos",),
        "paz": ("Elena Paz",),
        "lima": ("Ana Lima",),
        "name:Gil Umbravegra": ("Gil Umbravegra",),
    }
)


def people(text: str, asked: Asked | None = None) -> set[str]:
    return {p for n in assess(text, None, LEXICONS, GAZETTEER, ROSTER, asked).names for p in n.people}


BEATRIZ = """
chicas encerradas en Lima. Yaralquero cobra por eso
dont tell yaralquero
no le digan a Beatriz
que no se entere Yaralquero
Yaralquero de la ong cobra
the owner is the husband of Yaralquero
B. Yaralquero
Beatriz Y.
Yaralquero de Lima
cuidado con Yaralquero
Yaralquero es amigo del dueño
yaralquero
ojo con beatriz
watch out for Beatriz
me dijeron que Yaralquero, el de la ong, avisa
Beatriz de la ong sabe todo
Beatriz... Yaralquero
beatriz.yaralquero
beatriz_yaralquero
beatriz.yaralquero@example.org
@beatrizyaralquero
@yaralquerobeatriz
BeatrizYaralquero
Yar alquero
Yarlquero
Yaralqero
Yaralquerro
Yaralquero's brother
YARALQUERO COBRA
beatriz cobra por eso
a woman named Beatriz who works at the shelter
"""


@pytest.mark.parametrize("text", [*BEATRIZ.strip().splitlines(), "Beatriz\nYaralquero"])
def test_a_surname_is_somebody_of_the_roster_wherever_it_stands(text: str) -> None:
    assert people(text) == {"bea"}


@pytest.mark.parametrize("text", ["chicas en Lima. Umbravegra cobra", "el señor umbravegra", "Umbrabegra vende chicas"])
def test_kin_and_conflicts_are_known_by_surname_too(text: str) -> None:
    assert people(text) == {"name:Gil Umbravegra"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ana me pide que la saquen, tiene 15 años", set()),
        ("violan a Ana en el cuarto", set()),
        ("no le digan a Ana", {"ana", "lima"}),
        ("dont trust Ana", {"ana", "lima"}),
        ("unos ramos de flores", set()),
        ("Ramos la vende", {"ramos"}),
        ("es primo de ramos", {"ramos"}),
        ("ramos cobra", {"ramos"}),
        ("queremos paz", set()),
        ("Paz para todos", set()),
        ("la señora Paz", {"paz"}),
        ("ahí manda Paz", {"paz"}),
        ("chicas en Lima", set()),
        ("Lima es grande", set()),
        ("Beatriz X.", set()),
        ("Beatriz y su hermana", set()),
        ("Yara lquera", set()),
        ("ram os", set()),
        ("Beatrix canta", set()),
    ],
)
def test_words_that_are_also_names_need_more(text: str, found: set[str]) -> None:
    assert people(text) == found


@pytest.mark.parametrize("text", ["Beatrix", "yarlquero", "Yaralqero", "que no sepa nadie, sobre todo yaralquero"])
def test_all_words_count_in_the_answer_to_who_must_not_hear(text: str) -> None:
    assert people(text, Asked.WHO_NOT) == {"bea"}
