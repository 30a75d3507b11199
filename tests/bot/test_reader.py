"""The reader without a browser is told, as the page is, when an act gets no answer."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from bot.reader import DeskRefused, Reader
from tests.desk.fake import FakeLine, serving
from tests.desk.tips import Told

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


async def test_a_dropped_act_is_not_waited_for() -> None:
    line = FakeLine()
    ana = line.enrol("Ana Practice", "Harbour Trust")
    line.open_case(ana, [Told("one")])
    line.dropped = True
    with serving(line) as origin:
        async with httpx.AsyncClient(base_url=origin, trust_env=False) as client, asyncio.timeout(10):
            reader = Reader(client, ana.key, origin)
            await reader.login()
            (offered,) = await reader.cases()
            with pytest.raises(DeskRefused, match="no answer"):
                await reader.open(offered)
    assert line.asked == 1
