from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

METADATA = {
    "package_version": "1.9",
    "argos_version": "1.9",
    "from_code": "es",
    "from_name": "Spanish",
    "to_code": "en",
    "to_name": "English",
}


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
