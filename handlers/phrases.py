"""Everything the line can say, by id. The words: `translations/locale/*/LC_MESSAGES/tipline.po`; the rules: docs/CONVERSATION.md."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from triage.tip import Asked


class Phrase(StrEnum):
    """First answers F1-F5 and their forms for a place that is known already; questions Q_*; closings; the frames of a person's answer."""

    F1 = "F1"
    F2 = "F2"
    F2_PHONE = "F2_PHONE"
    F3 = "F3"
    F3_TODAY = "F3_TODAY"
    F3_WHO = "F3_WHO"
    F3_AGE = "F3_AGE"
    F3_WAITING = "F3_WAITING"
    F4 = "F4"
    F5 = "F5"
    CHILD_PATH = "CHILD_PATH"
    CHILD_PHONE = "CHILD_PHONE"
    WHO_WE_ARE = "WHO_WE_ARE"
    Q_PLACE = "Q_PLACE"
    Q_PHONE = "Q_PHONE"
    Q_TODAY = "Q_TODAY"
    Q_WHO = "Q_WHO"
    Q_AGE = "Q_AGE"
    WAITING = "WAITING"
    NOBODY_AWAKE = "NOBODY_AWAKE"
    ENOUGH = "ENOUGH"
    NOT_NOW = "NOT_NOW"
    KIND_ERROR = "KIND_ERROR"
    COMMANDS = "COMMANDS"
    ANSWER_TRANSLATED = "ANSWER_TRANSLATED"
    ANSWER_PLAIN = "ANSWER_PLAIN"
    ANSWER_SAME = "ANSWER_SAME"
    HELPED = "HELPED"


ASKS: Mapping[Phrase, Asked] = MappingProxyType(
    {
        Phrase.F1: Asked.GOOD_TIME,
        Phrase.F2: Asked.PLACE,
        Phrase.F2_PHONE: Asked.PHONE,
        Phrase.F3: Asked.PLACE,
        Phrase.F3_TODAY: Asked.TODAY,
        Phrase.F3_WHO: Asked.WHO_NOT,
        Phrase.F3_AGE: Asked.AGE,
        Phrase.F4: Asked.PLACE,
        Phrase.F5: Asked.TELL,
        Phrase.CHILD_PATH: Asked.PLACE,
        Phrase.CHILD_PHONE: Asked.PHONE,
        Phrase.WHO_WE_ARE: Asked.TELL,
        Phrase.Q_PLACE: Asked.PLACE,
        Phrase.Q_PHONE: Asked.PHONE,
        Phrase.Q_TODAY: Asked.TODAY,
        Phrase.Q_WHO: Asked.WHO_NOT,
        Phrase.Q_AGE: Asked.AGE,
    }
)
"""The question that a phrase puts; a phrase that is not here asks nothing."""

SLOTS: Mapping[Phrase, frozenset[str]] = MappingProxyType(
    {
        Phrase.F3_WAITING: frozenset({"time"}),
        Phrase.WAITING: frozenset({"time"}),
        Phrase.NOBODY_AWAKE: frozenset({"time"}),
        Phrase.ANSWER_TRANSLATED: frozenset({"translation", "original"}),
        Phrase.ANSWER_PLAIN: frozenset({"original"}),
        Phrase.ANSWER_SAME: frozenset({"original"}),
    }
)
"""What has to be filled in; a phrase that is not here has no slot."""
