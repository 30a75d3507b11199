"""Whom a source speaks of. It decides one thing: whether the line may ever write first. A survivor's phone may lie in the wrong hands, so
whoever might be one is written to only after she wrote; a community member who clearly tells of others is answered."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum

from handlers.understanding import Understood
from triage.fold import fold
from triage.tip import Urgency


class Subject(StrEnum):
    UNKNOWN = "unknown"
    OTHERS = "others"
    SELF = "self"


ME = re.compile(
    r"\b(?:me|us|we|our|ours|i'?m|i am|i have|i need|i want|myself|ourselves|my (?:passport|boss|phone|owner|husband|child|baby)"
    r"|nos|nosotr[oa]s|estoy|estamos|soy|somos|tengo|necesito|quiero|conmigo|mi (?:pasaporte|jefe|jefa|patron|telefono|marido|bebe)"
    r"|\w{3,}(?:enme|ennos|dame|danos|deme|denos|came|canos|quenme|quennos))\b"
)
"""First person as the one whom it happens to, in folded English and Spanish. "I saw", "vi" and "mi vecina" are a witness's words."""


def subject_of(text: str, understood: Understood, readable: Collection[str]) -> Subject:
    """`readable`: languages that a lexicon reads. What no lexicon reads is unknown, however long it is."""
    found = understood.assessment
    if found.about_self or found.urgency is Urgency.ASKS_HELP or ME.search(fold(text)):
        return Subject.SELF
    told = found.kinds or found.officials or found.places
    return Subject.OTHERS if told and understood.identified.language in readable else Subject.UNKNOWN


def together(before: Subject, now: Subject) -> Subject:
    """A word about oneself counts for good; a word about others never lifts it."""
    if Subject.SELF in (before, now):
        return Subject.SELF
    return Subject.OTHERS if Subject.OTHERS in (before, now) else Subject.UNKNOWN
