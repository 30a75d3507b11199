"""Realistic texts and what triage must make of them. `urgency` may name two that are both right; `officials` null = not compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.triage.line import tip

TIPS: list[dict[str, Any]] = [
    json.loads(line) for line in (Path(__file__).parent / "tips.jsonl").read_text(encoding="utf-8").splitlines() if line
]


@pytest.mark.parametrize("case", TIPS, ids=[c["text"][:40] for c in TIPS])
def test_a_tip_is_read_as_a_person_would(case: dict[str, Any]) -> None:
    a = tip(case["text"])
    assert a.urgency in case["urgency"].split("|")
    assert set(case["kinds"]) <= set(a.kinds)
    if not case["kinds"] and a.urgency in ("spam", "out_of_scope"):
        assert a.kinds == ()
    assert a.child == case["child"]
    if case["officials"] is not None:
        found = [[o.agency.value, o.place, o.name, o.relation.value, o.negated] for o in a.officials]
        assert sorted(found, key=str) == sorted(case["officials"], key=str)
    for field, value in (("about_self", case.get("self")), ("vessel", case.get("vessel")), ("greeting", case.get("greeting", False))):
        assert value is None or getattr(a, field) is value


def test_there_are_enough_texts_of_both_languages() -> None:
    assert len(TIPS) >= 60
