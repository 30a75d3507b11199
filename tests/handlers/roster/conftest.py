"""A worker's keys, and a roster on each engine."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
import pytest_asyncio

from sealing.keyring import WorkerKeys, load_worker, make_secrets
from storage.engine import Database
from storage.store import SqlStore
from tests.handlers.roster_world import World


@pytest.fixture
def keys(tmp_path: Path) -> WorkerKeys:
    make_secrets(tmp_path / "secrets", secrets.token_bytes)
    return load_worker(tmp_path / "secrets" / "worker")


@pytest_asyncio.fixture
async def world(keys: WorkerKeys, database: Database, tmp_path: Path) -> World:
    return World(SqlStore(database), keys, tmp_path / "cards.dead")
