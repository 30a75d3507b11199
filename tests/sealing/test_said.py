"""What people say at the desk beside answers, and letters to vetters: they come back the same, and nothing else is taken for them."""

from __future__ import annotations

import json

import pytest

from sealing import said
from sealing.age import OpenError, padded_json
from sealing.said import Ending, Letter, Outcome, Tie
from triage.sensitive import Sensitive

CASE = "1" * 32


@pytest.mark.parametrize("ending", list(Ending))
def test_an_outcome_comes_back(ending: Ending) -> None:
    for told in (Outcome(CASE, ending), Outcome(CASE, ending, "2" * 64, b"\x00sealed")):
        assert said.read_outcome(said.outcome(told)) == told


def test_an_outcome_without_a_way_back_has_the_bytes_of_the_first_version() -> None:
    assert json.loads(said.outcome(Outcome(CASE, Ending.REFERRED))) == {"v": 1, "kind": "outcome", "case": CASE, "outcome": "referred"}


@pytest.mark.parametrize(
    "changed", [{"outcome": "solved"}, {"outcome": None}, {"kind": "tie"}, {"v": 2}, {"inner": "é"}, {"inner": "AAA"}, {"inner": "A*=="}]
)
def test_nothing_else_is_an_outcome(changed: dict[str, object]) -> None:
    good: dict[str, object] = {"v": 1, "kind": "outcome", "case": CASE, "outcome": "referred", "contact": "2" * 64, "inner": "AAAA"}
    assert said.read_outcome(padded_json(good)).inner == b"\0\0\0"
    with pytest.raises(OpenError):
        said.read_outcome(padded_json(good | changed))
    del good["case"]
    with pytest.raises(OpenError):
        said.read_outcome(padded_json(good))


def test_a_tie_comes_back_and_one_without_words_or_too_long_is_none() -> None:
    told = Tie("a" * 32, Sensitive("My cousin serves there."))
    read = said.read_tie(said.tie(told))
    assert (read.person, read.text.reveal()) == (told.person, told.text.reveal())
    for text in ("", "x" * (said.LONGEST + 1)):
        with pytest.raises(OpenError):
            said.read_tie(said.tie(Tie(told.person, Sensitive(text))))


def test_a_letter_comes_back() -> None:
    told = Letter("disagreed", CASE, "a" * 32, Sensitive("words"))
    read = said.read_letter(said.letter(told))
    assert (read.code, read.case, read.person, read.text.reveal()) == ("disagreed", CASE, "a" * 32, "words")


@pytest.mark.parametrize("told", [said.Told(CASE, "police-cs", "", 20_000), said.Told(CASE, "", "police", 0)])
def test_whom_a_reader_told_comes_back(told: said.Told) -> None:
    assert said.read_told(said.told(told)) == told


@pytest.mark.parametrize(
    "changed",
    [{"day": -1}, {"day": True}, {"day": "1"}, {"agency": ""}, {"house": "police"}, {"case": None}, {"agency": 1}, {"kind": "tie"}],
)
def test_nothing_else_says_whom_he_told(changed: dict[str, object]) -> None:
    fields = json.loads(said.told(said.Told(CASE, "police-cs", "", 20_000)))
    with pytest.raises(OpenError):
        said.read_told(padded_json({**fields, **changed}))
