"""What outcomes tell of readers: sealed records in the database, beliefs in the worker's memory and nowhere else.

The worker learns from committed rows, as it finds them before a draw and at its start, whoever wrote them: nothing counts that was rolled
back, nothing twice, and several workers know the same. Records that are days old are put together, many to a row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from handlers.ports import Clock, Store, Trouble, Tx
from handlers.succession import Alarm
from routing.learning import Beliefs, nothing_known, update
from routing.policy import DEFAULT, Learning
from routing.records import Record, RecordError, parse_record, record_bytes
from sealing.age import OpenError, padme
from sealing.keyring import WorkerKeys
from sealing.rows import DAY_MS, LessonRow

MOST_SINGLE = 1_000
"""Rows of one outcome each, before they are put together."""
SETTLED_DAYS = 2
"""Records of younger days stay single: everybody has seen what is put together, and no day is torn apart."""
PAGE = 8
"""Rows read at once at a start: each may hold a thousand outcomes."""
TOGETHER, BROKEN = -1, -2
"""In place of a row's day."""


def seal_record(keys: WorkerKeys, row_id: str, record: Record) -> LessonRow:
    data = record_bytes(record)
    return LessonRow(row_id, keys.seal_gate(_bound_to(row_id), data.ljust(padme(len(data)), b" ")))


def open_record(keys: WorkerKeys, row: LessonRow) -> Record:
    """Raises OpenError when it does not open, or this worker did not write it for this row."""
    try:
        return parse_record(keys.open_gate(_bound_to(row.id), row.sealed).rstrip(b" "))
    except RecordError:
        raise OpenError("not a record of outcomes") from None


def _bound_to(row_id: str) -> str:
    """What stands in a gate file's MAC is a case id: never this."""
    return f"lesson {row_id}"


Found = tuple[str, Record]
"""Id of a row, and what it holds."""


@dataclass(slots=True)
class Memory:
    """The worker's beliefs. `_days`: the day of each row that was learned from, TOGETHER for one of many records, BROKEN for one that does
    not hold. `_astray`: rows are gone that were not put together; everything is read anew at the next `learn`. `_turn` counts what this
    process put together."""

    keys: WorkerKeys
    clock: Clock
    alarm: Alarm
    learning: Learning = DEFAULT.learning
    beliefs: Beliefs = field(default_factory=nothing_known)
    _days: dict[str, int] = field(default_factory=dict)
    _astray: bool = False
    _turn: int = 0

    async def current(self, tx: Tx) -> Beliefs:
        """With every outcome that is committed. To be asked in a transaction that has written none."""
        turn, ids = -1, frozenset[str]()
        while turn != self._turn:
            turn, ids = self._turn, frozenset(await tx.lesson_ids())
        self._look_for_lost(ids)
        if not self._astray and (fresh := ids - self._days.keys()):
            found = self._open(await tx.lessons_named(sorted(fresh)))
            self._take(sorted((f for f in found if f[1].rows > 1), key=lambda f: f[0]))
            self._take(_by_day(f for f in found if f[1].rows == 1))
        return self.beliefs

    async def learn(self, store: Store) -> None:
        """At the start, before anything is drawn, and now and then: what is new; everything anew where rows went astray; and what has grown
        old is put together. Raises StorageDown."""
        if self._days and not self._astray:
            async with store.begin() as tx:
                await self.current(tx)
        if not self._days or self._astray:
            await self._replay(store)
        await self._put_together(store)

    async def _replay(self, store: Store) -> None:
        """In the order of days, then ids: what was put together is of earlier days than what was not, and numbered in order. Page by page,
        each in a transaction of its own: a start must not keep anybody from writing."""
        made, last, single = Memory(self.keys, self.clock, self.alarm, self.learning), "", list[Found]()
        while page := await _page(store, last):
            last = page[-1].id
            found = made._open(page)
            made._take([f for f in found if f[1].rows > 1])
            single += [f for f in found if f[1].rows == 1]
        made._take(_by_day(single))
        self.beliefs, self._days, self._astray = made.beliefs, made._days, False

    def _open(self, rows: Iterable[LessonRow]) -> list[Found]:
        """One that was tampered with is left out, and somebody must look."""
        found: list[Found] = []
        for row in rows:
            try:
                found.append((row.id, open_record(self.keys, row)))
            except OpenError:
                self._days[row.id] = BROKEN
                self.alarm(Trouble.TAMPERED)
        return found

    def _take(self, found: Iterable[Found]) -> None:
        """Learns from these, in order, unless it was done while they were read."""
        for row_id, record in found:
            if row_id not in self._days:
                self._days[row_id] = record.day if record.rows == 1 else TOGETHER
                for event in record.events:
                    self.beliefs = update(self.beliefs, event, self.learning)

    def _look_for_lost(self, ids: frozenset[str]) -> None:
        """Rows that went were put together by another worker into one row, whose id says of which; or somebody deleted them: what was
        learned from them is kept for now, and told."""
        lost = self._days.keys() - ids
        gone = {row_id for row_id in lost if self._days[row_id] != BROKEN}
        for row_id in lost - gone:
            del self._days[row_id]
        if not gone or self._astray:
            return
        name = self._name(gone)
        together = next((row_id for row_id in ids - self._days.keys() if row_id.endswith(name)), None)
        if together is None:
            self._astray = True
            self.alarm(Trouble.TAMPERED)
        else:
            self._swap(gone, together)

    def _swap(self, gone: Iterable[str], together: str) -> None:
        for row_id in gone:
            self._days.pop(row_id, None)
        self._days[together] = TOGETHER

    async def _put_together(self, store: Store) -> None:
        settled = self.clock.now_ms() // DAY_MS - SETTLED_DAYS
        old = [row_id for day, row_id in sorted((day, row_id) for row_id, day in self._days.items()) if 0 <= day < settled]
        if len(old) <= MOST_SINGLE:
            return
        number = sum(day == TOGETHER for day in self._days.values()) + 1
        row_id = f"{number:016d}{self._name(old)}"
        try:
            async with store.begin() as tx:
                await self._move(tx, old, row_id)
        except LessonsMoved:
            return  # another worker was first, or somebody deleted or altered some: the next look finds out
        self._turn += 1
        self._swap(old, row_id)

    async def _move(self, tx: Tx, old: Sequence[str], row_id: str) -> None:
        """Raises LessonsMoved, after which nothing may be committed."""
        found = dict(self._open(await tx.lessons_named(old)))
        if found.keys() != set(old):
            raise LessonsMoved
        events = tuple(event for each in old for event in found[each].events)
        row = seal_record(self.keys, row_id, Record(found[old[-1]].day, len(old), events))
        if not await tx.add_lesson(row) or await tx.drop_lessons(old) != len(old):
            raise LessonsMoved

    def _name(self, ids: Iterable[str]) -> str:
        """Of a row that these were put together into."""
        return self.keys.sending_id("lessons\0" + hashlib.sha256("\0".join(sorted(ids)).encode()).hexdigest())[:48]


class LessonsMoved(Exception):
    """Another worker put these rows together first: nothing is committed."""


def _by_day(found: Iterable[Found]) -> list[Found]:
    return sorted(found, key=lambda f: (f[1].day, f[0]))


async def _page(store: Store, after: str) -> Sequence[LessonRow]:
    async with store.begin() as tx:
        return await tx.lessons(after, PAGE)
