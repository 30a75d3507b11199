"""`tipline serve` with a loaded roster: a signed Twilio form in, an answer out by Twilio's REST API (a local peer), one reader between."""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from bot.practice_line import WORLD
from bot.reader import DeskRefused, Reader
from bot.twilio_route import TWILIO_PATH
from routing.cards import card_bytes
from sealing import signing
from sealing.card import SignedCard
from sealing.passphrase import PersonKey
from tests.begun import world_cards
from tests.peers.command import command
from tests.peers.processes import free_port
from tests.peers.twilio import PRACTICE_SID, PRACTICE_TOKEN, TwilioPeer, incoming, signed_form
from tests.roster_reading import tied

NUMBER = "+15005550006"
SOURCE = "+34600111222"
TIP = "En Peñalta unas mujeres trabajan en el bar sin pago. El jefe de policía de Peñalta lo sabe y cobra."
pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


def signed_cards(folder: Path) -> tuple[list[Path], Path, Mapping[str, PersonKey]]:
    """The invented people as a real line's cards, each signed by two vetters of different agencies."""
    cards, keys = world_cards()
    vetters = [signing.generate() for _ in range(2)]
    files: list[Path] = []
    for card in cards.values():
        signed = SignedCard(card_bytes(replace(card, practice=False)))
        for seed, _ in vetters:
            signed = signed.signed_by(seed)
        files.append(folder / f"{card.person}.card")
        files[-1].write_bytes(signed.to_bytes())
    vetters_file = folder / "vetters.json"
    listed = [{"name": f"vetter {n}", "agency": f"house {n}", "verify": verify} for n, (_, verify) in enumerate(vetters)]
    vetters_file.write_text(json.dumps({"vetters": listed}))
    vetters_file.chmod(0o644)
    return files, vetters_file, keys


def every_minute() -> str:
    """Real slots, so close that a test can wait for one."""
    now = datetime.now(UTC)
    return ",".join((now + timedelta(minutes=n)).strftime("%H:%M") for n in range(1, 15)) + " UTC"


@pytest.mark.claim("T6")
@pytest.mark.claim("T14")
@pytest.mark.claim("T28")
def test_a_signed_text_message_is_read_by_one_reader_and_answered(tmp_path: Path, models: Path) -> None:
    files, vetters, keys = signed_cards(tmp_path)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    home = tmp_path / "home"
    with TwilioPeer() as peer:
        offline = {
            "HOME": str(tmp_path),
            "TIPLINE_HOME": str(home),
            "TIPLINE_REGIONS": str(world_copy(tmp_path)),
            "TIPLINE_VETTERS": str(vetters),
        }
        env = {
            **offline,
            "TIPLINE_PORT": str(port),
            "TIPLINE_PUBLIC_URL": base,
            "TIPLINE_TWILIO_ACCOUNT_SID": PRACTICE_SID,
            "TIPLINE_TWILIO_AUTH_TOKEN": PRACTICE_TOKEN,
            "TIPLINE_TWILIO_NUMBER": NUMBER,
            "TIPLINE_TWILIO_API_URL": peer.url,
            "TIPLINE_LANGUAGE_PACKS": str(models),
            "TIPLINE_SLOTS": every_minute(),
            "TIPLINE_SILENCE": "1",
        }
        with command(["roster", "load", *map(str, files)], offline) as loading:
            assert loading.process.wait(timeout=60) == 0
        with command(["serve"], env) as running:
            until_ready(base)
            written = time.monotonic()
            assert post(base, secrets.token_hex(16), TIP) == 200
            peer.wait_for(1)
            assert time.monotonic() - written < 10
            assert "Gracias" in peer.sent[0].body
            assert peer.sent[0].to == SOURCE
            assert post(base, secrets.token_hex(16), TIP, token="wrong") == 403
            assert httpx.post(f"{base}/handset/message", json={}).status_code == 404, "the practice pages are not there"
            assert httpx.get(f"{base}/practice/people").status_code == 404
            asyncio.run(read_and_answer(base, home, keys))
            peer.wait_for(2)
            assert "We have read it." in peer.sent[1].body
            assert "Gracias" in peer.sent[1].body
            assert len(peer.sent) == 2
            assert running.stop() == 0


def world_copy(folder: Path) -> Path:
    copy = folder / "regions.toml"
    copy.write_bytes(WORLD.read_bytes())
    copy.chmod(0o644)
    return copy


def until_ready(base: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{base}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the line is not ready")


def post(base: str, sid: str, text: str, token: str = PRACTICE_TOKEN) -> int:
    body, headers = signed_form(base + TWILIO_PATH, token, incoming(SOURCE, NUMBER, text, MessageSid=f"SM{sid}"))
    return httpx.post(base + TWILIO_PATH, content=body, headers=headers).status_code


async def read_and_answer(base: str, home: Path, keys: Mapping[str, PersonKey]) -> None:
    """Whoever the database says is offered the case; everybody else sees an empty list and gets nothing."""
    person = until_offered(home)
    assert person not in tied(WORLD, "Peñalta", "police")
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=30) as client:
        reader = Reader(client, keys[person], base)
        await reader.login()
        (offered,) = await reader.cases()
        assert offered.stub["language"] == "es"
        await reader.open(offered)
        parts = await reader.read(offered.case)
        message = next(part for part in parts if part["kind"] == "message")
        assert message["text"] == TIP
        assert isinstance(message["translation"], dict)
        assert message["translation"]["quality"] == "practice"
        for other in [name for name in keys if name != person][:3]:
            stranger = Reader(client, keys[other], base)
            await stranger.login()
            assert await stranger.cases() == []
            with pytest.raises(DeskRefused):
                await stranger.read(offered.case)
        await reader.answer(offered, parts, "Thank you. We have read it.")


def until_offered(home: Path) -> str:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with sqlite3.connect(home / "tipline.db", timeout=10) as database:
            rows = database.execute("SELECT DISTINCT person_id FROM grant_ WHERE person_id IS NOT NULL").fetchall()
        if rows:
            ((person,),) = rows
            return str(person)
        time.sleep(0.5)
    raise AssertionError("nobody was offered the case")
