"""The committed bundle is what its sources and lock file build, byte for byte."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from desk.pages import STATIC
from tests.desk.conftest import SRC


@pytest.mark.thorough
def test_rebuilding_gives_the_committed_bytes(node_tree: Path, tmp_path: Path) -> None:
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=node_tree, check=True, capture_output=True, timeout=60)
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in STATIC.iterdir()}
    assert built.keys() == committed.keys()
    assert [name for name in built if built[name] != committed[name]] == [], "run `make bundle`"


def test_every_locked_package_is_pinned_by_hash() -> None:
    packages = json.loads((SRC / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert [name for name, told in packages.items() if name and not told.get("integrity", "").startswith("sha512-")] == []
    declared = json.loads((SRC / "package.json").read_text(encoding="utf-8"))
    versions = {**declared["dependencies"], **declared["devDependencies"]}
    assert [name for name, version in versions.items() if not version[0].isdigit()] == []
