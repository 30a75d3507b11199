"""What outcomes tell of readers: sealed records in the database, beliefs in the worker's memory and nowhere else.

The worker learns from committed rows, as it finds them before a draw and at its start, whoever wrote them: nothing counts that was rolled
back, nothing twice, and several workers know the same. Records that are days old are put together, many to a row that names them: whoever
writes a copy of one of them into the table again teaches nothing, and is noticed.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from handlers.ports import Clock, Store, Trouble, Tx
from handlers.succession import Alarm
from routing.learning import Beliefs, Event, deserves_review, nothing_known, update
from routing.policy import DEFAULT, Learning
from routing.records import NAME, Record, RecordError, read_own, record_bytes
from sealing.age import OpenError, padme
from sealing.keyring import WorkerKeys
from sealing.learned_rows import LessonRow, bound_to
from sealing.rows import DAY_MS

KIND = "lesson"
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
    return LessonRow(row_id, keys.seal_gate(bound_to(KIND, row_id), data.ljust(padme(len(data)), b" ")))


def open_record(keys: WorkerKeys, row: LessonRow) -> Record:
    """Raises OpenError when it does not open, or this worker did not write it for this row."""
    try:
        return read_own(keys.open_gate(bound_to(KIND, row.id), row.sealed).rstrip(b" "))
    except RecordError:
        raise OpenError("not a record of outcomes") from None


Found = tuple[str, Record]
"""Id of a row, and what it holds."""


@dataclass(slots=True)
class Memory:
    """The worker's beliefs. `_days`: the day of each row that was learned from, TOGETHER for one of many records, BROKEN for one that does
    not hold. `_absorbed`: names of the records in those of many. `_astray`: rows are gone that were not put together; `_late`: some came
    out of order, and what was forgotten between two depends on which was first. After either everything is read anew at the next `learn`,
    so that all workers, and those that start, think the same. `_turn` counts what this process knows to be put together. `deserved`: the
    day of the last outcome after which a person's own evidence deserved a review."""

    keys: WorkerKeys
    clock: Clock
    alarm: Alarm
    learning: Learning = DEFAULT.learning
    beliefs: Beliefs = field(default_factory=nothing_known)
    deserved: dict[str, int] = field(default_factory=dict)
    _days: dict[str, int] = field(default_factory=dict)
    _absorbed: set[str] = field(default_factory=set)
    _astray: bool = False
    _late: bool = False
    _turn: int = 0

    async def current(self, tx: Tx) -> Beliefs:
        """With every outcome that is committed. To be asked in a transaction that has written none."""
        turn, known, ids = -1, frozenset[str](), frozenset[str]()
        rows: Sequence[LessonRow] = ()
        while turn != self._turn:
            turn, known = self._turn, frozenset(self._days)
            ids = frozenset(await tx.lesson_ids())
            fresh = sorted(ids - self._days.keys())
            rows = await tx.lessons_named(fresh) if fresh else []
        found = self._open(row for row in rows if row.id not in self._days)
        self._take_many(sorted((f for f in found if f[1].rows > 1), key=lambda f: f[0]))
        self._take(_by_day(f for f in found if f[1].rows == 1))
        self._look_for_lost(known - ids)
        return self.beliefs

    def names(self) -> set[str]:
        """Of every record that is there, in a row of its own or of many; the first digits of its id."""
        return self._absorbed | {row_id[:NAME] for row_id, day in self._days.items() if day != TOGETHER}

    async def learn(self, store: Store) -> None:
        """At the start, before anything is drawn, and now and then: what is new; everything anew where rows went astray; and what has grown
        old is put together. Raises StorageDown."""
        if self._days and not self._astray:
            async with store.begin() as tx:
                await self.current(tx)
        if not self._days or self._astray or self._late:
            with _no_gc():
                await self._replay(store)
        await self._put_together(store)

    async def _replay(self, store: Store) -> None:
        """In the order of days, then ids: what was put together is of earlier days than what was not, and numbered in order. Page by page,
        each in a transaction of its own: a start must not keep anybody from writing. What was told of is not told again."""
        made, last, single = Memory(self.keys, self.clock, lambda _: None, self.learning), "", list[Found]()
        while page := await _page(store, last):
            last = page[-1].id
            found = made._open(page)
            made._take_many(f for f in found if f[1].rows > 1)
            single += [f for f in found if f[1].rows == 1]
        made._take(_by_day(single))
        for row_id, day in made._days.items():
            if day == BROKEN and self._days.get(row_id) != BROKEN:
                self.alarm(Trouble.TAMPERED)
        self.beliefs, self.deserved, self._turn = made.beliefs, made.deserved, self._turn + 1
        self._days, self._absorbed, self._astray, self._late = made._days, made._absorbed, False, False

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

    def _take(self, found: Sequence[Found]) -> None:
        """Learns from these rows of one outcome, in order, unless it was done while they were read."""
        last = max(((day, row_id) for row_id, day in self._days.items() if day >= 0), default=(BROKEN, "")) if found else (BROKEN, "")
        for row_id, record in found:
            if row_id[:NAME] in self._absorbed:
                self._days[row_id] = BROKEN  # somebody kept a copy
                self.alarm(Trouble.TAMPERED)
            elif row_id not in self._days:
                self._days[row_id] = record.day
                self._late |= bool(record.events) and (record.day, row_id) < last
                for event in record.events:
                    self._learn_from(event)

    def _take_many(self, found: Iterable[Found]) -> None:
        """The same of rows of many, another worker's: what this one knows of them already counts once."""
        for row_id, record in found:
            single = {known[:NAME]: known for known, day in self._days.items() if day >= 0}
            for name, event in zip(record.of, record.events, strict=False):
                if name not in single and name not in self._absorbed:
                    self._late |= bool(self._days)
                    self._learn_from(event)
            self._swap([single[name] for name in record.of if name in single], row_id, record.of)

    def _learn_from(self, event: Event) -> None:
        self.beliefs = update(self.beliefs, event, self.learning)
        for reader in event.readers:
            if deserves_review(self.beliefs.of(reader.person), self.learning):
                self.deserved[reader.person] = max(event.day, self.deserved.get(reader.person, 0))

    def _look_for_lost(self, gone: Iterable[str]) -> None:
        """Rows that were there, and are in no row of many: somebody deleted them. What was learned from them is kept for now, and told."""
        lost = {row_id for row_id in gone if row_id in self._days}
        for row_id in [row_id for row_id in lost if self._days[row_id] == BROKEN]:
            lost.remove(row_id)
            del self._days[row_id]
        if lost and not self._astray:
            self._astray = True
            self.alarm(Trouble.TAMPERED)

    def _swap(self, gone: Iterable[str], together: str, names: Iterable[str]) -> None:
        for row_id in gone:
            self._days.pop(row_id, None)
        self._days[together] = TOGETHER
        self._absorbed.update(names)
        self._turn += 1

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
        self._swap(old, row_id, [name[:NAME] for name in old])

    async def _move(self, tx: Tx, old: Sequence[str], row_id: str) -> None:
        """Raises LessonsMoved, after which nothing may be committed."""
        found = dict(self._open(await tx.lessons_named(old)))
        if found.keys() != set(old):
            raise LessonsMoved
        told = [(each[:NAME], event) for each in old for event in found[each].events]
        named = (*(name for name, _ in told), *(each[:NAME] for each in old if not found[each].events))
        row = seal_record(self.keys, row_id, Record(found[old[-1]].day, len(old), tuple(event for _, event in told), named))
        if not await tx.add_lesson(row) or await tx.drop_lessons(old) != len(old):
            raise LessonsMoved

    def _name(self, ids: Iterable[str]) -> str:
        """Of a row that these were put together into."""
        return self.keys.sending_id("lessons\0" + hashlib.sha256("\0".join(sorted(ids)).encode()).hexdigest())[:48]


class LessonsMoved(Exception):
    """Another worker put these rows together first: nothing is committed."""


@contextmanager
def _no_gc() -> Iterator[None]:
    """A start makes millions of values that stay, and no circles: to look through them again and again is half its time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _by_day(found: Iterable[Found]) -> list[Found]:
    return sorted(found, key=lambda f: (f[1].day, f[0]))


async def _page(store: Store, after: str) -> Sequence[LessonRow]:
    async with store.begin() as tx:
        return await tx.lessons(after, PAGE)
