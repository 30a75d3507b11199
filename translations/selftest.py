"""What a package is worth: chrF over our own sentence pairs, run once when it is added.

The pairs (data/selftest_en_es.tsv: English, tab, Spanish) are plain sentences of tips and of daily life. Thirty are few: the number sorts
useful from useless, it does not rank. A direction we have no pairs for gets None and is never trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sacrebleu.metrics.chrf import CHRF

from translations.engine import translate_once
from translations.packages import Pack
from translations.unpack import PackageError

_DATA = Path(__file__).parent / "data"


def score(pack: Pack) -> float | None:
    """chrF (0-100) of the package's translations; None without pairs. Raises PackageError when the package does not run."""
    pairs = sentence_pairs(pack.source, pack.target)
    if not pairs:
        return None
    translated = translate_once(pack.folder.parent, [pack.name], [source for source, _ in pairs])
    if translated is None:
        raise PackageError(f"The package {pack.source} to {pack.target} {pack.version} does not run: its self-test gave no translation.")
    return chrf(translated, [target for _, target in pairs])


def sentence_pairs(source: str, target: str) -> list[tuple[str, str]]:
    """Our pairs for a direction, [] where we have none."""
    for first, second in ((source, target), (target, source)):
        path = _DATA / f"selftest_{first}_{second}.tsv"
        if path.is_file():
            rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
            return [(row[0], row[1]) if first == source else (row[1], row[0]) for row in rows]
    return []


def chrf(translated: Sequence[str], expected: Sequence[str]) -> float:
    """Corpus chrF2, 0-100, one decimal (Popović 2015, sacrebleu)."""
    return round(float(CHRF().corpus_score(list(translated), [list(expected)]).score), 1)
