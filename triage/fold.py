"""Folding: one plain form of a text for comparing, and the way back to the original's offsets.

Folded = compatibility form (NFKD), case-folded, accents and invisible characters dropped, quotes straightened. Never raises.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Canonical combining classes that carry the letter itself: kana voicing (8) and virama (9); 0 is no accent at all.
_KEPT_CLASSES = (0, 8, 9)
_LONGEST = 4
"""A character that unfolds into more (some ligatures stand for a whole phrase) stays as it is, so that folding cannot blow a text up."""
_PLAIN = str.maketrans(
    {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h"}
    | dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc\u02bb\u2032\u00b4\u0060\uff07", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"')
)


def _is_mark(char: str) -> bool:
    """An accent, or a variation selector: part of the character before it."""
    return unicodedata.combining(char) not in _KEPT_CLASSES or "\ufe00" <= char <= "\ufe0f"


@lru_cache(maxsize=4096)
def _fold_char(char: str) -> str:
    char = char.translate(_PLAIN)  # before NFKD, which turns a spacing acute into a blank
    if len(unicodedata.normalize("NFKD", char)) > _LONGEST:
        return char
    bare = "".join(c for c in unicodedata.normalize("NFKD", char) if not _is_mark(c))
    folded = unicodedata.normalize("NFKD", bare.casefold())
    return "".join(c for c in folded if not _is_mark(c) and unicodedata.category(c) != "Cf").translate(_PLAIN)


def fold(text: str) -> str:
    return "".join(map(_fold_char, text))


def fold_map(text: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The folded text, and for each of its characters the code points [start, end) of the original that it stands for.

    The span of folded[i:j] is (offsets[i][0], offsets[j - 1][1]): a letter takes the accents typed after it along.
    """
    folded: list[str] = []
    offsets: list[tuple[int, int]] = []
    for at, char in enumerate(text):
        plain = _fold_char(char)
        if plain:
            folded.append(plain)
            offsets.extend([(at, at + 1)] * len(plain))
        elif offsets and _is_mark(char):
            offsets[-1] = (offsets[-1][0], at + 1)
    return "".join(folded), tuple(offsets)


# Letters that are often swapped when a name is written by ear (Spanish and English): Gonzales, Vasquez, Jimenez, Filip.
_BY_EAR = (("ph", "f"), ("qu", "k"), ("ce", "se"), ("ci", "si"), ("ge", "je"), ("gi", "ji"), ("ll", "y"), ("ñ", "n"))
_LETTERS_BY_EAR = str.maketrans({"z": "s", "v": "b", "w": "b", "c": "k", "q": "k", "y": "i", "x": "j", "h": None})


@lru_cache(maxsize=1024)
def by_ear(folded: str) -> str:
    """A rough key under which different spellings of one spoken name fall together. Takes a folded word."""
    for heard, key in _BY_EAR:
        folded = folded.replace(heard, key)
    key = folded.translate(_LETTERS_BY_EAR)
    return "".join(c for i, c in enumerate(key) if i == 0 or c != key[i - 1])
