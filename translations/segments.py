"""Cuts a text into sentences, so that each can be translated alone and put back where it stood.

Argos' own splitters download models or need torch. A tip is short, and a wrong cut costs a little quality, never a word: joining the
parts gives the text back exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 250
"""Code points. Argos' own fallback bound; the models were trained on single sentences and drop words of longer ones."""

_STOP = re.compile(
    r"""
      [.!?…؟۔।॥]+ ["'”’»)\]]* (?=\s|$)    # a stop and closing marks before white space
    | [。！？｡]+ [”’」』）\]]*                # scripts written without spaces
    | (?=[\r\n])                          # a line is a sentence
    """,
    re.VERBOSE,
)
_NEXT = re.compile(r"\s*(\S?)")
_ABBREVIATED = re.compile(
    r"""(?<!\w) (?: [^\W\d_]
      | sra? | srta | dra? | ing | lic | gral | cnel | cap | tte | sgto | avd?a? | blvd | ctra | col | depto | edif
      | km | n[úu]m | p[áa]g | tel | uds? | st[ao]
      | mrs? | ms | st | ave | rd | gen | capt | lt | sgt | insp | supt | rev | prof | dept | apt | approx | vs
    ) \. $""",
    re.VERBOSE | re.IGNORECASE,
)


def split(text: str) -> list[tuple[str, str]]:
    """Pairs (sentence, white space after it); leading white space is a pair with an empty sentence. Sentences are at most LONGEST long."""
    return [pair for piece in _sentences(text) for part in _bounded(piece) for pair in _pairs(part)]


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for stop in _STOP.finditer(text):
        if _ends(text, start, stop.end()):
            yield text[start : stop.end()]
            start = stop.end()
    yield text[start:]


def _ends(text: str, start: int, end: int) -> bool:
    """Not after "Sr." or an initial, nor before a small letter ("500 approx. each"); a new line always ends."""
    if text[end : end + 1] in ("\r", "\n"):
        return True
    following = _NEXT.match(text, end)
    small = following is not None and following[1].islower()
    return not small and _ABBREVIATED.search(text, max(start, end - 12), end) is None


def _bounded(piece: str) -> Iterator[str]:
    """Cuts what is too long: after the last comma in the second half, else at the last space, else anywhere."""
    while len(piece.rstrip()) > LONGEST:
        window = piece[:LONGEST]
        cut = max(window.rfind(mark) for mark in (", ", "; ", ": ", "، ")) + 1
        if cut <= LONGEST // 2:
            cut = window.rfind(" ") + 1 or LONGEST
        yield piece[:cut]
        piece = piece[cut:]
    yield piece


def _pairs(part: str) -> Iterator[tuple[str, str]]:
    sentence = part.strip()
    at = len(part) - len(part.lstrip())
    if at:
        yield "", part[:at]
    if sentence:
        yield sentence, part[at + len(sentence) :]
