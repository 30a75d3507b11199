"""Forgetting at the worst moment: while a sealing runs, an answer is on its way, a tip is held, a reader answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from sealing.rows import TaskKind
from tests.handlers.test_line_channels import message, rows
from tests.handlers.test_line_reading import TIP, opened_case
from tests.line import TestLine, fresh_line
from triage.language import Translation
from triage.sensitive import Sensitive
from triage.tip import Control

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]

MORE = "Siguen encerradas, ahora son cinco mujeres"
AGAIN = "Y una tiene diez años, ayúdenla"


@dataclass
class SlowTranslator:
    """Holds a sealing between reading and writing, where `until` is set."""

    until: asyncio.Event | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def translate(self, text: Sensitive[str], source: str, target: str) -> Translation | None:
        self.asked.set()
        if self.until is not None:
            await self.until.wait()
        return None


@pytest.fixture
def translator() -> SlowTranslator:
    return SlowTranslator()


@pytest_asyncio.fixture
async def one(tmp_path: Path, translator: SlowTranslator) -> AsyncIterator[TestLine]:
    async with fresh_line(tmp_path, translator) as made:
        yield made


@pytest.mark.claim("T33")
async def test_who_writes_again_while_what_he_told_before_forget_is_sealed_is_not_lost(one: TestLine, translator: SlowTranslator) -> None:
    _, _, identity = await opened_case(one)
    seal = one.handlers.pop(TaskKind.SEAL)
    await one.take(message(one, MORE))
    await one.take(message(one, "", control=Control.FORGET))
    task = await one.queue.claim([TaskKind.SEAL])
    assert task is not None
    translator.until, translator.asked = asyncio.Event(), asyncio.Event()
    sealing = asyncio.create_task(seal(task))
    await translator.asked.wait()
    await one.take(message(one, AGAIN))
    translator.until.set()
    await asyncio.gather(sealing, return_exceptions=True)
    one.handlers[TaskKind.SEAL] = seal
    await one.later(70)
    await one.later(70)
    texts = [part["text"] for case in await one.cases() for part in await one.read(case, identity) if part["kind"] == "message"]
    assert texts == [TIP, MORE, AGAIN]
    assert await rows(one, "inbound") == 0
