"""What storage keeps of outcomes and of tips of the same traits: values as in sealing/rows.py, by its conventions. Neither names a case."""

from __future__ import annotations

from dataclasses import dataclass

LINKED_DAYS = 180
"""Tips of the same phone, plate, vessel or account are one matter this long."""


def bound_to(kind: str, name: str) -> str:
    """Stands in the MAC of such a row. In that of a gate file stands a case id: never this."""
    return f"{kind} {name}"


@dataclass(frozen=True, slots=True)
class LessonRow:
    """What outcomes tell of readers (handlers/lessons.py): one outcome, or many put together. `sealed` = S gate."""

    id: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class LinkRow:
    """The drawn order that later tips of the same phone, plate, vessel or account share (handlers/links.py). `tag` = HMAC of which it is,
    `sealed` = S gate: no case stands in the clear. `day`: since 1970 UTC, of the tip that was drawn for."""

    tag: str
    day: int
    sealed: bytes
