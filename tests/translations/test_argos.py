"""Our reading of Argos packages and our translations, against argostranslate's own code.

It runs in a process of its own with a HOME of its own: importing argostranslate makes folders there. stanza, spacy and minisbd, which it
imports and we do not install, are empty stand-ins; none of them is called, since sentence splitting is handed in.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from translations.engine import child_environment, translate_once
from translations.packages import shelf
from translations.segments import split
from translations.selftest import sentence_pairs

SCRIPT = """
import json, sys
from unittest.mock import MagicMock
for name in ("stanza", "spacy", "spacy.lang", "minisbd", "minisbd.models"):
    sys.modules[name] = MagicMock()
from pathlib import Path
from argostranslate.package import Package
from argostranslate.translate import apply_packaged_translation
from ctranslate2 import Translator
class Given:
    def split_sentences(self, text):
        return [text]
out = {}
for folder, texts in json.load(sys.stdin).items():
    package = Package(Path(folder))
    translator = Translator(str(package.package_path / "model"), device="cpu", compute_type="auto")
    out[folder] = {
        "about": [package.from_code, package.to_code, package.package_version, package.target_prefix],
        "texts": [apply_packaged_translation(package, text, translator, Given(), num_hypotheses=1)[0].value for text in texts],
    }
print(json.dumps(out))
"""


def test_reads_and_translates_as_argostranslate_does(packs: Path, tmp_path: Path) -> None:
    found = shelf(packs).packs
    texts = {pack.name: [source for source, _ in sentence_pairs(pack.source, pack.target)] for pack in found}
    assert all(len([sentence for sentence, _ in split(text) if sentence]) == 1 for several in texts.values() for text in several)
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT],
        env={**child_environment(), "HOME": str(tmp_path)},
        input=json.dumps({str(packs / name): several for name, several in texts.items()}).encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    theirs = json.loads(done.stdout)
    for pack in found:
        answer = theirs[str(pack.folder)]
        assert answer["about"] == [pack.source, pack.target, pack.version, pack.target_prefix]
        assert answer["texts"] == translate_once(packs, [pack.name], texts[pack.name])
    assert (tmp_path / ".local").is_dir(), "the side effect that keeps argostranslate out of our processes is gone: read packages.py again"
