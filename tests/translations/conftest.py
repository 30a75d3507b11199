from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from translations.packages import provision
from translations.selftest import score

ROOT = Path(__file__).resolve().parents[2]
METADATA = {
    "package_version": "1.9",
    "argos_version": "1.9",
    "from_code": "es",
    "from_name": "Spanish",
    "to_code": "en",
    "to_name": "English",
}


@pytest.fixture(scope="session")
def models() -> Path:
    """The practice packages. They are no part of the repository; a CI run without them fails rather than leave translation untested."""
    folder = Path(os.environ.get("TIPLINE_TEST_MODELS") or ROOT.parent / "shared" / "models")
    if not any(folder.glob("*.argosmodel")):
        if os.environ.get("CI") == "true":
            pytest.fail("no .argosmodel files: set TIPLINE_TEST_MODELS")
        pytest.skip("no .argosmodel files: set TIPLINE_TEST_MODELS")
    return folder


@pytest.fixture(scope="session")
def packs(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packs folder with the practice packages, really added: unpacked, pinned, self-tested."""
    folder = tmp_path_factory.mktemp("line") / "packs"
    provision(folder, [models], score)
    return folder


def archive(files: Mapping[str, bytes] | None = None, top: str = "translate-es_en-1_9", **metadata: object) -> bytes:
    """A package file that is whole but for its model, which nothing reads while a package is only added. `files` are added to it."""
    contents = {
        f"{top}/metadata.json": json.dumps({**METADATA, **metadata}).encode(),
        f"{top}/sentencepiece.model": b"pieces",
        f"{top}/model/model.bin": b"weights",
        f"{top}/model/config.json": b"{}",
        **(files or {}),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return out.getvalue()
