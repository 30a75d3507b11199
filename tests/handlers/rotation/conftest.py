"""Secrets of a line, and a database where both engines are the same."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sealing.keyring import make_secrets
from storage.engine import Database, open_database
from tests.handlers.rotation.workers import H0, migrate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_secrets(tmp_path / "secrets", secrets.token_bytes, hour=H0)
    return tmp_path / "secrets" / "worker"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "line.db"
    asyncio.run(migrate(file))
    return file


@pytest_asyncio.fixture
async def lite(template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """For what is the same on both engines."""
    shutil.copy(template, tmp_path / "line.db")
    database = open_database(f"sqlite:///{tmp_path / 'line.db'}")
    yield database
    await database.close()
