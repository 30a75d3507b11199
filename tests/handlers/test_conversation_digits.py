"""R3 of docs/CONVERSATION.md: what 1, 2, 0 and 9 do, in digits and in words, and whose phone it is."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given

from handlers.conversation import EXPIRY_MS, GAP_MS, Plan, Safety, Say, State, advance, pending
from handlers.phrases import ASKS, Phrase
from tests.handlers.sittings import PLAN, Step, asking, patient, play, said, steps, text_of, texts
from tests.handlers.transcripts import START_MS, heard
from triage.tip import Asked

# R3 digits

PUT = [phrase for phrase in Phrase if phrase in ASKS]


@pytest.mark.parametrize("phrase", PUT)
@pytest.mark.parametrize("nine", ["9", " 9. ", "٩", "९", "９"])
def test_r3_nine_is_silence_for_ever_in_every_question(phrase: Phrase, nine: str) -> None:
    state, turn = advance(asking(phrase), heard(nine), START_MS + 1, PLAN)
    assert (turn.say, turn.tip, state.safety, pending(state, START_MS + 1)) == ((), True, Safety.SILENT, None)


@patient
@given(steps, steps)
@pytest.mark.claim("T19")
def test_r3_after_nine_always_silence_and_the_tips_still_come_in(before: list[Step], after: list[Step]) -> None:
    played = play([*before, (heard("9"), 1), *after])[len(before) :]
    assert said(played) == []
    for (_, turn), (message, _) in zip(played[1:], after, strict=True):
        text = message.text.reveal()
        if len(text.split()) > 3 and not message.assessment.greeting:
            assert turn.tip


def test_r3_a_one_digit_age_is_told_apart_from_nine() -> None:
    for text in ("nine", "nueve", "9 years", "tiene 9 años"):
        state, _ = advance(asking(Phrase.Q_AGE), heard(text, "age"), START_MS + 1, PLAN)
        assert state.safety is Safety.UNKNOWN
        assert Asked.AGE in state.answered


@pytest.mark.parametrize("phrase", PUT)
@pytest.mark.parametrize("text", ["9 gracias", "9 stop", "99", "stop", "stop texting me", "ya no escriban el viene"])
def test_r3_silence_is_heard_in_words_too(phrase: Phrase, text: str) -> None:
    state, turn = advance(asking(phrase), heard(text), START_MS + 1, PLAN)
    assert (turn.say, turn.tip, turn.hears, state.safety, state.asking) == ((), True, False, Safety.SILENT, None)
    assert advance(state, heard("hello?"), START_MS + 2, PLAN)[1].say == ()


@pytest.mark.parametrize("text", ["no contesten, el lee mi telefono, estoy encerrada en Puerto Lago", "dont answer he reads my phone"])
def test_r3_a_tip_that_asks_for_silence_is_a_tip(text: str) -> None:
    state, turn = advance(State(), heard(text, "outside"), START_MS, PLAN)
    assert (turn.say, turn.tip, state.safety) == ((), True, Safety.SILENT)


@pytest.mark.parametrize("text", ["nine", "9 gracias", "99", "stop"])
def test_r3_silence_alone_makes_no_case(text: str) -> None:
    state, turn = advance(State(), heard(text), START_MS, PLAN)
    assert (turn.say, turn.tip, state.safety) == ((), False, Safety.SILENT)


NOT_NOW = ["not now please", "no puedo escribir ahora", "cant talk he is here"]


@pytest.mark.parametrize("text", NOT_NOW)
@pytest.mark.parametrize("phrase", [p for p in PUT if ASKS[p] is not Asked.PHONE])
def test_r3_not_now_in_words_and_the_question_comes_later(phrase: Phrase, text: str) -> None:
    state, turn = advance(asking(phrase), heard(text), START_MS + 1, PLAN)
    assert [say.phrase for say in turn.say] == [Phrase.NOT_NOW]
    assert (state.asking, state.today, state.safety) == (None, None, Safety.UNKNOWN)
    assert ASKS[phrase] not in state.answered
    assert phrase not in state.asked or ASKS[phrase] in (Asked.GOOD_TIME, Asked.TELL)


@pytest.mark.parametrize("text", NOT_NOW)
def test_r3_not_now_in_a_first_message_is_met_without_a_question(text: str) -> None:
    _, turn = advance(State(), heard(text, "self danger"), START_MS, PLAN)
    assert turn.tip
    assert turn.say == (Say(Phrase.WAITING, {"time": "Wednesday 14:00"}),)
    _, turn = advance(State(), heard(text, "self danger"), START_MS, Plan("08:00", awake=False))
    assert turn.say == (Say(Phrase.NOBODY_AWAKE, {"time": "08:00"}),)


def test_r3_later_is_a_no_to_does_today_matter() -> None:
    _, turn = advance(asking(Phrase.Q_TODAY), heard("not now"), START_MS + 1, PLAN)
    assert turn.today is False
    assert Phrase.NOT_NOW not in [say.phrase for say in turn.say]


PHONE_SAID = [
    *[(text, Safety.OWN) for text in ("1", "1 si", "uno", "one", "1. only mine", "１")],
    *[(text, Safety.SHARED) for text in ("2", "2 others", "2 otros lo ven", "others see it", "he checks it", "my boss sees it", "dos")],
    *[(text, Safety.BORROWED) for text in ("3", "prestado", "3 prestado", "no es mio, es de mi jefe", "borrowed", "tres", "2 o 3")],
    ("its my bosses phone", Safety.BORROWED),
    *[
        (text, Safety.SHARED)
        for text in ("ok", "dale", "yes", "no", "4", "x", "?", "not now please", "1 no", "1 for all of us", "solo mio")
    ],
    ("0", Safety.UNKNOWN),
    ("0 skip", Safety.UNKNOWN),
]


@pytest.mark.parametrize(("text", "safety"), PHONE_SAID)
@pytest.mark.parametrize("phrase", [Phrase.Q_PHONE, Phrase.F2_PHONE, Phrase.CHILD_PHONE])
@pytest.mark.claim("T19")
def test_r3_the_phone(phrase: Phrase, text: str, safety: Safety) -> None:
    """What is neither a skip nor clear counts as shared."""
    state, turn = advance(asking(phrase), heard(text), START_MS + 1, PLAN)
    assert (state.safety, Asked.PHONE in state.answered, len(turn.say)) == (safety, True, 1)


@patient
@given(texts)
@pytest.mark.claim("T19")
def test_r3_the_phone_is_hers_by_an_explicit_1_alone(text: str) -> None:
    state, _ = advance(asking(Phrase.Q_PHONE), heard(text), START_MS + 1, PLAN)
    assert state.safety is not Safety.OWN or any(unicodedata.digit(c, None) == 1 for c in text)


TOLD_OF_PHONE = [
    ("dont worry he reads my phone", Safety.SHARED),
    ("el lee mi telefono", Safety.SHARED),
    ("no es mi telefono", Safety.BORROWED),
    ("help, this is not my phone", Safety.BORROWED),
]


@pytest.mark.parametrize(("text", "safety"), TOLD_OF_PHONE)
@pytest.mark.parametrize("before", [State(), asking(Phrase.Q_PLACE), replace(asking(Phrase.Q_AGE), safety=Safety.OWN)])
@pytest.mark.claim("T19")
def test_the_phone_told_at_any_time_is_never_taken_back(before: State, text: str, safety: Safety) -> None:
    state, _ = advance(before, heard(text, "self help"), START_MS + 1, PLAN)
    assert (state.safety, Asked.PHONE in state.answered) == (safety, True)
    for later in ("1", "es mio", "my own phone"):
        again = replace(state, asking=Phrase.Q_PHONE, asking_until_ms=START_MS + EXPIRY_MS)
        assert advance(again, heard(later), START_MS + 2, PLAN)[0].safety is safety


# Who hears a waiting answer


def known(safety: Safety, *, self_: bool = True, spoken: bool = True) -> State:
    """One who told something, 1 ms before START_MS + 1."""
    return replace(State(), turns=3, tip=True, told=True, about_self=self_, spoken=spoken, safety=safety, last_ms=START_MS)


@pytest.mark.parametrize("safety", [Safety.SHARED, Safety.UNKNOWN])
@pytest.mark.claim("T19")
def test_a_phone_that_others_may_see_hears_words_of_the_same_sitting_alone(safety: Safety) -> None:
    def hears(text: str, tags: str = "", wait: int = 1, state: State | None = None) -> bool:
        return advance(state or known(safety), heard(text, tags), START_MS + wait, PLAN)[1].hears

    assert hears("did anybody read it?")
    assert hears("I am in Puerto Lago", "place")
    assert not hears("hello", "hello")
    assert not hears("?")
    assert not hears("")
    assert not hears("1")
    assert not hears("I am in Puerto Lago", "place", GAP_MS + 1)
    fresh = advance(known(safety), heard("who is this", "hello"), START_MS + GAP_MS + 1, PLAN)[0]
    for text in ("3", "1", "what is this", "who are you people and why do you write to this number"):
        fresh, turn = advance(fresh, heard(text), START_MS + GAP_MS + 2, PLAN)
        assert not turn.hears, text
    assert hears("she is in Puerto Lago", "place", GAP_MS + 3, fresh)


@pytest.mark.parametrize("safety", [Safety.BORROWED, Safety.SILENT])
@pytest.mark.parametrize("self_", [True, False])
@pytest.mark.claim("T19")
def test_a_borrowed_phone_and_a_silent_one_hear_nothing(safety: Safety, self_: bool) -> None:
    for text, tags in (("I am in Puerto Lago", "place"), ("1", ""), ("hello", "hello")):
        assert not advance(known(safety, self_=self_), heard(text, tags), START_MS + 1, PLAN)[1].hears


@pytest.mark.parametrize("wait", [1, GAP_MS + 1])
@pytest.mark.parametrize("state", [known(Safety.OWN), known(Safety.UNKNOWN, self_=False), known(Safety.OWN, self_=False)])
def test_whose_phone_is_safe_or_who_told_of_others_hears_with_any_message(state: State, wait: int) -> None:
    for text, tags in (("hello", "hello"), ("?", ""), ("I am in Puerto Lago", "place")):
        assert advance(state, heard(text, tags), START_MS + wait, PLAN)[1].hears


@pytest.mark.claim("T19")
def test_an_owner_who_says_that_it_is_his_own_phone_hears_nothing() -> None:
    """A survivor wrote from it without saying whose it is; he asks who this is, hours later, and answers what we ask."""
    state, now_ms = replace(known(Safety.UNKNOWN), answered=frozenset({Asked.PLACE})), START_MS + GAP_MS + 1
    put: list[Asked] = []
    for text, tags in [("who is this", "hello"), ("1", ""), ("I dont know", ""), ("1", ""), ("what do you want", "")]:
        put += [ASKS[state.asking]] if state.asking else []
        state, turn = advance(state, heard(text, tags), now_ms, PLAN)
        assert not turn.hears, text
    assert Asked.PHONE in put
    assert state.safety is Safety.UNKNOWN


def test_the_words_that_tell_of_the_phone_bring_no_answer_themselves() -> None:
    assert not advance(known(Safety.OWN), heard("no es mi telefono"), START_MS + 1, PLAN)[1].hears
    assert not advance(asking(Phrase.Q_PHONE), heard("prestado"), START_MS + 1, PLAN)[1].hears


@pytest.mark.parametrize(("text", "today"), [("1", True), ("2", False), ("3", None), ("0", None), ("perhaps", None), ("no", False)])
def test_r3_today(text: str, today: bool | None) -> None:
    assert advance(asking(Phrase.Q_TODAY), heard(text), START_MS + 1, PLAN)[1].today is today


@pytest.mark.parametrize("phrase", [Phrase.F1, Phrase.F2, Phrase.CHILD_PATH, Phrase.Q_PLACE, Phrase.F5])
def test_r3_two_is_not_now_and_the_place_is_asked_later(phrase: Phrase) -> None:
    state, turn = advance(asking(phrase), heard("2"), START_MS + 1, PLAN)
    assert [say.phrase for say in turn.say] == [Phrase.NOT_NOW]
    again, turn = advance(state, heard("I can write now", "self help"), START_MS + 2 * 60_000, PLAN)
    assert [ASKS.get(say.phrase) for say in turn.say] == [Asked.PLACE]
    assert pending(again, START_MS + 3 * 60_000) is Asked.PLACE


CARRIER = "stop stopall unsubscribe cancel end quit start unstop help info optout revoke alto parar cancelar ayuda fin baja"


@pytest.mark.parametrize("language", ["en", "es"])
def test_r3_no_carrier_word_is_ever_in_our_texts(language: str) -> None:
    for phrase in Phrase:
        words = re.findall(r"\w+", text_of(phrase, language).casefold())
        assert not set(words) & set(CARRIER.split()), phrase
        assert all(words[i - 1] == "1" for i, word in enumerate(words) if word == "yes"), phrase


@pytest.mark.parametrize("language", ["en", "es"])
def test_r3_the_texts_say_which_digits_count(language: str) -> None:
    for phrase in ASKS:
        text = text_of(phrase, language)
        assert "0" in text or "9" in text or phrase is Phrase.F4, phrase
