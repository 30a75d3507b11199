"""The draw of a case in the running line: what routing's `choose` is given besides roster and facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from handlers.lessons import Memory
from handlers.links import Links
from handlers.ports import Clock, Tx
from handlers.reading import Read
from handlers.releases import Releases
from routing.draw import choose
from routing.people import Assignment, Earlier, Roster, TipFacts
from sealing.keyring import WorkerKeys


@dataclass(frozen=True, slots=True)
class Drawing:
    keys: WorkerKeys
    clock: Clock
    memory: Memory
    links: Links
    releases: Releases

    async def draw(self, tx: Tx, case_id: str, roster: Roster, facts: TipFacts, read: Sequence[Read]) -> Assignment:
        """Once for each case, with coins that were committed before the tip was opened; again only for a tip on hold, with the same."""
        earlier, released = await self.links.find(tx, read), await self.releases.granted(tx, case_id)
        now = datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC)
        return choose(roster, facts, self.memory.beliefs, self.keys.coins(case_id), now, released=released, earlier=earlier)

    async def keep(self, tx: Tx, read: Sequence[Read], drawn: Assignment) -> bool:
        """In the transaction that seals the case. False = a tip of the same matter was drawn for meanwhile: nothing may be committed."""
        return await self.links.keep(tx, read, Earlier(drawn.order, drawn.leads, drawn.chances))
