"""The reader without a browser is told, as the page is, when an act gets no answer."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from bot.reader import DeskRefused, Reader
from sealing import age
from tests.desk.fake import FakeLine, serving
from tests.desk.tips import Told

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


async def test_a_case_of_the_version_before_is_opened() -> None:
    """Its stub names neither the card's text nor the line's key."""
    line = FakeLine()
    ana = line.enrol("Ana Practice", "Harbour Trust")
    found = line.open_case(ana, [Told("one")])
    said = age.read_json(age.unseal(found.stub, ana.key.identity), "stub")
    found.stub = age.seal(age.padded_json({name: said[name] for name in said if name not in ("own", "line")}), ana.recipient)
    with serving(line) as origin:
        async with httpx.AsyncClient(base_url=origin, trust_env=False) as client, asyncio.timeout(10):
            reader = Reader(client, ana.key, origin)
            await reader.login()
            (offered,) = await reader.cases()
            await reader.open(offered)
            assert [part["text"] for part in await reader.read(offered.case) if part["kind"] == "message"] == ["one"]


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
