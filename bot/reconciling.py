"""Beside the web server: every ten minutes, what Twilio's webhook missed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.logs import Event, event
from handlers.reconcile import ListingFailed, Tally, TwilioLog
from sealing.rows import StorageDown

EVERY_S = 600.0


@dataclass(frozen=True, slots=True)
class Reconciling:
    log: TwilioLog
    every_s: float = EVERY_S

    async def run(self) -> None:
        """Until it is cancelled; at once, and then every `every_s` seconds."""
        try:
            while True:
                await self._round()
                await asyncio.sleep(self.every_s)
        finally:
            await self.log.close()

    async def _round(self) -> None:
        """A failure is an event; the next round begins where the last good one ended."""
        try:
            found = await self.log.reconcile()
        except ListingFailed as failed:
            event(Event.LISTING_FAILED, status=failed.status, code=failed.code)
        except StorageDown:
            event(Event.STORAGE_DOWN)
        else:
            if found != Tally():
                event(Event.RECONCILED, taken=found.taken, unreadable=found.unreadable)
