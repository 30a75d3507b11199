"""Shared by the desk's tests: the built tree (Node) and the browser."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser import chromium

__all__ = ["chromium"]

SRC = Path(__file__).parents[2] / "desk" / "src"


@pytest.fixture(scope="session")
def node_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """desk/src in a fresh folder with exactly the packages of package-lock.json. Skipped without npm or the registry; in CI that fails."""
    give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    if shutil.which("npm") is None:
        give_up("no npm on this machine: the committed bundle is checked by its hashes only")
    tree = tmp_path_factory.mktemp("desk") / "src"
    shutil.copytree(SRC, tree, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        give_up("npm ci failed (no registry?): " + done.stderr[-300:])
    return tree
