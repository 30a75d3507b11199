"""What an examination of the line comes to: one sentence for each thing looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """MEND: tips are lost, unread or unsafe until it is mended. LOOK: it works, and somebody should know. UNKNOWN: it could not be seen."""

    OK = "ok"
    LOOK = "look"
    MEND = "mend"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """`text`: a sentence for the operator, without a secret, an address of a person, or a word of a tip."""

    topic: str
    verdict: Verdict
    text: str


def ok(topic: str, text: str) -> Finding:
    return Finding(topic, Verdict.OK, text)


def look(topic: str, text: str) -> Finding:
    return Finding(topic, Verdict.LOOK, text)


def mend(topic: str, text: str) -> Finding:
    return Finding(topic, Verdict.MEND, text)


def unknown(topic: str, text: str) -> Finding:
    return Finding(topic, Verdict.UNKNOWN, text)
