"""Bare answers: digits of every script, yes and no, and what is not one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.replies import digit, nine, not_now, phone_answer, phone_told, readable, silence, wordless, yes_or_no
from handlers.state import Safety

patient = settings(deadline=None)


@pytest.mark.parametrize(
    "text", ["1", " 1 ", "1.", "1)", "(1)", "1!", "\u0661", "\u0967", "\uff11", "1\ufe0f\u20e3", "\u200f1\u200f", "\u2460"]
)
def test_a_one_is_a_one(text: str) -> None:
    assert digit(text) == 1


@pytest.mark.parametrize("text", ["", " ", "12", "1 2", "one", "1 girl", "9 years", "nine", "1/2", "1" * 40, "1" + " " * 40, "?"])
def test_what_is_not_one_digit(text: str) -> None:
    assert digit(text) is None


@patient
@given(st.characters(categories=["Nd"]), st.text(st.characters(categories=("Zs", "Po", "Cc", "Cf", "Mn")), max_size=10))
def test_every_decimal_of_unicode(character: str, around: str) -> None:
    assert digit(around + character + around) == unicodedata.decimal(character)


@pytest.mark.parametrize(("text", "said"), [("Yes", 1), ("y", 1), ("SÍ", 1), ("si.", 1), ("1 yes", 1), ("1. sí", 1), ("Ok!", 1)])
def test_yes(text: str, said: int) -> None:
    assert yes_or_no(text) == said


@pytest.mark.parametrize(
    ("text", "said"), [("No", 2), ("n", 2), ("not now", 2), ("2 not now", 2), ("ahora no", 2), ("2, no", 2), ("Después", 2)]
)
def test_no(text: str, said: int) -> None:
    assert yes_or_no(text) == said


@pytest.mark.parametrize("text", ["", "no my boss has it", "2 girls", "1 no", "2 yes", "9 yes", "yes " * 20, "3 no"])
def test_neither(text: str) -> None:
    assert yes_or_no(text) is None


@pytest.mark.parametrize("text", ["", " \n\t", "\ufffd\ufffd", "\x00\u200b", "\ud83d"])
def test_unreadable(text: str) -> None:
    assert not readable(text)


@pytest.mark.parametrize("text", ["?", "a", "\U0001f198", "١", "..."])
def test_readable(text: str) -> None:
    assert readable(text)


def test_an_emoji_says_something_and_a_mark_does_not() -> None:
    assert wordless("?!")
    assert not wordless("\U0001f198")
    assert not wordless("ሰላም")
    assert wordless("\ufffd")


@pytest.mark.parametrize(
    "text", ["9", "9 gracias", "9 stop", "nine", "nueve", "99", "9. thanks!", "９ por favor", "9 9", "stop", "Silencio."]
)
def test_a_nine_with_courtesy_is_a_nine(text: str) -> None:
    assert nine(text)


@pytest.mark.parametrize(
    "text", ["", "?", "9 girls", "nine girls", "9 years", "9 de Julio", "9 años", "9 km", "19", "999", "stop the boss"]
)
def test_a_nine_with_something_else_is_not(text: str) -> None:
    assert not nine(text)


SILENCING = """
no me escriban mas
ya no escriban el viene
stop texting me
no contesten, el lee mi telefono y estoy encerrada
please do not reply to this
dont answer he reads my phone
Don't text me
he reads my phone dont answer
el lee mi telefono no contesten
No me escriba más!!
Por favor, ya no me escriban
no respondan a este numero
dejen de escribirme
por favor no me mande mensajes
quiero que no me escriban
no escrivan
no more texts
do not contact me again
dont answer he reads my phone. locked in
""".strip().splitlines()
NOT_SILENCING = """
they dont answer me
my sister does not answer
police do not answer
he said: dont text me or I kill you
they told me dont text anyone
he wont stop texting me
dont contact the police they are corrupt
do not answer the door
dont write my name
please stop them
ella no contesta
no responde
le dije que no le escriba
me dijo que no escriba a nadie
no escriban mi nombre
no contesten al hombre
no deja de escribirme
no me deja escribir
""".strip().splitlines()


@pytest.mark.parametrize("text", SILENCING)
def test_silence_asked_for_in_words(text: str) -> None:
    assert silence(text)


@pytest.mark.parametrize("text", NOT_SILENCING)
def test_others_who_do_not_answer_are_no_wish_for_silence(text: str) -> None:
    assert not silence(text)


@pytest.mark.parametrize(
    "text",
    [
        "not now please",
        "no puedo escribir ahora",
        "cant talk he is here",
        "Not now",
        "ahora no",
        "ahora no puedo",
        "I can't write now",
        "no puedo hablar, viene",
        "later",
        "it is not a good time",
        "no es buen momento",
    ],
)
def test_not_now(text: str) -> None:
    assert not_now(text)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "2",
        "I cant talk to anyone",
        "she cant leave now",
        "no puedo hablar con mi familia",
        "no puedo salir ahora",
        "see you later",
        "not now but tomorrow they move her",
    ],
)
def test_what_is_not_a_not_now(text: str) -> None:
    assert not not_now(text)


@pytest.mark.parametrize(
    "text",
    [
        "no es mi telefono",
        "this is not my phone",
        "its my bosses phone",
        "I borrowed this phone",
        "estoy en un telefono prestado",
        "este celular es de mi prima",
        "im using a friends phone",
        "this is my neighbor's phone",
        "me prestaron el celular",
    ],
)
def test_a_phone_told_to_be_borrowed(text: str) -> None:
    assert phone_told(text) is Safety.BORROWED


@pytest.mark.parametrize(
    "text",
    [
        "dont answer he reads my phone",
        "el lee mi telefono",
        "he checks my phone every night",
        "me revisan el celular",
        "phone is not safe",
        "they see my messages",
        "my husband reads my texts",
        "mi jefe ve mis mensajes",
        "compartimos el telefono",
    ],
)
def test_a_phone_told_to_be_seen_by_others(text: str) -> None:
    assert phone_told(text) is Safety.SHARED


@pytest.mark.parametrize(
    "text",
    [
        "he took my phone",
        "my boss has borrowed money",
        "le prestaron dinero",
        "the others see nothing",
        "i check my phone",
        "call my number",
        "its my own phone",
        "this is my phone",
        "this is my cell phone",
        "el telefono de mi jefe es 555",
        "his phone number is 555",
        "",
    ],
)
def test_a_text_that_tells_nothing_of_its_phone(text: str) -> None:
    assert phone_told(text) is Safety.UNKNOWN


@pytest.mark.parametrize(
    ("text", "safety"),
    [
        ("no es mio", Safety.BORROWED),
        ("not mine", Safety.BORROWED),
        ("de un amigo", Safety.BORROWED),
        ("2 or 3", Safety.BORROWED),
        ("1 pero es de mi jefe", Safety.BORROWED),
        ("1 o 2", Safety.SHARED),
        ("es de todos", Safety.SHARED),
        ("1 phone for all of us", Safety.SHARED),
        ("1 sí, solo mío", Safety.OWN),
        ("١", Safety.OWN),
        ("0 saltar", Safety.UNKNOWN),
        ("0 pero el lo ve", Safety.SHARED),
    ],
)
def test_the_more_careful_answer_counts(text: str, safety: Safety) -> None:
    assert phone_answer(text) is safety


@patient
@given(st.text())
def test_the_readers_of_words_are_total(text: str) -> None:
    assert phone_answer(text) in Safety
    assert phone_told(text) in (Safety.UNKNOWN, Safety.SHARED, Safety.BORROWED)
    assert {nine(text), silence(text), not_now(text)} <= {True, False}
