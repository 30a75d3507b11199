"""Runs Argos packages with CTranslate2 and SentencePiece, in batches, with argostranslate's own parameters (1.11, translate.py)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ctranslate2 import Translator
from sentencepiece import SentencePieceProcessor

from translations.packages import read
from translations.segments import split

MOST_LOADED = 4
"""Models in memory at a time; a published one takes about 300 MB."""


@dataclass(frozen=True, slots=True)
class _Model:
    pieces: SentencePieceProcessor
    translator: Translator
    target_prefix: str


class Models:
    """The packages of one folder, loaded when first needed."""

    def __init__(self, packs_dir: Path) -> None:
        self._packs_dir = packs_dir
        self._load = lru_cache(maxsize=MOST_LOADED)(_load)

    def translate(self, name: str, texts: list[str]) -> list[str]:
        """Each text sentence by sentence; the white space between them is the source's. Lone surrogates, which are no text, become "?"."""
        model = self._load(self._packs_dir / name)
        parts = [split(text.encode("utf-8", "replace").decode()) for text in texts]
        translated = iter(_batch(model, [sentence for part in parts for sentence, _ in part if sentence]))
        return ["".join((next(translated) if sentence else "") + space for sentence, space in part) for part in parts]


def _load(folder: Path) -> _Model:
    return _Model(
        pieces=SentencePieceProcessor(model_file=str(folder / "sentencepiece.model")),
        translator=Translator(str(folder / "model"), device="cpu", compute_type="auto", inter_threads=1, intra_threads=0),
        target_prefix=read(folder).target_prefix,
    )


def _batch(model: _Model, sentences: list[str]) -> list[str]:
    if not sentences:
        return []
    tokens: list[list[str]] = model.pieces.encode(sentences, out_type=str)
    results = model.translator.translate_batch(
        tokens,
        target_prefix=[[model.target_prefix]] * len(tokens) if model.target_prefix else None,
        replace_unknowns=True,
        max_batch_size=32,
        batch_type="tokens",
        beam_size=4,
        num_hypotheses=1,
        length_penalty=0.2,
    )
    return [_words(model, result.hypotheses[0]) for result in results]


def _words(model: _Model, tokens: list[str]) -> str:
    text: str = model.pieces.decode_pieces(tokens)
    return text.replace("▁", " ").replace("_", " ").removeprefix(model.target_prefix).strip()
