"""What an operator asks of a database: which version, whether it takes writes, when somebody last gave a sign of life."""

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

    async def last_beat(self, role: str = "worker") -> int | None:
        """Milliseconds since 1970; None when there never was one."""
        async with self._database.begin(reading=True) as transaction:
            beat = (await transaction.run(select(tables.heartbeat.c.at).where(tables.heartbeat.c.role == role))).scalar()
        return None if beat is None else int(beat)


async def _write_and_take_back(transaction: Transaction) -> None:
    await transaction.run(transaction.insert(tables.heartbeat).values(role=_PROBE, at=0))
    raise _TakenBack


class _TakenBack(Exception):
    """Rolls a transaction back."""
