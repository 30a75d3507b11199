"""What two vetters let go out that the draw would hold: a pool so small that readers are easy to guess, or a tip that names too many."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.ports import Clock, Tx
from handlers.roster import Vetters
from sealing.keyring import WorkerKeys


@dataclass(frozen=True, slots=True)
class Releases:
    keys: WorkerKeys
    clock: Clock
    vetters: Vetters

    async def granted(self, tx: Tx, case_id: str) -> bool:
        """Whether two vetters who may decide together said so."""
        return False
