"""The phrases we say, from gettext catalogs. The `.po` files are the only source, compiled in memory at start (12 ms): no `.mo` is kept.

msgid is the phrase's id, msgstr the text, in English too: one lookup for every language, and a better English wording leaves no
translation orphaned. Each other catalog repeats the English text as a `#.` comment, which a test holds to it.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from string import Formatter
from types import MappingProxyType

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "tipline"
MENU = "menu"
"""Of what a channel shows beside the conversation, such as the menu of a bot; by the command's name."""
FALLBACK = "en"


class CatalogError(Exception):
    """A catalog is missing, broken or incomplete, or a slot was not filled. Names ids and slots, never a slot's value."""


class Catalog:
    """Implements handlers.ports.Phrases. A folder is named for its language (`es`), or language and ISO 15924 alphabet (`sr_Cyrl`)."""

    def __init__(self, texts: Mapping[str, Mapping[str, str]]) -> None:
        """`texts` = catalog name -> phrase id -> text. Raises CatalogError unless every catalog has the same ids with the same slots."""
        english = texts.get(FALLBACK)
        if english is None:
            raise CatalogError("there is no English catalog")
        slots = {phrase: slots_of(text) for phrase, text in english.items()}
        for name, catalog in texts.items():
            if odd := sorted(slots.keys() ^ catalog.keys()):
                raise CatalogError(f"catalog {name}: {', '.join(odd)} missing or unknown")
            if odd := sorted(phrase for phrase in slots if slots_of(catalog[phrase]) != slots[phrase]):
                raise CatalogError(f"catalog {name}: other slots than in English in {', '.join(odd)}")
        self._texts = MappingProxyType(dict(texts))
        self._slots = MappingProxyType(slots)

    @classmethod
    def load(cls, phrases: Iterable[str], folder: Path = LOCALE, domain: str = DOMAIN) -> Catalog:
        """Every catalog of this domain under `folder`; each must hold every phrase of `phrases` and no other. Raises CatalogError."""
        files = sorted(folder.glob(f"*/LC_MESSAGES/{domain}.po"))
        ids = frozenset(phrases)
        return cls({file.parent.parent.name: read_catalog(file, ids) for file in files})

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._texts))

    def say(self, phrase: str, language: str, alphabet: str, slots: Mapping[str, str]) -> str:
        """In the language and alphabet, else the language, else its base (`es` for `es-419`), else English. Raises CatalogError."""
        wanted = self._slots.get(phrase)
        if wanted is None:
            raise CatalogError("an unknown phrase")
        if wanted != slots.keys():
            raise CatalogError(f"{phrase} has the slots: {', '.join(sorted(wanted)) or 'none'}")
        base = language.split("-", maxsplit=1)[0]
        chain = (f"{language}_{alphabet}", language, f"{base}_{alphabet}", base, FALLBACK)
        text = next(self._texts[name][phrase] for name in chain if name in self._texts)
        return text.format_map(slots)


def read_catalog(file: Path, phrases: frozenset[str]) -> dict[str, str]:
    """Phrase id -> text. Raises CatalogError; a fuzzy or empty entry counts as missing."""
    try:
        with file.open("rb") as source:
            catalog = read_po(source, abort_invalid=True)
    except (OSError, UnicodeDecodeError, PoFileError):
        raise CatalogError(f"{file} is not a readable catalog") from None
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    texts = gettext.GNUTranslations(compiled)
    found = {str(message.id) for message in catalog if message.id and message.string and not message.fuzzy}
    if odd := sorted(phrases ^ found):
        raise CatalogError(f"{file}: {', '.join(odd)} missing or unknown")
    return {phrase: texts.gettext(phrase) for phrase in phrases}


def slots_of(text: str) -> frozenset[str]:
    """The names in braces; plain names only. Raises CatalogError."""
    try:
        parts = [part for part in Formatter().parse(text) if part[1] is not None]
    except ValueError:
        raise CatalogError("a text with a lone brace") from None
    if not all(name and name.isidentifier() and not spec and conversion is None for _, name, spec, conversion in parts):
        raise CatalogError("a text with braces that are not plain slots")
    return frozenset(name for _, name, _, _ in parts if name)
