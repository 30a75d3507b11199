"""What `tipline channels connect` tells Telegram: where to call us, or that we ask; and the menu, in each language that we speak."""

from __future__ import annotations

from telegram import BotCommand, BotCommandScopeAllPrivateChats
from telegram.error import InvalidToken, TelegramError

from bot.channels import Telegram
from bot.telegram_route import TELEGRAM_PATH
from handlers.telegram import UPDATES
from handlers.telegram_client import TelegramClient
from translations.phrases import FALLBACK, MENU, Catalog
from triage.tip import Control

TIMEOUT_S = 15.0
ORDER = (Control.START, Control.HELP, Control.STOP, Control.FORGET)
"""Of the menu."""


class ConnectError(Exception):
    """Telegram was not told. One sentence for the operator, without a value."""


def menu() -> Catalog:
    """Raises CatalogError."""
    return Catalog.load((control.value for control in Control), domain=MENU)


async def connect_telegram(telegram: Telegram, public_url: str, texts: Catalog) -> tuple[str, ...]:
    """What was done, a sentence each. What waits at Telegram stays there for us. Can be repeated. Raises ConnectError."""
    if telegram.token is None:
        raise ConnectError("There is no bot token.")
    client = TelegramClient(telegram.token, telegram.api_url, TIMEOUT_S)
    try:
        done = await _updates(client, telegram, public_url)
        languages = await _menus(client, texts)
    except InvalidToken:
        raise ConnectError("Telegram does not know this bot token: @BotFather shows the right one.") from None
    except (TelegramError, KeyError, TypeError, ValueError):  # their messages and causes hold URLs with the token
        raise ConnectError(
            "Telegram did not take it; nothing is lost, try again. Is the public address https, with a certificate?"
        ) from None
    finally:
        await client.close()
    return done, f"The menu stands in: {', '.join(languages)}."


async def _updates(client: TelegramClient, telegram: Telegram, public_url: str) -> str:
    if telegram.webhook_secret is None:
        await client.bot.delete_webhook(drop_pending_updates=False)
        return "No webhook is set: the line asks Telegram for messages."
    await client.bot.set_webhook(
        public_url + TELEGRAM_PATH,
        allowed_updates=UPDATES,
        drop_pending_updates=False,
        secret_token=telegram.webhook_secret.reveal(),
    )
    return f"Telegram sends messages to {public_url}{TELEGRAM_PATH}."


async def _menus(client: TelegramClient, texts: Catalog) -> list[str]:
    """Of private chats, where alone the line answers. Telegram knows languages of two letters; everybody else sees English."""
    languages = [name for name in texts.names if len(name) == 2]
    await _menu(client, texts, FALLBACK, None)
    for language in languages:
        await _menu(client, texts, language, language)
    return languages


async def _menu(client: TelegramClient, texts: Catalog, language: str, code: str | None) -> None:
    commands = [BotCommand(control.value, texts.say(control.value, language, "", {})) for control in ORDER]
    await client.bot.set_my_commands(commands, BotCommandScopeAllPrivateChats(), language_code=code)
