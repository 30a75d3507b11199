"""What two vetters let go out that the draw would hold: a pool so small that readers are easy to guess, or a tip that names too many.

Derived from the custody log; which reason an entry there is about, the worker's sealed record alone tells (handlers/held.py). A release is
of one case and one reason; it chooses nobody: the tip is drawn with the coins that it had from the start. Who signs it sees two numbers and
nothing of the tip. A case whose readers are gone waits for them, too, where its names leave few to draw from (handlers/rescue.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from handlers.enrolment import SLACK_HOURS, STALE_HOURS
from handlers.held import held
from handlers.letters import Letters
from handlers.parts import worker_leaf
from handlers.ports import Clock, Tx
from handlers.roster import Vetters, read_book
from handlers.roster_log import Book
from handlers.standing import Statement
from routing.people import Hold
from sealing.custody import Entry, EntryError, EntryKind, holds, leaf_hash, read_leaf
from sealing.keyring import WorkerKeys
from sealing.rows import READ, CaseState, TaskKind

DAY_HOURS = 24
MAY_WAIT = READ | {CaseState.HELD}
"""A sealed case does where the worker has a record that it waits."""


class Freed(StrEnum):
    """What vetters get a letter about: one of them signed a release; a second did, too."""

    SIGNED = "release_signed"
    RELEASED = "released"


class NotFreed(StrEnum):
    """`case`: no tip of this id waits for two vetters, or it is held for another reason than the one that was signed; nothing more is said
    of it."""

    UNREADABLE = "unreadable"
    STRANGER = "stranger"
    HOUR = "hour"
    CASE = "case"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class Releases:
    keys: WorkerKeys
    clock: Clock
    vetters: Vetters
    letters: Letters

    async def granted(self, tx: Tx, case_id: str, hold: Hold, pool: int) -> bool:
        """Whether two of today's vetters who may decide together let this case go out although it would be held for this reason. `pool`:
        how many could read it, which must not be fewer than they were told."""
        record = await held(tx, self.keys, case_id)
        if record is None or not (releases := record.matters(case_id, hold, pool)):
            return False
        book = await read_book(tx, self.keys, self.vetters)
        return any(self.vetters.enough(self._signers(book, case_id, release)) for release in releases)

    def _signers(self, book: Book, case_id: str, release: str) -> set[str]:
        return {said.signer for said in book.releases(case_id) if self._counts(said, release)}

    def _counts(self, said: Statement, what: str) -> bool:
        """Of who is a vetter now: who was one when he signed, and is none any more, lets nothing go out."""
        key = self.vetters.keys.get(said.signer)
        named = said.entry.sha256 == what and not said.entry.card
        return named and key is not None and said.taken is not None and holds(said.leaf, key)

    async def take(self, tx: Tx, leaf: bytes, hour: int) -> Freed | NotFreed:
        """One vetter's release, into the log, in the caller's transaction. A refusal has written nothing."""
        entry = self._signed(leaf, hour)
        if isinstance(entry, NotFreed):
            return entry
        case = await tx.lock_case(entry.case)
        if case is None or case.state not in MAY_WAIT or entry.hour < case.day * DAY_HOURS - SLACK_HOURS:
            return NotFreed.CASE
        record = await held(tx, self.keys, case.id)
        if record is None or entry.sha256 not in record.matters(case.id, record.hold, record.pool):
            return NotFreed.CASE
        book = await read_book(tx, self.keys, self.vetters)
        if book.announced(leaf_hash(leaf).hex(), "") is not None:
            return NotFreed.TWICE
        await tx.log(leaf)
        await tx.log(worker_leaf(self.keys, Entry(hour, EntryKind.ANNOUNCE, case.id, leaf_hash(leaf).hex(), "")))
        told = Freed.RELEASED if await self.granted(tx, case.id, record.hold, record.pool) else Freed.SIGNED
        await self.letters.write(tx, told, case=case.id)
        if told is Freed.RELEASED:
            again = TaskKind.SEAL if case.state is CaseState.HELD else TaskKind.RESCUE
            await tx.enqueue(again, case.id, self.clock.now_ms())
        return told

    def _signed(self, leaf: bytes, hour: int) -> Entry | NotFreed:
        """What a vetter of today says in it."""
        try:
            entry, _, signer, _ = read_leaf(leaf)
        except EntryError:
            return NotFreed.UNREADABLE
        if entry.kind is not EntryKind.RELEASE or not entry.case or entry.card:
            return NotFreed.UNREADABLE
        if signer not in self.vetters.keys or not holds(leaf, self.vetters.keys[signer]):
            return NotFreed.STRANGER
        return entry if hour - STALE_HOURS <= entry.hour <= hour + SLACK_HOURS else NotFreed.HOUR
