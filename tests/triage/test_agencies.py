"""The line's own agencies in a text, and who must not hear of it."""

from __future__ import annotations

import pytest

from tests.triage.line import GAZETTEER, LEXICONS, ROSTER, tip
from triage.assess import LONGEST, assess
from triage.tip import Asked, Of

WHO_NOT = Asked.WHO_NOT


@pytest.mark.parametrize(
    ("text", "asked", "agencies"),
    [
        ("Casa Faro avisa al dueño", None, ("ngo-faro",)),
        ("no le digan a CASA FARO", None, ("ngo-faro",)),
        ("la policia nacional cobra", None, ("police",)),
        ("casa faro", WHO_NOT, ("ngo-faro",)),
        ("Casa Faro y la National Police", None, ("ngo-faro", "police")),
        ("la casa del faro", None, ()),
        ("casa farola", None, ()),
        ("casa! Faro", None, ()),
    ],
)
def test_an_agency_is_known_by_its_own_name(text: str, asked: Asked | None, agencies: tuple[str, ...]) -> None:
    a = tip(text, asked=asked)
    assert a.agencies == agencies
    assert len([r for r in a.reasons if r.code == "agency.named"]) == len(agencies)


def test_a_translation_names_agencies_too_and_shows_where() -> None:
    a = tip("xxx", "the National Police are paid")
    assert a.agencies == ("police",)
    assert [(r.text, r.of) for r in a.reasons if r.code == "agency.named"] == [("National Police", Of.TRANSLATION)]


def test_a_line_without_agencies_names_none() -> None:
    assert assess("Casa Faro", None, LEXICONS, GAZETTEER, ROSTER).agencies == ()


@pytest.mark.parametrize("text", ["ngo", "la ong", "ngos", "los de la ong", "the NGO", "el refugio", "any NGO, please"])
def test_the_ngo_that_must_not_hear_may_be_any(text: str) -> None:
    assert tip(text, asked=WHO_NOT).all_ngos


@pytest.mark.parametrize(("text", "every"), [("dont tell the ngo", True), ("no le digan a la ong", True), ("la ong nos ayuda", False)])
def test_a_wish_may_speak_of_the_ngo(text: str, every: bool) -> None:
    assert tip(text).all_ngos is every


def test_an_ngo_that_is_named_is_that_one_alone() -> None:
    a = tip("la ong Casa Faro", asked=WHO_NOT)
    assert (a.all_ngos, a.agencies) == (False, ("ngo-faro",))


WISHES = """
police must not know; dont tell; dont tell the cops; no le digan a mi tio; que no se entere; que no se entere la policia;
Girls locked in the bar in Peñalta, it is urgent, police must not know, the youngest is 12; please do not tell the mayor;
nobody can know; keep it from the sheriff; dont let him know; que nadie sepa; no quiero que mi jefe se entere; sin que sepan;
la policia no debe saber; no se lo digan a nadie; don't call the police; no avisen a la comisaria; a espaldas del alcalde
"""
NO_WISHES = "i dont know where i am; no sé nada; the police know; la policía sabe; dont call me; no me llamen; no digo nada"


@pytest.mark.parametrize(
    ("text", "wish"),
    [(w.strip(), True) for w in WISHES.split(";")] + [(w.strip(), False) for w in NO_WISHES.split(";")],
)
def test_a_wish_that_somebody_does_not_hear_of_it(text: str, wish: bool) -> None:
    a = tip(text)
    assert a.wish is wish
    assert any(r.code == "wish.secret" for r in a.reasons) is wish


def test_only_the_beginning_of_a_very_long_text_is_read() -> None:
    a = tip("x " * (LONGEST // 2 - 4) + "Lima " + "police " * 200_000, "y " * LONGEST + "Lima")
    assert [(p.start, p.text) for p in a.places] == [(LONGEST - 8, "Lima")]
    assert a.officials == ()
