"""Acceptance: sealed before it is handed on, durable before it is answered, once."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.wiring import SystemEntropy
from handlers.intake import Acceptor, Lanes
from sealing import age, plaintexts
from sealing.keyring import load_web, load_worker, make_secrets
from sealing.rows import DAY_MS, Accepted, Purpose, SealedInbound, StorageDown
from storage import tables
from storage.engine import Database, open_database
from storage.intake import SqlIntake
from tests.databases import SetClock
from tests.storage.rows import count
from triage.sensitive import Sensitive
from triage.tip import Inbound

WORDS, PHONE = "the blue house by the harbour", "+34600000001"
AT = datetime(2026, 11, 21, 14, 37, tzinfo=UTC)
pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


def message(provider_id: str = "SM1", channel: str = "sms", phone: str = PHONE) -> Inbound:
    return Inbound(channel, Sensitive(phone), Sensitive(WORDS), provider_id, AT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_secrets(tmp_path / "secrets", secrets.token_bytes)
    return tmp_path / "secrets"


def acceptor(folder: Path, database: Database, clock: SetClock, timeout: float = 10.0) -> Acceptor:
    return Acceptor(SqlIntake(database, clock, timeout=timeout), load_web(folder / "web"), clock, SystemEntropy())


async def stored(database: Database) -> list[SealedInbound]:
    """What lies in the table, as a worker finds it."""
    columns = tables.inbound.c
    async with database.begin(reading=True) as transaction:
        rows = await transaction.run(tables.inbound.select().with_only_columns(columns.id, columns.epoch, columns.sealed))
        return [SealedInbound(row.id, "", row.epoch, row.sealed, 0) for row in rows]


async def test_an_accepted_message_is_stored_sealed_and_the_worker_alone_reads_it(
    folder: Path, database: Database, clock: SetClock
) -> None:
    assert await acceptor(folder, database, clock).accept(message()) is Accepted.NEW
    (row,) = await stored(database)
    assert WORDS.encode() not in row.sealed
    assert len(row.id) == 32
    plaintext = load_worker(folder / "worker").open(Purpose.INTAKE, row.epoch, row.sealed)
    assert plaintexts.read_inbound(plaintext) == message()
    assert await count(database, tables.task) == 1


async def test_a_repeat_is_a_duplicate_and_another_channels_same_id_is_not(folder: Path, database: Database, clock: SetClock) -> None:
    accept = acceptor(folder, database, clock).accept
    said = [await accept(message()), await accept(message()), await accept(message("SM2")), await accept(message(channel="handset"))]
    assert said == [Accepted.NEW, Accepted.DUPLICATE, Accepted.NEW, Accepted.NEW]
    assert await count(database, tables.inbound) == 3


async def test_the_clear_columns_tell_a_day_and_a_keyed_tag(folder: Path, database: Database, clock: SetClock) -> None:
    made = acceptor(folder, database, clock)
    await made.accept(message())
    async with database.begin(reading=True) as transaction:
        (tag, day) = (await transaction.run(tables.seen.select())).one()
    assert (tag, day) == (made.keys.dedupe_tag("sms", "SM1"), clock.now // DAY_MS)
    assert "SM1" not in tag


async def test_the_same_message_from_a_crowd_is_one_row(folder: Path, database: Database, clock: SetClock) -> None:
    made = acceptor(folder, database, clock)
    said = await asyncio.gather(*(made.accept(message(f"SM{n % 10}")) for n in range(100)))
    assert sorted(said) == [Accepted.DUPLICATE] * 90 + [Accepted.NEW] * 10
    assert await count(database, tables.inbound) == 10


async def test_a_database_that_is_away_says_so_and_nothing_is_written(folder: Path, url: str, database: Database, clock: SetClock) -> None:
    gone = open_database(url)
    await gone.close()
    with pytest.raises(StorageDown) as caught:
        await acceptor(folder, gone, clock).accept(message())
    assert WORDS not in str(caught.value) + repr(caught.value.__cause__)
    assert (await count(database, tables.inbound), await count(database, tables.seen)) == (0, 0)
    assert await acceptor(folder, database, clock).accept(message()) is Accepted.NEW, "the provider's repeat is taken"


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_it_returns_after_the_commit(folder: Path, url: str, database: Database, clock: SetClock) -> None:
    """While another process holds the database, nothing is answered; the row is there for everybody at the moment it is."""
    made, file = acceptor(folder, database, clock), url.removeprefix("sqlite:///")
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    accepting = asyncio.create_task(made.accept(message()))
    try:
        await asyncio.sleep(0.3)
        assert not accepting.done()
    finally:
        holder.execute("ROLLBACK")
    assert await accepting is Accepted.NEW
    assert holder.execute("SELECT count(*) FROM inbound").fetchone() == (1,)
    holder.close()


@dataclass
class Recorder:
    """handlers.ports.Intake that notes what reaches storage, and refuses when told."""

    down: bool = False
    taken: list[SealedInbound] = field(default_factory=list)

    async def accept(self, inbound: SealedInbound) -> Accepted:
        self.taken.append(inbound)
        if self.down:
            raise StorageDown
        return Accepted.NEW


async def test_what_reaches_storage_holds_no_word_and_ids_are_random(folder: Path, clock: SetClock) -> None:
    recorder = Recorder()
    made = Acceptor(recorder, load_web(folder / "web"), clock, SystemEntropy())
    for _ in range(2):
        await made.accept(message())
    first, second = recorder.taken
    assert first.dedupe == second.dedupe
    assert first.id != second.id
    assert first.sealed != second.sealed
    assert not any(word.encode() in repr(first).encode() + first.sealed for word in (WORDS, PHONE, "SM1"))
    with pytest.raises(age.OpenError):
        load_worker(folder / "worker").open(Purpose.DELIVERY, first.epoch, first.sealed)


async def test_a_refusal_of_storage_is_not_swallowed(folder: Path, clock: SetClock) -> None:
    made = Acceptor(Recorder(down=True), load_web(folder / "web"), clock, SystemEntropy())
    with pytest.raises(StorageDown):
        await made.accept(message())


async def test_one_sender_has_one_lane_that_names_him_to_nobody(folder: Path, clock: SetClock) -> None:
    recorder, keys = Recorder(), load_web(folder / "web")
    made, restarted = (Acceptor(recorder, keys, clock, SystemEntropy()) for _ in range(2))
    for accept, said in ((made, message("1")), (made, message("2")), (made, message("3", phone="+34600000002")), (restarted, message("4"))):
        await accept.accept(said)
    await made.accept(message("5", channel="handset"))
    lanes = [row.lane for row in recorder.taken]
    assert lanes[0] == lanes[1]
    assert len(set(lanes)) == 4, "another phone, another channel and another start of the process have other lanes"
    assert all(lane is not None and len(lane) == 16 and int(lane, 16) >= 0 for lane in lanes)
    assert not any(PHONE[1:] in repr(lane) + repr(made) for lane in lanes)


async def test_a_lane_is_a_tag_under_a_pepper_that_is_drawn_and_kept_nowhere(folder: Path) -> None:
    class Drawn:
        def draw(self, n: int) -> bytes:
            return bytes(n)

    known = hmac.digest(bytes(32), f"sms\0{PHONE}".encode(), "sha256").hex()[:16]
    assert Lanes(Drawn()).of(message()) == known
    assert Lanes(SystemEntropy()).of(message()) != known
    assert not any(known in file.read_text(encoding="ascii") for file in folder.rglob("*") if file.is_file())


async def test_who_writes_faster_than_anybody_reads_is_taken_and_read_later(folder: Path, database: Database, clock: SetClock) -> None:
    """All durable, one lane, the later due the later it came."""
    made = acceptor(folder, database, clock)
    for n in range(30):
        assert await made.accept(message(str(n))) is Accepted.NEW
    await made.accept(message("other", phone="+34600000002"))
    due = select(tables.task.c.due, tables.inbound.c.seq, tables.inbound.c.lane).join(
        tables.inbound, tables.inbound.c.id == tables.task.c.ref
    )
    async with database.begin(reading=True) as transaction:
        rows = [(row.due - clock.now, row.lane) for row in await transaction.run(due.order_by(tables.inbound.c.seq))]
    flood, (other,) = rows[:30], rows[30:]
    assert [wait for wait, _ in flood] == [0] * 20 + [15_000 * n for n in range(1, 11)]
    assert len({lane for _, lane in flood}) == 1
    assert other[0] == 0
    assert other[1] != flood[0][1]
