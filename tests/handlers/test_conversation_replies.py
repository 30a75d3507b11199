"""Bare answers: digits of every script, yes and no, and what is not one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.replies import digit, readable, wordless, yes_or_no

patient = settings(deadline=None)
DECIMALS = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) == "Nd"]


@pytest.mark.parametrize(
    "text", ["1", " 1 ", "1.", "1)", "(1)", "1!", "\u0661", "\u0967", "\uff11", "1\ufe0f\u20e3", "\u200f1\u200f", "\u2460"]
)
def test_a_one_is_a_one(text: str) -> None:
    assert digit(text) == 1


@pytest.mark.parametrize("text", ["", " ", "12", "1 2", "one", "1 girl", "9 years", "nine", "1/2", "1" * 40, "1" + " " * 40, "?"])
def test_what_is_not_one_digit(text: str) -> None:
    assert digit(text) is None


@patient
@given(st.sampled_from(DECIMALS), st.text(st.characters(categories=("Zs", "Po", "Cc", "Cf", "Mn")), max_size=10))
def test_every_decimal_of_unicode(character: str, around: str) -> None:
    assert digit(around + character + around) == unicodedata.decimal(character)


@pytest.mark.parametrize(("text", "said"), [("Yes", 1), ("y", 1), ("SÍ", 1), ("si.", 1), ("1 yes", 1), ("1. sí", 1), ("Ok!", 1)])
def test_yes(text: str, said: int) -> None:
    assert yes_or_no(text) == said


@pytest.mark.parametrize(
    ("text", "said"), [("No", 2), ("n", 2), ("not now", 2), ("2 not now", 2), ("ahora no", 2), ("2, no", 2), ("Después", 2)]
)
def test_no(text: str, said: int) -> None:
    assert yes_or_no(text) == said


@pytest.mark.parametrize("text", ["", "no my boss has it", "2 girls", "1 no", "2 yes", "9 yes", "yes " * 20, "3 no"])
def test_neither(text: str) -> None:
    assert yes_or_no(text) is None


@pytest.mark.parametrize("text", ["", " \n\t", "\ufffd\ufffd", "\x00\u200b", "\ud83d"])
def test_unreadable(text: str) -> None:
    assert not readable(text)


@pytest.mark.parametrize("text", ["?", "a", "\U0001f198", "١", "..."])
def test_readable(text: str) -> None:
    assert readable(text)


def test_an_emoji_says_something_and_a_mark_does_not() -> None:
    assert wordless("?!")
    assert not wordless("\U0001f198")
    assert not wordless("ሰላም")
    assert wordless("\ufffd")
