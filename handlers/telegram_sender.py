"""Sending and deleting in Telegram chats, and knowing whether a text left."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from telegram import LinkPreviewOptions
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, RetryAfter, TelegramError

from handlers.channels import pieces, whole
from handlers.ports import Erasing, MaybeSent, NotSent, Sent, Unsent, Wait
from handlers.telegram_client import NotWritten, TelegramClient
from triage.sensitive import Sensitive

MOST_UNITS = 4096
"""UTF-16 units in one message."""
NOT_OURS = (KeyError, TypeError, ValueError, AttributeError)
"""What PTB raises on an answer that is not Telegram's."""
NOBODY = frozenset({"chat not found", "peer_id_invalid", "user not found"})
GONE = ("message can't be deleted", "message to delete not found", "message identifier is not specified", "chat not found")
"""Answers to a deletion (400) that no repetition changes: older than 48 hours, deleted by somebody else, never there."""
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


class TelegramSender:
    """handlers.ports.Sender for private chats. What it sends cannot be forwarded or saved from the chat (`protect_content`)."""

    erasing = Erasing.ASKED
    receipts = False

    def __init__(self, token: Sensitive[str], api_url: str, timeout_s: float = 15.0) -> None:
        self._client = TelegramClient(token, api_url, timeout_s)
        self._longest_s = timeout_s * 2
        """Each step has its own timeout; this ends a peer that dribbles."""

    async def send(self, address: Sensitive[str], text: Sensitive[str], cause: str) -> Sent | Unsent:
        """One text, in as few messages as Telegram takes it.

        CLOSED = blocked by the source, who may lift that and write; BLOCKED = there is no such chat any more. Raises NotSent, Wait (of
        this chat alone), MaybeSent. A long text whose later part fails has left in part: MaybeSent.
        """
        del cause  # Telegram has no place for a name of ours
        refs: list[str] = []
        for part in filter(str.strip, pieces(whole(text.reveal()), MOST_UNITS)):  # Telegram takes none of white space alone
            try:
                result = await self._post(int(address.reveal()), part)
            except NotSent:
                if refs:
                    raise MaybeSent from None
                raise
            if isinstance(result, Unsent):
                return result
            refs.append(result)
        return Sent(tuple(refs))

    async def _post(self, chat: int, text: str) -> str | Unsent:
        """The message's number. Every cause is cut off: the URL in it holds the token."""
        try:
            async with asyncio.timeout(self._longest_s):
                made = await self._client.bot.send_message(chat, text, protect_content=True, link_preview_options=NO_PREVIEW)
                return str(made.message_id)
        except RetryAfter as refusal:
            raise _wait(refusal) from None
        except Forbidden as refusal:
            return Unsent.BLOCKED if "deactivated" in refusal.message.lower() else Unsent.CLOSED
        except BadRequest as refusal:
            if refusal.message.lower() in NOBODY:
                return Unsent.BLOCKED
            raise NotSent from None
        except (NotWritten, InvalidToken, Conflict):
            raise NotSent from None
        except (TelegramError, TimeoutError, *NOT_OURS):
            # Written and unanswered; answered with something that is not Telegram's; or a 5xx, which says nothing of what was done before.
            raise MaybeSent from None

    async def erase(self, address: Sensitive[str], ref: str) -> None:
        """Deletes a message of either side. Telegram allows it for 48 hours."""
        try:
            async with asyncio.timeout(self._longest_s):
                await self._client.bot.delete_message(int(address.reveal()), int(ref))
        except RetryAfter as refusal:
            raise _wait(refusal) from None
        except Forbidden:
            return  # blocked or gone: the chat is out of our reach for good
        except BadRequest as refusal:
            if not refusal.message.lower().startswith(GONE):
                raise NotSent from None
        except (TelegramError, TimeoutError, *NOT_OURS):
            raise NotSent from None

    async def close(self) -> None:
        await self._client.close()


def _wait(refusal: RetryAfter) -> Wait:
    pause = refusal.retry_after
    seconds = pause.total_seconds() if isinstance(pause, timedelta) else pause
    return Wait(int(seconds * 1000))
