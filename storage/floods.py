"""Clusters of first messages that are alike, and how many of them are an item that somebody still has to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update

from sealing.rows import CaseState, ClusterRow
from storage import tables
from storage.transaction import TxPart, values_of

CHUNK = 500
KEPT_DAYS = 2
"""Days after which a cluster without an item that goes on is gone: its window is six hours."""
_OVER = (CaseState.CLOSED, CaseState.PURGED)


class ClusterPart(TxPart):
    """The cluster methods of `handlers.ports.Tx`."""

    __slots__ = ()

    async def clusters(self, since_day: int, known: Mapping[str, int]) -> tuple[frozenset[str], Sequence[ClusterRow]]:
        """Ids of all clusters of these days, and the rows of those that are not `known` in this version (id -> version)."""
        column = tables.cluster.c
        listed = select(column.id, column.version).where(column.day >= since_day)
        found = {row.id: row.version for row in await self._transaction.run(listed)}
        new = sorted(key for key, version in found.items() if known.get(key) != version)
        rows: list[ClusterRow] = []
        for start in range(0, len(new), CHUNK):
            rows += await self._transaction.all(tables.cluster, ClusterRow, column.id.in_(new[start : start + CHUNK]))
        return frozenset(found), rows

    async def save_cluster(self, row: ClusterRow) -> bool:
        """`row.version` is that of the row as read, 0 for a new one; it is stored with the next."""
        values = values_of(row) | {"version": row.version + 1}
        if row.version == 0:
            insert = self._transaction.insert(tables.cluster).values(values).on_conflict_do_nothing()
            return (await self._transaction.run(insert.returning(tables.cluster.c.id))).first() is not None
        column = tables.cluster.c
        return await self._transaction.changed(
            update(tables.cluster).where(column.id == row.id, column.version == row.version).values(values)
        )

    async def drop_clusters(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), CHUNK):
            await self._transaction.run(delete(tables.cluster).where(tables.cluster.c.id.in_(ids[start : start + CHUNK])))


OPEN_ITEMS = (
    select(func.count(tables.case.c.id.distinct()))
    .select_from(tables.cluster.join(tables.case, tables.case.c.id == tables.cluster.c.case_id))
    .where(tables.case.c.state.not_in(_OVER))
)
"""How many review items go on: floods that are one case each."""


def past(day: int) -> ColumnElement[bool]:
    """Clusters that the sweep of this day takes. An item stays as long as its case goes on."""
    column = tables.cluster.c
    over = select(tables.case.c.id).where(tables.case.c.state.in_(_OVER))
    return and_(column.day < day - KEPT_DAYS, or_(column.case_id.is_(None), column.case_id.in_(over)))
