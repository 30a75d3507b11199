"""Reading a bare answer: one digit in any script, or a plain yes or no (people text "Y" and "N", whatever we ask for)."""

from __future__ import annotations

import unicodedata

from triage.fold import fold

_DROPPED = "PZCM"
"""Punctuation, spaces, controls and marks: `1.`, ` 1)`, and the keycap emoji are all a one."""
_LONGEST = 32
_YES = frozenset({"y", "yes", "yeah", "yep", "ok", "okay", "s", "si", "sip", "claro", "dale"})
_NO = frozenset({"n", "no", "nope", "not now", "later", "nop", "ahora no", "luego", "despues", "mas tarde"})
_UNREADABLE = "\ufffd"


def digit(text: str) -> int | None:
    """The digit that is all the text says (`9`, `١`, `１`, `1)`), else None."""
    if len(text) > _LONGEST:
        return None
    kept = [c for c in text if unicodedata.category(c)[0] not in _DROPPED]
    return unicodedata.digit(kept[0], None) if len(kept) == 1 else None


def yes_or_no(text: str) -> int | None:
    """1 or 2 for a plain yes or no, alone or after its digit ("1 yes"), else None. `2 girls` and `9 years` are words, not replies."""
    if len(text) > _LONGEST:
        return None
    words = "".join(c if c.isalnum() else " " for c in fold(text)).split()
    number = words.pop(0) if len(words) > 1 and words[0] in {"1", "2"} else None
    rest = " ".join(words)
    said = 1 if rest in _YES else 2 if rest in _NO else None
    return said if number is None or number == str(said) else None


def readable(text: str) -> bool:
    """False for an empty message, or one of which nothing but blanks and broken characters arrived."""
    return any(c != _UNREADABLE and unicodedata.category(c)[0] not in "ZCM" for c in text)


def wordless(text: str) -> bool:
    """Nothing but marks ("?", "..."): it holds nothing to keep. An emoji does."""
    return not any(unicodedata.category(c)[0] in "LN" or (unicodedata.category(c) == "So" and c != _UNREADABLE) for c in text)
