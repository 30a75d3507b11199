"""The small language in which lexicons are written, and its matching over words.

took ... my|our {papers}      one word a slot; `|` alternatives; `{name}` a list of the same file
encerrad*   ~police           `*` any ending; `~` one typing error allowed (words of 7 letters and more allow it anyway)
no me? dejan                  `?` the word may be missing
...                           up to four words between, within the sentence
#  @                          a number; an office found before (police, the mayor, ...), in scene.* a place
officer >^                    the last word is only looked at, not taken; ^ = a capital, or a common name
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from triage.fold import fold

NUMBER, CAPITAL, OFFICE = "#", "^", "@"
GAP = 4
FUZZY_FROM = 7
_LIST = re.compile(r"\{(\w+)\}")


class LexiconError(ValueError):
    """A lexicon file is wrong. Carries words of the file only."""


@dataclass(frozen=True, slots=True)
class Slot:
    words: frozenset[str]
    prefixes: tuple[str, ...]
    fuzzy: frozenset[str]
    optional: bool = False
    gap: bool = False
    look: bool = False

    def takes(self, forms: frozenset[str]) -> bool:
        return not self.words.isdisjoint(forms) or (bool(self.prefixes) and any(f.startswith(self.prefixes) for f in forms))


@dataclass(frozen=True, slots=True)
class Pattern:
    code: str
    slots: tuple[Slot, ...]

    @property
    def of_office(self) -> bool:
        return any(OFFICE in slot.words for slot in self.slots)


def plain(word: str) -> str:
    return fold(word).replace("'", "")


def _slot(written: str) -> Slot:
    look, optional = written.startswith(">"), written.endswith("?")
    words: set[str] = set()
    prefixes: set[str] = set()
    fuzzy: set[str] = set()
    for part in written.removeprefix(">").removesuffix("?").split("|"):
        alternative = plain(part)
        if alternative.endswith("*"):
            prefixes.add(alternative[:-1])
            continue
        word = alternative.removeprefix("~")
        words.add(word)
        if word != alternative or len(word) >= FUZZY_FROM:
            fuzzy.add(word)
    if not all(words | prefixes) or not words | prefixes:
        raise LexiconError(f"an empty alternative in {written!r}")
    return Slot(frozenset(words), tuple(sorted(prefixes)), frozenset(fuzzy), optional, look=look)


def expand(written: str, lists: Mapping[str, str]) -> str:
    """Each `{name}` replaced by the alternatives of that list."""

    def alternatives(match: re.Match[str]) -> str:
        if match[1] not in lists:
            raise LexiconError(f"no list {match[1]!r}")
        return "|".join(lists[match[1]].split())

    return _LIST.sub(alternatives, written)


def parse(code: str, written: str, lists: Mapping[str, str]) -> Pattern:
    """`lists`: name -> words separated by blanks."""
    gap = Slot(frozenset(), (), frozenset(), gap=True)
    slots = tuple(gap if part == "..." else _slot(part) for part in expand(written, lists).split())
    bad = not slots or slots[0].gap or slots[0].optional or slots[0].look or slots[-1].gap
    if bad or any(s.look for s in slots[:-1]):
        raise LexiconError(f"{code}: {written!r} must begin and end with a word, and look only at its end")
    return Pattern(code, slots)


def match(slots: tuple[Slot, ...], forms: Sequence[frozenset[str]], at: int, stop: int, offices: Mapping[int, int]) -> int | None:
    """The index after the last word that the slots take from `at` on, before `stop`, or None. The shortest gaps win.

    `offices`: first word of an office found before -> index after its last.
    """
    if not slots:
        return at
    slot, rest = slots[0], slots[1:]
    if slot.gap:
        for start in range(at, min(at + GAP, stop) + 1):
            if (end := match(rest, forms, start, stop, offices)) is not None:
                return end
        return None
    if slot.look:
        return at if at < stop and slot.takes(forms[at]) else None
    if at < stop:
        after = offices.get(at) if OFFICE in slot.words else None
        if after is None and slot.takes(forms[at]):
            after = at + 1
        if after is not None and (end := match(rest, forms, after, stop, offices)) is not None:
            return end
    return match(rest, forms, at, stop, offices) if slot.optional else None
