"""Sequences of messages to play to the conversation, and what it says to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st

from handlers.conversation import EXPIRY_MS, GAP_MS, Heard, Plan, State, Turn, advance
from handlers.phrases import SLOTS, Phrase
from tests.handlers.transcripts import FOUND, START_MS, heard
from translations.phrases import Catalog
from triage.tip import Asked

patient = settings(deadline=None)
PLAN = Plan("Wednesday 14:00", awake=True)
CATALOG = Catalog.load(Phrase)
HOUR = 3_600_000
COLUMN = frozenset({Asked.PHONE, Asked.TODAY, Asked.WHO_NOT, Asked.AGE})

Step = tuple[Heard, int]

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
