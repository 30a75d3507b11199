"""One line for all tests of a file, that has learned nothing, and told nobody, when a test begins."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import delete

from storage import tables
from tests.handlers.cases.leaving import as_new
from tests.line import TestLine, fresh_line


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestLine]:
    async with fresh_line(tmp_path_factory.mktemp("line")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def line(the_line: TestLine) -> TestLine:
    async with the_line.database.begin() as transaction:
        for table in (tables.lesson, tables.outcome):
            await transaction.run(delete(table))
    await the_line.memory.learn(the_line.store)  # notices that rows are gone
    await the_line.memory.learn(the_line.store)  # and reads all anew
    await as_new(the_line)
    return the_line
