"""From a closed case to a record of its outcome.

It is written down in the transaction that makes the outcome final; the worker learns from records alone (handlers/lessons.py). Every final
proposal leaves a record, most of them empty, so that no row tells how a case ended. The custody log counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from handlers.lessons import seal_record
from handlers.lost_lessons import record_leaf
from handlers.openings import Openings
from handlers.outcomes import Helped, Proposal, Second, Taught
from handlers.ports import Clock, Trouble, Tx
from handlers.roster import Member
from handlers.succession import Alarm
from handlers.told import Telling
from routing.gate import GateFile
from routing.learning import SOURCES, Event, Verdict
from routing.people import Atlas
from routing.policy import DEFAULT, Learning
from routing.records import Record, area_of, outside, reader
from sealing.keyring import WorkerKeys
from sealing.rows import DAY_MS, HOUR_MS
from sealing.said import Ending

VERDICTS = {
    Ending.COMPROMISED: Verdict.COMPROMISED,
    Ending.PERSON_SAFE: Verdict.CLEAN,
    Ending.CHARGED: Verdict.CLEAN,
}
"""All other endings say nothing of whether somebody leaked it."""


@dataclass(frozen=True, slots=True)
class Teaching:
    """Writes records; in the caller's transaction, under the case's lock."""

    keys: WorkerKeys
    clock: Clock
    atlas: Atlas
    openings: Openings
    telling: Telling
    alarm: Alarm
    learning: Learning = DEFAULT.learning

    async def outcome(self, tx: Tx, gate: GateFile, proposals: Sequence[Proposal], second: Member | None = None) -> Proposal:
        """The last of the case's proposals is final, or was contested. Returns it as it is to be saved. Its closing is in the log.

        `second`: who agreed. He is the informer of what is verified: who proposed it has read the case, and may be who leaked. What a
        second look contradicts teaches nothing: either of the two may be who leaked, and what the case ends with teaches in its stead."""
        last, verified = proposals[-1], second is not None and self._stands_apart(second, proposals[-1])
        informer = second.person.id if verified and second is not None else last.person
        verdict = None if last.second is Second.DISAGREED else VERDICTS.get(last.ending)
        new = verdict is not None and is_news(proposals, verdict, verified=verified)
        events = [await self._event(tx, gate, last, verdict, informer, verified=verified)] if new and verdict is not None else []
        last = await self._write(tx, last, events)
        return replace(last, taught=Taught.VERIFIED if verified else Taught.SAID) if events else last

    def _stands_apart(self, second: Member, last: Proposal) -> bool:
        """He is of no office above or below the proposer's: a chief's word and his office's are one."""
        known = last.agency in self.atlas.agencies
        return second.card.agency not in (self.atlas.line(last.agency) if known else {last.agency})

    async def source_says(self, tx: Tx, gate: GateFile, last: Proposal) -> Proposal:
        """The source told whether it was of any use. A no to what was closed as clean counts a little; all sources are one informer.
        Returns the proposal as it is to be saved."""
        doubted = last.helped is Helped.NO and VERDICTS.get(last.ending) is Verdict.CLEAN
        events = [await self._event(tx, gate, last, Verdict.COMPROMISED, SOURCES, verified=False)] if doubted else []
        return await self._write(tx, last, events)

    async def _event(self, tx: Tx, gate: GateFile, last: Proposal, verdict: Verdict, informer: str, *, verified: bool) -> Event:
        """Of those told, whom its readers told: who opened it after it had ended, for a second look, told nobody before it was leaked, or
        a friend who agrees could lighten the leaker's blame."""
        area, people = area_of(gate.regions, self.atlas), await self.openings.before(tx, gate, last.entry)
        had = {person.id for person in people}
        told = [one for one in await self.telling.of(tx, gate.case) if one[0] in had]
        readers = tuple(reader(person, area, self.atlas, self.learning) for person in people)
        outsiders = outside(told, area, self.atlas, self.learning)
        return Event(area, readers, verdict, informer, verified, self._day(), outsiders)

    async def _write(self, tx: Tx, last: Proposal, events: Sequence[Event]) -> Proposal:
        """A row that stands in the place of this one is nobody's of ours."""
        row_id = self.keys.sending_id(f"lesson\0{last.case}\0{last.number}\0{last.records}")
        if not await tx.add_lesson(seal_record(self.keys, row_id, Record(self._day(), 1, tuple(events)))):
            self.alarm(Trouble.TAMPERED)
        await tx.log(record_leaf(self.keys, row_id, self.clock.now_ms() // HOUR_MS))
        return replace(last, records=last.records + 1)

    def _day(self) -> int:
        return self.clock.now_ms() // DAY_MS


def is_news(proposals: Sequence[Proposal], verdict: Verdict, *, verified: bool) -> bool:
    """Whether the last of these says something that the case has not taught yet: another verdict than before, or the same with a second
    look that was missing. What contradicts an earlier outcome does not undo it: who contradicts may be who leaked."""
    taught = [(VERDICTS[p.ending], p.taught) for p in reversed(proposals) if p.taught is not Taught.NOTHING]
    same = [how for _, how in takewhile(lambda lesson: lesson[0] is verdict, taught)]
    return not same or (verified and Taught.VERIFIED not in same)
