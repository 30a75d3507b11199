from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from translations.packages import add, shelf
from translations.selftest import chrf, score, sentence_pairs
from translations.unpack import PackageError


def test_thirty_pairs_each_way() -> None:
    there, back = sentence_pairs("en", "es"), sentence_pairs("es", "en")
    assert len(there) == 30
    assert back == [(spanish, english) for english, spanish in there]
    assert len({english for english, _ in there}) == 30
    assert all(text.strip() == text != "" for pair in there for text in pair)
    assert sentence_pairs("en", "fr") == []


def test_chrf_tells_right_from_wrong() -> None:
    spanish = [text for _, text in sentence_pairs("en", "es")]
    english = [text for text, _ in sentence_pairs("en", "es")]
    assert chrf(spanish, spanish) == 100
    assert chrf([""] * 30, spanish) == 0
    assert chrf(english, spanish) < 30


def test_the_practice_packages_were_measured_when_added(packs: Path) -> None:
    """Measured 74.9 and 71.0 when this was written; another machine's arithmetic may move a word."""
    scores = {(pack.source, pack.target): pack.chrf or 0 for pack in shelf(packs).packs}
    assert scores[("en", "es")] == pytest.approx(74.9, abs=3)
    assert scores[("es", "en")] == pytest.approx(71.0, abs=3)


@pytest.mark.claim("T26")
def test_a_model_that_translates_badly_is_not_trusted(packs: Path, tmp_path: Path) -> None:
    """The English-Spanish model, said to be the Spanish-English one."""
    folder = tmp_path / "swapped"
    shutil.copytree(packs / "translate-en_es-0_3", folder, ignore=shutil.ignore_patterns("selftest.json"))
    metadata = folder / "metadata.json"
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), "from_code": "es", "to_code": "en"}))
    pack = add(tmp_path / "packs", folder, score)
    assert pack.chrf is not None
    assert not pack.trusted


@pytest.mark.claim("T26")
def test_a_direction_without_pairs_is_not_trusted(packs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "french"
    shutil.copytree(packs / "translate-es_en-0_3", folder, ignore=shutil.ignore_patterns("selftest.json"))
    metadata = folder / "metadata.json"
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), "from_code": "fr"}))
    pack = add(tmp_path / "packs", folder, score)
    assert (pack.chrf, pack.trusted) == (None, False)


def test_a_model_that_does_not_run_is_not_added(packs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(packs / "translate-es_en-0_3", folder, ignore=shutil.ignore_patterns("selftest.json"))
    (folder / "model" / "model.bin").write_bytes(b"nothing")
    with pytest.raises(PackageError, match="does not run"):
        add(tmp_path / "packs", folder, score)
    assert shelf(tmp_path / "packs").packs == ()
