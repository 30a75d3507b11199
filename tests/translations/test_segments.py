from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translations.segments import LONGEST, split

PIECES = st.lists(
    st.sampled_from(["Sr. ", "a", "palabra ", ". ", "! ", "?", "…", "\n", "\r\n", "。", ", ", "x" * 300, "\t", "»", "José ", "5.5 "])
)


def sentences(text: str) -> list[str]:
    return [sentence for sentence, _ in split(text) if sentence]


@given(st.text() | PIECES.map("".join))
def test_joining_gives_the_text_back_and_no_sentence_is_too_long(text: str) -> None:
    parts = split(text)
    assert "".join(sentence + space for sentence, space in parts) == text
    assert all(len(sentence) <= LONGEST for sentence, _ in parts)
    assert all(not space.strip() and sentence == sentence.strip() for sentence, space in parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mi hija no ha vuelto. Un hombre la llevó.", ["Mi hija no ha vuelto.", "Un hombre la llevó."]),
        ("El Sr. Ramírez lo sabe. Ayuda", ["El Sr. Ramírez lo sabe.", "Ayuda"]),
        ("We saw J. Smith at St. Mary. He ran.", ["We saw J. Smith at St. Mary.", "He ran."]),
        ("¿Dónde está? ¡Ayuda! Ven", ["¿Dónde está?", "¡Ayuda!", "Ven"]),
        ('He said "go." Then he left.', ['He said "go."', "Then he left."]),
        ("son 3.5 km y 10.000 pesos", ["son 3.5 km y 10.000 pesos"]),
        ("they come... and they go", ["they come... and they go"]),
        ("ship Estrella\nport Colón\r\n12 men", ["ship Estrella", "port Colón", "12 men"]),
        ("我在工厂。他们拿走了护照。", ["我在工厂。", "他们拿走了护照。"]),
        ("  \n ", []),
        ("", []),
    ],
)
def test_cuts_where_a_sentence_ends(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_long_sentence_is_cut_after_a_comma_else_between_words() -> None:
    comma = "a" * 100 + " " + "b" * 60 + ", " + "c " * 60
    assert sentences(comma)[0].endswith("b,")
    words = "word " * 120
    assert {word for sentence in sentences(words) for word in sentence.split()} == {"word"}


def test_a_hostile_text_takes_linear_time() -> None:
    started = time.perf_counter()
    split("a. " * 20_000 + "." * 20_000 + "! " * 20_000)
    assert time.perf_counter() - started < 3
