"""Typing errors that are cheap to see through: one wrong letter, and letters held down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


def _deletes(word: str) -> Iterator[str]:
    yield word
    for i in range(len(word)):
        yield word[:i] + word[i + 1 :]


def one_error_apart(a: str, b: str) -> bool:
    """Equal, or one letter missing, added, wrong, or two neighbours swapped; the first letter is right."""
    if a[:1] != b[:1]:
        return False
    i = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    x, y = a[i:], b[i:]
    return x == y or x[1:] == y or x == y[1:] or x[1:] == y[1:] or (x[:2] == y[:2][::-1] and x[2:] == y[2:])


class Speller:
    """Finds the words that a mistyped one may stand for, in time that does not grow with their number (all forms with a letter less)."""

    def __init__(self, words: Iterable[str]) -> None:
        less: dict[str, set[str]] = {}
        for word in words:
            for form in _deletes(word):
                less.setdefault(form, set()).add(word)
        self._less: Mapping[str, frozenset[str]] = {form: frozenset(found) for form, found in less.items()}

    def near(self, word: str) -> frozenset[str]:
        candidates = {found for form in _deletes(word) for found in self._less.get(form, ())}
        return frozenset(found for found in candidates if one_error_apart(word, found))


def squeezed(word: str) -> tuple[str, str]:
    """helppp -> help, helpp: letters that were held down, once and twice."""
    once, twice = "", ""
    for c in word:
        once += "" if once.endswith(c) else c
        twice += "" if twice.endswith(c * 2) else c
    return (once, twice) if twice != word else (word, word)
