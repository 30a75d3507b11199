"""The line's lexicons and a small atlas and roster, for the tests of triage."""

from __future__ import annotations

import tomllib
from pathlib import Path

from triage.assess import assess
from triage.lexicon import Lexicon
from triage.names import RosterNames
from triage.places import Gazetteer
from triage.tip import Asked, Assessment

DATA = Path(__file__).parents[2] / "triage" / "data"
LEXICONS = tuple(
    Lexicon.from_mapping(language, tomllib.loads((DATA / f"{language}.toml").read_text(encoding="utf-8"))) for language in ("en", "es")
)
GAZETTEER = Gazetteer(
    {
        "Tumbes": ("pe-tum",),
        "Lima": ("pe-lim",),
        "Callao": ("pe-cal",),
        "Piura": ("pe-piu",),
        "Guayaquil": ("ec-gye",),
        "Puerto Escondido": ("mx-pxm",),
        "San Pedro": ("hn-sap", "ci-spy"),
        "Nice": ("fr-nce",),
        "Cúcuta": ("co-cuc",),
        "St. John's": ("ca-yyt",),
    }
)
ROSTER = RosterNames(
    {
        "p1": ("Luis Alberto Ramos", "Luis Ramos"),
        "p2": ("María González Pérez",),
        "p3": ("John Smith",),
        "p4": ("Ana Lima",),
        "p5": ("Xu",),
    }
)
AGENCIES = Gazetteer({"Casa Faro": ("ngo-faro",), "Policía Nacional": ("police",), "National Police": ("police",), "Manos": ("ngo-manos",)})


def tip(text: str, translation: str | None = None, asked: Asked | None = None) -> Assessment:
    return assess(text, translation, LEXICONS, GAZETTEER, ROSTER, asked, ("PE", "US"), AGENCIES)
