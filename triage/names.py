"""People's names: those of the roster, and those that a title or a cue makes a name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations

from triage.fold import by_ear
from triage.words import Word, split

PARTICLES = frozenset(
    {"de", "del", "la", "las", "los", "el", "y", "e", "san", "santa", "da", "do", "von", "van", "der", "al", "bin", "abu"}
)
_MOST_WORDS = 6
"""Of a spelling on the roster; what is longer is not compared."""
_NAME_WORDS = 4
_SHORTEST_PART = 3


class RosterNames:
    """`people`: id -> spellings of the name. Compared folded and by ear (Gonzales is González)."""

    def __init__(self, people: Mapping[str, tuple[str, ...]]) -> None:
        self._full: dict[tuple[str, ...], set[str]] = {}
        self._part: dict[str, set[str]] = {}
        self._starts: set[str] = set()
        for person, spellings in people.items():
            for spelling in spellings:
                self._add(person, [w.text for w in split(spelling)[:_MOST_WORDS]])
        self._sizes = sorted({len(key) for key in self._full}, reverse=True)

    def _add(self, person: str, words: Sequence[str]) -> None:
        if words:
            self._full.setdefault(tuple(sorted(map(by_ear, words))), set()).add(person)
        for word in words:
            self._starts.add(by_ear(word))
            if len(word) >= _SHORTEST_PART and word not in PARTICLES:
                self._part.setdefault(by_ear(word), set()).add(person)

    def part(self, word: Word) -> frozenset[str]:
        """Ids of all whose name has this word."""
        return frozenset(self._part.get(by_ear(word.text), ())) | frozenset(self._part.get(by_ear(word.base), ()))

    def full(self, words: Sequence[Word], first: int) -> tuple[int, frozenset[str]] | None:
        """A whole name from this word on, its words in any order, with at most one foreign word (a middle name) inside."""
        if by_ear(words[first].base) not in self._starts:
            return None
        for size in self._sizes:
            for width in (size, size + 1) if size > 1 else (size,):
                window = words[first : first + width]
                if len(window) == width and window[0].sentence == window[-1].sentence:
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
