"""The words of one language that mean something to triage. Files are read by the wiring; here is only what they mean.

A file (TOML) holds: `language`; `[lists]` name -> words (a list may use those before it); `[spelling]` how it is typed -> what is meant;
`[numbers]` word -> number; `words.common` (words that are never a name), `words.real` (never typing errors), `words.names` (common names,
for texts without capitals); `[codes]` reason code -> patterns, shown as reasons; `[cues]` the same for words that only help to read others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from triage.pattern import CAPITAL, NUMBER, OFFICE, LexiconError, Pattern, expand, match, parse, plain
from triage.typos import Speller, squeezed
from triage.words import Word, stops

__all__ = ["COMPUTED", "Found", "Lexicon", "LexiconError", "Reading", "codes"]

COMPUTED = ("adult.age_18_or_over", "agency.named", "child.age_under_18")
"""Reason codes that come of a number or of the line's agencies, not of a pattern."""
_LONGEST = 24
"""Longer words are no words: they are not looked at for typing errors."""
_SECTIONS = frozenset({"language", "lists", "spelling", "numbers", "words", "codes", "cues"})

Index = tuple[Mapping[str, list[Pattern]], Mapping[str, list[Pattern]]]
"""Patterns by the word, and by the beginning of the word, that they start with."""


@dataclass(frozen=True, slots=True)
class Found:
    """A code and the words [first, last) that led to it; `cue` = helps to read others, is no reason itself."""

    code: str
    first: int
    last: int
    cue: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What each word can mean in one language, and where its sentence ends."""

    forms: tuple[frozenset[str], ...]
    stops: tuple[int, ...]


@dataclass(frozen=True)
class Lexicon:
    language: str
    patterns: tuple[Pattern, ...]
    cues: frozenset[str]
    spelling: Mapping[str, str]
    numbers: Mapping[str, int]
    common: frozenset[str]
    real: frozenset[str]
    names: frozenset[str]

    @classmethod
    def from_mapping(cls, language: str, mapping: Mapping[str, object]) -> Lexicon:
        """Raises LexiconError, which names the wrong entry of the file."""
        if mapping.get("language") != language or not mapping.keys() <= _SECTIONS:
            raise LexiconError(f"not a lexicon of {language!r}: language or sections are wrong")
        lists: dict[str, str] = {}
        for name, written in _table(mapping, "lists").items():
            lists[name] = expand(_text(name, written), lists).replace("|", " ")
        patterns = [
            parse(code, _text(code, written), lists)
            for section in ("codes", "cues")
            for code, entries in _table(mapping, section).items()
            for written in _list(code, entries)
        ]
        words = {k: frozenset(plain(w) for w in _text(k, v).split()) for k, v in _table(mapping, "words").items()}
        return cls(
            language=language,
            patterns=tuple(patterns),
            cues=frozenset(_table(mapping, "cues")),
            spelling={plain(k): plain(_text(k, v)) for k, v in _table(mapping, "spelling").items()},
            numbers={plain(k): _number(k, v) for k, v in _table(mapping, "numbers").items()},
            common=words.get("common", frozenset()),
            real=words.get("real", frozenset()),
            names=words.get("names", frozenset()),
        )

    @cached_property
    def codes(self) -> frozenset[str]:
        return frozenset(p.code for p in self.patterns) - self.cues

    @cached_property
    def known(self) -> frozenset[str]:
        """Words of the language that are no typing errors."""
        vocabulary = (w for p in self.patterns for s in p.slots for w in s.words)
        return self.common | self.real | self.names | self.numbers.keys() | frozenset(vocabulary)

    @cached_property
    def _speller(self) -> Speller:
        return Speller({w for p in self.patterns for s in p.slots for w in s.fuzzy})

    @cached_property
    def _plain(self) -> Index:
        return _index(p for p in self.patterns if not p.of_office)

    @cached_property
    def _of_office(self) -> Index:
        return _index(p for p in self.patterns if p.of_office)

    def number(self, word: Word) -> int | None:
        """Up to three digits, or a number word."""
        if word.text.isdecimal():
            return int(word.text) if len(word.text) <= 3 else None
        return self.numbers.get(word.text)

    def _forms(self, word: Word, known: frozenset[str]) -> frozenset[str]:
        forms = {word.text, word.base}
        if len(word.text) <= _LONGEST:
            forms.update(squeezed(word.text))
            forms.update(self.spelling[f] for f in tuple(forms) if f in self.spelling)
            if forms.isdisjoint(known):
                forms |= self._speller.near(word.text)
        if self.number(word) is not None:
            forms.add(NUMBER)
        return frozenset(forms)

    def read(self, words: Sequence[Word], known: frozenset[str], names: frozenset[str]) -> Reading:
        """`known`: words of all the languages, which are no typing errors; `names`: words that count as names without a capital."""
        seen: dict[tuple[str, str], frozenset[str]] = {}
        forms: list[frozenset[str]] = []
        for word in words:
            key = (word.text, word.base)
            if key not in seen:
                seen[key] = self._forms(word, known)
            forms.append(seen[key] | {CAPITAL} if word.capital or word.text in names else seen[key])
        return Reading(tuple(forms), stops(words))

    def find(self, reading: Reading, offices: Mapping[int, int] | None = None) -> tuple[Found, ...]:
        """Every code, its longest words, none overlapping another of the same code; by place, then code.

        With `offices` (first word -> index after the last; or places), only patterns that speak of one (@); without, all others.
        """
        index = self._plain if offices is None else self._of_office
        offices = offices or {}
        tried: dict[frozenset[str], tuple[Pattern, ...]] = {}
        ends: dict[str, int] = {}
        found: list[Found] = []
        for at, forms in enumerate(reading.forms):
            starting = forms | {OFFICE} if at in offices else forms
            if starting not in tried:
                tried[starting] = tuple(_candidates(index, starting))
            here: dict[str, int] = {}
            for pattern in tried[starting]:
                if ends.get(pattern.code, 0) <= at:
                    end = match(pattern.slots, reading.forms, at, reading.stops[at], offices)
                    if end is not None and end > here.get(pattern.code, at):
                        here[pattern.code] = end
            ends |= here
            found += [Found(code, at, here[code], code in self.cues) for code in sorted(here)]
        return tuple(found)


def codes(lexicons: Sequence[Lexicon]) -> list[str]:
    """Every reason code that an assessment can hold, sorted."""
    return sorted(set(COMPUTED).union(*(lexicon.codes for lexicon in lexicons)))


def _index(patterns: Iterable[Pattern]) -> Index:
    exact: dict[str, list[Pattern]] = {}
    beginning: dict[str, list[Pattern]] = {}
    for pattern in patterns:
        for word in pattern.slots[0].words:
            exact.setdefault(word, []).append(pattern)
        for prefix in pattern.slots[0].prefixes:
            beginning.setdefault(prefix, []).append(pattern)
    return exact, beginning


def _candidates(index: Index, forms: frozenset[str]) -> Iterator[Pattern]:
    exact, beginning = index
    for form in forms:
        yield from exact.get(form, ())
        for length in range(1, min(len(form), _LONGEST) + 1):
            yield from beginning.get(form[:length], ())


def _table(mapping: Mapping[str, object], name: str) -> Mapping[str, object]:
    table = mapping.get(name, {})
    if not isinstance(table, Mapping):
        raise LexiconError(f"[{name}] is not a table")
    return table


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise LexiconError(f"{name}: not a text")
    return value


def _list(name: str, value: object) -> Sequence[object]:
    if not isinstance(value, (list, tuple)) or not value:
        raise LexiconError(f"{name}: not a list of patterns")
    return value


def _number(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise LexiconError(f"{name}: not a number")
    return value
