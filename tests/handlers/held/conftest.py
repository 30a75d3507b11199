"""A line without readers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest_asyncio

from tests.handlers.held.holding import LOCAL, MAILBOX
from tests.line import TestLine, practice_line


@pytest_asyncio.fixture
async def line(tmp_path: Path, url: str) -> AsyncIterator[TestLine]:
    async with practice_line(tmp_path, url, people=LOCAL) as made:
        cast("dict[str, str]", made.vetters.recipients).update(dict.fromkeys(made.vetters.keys, MAILBOX[1]))
        yield made
