"""Tips of one phone, plate, vessel or account about the same areas are one matter: they share the people of one draw, or of ten true tips
of it one reaches a given reader almost surely. Readers are not shown links.

An order is bound to what stood in the tip before its coins fell, or before anybody could know it, and to nothing later: else whoever
learnt from a friend that the friend was drawn could tie the plates he fears to that draw. It is bound once, for `LINKED_DAYS`, as it was
drawn: what one tip strikes from it, it strikes for itself alone. What was drawn from a small pool is shared with nobody: whoever claims
enough in his tip makes one. Nor with a tip of other areas, whose draw had other people to choose from: whoever is first to write down a
plate says what about it he likes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from handlers.ports import Clock, Trouble, Tx
from handlers.reading import Read
from handlers.succession import Alarm
from routing.gate import GateFile
from routing.limits import CLOSE
from routing.people import Assignment, Earlier, Flag
from routing.policy import DEFAULT
from sealing.age import OpenError, padded_json, read_json
from sealing.keyring import WorkerKeys
from sealing.learned_rows import LINKED_DAYS, LinkRow, bound_to
from sealing.rows import DAY_MS
from triage.identifiers import TOO_MANY
from triage.tip import Form

KIND = "link"


@dataclass(frozen=True, slots=True)
class Matter:
    """What the identifiers of a tip lead to. `earlier`: the oldest order of any. `free`: tags to which the tip's own draw may be bound.
    `past`: rows in their place that had their time, or that this worker did not write."""

    earlier: Earlier | None = None
    free: tuple[str, ...] = ()
    past: tuple[LinkRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Links:
    """`own`: identifiers of the line itself, which link nothing."""

    keys: WorkerKeys
    clock: Clock
    alarm: Alarm
    own: Collection[str] = field(default_factory=frozenset)

    async def tags(self, read: Sequence[Read], areas: Sequence[str]) -> tuple[str, ...]:
        """Keyed tags of every identifier of the messages in these areas together (routing/exposure.py areas_of), sorted. None for a list
        that somebody pasted. Slow: ask before a transaction."""
        found = sorted({one for r in read for one in r.assessment.identifiers}.difference(self.own))
        if len(found) > TOO_MANY:
            return ()
        return tuple(sorted([await asyncio.to_thread(self.keys.link_tag, f"{one} in {' '.join(areas)}") for one in found]))

    async def find(self, tx: Tx, tags: Sequence[str]) -> Matter:
        rows = await tx.links(tags) if tags else ()
        held = {row.tag: earlier for row in rows if (earlier := self._opened(row)) is not None}
        oldest = next((held[row.tag] for row in rows if row.tag in held), None)
        free, past = [tag for tag in tags if tag not in held], [row for row in rows if row.tag not in held]
        return Matter(oldest, tuple(free), tuple(past))

    async def keep(self, tx: Tx, matter: Matter, drawn: Assignment, read: Sequence[Read]) -> bool:
        """Binds a draw to what had none, but for a linked tip, whether it found somebody of that order or not: who knows the order that he
        links to could tie others to it. Nor for the item of a flood, in which many speak. False = another tip of the same matter was drawn
        for meanwhile: nothing may be committed, and the draw is made again."""
        if matter.earlier is not None or _of_many(read) or not _fair(drawn.order, drawn.chances, drawn.flags):
            return True
        return await self._bind(tx, matter, Earlier(drawn.order, drawn.leads, drawn.chances)) == len(matter.free)

    async def later(self, tx: Tx, tags: Sequence[str], case: GateFile, read: Sequence[Read]) -> None:
        """What a later message brings is bound to its case's order as well, as long as nobody was offered the case, and so nobody but this
        worker can know who was drawn. `case`: its gate as it was before the message."""
        order = tuple(seat.person for seat in case.order)
        if not tags or _of_many(read) or case.standing() != case.order or not _fair(order, case.chances, case.flags):
            return
        if any(grant.person_id is not None for grant in await tx.grants(case.case)):
            return
        leads = tuple(seat.person for seat in case.lead_order)
        await self._bind(tx, await self.find(tx, tags), Earlier(order, leads, case.chances))

    async def _bind(self, tx: Tx, matter: Matter, order: Earlier) -> int:
        """To how many tags; the others were bound by somebody else meanwhile."""
        for row in matter.past:
            await tx.drop_link(row)
        day = self.clock.now_ms() // DAY_MS
        bound = [await tx.add_link(LinkRow(tag, day, self._sealed(tag, day, order))) for tag in matter.free]
        return sum(bound)

    def _sealed(self, tag: str, day: int, order: Earlier) -> bytes:
        people = (*order.order, *order.leads)
        chances = {person: float(order.chances[person]) for person in people}
        fields = {"day": day, "order": list(order.order), "leads": list(order.leads), "chances": chances}
        return self.keys.seal_gate(bound_to(KIND, tag), padded_json({"v": 1, "kind": KIND, **fields}))

    def _opened(self, row: LinkRow) -> Earlier | None:
        """None = its time is over; or this worker did not write it for this tag and day: then it is as if it were not there, since whoever
        writes to the database could have deleted it, too."""
        if row.day < self.clock.now_ms() // DAY_MS - LINKED_DAYS:
            return None
        try:
            fields = read_json(self.keys.open_gate(bound_to(KIND, row.tag), row.sealed), KIND)
        except OpenError:
            fields = {}
        order, leads, chances = (fields.get(name) for name in ("order", "leads", "chances"))
        if fields.get("day") != row.day or not (isinstance(order, list) and isinstance(leads, list) and isinstance(chances, dict)):
            self.alarm(Trouble.TAMPERED)
            return None
        if len(order) < DEFAULT.readers:
            return None  # of a version that bound less
        return Earlier(tuple(order), tuple(leads), chances)


def _of_many(read: Sequence[Read]) -> bool:
    return any(r.message.form is Form.ONE_OF_MANY for r in read)


def _fair(order: Sequence[str], chances: Mapping[str, float], flags: Collection[Flag]) -> bool:
    """A draw of its own, of as many as usual, and nobody whom the facts of one tip, true or not, had made likelier than the cap. Whoever
    was seated later has no chance in it."""
    if len(order) < DEFAULT.readers or not {Flag.LINKED, Flag.SMALL_POOL}.isdisjoint(flags):
        return False
    return all(person in chances and chances[person] <= DEFAULT.cap + CLOSE for person in order)
