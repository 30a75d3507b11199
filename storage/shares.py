"""Trustees' shares, letters to vetters, outcomes, and where notices go."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, exists, select, true, update

from sealing.rows import GrantState, LetterRow, OutcomeRow, PushRow, ShareRow, ShareState
from storage import tables
from storage.transaction import TxPart, values_of


class SharePart(TxPart):
    """The share, letter, outcome and push methods of `handlers.ports.Tx`."""

    __slots__ = ()

    async def add_shares(self, shares: Sequence[ShareRow]) -> None:
        await self._transaction.add_all(tables.share, shares)

    async def shares(self, case_id: str) -> Sequence[ShareRow]:
        return await self._transaction.all(tables.share, ShareRow, tables.share.c.case_id == case_id, tables.share.c.id)

    async def move_share(self, id: str, old: ShareState, new: ShareState) -> bool:
        guarded = update(tables.share).where(tables.share.c.id == id, tables.share.c.state == old)
        return await self._transaction.changed(guarded.values(state=new))

    async def put_share(self, id: str, old: ShareState, new: ShareState, sealed: bytes) -> bool:
        """The same, with what is sealed in its place."""
        guarded = update(tables.share).where(tables.share.c.id == id, tables.share.c.state == old)
        return await self._transaction.changed(guarded.values(state=new, sealed=sealed))

    async def add_letter(self, letter: LetterRow) -> None:
        await self._transaction.add(tables.letter, letter)

    async def letters(self, to: str) -> Sequence[LetterRow]:
        return await self._transaction.all(tables.letter, LetterRow, tables.letter.c.to == to, tables.letter.c.day, tables.letter.c.id)

    async def all_letters(self) -> Sequence[LetterRow]:
        return await self._transaction.all(tables.letter, LetterRow, true(), tables.letter.c.day, tables.letter.c.id)

    async def drop_letters(self, ids: Sequence[str]) -> None:
        await self._transaction.run(delete(tables.letter).where(tables.letter.c.id.in_(ids)))

    async def save_outcome(self, row: OutcomeRow) -> None:
        """A later one of the same id takes the place of the first."""
        insert = self._transaction.insert(tables.outcome).values(values_of(row))
        await self._transaction.run(insert.on_conflict_do_update(index_elements=[tables.outcome.c.id], set_={"sealed": row.sealed}))

    async def add_outcome(self, row: OutcomeRow) -> bool:
        return await self._transaction.add(tables.outcome, row)

    async def outcome(self, id: str) -> OutcomeRow | None:
        return await self._transaction.one(tables.outcome, OutcomeRow, tables.outcome.c.id == id)

    async def drop_outcome(self, id: str) -> None:
        await self._transaction.run(delete(tables.outcome).where(tables.outcome.c.id == id))

    async def save_push(self, row: PushRow) -> None:
        insert = self._transaction.insert(tables.push).values(values_of(row))
        changed = {"epoch": row.epoch, "sealed": row.sealed}
        await self._transaction.run(insert.on_conflict_do_update(index_elements=[tables.push.c.person_id], set_=changed))

    async def drop_push(self, person_id: str) -> None:
        await self._transaction.run(delete(tables.push).where(tables.push.c.person_id == person_id))

    async def pushes(self) -> Sequence[PushRow]:
        return await self._transaction.all(tables.push, PushRow, true(), tables.push.c.person_id)

    async def urgent_waits(self) -> bool:
        offered = (tables.grant.c.state == GrantState.OFFERED) & (tables.grant.c.case_id == tables.case.c.id)
        found = select(exists().where(offered, tables.case.c.urgent))
        return bool((await self._transaction.run(found)).scalar_one())
