"""Names that could be one person's: parts, accents, nicknames; not a shared first name alone."""

from __future__ import annotations

import pytest

from routing.names import any_could_be, could_be, words


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Luis Ramos Vega", "ramos", True),
        ("Luis Ramos Vega", "luis ramos", True),
        ("Luis Ramos Vega", "lucho ramos", True),
        ("Luis Ramos Vega", "Ramos, Luis", True),
        ("Luis Ramos", "captain ramos", True),
        ("Inés Núñez", "INES NUNEZ", True),
        ("María de la Luz", "luz", True),
        ("María de la Luz", "pedro de la torre", False),
        ("Jean-Pierre Roux", "jean pierre", True),
        ("Luis Ramos", "luis pardo", False),
        ("Luis Ramos", "pedro pardo", False),
        ("Ana", "ana", True),
        ("De La", "de la", True),
        ("李明", "李明", True),
        ("", "ana", False),
        ("...", "ana", False),
    ],
)
def test_could_be(one: str, other: str, same: bool) -> None:
    assert could_be(words(one), words(other)) == same
    assert could_be(words(other), words(one)) == same


def test_any() -> None:
    assert any_could_be(["Ana Brumedo", "Luis Ramos"], iter([words("pardo"), words("ramos")]))
    assert not any_could_be(["Ana Brumedo"], [])
    assert not any_could_be([], [words("ramos")])
