"""What our texts may say (R1, R8 of docs/CONVERSATION.md), and in which language (R7)."""

from __future__ import annotations

import re

import pytest

from handlers.conversation import Heard, State, advance
from handlers.phrases import SLOTS, Phrase
from tests.handlers.sittings import CATALOG, PLAN, text_of, words_in
from tests.handlers.transcripts import START_MS, heard
from triage.sensitive import Sensitive

TOPICS = {
    "en": "police traffick slave sex prostitut rescue help victim survivor crime criminal investigat forced child girl woman work boss"
    " danger safe escape passport abuse beat sold sell debt marri kidnap report case tip",
    "es": "polic trata esclav sexo prostitu rescat ayud victima crimen delito investiga forzad niñ muchacha mujer trabaj jefe peligro"
    " segur escap pasaporte abus golpe vend deuda casar secuestr denunci caso",
}
VESSEL_WORDS = {"en": "ship vessel boat captain crew", "es": "barco buque capitan tripula"}


# R1 mirror


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.claim("T19")
def test_r1_our_texts_hold_no_topic_word(language: str) -> None:
    for phrase in Phrase:
        assert words_in(text_of(phrase, language), TOPICS[language]) == [], phrase
        ship = words_in(text_of(phrase, language), VESSEL_WORDS[language])
        assert bool(ship) == (phrase is Phrase.F4), phrase


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
