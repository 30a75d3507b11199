"""`tipline channels connect` tells Telegram where we are and what its menu says, through PTB against a local Bot API server."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Iterator

import pytest
from babel.messages.pofile import read_po

from bot.channels import Telegram
from bot.connect import ConnectError, connect_telegram, menu
from handlers.telegram_client import TelegramClient
from tests.peers.telegram import PRACTICE_TOKEN, Fault, TelegramPeer
from translations.phrases import LOCALE
from triage.sensitive import Sensitive
from triage.tip import Control

PUBLIC, SECRET = "https://line.example.org", "practice-hook-secret"
PRIVATE = "all_private_chats"
MENU = menu()


@pytest.fixture(scope="module")
def running() -> Iterator[TelegramPeer]:
    with TelegramPeer() as peer:
        yield peer


@pytest.fixture
def peer(running: TelegramPeer) -> TelegramPeer:
    running.reset()
    return running


def line(peer: TelegramPeer, *, hooked: bool = True, token: str = PRACTICE_TOKEN) -> Telegram:
    return Telegram(Sensitive(token), Sensitive(SECRET) if hooked else None, peer.url)


@pytest.mark.asyncio
async def test_a_line_with_a_secret_is_called_and_loses_nothing_that_waits(peer: TelegramPeer) -> None:
    peer.write(7, "hola")
    told = await connect_telegram(line(peer), PUBLIC, MENU)
    assert (peer.updates.webhook, peer.updates.secret) == (f"{PUBLIC}/telegram/update", SECRET)
    assert peer.updates.kinds == ["message", "edited_message"]
    assert len(peer.updates.waiting) == 1
    assert SECRET not in "".join(told)
    assert PRACTICE_TOKEN not in "".join(told)


@pytest.mark.asyncio
async def test_a_line_without_one_asks_and_loses_nothing_that_waits(peer: TelegramPeer) -> None:
    await connect_telegram(line(peer), PUBLIC, MENU)
    peer.write(7, "hola")
    await connect_telegram(line(peer, hooked=False), PUBLIC, MENU)
    assert peer.updates.webhook == ""
    assert len(peer.updates.waiting) == 1


@pytest.mark.asyncio
async def test_the_menu_stands_in_each_language_for_private_chats(peer: TelegramPeer) -> None:
    for _ in range(2):
        await connect_telegram(line(peer), PUBLIC, MENU)
    assert peer.menus.keys() == {(PRIVATE, ""), (PRIVATE, "en"), (PRIVATE, "es")}
    assert peer.menus[PRIVATE, ""] == peer.menus[PRIVATE, "en"]
    client = TelegramClient(Sensitive(PRACTICE_TOKEN), peer.url, 5.0)
    shown = await client.bot.do_api_request("get_My_Commands", {"scope": {"type": PRIVATE}, "language_code": "es"})
    await client.close()
    assert [entry["command"] for entry in shown] == ["start", "help", "stop", "forget"]
    assert shown[1]["description"] == "Qué puede hacer aquí"


@pytest.mark.parametrize("language", MENU.names)
def test_the_menu_names_no_topic_and_states_the_48_hours(language: str) -> None:
    texts = {control: MENU.say(control.value, language, "Latn", {}) for control in Control}
    assert "48" in texts[Control.FORGET]
    assert all(1 <= len(text) <= 256 for text in texts.values())
    topics = ("traffic", "trata", "tip", "victim", "víctim", "police", "polic", "report", "denunci", "help line", "abus")
    assert not [word for word in topics for text in texts.values() if word in text.lower()]


@pytest.mark.parametrize("language", [name for name in MENU.names if name != "en"])
def test_the_translator_sees_the_english_of_today_and_has_translated_it(language: str) -> None:
    with (LOCALE / language / "LC_MESSAGES" / "menu.po").open("rb") as source:
        shown = {str(entry.id): " ".join(entry.auto_comments) for entry in read_po(source) if entry.id}
    english = {control.value: MENU.say(control.value, "en", "Latn", {}) for control in Control}
    assert shown == english
    assert all(MENU.say(control.value, language, "Latn", {}) != english[control.value] for control in Control)


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", sorted(set(Fault) - {Fault.NONE, Fault.HANG, Fault.STRANGE}))
async def test_what_fails_is_said_in_a_sentence_without_the_token(peer: TelegramPeer, fault: Fault) -> None:
    peer.fail(fault)
    with pytest.raises(ConnectError) as caught:
        await connect_telegram(line(peer), PUBLIC, MENU)
    assert PRACTICE_TOKEN not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.asyncio
async def test_a_wrong_token_or_nobody_there_is_said(peer: TelegramPeer) -> None:
    with pytest.raises(ConnectError, match="BotFather"):
        await connect_telegram(line(peer, token="1:" + "x9" * 20), PUBLIC, MENU)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = Telegram(Sensitive(PRACTICE_TOKEN), None, f"http://127.0.0.1:{closed.getsockname()[1]}")
    with pytest.raises(ConnectError, match="try again"):
        await connect_telegram(nobody, PUBLIC, MENU)
