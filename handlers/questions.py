"""Which text comes next: the columns of questions, the first answers and the closings. Pure tables, and three functions that read them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from handlers.phrases import ASKS, Phrase
from handlers.state import Path, State
from triage.tip import Asked

MOST = 6
"""Questions in one sitting."""
SURVIVOR_COLUMN = (Asked.PLACE, Asked.PHONE, Asked.TODAY, Asked.WHO_NOT, Asked.AGE)
OTHER_COLUMN = (Asked.PLACE, Asked.TODAY, Asked.WHO_NOT, Asked.AGE)
IN_DANGER = frozenset({Asked.PLACE, Asked.PHONE})
"""Nothing else is asked of a person in danger: every further text is one more on the phone."""

QUESTIONS: Mapping[Asked, Phrase] = MappingProxyType(
    {
        Asked.PLACE: Phrase.Q_PLACE,
        Asked.PHONE: Phrase.Q_PHONE,
        Asked.TODAY: Phrase.Q_TODAY,
        Asked.WHO_NOT: Phrase.Q_WHO,
        Asked.AGE: Phrase.Q_AGE,
    }
)
OPENINGS: Mapping[Path, Mapping[Asked | None, Phrase]] = MappingProxyType(
    {
        Path.NONE: {Asked.PLACE: Phrase.F1, Asked.PHONE: Phrase.F1},
        Path.SURVIVOR: {Asked.PLACE: Phrase.F2, Asked.PHONE: Phrase.F2_PHONE},
        Path.CHILD: {Asked.PLACE: Phrase.CHILD_PATH, Asked.PHONE: Phrase.CHILD_PHONE},
        Path.OTHER: {
            Asked.PLACE: Phrase.F3,
            Asked.TODAY: Phrase.F3_TODAY,
            Asked.WHO_NOT: Phrase.F3_WHO,
            Asked.AGE: Phrase.F3_AGE,
            None: Phrase.F3_WAITING,
        },
        Path.VESSEL: {},
    }
)
"""The first text of a path, with the first question that the words leave open. F4 asks for more than a place: it does not hang on one."""
HELLO = frozenset(
    {Phrase.F1, Phrase.F2, Phrase.F2_PHONE, Phrase.F4, Phrase.F5, *OPENINGS[Path.OTHER].values(), *OPENINGS[Path.CHILD].values()}
)
CLOSINGS = frozenset({Phrase.WAITING, Phrase.NOBODY_AWAKE, Phrase.F3_WAITING})


def column(state: State) -> tuple[Asked, ...]:
    """Who tells nothing of himself is asked as a survivor would be: the careful order."""
    others = state.path is Path.OTHER or (state.path is Path.VESSEL and not state.about_self)
    order = OTHER_COLUMN if others else SURVIVOR_COLUMN
    return tuple(question for question in order if question in IN_DANGER) if state.danger else order


def following(state: State, *, awake: bool) -> Phrase:
    """The next question with its first answer, or a closing text when nothing is left to ask."""
    question = _open_question(state)
    if state.path is Path.VESSEL and Phrase.F4 not in state.asked and state.questions < MOST:
        return Phrase.F4
    opening = OPENINGS[state.path].get(question)
    if opening is not None and _opens(state):
        return opening
    if question is not None:
        return QUESTIONS[question]
    if state.said & CLOSINGS:
        return Phrase.ENOUGH
    return closing(awake=awake)


def closing(*, awake: bool) -> Phrase:
    return Phrase.WAITING if awake else Phrase.NOBODY_AWAKE


def greeting(state: State) -> Phrase:
    """To a greeting, "who is this", or nothing of its own: the same for everybody, whatever was said before (R2)."""
    if Phrase.F5 not in state.said:
        return Phrase.F5
    return Phrase.NOT_NOW if Phrase.WHO_WE_ARE in state.said else Phrase.WHO_WE_ARE


def _open_question(state: State) -> Asked | None:
    if state.questions >= MOST:
        return None
    put = {ASKS[phrase] for phrase in state.asked}
    return next((question for question in column(state) if question not in put | state.answered), None)


def _opens(state: State) -> bool:
    """A path is opened once a sitting. F2 greets, so it comes only first; the others say something that their path needs to hear."""
    if state.path in (Path.NONE, Path.SURVIVOR):
        return not state.said & HELLO and not (state.path is Path.NONE and Phrase.F1 in state.asked)
    return not state.said & set(OPENINGS[state.path].values())
