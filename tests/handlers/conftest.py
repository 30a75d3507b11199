"""A line on each engine, for tests of the whole way of a tip."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.line import TestLine, practice_line


@pytest_asyncio.fixture
async def line(tmp_path: Path, url: str) -> AsyncIterator[TestLine]:
    async with practice_line(tmp_path, url) as made:
        yield made
