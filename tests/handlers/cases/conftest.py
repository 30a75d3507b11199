"""One line for all tests of a file, as new for each: its start costs more than what most of them do with it. On SQLite: what is looked at
here lies above the engines; tests/storage/test_time.py and test_purge.py show on both what time and a purge do in the tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.handlers.cases.leaving import as_new
from tests.line import TestLine, fresh_line


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestLine]:
    async with fresh_line(tmp_path_factory.mktemp("line")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def line(the_line: TestLine) -> TestLine:
    await as_new(the_line)
    return the_line


@pytest_asyncio.fixture(loop_scope="module")
async def long_line(tmp_path: Path) -> AsyncIterator[TestLine]:
    """One of its own, on which months pass."""
    async with fresh_line(tmp_path) as made:
        yield made
