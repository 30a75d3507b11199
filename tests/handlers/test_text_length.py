"""The length of texts on the air."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.channels import pieces
from handlers.text import MAX_TEXT, Encoding, fit_sms, sms_units


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", Encoding.GSM7, 0, 0),
        ("a" * 160, Encoding.GSM7, 160, 1),
        ("a" * 161, Encoding.GSM7, 161, 2),
        ("a" * 306, Encoding.GSM7, 306, 2),
        ("a" * 307, Encoding.GSM7, 307, 3),
        ("€" * 80, Encoding.GSM7, 160, 1),
        ("a" * 152 + "€" + "a" * 152, Encoding.GSM7, 306, 3),  # the euro does not fit the first segment's last septet
        ("¿Estás?", Encoding.UCS2, 7, 1),
        ("¿Qué año, Ñandú ü à?".replace("ú", "u"), Encoding.GSM7, 20, 1),
        ("я" * 70, Encoding.UCS2, 70, 1),
        ("я" * 71, Encoding.UCS2, 71, 2),
        ("😀" * 35, Encoding.UCS2, 70, 1),
        ("😀" * 67, Encoding.UCS2, 134, 3),  # 33 whole pairs a segment, not 33 and a half
        ("it’s", Encoding.UCS2, 4, 1),
    ],
)
def test_sms_units(text: str, encoding: Encoding, units: int, segments: int) -> None:
    found = sms_units(text)
    assert (found.encoding, found.units, found.segments) == (encoding, units, segments)


def test_typographic_marks_become_plain_only_when_that_helps() -> None:
    assert fit_sms("“It’s safe” – yes…") == '"It\'s safe" - yes...'
    assert fit_sms("“Привет” – да") == "“Привет” – да"
    assert fit_sms("está – bien") == "está – bien"


@given(st.text())
def test_fitting_never_makes_a_text_dearer_in_kind(text: str) -> None:
    fitted = fit_sms(text)
    assert fitted == text or sms_units(fitted).encoding is Encoding.GSM7


@given(st.text(alphabet="ab \nñ😀", max_size=4000))
def test_parts_are_the_text_and_fit(text: str) -> None:
    parts = pieces(text, MAX_TEXT)
    assert "".join(parts) == text
    assert all(len(part.encode("utf-16-le")) // 2 <= MAX_TEXT for part in parts)


def test_parts_are_cut_between_words() -> None:
    first, second = pieces("word " * 321, MAX_TEXT)
    assert first.endswith("word ")
    assert second == "word "
    assert [len(part) for part in pieces("x" * 1601, MAX_TEXT)] == [1600, 1]
