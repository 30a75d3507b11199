"""A text cut into words that know where they stand in the original."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from triage.fold import fold_map

# A number, a word (apostrophes inside it belong to it), or one of the signs people call for help with.
_WORD = re.compile(r"\d+|[^\W\d_]+(?:'[^\W\d_]+)*|([\U0001F198\U0001F6A8\U0001F64F])\1*")
_SENTENCE_END = re.compile(r"[!?;\n\r…。！？¡¿]|\.(?:\s|$)")
_ABBREVIATED = re.compile(
    r"sra?|dra?|mrs?|ms|st[oa]?|sgto?|capt?|cmdte?|c[mt]te|cte|lt|lic|ing|insp|gral|gen|c(?:ne)?l|tte|tnte|av|jr|of|det|maj|cpl"
    r"|adm|hon|gov|prof|sub|dpto|dept|n[or]o?|num"
)
SHOUTED = 0.6
"""Share of capital letters from which on capitals say nothing about names."""


@dataclass(frozen=True, slots=True)
class Word:
    """`text` is folded and without apostrophes; `base` is what stands before one ("police's" -> police). `start`, `end`: original."""

    text: str
    base: str
    start: int
    end: int
    capital: bool
    """Begins with a capital in a text where that means something."""
    sentence: int
    first: bool
    """The first of its sentence, where a capital says nothing."""
    apart: bool
    """A comma, colon, dash or bracket stands between it and the word before."""


def split(text: str) -> tuple[Word, ...]:
    folded, offsets = fold_map(text)
    letters = [c for c in text if c.isalpha()]
    cased = sum(c.isupper() for c in letters) <= SHOUTED * len(letters) or len(letters) < 12
    found: list[Word] = []
    sentence, before = 0, 0
    for match in _WORD.finditer(folded):
        gap = folded[before : match.start()]
        ends = bool(_SENTENCE_END.search(gap)) and not (
            found and gap.strip() == "." and (_ABBREVIATED.fullmatch(found[-1].text) or len(found[-1].text) == 1)
        )
        sentence += bool(ends and found)
        start, end = offsets[match.start()][0], offsets[match.end() - 1][1]
        whole = match[1] or match.group()  # a sign counts once, however often it is repeated
        found.append(
            Word(
                text=whole.replace("'", ""),
                base=whole.partition("'")[0],
                start=start,
                end=end,
                capital=cased and text[start].isupper(),
                sentence=sentence,
                first=not found or bool(ends),
                apart=not set(gap).isdisjoint(',:()[]"–—-/'),
            )
        )
        before = match.end()
    return tuple(found)


def stops(words: Sequence[Word]) -> tuple[int, ...]:
    """For each word, the index after the last word of its sentence."""
    found = [len(words)] * len(words)
    for i in range(len(words) - 2, -1, -1):
        found[i] = i + 1 if words[i].sentence != words[i + 1].sentence else found[i + 1]
    return tuple(found)
