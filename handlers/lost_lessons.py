"""Whether every record of an outcome that was ever written is still there, or in what it was put together into.

For each there is an entry of the worker in the custody log, of no case; what it names is an HMAC of the record's id, so that the log, which
stays, does not tell which case a record is of to whoever reads it beside the database.
"""

from __future__ import annotations

from dataclasses import dataclass

from handlers.lessons import Memory
from handlers.parts import worker_leaf
from handlers.ports import Store, Trouble
from handlers.roster import Vetters
from handlers.roster_log import LESSON_NAME
from handlers.succession import Alarm
from routing.records import NAME
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.signing import public_of


def record_leaf(keys: WorkerKeys, row_id: str, hour: int) -> bytes:
    return worker_leaf(keys, Entry(hour, EntryKind.LESSON, "", _named(keys, row_id[:NAME]), ""))


def _named(keys: WorkerKeys, name: str) -> str:
    """What the log calls it, by the digits that stay of it."""
    return keys.sending_id(f"lesson written\0{name}")


@dataclass(frozen=True, slots=True)
class LostLessons:
    keys: WorkerKeys
    vetters: Vetters
    memory: Memory
    alarm: Alarm

    async def look(self, store: Store) -> None:
        """At the start, after everything was learned: a worker that runs sees for itself what goes. The log is read before the rows: an
        outcome that is written down meanwhile is not missing. Raises StorageDown; OSError where the list of dead cards cannot be
        written."""
        async with store.begin() as tx:
            written = (await self.vetters.log.read(tx, public_of(self.keys.custody_seed))).lessons()
            await self.memory.current(tx)
        if written - {bytes.fromhex(_named(self.keys, name))[:LESSON_NAME] for name in self.memory.names()}:
            self.alarm(Trouble.TAMPERED)
