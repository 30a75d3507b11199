"""Epochs come and go by themselves. Obligations of one turn, in order; a worker that dies at any step goes on there at its next turn:

(1) a key that has had its time gets a successor: on the disk first, then in memory, then announced, signed, to whoever seals to it
(2) what is sealed to an older one is sealed anew, row by row, each guarded by what it held
(3) when nothing is left and nobody can still be sealing to it, the old one is destroyed: in the table, in the log, on the disk
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from handlers.parts import worker_leaf
from sealing.age import OpenError, seal, unseal
from sealing.case import sha256
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import HOUR_MS, EpochRow, EpochState, Purpose, Wrapped
from sealing.secret_files import KeyFolder, SecretThere
from sealing.signing import public_of

DAY_H = 24
MONTH_H = 31 * DAY_H
LIFE_H = {Purpose.INTAKE: DAY_H, Purpose.RELEASE: MONTH_H, Purpose.GATE: MONTH_H, Purpose.DELIVERY: MONTH_H}
"""Hours after which a key gets a successor. The roster's gets one by command alone."""
DRAIN_H = {**LIFE_H, Purpose.ROSTER: DAY_H}
"""Hours for which a replaced key is kept: a web process may not have heard of the new one yet, a desk may hold a stub of last month."""
BATCH = 50
PASSES = 3


class EpochStore(Protocol):
    """Every method raises sealing.rows.StorageDown."""

    async def epochs(self) -> Sequence[EpochRow]: ...
    async def record(self, rows: Sequence[EpochRow], leaf: Callable[[EpochRow], bytes], custody: str) -> None:
        """The epochs held now; `leaf` = the custody leaf of a new one; `custody` = base64 public half of the key that signs them."""
        ...

    async def wrapped(self, purpose: Purpose, number: int, after: Wrapped | None, most: int) -> Sequence[Wrapped]: ...
    async def rewrap(self, purpose: Purpose, number: int, rows: Sequence[tuple[Wrapped, Wrapped]]) -> int: ...
    async def needed(self, purpose: Purpose, number: int) -> int: ...
    async def destroy(self, row: EpochRow, leaf: bytes) -> int:
        """0 = destroyed; else how many rows still are sealed to it, and nothing was changed."""
        ...


@dataclass(frozen=True, slots=True)
class Epoch:
    purpose: Purpose
    number: int


@dataclass(frozen=True, slots=True)
class Needed:
    """An epoch whose time has come and that is still needed, by how many rows."""

    epoch: Epoch
    rows: int


@dataclass(frozen=True, slots=True)
class Turned:
    made: tuple[Epoch, ...] = ()
    gone: tuple[Epoch, ...] = ()
    needed: tuple[Needed, ...] = ()


def epoch_leaf(keys: WorkerKeys, row: EpochRow, now_ms: int, *, gone: bool = False) -> bytes:
    """The custody leaf of an epoch that came, or went."""
    named = sha256(row.recipient.encode())
    return worker_leaf(keys, Entry(now_ms // HOUR_MS, EntryKind.EPOCH, "", named, named if gone else ""))


def successor(keys: WorkerKeys, folder: KeyFolder, purpose: Purpose, now_ms: int) -> Epoch | None:
    """Makes one of the newest epoch; None = somebody else is making it. Nothing is sealed to it before it is on the disk."""
    number, hour = max(keys.epochs[purpose]) + 1, now_ms // HOUR_MS
    try:
        identity = folder.make(purpose, number, hour)
    except SecretThere:
        return None
    keys.shelf.add(purpose, number, identity, hour)
    return Epoch(purpose, number)


@dataclass(frozen=True, slots=True)
class Rotation:
    """The worker's alone, and of the operator's `tipline keys` while no worker runs or beside it."""

    keys: WorkerKeys
    folder: KeyFolder
    store: EpochStore
    clean: set[Epoch] = field(default_factory=set)
    """Older epochs to which this process found nothing sealed any more."""

    async def turn(self, now_ms: int) -> Turned:
        """Raises StorageDown, KeyringError, OSError: the next turn goes on from there."""
        self.keys.shelf.take(self.folder.read())
        await self.announce(now_ms)  # before a key is made: another worker may be ahead of these secrets
        stored = await self.store.epochs()
        made = tuple(epoch for purpose in LIFE_H if (epoch := self._renew(purpose, stored, now_ms)) is not None)  # (1)
        await self.announce(now_ms)
        gone, needed = await self.destroy(now_ms)  # (3), of those that were emptied long ago
        await self.empty()
        return Turned(made, gone, needed)

    async def empty(self) -> bool:
        """(2): everything is sealed to the newest epochs alone; False = not yet everything. Raises StorageDown."""
        for epoch in self.draining():
            if epoch not in self.clean and await self._emptied(epoch):
                self.clean.add(epoch)
        return all(epoch in self.clean for epoch in self.draining())

    def draining(self) -> list[Epoch]:
        return [Epoch(purpose, n) for purpose, held in self.keys.epochs.items() for n in sorted(held) if n != max(held)]

    def _renew(self, purpose: Purpose, stored: Sequence[EpochRow], now_ms: int) -> Epoch | None:
        """One successor, however long nobody looked. A key that says it comes from the future was made under a wrong clock; one that the
        table calls destroyed, whoever wrote that, takes no message any more."""
        newest, hour = max(self.keys.epochs[purpose]), now_ms // HOUR_MS
        since = self.keys.shelf.since(purpose, newest)
        taken_away = any((row.purpose, row.number, row.state) == (purpose, newest, EpochState.DESTROYED) for row in stored)
        return None if since <= hour < since + LIFE_H[purpose] and not taken_away else successor(self.keys, self.folder, purpose, now_ms)

    async def announce(self, now_ms: int) -> None:
        """The table says what is held, also where somebody changed it. Raises what `EpochStore.record` raises."""
        held = self.keys.public_epochs()
        stored = [row for row in await self.store.epochs() if row.state is not EpochState.DESTROYED]
        if set(held) != set(stored):
            await self.store.record(held, lambda row: epoch_leaf(self.keys, row, now_ms), public_of(self.keys.custody_seed))

    async def destroy(self, now_ms: int) -> tuple[tuple[Epoch, ...], tuple[Needed, ...]]:
        """(what is destroyed now, what had to wait). Raises StorageDown, OSError."""
        gone, needed = list[Epoch](), list[Needed]()
        for epoch in self.draining():
            since = self.keys.shelf.drained_since(epoch.purpose, epoch.number)
            if since is None or now_ms // HOUR_MS < since + DRAIN_H[epoch.purpose]:
                continue
            if (rows := await self._destroyed(epoch, now_ms)) == 0:
                gone.append(epoch)
            else:
                needed.append(Needed(epoch, rows))
        return tuple(gone), tuple(needed)

    async def _destroyed(self, epoch: Epoch, now_ms: int) -> int:
        """How many rows still need it; 0 = it is gone."""
        if not await self._emptied(epoch):  # again: a transaction may have been on its way when the successor came
            return max(1, await self.store.needed(epoch.purpose, epoch.number))
        row = next(row for row in self.keys.public_epochs() if (row.purpose, row.number) == (epoch.purpose, epoch.number))
        if rows := await self.store.destroy(row, epoch_leaf(self.keys, row, now_ms, gone=True)):
            return rows
        self.folder.destroy(epoch.purpose, epoch.number)
        self.keys.shelf.drop(epoch.purpose, epoch.number)
        self.clean.discard(epoch)
        return 0

    async def _emptied(self, epoch: Epoch) -> bool:
        """Seals anew until a whole pass finds nothing; False = rows changed under our hands each time."""
        for _ in range(PASSES):
            if await self._pass(epoch) == 0:
                return True
        return False

    async def _pass(self, epoch: Epoch) -> int:
        """How many rows were found that the epoch's key opens, or that say so."""
        found, after = 0, None
        newest, recipient = self.keys.recipient(epoch.purpose)
        while page := await self.store.wrapped(epoch.purpose, epoch.number, after, BATCH):
            after = page[-1]
            identity = self.keys.epochs[epoch.purpose][epoch.number]
            new = await asyncio.to_thread(lambda rows, key: [anew(row, key, recipient) for row in rows], page, identity)
            pairs = [(old, changed) for old, changed in zip(page, new, strict=True) if old.numbered or old != changed]
            found += len(pairs)
            await self.store.rewrap(epoch.purpose, newest, pairs)
        return found


def anew(row: Wrapped, identity: str, recipient: str) -> Wrapped:
    """What this key does not open stays as it is: it is under another lock, or nobody ever opens it and it must not keep the key."""

    def one(sealed: bytes | None) -> bytes | None:
        if sealed is None:
            return None
        try:
            return seal(unseal(sealed, identity), recipient)
        except OpenError:
            return sealed

    return replace(row, sealed=tuple(one(sealed) for sealed in row.sealed))
