from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.ports import Detector
from translations.detect import LanguageDetector, alphabet

SPANISH = """Mi hermana esta encerrada en una casa cerca del puerto
Mi hermana está encerrada en una casa cerca del puerto
Nos quitaron los pasaportes cuando llegamos a la fábrica.
Mi hija no ha vuelto a casa. Un hombre le prometió un trabajo en la ciudad.
no me dejan salir
ayuda por favor
El jefe de policia de San Juan lo sabe
hay niñas en el bar de la esquina
El barco se llama Estrella y somos doce hombres sin comida
Nos pegan si no trabajamos
Debo dinero al patron y no puedo irme
mañana la llevan a otra ciudad
mi prima tiene 15 anos y la venden por internet
El alcalde recibe dinero
no se lo digan a la policia
trabajamos 16 horas al dia y no nos pagan
buenas tardes, quien es?
Hola, necesito hablar con alguien
HAY MUJERES ENCERRADAS EN EL HOTEL
https://example.org/x?lang=en mi hermana no puede salir de alli""".splitlines()
ENGLISH = """My sister is locked in a house near the harbour
They took our passports when we arrived at the factory.
please help me they wont let me leave
The police chief of San Juan knows about it
There are girls in the bar at the corner
we are twelve men on a fishing boat without food
I owe the boss money and cannot go
tomorrow they move her to another city
my cousin is 15 and they sell her online
dont tell the police
hi who is this
they hit us if we dont work
I want to report something
The mayor gets money from Hotel Paraiso in Los Cocos
we work 16 hours a day and get no pay
WOMEN ARE LOCKED IN THE HOTEL""".splitlines()
FOREIGN = """Minha irmã está presa numa casa perto do porto
Minha irma esta presa em uma casa perto do porto e nao pode sair
Eles tiraram nossos passaportes quando chegamos na fabrica
Nakakulong ang kapatid ko sa isang bahay malapit sa pantalan
kapatid ko kinuha ng amo yung passport
Моя сестра заперта в доме у порта
Ma soeur est enfermee dans une maison pres du port
Mia sorella è chiusa in una casa vicino al porto
اختي محبوسة في بيت قرب الميناء
La meva germana està tancada en una casa a prop del port
Unsere Pässe wurden uns in der Fabrik abgenommen
Mis na pili apt bilong wok long haus
meri behen ko ghar mein band kar diya hai""".splitlines()
NOTHING = [
    "",
    " ",
    "si",
    "no",
    "ok",
    "Juan",
    "San Juan",
    "help me",
    "123 456",
    "+34 600 123 456",
    "👍👍👍👍👍👍",
    "https://example.org/una/casa/cerca",
]

TWO: Detector = LanguageDetector(("en", "es"))


@pytest.mark.parametrize(("text", "language"), [*((text, "es") for text in SPANISH), *((text, "en") for text in ENGLISH)])
def test_names_the_language_of_a_plain_sentence(text: str, language: str) -> None:
    found = TWO.identify(text)
    assert (found.language, found.alphabet) == (language, "Latn")
    assert found.confidence >= 0.9


@pytest.mark.parametrize("text", FOREIGN)
def test_does_not_press_another_language_into_the_lines(text: str) -> None:
    assert TWO.identify(text).language == "und"
    assert TWO.identify(text, earlier="es").language == "und"


@pytest.mark.parametrize("text", NOTHING)
def test_a_short_text_says_nothing_by_itself_and_keeps_the_threads_language(text: str) -> None:
    found = TWO.identify(text)
    assert (found.language, found.confidence) == ("und", 0.0)
    assert TWO.identify(text, earlier="es").language == "es"


def test_the_earlier_language_decides_where_the_models_disagree() -> None:
    text = "Chief Ramirez in Puerto Viejo takes money"
    assert TWO.identify(text).language == "und"
    assert TWO.identify(text, earlier="en").language == "en"


def test_a_clear_sentence_outweighs_the_earlier_language() -> None:
    assert TWO.identify("My sister is locked in a house near the harbour", earlier="es").language == "en"


def test_an_earlier_language_that_is_not_the_lines_counts_for_nothing() -> None:
    assert TWO.identify("si", earlier="pt").language == "und"


def test_names_a_language_as_the_line_does() -> None:
    line = LanguageDetector(("en", "es-MX", "fil", "xx"))
    assert line.identify("Nos quitaron los pasaportes cuando llegamos a la fábrica.").language == "es-MX"
    assert line.identify("Nakakulong ang kapatid ko sa isang bahay malapit sa pantalan").language == "fil"


def test_more_languages_of_a_line() -> None:
    many = LanguageDetector(("en", "es", "pt", "fr", "tl", "ru", "ar"))
    expected = {
        FOREIGN[0]: "pt",
        FOREIGN[1]: "pt",
        FOREIGN[3]: "tl",
        FOREIGN[5]: "ru",
        FOREIGN[6]: "fr",
        FOREIGN[8]: "ar",
        SPANISH[0]: "es",
    }
    assert {text: many.identify(text).language for text in expected} == expected


def test_a_language_that_one_model_does_not_know_is_never_named() -> None:
    """pycld2 knows no Nigerian Pidgin and raises when given it as a hint."""
    line = LanguageDetector(("pcm",))
    assert line.identify("Dem don carry my sister go one house wey dey near water, abeg help us").language == "und"


def test_a_line_without_languages_knows_none() -> None:
    assert LanguageDetector(()).identify("My sister is locked in a house").language == "und"


@given(st.text(st.characters(exclude_categories=()), max_size=200), st.sampled_from([None, "en", "es", "pt"]))
def test_any_text_gets_an_answer(text: str, earlier: str | None) -> None:
    """Lone surrogates, NUL and noncharacters make pycld2 raise."""
    found = TWO.identify(text, earlier)
    assert found.language in {"en", "es", "und"}
    assert 0 <= found.confidence <= 1
    assert len(found.alphabet) == 4


def test_unreadable_characters_do_not_hide_the_words() -> None:
    assert TWO.identify("\0Nos quitaron\ud800 los pasaportes\ufdd0 cuando\x85 llegamos").language == "es"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("hola", "Latn"),
        ("", "Latn"),
        ("12 👍", "Latn"),
        ("сестра ok", "Cyrl"),
        ("بيت", "Arab"),
        ("मदद", "Deva"),
        ("ช่วย", "Thai"),
        ("助けて下さい", "Jpan"),
        ("我在工厂", "Hani"),
    ],
)
def test_alphabet_of_most_letters(text: str, code: str) -> None:
    assert alphabet(text) == code
