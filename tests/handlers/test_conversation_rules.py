"""R1-R8 of docs/CONVERSATION.md, each under its number, and what holds for every sequence of messages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from handlers.conversation import EXPIRY_MS, GAP_MS, Heard, Plan, Safety, Say, State, Turn, advance, overtaken, pending
from handlers.phrases import ASKS, SLOTS, Phrase
from handlers.replies import nine, not_now, silence
from tests.handlers.transcripts import FOUND, START_MS, heard
from translations.phrases import Catalog
from triage.sensitive import Sensitive
from triage.tip import Asked, Urgency

patient = settings(deadline=None)
PLAN = Plan("Wednesday 14:00", awake=True)
CATALOG = Catalog.load(Phrase)
HOUR = 3_600_000
COLUMN = frozenset({Asked.PHONE, Asked.TODAY, Asked.WHO_NOT, Asked.AGE})

Step = tuple[Heard, int]

TOPICS = {
    "en": "police traffick slave sex prostitut rescue help victim survivor crime criminal investigat forced child girl woman work boss"
    " danger safe escape passport abuse beat sold sell debt marri kidnap report case tip",
    "es": "polic trata esclav sexo prostitu rescat ayud victima crimen delito investiga forzad niñ muchacha mujer trabaj jefe peligro"
    " segur escap pasaporte abus golpe vend deuda casar secuestr denunci caso",
}
VESSEL_WORDS = {"en": "ship vessel boat captain crew", "es": "barco buque capitan tripula"}

texts = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["0", "1", "2", "3", "5", "yes", "no", "", "?", "Puerto Lago", "my sister is in a house and she may not leave it"]),
)
tags = st.lists(st.sampled_from(sorted(FOUND)), max_size=4, unique=True).map(" ".join)
languages = st.sampled_from(["en", "es", "und"])
waits = st.sampled_from([0, 1_000, 60_000, HOUR, GAP_MS, GAP_MS + 1, EXPIRY_MS - 1, EXPIRY_MS, -5_000, 80 * HOUR])
steps = st.lists(st.tuples(st.builds(heard, texts, tags, languages), waits), max_size=14)
plain_waits = st.sampled_from([1_000, 60_000, HOUR])
sitting = st.lists(st.tuples(st.builds(heard, texts, tags, languages), plain_waits), max_size=20)


def play(told: Iterable[Step], state: State | None = None, now_ms: int = START_MS) -> list[tuple[State, Turn]]:
    """The state after each turn."""
    state, played = state or State(), []
    for message, wait in told:
        now_ms += wait
        state, turn = advance(state, message, now_ms, PLAN)
        played.append((state, turn))
    return played


def said(played: Sequence[tuple[State, Turn]]) -> list[Phrase]:
    return [say.phrase for _, turn in played for say in turn.say]


def text_of(phrase: Phrase, language: str) -> str:
    longest = {"en": "Wednesday 14:00", "es": "miércoles, 14:00"}[language]
    return CATALOG.say(phrase, language, "Latn", dict.fromkeys(SLOTS.get(phrase, ()), longest))


def words_in(text: str, stems: str) -> list[str]:
    return [stem for stem in stems.split() if re.search(rf"\b{stem}", text.casefold())]


# R1 mirror


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.claim("T19")
def test_r1_our_texts_hold_no_topic_word(language: str) -> None:
    for phrase in Phrase:
        assert words_in(text_of(phrase, language), TOPICS[language]) == [], phrase
        ship = words_in(text_of(phrase, language), VESSEL_WORDS[language])
        assert bool(ship) == (phrase is Phrase.F4), phrase


@patient
@given(steps)
@pytest.mark.claim("T19")
def test_r1_a_ship_is_named_only_after_the_source_named_one(told: list[Step]) -> None:
    for index, (_, turn) in enumerate(play(told)):
        if any(say.phrase is Phrase.F4 for say in turn.say):
            assert any(message.assessment.vessel for message, _ in told[: index + 1])


# R2 strangers

BORROWED = replace(State(), turns=5, safety=Safety.BORROWED, tip=True, told=True, sealed=True, last_ms=START_MS - 3 * HOUR, danger=True)


@patient
@given(
    sitting,
    st.sampled_from([Safety.SHARED, Safety.BORROWED]),
    st.frozensets(st.sampled_from(Phrase)),
    st.frozensets(st.sampled_from(Asked)),
)
@pytest.mark.claim("T19")
def test_r2_on_a_shared_phone_a_gap_makes_a_stranger(
    told: list[Step], safety: Safety, asked: frozenset[Phrase], answered: frozenset[Asked]
) -> None:
    known = replace(BORROWED, safety=safety, asked=asked, answered=answered, asking=Phrase.Q_WHO, asking_until_ms=START_MS + 10 * HOUR)
    assert said(play(told, known)) == said(play(told))


@patient
@given(st.lists(st.sampled_from(["hi", "0", "1", "2", "3", "?"]), min_size=1, max_size=8), steps)
@pytest.mark.claim("T19")
def test_r2_whoever_says_nothing_of_his_own_hears_what_a_stranger_hears(small: list[str], before: list[Step]) -> None:
    """Without a question open, whatever was told before."""
    told: list[Step] = [(heard(text, "hello" if text == "hi" else "outside"), 60_000) for text in ["hi", *small]]
    history = play(before)
    state = history[-1][0] if history else State()
    if state.safety is not Safety.SILENT:
        assert said(play(told, state, state.last_ms + EXPIRY_MS + GAP_MS)) == said(play(told))


# R3 digits

PUT = [phrase for phrase in Phrase if phrase in ASKS]


def asking(phrase: Phrase) -> State:
    return replace(
        State(),
        turns=1,
        tip=True,
        told=True,
        asking=phrase,
        asked=frozenset({phrase}),
        said=frozenset({phrase}),
        last=phrase,
        questions=1,
        asking_until_ms=START_MS + EXPIRY_MS,
        last_ms=START_MS,
    )


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


# R4 order


@patient
@given(sitting)
def test_r4_the_place_is_the_first_question_of_a_case(told: list[Step]) -> None:
    known = False
    put: list[Asked] = []
    for (_, turn), (message, _) in zip(play(told), told, strict=True):
        known = known or any(place.of.value == "original" for place in message.assessment.places)
        asked = [ASKS[say.phrase] for say in turn.say if say.phrase in ASKS]
        if set(asked) & COLUMN and not known:
            assert Asked.PLACE in put
        put += asked


@patient
@given(steps)
def test_r4_no_question_a_second_time(told: list[Step]) -> None:
    """But the place after "not now", and after a greeting that told nothing; and a phone that may be in other hands starts anew."""
    played = play(told)
    if not {state.safety for state, _ in played} & {Safety.SHARED, Safety.BORROWED}:
        put = [ASKS[phrase] for phrase in said(played) if phrase in ASKS]
        assert all(put.count(question) <= 1 for question in COLUMN | {Asked.GOOD_TIME})


@patient
@given(sitting)
def test_r4_six_questions_at_most_in_one_sitting(told: list[Step]) -> None:
    assert len([phrase for phrase in said(play(told)) if phrase in ASKS]) <= 6


@patient
@given(sitting)
def test_r4_no_question_whose_answer_the_words_held(told: list[Step]) -> None:
    held: set[Asked] = set()
    for (_, turn), (message, _) in zip(play(told), told, strict=True):
        if message.assessment.entities:
            held.add(Asked.AGE)
        if any(o.relation.value == "protector" for o in message.assessment.officials):
            held.add(Asked.WHO_NOT)
        assert not {ASKS.get(say.phrase) for say in turn.say} & held


@patient
@given(sitting)
def test_r4_in_danger_only_place_and_phone(told: list[Step]) -> None:
    played = play([(heard("he will kill me", "self danger"), 0), *told])
    assert not {ASKS.get(phrase) for phrase in said(played)} & {Asked.TODAY, Asked.WHO_NOT, Asked.AGE}


def test_r4_a_country_is_too_wide_when_the_router_says_so() -> None:
    wide = replace(heard("people are held there", "kind place"), place_known=False)
    assert said(play([(wide, 0)])) == [Phrase.F3]
    assert said(play([(replace(wide, place_known=True), 0)])) == [Phrase.F3_TODAY]


# R5 automatic, and when


@patient
@given(sitting.filter(bool))
def test_r5_the_first_text_says_that_it_is_automatic(told: list[Step]) -> None:
    first = said(play(told))[:1]
    assert all("utomatic" in text_of(phrase, language) for phrase in first for language in ("en", "es"))


def test_r5_the_time_comes_from_the_plan() -> None:
    everything = heard("they are held there", "kind place soon protector age")
    _, turn = advance(State(), everything, START_MS, PLAN)
    assert turn.say == (Say(Phrase.F3_WAITING, {"time": "Wednesday 14:00"}),)
    _, turn = advance(asking(Phrase.Q_AGE), everything, START_MS + 1, Plan("08:00", awake=False))
    assert turn.say == (Say(Phrase.F3_WAITING, {"time": "08:00"}),)


def test_r5_nobody_awake_is_said() -> None:
    _, turn = advance(asking(Phrase.Q_AGE), heard("help me", "self danger place"), START_MS + 1, PLAN)
    state, _ = advance(asking(Phrase.Q_AGE), heard("help me", "self danger place"), START_MS + 1, PLAN)
    assert [ASKS.get(say.phrase) for say in turn.say] == [Asked.PHONE]
    _, turn = advance(state, heard("1"), START_MS + 2, Plan("08:00", awake=False))
    assert turn.say == (Say(Phrase.NOBODY_AWAKE, {"time": "08:00"}),)


# R6 one in flight, questions expire


@patient
@given(steps)
def test_r6_one_text_at_most(told: list[Step]) -> None:
    for _, turn in play(told):
        assert len(turn.say) <= 1
        assert all(say.slots.keys() == SLOTS.get(say.phrase, frozenset()) for say in turn.say)


@pytest.mark.parametrize(("wait", "open_"), [(0, True), (EXPIRY_MS - 1, True), (EXPIRY_MS, False)])
def test_r6_a_question_expires(wait: int, open_: bool) -> None:
    state, _ = advance(State(), heard("they hold people", "kind"), START_MS, PLAN)
    assert (pending(state, START_MS + wait) is Asked.PLACE) is open_


@patient
@given(steps, st.builds(heard, texts, tags, languages), st.builds(heard, texts, tags, languages))
def test_r6_what_was_overtaken_is_as_if_it_had_not_been_said(before: list[Step], first: Heard, second: Heard) -> None:
    """A greeting and then the tip, before our answer left: the tip gets the text that the tip deserves."""
    history = play(before)
    state = history[-1][0] if history else State()
    after, turn = advance(state, first, START_MS + 99 * HOUR, PLAN)
    back = overtaken(after)
    assert overtaken(back) == back
    if turn.say and turn.say[0].phrase in ASKS:
        phrase = turn.say[0].phrase
        assert pending(back, START_MS + 99 * HOUR) is None
        assert phrase not in back.asked | back.said
        assert back.questions == after.questions - 1
    again = advance(back, second, START_MS + 99 * HOUR + 1, PLAN)[1]
    assert len(again.say) <= 1


def test_r6_a_tip_overtakes_our_greeting() -> None:
    state, _ = advance(State(), heard("hi", "hello"), START_MS, PLAN)
    _, turn = advance(overtaken(state), heard("my sister is locked in", "kind"), START_MS + 1_000, PLAN)
    assert [say.phrase for say in turn.say] == [Phrase.F3]


def test_r6_closing_texts_do_not_nag() -> None:
    told = [(heard("they hold people", "kind place soon protector age"), 0), *[(heard("and one word more"), 60_000)] * 14]
    assert said(play(told)) == [Phrase.F3_WAITING, Phrase.ENOUGH, Phrase.ENOUGH, Phrase.ENOUGH]
    slow = [(heard("they hold people", "kind place soon protector age"), 0), *[(heard("and one word more"), HOUR)] * 3]
    assert said(play(slow)) == [Phrase.F3_WAITING, Phrase.ENOUGH, Phrase.ENOUGH, Phrase.ENOUGH]


# R7 language


def test_r7_their_language_and_a_digit_does_not_change_it() -> None:
    state, _ = advance(State(), Heard(Sensitive("me tienen encerrada"), heard("", "self").assessment, "es", "Latn"), START_MS, PLAN)
    state, _ = advance(state, heard("1", language="en"), START_MS + 1, PLAN)
    assert (state.language, state.alphabet) == ("es", "Latn")
    state, _ = advance(state, heard("...", language="und"), START_MS + 2, PLAN)
    assert state.language == "es"
    state, _ = advance(state, heard("I can write English too", language="en"), START_MS + 3, PLAN)
    assert state.language == "en"


@pytest.mark.parametrize(("language", "alphabet"), [("es", "Latn"), ("es-419", "Latn"), ("es", "Arab")])
def test_r7_spanish_in_spanish(language: str, alphabet: str) -> None:
    assert CATALOG.say(Phrase.ENOUGH, language, alphabet, {}) == text_of(Phrase.ENOUGH, "es")


@pytest.mark.parametrize("language", ["", "und", "sw", "x"])
def test_r7_english_where_there_is_nothing_nearer(language: str) -> None:
    assert CATALOG.say(Phrase.ENOUGH, language, "Latn", {}) == text_of(Phrase.ENOUGH, "en")


# R8 short

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("^{}\\[~]|€\f")
ANSWERS = frozenset({Phrase.ANSWER_TRANSLATED, Phrase.ANSWER_PLAIN, Phrase.ANSWER_SAME})


def septets(text: str) -> int | None:
    """Length in GSM-7 (3GPP TS 23.038); None when it is not GSM-7."""
    if not set(text) <= BASIC | EXTENDED:
        return None
    return len(text) + sum(character in EXTENDED for character in text)


@pytest.mark.parametrize(("text", "length"), [("abc", 3), ("€{", 4), ("ñ¿é", 3), ("á", None), ("\u2019", None)])
def test_septets(text: str, length: int | None) -> None:
    assert septets(text) == length


@pytest.mark.parametrize("phrase", sorted(set(Phrase) - ANSWERS))
def test_r8_one_segment_in_english_two_in_spanish(phrase: Phrase) -> None:
    english, spanish = septets(text_of(phrase, "en")), septets(text_of(phrase, "es"))
    assert english is not None
    assert english <= 160
    assert spanish is not None
    assert spanish <= 306


@pytest.mark.parametrize("phrase", sorted(ANSWERS))
@pytest.mark.parametrize("language", ["en", "es"])
def test_r8_the_frame_of_an_answer_stays_gsm(phrase: Phrase, language: str) -> None:
    frame = CATALOG.say(phrase, language, "Latn", dict.fromkeys(SLOTS[phrase], ""))
    length = septets(frame)
    assert length is not None
    assert length <= 100


BLAME = {
    "en": ["why", "should", "wrong", "error", "invalid", "you must", "we will find", "we promise"],
    "es": ["por que", "debe usted", "tiene que", "error", "invalido", "prometemos"],
}


@pytest.mark.parametrize("language", ["en", "es"])
def test_r8_no_blame_no_why_no_promise(language: str) -> None:
    for phrase in Phrase:
        text = text_of(phrase, language).casefold()
        assert not [word for word in BLAME[language] if re.search(rf"\b{word}\b", text)], phrase


# And always


@patient
@given(steps)
def test_total_deterministic_and_json_in_between(told: list[Step]) -> None:
    once, now_ms, state = play(told), START_MS, State()
    for (message, wait), (wanted, turn) in zip(told, once, strict=True):
        now_ms += wait
        state, again = advance(State.from_json(state.to_json()), message, now_ms, PLAN)
        assert (state, again) == (wanted, turn)


@patient
@given(steps)
def test_no_words_of_the_source_are_kept(told: list[Step]) -> None:
    marked = [(replace(message, text=Sensitive(message.text.reveal() + " Xylophone77")), wait) for message, wait in told]
    assert all("Xylophone77" not in repr(state) + repr(turn) for state, turn in play(marked))


@patient
@given(st.text(st.characters(categories=["L"]), min_size=2, max_size=80), tags)
def test_a_first_message_of_words_is_a_tip_and_a_greeting_or_what_is_not_ours_is_none(text: str, found: str) -> None:
    assume(not (nine(text) or silence(text) or not_now(text)))  # a word to the line: hypothesis finds them
    message = heard(text, found)
    state, turn = advance(State(), message, START_MS, PLAN)
    what = message.assessment
    outside = what.urgency is Urgency.SPAM or (what.urgency is Urgency.OUT_OF_SCOPE and bool(what.reasons))
    not_ours = outside and not set(found.split()) - {"spam", "outside", "wordless", "help", "danger", "soon", "wish"}
    assert turn.tip is state.tip is not ("hello" in found.split() or not_ours)
    assert len(turn.say) == 1


@pytest.mark.parametrize("found", ["spam", "outside"])
def test_what_is_not_ours_is_asked_back_first_and_belongs_to_the_case_if_a_tip_follows(found: str) -> None:
    state, turn = advance(State(), heard("Hi Anna bring the keys", found), START_MS, PLAN)
    assert ([say.phrase for say in turn.say], turn.tip, state.tip) == ([Phrase.F5], False, False)
    after, turn = advance(state, heard("my sister is locked in", "kind"), START_MS + 1, PLAN)
    assert turn.tip
    assert advance(after, heard("Hi Anna", found), START_MS + 2, PLAN)[1].tip
    assert advance(state, heard("I am afraid to tell", found), START_MS + 1, PLAN)[1].tip, "words in answer are a tip"


@pytest.mark.parametrize("evidence", ["place", "name", "age", "kind", "child", "mentioned", "self", "vessel"])
@pytest.mark.parametrize("found", ["spam", "outside"])
def test_any_evidence_makes_a_tip_of_what_looks_like_none(found: str, evidence: str) -> None:
    assert advance(State(), heard("earn 500 a day", f"{found} {evidence}"), START_MS, PLAN)[1].tip


def test_a_text_without_a_word_that_triage_knows_is_a_tip() -> None:
    assert advance(State(), heard("\U0001f642", "wordless"), START_MS, PLAN)[1].tip


@pytest.mark.parametrize(("found", "held_"), [("mentioned wish", True), ("name wish", True), ("mentioned", False), ("wish", False)])
def test_r4_who_must_not_hear_of_it_is_not_asked_of_one_who_said_it(found: str, held_: bool) -> None:
    state, _ = advance(State(), heard("they keep girls there, the police must not know", f"kind {found}"), START_MS, PLAN)
    assert (Asked.WHO_NOT in state.answered) is held_


@pytest.mark.parametrize("text", ["1", "0", "9", "?", "", " ", "\ufffd"])
def test_a_digit_or_a_mark_is_no_tip(text: str) -> None:
    state, turn = advance(State(), heard(text, "outside"), START_MS, PLAN)
    assert not turn.tip
    assert not state.tip


@patient
@given(sitting)
def test_settled_when_place_and_who_are_answered(told: list[Step]) -> None:
    for state, turn in play(told):
        assert turn.settled == ({Asked.PLACE, Asked.WHO_NOT} <= state.answered)
        if turn.settled:
            assert state.settled
