"""Whole dialogues, as people would read them; each line of ours is compared with what `advance` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.phrases import Phrase
from tests.handlers.transcripts import FOLDER, Player, phrases_in

DIALOGUES = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("file", DIALOGUES, ids=[file.stem for file in DIALOGUES])
def test_dialogue(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    lines = list(Player().lines(text))
    assert lines
    assert [(line.number, line.wanted) for line in lines] == [(line.number, line.got) for line in lines]


def test_the_dialogues_say_almost_everything() -> None:
    said = {phrase for file in DIALOGUES for phrase in phrases_in(file.read_text(encoding="utf-8"))}
    answers = {Phrase.ANSWER_PLAIN, Phrase.ANSWER_SAME, Phrase.ANSWER_TRANSLATED, Phrase.HELPED}
    assert set(Phrase) - answers - said == {Phrase.COMMANDS, Phrase.F3_AGE, Phrase.F3_WAITING, Phrase.CHILD_PHONE}


def test_both_languages_are_there() -> None:
    spanish = [file for file in DIALOGUES if file.stem.endswith("_es")]
    assert len(spanish) >= 6
    assert len(DIALOGUES) - len(spanish) >= 8
