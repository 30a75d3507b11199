"""When outcomes speak so much against a reader that people should look into it: his id goes to the vetters, once, and nothing else happens.

He is drawn as before and reads what he has. What the letter leaves out, numbers and cases, would make it a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from handlers.lessons import Memory
from handlers.letters import Letters
from handlers.ports import Clock, Store, Trouble, Tx
from handlers.roster import Member, Vetters, find_member
from handlers.succession import Alarm
from routing.learning import deserves_review
from routing.people import Atlas
from sealing.age import padded_json
from sealing.keyring import WorkerKeys
from sealing.rows import DAY_MS, HOUR_MS, OutcomeRow

KIND = "review"
ENOUGH_VETTERS = 2
"""Who look into it together."""
DAY_S = DAY_MS // 1000


class Inquiry(StrEnum):
    """What a letter to the vetters is about."""

    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Reviews:
    store: Store
    keys: WorkerKeys
    clock: Clock
    vetters: Vetters
    atlas: Atlas
    letters: Letters
    memory: Memory
    alarm: Alarm

    async def look(self) -> None:
        """Learns what is new, and proposes a review of whom it is about. Soon after a start and now and then, at no moment that an outcome
        sets: a letter must not tell whose case it was. Raises StorageDown; OSError where the list of dead cards cannot be written."""
        await self.memory.learn(self.store)
        for person, day in sorted(self.memory.deserved.items()):
            async with self.store.begin() as tx:
                await self._propose(tx, person, day)

    async def _propose(self, tx: Tx, person: str, day: int) -> None:
        """Once for each person and card, whichever worker is first. As long as no vetter may hear of it, again at each look."""
        member = await find_member(tx, self.keys, self.vetters, person, self.clock.now_ms() // HOUR_MS)
        if member is None or not self._speaks_against(member, day):
            return
        row_id = self.keys.sending_id(f"{KIND}\0{person}\0{member.card_fingerprint}")
        sealed = self.keys.seal_gate(f"{KIND} {person}", padded_json({"v": 1, "kind": KIND}))
        if not await tx.add_outcome(OutcomeRow(row_id, sealed)):
            return
        house = member.card.agency
        theirs = self.atlas.line(house) if house in self.atlas.agencies else frozenset({house})
        told = await self.letters.write(tx, Inquiry.REVIEW, person=person, apart_from=theirs)
        if told < ENOUGH_VETTERS:
            self.alarm(Trouble.FEW_VETTERS)
        if not told:
            await tx.drop_outcome(row_id)

    def _speaks_against(self, member: Member, day: int) -> bool:
        """The evidence did since he has this card, or does now: a new card, which two vetters signed, revives nothing that is over."""
        since = int(member.card.issued.timestamp()) // DAY_S
        return day >= since or deserves_review(self.memory.beliefs.of(member.person.id), self.memory.learning)
