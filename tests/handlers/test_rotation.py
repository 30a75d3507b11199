"""Keys come and go by themselves: nothing that is still needed is lost with one, and nothing that is gone can be opened again."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import LargeBinary, select, update

from bot.rotating import Recipients
from handlers.rotation import DAY_H, MONTH_H, Epoch, Needed, Rotation, Turned, epoch_leaf, successor
from sealing import age, custody, signing
from sealing.custody import EntryKind
from sealing.keyring import WorkerKeys, load_worker, make_secrets
from sealing.rows import HOUR_MS, Accepted, EpochRow, EpochState, Purpose, SealedInbound, StorageDown, Wrapped
from sealing.secret_files import KeyFolder
from storage import tables
from storage.engine import Database, open_database
from storage.epochs import PLACES, EpochMismatch, SqlEpochs
from storage.intake import SqlIntake
from storage.store import SqlStore
from tests.databases import SetClock
from tests.faults.scene import readers
from tests.handlers.every_place import Written, fill, opens
from tests.line import TestLine, practice_line
from tests.secrets_search import ciphertexts_in, identities_in, opened_by, values_under

H0 = 500_000
DESTROYED = ["struck", "given_up", "lapsed", "done"]
pytestmark = [pytest.mark.both, pytest.mark.asyncio, pytest.mark.enable_socket]


@dataclass
class Worker:
    """As one process has it."""

    keys: WorkerKeys
    rotation: Rotation
    store: SqlEpochs

    def held(self, purpose: Purpose) -> set[int]:
        return set(self.keys.epochs[purpose])

    async def turn(self, hour: int) -> Turned:
        return await self.rotation.turn(hour * HOUR_MS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_secrets(tmp_path / "secrets", secrets.token_bytes, hour=H0)
    return tmp_path / "secrets" / "worker"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "line.db"
    asyncio.run(migrate(file))
    return file


async def migrate(file: Path) -> None:
    database = open_database(f"sqlite:///{file}")
    await database.migrate()
    await database.close()


@pytest_asyncio.fixture
async def lite(template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """For what is the same on both engines."""
    shutil.copy(template, tmp_path / "line.db")
    database = open_database(f"sqlite:///{tmp_path / 'line.db'}")
    yield database
    await database.close()


def worker(database: Database, folder: Path) -> Worker:
    keys, store = load_worker(folder), SqlEpochs(database)
    return Worker(keys, Rotation(keys, KeyFolder(folder), store), store)


async def states(database: Database, purpose: Purpose) -> dict[int, EpochState]:
    return {row.number: row.state for row in await SqlEpochs(database).epochs() if row.purpose is purpose}


def files(folder: Path) -> set[str]:
    return {file.name for file in folder.glob("*.key")}


def lost(written: Written) -> set[str]:
    """What nobody will ever read: key files of people who are out of a case."""
    return {name for name in written.places if name.split()[-1] in DESTROYED}


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


def read(leaf: bytes) -> custody.Entry:
    return custody.read_leaf(leaf)[0]


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


async def test_the_table_of_epochs_goes_one_way(database: Database, folder: Path) -> None:
    line, store = worker(database, folder), SqlStore(database)
    await line.turn(H0)
    await line.turn(H0 + DAY_H)
    held = line.keys.public_epochs()
    older = [row for row in held if (row.purpose, row.number) != (Purpose.INTAKE, 2)]
    with pytest.raises(EpochMismatch):
        await store.record_epochs(older)  # the secrets of yesterday
    with pytest.raises(EpochMismatch):
        await store.record_epochs([replace(row, recipient="age1other") for row in held])
    await line.turn(H0 + 2 * DAY_H)
    await store.record_epochs([*line.keys.public_epochs(), *(row for row in held if row.number == 1)])
    assert (await states(database, Purpose.INTAKE))[1] is EpochState.DESTROYED, "what is destroyed stays so"


async def test_an_epoch_that_somebody_invents_ends_nothing(lite: Database, folder: Path) -> None:
    line = worker(lite, folder)
    await line.turn(H0)
    seed, _ = signing.generate()
    forged = EpochRow(Purpose.INTAKE, 9, age.generate()[1], EpochState.CURRENT, seed)
    async with lite.begin() as transaction:
        await transaction.add(tables.epoch, forged)
    await line.turn(H0)
    assert await states(lite, Purpose.INTAKE) == {1: EpochState.CURRENT, 9: EpochState.DESTROYED}


@pytest.mark.parametrize("turned", [True, False], ids=["called destroyed", "current"])
async def test_an_epoch_that_somebody_invents_makes_room_for_ours(lite: Database, folder: Path, turned: bool) -> None:
    """In the place of the key that comes next."""
    line = worker(lite, folder)
    await line.turn(H0)
    async with lite.begin() as transaction:
        await transaction.add(tables.epoch, EpochRow(Purpose.INTAKE, 2, age.generate()[1], EpochState.CURRENT, ""))
    if turned:
        await line.turn(H0)
    else:
        successor(line.keys, KeyFolder(folder), Purpose.INTAKE, (H0 + DAY_H) * HOUR_MS)
    await line.turn(H0 + DAY_H)
    served = await line.store.serving(Purpose.INTAKE)
    assert (served[0].number, served[0].recipient) == line.keys.recipient(Purpose.INTAKE)
    keys = load_worker(folder)
    await SqlStore(lite).record_epochs(keys.public_epochs(), None, signing.public_of(keys.custody_seed))  # as a start does


async def test_a_database_of_another_line_is_refused_also_where_its_rows_are_signed(lite: Database, folder: Path, tmp_path: Path) -> None:
    make_secrets(tmp_path / "others", secrets.token_bytes, hour=H0)
    await worker(lite, folder).turn(H0)
    other, before = worker(lite, tmp_path / "others" / "worker"), await SqlEpochs(lite).epochs()
    with pytest.raises(EpochMismatch):
        await other.turn(H0 + DAY_H)
    assert await SqlEpochs(lite).epochs() == before


async def test_a_worker_that_another_has_left_behind_makes_no_key(lite: Database, folder: Path, tmp_path: Path) -> None:
    """Two of the same secrets in two folders: what the second made, the first could not open."""
    shutil.copytree(folder, tmp_path / "two")
    first, second = worker(lite, folder), worker(lite, tmp_path / "two")
    await first.turn(H0 + MONTH_H)
    with pytest.raises(EpochMismatch):
        await second.turn(H0 + MONTH_H)
    assert second.held(Purpose.INTAKE) == {1}
    assert "intake-2.key" not in files(tmp_path / "two")
    successor(second.keys, KeyFolder(tmp_path / "two"), Purpose.INTAKE, (H0 + MONTH_H) * HOUR_MS)
    with pytest.raises(EpochMismatch):  # another key under the number of one that we signed
        await second.turn(H0 + MONTH_H)


async def test_a_key_that_the_table_calls_destroyed_gets_a_successor(lite: Database, folder: Path) -> None:
    """Whoever wrote that, web accepts nothing under it; the key itself stays as long as any other."""
    line = worker(lite, folder)
    await line.turn(H0)
    async with lite.begin() as transaction:
        await transaction.run(update(tables.epoch).where(tables.epoch.c.purpose == Purpose.INTAKE).values(state=EpochState.DESTROYED))
    assert (await line.turn(H0)).made == (Epoch(Purpose.INTAKE, 2),)
    assert line.held(Purpose.INTAKE) == {1, 2}
    assert "intake-1.key" in files(folder)


async def test_a_key_made_by_hand_is_taken_up_and_a_lost_file_forgets_none(lite: Database, folder: Path) -> None:
    line = worker(lite, folder)
    await line.turn(H0)
    KeyFolder(folder).make(Purpose.GATE, 2, H0 + 1)
    await line.turn(H0 + 1)
    assert line.keys.recipient(Purpose.GATE)[0] == 2
    assert await states(lite, Purpose.GATE) == {1: EpochState.DRAINING, 2: EpochState.CURRENT}
    (folder / "gate-2.key").unlink()
    await line.turn(H0 + 2)
    assert line.keys.recipient(Purpose.GATE)[0] == 2


NEVER_ROTATED = {
    "act.signature": "a signature",
    "custody.leaf": "clear",
    "checkpoint.note": "clear",
    "handout.sealed": "S reader, for ten minutes",
    "letter.sealed": "S vetter",
    "envelope.sealed": "S case but for notes, which are in the list",
}


async def test_no_column_of_ciphertext_is_forgotten() -> None:
    """Whoever adds one says here, or in the list of places, whose key it is sealed to."""
    rotated = {f"{place.table.name}.{name}" for places in PLACES.values() for place in places for name in place.sealed}
    binary = {f"{table.name}.{c.name}" for table in tables.metadata.sorted_tables for c in table.columns if isinstance(c.type, LargeBinary)}
    assert binary == rotated | NEVER_ROTATED.keys()


@pytest.mark.claim("T41")
async def test_a_copy_made_before_a_rotation_opens_no_waiting_message_and_no_address(template: Path, tmp_path: Path) -> None:
    shutil.copy(template, tmp_path / "line.db")
    async with practice_line(tmp_path, f"sqlite:///{tmp_path / 'line.db'}", people=readers()) as line:
        rotation = Rotation(line.keys, KeyFolder(tmp_path / "secrets" / "worker"), SqlEpochs(line.database))
        await rotation.turn(line.clock.now)
        await line.write("+34600111222", "En Peñalta unas mujeres trabajan en el bar sin pago.")
        copy = await everything(line)
        before = [*values_under(tmp_path / "secrets"), *copy]
        day = DAY_H * HOUR_MS
        for later in (day, 2 * day, 31 * day, 63 * day):
            await rotation.turn(line.clock.now + later)
        left = values_under(tmp_path / "secrets")
        words = ("Peñalta".encode(), b"34600111222", b'"state"')
        assert told(opened_by(identities_in(before), ciphertexts_in(copy)), words) == set(words), "the keys of that day open them"
        opened = opened_by(identities_in([*left, *await everything(line)]), ciphertexts_in(copy))
        assert opened, "the roster's key is still the same"
        assert told(opened, words) == set()
        now = opened_by(identities_in(left), ciphertexts_in(await everything(line)))
        assert told(now, words) == set(words), "and in the line itself nothing was lost"


def told(opened: list[bytes], words: tuple[bytes, ...]) -> set[bytes]:
    return {word for word in words if any(word in plain for plain in opened)}


async def everything(line: TestLine) -> list[bytes]:
    columns: list[bytes] = []
    async with line.database.begin(reading=True) as transaction:
        for table in tables.metadata.sorted_tables:
            for row in (await transaction.run(select(table))).all():
                columns += [value if isinstance(value, bytes) else str(value).encode() for value in row if value is not None]
    return columns


async def test_a_line_goes_on_through_rotations(template: Path, tmp_path: Path) -> None:
    """A source, a reader and an answer, with every key changed twice between."""
    shutil.copy(template, tmp_path / "line.db")
    async with practice_line(tmp_path, f"sqlite:///{tmp_path / 'line.db'}", people=readers()) as line:
        rotation = Rotation(line.keys, KeyFolder(tmp_path / "secrets" / "worker"), SqlEpochs(line.database))
        recipients = Recipients(SqlEpochs(line.database), line.acceptor.keys, tmp_path / "secrets" / "web")
        await line.write("+34600111222", "En Peñalta unas mujeres trabajan en el bar sin pago. El jefe de policía lo sabe y cobra.")
        await turned(line, rotation, recipients)
        await line.later(30)  # sealed under the second keys, from a message under the first
        (case_id,) = await line.cases()
        offered = {grant.id for grant in await line.grants(case_id)}
        await turned(line, rotation, recipients)
        await line.later(7)
        person, identity = await line.open_first(case_id)
        assert person in line.cards
        assert {grant.id for grant in await line.grants(case_id)} == offered
        parts = await line.read(case_id, identity)
        assert [part["text"] for part in parts if part["kind"] == "message"] != []
        await line.write("+34600111222", "Ahora son cinco mujeres.")
        await line.later(30)
        assert len([part for part in await line.read(case_id, identity) if part["kind"] == "message"]) == 2


async def turned(line: TestLine, rotation: Rotation, recipients: Recipients) -> None:
    """Two months, as far as keys go: the source's and the reader's clocks stand still."""
    now = max(rotation.keys.shelf.since(purpose, max(held)) for purpose, held in rotation.keys.epochs.items()) * HOUR_MS
    for month in (1, 2):
        await rotation.turn(now + month * MONTH_H * HOUR_MS)
    await recipients.look()
    assert recipients.keys.newest.number == max(line.keys.epochs[Purpose.INTAKE])
