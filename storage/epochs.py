"""Epochs: their public halves, and whatever is sealed to one of them and must be sealed anew before its key is destroyed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, and_, func, select, true, tuple_, update

from sealing.keyring import announced
from sealing.rows import CaseState, EpochRow, EpochState, GrantState, Part, Purpose, Wrapped
from storage import tables
from storage.cases import CasePart
from storage.engine import Database
from storage.transaction import Transaction

_NEVER_READ = (GrantState.STRUCK, GrantState.GIVEN_UP, GrantState.LAPSED, GrantState.DONE)
"""Their key files stay under the lock of their time, and go with it."""


class EpochMismatch(Exception):
    """The database belongs to other secrets than the worker's. Nothing is served from it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something sealed to a server-held key lies. `numbered`: the row says to which epoch; else one must try. `only`: the rows
    that are still needed."""

    table: Table
    sealed: tuple[str, ...]
    numbered: bool = False
    only: ColumnElement[bool] | None = None


PLACES: dict[Purpose, tuple[Place, ...]] = {
    Purpose.INTAKE: (
        Place(tables.inbound, ("sealed",), numbered=True),
        Place(tables.thread, ("sealed",), numbered=True),
        Place(tables.cluster, ("sealed",), numbered=True),
    ),
    Purpose.RELEASE: (
        Place(tables.grant, ("stub", "key_file"), only=tables.grant.c.state.not_in(_NEVER_READ)),
        Place(tables.envelope, ("sealed",), only=tables.envelope.c.part == Part.NOTE),
        Place(tables.share, ("sealed",)),
    ),
    Purpose.GATE: (
        Place(tables.case, ("gate",), only=tables.case.c.state != CaseState.PURGED),
        Place(tables.outcome, ("sealed",)),
        Place(tables.lesson, ("sealed",)),
        Place(tables.link, ("sealed",)),
        Place(tables.act, ("sealed",)),
    ),
    Purpose.DELIVERY: (
        Place(tables.sending, ("sealed",), numbered=True, only=tables.sending.c.sealed != b""),
        Place(tables.erasure, ("sealed",), numbered=True),
        Place(tables.push, ("sealed",), numbered=True),
        Place(tables.act, ("sealed",)),
    ),
    Purpose.ROSTER: (Place(tables.person, ("card", "duty", "next")),),
}
"""The one list of what rotation seals anew. Contacts inside case envelopes are not in it: nobody here can open them."""


class SqlEpochs:
    """Port `handlers.rotation.EpochStore`. Every method raises StorageDown."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def epochs(self) -> Sequence[EpochRow]:
        async with self._database.begin(reading=True) as transaction:
            return await known(transaction)

    async def serving(self, purpose: Purpose) -> Sequence[EpochRow]:
        """Those of one purpose that are not destroyed, newest first."""
        async with self._database.begin(reading=True) as transaction:
            return [row for row in await known(transaction) if row.purpose is purpose and row.state is not EpochState.DESTROYED]

    async def record(self, rows: Sequence[EpochRow], leaf: Callable[[EpochRow], bytes], custody: str) -> None:
        """As `record`, in a transaction of its own. Raises EpochMismatch."""
        async with self._database.begin() as transaction:
            await record(transaction, rows, leaf, custody)

    async def wrapped(self, purpose: Purpose, number: int, after: Wrapped | None, most: int) -> Sequence[Wrapped]:
        """What may be sealed to this epoch, after this row of the last page; an empty page is the end."""
        places = PLACES[purpose]
        start = 0 if after is None else next(n for n, place in enumerate(places) if place.table.name == after.table)
        async with self._database.begin(reading=True) as transaction:
            for n, place in enumerate(places[start:], start):
                page = await _page(transaction, place, number, after if n == start else None, most)
                if page:
                    return page
        return []

    async def rewrap(self, purpose: Purpose, number: int, rows: Sequence[tuple[Wrapped, Wrapped]]) -> int:
        """(as it was read, as it is from now on); `number` = the epoch that it is sealed to now. A row that somebody changed meanwhile is
        left as it is. Rows that another transaction has in hand are passed over: nobody waits for us, and we for nobody. How many."""
        async with self._database.begin() as transaction:
            return sum([await _put(transaction, _place(purpose, old.table), number, old, new) for old, new in rows])

    async def needed(self, purpose: Purpose, number: int) -> int:
        """How many rows say that they are sealed to this epoch."""
        async with self._database.begin(reading=True) as transaction:
            return await _needed(transaction, purpose, number)

    async def destroy(self, row: EpochRow, leaf: bytes) -> int:
        """Marks the epoch destroyed, with its custody leaf, unless a row still says that it is sealed to it: how many then. 0 = it is
        destroyed. On PostgreSQL the lock on the epoch's row waits for messages that are being accepted under it."""
        column = tables.epoch.c
        ours = and_(column.purpose == row.purpose, column.number == row.number)
        async with self._database.begin() as transaction:
            state = (await transaction.run(select(column.state).where(ours).with_for_update())).scalar()
            if count := await _needed(transaction, row.purpose, row.number):
                return count
            if state is not None and state is not EpochState.DESTROYED:
                await transaction.run(update(tables.epoch).where(ours).values(state=EpochState.DESTROYED))
                await CasePart(transaction).log(leaf)
        await self._database.compact()
        return 0


async def known(transaction: Transaction) -> list[EpochRow]:
    """Newest first."""
    column = tables.epoch.c
    return await transaction.all(tables.epoch, EpochRow, true(), column.purpose, column.number.desc())


async def record(
    transaction: Transaction, rows: Sequence[EpochRow], leaf: Callable[[EpochRow], bytes] | None = None, custody: str | None = None
) -> None:
    """The public halves of the worker's keys. What it does not hold and is older than what it holds is destroyed, and what is destroyed
    stays so. `leaf` = the custody leaf of an epoch that is new in a purpose that had one. `custody`: in a database of this line, rows that
    this key did not sign are somebody's invention: newer ones are destroyed, and one in the place of ours makes room for ours.

    Raises EpochMismatch where the table names another key for an epoch, or newer ones than these: then these are old secrets. And where
    not one row is of a key that we hold, or signed by us: then it is another line's.
    """
    there = {(row.purpose, row.number): row for row in await known(transaction)}
    newest = {row.purpose: row.number for row in sorted(rows, key=lambda row: row.number)}
    _check({(row.purpose, row.number): row for row in rows}, there, newest, custody)
    for row in rows:
        stored = there.get((row.purpose, row.number))
        if stored is None:
            await transaction.add(tables.epoch, row)
            if leaf is not None and any(purpose is row.purpose for purpose, _ in there):
                await CasePart(transaction).log(leaf(row))
        elif stored.recipient != row.recipient:
            await _replace(transaction, row)
            if leaf is not None:
                await CasePart(transaction).log(leaf(row))
        elif stored.state is not EpochState.DESTROYED and stored != row:
            await _update(transaction, row, {"state": row.state, "signature": row.signature})
    held = {(row.purpose, row.number) for row in rows}
    for row in there.values():
        if row.state is not EpochState.DESTROYED and row.purpose in newest and (row.purpose, row.number) not in held:
            await _update(transaction, row, {"state": EpochState.DESTROYED})


_Place = tuple[Purpose, int]


def _check(rows: Mapping[_Place, EpochRow], there: Mapping[_Place, EpochRow], newest: Mapping[Purpose, int], custody: str | None) -> None:
    """Raises EpochMismatch, as `record` says."""
    same = {place for place, row in there.items() if place in rows and rows[place].recipient == row.recipient}
    signed = [(place, row) for place, row in there.items() if custody is None or announced(row, custody)]
    if there and not signed and not same:
        raise EpochMismatch
    for place, row in signed:
        newer = row.state is not EpochState.DESTROYED and row.number > newest.get(row.purpose, row.number)
        if newer or (place in rows and place not in same):
            raise EpochMismatch


async def closed(transaction: Transaction, numbers: Collection[int]) -> set[int]:
    """Which of these intake epochs take no message: they are destroyed, or the table does not know them; but before the first worker said
    what it holds, none is known and all take some. The rows of the others stay as they are until the caller's commit (SQLite has one
    writer anyway)."""
    column = tables.epoch.c
    asked = select(column.number, column.state).where(column.purpose == Purpose.INTAKE, column.number.in_(numbers))
    found = (await transaction.run(asked.with_for_update(read=True))).all()
    if not found and (await transaction.run(select(column.number).where(column.purpose == Purpose.INTAKE).limit(1))).first() is None:
        return set()
    return set(numbers) - {number for number, state in found if state is not EpochState.DESTROYED}


async def _replace(transaction: Transaction, row: EpochRow) -> None:
    """Also where somebody's invention is called destroyed."""
    column = tables.epoch.c
    theirs = and_(column.purpose == row.purpose, column.number == row.number, column.recipient != row.recipient)
    values = {"recipient": row.recipient, "state": row.state, "signature": row.signature}
    await transaction.run(update(tables.epoch).where(theirs).values(values))


async def _update(transaction: Transaction, row: EpochRow, values: dict[str, object]) -> None:
    column = tables.epoch.c
    ours = and_(column.purpose == row.purpose, column.number == row.number, column.state != EpochState.DESTROYED)
    await transaction.run(update(tables.epoch).where(ours).values(values))


def _only(place: Place) -> ColumnElement[bool]:
    return true() if place.only is None else place.only


def _place(purpose: Purpose, table: str) -> Place:
    return next(place for place in PLACES[purpose] if place.table.name == table)


async def _page(transaction: Transaction, place: Place, number: int, after: Wrapped | None, most: int) -> list[Wrapped]:
    keys = list(place.table.primary_key.columns)
    query = select(*keys, *(place.table.c[name] for name in place.sealed)).where(_only(place)).order_by(*keys).limit(most)
    if place.numbered:
        query = query.where(place.table.c.epoch == number)
    if after is not None:
        query = query.where(tuple_(*keys) > tuple_(*after.key))
    found = await transaction.run(query)
    return [Wrapped(place.table.name, tuple(row[: len(keys)]), tuple(row[len(keys) :]), place.numbered) for row in found]


async def _put(transaction: Transaction, place: Place, number: int, old: Wrapped, new: Wrapped) -> bool:
    keys = list(place.table.primary_key.columns)
    columns = [place.table.c[name] for name in place.sealed]
    mine = and_(*(key == value for key, value in zip(keys, old.key, strict=True)))
    there = await transaction.run(select(*columns).where(mine).with_for_update(skip_locked=True))
    if (row := there.first()) is None or tuple(row) != old.sealed:
        return False
    values: dict[str, object] = dict(zip(place.sealed, new.sealed, strict=True))
    return await transaction.changed(update(place.table).where(mine).values(values | ({"epoch": number} if place.numbered else {})))


async def _needed(transaction: Transaction, purpose: Purpose, number: int) -> int:
    counts = [
        select(func.count()).select_from(place.table).where(_only(place), place.table.c.epoch == number).scalar_subquery()
        for place in PLACES[purpose]
        if place.numbered
    ]
    return sum((await transaction.run(select(*counts))).one()) if counts else 0
