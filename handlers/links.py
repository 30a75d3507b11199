"""Tips of one phone, plate, vessel or account are one matter: they share one drawn order, or whoever sends ten of them reaches a given
reader sooner or later. Readers are not shown links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from handlers.ports import Clock, Tx
from handlers.reading import Read
from routing.people import Earlier
from sealing.keyring import WorkerKeys


@dataclass(frozen=True, slots=True)
class Links:
    keys: WorkerKeys
    clock: Clock

    async def find(self, tx: Tx, read: Sequence[Read]) -> Earlier | None:
        """The oldest order that a tip with any of these identifiers was drawn for. Raises LinkBroken."""
        return None

    async def keep(self, tx: Tx, read: Sequence[Read], drawn: Earlier) -> bool:
        """False = another tip of the same matter was drawn for meanwhile: nothing may be committed, and the draw is made again."""
        return True
