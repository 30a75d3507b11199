"""R1-R8 of docs/CONVERSATION.md, each under its number, and what holds for every sequence of messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.conversation import EXPIRY_MS, GAP_MS, Heard, Plan, Safety, Say, State, Turn, advance, overtaken, pending
from handlers.phrases import ASKS, SLOTS, Phrase
from tests.handlers.transcripts import FOUND, START_MS, heard
from translations.phrases import Catalog
from triage.sensitive import Sensitive
from triage.tip import Asked

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
    state, _ = advance(asking(Phrase.Q_AGE), heard("nine", "age"), START_MS + 1, PLAN)
    assert state.safety is Safety.UNKNOWN
    assert Asked.AGE in state.answered


@pytest.mark.parametrize(
    ("text", "safety"), [("1", Safety.OWN), ("2", Safety.SHARED), ("3", Safety.BORROWED), ("no", Safety.SHARED), ("yes", Safety.OWN)]
)
def test_r3_the_phone(text: str, safety: Safety) -> None:
    assert advance(asking(Phrase.Q_PHONE), heard(text), START_MS + 1, PLAN)[0].safety is safety


@pytest.mark.parametrize("text", ["0", "4", "my boss sees it", "x"])
def test_r3_a_skipped_or_unclear_phone_stays_unknown(text: str) -> None:
    state, turn = advance(asking(Phrase.Q_PHONE), heard(text), START_MS + 1, PLAN)
    assert (state.safety, Asked.PHONE in state.answered, len(turn.say)) == (Safety.UNKNOWN, True, 1)


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
def test_a_first_message_of_words_is_a_tip_and_a_greeting_is_none(text: str, found: str) -> None:
    state, turn = advance(State(), heard(text, found), START_MS, PLAN)
    assert turn.tip is state.tip is ("hello" not in found.split())
    assert len(turn.say) == 1


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
