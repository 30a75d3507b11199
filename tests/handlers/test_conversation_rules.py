"""R1, R2, R4-R6 of docs/CONVERSATION.md, each under its number, and what holds for every sequence of messages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from handlers.conversation import EXPIRY_MS, GAP_MS, Heard, Plan, Safety, Say, State, advance, overtaken, pending
from handlers.phrases import ASKS, SLOTS, Phrase
from handlers.replies import nine, not_now, silence
from tests.handlers.sittings import COLUMN, HOUR, PLAN, Step, asking, languages, patient, play, said, sitting, steps, tags, text_of, texts
from tests.handlers.transcripts import START_MS, heard
from triage.sensitive import Sensitive
from triage.tip import Asked, Urgency


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
