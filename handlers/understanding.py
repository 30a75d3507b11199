"""One text understood: its language, its translation into English, and what triage finds in both."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from handlers.ports import Detector, Translator
from triage.assess import assess
from triage.language import Identified, Translation
from triage.lexicon import Lexicon
from triage.names import RosterNames
from triage.places import Gazetteer
from triage.sensitive import Sensitive
from triage.tip import Asked, Assessment

ENGLISH = "en"
UNSURE = "und"
QUICK = 400
"""Characters that the conversation has translated, and"""
QUICK_S = 5.0
"""the seconds that it waits: longer texts of one phone must not hold up everybody's answers."""
WHOLE_S = 30.0
"""Seconds for a text on its way into its case, in however many languages it is tried."""


@dataclass(frozen=True, slots=True)
class Understood:
    identified: Identified
    translation: Translation | None
    assessment: Assessment


@dataclass(frozen=True, slots=True)
class Understanding:
    """What the line reads texts with. Data files are read once by the wiring and passed in."""

    detector: Detector
    translator: Translator
    lexicons: Sequence[Lexicon]
    gazetteer: Gazetteer
    agencies: Gazetteer
    """Names of the line's agencies, to their ids."""
    languages: tuple[str, ...]

    async def of(
        self,
        text: Sensitive[str],
        earlier: str | None,
        asked: Asked | None,
        names: Mapping[str, tuple[str, ...]],
        *,
        most: int | None = None,
        seconds: float | None = None,
    ) -> Understood:
        """`earlier` = the language of the conversation so far. `most`: characters to translate, None = all; in `seconds`, None = WHOLE_S.
        Without translation is an answer too."""
        words = text.reveal()
        identified = self.detector.identify(words, earlier)
        translation = None
        with suppress(TimeoutError):
            async with asyncio.timeout(WHOLE_S if seconds is None else seconds):
                translation = await self._translate(Sensitive(words[:most]), identified.language, earlier)
        english = None if translation is None else translation.text.reveal()
        found = assess(words, english, self.lexicons, self.gazetteer, RosterNames(names), asked, agencies=self.agencies)
        return Understood(identified, translation, found)

    async def quick(
        self, text: Sensitive[str], earlier: str | None, asked: Asked | None, names: Mapping[str, tuple[str, ...]]
    ) -> Understood:
        """For the conversation, which must answer within seconds, and in some language: translated only where no lexicon reads the text."""
        spoken = self.detector.identify(text.reveal(), earlier).language
        if spoken == UNSURE and not earlier:
            spoken = self._by_words(text.reveal())
        readable = spoken in {lexicon.language for lexicon in self.lexicons}
        understood = await self.of(text, earlier, asked, names, most=0 if readable else QUICK, seconds=QUICK_S)
        return replace(understood, identified=replace(understood.identified, language=spoken))

    def _by_words(self, text: str) -> str:
        """A word or two is too short for the detector; whichever lexicon alone knows most of it names the language ("hola")."""
        known: dict[str, int] = {}
        for lexicon in self.lexicons:
            found = assess(text, None, [lexicon], self.gazetteer, RosterNames({}), None)
            known[lexicon.language] = len(found.reasons) + found.greeting
        best = max(known.values(), default=0)
        languages = [language for language, count in known.items() if count == best]
        return languages[0] if best and len(languages) == 1 and languages[0] in self.languages else UNSURE

    async def _translate(self, text: Sensitive[str], language: str, earlier: str | None) -> Translation | None:
        """`und` never means: do not translate. Then the conversation's language is tried, then each of the line's."""
        if language == ENGLISH or not text.reveal():
            return None
        sources = [language] if language != UNSURE else [code for code in (earlier, *self.languages) if code]
        for source in dict.fromkeys(sources):
            if source == ENGLISH:
                continue
            if (translation := await self.translator.translate(text, source, ENGLISH)) is not None:
                return translation
        return None
