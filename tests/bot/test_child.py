"""What the worker does again and again ends neither by a database that is away nor by a disk that is full."""

from __future__ import annotations

import asyncio
import errno

import pytest

from bot import child
from bot.logs import Event
from sealing.rows import StorageDown

pytestmark = pytest.mark.asyncio


async def test_a_full_disk_and_a_lost_database_are_told_and_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    stop = asyncio.Event()
    faults: list[Exception] = [OSError(errno.ENOSPC, "/var/lib/tipline/secret-path"), StorageDown()]

    async def review() -> None:
        if faults:
            raise faults.pop(0)
        stop.set()

    async with asyncio.timeout(5):
        await child._again_and_again(review, stop, 0.001)
    told = capsys.readouterr().err
    assert [f'"event": "{name}"' in line for name, line in zip((Event.FAULT, Event.STORAGE_DOWN), told.splitlines(), strict=True)] == [
        True
    ] * 2
    assert "OSError" in told
    assert "secret-path" not in told


async def test_anything_else_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    async def broken() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await child._again_and_again(broken, asyncio.Event(), 0.001)
