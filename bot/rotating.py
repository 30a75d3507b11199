"""Beside the worker: keys that have had their time get successors. Beside the web server: which key is to be sealed to now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bot.logs import Event, event, fault_of
from handlers.rotation import Rotation, Turned
from sealing.keyring import WebKeys, pin_recipient
from sealing.rows import Purpose, StorageDown
from sealing.secret_files import KeyringError
from storage.epochs import EpochMismatch, SqlEpochs

LOOK_S = 20.0
TURN_S = 60.0


@dataclass(frozen=True, slots=True)
class Recipients:
    """`folder`: the web process's own; what it has seen is pinned there."""

    store: SqlEpochs
    keys: WebKeys
    folder: Path
    every_s: float = LOOK_S

    async def run(self) -> None:
        """Until it is cancelled, every `every_s` seconds."""
        while True:
            await asyncio.sleep(self.every_s)
            await self.look()

    async def look(self) -> None:
        """Takes the newest intake recipient that the line itself announced. What somebody else wrote there is an event, no more."""
        try:
            rows = await self.store.serving(Purpose.INTAKE)
        except StorageDown:
            event(Event.STORAGE_DOWN)
            return
        for row in rows:  # newest first
            if row.number <= self.keys.newest.number:
                return
            if self.keys.learn(row):
                self._pin()
                return
            event(Event.EPOCH_REFUSED, purpose=row.purpose)

    def _pin(self) -> None:
        try:
            pin_recipient(self.folder, self.keys)
        except OSError as fault:  # this process knows it; the next one has to learn it again
            event(Event.FAULT, fault=fault_of(fault))


async def rotate(rotation: Rotation, now_ms: Callable[[], int], stop: asyncio.Event, pause: Callable[[float], Awaitable[None]]) -> None:
    """A turn a minute, until `stop`. What hinders one is an event, and the next goes on from there."""
    while not stop.is_set():
        try:
            tell(await rotation.turn(now_ms()))
        except StorageDown:
            event(Event.STORAGE_DOWN)
        except EpochMismatch:
            event(Event.EPOCH_REFUSED)
        except (KeyringError, OSError) as fault:
            event(Event.FAULT, fault=fault_of(fault))
        await pause(TURN_S)


def tell(turned: Turned) -> None:
    for epoch in turned.made:
        event(Event.EPOCH_MADE, purpose=epoch.purpose, number=epoch.number)
    for epoch in turned.gone:
        event(Event.EPOCH_DESTROYED, purpose=epoch.purpose, number=epoch.number)
    for needed in turned.needed:
        event(Event.EPOCH_NEEDED, purpose=needed.epoch.purpose, number=needed.epoch.number, count=needed.rows)
