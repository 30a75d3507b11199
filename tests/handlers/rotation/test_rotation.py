"""Keys come and go by themselves: nothing that is still needed is lost with one, and nothing that is gone can be opened again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from handlers.rotation import DAY_H, MONTH_H, Epoch, Needed, Rotation, Turned, epoch_leaf, successor
from sealing import age
from sealing.custody import EntryKind
from sealing.keyring import load_worker
from sealing.rows import HOUR_MS, Accepted, EpochRow, EpochState, Purpose, SealedInbound, StorageDown, Wrapped
from sealing.secret_files import KeyFolder
from storage import tables
from storage.engine import Database, open_database
from storage.epochs import SqlEpochs
from storage.intake import SqlIntake
from storage.store import SqlStore
from tests.databases import SetClock
from tests.handlers.every_place import Written, fill, opens
from tests.handlers.rotation.workers import H0, files, lost, read, states, worker

pytestmark = [pytest.mark.both, pytest.mark.asyncio, pytest.mark.enable_socket]


async def test_a_day_gives_a_new_intake_key_and_the_day_after_takes_the_old_one(lite: Database, folder: Path) -> None:
    line = worker(lite, folder)
    await SqlStore(lite).record_epochs(line.keys.public_epochs())
    written = await fill(lite, line.keys)
    assert await line.turn(H0 + DAY_H - 1) == Turned()
    assert (await line.turn(H0 + DAY_H)).made == (Epoch(Purpose.INTAKE, 2),)
    assert line.keys.recipient(Purpose.INTAKE)[0] == 2
    assert await states(lite, Purpose.INTAKE) == {1: EpochState.DRAINING, 2: EpochState.CURRENT}
    async with lite.begin(reading=True) as transaction:
        for table in (tables.inbound, tables.thread, tables.cluster):
            assert set((await transaction.run(select(table.c.epoch))).scalars()) == {2}, "sealed anew at once, not at the end"
    assert await line.turn(H0 + 2 * DAY_H - 1) == Turned()
    turned = await line.turn(H0 + 2 * DAY_H)
    assert turned == Turned((Epoch(Purpose.INTAKE, 3),), (Epoch(Purpose.INTAKE, 1),))
    assert "intake-1.key" not in files(folder)
    assert (await states(lite, Purpose.INTAKE))[1] is EpochState.DESTROYED
    assert await opens(lite, load_worker(folder), written) == set(written.places)
    kinds = [(entry.kind, entry.card != "") for entry in map(read, await SqlStore(lite).leaves())]
    assert kinds == [(EntryKind.EPOCH, False), (EntryKind.EPOCH, False), (EntryKind.EPOCH, True)]


@pytest.mark.claim("T41")
async def test_two_months_replace_every_lock_and_lose_nothing_that_is_needed(database: Database, folder: Path) -> None:
    line = worker(database, folder)
    await SqlStore(database).record_epochs(line.keys.public_epochs())
    written, first = await fill(database, line.keys), {p: held[1] for p, held in line.keys.epochs.items()}
    await line.turn(H0 + MONTH_H)
    successor(line.keys, KeyFolder(folder), Purpose.ROSTER, (H0 + MONTH_H) * HOUR_MS)
    assert await opens(database, load_worker(folder), written) == set(written.places)
    turned = await line.turn(H0 + 2 * MONTH_H)
    assert set(turned.gone) == {Epoch(purpose, 1) for purpose in Purpose}
    left = load_worker(folder)
    assert not {identity for held in left.epochs.values() for identity in held.values()} & set(first.values())
    assert await opens(database, left, written) == set(written.places) - lost(written)
    async with database.begin(reading=True) as transaction:
        (version,) = (await transaction.run(select(tables.thread.c.version))).scalars()
    assert version == 4, "whoever read the thread before may still save it"


@pytest.mark.parametrize("weeks", [1, 30])
async def test_a_worker_that_was_away_makes_one_key_not_one_a_day(lite: Database, folder: Path, weeks: int) -> None:
    line = worker(lite, folder)
    await SqlStore(lite).record_epochs(line.keys.public_epochs())
    written = await fill(lite, line.keys)
    turned = await line.turn(H0 + weeks * 7 * DAY_H)
    assert Epoch(Purpose.INTAKE, 2) in turned.made
    assert line.held(Purpose.INTAKE) == {1, 2}, "web may not have heard of it: the old one has a day from now"
    assert turned.gone == ()
    assert await opens(lite, line.keys, written) == set(written.places)


async def test_a_clock_that_was_wrong_once_keeps_no_key_alive(lite: Database, folder: Path) -> None:
    line = worker(lite, folder)
    await line.turn(H0 + 20 * MONTH_H)  # the clock jumps ahead
    assert line.held(Purpose.INTAKE) == {1, 2}
    assert Epoch(Purpose.INTAKE, 3) in (await line.turn(H0 + 1)).made  # and back
    assert {1, 2}.isdisjoint((await line.turn(H0 + 1 + DAY_H), line.held(Purpose.INTAKE))[1])


async def test_a_clock_that_was_behind_once_takes_no_key_before_its_time(lite: Database, folder: Path) -> None:
    """A machine without a clock of its own boots in 2004 and is put right two minutes later."""
    line, now = worker(lite, folder), H0 + 2 * DAY_H
    await line.turn(H0)
    written = await fill(lite, line.keys)
    for hour in (now, 300_000, 300_000, now, now + 1, now + DAY_H - 1):
        assert (await line.turn(hour)).gone == ()
    assert line.held(Purpose.RELEASE) == {1, 2, 3}
    assert line.keys.recipient(Purpose.INTAKE)[0] == 4
    assert await opens(lite, line.keys, written) == set(written.places)
    assert {epoch.number for epoch in (await line.turn(now + DAY_H)).gone if epoch.purpose is Purpose.INTAKE} == {1, 2, 3}


@pytest.mark.claim("T7")
@pytest.mark.claim("T42")
async def test_no_message_is_taken_under_a_key_that_is_gone(database: Database, folder: Path, clock: SetClock) -> None:
    line, intake = worker(database, folder), SqlIntake(database, clock)
    await line.turn(H0)
    _, sealed = line.keys.seal(Purpose.INTAKE, b"late")
    for day in (1, 2):
        await line.turn(H0 + day * DAY_H)
    late = SealedInbound("1" * 32, "d" * 64, 1, sealed, 1)
    good = SealedInbound("2" * 32, "e" * 64, *line.keys.seal(Purpose.INTAKE, b"in time"), 1)
    answers = await asyncio.gather(intake.accept(late), intake.accept(good), return_exceptions=True)
    assert isinstance(answers[0], StorageDown)
    assert answers[1] is Accepted.NEW, "the others of its commit are taken"
    again = replace(late, epoch=good.epoch)
    assert await intake.accept(again) is Accepted.NEW, "nothing of the first try was written, not even that it was seen"


async def test_no_message_is_taken_under_a_key_that_nobody_announced(database: Database, folder: Path, clock: SetClock) -> None:
    line, intake = worker(database, folder), SqlIntake(database, clock)
    await line.turn(H0)
    with pytest.raises(StorageDown):
        await intake.accept(SealedInbound("1" * 32, "d" * 64, 77, age.seal(b"a tip", age.generate()[1]), 1))


async def test_a_key_waits_for_messages_that_are_being_accepted(database: Database, other: Database, folder: Path) -> None:
    """Web sealed to it just before it heard of the new one, and commits now."""
    line = worker(database, folder)
    await line.turn(H0)
    row = next(row for row in line.keys.public_epochs() if row.purpose is Purpose.INTAKE)
    async with other.begin() as transaction:
        asked = select(tables.epoch.c.state).where(tables.epoch.c.purpose == Purpose.INTAKE).with_for_update(read=True)
        assert (await transaction.run(asked)).scalar() is EpochState.CURRENT
        await transaction.run(tables.inbound.insert().values(id="i" * 32, epoch=1, sealed=b"x"))
        destroying = asyncio.create_task(line.store.destroy(row, epoch_leaf(line.keys, row, H0, gone=True)))
        await asyncio.sleep(0.1)
        assert not destroying.done()
    assert await destroying == 1
    assert (await states(database, Purpose.INTAKE))[1] is EpochState.CURRENT
    assert not await SqlStore(database).leaves()


async def test_what_nobody_can_open_keeps_no_key_alive(lite: Database, folder: Path) -> None:
    """Else whoever can write a row could keep every key from its end."""
    line = worker(lite, folder)
    await line.turn(H0)
    async with lite.begin() as transaction:
        await transaction.run(tables.inbound.insert().values(id="i" * 32, epoch=1, sealed=b"nonsense"))
        await transaction.run(tables.act.insert().values(id="a", person_id="", case_id="", kind="", signature=b"", sealed=b"nonsense"))
    for day in (1, 2):
        turned = await line.turn(H0 + day * DAY_H)
    assert turned.gone == (Epoch(Purpose.INTAKE, 1),)


async def test_a_row_that_changes_under_our_hands_is_left_to_whoever_changed_it(database: Database, folder: Path) -> None:
    line = worker(database, folder)
    await line.turn(H0)
    written = await fill(database, line.keys)
    del written
    (old,) = [row for row in await line.store.wrapped(Purpose.INTAKE, 1, None, 1) if row.table == "inbound"]
    async with database.begin() as transaction:
        await transaction.run(update(tables.inbound).values(sealed=b"newer"))
    assert await line.store.rewrap(Purpose.INTAKE, 2, [(old, replace(old, sealed=(b"stale",)))]) == 0
    async with database.begin(reading=True) as transaction:
        assert (await transaction.run(select(tables.inbound.c.sealed, tables.inbound.c.epoch))).one() == (b"newer", 1)


async def test_a_row_that_is_held_back_holds_its_key_and_is_told(lite: Database, folder: Path) -> None:
    class Busy(SqlEpochs):
        async def rewrap(self, purpose: Purpose, number: int, rows: Sequence[tuple[Wrapped, Wrapped]]) -> int:
            return await super().rewrap(purpose, number, [pair for pair in rows if pair[0].table != "inbound"])

    line = worker(lite, folder)
    await line.turn(H0)
    await fill(lite, line.keys)
    held = Rotation(line.keys, KeyFolder(folder), Busy(lite))
    await held.turn((H0 + DAY_H) * HOUR_MS)
    turned = await held.turn((H0 + 2 * DAY_H) * HOUR_MS)
    assert turned.needed == (Needed(Epoch(Purpose.INTAKE, 1), 1),)
    assert turned.gone == ()
    assert "intake-1.key" in files(folder)
    assert (await line.turn(H0 + 2 * DAY_H)).gone == (Epoch(Purpose.INTAKE, 1),)


async def test_a_row_that_comes_at_the_last_moment_keeps_its_key(lite: Database, folder: Path) -> None:
    class Late(SqlEpochs):
        async def destroy(self, row: EpochRow, leaf: bytes) -> int:
            async with lite.begin() as transaction:
                await transaction.run(tables.inbound.insert().values(id="i" * 32, epoch=1, sealed=b"x"))
            return await super().destroy(row, leaf)

    line = worker(lite, folder)
    for hour in (H0, H0 + DAY_H):
        await line.turn(hour)
    late = Rotation(line.keys, KeyFolder(folder), Late(lite))
    assert (await late.turn((H0 + 2 * DAY_H) * HOUR_MS)).needed == (Needed(Epoch(Purpose.INTAKE, 1), 1),)
    assert "intake-1.key" in files(folder)


async def test_of_two_who_make_the_next_key_one_does(lite: Database, folder: Path) -> None:
    line, other = worker(lite, folder), worker(lite, folder)
    assert successor(line.keys, KeyFolder(folder), Purpose.GATE, H0 * HOUR_MS) == Epoch(Purpose.GATE, 2)
    assert successor(other.keys, KeyFolder(folder), Purpose.GATE, H0 * HOUR_MS) is None
    await other.turn(H0)
    assert other.keys.epochs[Purpose.GATE] == line.keys.epochs[Purpose.GATE]


class Died(Exception):
    pass


class Deaths:
    """Dies when `at` steps were done, before the next."""

    def __init__(self, at: int) -> None:
        self.left = at

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Died


class DyingStore:
    """SqlEpochs; each of its calls is a step."""

    def __init__(self, inner: SqlEpochs, deaths: Deaths) -> None:
        self._inner, self._deaths = inner, deaths

    async def epochs(self) -> Sequence[EpochRow]:
        self._deaths.step()
        return await self._inner.epochs()

    async def record(self, rows: Sequence[EpochRow], leaf: Callable[[EpochRow], bytes], custody: str) -> None:
        self._deaths.step()
        await self._inner.record(rows, leaf, custody)

    async def wrapped(self, purpose: Purpose, number: int, after: Wrapped | None, most: int) -> Sequence[Wrapped]:
        return await self._inner.wrapped(purpose, number, after, most)

    async def rewrap(self, purpose: Purpose, number: int, rows: Sequence[tuple[Wrapped, Wrapped]]) -> int:
        if not rows:
            return 0
        self._deaths.step()
        return await self._inner.rewrap(purpose, number, rows)

    async def needed(self, purpose: Purpose, number: int) -> int:
        return await self._inner.needed(purpose, number)

    async def destroy(self, row: EpochRow, leaf: bytes) -> int:
        self._deaths.step()
        return await self._inner.destroy(row, leaf)


class DyingFolder(KeyFolder):
    def __init__(self, folder: Path, deaths: Deaths) -> None:
        super().__init__(folder)
        self._deaths = deaths

    def make(self, purpose: Purpose, number: int, hour: int) -> str:
        self._deaths.step()
        return super().make(purpose, number, hour)

    def destroy(self, purpose: Purpose, number: int) -> None:
        self._deaths.step()
        super().destroy(purpose, number)


@pytest.mark.claim("T41")
async def test_a_worker_that_dies_at_any_step_goes_on_where_it_was(lite: Database, tmp_path: Path, folder: Path) -> None:
    """Each death on a copy of the line as it is when a key must come, rows must be sealed anew, and two keys must go: one whose rows say
    to which epoch they are sealed, one whose rows do not."""
    line = worker(lite, folder)
    await line.turn(H0)
    written = await fill(lite, line.keys)
    successor(line.keys, KeyFolder(folder), Purpose.ROSTER, (H0 + DAY_H) * HOUR_MS)
    await line.turn(H0 + DAY_H)
    await lite.close()
    deaths, died = 0, True
    while died:
        copy, keys = tmp_path / f"{deaths}.db", tmp_path / f"keys{deaths}"
        shutil.copy(tmp_path / "line.db", copy)
        shutil.copytree(folder, keys)
        database = open_database(f"sqlite:///{copy}")
        died = await dies(database, keys, Deaths(deaths))
        await finishes(database, keys, written)
        await database.close()
        deaths += 1
    assert deaths > 10


async def dies(database: Database, folder: Path, deaths: Deaths) -> bool:
    held = load_worker(folder)
    try:
        await Rotation(held, DyingFolder(folder, deaths), DyingStore(SqlEpochs(database), deaths)).turn((H0 + 2 * DAY_H) * HOUR_MS)
    except Died:
        return True
    return False


async def finishes(database: Database, folder: Path, written: Written) -> None:
    """Whatever was in hand: the next process's turn ends as if nothing had happened, and no row has lost its key."""
    line = worker(database, folder)
    await line.turn(H0 + 2 * DAY_H)
    assert await opens(database, line.keys, written) == set(written.places)
    assert await states(database, Purpose.INTAKE) == {1: EpochState.DESTROYED, 2: EpochState.DRAINING, 3: EpochState.CURRENT}
    assert await states(database, Purpose.ROSTER) == {1: EpochState.DESTROYED, 2: EpochState.CURRENT}
    assert {"intake-1.key", "roster-1.key"}.isdisjoint(files(folder))
    named = [(entry.sha256, entry.card != "") for entry in map(read, await SqlStore(database).leaves())]
    assert len(named) == len(set(named)) == 5, "each came once and went once in the log"
