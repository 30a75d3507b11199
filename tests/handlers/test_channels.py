"""What all channels share: bodies of bounded length, and texts in pieces that a provider takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from handlers.channels import pieces, whole


@given(st.text(alphabet="ab \n🏠", max_size=60), st.integers(2, 12))
def test_pieces_fit_and_together_are_the_text(text: str, most: int) -> None:
    found = pieces(text, most)
    assert all(0 < len(piece.encode("utf-16-le")) // 2 <= most for piece in found)
    assert "".join(found) == text


def test_a_text_is_cut_after_white_space_and_at_the_limit_where_there_is_none() -> None:
    assert pieces("aaa bbb ccc", 8) == ("aaa bbb ", "ccc")
    assert pieces("a" * 8, 8) == ("a" * 8,)
    assert [len(piece) for piece in pieces("🏠" * 8, 8)] == [4, 4]
    assert pieces("", 8) == ()


def test_half_a_character_is_a_question_mark() -> None:
    assert whole("bad \ud800 end") == "bad ? end"
