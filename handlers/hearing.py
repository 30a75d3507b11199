"""What one message is to the conversation: its reply, its words about the line itself, and what it holds for a case."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.replies import digit, nine, not_now, phone_answer, phone_told, readable, silence, wordless, yes_or_no
from handlers.state import Path, Safety
from triage.sensitive import Sensitive
from triage.tip import Asked, Assessment, Child, Control, EntityType, Of, Relation, Urgency

LONG = 40
"""Code points from which a text of no known kind is taken for a tip, not for a word on the way to one."""
SILENCE = 9
ANSWERED_IN_WORDS = frozenset({Asked.PHONE, Asked.TODAY, Asked.WHO_NOT, Asked.AGE})
"""An office or a long sentence in answer to one of these does not make it a tip about others."""
IN_DIGITS = frozenset({Asked.GOOD_TIME, Asked.TELL, Asked.PLACE})
"""Questions to which "not now", in any words, is a 2."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One message and what triage made of it. `place_known`: the router's reading (a country is too wide); None = any place named.
    `control`: a command of the channel, in place of words."""

    text: Sensitive[str]
    assessment: Assessment
    language: str
    alphabet: str
    place_known: bool | None = None
    control: Control | None = None
    aside: bool = False
    """It adds to what was told and is no part of the talk: an edited message, or one that came very late."""


@dataclass(frozen=True, slots=True)
class Message:
    """`path`: where this message alone points. `reply`: the digit, or 1 or 2 for a plain yes or no, if it may be one."""

    path: Path
    reply: int | None
    control: bool
    readable: bool
    blank: bool
    """A greeting, marks alone, or a digit that answers nothing."""
    spoken: bool
    """Something in it is plainly about a case."""
    telling: bool
    """That, or a long text of no known kind."""
    outside: bool
    """Triage takes it for spam, or for something that is not ours."""
    empty: bool
    """And nothing whatever speaks for a tip: no place, number, child, nor a word about the line itself."""
    silent: bool
    """We are asked to write nothing, by 9 or in words."""
    later: bool
    """Not now, in words."""
    phone: Safety
    """What it answers to "is this phone only yours?", if that was asked; UNKNOWN for a skip."""


def phone_of(heard: Heard) -> Safety:
    """What the words say of the phone, asked or not."""
    return phone_told(heard.text.reveal())


def read(heard: Heard, asked: Asked | None) -> Message:
    text, found = heard.text.reveal(), heard.assessment
    number = digit(text)
    if number is None and nine(text, age=asked is Asked.AGE):
        number = SILENCE
    silent = number == SILENCE or silence(text)
    path = Path.NONE if number is not None else _path(found, text, asked)
    things = [entity for entity in found.entities if entity.type is not EntityType.ACCOUNT]  # every advert has one
    evidence = bool(found.kinds or found.officials or found.places or found.names or things)
    spoken = evidence or path not in (Path.NONE, Path.OTHER)
    reply, later = _reply(text, asked, number, spoken=spoken)
    outside = found.urgency in (Urgency.SPAM, Urgency.OUT_OF_SCOPE)
    doubtful = spoken or found.child is Child.YES or silent or phone_told(text) is not Safety.UNKNOWN
    alone = heard.control is not None and (heard.control is not Control.STOP or _stop_alone(text))
    return Message(
        path=path,
        reply=reply,
        control=number is not None,
        readable=heard.control is not None or readable(text),
        blank=alone or found.greeting or wordless(text) or (number is not None and asked is None),
        spoken=spoken,
        telling=spoken or path is not Path.NONE,
        outside=outside,
        empty=_not_ours(found) and not doubtful,
        silent=silent or heard.control is Control.STOP,
        later=later,
        phone=phone_answer(text) if asked is Asked.PHONE else Safety.UNKNOWN,
    )


def _stop_alone(text: str) -> bool:
    """A wish for silence that tells nothing beside: one word, as the providers' own are, or courtesy."""
    return len(text.split()) <= 1 or nine(f"{SILENCE} {text}")


def _reply(text: str, asked: Asked | None, number: int | None, *, spoken: bool) -> tuple[int | None, bool]:
    """(the reply, not now). "Later" is a plain no to "does today matter?"."""
    if number is not None or asked is None:
        return number, number is None and not_now(text)
    plain = None if asked in (Asked.WHO_NOT, Asked.AGE, Asked.PHONE) else yes_or_no(text)
    later = not_now(text) and not (asked is Asked.TODAY and plain is not None)
    return (2 if later and asked in IN_DIGITS and not spoken else plain), later


def _not_ours(found: Assessment) -> bool:
    """By a word that triage knows: a text of no word at all may be in a script that nobody here reads."""
    spam = found.urgency is Urgency.SPAM
    return spam or (found.urgency is Urgency.OUT_OF_SCOPE and any(reason.code.startswith("out.") for reason in found.reasons))


def _path(found: Assessment, text: str, asked: Asked | None) -> Path:
    if found.greeting:
        return Path.NONE
    if found.vessel:
        return Path.VESSEL
    if found.about_self or found.urgency in (Urgency.DANGER_NOW, Urgency.ASKS_HELP):
        return Path.CHILD if found.about_self and found.child is Child.YES else Path.SURVIVOR
    if found.urgency in (Urgency.SPAM, Urgency.OUT_OF_SCOPE):
        return Path.NONE
    if asked in ANSWERED_IN_WORDS:
        return Path.OTHER if found.kinds else Path.NONE
    told = found.kinds or found.officials or found.urgency is Urgency.TIME_CRITICAL or len(text.strip()) >= LONG
    return Path.OTHER if told else Path.NONE


def held(heard: Heard) -> frozenset[Asked]:
    """The questions that the words answer by themselves. A machine translation makes no place known; a mere mention is no wish."""
    found = heard.assessment
    place = any(p.of is Of.ORIGINAL and p.regions for p in found.places) if heard.place_known is None else heard.place_known
    told = {
        Asked.PLACE: place,
        Asked.PHONE: phone_of(heard) is not Safety.UNKNOWN,
        Asked.TODAY: found.urgency in (Urgency.DANGER_NOW, Urgency.TIME_CRITICAL),
        Asked.WHO_NOT: _who(found),
        Asked.AGE: any(e.type is EntityType.AGE for e in found.entities),
    }
    return frozenset(question for question, holds in told.items() if holds)


def _who(found: Assessment) -> bool:
    """Who must not hear of it: an official who takes part, or whoever is named next to a wish ("the police must not know")."""
    if found.wish and (found.officials or found.names or found.agencies or found.all_ngos):
        return True
    return any(o.relation is not Relation.MENTIONED and not o.negated for o in found.officials)
