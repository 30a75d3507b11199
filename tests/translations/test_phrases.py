"""The catalogs: complete, with the same slots everywhere, and refused at start when they are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.phrases import ASKS, SLOTS, Phrase
from translations.phrases import LOCALE, Catalog, CatalogError, read_catalog, slots_of

CATALOG = Catalog.load(Phrase)
NAMES = sorted(file.parent.parent.name for file in LOCALE.glob("*/LC_MESSAGES/tipline.po"))
HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'


def entry(id: str, text: str) -> str:
    return f'msgid "{id}"\nmsgstr "{text}"\n\n'


def write(folder: Path, name: str, body: str) -> Path:
    file = folder / name / "LC_MESSAGES" / "tipline.po"
    file.parent.mkdir(parents=True)
    file.write_text(HEAD + body, encoding="utf-8")
    return file


def test_the_languages_we_speak() -> None:
    assert CATALOG.names == tuple(NAMES) == ("en", "es")


@pytest.mark.parametrize("name", NAMES)
def test_every_phrase_has_exactly_its_slots(name: str) -> None:
    texts = read_catalog(LOCALE / name / "LC_MESSAGES" / "tipline.po", frozenset(Phrase))
    assert texts.keys() == set(Phrase)
    assert {phrase: slots_of(texts[phrase]) for phrase in Phrase} == {phrase: SLOTS.get(phrase, frozenset()) for phrase in Phrase}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "en"])
def test_the_translator_sees_the_english_text_of_today(name: str) -> None:
    english = read_catalog(LOCALE / "en" / "LC_MESSAGES" / "tipline.po", frozenset(Phrase))
    with (LOCALE / name / "LC_MESSAGES" / "tipline.po").open("rb") as source:
        catalog = read_po(source)
    shown = {str(message.id): " ".join(message.auto_comments).replace("\\n", "\n") for message in catalog if message.id}
    assert shown == english


@pytest.mark.parametrize("name", [name for name in NAMES if name != "en"])
def test_every_text_differs_from_the_english(name: str) -> None:
    for phrase in Phrase:
        slots = dict.fromkeys(SLOTS.get(phrase, ()), "x")
        assert CATALOG.say(phrase, name, "Latn", slots) != CATALOG.say(phrase, "en", "Latn", slots)


@settings(deadline=None)
@given(st.text(), st.text())
def test_a_persons_words_come_through_as_they_are(translation: str, original: str) -> None:
    """Braces, percent signs and backslashes in a slot are not read again."""
    said = CATALOG.say(Phrase.ANSWER_TRANSLATED, "es", "Latn", {"translation": translation, "original": original})
    head, foot = CATALOG.say(Phrase.ANSWER_TRANSLATED, "es", "Latn", {"translation": "\0", "original": "\0"}).split("\0")[:2]
    assert said == f"{head}{translation}{foot}{original}"


@pytest.mark.parametrize("slots", [{}, {"time": "14:00", "name": "Canary77"}, {"name": "Canary77"}])
def test_a_slot_too_few_or_too_many_is_an_error_without_its_value(slots: dict[str, str]) -> None:
    with pytest.raises(CatalogError) as caught:
        CATALOG.say(Phrase.WAITING, "en", "Latn", slots)
    assert "Canary77" not in str(caught.value)


def test_an_unknown_phrase_is_an_error() -> None:
    with pytest.raises(CatalogError):
        CATALOG.say("F99", "en", "Latn", {})


def test_the_nearest_catalog_is_taken(tmp_path: Path) -> None:
    for name in ("en", "sr", "sr_Cyrl", "pt"):
        write(tmp_path, name, entry("A", name))
    catalog = Catalog.load(["A"], tmp_path)
    wanted = {("sr", "Latn"): "sr", ("sr", "Cyrl"): "sr_Cyrl", ("sr-ME", "Cyrl"): "sr_Cyrl", ("pt-BR", "Latn"): "pt", ("fr", "Latn"): "en"}
    assert {key: catalog.say("A", *key, {}) for key in wanted} == wanted


@pytest.mark.parametrize(
    "body",
    [
        "",
        entry("A", "a"),
        entry("A", "a") + entry("B", ""),
        entry("A", "a") + "#, fuzzy\n" + entry("B", "b"),
        entry("A", "a") + entry("B", "b") + entry("C", "c"),
        entry("A", "a {time}") + entry("B", "b"),
        entry("A", "a {") + entry("B", "b"),
        entry("A", "a {0}") + entry("B", "b"),
        entry("A", "a {x!r}") + entry("B", "b"),
        entry("A", "a {x.y}") + entry("B", "b"),
        'msgid "A"\nmsgstr "a\nmsgid',
    ],
)
def test_a_bad_catalog_stops_the_start(tmp_path: Path, body: str) -> None:
    write(tmp_path, "en", entry("A", "a") + entry("B", "b"))
    write(tmp_path, "es", body)
    with pytest.raises(CatalogError):
        Catalog.load(["A", "B"], tmp_path)


def test_a_good_catalog_is_taken(tmp_path: Path) -> None:
    """The positive control of the test above."""
    write(tmp_path, "en", entry("A", "a") + entry("B", "b"))
    write(tmp_path, "es", entry("A", "á") + entry("B", "{{b}}"))
    assert Catalog.load(["A", "B"], tmp_path).say("A", "es", "Latn", {}) == "á"


def test_no_english_no_start(tmp_path: Path) -> None:
    write(tmp_path, "es", entry("A", "a"))
    with pytest.raises(CatalogError):
        Catalog.load(["A"], tmp_path)


def test_bytes_that_are_no_text_stop_the_start(tmp_path: Path) -> None:
    write(tmp_path, "en", entry("A", "a")).write_bytes(HEAD.encode() + b'msgid "A"\nmsgstr "\xff"\n')
    with pytest.raises(CatalogError) as caught:
        Catalog.load(["A"], tmp_path)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("phrase", sorted(ASKS))
def test_a_question_is_put_as_one(phrase: Phrase) -> None:
    """One question mark, but F4: it asks for all in one text."""
    for language, marks in (("en", "?"), ("es", "?¿")):
        text = CATALOG.say(phrase, language, "Latn", {})
        assert all(text.count(mark) == (phrase is not Phrase.F4) for mark in marks)


def test_the_document_shows_the_texts_of_today() -> None:
    document = (LOCALE.parent.parent / "docs" / "CONVERSATION.md").read_text(encoding="utf-8")
    for phrase in Phrase:
        slots = {slot: f"{{{slot}}}" for slot in SLOTS.get(phrase, ())}
        texts = [CATALOG.say(phrase, language, "Latn", slots).replace("\n", " ⏎ ") for language in ("en", "es")]
        assert f"| {phrase.value} | {texts[0]} | {texts[1]} |" in document
