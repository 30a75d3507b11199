"""People of the line, and what they do at the desk."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, true, update

from sealing.rows import ActRow, Handout, PersonRow
from storage import tables
from storage.transaction import TxPart, values_of


class PeoplePart(TxPart):
    """The person, act and handout methods of `handlers.ports.Tx`."""

    __slots__ = ()

    async def person(self, id: str) -> PersonRow | None:
        return await self._transaction.one(tables.person, PersonRow, tables.person.c.id == id)

    async def people(self) -> Sequence[PersonRow]:
        return await self._transaction.all(tables.person, PersonRow, true(), tables.person.c.id)

    async def save_person(self, row: PersonRow) -> bool:
        """`row.version` is that of the row as read, 0 for a new one; it is stored with the next."""
        values = values_of(row) | {"version": row.version + 1}
        if row.version == 0:
            insert = self._transaction.insert(tables.person).values(values).on_conflict_do_nothing()
            return (await self._transaction.run(insert.returning(tables.person.c.id))).first() is not None
        guarded = update(tables.person).where(tables.person.c.id == row.id, tables.person.c.version == row.version)
        return await self._transaction.changed(guarded.values(values))

    async def act(self, id: str) -> ActRow | None:
        return await self._transaction.one(tables.act, ActRow, tables.act.c.id == id)

    async def drop_act(self, id: str) -> None:
        await self._transaction.run(delete(tables.act).where(tables.act.c.id == id))

    async def hand_out(self, handout: Handout) -> None:
        """The answer to an act; a second one takes the place of the first."""
        insert = self._transaction.insert(tables.handout).values(values_of(handout))
        changed = {"person_id": handout.person_id, "sealed": handout.sealed, "expires": handout.expires}
        await self._transaction.run(insert.on_conflict_do_update(index_elements=[tables.handout.c.act_id], set_=changed))
