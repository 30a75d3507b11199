"""Beside the web server, Twilio's log is read at once and again and again; a failure is one event and no end."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.reconciling import Reconciling
from bot.wiring import SystemClock, SystemEntropy
from handlers.intake import Acceptor
from handlers.reconcile import TwilioLog
from handlers.text import LineNumbers
from handlers.twilio_client import TwilioAccount
from sealing.keyring import load_web, make_secrets
from storage import tables
from storage.engine import Database
from storage.intake import SqlIntake
from tests.peers.twilio import PRACTICE_SID, PRACTICE_TOKEN, Fault, TwilioPeer
from tests.storage.rows import count
from triage.sensitive import Sensitive

LINE, SOURCE = "+15005550006", "+34612345678"
pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


@pytest.fixture
def peer() -> Iterator[TwilioPeer]:
    with TwilioPeer() as made:
        yield made


@pytest.mark.claim("T15")
async def test_a_failure_is_an_event_and_the_next_round_takes_what_is_there(
    peer: TwilioPeer, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_secrets(tmp_path / "secrets", secrets.token_bytes)
    clock = SystemClock()
    intake = SqlIntake(database, clock)
    acceptor = Acceptor(intake, load_web(tmp_path / "secrets" / "web"), clock, SystemEntropy())
    account = TwilioAccount(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), peer.url, 2)
    peer.receive(SOURCE, LINE, "canary words", at=datetime.now(UTC) - timedelta(days=3))
    peer.receive("whatsapp:canary", LINE, "canary words")
    peer.fail(Fault.SERVER_ERROR, Fault.LOST)
    running = asyncio.create_task(Reconciling(TwilioLog(account, LineNumbers(LINE), acceptor, intake), every_s=0.01).run())
    async with asyncio.timeout(10):
        while peer.requests < 4:
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(RuntimeError):
        await account.api.messages.get_page_async(f"{peer.url}/2010-04-01/Accounts/{PRACTICE_SID}/Messages.json")
    assert await count(database, tables.inbound) == 1
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = [{name: value for name, value in line.items() if name != "t"} for line in lines]
    assert told[:3] == [
        {"event": "listing_failed", "status": 500, "code": 20500},
        {"event": "listing_failed", "status": 0, "code": 0},
        {"event": "reconciled", "taken": 1, "unreadable": 1},
    ]
    assert "canary" not in json.dumps(lines)
