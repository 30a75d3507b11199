"""Asking Telegram for updates, for a line without a public address. A page is confirmed by asking for what comes after it, and that happens
only when all of it is durable: a crash between brings the page again, and every message in it is a duplicate.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from telegram.error import Conflict, InvalidToken, TelegramError, TimedOut

from bot.logs import Event, event
from bot.taking import refused, take
from handlers.channels import Refused
from handlers.intake import Acceptor
from handlers.telegram import UPDATES, read_update
from handlers.telegram_client import NotWritten, TelegramClient
from sealing.points import Point, reached
from sealing.rows import StorageDown

GET_UPDATES = "get_Updates"
"""So written, PTB makes `getUpdates` of it without the warning to use its own method, which drops a whole page for one bad update."""
PAGE = 100
ANSWER_S = 10.0
"""What an answer may take beyond the time that Telegram was asked to wait."""
SILENT_POLLS = 3
"""Long polls that nobody answers happen (a router forgets the connection); so many in a row are a fault."""
NOT_TELEGRAMS = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
"""What PTB raises on an answer that is not Telegram's."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. `wait`: how long Telegram holds an empty poll open. After a failure `first`, then twice as long up to `longest`; after a
    refused token `refused`."""

    wait: int = 50
    first: float = 1.0
    longest: float = 60.0
    refused: float = 600.0


@dataclass(frozen=True, slots=True)
class Taken:
    """`next`: the offset that confirms what was taken, None when nothing is to be confirmed. `whole`: all of the page is durable."""

    next: int | None
    whole: bool


@dataclass(frozen=True, slots=True)
class Poller:
    client: TelegramClient
    acceptor: Acceptor
    pace: Pace = Pace()

    async def run(self) -> None:
        """Until it is cancelled."""
        offset: int | None = None
        failures = silent = 0
        try:
            while True:
                page = await self._ask(offset)
                silent = silent + 1 if page is None else 0
                if isinstance(page, Event) or silent >= SILENT_POLLS:
                    failures += 1
                    trouble = page if isinstance(page, Event) else Event.POLL_FAILED
                    event(trouble, times=failures)
                    await asyncio.sleep(self._pause(trouble, failures))
                    continue
                if page is None:
                    continue
                taken = await self._take(page)
                failures = 0 if taken.whole else failures + 1
                # Only what was just taken is confirmed: after a quiet week ids start again, perhaps below an older offset.
                offset = taken.next if taken.whole or taken.next is not None else offset
                if not taken.whole:
                    await asyncio.sleep(self._pause(Event.STORAGE_DOWN, failures))
        finally:
            await self.client.close()

    async def _ask(self, offset: int | None) -> list[object] | Event | None:
        """A page; the trouble; or None when there was no answer in time. No exception goes on: URLs in them hold the token."""
        given = {"timeout": self.pace.wait, "limit": PAGE, "allowed_updates": list(UPDATES), "offset": offset}
        longest = self.pace.wait + ANSWER_S
        try:
            async with asyncio.timeout(longest * 2):  # a peer that dribbles
                page = await self.client.bot.do_api_request(GET_UPDATES, given, read_timeout=longest)
        except Conflict:
            return Event.POLL_CONFLICT
        except InvalidToken:
            return Event.POLL_REFUSED
        except TimedOut:
            return None
        except (NotWritten, TelegramError, TimeoutError, *NOT_TELEGRAMS):
            return Event.POLL_FAILED
        return page if isinstance(page, list) else Event.POLL_FAILED

    async def _take(self, page: list[object]) -> Taken:
        """One by one, in order, each durable before the next. An update that cannot be read is passed over."""
        after: int | None = None
        if page:
            reached(Point.POLLED)
        for update in page:
            try:
                await self._accept(update)
            except StorageDown:
                event(Event.STORAGE_DOWN)
                return Taken(after, whole=False)
            number = update.get("update_id") if isinstance(update, dict) else None
            after = number + 1 if type(number) is int else after
        if page:
            reached(Point.PAGE_TAKEN)
        return Taken(after, whole=after is not None or not page)

    async def _accept(self, update: object) -> None:
        message = read_update(update, datetime.now(UTC))
        if isinstance(message, Refused):
            refused(message)
        else:
            await take(self.acceptor, message)

    def _pause(self, trouble: Event, failures: int) -> float:
        """Seconds."""
        return self.pace.refused if trouble is Event.POLL_REFUSED else min(self.pace.first * 2 ** min(failures - 1, 20), self.pace.longest)
