"""The draw of a case in the running line: what routing's `choose` is given besides roster and facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from handlers.held import named, small
from handlers.lessons import Memory
from handlers.links import Links, Matter
from handlers.ports import Clock, Tx
from handlers.reading import Read
from handlers.releases import Releases
from handlers.roster import KeptRoster
from routing.draw import choose
from routing.people import Assignment, Earlier, Hold, Roster, TipFacts
from sealing.keyring import WorkerKeys
from triage.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class Drawing:
    keys: WorkerKeys
    clock: Clock
    memory: Memory
    links: Links
    releases: Releases
    rosters: KeptRoster

    async def draw(self, tx: Tx, case_id: str, roster: Roster, facts: TipFacts, matter: Matter) -> Assignment:
        """Once for each case, with coins that were committed before the tip was opened; again only for a tip on hold, with the same."""
        await self.memory.current(tx)
        drawn = self._choose(case_id, roster, facts, matter.earlier, released=False)
        if not await self.released(tx, case_id, drawn):
            return drawn
        return self._choose(case_id, roster, facts, matter.earlier, released=True)

    async def released(self, tx: Tx, case_id: str, drawn: Assignment) -> bool:
        """Whether it is held, and two vetters let it go all the same."""
        return drawn.hold is not None and await self.releases.granted(tx, case_id, drawn.hold, drawn.pool)

    def shown(self, case_id: str, roster: Roster, facts: TipFacts, drawn: Assignment) -> Sensitive[str]:
        """What vetters see of this hold: numbers."""
        if drawn.hold is Hold.NEEDS_TWO_VETTERS:
            return small(roster, self._choose(case_id, roster, facts, None, released=True))
        return named(drawn)

    def _choose(self, case_id: str, roster: Roster, facts: TipFacts, earlier: Earlier | None, *, released: bool) -> Assignment:
        """Where the facts leave nobody of an earlier order, by its own coins. Held, it could be buried by whoever had a draw made for its
        plate first; and one more draw is what he would have, too, who left the plate out."""
        now, coins = datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC), self.keys.coins(case_id)
        drawn = choose(roster, facts, self.memory.beliefs, coins, now, released=released, earlier=earlier)
        if earlier is not None and drawn.hold is Hold.NOBODY_ELIGIBLE:
            return choose(roster, facts, self.memory.beliefs, coins, now, released=released)
        return drawn

    async def keep(self, tx: Tx, matter: Matter, drawn: Assignment, read: Sequence[Read]) -> bool:
        """In the transaction that seals the case. False = a tip of the same matter was drawn for meanwhile: nothing may be committed."""
        return await self.links.keep(tx, matter, drawn, read)
