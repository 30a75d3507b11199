"""One text, read once: its words and everything that lexicons, atlas and roster find in it. The parts of triage share it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from triage.lexicon import Found, Lexicon, Reading
from triage.names import RosterNames
from triage.places import Gazetteer
from triage.tip import Asked, Of, Reason
from triage.words import Word, split, stops

Places = dict[int, tuple[int, tuple[str, ...]]]
"""First word -> (index after the last, region ids)."""


@dataclass(frozen=True)
class Study:
    text: str
    of: Of
    asked: Asked | None
    words: tuple[Word, ...]
    lexicons: tuple[Lexicon, ...]
    readings: tuple[Reading, ...]
    found: tuple[Found, ...]
    places: Places
    people: dict[int, tuple[int, frozenset[str]]]
    """Whole names of the roster: first word -> (index after the last, ids)."""
    agencies: Places
    """Names of the line's agencies, as for places, with the agencies' ids."""
    roster: RosterNames
    common: frozenset[str]
    """Words of any of the lexicons that are never a name."""
    names: frozenset[str]
    known: frozenset[str]
    """Words of any of the lexicons that are no name where a name could stand."""

    @cached_property
    def _by_word(self) -> Mapping[int, list[Found]]:
        index: dict[int, list[Found]] = {}
        for found in self.found:
            index.setdefault(found.first, []).append(found)
        return index

    @cached_property
    def stops(self) -> tuple[int, ...]:
        return stops(self.words)

    @cached_property
    def in_places(self) -> frozenset[int]:
        """Every word of a place's name."""
        return frozenset(at for first, (last, _) in self.places.items() for at in range(first, last))

    def near(self, prefix: str | tuple[str, ...], first: int, last: int) -> list[Found]:
        """What was found beginning with one of the words [first, last); `prefix` of the code, or several."""
        return [f for at in range(max(first, 0), last) for f in self._by_word.get(at, ()) if f.code.startswith(prefix)]

    def where(self, wanted: Callable[[str], bool]) -> list[Found]:
        return [f for f in self.found if wanted(f.code)]

    def starting(self, *prefixes: str) -> list[Found]:
        return self.where(lambda code: code.startswith(prefixes))

    def covered(self, *codes: str) -> set[int]:
        """Every word that belongs to a finding of these codes."""
        return {at for f in self.found if f.code in codes for at in range(f.first, f.last)}

    def around(self, spans: Mapping[int, int], prefix: str) -> list[Found]:
        """What the patterns that hold an @ find, when @ is one of these spans (first word -> index after the last)."""
        pairs = zip(self.lexicons, self.readings, strict=True)
        return [f for lexicon, reading in pairs for f in lexicon.find(reading, spans) if f.code.startswith(prefix)]

    def span(self, first: int, last: int) -> tuple[int, int]:
        return self.words[first].start, self.words[last - 1].end

    def cut(self, first: int, last: int) -> str:
        start, end = self.span(first, last)
        return self.text[start:end]

    def reason(self, found: Found, code: str | None = None) -> Reason:
        start, end = self.span(found.first, found.last)
        return Reason(code or found.code, self.text[start:end], start, end, self.of)

    def number_at(self, at: int) -> tuple[int, ...]:
        """The number that this word is; empty when it is none."""
        return next(((n,) for lexicon in self.lexicons if (n := lexicon.number(self.words[at])) is not None), ())

    def numbers(self, found: Found) -> list[tuple[int, int]]:
        """(word, number) for each number among the words of a finding."""
        return [(at, value) for at in range(found.first, found.last) for value in self.number_at(at)]


def _all(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*sets)


def study(
    text: str,
    of: Of,
    asked: Asked | None,
    lexicons: Sequence[Lexicon],
    gazetteer: Gazetteer,
    roster: RosterNames,
    agencies: Gazetteer,
) -> Study:
    words = split(text)
    known = _all(lexicon.known for lexicon in lexicons)
    names = _all(lexicon.names for lexicon in lexicons)
    common = _all(lexicon.common for lexicon in lexicons)
    readings = tuple(lexicon.read(words, known, names) for lexicon in lexicons)
    found = {f for lexicon, reading in zip(lexicons, readings, strict=True) for f in lexicon.find(reading)}
    return Study(
        text=text,
        of=of,
        asked=asked,
        words=words,
        lexicons=tuple(lexicons),
        readings=readings,
        found=tuple(sorted(found, key=lambda f: (f.first, -f.last, f.code))),
        places=gazetteer.find(words, common, bare=asked is Asked.PLACE),
        people=roster.find(words),
        agencies=agencies.find(words, common, bare=asked is Asked.WHO_NOT),
        roster=roster,
        common=common,
        names=names,
        known=known - names,
    )
