"""People's names: those of the roster, and those that a title or a cue makes a name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations

from triage.fold import by_ear
from triage.typos import Speller
from triage.words import Word, split

PARTICLES = frozenset(
    {"de", "del", "la", "las", "los", "el", "y", "e", "san", "santa", "da", "do", "von", "van", "der", "al", "bin", "abu"}
)
_MOST_WORDS = 6
"""Of a spelling on the roster; what is longer is not compared."""
_NAME_WORDS = 4
_SHORTEST_PART = 3
_SHORTEST_MISTYPED = 6
"""Shorter words are one letter apart from too many others."""


class RosterNames:
    """`people`: id -> spellings of the name, first name first. Compared folded and by ear (Gonzales is González)."""

    def __init__(self, people: Mapping[str, tuple[str, ...]]) -> None:
        self._full: dict[tuple[str, ...], set[str]] = {}
        self._first: dict[str, set[str]] = {}
        self._last: dict[str, set[str]] = {}
        self._initials: dict[str, set[str]] = {}
        self._starts: set[str] = set()
        long: set[str] = set()
        for person, spellings in people.items():
            for spelling in spellings:
                words = [w.text for w in split(spelling)[:_MOST_WORDS]]
                self._add(person, words)
                long.update(word for word in words if len(word) >= _SHORTEST_MISTYPED)
        self._sizes = sorted({len(key) for key in self._full}, reverse=True)
        self._speller = Speller(long)

    def _add(self, person: str, words: Sequence[str]) -> None:
        if words:
            self._full.setdefault(tuple(sorted(map(by_ear, words))), set()).add(person)
            self._initials.setdefault(person, set()).update(word[0] for word in words[1:])
        for n, word in enumerate(words):
            self._starts.add(by_ear(word))
            if len(word) >= _SHORTEST_PART and word not in PARTICLES:
                (self._last if n else self._first).setdefault(by_ear(word), set()).add(person)
        if len(words) > 1:  # BeatrizYaralquero, @yaralquerobeatriz: as telling as a surname
            for joined in ("".join(words), "".join((*words[1:], words[0]))):
                self._last.setdefault(by_ear(joined), set()).add(person)

    def part(self, word: Word, *, first_names: bool = True) -> frozenset[str]:
        """Ids of all whose name has this word; a name of one word is a first name."""
        return self._bearers(word.text, first_names) | self._bearers(word.base, first_names)

    def _bearers(self, text: str, first_names: bool) -> frozenset[str]:
        key = by_ear(text)
        return frozenset(self._last.get(key, ())) | (frozenset(self._first.get(key, ())) if first_names else frozenset())

    def mistyped(self, word: Word, *, first_names: bool = True) -> frozenset[str]:
        """Ids of all whose name has a long word one letter apart from this one."""
        near = self._speller.near(word.text) if len(word.text) >= _SHORTEST_MISTYPED - 1 else ()
        return frozenset[str]().union(*(self._bearers(text, first_names) for text in near))

    def cut_apart(self, first: Word, second: Word) -> frozenset[str]:
        """ "Yar alquero": ids of all with this surname."""
        joined = first.text + second.text
        return self._bearers(joined, False) if len(joined) >= _SHORTEST_MISTYPED else frozenset()

    def initial(self, first: Word, second: Word) -> frozenset[str]:
        """ "Beatriz Y.": ids of all with this first name, and a surname that begins so."""
        if len(second.text) > 1 or not second.capital:
            return frozenset()
        return frozenset(p for p in self._first.get(by_ear(first.text), ()) if second.text in self._initials[p])

    def full(self, words: Sequence[Word], first: int) -> tuple[int, frozenset[str]] | None:
        """A whole name from this word on, its words in any order, with at most one foreign word (a middle name) and one stop inside."""
        if by_ear(words[first].base) not in self._starts:
            return None
        for size in self._sizes:
            for width in (size, size + 1) if size > 1 else (size,):
                window = words[first : first + width]
                if len(window) == width and window[-1].sentence - window[0].sentence <= 1:
                    people = frozenset[str]().union(*(self._full.get(key, ()) for key in _keys([by_ear(w.base) for w in window], size)))
                    if people:
                        return first + width, people
        return None

    def find(self, words: Sequence[Word]) -> dict[int, tuple[int, frozenset[str]]]:
        """First word -> (index after the last, ids) of every whole name in the text."""
        found: dict[int, tuple[int, frozenset[str]]] = {}
        at = 0
        while at < len(words):
            hit = self.full(words, at)
            if hit is not None:
                found[at] = hit
            at = hit[0] if hit is not None else at + 1
        return found


def _keys(window: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    """The words of a window in roster order; of a wider one, every choice of `size` words that keeps both ends."""
    if len(window) == size:
        yield tuple(sorted(window))
        return
    for inner in combinations(window[1:-1], size - 2):
        yield tuple(sorted((window[0], *inner, window[-1])))


def name_from(words: Sequence[Word], first: int, not_names: Collection[str], names: Collection[str], *, apart: bool) -> int | None:
    """The index after the last word of a name that begins here, or None.

    A word is of a name when it has a capital and is no known word (`not_names`), or is a common name (`names`, for texts without capitals).
    `apart`: a comma may stand before it ("the police chief, Luis Ramos").
    """
    last, at = None, first
    while at < min(len(words), first + 2 * _NAME_WORDS):
        word = words[at]
        if word.apart and not (apart and at == first):
            break
        if at > first and word.sentence != words[first].sentence:
            break
        is_name = len(word.text) > 1 and ((word.capital and word.text not in not_names) or word.text in names)
        if not is_name and (word.text not in PARTICLES or last is None):
            break
        at += 1
        if is_name:
            last = at
    return last
