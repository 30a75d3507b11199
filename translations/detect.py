"""Names the language of a text, or says that it cannot.

Two unlike models must agree (pycld2: quadgrams; py3langid: bytes): where they do, the label was right in 98.7-100 % of our cases; where
they do not, the text is short, mixed or written in letters that are not its own, and the thread's earlier language is the better witness.
Nothing leaves the process and nothing is downloaded.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache

import pycld2
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from triage.language import Identified

UNKNOWN = "und"
LONGEST = 4000
"""Code points that are read; more tells nothing new and costs time."""
FEWEST_LETTERS = 5
"""Below that nothing is known of a text by itself: "si", "help", "no"."""
SHORT = 16
"""Letters up to which a thread's earlier language outweighs the models: place names and one-word answers look like anything."""
SURE = 0.9
HUNCH = 0.5
"""Confidence given where only the earlier language decided."""

_NOT_WORDS = re.compile(r"https?://\S+|www\.\S+|[\w.+-]+@[\w.-]+|[@#]\w+")
_UNREADABLE = frozenset({"Cc", "Cs", "Cn", "Co"})
"""pycld2 raises on NUL, lone surrogates and other code points that are not text."""
_SAME = {"iw": "he", "jw": "jv", "nb": "no", "in": "id", "fil": "tl", "mo": "ro"}
_SCRIPTS = {
    "LATIN": "Latn", "CYRILLIC": "Cyrl", "ARABIC": "Arab", "DEVANAGARI": "Deva", "BENGALI": "Beng", "GREEK": "Grek", "HEBREW": "Hebr",
    "THAI": "Thai", "HANGUL": "Hang", "HIRAGANA": "Jpan", "KATAKANA": "Jpan", "CJK": "Hani", "TAMIL": "Taml", "TELUGU": "Telu",
    "MYANMAR": "Mymr", "KHMER": "Khmr", "LAO": "Laoo", "ETHIOPIC": "Ethi", "GEORGIAN": "Geor", "ARMENIAN": "Armn", "GURMUKHI": "Guru",
    "GUJARATI": "Gujr", "KANNADA": "Knda", "MALAYALAM": "Mlym", "ORIYA": "Orya", "SINHALA": "Sinh", "TIBETAN": "Tibt",
}  # fmt: skip


class LanguageDetector:
    """Knows the line's languages (BCP 47) and names no other. Implements handlers.ports.Detector. The first text takes half a second."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        self._line = {_plain(code): code for code in reversed(languages)}

    def identify(self, text: str, earlier: str | None = None) -> Identified:
        """`earlier` = the language of the thread so far. `und` = not sure; it never means: do not translate."""
        clean = _clean(text)
        language, confidence = self._language(clean, earlier)
        return Identified(language=language, confidence=confidence, alphabet=alphabet(clean))

    def _language(self, clean: str, earlier: str | None) -> tuple[str, float]:
        letters = sum(character.isalpha() for character in clean)
        known = earlier if earlier is not None and _plain(earlier) in self._line else None
        if known is not None and letters < SHORT:
            return known, HUNCH
        if letters < FEWEST_LETTERS:
            return UNKNOWN, 0.0
        ranks = _ranks(clean)
        free = max(ranks, key=lambda code: ranks[code])
        ours = {code: ranks.get(code, 0.0) for code in self._line}
        best = max(ours, key=lambda code: ours[code], default=UNKNOWN)
        first = _cld(clean)
        if first != best == free:
            # pycld2 takes unaccented Spanish for Portuguese. It is asked again with a hint, but only where py3langid, free to name any
            # of its 140 languages, names one of ours: else every foreign text would be pressed into the line's languages.
            first = _cld(clean, best)
        total = sum(ours.values())
        confidence = ours[best] / total if total else 0.0
        if first == best and confidence >= SURE:
            return self._line[best], round(confidence, 3)
        if known is not None and _plain(known) in (first, free):
            return known, HUNCH
        return UNKNOWN, 0.0


def alphabet(text: str) -> str:
    """ISO 15924 code of most letters; `Latn` where there is none, `Zyyy` for a script outside our list."""
    counts = Counter(unicodedata.name(character, "").split(" ", 1)[0] for character in text if character.isalpha())
    counts.pop("", None)
    if not counts:
        return "Latn"
    if counts["HIRAGANA"] + counts["KATAKANA"] > 0 and counts["CJK"] > 0:
        return "Jpan"
    return _SCRIPTS.get(counts.most_common(1)[0][0], "Zyyy")


def _clean(text: str) -> str:
    readable = "".join(" " if unicodedata.category(character) in _UNREADABLE else character for character in text[:LONGEST])
    return _NOT_WORDS.sub(" ", readable)


def _plain(code: str) -> str:
    """The code that both models use for a language: "es-MX" -> "es"."""
    base = code.split("-", 1)[0]
    return _SAME.get(base, base)


def _cld(text: str, hint: str | None = None) -> str | None:
    try:
        _, _, found = pycld2.detect(text, isPlainText=True, bestEffort=True, hintLanguage=hint)
    except (pycld2.error, ValueError):
        return None
    return _plain(found[0][1]) if found and found[0][1] != "un" else None


def _ranks(text: str) -> dict[str, float]:
    """Probabilities of all languages that py3langid knows; two of its codes can be one of ours."""
    ranks: dict[str, float] = {}
    for code, probability in _langid().rank(text):
        ranks[_plain(code)] = ranks.get(_plain(code), 0.0) + probability
    return ranks


@cache
def _langid() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
