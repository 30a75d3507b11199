"""The conversation with a source, as a pure function: what was remembered and what was just heard in, what we say and remember out.

Rules R1-R8, the order of the questions and a drawing are in docs/CONVERSATION.md. Nothing here reads a clock, a store or a catalog.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from handlers.memory import Path, Safety, State, StateError
from handlers.phrases import ASKS, SLOTS, Phrase
from handlers.questions import following, greeting
from handlers.replies import digit, readable, wordless, yes_or_no
from triage.sensitive import Sensitive
from triage.tip import Asked, Assessment, Child, EntityType, Of, Relation, Urgency

__all__ = ["Heard", "Path", "Plan", "Safety", "Say", "State", "StateError", "Turn", "advance", "overtaken", "pending"]

HOUR_MS = 3_600_000
GAP_MS = 2 * HOUR_MS
"""After it, whoever writes may be somebody else."""
EXPIRY_MS = 24 * HOUR_MS
NAG_MS = HOUR_MS
NAG_EVERY = 6
"""A closing text is repeated at most with every sixth message, or after an hour."""
LONG = 40
"""Code points from which a text of no known kind is taken for a tip, not for a word on the way to one."""
SILENCE = 9

OFFERS_LATER = frozenset({Phrase.F2, Phrase.CHILD_PATH, Phrase.Q_PLACE})
"""Questions for the place to which 2 says "not now"."""
BY_CONDITION = frozenset({Phrase.F2, Phrase.CHILD_PATH})
"""And to which 1 says "yes, now", without the place."""
ANSWERED_IN_WORDS = frozenset({Asked.PHONE, Asked.TODAY, Asked.WHO_NOT, Asked.AGE})
"""An office or a long sentence in answer to one of these does not make it a tip about others."""
SPARING = frozenset({Phrase.ENOUGH, Phrase.NOT_NOW, Phrase.KIND_ERROR})
VESSEL = "vessel"


@dataclass(frozen=True, slots=True)
class Heard:
    """One message and what triage made of it. `place_known`: the router's reading (a country is too wide); None = any place named."""

    text: Sensitive[str]
    assessment: Assessment
    language: str
    alphabet: str
    place_known: bool | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """From the duty plan: the local time, ready to print, at which a person reads; whether somebody is awake before it."""

    read_by: str
    awake: bool


@dataclass(frozen=True, slots=True)
class Say:
    phrase: Phrase
    slots: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """`say`: nothing or one text (R6). `tip`: this message belongs to a case. `settled`: seal now. `today`: does today matter?"""

    say: tuple[Say, ...]
    tip: bool
    settled: bool
    today: bool | None


@dataclass(frozen=True, slots=True)
class _Message:
    """`path`: where this message alone points. `reply`: the digit, or 1 or 2 for a plain yes or no, if it may be one."""

    path: Path
    reply: int | None
    control: bool
    readable: bool
    blank: bool
    """A greeting, marks alone, or a digit that answers nothing."""
    telling: bool
    """Something in it is about a case."""
    outside: bool
    """Triage takes it for spam, or for something that is not ours."""


def pending(state: State, now_ms: int) -> Asked | None:
    """The question that a message now would answer, if there is one and it has not expired."""
    asking = state.asking
    if asking is None or now_ms >= state.asking_until_ms or state.safety is Safety.SILENT or _stranger(state, now_ms):
        return None
    return ASKS[asking]


def overtaken(state: State) -> State:
    """Our last text never left and will not (a newer message came before it went): as if it had not been said."""
    last = state.last
    if last is None:
        return state
    asked, questions = (state.asked - {last}, max(0, state.questions - 1)) if last in ASKS else (state.asked, state.questions)
    asking = None if state.asking is last else state.asking
    return replace(state, asked=asked, questions=questions, asking=asking, said=state.said - {last}, last=None)


def advance(state: State, heard: Heard, now_ms: int, plan: Plan) -> tuple[State, Turn]:
    """Total and deterministic: any text, in any state, at any time."""
    asked = pending(state, now_ms)
    rested = _rested(state, now_ms) and not _stranger(state, now_ms)
    message = _read(heard, asked)
    state = _sit(state, now_ms, keep=asked is not None)
    belongs = _belongs(state, message, asked)
    state = _learn(state, heard, message, belongs, now_ms)
    if message.reply == SILENCE and message.control:
        state = replace(state, safety=Safety.SILENT, asking=None)
    if state.safety is Safety.SILENT:
        return state, Turn((), belongs, state.settled, state.today)
    asking = state.asking
    if message.readable:
        state = _answered(state, asked, message)
    phrase = _spare(state, _choose(state, message, asking, rested, plan), now_ms)
    say = () if phrase is None else (Say(phrase, {"time": plan.read_by} if phrase in SLOTS else {}),)
    return _said(state, phrase, now_ms), Turn(say, belongs, state.settled, state.today)


def _rested(state: State, now_ms: int) -> bool:
    return state.turns > 0 and now_ms - state.last_ms > GAP_MS


def _stranger(state: State, now_ms: int) -> bool:
    """On a phone that others hold, whoever writes after a gap is met as one who never wrote (R2)."""
    return _rested(state, now_ms) and state.safety in (Safety.SHARED, Safety.BORROWED)


def _sit(state: State, now_ms: int, *, keep: bool) -> State:
    """A new sitting after a gap; `keep` = the open question still stands."""
    if _stranger(state, now_ms):
        new = State(turns=state.turns, safety=state.safety, first_ms=state.first_ms, last_ms=state.last_ms)
        return replace(new, tip=state.tip, today=state.today, sealed=state.sealed)
    asking = state.asking if keep else None
    if _rested(state, now_ms):
        return replace(state, told=False, said=frozenset(), last=None, questions=0, unanswered=0, asking=asking)
    return replace(state, asking=asking)


def _read(heard: Heard, asked: Asked | None) -> _Message:
    text, found = heard.text.reveal(), heard.assessment
    number = digit(text)
    reply = number
    if reply is None and asked is not None and asked not in (Asked.WHO_NOT, Asked.AGE):
        reply = yes_or_no(text)
    path = Path.NONE if number is not None else _path(found, text, asked)
    evidence = found.kinds or found.officials or found.places or found.names or found.entities
    return _Message(
        path=path,
        reply=reply,
        control=number is not None,
        readable=readable(text),
        blank=found.greeting or wordless(text) or (number is not None and asked is None),
        telling=path is not Path.NONE or bool(evidence),
        outside=found.urgency in (Urgency.SPAM, Urgency.OUT_OF_SCOPE),
    )


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


def _belongs(state: State, message: _Message, asked: Asked | None) -> bool:
    """A greeting and marks alone hold nothing for a reader, nor does "yes, now is good". A bare reply does when it answers within a tip."""
    if message.reply is None:
        return message.readable and not message.blank
    if message.reply == SILENCE:
        return state.tip
    invited = asked in (None, Asked.GOOD_TIME, Asked.TELL) or (state.asking in state.said and not state.told)
    return state.tip and not invited


def _learn(state: State, heard: Heard, message: _Message, belongs: bool, now_ms: int) -> State:
    found = heard.assessment
    danger = state.danger or found.urgency is Urgency.DANGER_NOW
    held = _held(heard)
    known = bool(heard.language) and heard.language != "und" and not (message.control and state.language)
    return replace(
        state,
        turns=state.turns + 1,
        path=_merged(state.path, message.path),
        about_self=state.about_self or found.about_self,
        danger=danger,
        topics=state.topics | {kind.value for kind in found.kinds} | ({VESSEL} if found.vessel else set()),
        language=heard.language if known else state.language,
        alphabet=heard.alphabet if known else state.alphabet,
        answered=state.answered | held,
        unanswered=state.unanswered + 1,
        tip=state.tip or belongs,
        told=state.told or belongs,
        place_known=state.place_known or Asked.PLACE in held,
        today=True if Asked.TODAY in held else state.today,
        first_ms=state.first_ms if state.turns else now_ms,
        last_ms=max(state.last_ms, now_ms),
    )


def _held(heard: Heard) -> frozenset[Asked]:
    """The questions that the words answer by themselves. A machine translation makes no place known; a mere mention is no wish."""
    found = heard.assessment
    place = any(p.of is Of.ORIGINAL and p.regions for p in found.places) if heard.place_known is None else heard.place_known
    told = {
        Asked.PLACE: place,
        Asked.TODAY: found.urgency in (Urgency.DANGER_NOW, Urgency.TIME_CRITICAL),
        Asked.WHO_NOT: any(o.relation is not Relation.MENTIONED and not o.negated for o in found.officials),
        Asked.AGE: any(e.type is EntityType.AGE for e in found.entities),
    }
    return frozenset(question for question, holds in told.items() if holds)


def _merged(old: Path, new: Path) -> Path:
    """What was told of oneself, of a child or of a ship is not unlearned by what comes later."""
    order = (Path.NONE, Path.OTHER, Path.SURVIVOR, Path.CHILD, Path.VESSEL)
    return max(old, new, key=order.index)


def _answered(state: State, asked: Asked | None, message: _Message) -> State:
    """An unclear answer is an answer too: no blame, nothing asked twice. "Not now", or no tip yet, leaves the place for later."""
    if asked is None or state.asking is None:
        return state
    phrase, state = state.asking, replace(state, asking=None)
    later = (phrase in OFFERS_LATER and message.reply == 2) or (phrase in BY_CONDITION and message.reply == 1)
    if later or (asked is Asked.PLACE and not state.told):
        return replace(state, asked=state.asked - {phrase})
    if asked is Asked.PHONE:
        answers = {1: Safety.OWN, 2: Safety.SHARED, 3: Safety.BORROWED}
        state = replace(state, safety=answers.get(message.reply or 0, state.safety))
    if asked is Asked.TODAY and message.reply in (1, 2):
        state = replace(state, today=message.reply == 1)
    return replace(state, answered=state.answered | {asked})


def _choose(state: State, message: _Message, asking: Phrase | None, rested: bool, plan: Plan) -> Phrase:
    if not message.readable:
        return Phrase.KIND_ERROR
    told = _controlled(state, message, asking)
    if told is not None:
        return told
    if message.blank and (rested or not state.told):
        return greeting(state)
    if message.reply is None and not message.telling and (rested or (message.outside and not state.said)):
        return Phrase.F5
    return following(state, awake=plan.awake) if state.told else Phrase.NOT_NOW


def _controlled(state: State, message: _Message, asking: Phrase | None) -> Phrase | None:
    """What a digit asks for by itself."""
    if asking is None or message.reply is None:
        return None
    reply, asked = message.reply, ASKS[asking]
    if reply == 2 and (asked in (Asked.GOOD_TIME, Asked.TELL) or asking in OFFERS_LATER):
        return Phrase.NOT_NOW
    if asked is Asked.TELL:
        who = Phrase.NOT_NOW if Phrase.WHO_WE_ARE in state.said else Phrase.WHO_WE_ARE
        return {0: Phrase.NOT_NOW, 1: Phrase.Q_PLACE, 3: who}.get(reply)
    return Phrase.Q_PLACE if asking in BY_CONDITION and reply == 1 else None


def _spare(state: State, phrase: Phrase, now_ms: int) -> Phrase | None:
    """Closing texts do not nag: after one of them, the next at the sixth message or after an hour."""
    nagging = phrase in SPARING and state.last in SPARING
    return None if nagging and state.unanswered < NAG_EVERY and now_ms - state.said_ms < NAG_MS else phrase


def _said(state: State, phrase: Phrase | None, now_ms: int) -> State:
    if phrase is None:
        return state
    state = replace(state, said=state.said | {phrase}, last=phrase, said_ms=now_ms, unanswered=0)
    if phrase not in ASKS:
        return state
    asked, questions = state.asked | {phrase}, state.questions + 1
    return replace(state, asked=asked, questions=questions, asking=phrase, asking_until_ms=now_ms + EXPIRY_MS)
