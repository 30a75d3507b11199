"""Values about the language of a text."""

from __future__ import annotations

from dataclasses import dataclass

from triage.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class Identified:
    """BCP 47 code, or `und` when unsure (never a reason not to translate); confidence 0-1; ISO 15924 code of most letters (`Latn`)."""

    language: str
    confidence: float
    alphabet: str


@dataclass(frozen=True, slots=True)
class Translation:
    """A machine translation. `quality` is `practice` or `package`; `chrf` (0-100) is the self-test; below the floor, `trusted` is False."""

    text: Sensitive[str]
    package: str
    quality: str
    chrf: float
    trusted: bool
