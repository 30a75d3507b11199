"""Place names of the line's atlas, found in a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from triage.words import Word, split


class Gazetteer:
    """`places`: spelling -> ids of all regions that bear it. Compared folded; the longest name wins.

    A name that begins a longer one ("San Jacinto" of "San Jacinto del Mar") may mean that place too, cut short or with the rest misspelt.
    """

    def __init__(self, places: Mapping[str, tuple[str, ...]]) -> None:
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._lengths: dict[str, list[int]] = {}
        for spelling in sorted(places):
            key = tuple(w.text for w in split(spelling))
            if not key:
                continue
            known = self._names.get(key, ())
            self._names[key] = tuple(sorted({*known, *places[spelling]}))
            lengths = self._lengths.setdefault(key[0], [])
            if len(key) not in lengths:
                lengths.append(len(key))
                lengths.sort(reverse=True)
        for key, regions in tuple(self._names.items()):
            for shorter in (key[:length] for length in range(1, len(key))):
                if shorter in self._names:
                    self._names[shorter] = tuple(sorted({*self._names[shorter], *regions}))

    def at(self, words: Sequence[Word], first: int) -> tuple[int, tuple[str, ...]] | None:
        """The longest name that begins with this word: index after its last word, and its regions."""
        for start in dict.fromkeys((words[first].text, words[first].base)):
            for length in self._lengths.get(start, ()):
                span = words[first : first + length]
                if len(span) < length or span[0].sentence != span[-1].sentence:
                    continue
                for last in dict.fromkeys((span[-1].text, span[-1].base)):
                    key = (start,) if length == 1 else (start, *(w.text for w in span[1:-1]), last)
                    if key in self._names:
                        return first + length, self._names[key]
        return None

    def find(self, words: Sequence[Word], common: frozenset[str], *, bare: bool) -> dict[int, tuple[int, tuple[str, ...]]]:
        """First word -> (index after the last, regions). A name that is also a common word ("Nice"), or one or two letters long, counts
        only with a capital inside a sentence, or when the question made it a place (`bare`)."""
        found: dict[int, tuple[int, tuple[str, ...]]] = {}
        at = 0
        while at < len(words):
            hit = self.at(words, at)
            word = words[at]
            doubtful = hit is not None and hit[0] == at + 1 and (word.text in common or len(word.text) < 3)
            if hit is None or (doubtful and not bare and not (word.capital and not word.first)):
                at += 1
                continue
            found[at] = hit
            at = hit[0]
        return found
