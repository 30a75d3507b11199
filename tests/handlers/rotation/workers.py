"""A worker that makes and drops keys, and what is left of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from handlers.rotation import Rotation, Turned
from sealing import custody
from sealing.keyring import WorkerKeys, load_worker
from sealing.rows import HOUR_MS, EpochState, Purpose
from sealing.secret_files import KeyFolder
from storage.engine import Database, open_database
from storage.epochs import SqlEpochs
from tests.handlers.every_place import Written

H0 = 500_000
DESTROYED = ["struck", "given_up", "lapsed", "done"]


@dataclass
class Worker:
    """As one process has it."""

    keys: WorkerKeys
    rotation: Rotation
    store: SqlEpochs

    def held(self, purpose: Purpose) -> set[int]:
        return set(self.keys.epochs[purpose])

    async def turn(self, hour: int) -> Turned:
        return await self.rotation.turn(hour * HOUR_MS)


async def migrate(file: Path) -> None:
    database = open_database(f"sqlite:///{file}")
    await database.migrate()
    await database.close()


def worker(database: Database, folder: Path) -> Worker:
    keys, store = load_worker(folder), SqlEpochs(database)
    return Worker(keys, Rotation(keys, KeyFolder(folder), store), store)


async def states(database: Database, purpose: Purpose) -> dict[int, EpochState]:
    return {row.number: row.state for row in await SqlEpochs(database).epochs() if row.purpose is purpose}


def files(folder: Path) -> set[str]:
    return {file.name for file in folder.glob("*.key")}


def lost(written: Written) -> set[str]:
    """What nobody will ever read: key files of people who are out of a case."""
    return {name for name in written.places if name.split()[-1] in DESTROYED}


def read(leaf: bytes) -> custody.Entry:
    return custody.read_leaf(leaf)[0]
