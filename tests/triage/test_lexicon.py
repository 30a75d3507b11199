from __future__ import annotations

from typing import Any

import pytest

from tests.triage.line import LEXICONS
from triage.lexicon import Found, Lexicon, LexiconError, codes
from triage.typos import Speller, one_error_apart, squeezed
from triage.words import split

SMALL: dict[str, Any] = {
    "language": "en",
    "lists": {"papers": "passport* id", "all": "{papers} money"},
    "spelling": {"pasport": "passport"},
    "numbers": {"thirteen": 13},
    "words": {"common": "the", "real": "policy polite"},
    "codes": {
        "papers": ["took ... my|our {papers}", "{papers} taken"],
        "out": ["no way? out"],
        "police": ["~police", "officer >^"],
        "age": ["# years"],
        "captive": ["captivity"],
    },
    "cues": {"denied": ["no @", "@ are not? involved"], "all": ["{all}"]},
}


def small(**changes: object) -> Lexicon:
    return Lexicon.from_mapping("en", {**SMALL, **changes})


def found(text: str, offices: dict[int, int] | None = None) -> set[tuple[str, str]]:
    lexicon = small()
    words = split(text)
    hits = lexicon.find(lexicon.read(words, lexicon.known, frozenset({"ramos"})), offices)
    return {(f.code, text[words[f.first].start : words[f.last - 1].end]) for f in hits if f.code != "all"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He TOOK all of my Passports!", {("papers", "TOOK all of my Passports")}),
        ("took my id", {("papers", "took my id")}),
        ("took one two three four five my id", set()),
        ("He took. My id", set()),
        ("my pasport taken", {("papers", "pasport taken")}),
        ("no way out, no out", {("out", "no way out"), ("out", "no out")}),
        (
            "polcie and policce and poilce and pplice and police's",
            {("police", w) for w in ("polcie", "policce", "poilce", "pplice", "police's")},
        ),
        ("policy polite lice", set()),
        ("policeeee", {("police", "policeeee")}),
        ("captivty", {("captive", "captivty")}),
        ("officer Smith, officer ramos", {("police", "officer")}),
        ("officer smith", set()),
        ("13 years thirteen years 1300 years", {("age", "13 years"), ("age", "thirteen years")}),
    ],
)
def test_patterns(text: str, expected: set[tuple[str, str]]) -> None:
    assert found(text) == expected


def test_patterns_of_an_office_are_found_only_with_the_offices() -> None:
    text = "no border guard here, they are involved"
    assert found(text) == set()
    assert found(text, {1: 3}) == {("denied", "no border guard")}
    assert found(text, {4: 5}) == {("denied", "they are involved")}


def test_cues_are_no_reason_codes() -> None:
    lexicon = small()
    assert lexicon.codes == {"papers", "out", "police", "age", "captive"}
    assert codes([lexicon]) == sorted([*lexicon.codes, "adult.age_18_or_over", "agency.named", "child.age_under_18"])
    assert Found("all", 1, 2, cue=True) in lexicon.find(lexicon.read(split("my money"), frozenset(), frozenset()))


@pytest.mark.parametrize(
    "changes",
    [
        {"language": "es"},
        {"cods": {}},
        {"codes": []},
        {"codes": {"x": "a word"}},
        {"codes": {"x": []}},
        {"codes": {"x": [1]}},
        {"codes": {"x": [""]}},
        {"codes": {"x": ["... a"]}},
        {"codes": {"x": ["a ..."]}},
        {"codes": {"x": ["a? b"]}},
        {"codes": {"x": [">a b"]}},
        {"codes": {"x": ["a >b c"]}},
        {"codes": {"x": [">a"]}},
        {"codes": {"x": ["a|"]}},
        {"codes": {"x": ["*"]}},
        {"codes": {"x": ["{nobody}"]}},
        {"lists": {"a": "{b}", "b": "c"}},
        {"lists": {"a": 1}},
        {"numbers": {"one": "1"}},
        {"numbers": {"one": True}},
        {"spelling": {"a": 1}},
    ],
)
def test_a_wrong_file_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(LexiconError):
        small(**changes)


def test_typing_errors() -> None:
    assert Speller(["police", "polite", "mayor"]).near("polie") == {"police", "polite"}
    assert not one_error_apart("police", "olice")
    assert not one_error_apart("police", "plocie")
    assert (squeezed("helppp"), squeezed("street"), squeezed("sooooon")) == (("help", "helpp"), ("street", "street"), ("son", "soon"))


def test_both_languages_know_the_same_codes() -> None:
    english, spanish = LEXICONS
    assert english.codes == spanish.codes
    assert english.cues - spanish.cues == set()
