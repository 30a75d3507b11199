"""One line for all attacks of a file, each on a case of its own: none of them may leave a trace that helps the next."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.line import TestLine, fresh_line


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestLine]:
    """On SQLite: what is looked at here lies above the engines."""
    async with fresh_line(tmp_path_factory.mktemp("line")) as made:
        yield made
