"""Who has read a case: those whose own signed OPEN entry stands in the custody log, no matter what any row says.

The log names the card, not the person. A card leaves the roster when its holder renews it, so a copy is noted at the first opening: nobody
gets rid of what he opened by a new key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handlers.kept import Kept, KeptBroken
from handlers.ports import Trouble, Tx
from handlers.roster import Member, Vetters, held_card
from handlers.succession import Alarm
from routing.cards import card_bytes, parse_card
from routing.gate import GateFile
from routing.people import Person
from sealing import custody
from sealing.card import SignedCard
from sealing.custody import EntryError, EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import CaseRow, CaseState

KIND = "opened"
PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Openings:
    keys: WorkerKeys
    vetters: Vetters
    alarm: Alarm

    @property
    def kept(self) -> Kept:
        return Kept(self.keys, KIND)

    async def note(self, tx: Tx, case: CaseRow, member: Member) -> None:
        """By which card he opens the case, once for each card; and where in the log that can be found at the earliest. `case`: as it was
        before he did: one that is open already, and has no note, was opened by a version that made none."""
        try:
            known = {note["card"] for note in await self.kept.of(tx, case.id)}
        except KeptBroken:
            self.alarm(Trouble.TAMPERED)
            return
        if (card := card_bytes(member.card).decode()) not in known:
            after = self.vetters.log.settled if known or case.state is CaseState.SEALED else 0
            await self.kept.add(tx, case.id, {"card": card, "after": after})

    async def before(self, tx: Tx, gate: GateFile, closed: str) -> tuple[Person, ...]:
        """Those who had opened it when this closing was proposed, each by the card that he opened it with first, in the log's order.
        `closed` = hex SHA-256 that the CLOSE entry names. The case is locked: nobody opens it meanwhile."""
        after, cards = await self._cards(tx, gate)
        leaves = await self._until(tx, gate.case, closed, after) or await self._until(tx, gate.case, closed, 0)
        if leaves is None:
            self.alarm(Trouble.TAMPERED)  # it was logged, in this transaction or before it
            return ()
        found: dict[str, Person] = {}
        for leaf in leaves:
            if (person := _opener(leaf, cards)) is None:
                self.alarm(Trouble.TAMPERED)  # the note of his card was deleted, or the entry is forged: somebody who leaked may be missing
            else:
                found.setdefault(person.id, person)
        return tuple(found.values())

    async def _cards(self, tx: Tx, gate: GateFile) -> tuple[int, Mapping[str, Person]]:
        """Where the case's openings begin, and the cards of its readers, by fingerprint; of a case that was opened before cards were noted,
        those that they still have."""
        rows = [await tx.person(person) for person in dict.fromkeys(seat.person for seat in gate.seats)]
        held = [member for row in rows if row is not None and (member := held_card(row, self.keys, self.vetters)) is not None]
        cards = {member.card_fingerprint: member.person for member in held}
        try:
            notes = await self.kept.of(tx, gate.case)
        except KeptBroken:
            self.alarm(Trouble.TAMPERED)
            return 0, cards
        for note in notes:
            data = str(note["card"]).encode()
            cards[SignedCard(data).fingerprint()] = Person(parse_card(data), ())
        return min((after for note in notes if isinstance(after := note["after"], int)), default=0), cards

    async def _until(self, tx: Tx, case_id: str, closed: str, start: int) -> Sequence[bytes] | None:
        """OPEN entries of the case from this place of the log on, until the closing, and what of it cannot be read; None = there is no such
        closing."""
        of_case, found = f'"case":"{case_id}"'.encode(), list[bytes]()
        while True:
            page = await tx.leaves(start, PAGE)
            for leaf in page:
                if of_case not in leaf:
                    continue
                if (entry := _entry(leaf)) is None or (entry.case == case_id and entry.kind is EntryKind.OPEN):
                    found.append(leaf)
                elif entry.case == case_id and entry.kind is EntryKind.CLOSE and entry.sha256 == closed:
                    return found
            if len(page) < PAGE:
                return None
            start += len(page)


def _opener(leaf: bytes, cards: Mapping[str, Person]) -> Person | None:
    """Who signed this; None = none of these."""
    entry = _entry(leaf)
    person = cards.get(entry.card) if entry is not None else None
    return person if person is not None and custody.holds(leaf, person.card.verify_key) else None


def _entry(leaf: bytes) -> custody.Entry | None:
    """None = somebody wrote to the table: it is no entry, and counts for nothing."""
    try:
        return custody.read_leaf(leaf)[0]
    except EntryError:
        return None
