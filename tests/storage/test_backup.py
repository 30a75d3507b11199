"""A backup holds one moment of a line that goes on writing, and comes back on either engine; what is no whole backup changes nothing."""

from __future__ import annotations

import asyncio
import json
import secrets
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, select

from sealing.rows import Accepted, EpochRow, EpochState, Purpose, SendingState, TaskKind
from storage import tables
from storage.archive import MANIFEST, BackupError, Writer, reading, writing
from storage.backup import LEFT_OUT, PAGE, dump, kept, load
from storage.engine import Database, newest_revision, open_database, upgrade
from storage.intake import SqlIntake
from storage.store import SqlStore
from tests.databases import Servers, SetClock
from tests.storage.rows import a_case, a_conversation, a_message, a_person, a_sending, count, sealed_case

pytestmark = pytest.mark.asyncio
Rows = dict[str, list[tuple[Any, ...]]]


async def content(database: Database) -> Rows:
    """Every row of every table that a backup holds, as this code reads them; a task without its lease."""
    found: Rows = {}
    async with database.begin(reading=True) as transaction:
        for t in kept():
            columns = [c for c in t.columns if c is not tables.task.c.lease]
            rows = await transaction.run(select(*columns).order_by(*t.primary_key.columns))
            found[t.name] = [tuple(row) for row in rows]
    return found


async def backup(database: Database, file: Path, on_table: Callable[[str], None] = lambda _: None) -> None:
    with file.open("wb") as out, writing(out) as writer:
        await dump(database, writer, on_table)


async def restore(url: str, file: Path) -> Database:
    """Opened again afterwards, as another process would."""
    database = open_database(url)
    try:
        with reading(file) as archive:
            async with database.begin() as transaction:
                await load(transaction, archive)
    finally:
        await database.close()
    return open_database(url)


@asynccontextmanager
async def closing(database: Database) -> AsyncIterator[Database]:
    yield database
    await database.close()


async def filled(database: Database, clock: SetClock) -> None:
    """Something in every part of a line: waiting and sealed, talking and due, more than a page of it, and every kind of column."""
    await SqlStore(database).record_epochs(
        [
            EpochRow(Purpose.INTAKE, 3, "age1x", EpochState.CURRENT, "c2ln"),
            EpochRow(Purpose.GATE, 2, "age1y", EpochState.DRAINING, "c2ln"),
        ]
    )
    await a_conversation(database, clock, messages=3)
    sealing = await sealed_case(database, clock)
    async with SqlStore(database).begin() as tx:
        for state in SendingState:
            assert await tx.add_sending(a_sending(sealing.case_id, state))
        await tx.enqueue(TaskKind.SEAL, sealing.case_id, clock.now + 7)
    intake = SqlIntake(database, clock)
    await asyncio.gather(*(intake.accept(a_message()) for _ in range(2 * PAGE)))
    async with database.begin() as transaction:
        await transaction.add(tables.person, a_person())
        await transaction.run(tables.heartbeat.insert().values(role="worker", at=1))
        await transaction.run(tables.task.update().values(lease=clock.now + 60_000))


@pytest.mark.parametrize("to", ["sqlite", "postgres"])
async def test_everything_comes_back_on_either_engine(
    database: Database, clock: SetClock, servers: Servers, to: str, tmp_path: Path
) -> None:
    await filled(database, clock)
    await backup(database, tmp_path / "b")
    async with closing(await restore(servers.empty(to), tmp_path / "b")) as restored:
        before = await content(database)
        assert await content(restored) == before
        assert len(before["inbound"]) > 2 * PAGE
        assert await count(restored, tables.heartbeat) == 0
        async with restored.begin(reading=True) as transaction:
            assert set((await transaction.run(select(tables.task.c.lease))).scalars()) == {0}


async def test_a_restored_line_goes_on_where_the_copy_ends(
    database: Database, clock: SetClock, servers: Servers, engine_name: str, tmp_path: Path
) -> None:
    message = a_message()
    await SqlIntake(database, clock).accept(message)
    await filled(database, clock)
    await backup(database, tmp_path / "b")
    async with closing(await restore(servers.empty(engine_name), tmp_path / "b")) as restored:
        intake = SqlIntake(restored, clock)
        assert await intake.accept(a_message(dedupe=message.dedupe)) is Accepted.DUPLICATE
        newest = a_message()
        assert await intake.accept(newest) is Accepted.NEW
        async with restored.begin(reading=True) as transaction:
            order = list((await transaction.run(select(tables.inbound.c.id).order_by(tables.inbound.c.seq))).scalars())
        assert order[-1] == newest.id
        async with SqlStore(restored).begin() as tx:
            await tx.log(b"next")
        assert (await SqlStore(restored).leaves())[-1] == b"next"


async def test_a_backup_under_writes_is_one_moment(database: Database, other: Database, clock: SetClock, tmp_path: Path) -> None:
    """Tag, message and task of every accepted message: all or none of them is in it, and the writers are not kept waiting."""
    written: list[str] = []
    stop = asyncio.Event()

    async def write() -> None:
        intake = SqlIntake(other, clock)
        while not stop.is_set():
            message = a_message()
            await intake.accept(message)
            written.append(message.id)

    first = SqlIntake(database, clock)
    await asyncio.gather(*(first.accept(a_message()) for _ in range(2 * PAGE)))
    writer = asyncio.create_task(write())
    while len(written) < 3:
        await asyncio.sleep(0)
    marks, before = [0], 0
    for n in range(20):  # on a busy machine one may be over before the writer's turn comes; if writers had to wait, all would be
        marks, before = list[int](), len(written)
        await backup(database, tmp_path / f"b{n}", lambda _, marks=marks: marks.append(len(written)))  # type: ignore[misc]
        if marks[-1] > marks[0]:
            (tmp_path / f"b{n}").rename(tmp_path / "b")
            break
    stop.set()
    await writer
    assert marks[-1] > marks[0], "messages were accepted while the backup was made"
    with reading(tmp_path / "b") as archive:
        rows = {name: list(archive.rows(name)) for name in ("seen", "inbound", "task")}
    ids = {row["id"] for row in rows["inbound"]}
    assert ids == {row["ref"] for row in rows["task"]}
    assert len(ids) == len(rows["inbound"]) == len(rows["task"]) == len(rows["seen"])
    assert set(written[:before]) <= ids
    assert len(ids) < 2 * PAGE + len(written), "what came after the moment is not in it"


async def test_what_is_left_out_is_left_out(database: Database, clock: SetClock, tmp_path: Path) -> None:
    await filled(database, clock)
    await backup(database, tmp_path / "b")
    with zipfile.ZipFile(tmp_path / "b") as file:
        names = {name.removesuffix(".jsonl") for name in file.namelist()} - {MANIFEST}
    assert {"challenge", "handout", "heartbeat"} == LEFT_OUT
    assert names == tables.metadata.tables.keys() - LEFT_OUT


async def test_a_database_with_anything_in_it_is_refused_and_left_alone(
    database: Database, url: str, clock: SetClock, tmp_path: Path
) -> None:
    await filled(database, clock)
    await backup(database, tmp_path / "b")
    before = await content(database)
    with pytest.raises(BackupError, match="not empty"):
        await restore(url, tmp_path / "b")
    assert await content(database) == before


async def test_a_file_that_is_cut_short_anywhere_changes_nothing(
    database: Database, clock: SetClock, empty_url: str, tmp_path: Path
) -> None:
    await filled(database, clock)
    await backup(database, tmp_path / "b")
    whole = (tmp_path / "b").read_bytes()
    for length in {0, 1, len(whole) // 2, len(whole) - 1, *(secrets.randbelow(len(whole)) for _ in range(8))}:
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(BackupError):
            await restore(empty_url, tmp_path / "cut")
    async with closing(await restore(empty_url, tmp_path / "b")) as restored:
        assert await count(restored, tables.inbound) > 0


@pytest.mark.claim("T36")
async def test_a_flipped_bit_anywhere_is_noticed_or_harmless(database: Database, clock: SetClock, tmp_path: Path) -> None:
    """Harmless: in a field of the ZIP's own that nobody reads, such as a time. Then every row is as it was."""
    await filled(database, clock)
    await backup(database, tmp_path / "b")
    whole = bytearray((tmp_path / "b").read_bytes())
    with reading(tmp_path / "b") as archive:
        right = {name: list(archive.rows(name)) for name in archive.members}
    noticed = 0
    for _ in range(150):
        at, bit = secrets.randbelow(len(whole)), 1 << secrets.randbelow(8)
        whole[at] ^= bit
        (tmp_path / "bad").write_bytes(whole)
        whole[at] ^= bit
        try:
            with reading(tmp_path / "bad") as archive:
                assert {name: list(archive.rows(name)) for name in archive.members} == right
        except BackupError:
            noticed += 1
    assert noticed > 100


async def rewritten(
    file: Path, to: Path, change: Callable[[str, list[dict[str, object]]], list[dict[str, object]]], **manifest: str
) -> None:
    """The same backup with other rows, and an honest manifest about them: as somebody would write it who wants it to be taken."""
    with reading(file) as archive, to.open("wb") as out, writing(out) as writer:
        for name, member in archive.members.items():
            with writer.table(name, member.columns) as write:
                write([list(row.values()) for row in change(name, list(archive.rows(name)))])
        writer.finish(manifest.get("revision", archive.revision))


async def test_rows_that_contradict_each_other_change_nothing(database: Database, clock: SetClock, empty_url: str, tmp_path: Path) -> None:
    await filled(database, clock)
    await backup(database, tmp_path / "b")
    await rewritten(tmp_path / "b", tmp_path / "twice", lambda name, rows: rows * 2 if name == "case" else rows)
    with pytest.raises(BackupError, match="contradict"):
        await restore(empty_url, tmp_path / "twice")
    async with closing(await restore(empty_url, tmp_path / "b")) as restored:
        assert await content(restored) == await content(database)


async def test_a_backup_of_an_older_version_is_brought_to_the_newest(
    database: Database, clock: SetClock, servers: Servers, engine_name: str, tmp_path: Path
) -> None:
    await filled(database, clock)
    await backup(database, tmp_path / "b")
    older = await layout_of(servers.empty(engine_name), "0001")
    assert "erasure" not in older
    first_version(tmp_path / "b", tmp_path / "old", older)
    async with closing(await restore(servers.empty(engine_name), tmp_path / "old")) as restored:
        before, after = await content(database), await content(restored)
        assert after["custody"] == before["custody"]
        assert [row[:2] for row in after["inbound"]] == [row[:2] for row in before["inbound"]]
        assert after["case"] == before["case"]
        async with restored.begin(reading=True) as transaction:
            assert set((await transaction.run(select(tables.inbound.c.lane))).scalars()) == {None}


async def layout_of(url: str, revision: str) -> dict[str, set[str]]:
    async with closing(open_database(url)) as database, database.begin() as transaction:
        await transaction.plain(lambda connection: upgrade(connection, revision))
        found = await transaction.plain(inspect)
        return await transaction.plain(lambda _: {name: {c["name"] for c in found.get_columns(name)} for name in found.get_table_names()})


def first_version(file: Path, to: Path, layout: Mapping[str, set[str]]) -> None:
    """What the first version would have written of the same rows."""
    with reading(file) as archive, to.open("wb") as out, writing(out) as writer:
        for name in archive.members.keys() & layout.keys():
            copy_columns(
                writer, name, {c: k for c, k in archive.members[name].columns.items() if c in layout[name]}, list(archive.rows(name))
            )
        writer.finish("0001")


def copy_columns(writer: Writer, name: str, columns: Mapping[str, Any], rows: Sequence[Mapping[str, object]]) -> None:
    with writer.table(name, columns) as write:
        write([[row[column] for column in columns] for row in rows])


async def test_a_newer_backup_is_refused(database: Database, clock: SetClock, empty_url: str, tmp_path: Path) -> None:
    await backup(database, tmp_path / "b")
    await rewritten(tmp_path / "b", tmp_path / "new", lambda _, rows: rows, revision="9999")
    with pytest.raises(BackupError, match="newer"):
        await restore(empty_url, tmp_path / "new")


async def test_a_backup_without_a_table_is_refused(database: Database, empty_url: str, tmp_path: Path) -> None:
    await backup(database, tmp_path / "b")
    with reading(tmp_path / "b") as archive, (tmp_path / "less").open("wb") as out, writing(out) as writer:
        for name, member in archive.members.items():
            if name != "seen":
                copy_columns(writer, name, member.columns, list(archive.rows(name)))
        writer.finish(archive.revision)
    with pytest.raises(BackupError, match="lacks"):
        await restore(empty_url, tmp_path / "less")


async def test_no_backup_is_made_of_an_empty_database(empty_url: str, tmp_path: Path) -> None:
    async with closing(open_database(empty_url)) as database:
        with pytest.raises(BackupError, match="another version"):
            await backup(database, tmp_path / "b")


async def test_the_manifest_names_the_version_and_counts_rows(database: Database, clock: SetClock, tmp_path: Path) -> None:
    async with SqlStore(database).begin() as tx:
        assert await tx.add_case(a_case())
    await backup(database, tmp_path / "b")
    with zipfile.ZipFile(tmp_path / "b") as file:
        manifest = json.loads(file.read(MANIFEST))
    assert (manifest["kind"], manifest["revision"]) == ("tipline backup", newest_revision())
    assert manifest["tables"]["case"]["rows"] == 1
