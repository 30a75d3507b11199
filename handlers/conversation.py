"""The conversation with a source, as a pure function: what was remembered and what was just heard in, what we say and remember out.

Rules R1-R8, the order of the questions and a drawing are in docs/CONVERSATION.md. Nothing here reads a clock, a store or a catalog.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from handlers.hearing import Heard, Message, held, phone_of, read
from handlers.phrases import ASKS, SLOTS, Phrase
from handlers.questions import closing, following, greeting
from handlers.state import Path, Safety, State, StateError
from sealing.rows import HOUR_MS
from triage.tip import Asked, Control, Urgency

__all__ = ["Heard", "Path", "Plan", "Safety", "Say", "State", "StateError", "Turn", "advance", "overtaken", "pending"]

GAP_MS = 2 * HOUR_MS
"""After it, whoever writes may be somebody else."""
EXPIRY_MS = 24 * HOUR_MS
NAG_MS = HOUR_MS
NAG_EVERY = 6
"""A closing text is repeated at most with every sixth message, or after an hour."""

OFFERS_LATER = frozenset({Phrase.F2, Phrase.CHILD_PATH, Phrase.Q_PLACE})
"""Questions for the place to which 2 says "not now"."""
BY_CONDITION = frozenset({Phrase.F2, Phrase.CHILD_PATH})
"""And to which 1 says "yes, now", without the place."""
SPARING = frozenset({Phrase.ENOUGH, Phrase.NOT_NOW, Phrase.KIND_ERROR})
VESSEL = "vessel"
CAREFUL = tuple(Safety)
"""From the least to the most careful: what was said of a phone is never taken back, since the next writer may be its owner."""


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
    """`say`: nothing or one text (R6). `tip`: this message belongs to a case. `settled`: seal now. `today`: does today matter?
    `hears`: a reader's answer that waits may go to this phone now."""

    say: tuple[Say, ...]
    tip: bool
    settled: bool
    today: bool | None
    hears: bool


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
    state = _careful(state, phone_of(heard))
    open_question = pending(state, now_ms)
    asked = open_question if not heard.aside and heard.control is None else None
    gap, stranger = _rested(state, now_ms), _stranger(state, now_ms)
    message = read(heard, asked)
    state = state if heard.aside else _sit(state, now_ms, keep=open_question is not None)
    belongs = _belongs(state, message, asked)
    state = _learn(state, heard, message, belongs, now_ms)
    if message.silent:
        state = replace(state, safety=Safety.SILENT, asking=None)
    if state.safety is Safety.SILENT:
        return state, Turn((), belongs, state.settled, state.today, hears=False)
    if heard.aside:
        return state, Turn((), belongs, state.settled, state.today, hears=False)
    asking = state.asking
    if message.readable:
        state = _answered(state, asked, message)
    phrase = _spare(state, _choose(state, heard, message, asking, gap and not stranger, plan), now_ms)
    say = () if phrase is None else (Say(phrase, {"time": plan.read_by} if phrase in SLOTS else {}),)
    hears = _hears(state, new=gap or not belongs)
    return _said(state, phrase, now_ms), Turn(say, belongs, state.settled, state.today, hears)


def _careful(state: State, told: Safety) -> State:
    return replace(state, safety=max(state.safety, told, key=CAREFUL.index))


def _hears(state: State, *, new: bool) -> bool:
    """Whether a reader's answer that waits may go out with this message. `new`: a greeting, nothing of one's own, or after a gap.

    A phone that others see, or a survivor's of which nobody said whose it is, hears only in a sitting in which something about a case was
    told: neither "hello" nor "who is this" brings the answer. To a borrowed phone, and after 9, none goes.
    """
    if state.safety in (Safety.BORROWED, Safety.SILENT):
        return False
    if state.safety is Safety.SHARED or (state.safety is Safety.UNKNOWN and state.about_self):
        return state.spoken and not new
    return True


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
        return replace(state, told=False, spoken=False, said=frozenset(), last=None, questions=0, unanswered=0, asking=asking)
    return replace(state, asking=asking)


def _belongs(state: State, message: Message, asked: Asked | None) -> bool:
    """A greeting and marks alone hold nothing for a reader, nor does "yes, now is good". A bare reply does when it answers within a tip.
    What is not ours makes no case before we have asked back; it is kept, and belongs to the case if one follows."""
    if message.reply is None:
        alone = message.empty and not (state.tip or state.said or state.safety is Safety.SILENT)
        return message.readable and not message.blank and not alone
    if message.silent:
        return state.tip
    invited = asked in (None, Asked.GOOD_TIME, Asked.TELL) or (state.asking in state.said and not state.told)
    return state.tip and not invited


def _learn(state: State, heard: Heard, message: Message, belongs: bool, now_ms: int) -> State:
    """What is aside opens and prolongs no sitting: whoever has the phone now did not write it now."""
    found = heard.assessment
    danger = state.danger or found.urgency is Urgency.DANGER_NOW
    answered = held(heard)
    tells = message.reply is None and not (message.empty and not state.said)  # a digit or a mark alone betrays no earlier tip (R2)
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
        answered=state.answered | answered,
        unanswered=state.unanswered + 1,
        tip=state.tip or belongs,
        told=state.told or (belongs and tells and not heard.aside),
        spoken=state.spoken or (belongs and message.spoken and not heard.aside),
        place_known=state.place_known or Asked.PLACE in answered,
        today=True if Asked.TODAY in answered else state.today,
        first_ms=state.first_ms if state.turns else now_ms,
        last_ms=state.last_ms if heard.aside else max(state.last_ms, now_ms),
    )


def _merged(old: Path, new: Path) -> Path:
    """What was told of oneself, of a child or of a ship is not unlearned by what comes later."""
    order = (Path.NONE, Path.OTHER, Path.SURVIVOR, Path.CHILD, Path.VESSEL)
    return max(old, new, key=order.index)


def _answered(state: State, asked: Asked | None, message: Message) -> State:
    """An unclear answer is an answer too: no blame, nothing asked twice. "Not now", or no tip yet, leaves the question for later. Only of
    the phone even "not now" is an answer, since what is not clear there counts as shared."""
    if asked is None or state.asking is None:
        return state
    phrase, state = state.asking, replace(state, asking=None)
    if asked is Asked.PHONE:
        owners = message.phone is Safety.OWN and state.about_self and not state.spoken  # after a gap: "it is mine" may be the owner's word
        state = state if owners else _careful(state, message.phone)
        return replace(state, answered=state.answered | {asked})
    later = message.later or (phrase in OFFERS_LATER and message.reply == 2) or (phrase in BY_CONDITION and message.reply == 1)
    if later or (asked is Asked.PLACE and not state.told):
        return replace(state, asked=state.asked - {phrase})
    if asked is Asked.TODAY and message.reply in (1, 2):
        state = replace(state, today=message.reply == 1)
    return replace(state, answered=state.answered | {asked})


def _choose(state: State, heard: Heard, message: Message, asking: Phrase | None, rested: bool, plan: Plan) -> Phrase:
    if not message.readable:
        return Phrase.KIND_ERROR
    told = Phrase.COMMANDS if heard.control is Control.HELP else _controlled(state, message, asking)
    if told is not None:
        return told
    if message.later and (state.said or state.told):
        return Phrase.NOT_NOW if state.said else closing(awake=plan.awake)
    if message.blank and (rested or not state.told):
        return greeting(state)
    if message.reply is None and not message.telling and (rested or (message.outside and not state.said)):
        return Phrase.F5
    return following(state, awake=plan.awake) if state.told else Phrase.NOT_NOW


def _controlled(state: State, message: Message, asking: Phrase | None) -> Phrase | None:
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
