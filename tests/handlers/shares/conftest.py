"""What is looked at here lies above the engines: test_line_escrow walks the whole way on both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.begun import world_cards
from tests.line import TestLine, practice_line


@pytest.fixture
def engine_name() -> str:
    return "sqlite"


@pytest_asyncio.fixture
async def line(tmp_path: Path, url: str) -> AsyncIterator[TestLine]:
    """With those of the practice roster alone who are no officials: they are enough, and a third of the work."""
    people = frozenset(person for person, card in world_cards()[0].items() if card.agency.startswith(("ngo-", "liaison-")))
    async with practice_line(tmp_path, url, people=people) as made:
        yield made
