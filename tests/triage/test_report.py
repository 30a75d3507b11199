from __future__ import annotations

import json
import pickle

import pytest

from tests.triage.line import tip
from triage.language import Identified
from triage.report import analysis
from triage.sensitive import Sensitive


def test_the_line_of_analyse_has_the_stable_fields() -> None:
    text = "La policía de Lima cobra, hay una niña de 13 años, tel 999888777"
    line = json.loads(json.dumps(analysis("a1", Identified("es", 0.98, "Latn"), "The police…", tip(text))))
    assert line | {"triage": None} == {
        "id": "a1",
        "language": "es",
        "language_confidence": 0.98,
        "translation": "The police…",
        "triage": None,
    }
    assert set(line["triage"]) == {"urgency", "kinds", "child", "officials", "entities", "reasons"}
    assert line["triage"]["officials"] == [{"agency": "police", "place": "Lima", "name": None, "relation": "facilitator", "negated": False}]
    assert [(e["type"], e["value"]) for e in line["triage"]["entities"]] == [("place", "Lima"), ("age", "13"), ("phone", "+51999888777")]
    for reason in line["triage"]["reasons"]:
        assert reason["text"] == text[reason["start"] : reason["end"]]
        assert reason["of"] == "original"
    assert {"official.police", "relation.facilitator", "child.yes", "child.age_under_18"} <= {r["code"] for r in line["triage"]["reasons"]}


def test_a_sensitive_value_shows_itself_only_when_asked() -> None:
    box = Sensitive("Luis Ramos")
    assert "Ramos" not in f"{box} {box!r}"
    assert box.reveal() == "Luis Ramos"
    assert box == Sensitive("Luis Ramos") != Sensitive("x")
    assert hash(box) == hash(Sensitive("Luis Ramos"))
    with pytest.raises(TypeError):
        pickle.dumps(box)
