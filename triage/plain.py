"""A text for patterns over characters: folded, with plain digits, and the way back to the original's offsets."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from triage.fold import fold_map


@dataclass(frozen=True, slots=True)
class Plain:
    """`text`: folded (triage/fold.py), digits of every script as 0 to 9. `offsets`: for each of its characters where it stands in
    `original`."""

    original: str
    text: str
    offsets: tuple[tuple[int, int], ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Of text[start:end], not empty, in the original."""
        return self.offsets[start][0], self.offsets[end - 1][1]

    def capitals(self, start: int, end: int) -> bool:
        """No letter of this part was written small. Scripts without capitals count as such."""
        first, last = self.span(start, end)
        return not any(c.islower() for c in self.original[first:last])


def plain(text: str) -> Plain:
    folded, offsets = fold_map(text)
    return Plain(text, "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in folded), offsets)


def words(listed: str) -> frozenset[str]:
    """A list of words, as a set."""
    return frozenset(listed.split())
