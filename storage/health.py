"""What an operator asks of a database: which version, and whether it takes writes."""

from __future__ import annotations

from sqlalchemy import column, select, table

from sealing.rows import StorageDown
from storage import tables
from storage.engine import Database, newest_revision
from storage.transaction import Transaction

_VERSION = table("alembic_version", column("version_num"))
_PROBE = "probe"


class Vitals:
    """Every method raises StorageDown when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def migrated(self) -> bool:
        """Whether the tables are of this program's version."""
        async with self._database.begin(reading=True) as transaction:
            await transaction.run(select(1))
        try:
            async with self._database.begin(reading=True) as transaction:
                found = (await transaction.run(select(_VERSION.c.version_num))).scalar()
        except StorageDown:  # it answered a moment ago: there is no such table
            return False
        return found == newest_revision()

    async def try_writing(self) -> None:
        """Writes a row and takes it back."""
        try:
            async with self._database.begin() as transaction:
                await _write_and_take_back(transaction)
        except _TakenBack:
            return


async def _write_and_take_back(transaction: Transaction) -> None:
    await transaction.run(transaction.insert(tables.heartbeat).values(role=_PROBE, at=0))
    raise _TakenBack


class _TakenBack(Exception):
    """Rolls a transaction back."""
