"""`tipline duty`: what a reader writes, the bytes that come of it, and the way from his device to the roster and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from bot.duty import app, declare, read_hours, shown, spoken
from bot.own_key import DeskError, at_desk
from bot.reader import Reader
from bot.web import application
from desk.access import Access
from desk.api import Desk, Shown
from desk.pages import desk_page
from handlers.declared import hours_of
from routing.duty import Duty, duty_bytes
from sealing import passphrase, signing
from sealing.custody import EntryKind, holds, read_leaf
from sealing.passphrase import PersonKey
from sealing.rows import EpochState, Purpose
from storage import tables
from tests.begun import world_cards
from tests.line import TestLine, fresh_line

pytestmark = pytest.mark.enable_socket
ORIGIN = "https://line.example.org"
TWO = frozenset(sorted(world_cards()[0])[:2])
WEEK = "mon-fri 08:00-12:00,13:00-17:00; sat 09:00-12:00 Asia/Manila"


class Served(httpx.AsyncBaseTransport):
    """The real routes of a line's desk; whatever is posted is judged at once, as a worker beside it would."""

    def __init__(self, line: TestLine) -> None:
        access = Access(line.reads, frozenset({ORIGIN}), line.clock.now_ms)
        desk = Desk(line.reads, access, desk_page(), Shown("Tip line", practice=False, poll_ms=1))
        self._line, self._app = line, httpx.ASGITransport(application(desk.routes(), ["line.example.org"]))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._app.handle_async_request(request)
        await self._line.run()
        return answer


@asynccontextmanager
async def a_reader(folder: Path) -> AsyncIterator[tuple[TestLine, Reader, str]]:
    async with fresh_line(folder, people=TWO) as line:
        person = min(line.cards)
        async with at_desk(ORIGIN, line.person_keys[person], Served(line)) as reader:
            yield line, reader, person


async def held(line: TestLine, person: str) -> Duty | None:
    async with line.store.begin() as tx:
        row = await tx.person(person)
    assert row is not None
    return hours_of(row, line.keys)


@pytest.mark.asyncio
async def test_a_reader_says_his_hours_and_is_told_them_again(tmp_path: Path) -> None:
    async with a_reader(tmp_path) as (line, reader, person):
        assert "none declared" in await shown(reader)
        await declare(reader, read_hours(WEEK))
        assert await held(line, person) == read_hours(WEEK)
        key = signing.public_of(line.keys.custody_seed)
        assert await shown(reader) == f"Hours: {WEEK}\nThe line's key: {signing.fingerprint(key)}"
        [leaf] = [leaf for leaf in await line.store.leaves() if read_leaf(leaf)[0].kind is EntryKind.DUTY]
        assert holds(leaf, line.cards[person].verify_key), "he signed them himself"
        assert b"Manila" not in leaf


@pytest.mark.asyncio
async def test_a_line_with_another_key_than_the_vetters_gave_gets_nothing(tmp_path: Path) -> None:
    async with a_reader(tmp_path) as (line, reader, person):
        with pytest.raises(DeskError, match="another key"):
            await declare(reader, read_hours(WEEK), "0123456789abcdef")
        assert await held(line, person) is None
        await declare(reader, read_hours(WEEK), signing.fingerprint(signing.public_of(line.keys.custody_seed)).upper())
        assert await held(line, person) == read_hours(WEEK)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changed", "why"), [({"recipient": "age1" + "q" * 58}, "did not sign"), ({"state": EpochState.DRAINING}, "no keys in use")]
)
async def test_keys_that_the_line_did_not_sign_or_no_longer_uses_are_sealed_to_by_nobody(
    tmp_path: Path, changed: dict[str, object], why: str
) -> None:
    """A web process, or a database, that hands out a recipient of its own, or an old one."""
    async with fresh_line(tmp_path, people=TWO) as line:
        async with line.database.begin() as transaction:
            await transaction.run(tables.epoch.update().where(tables.epoch.c.purpose == Purpose.GATE).values(**changed))
        key = line.person_keys[min(line.cards)]

        async def say() -> None:
            async with at_desk(ORIGIN, key, Served(line)) as reader:
                await declare(reader, read_hours(WEEK))

        with pytest.raises(DeskError, match=why):
            await say()
        assert [entry.kind for entry in await line.leaves()].count(EntryKind.DUTY) == 0


@pytest.mark.asyncio
async def test_a_strangers_key_does_not_open_the_desk(tmp_path: Path) -> None:
    async with fresh_line(tmp_path, people=TWO) as line:
        person = min(line.cards)
        other = replace(line.person_keys[person], sign_seed=signing.generate()[0])

        async def log_in() -> None:
            async with at_desk(ORIGIN, other, Served(line)):
                pytest.fail("it let him in")

        with pytest.raises(DeskError, match="does not let this key in"):
            await log_in()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (WEEK, WEEK),
        ("mon 8:00-17:00 UTC", "mon 08:00-17:00 UTC"),
        ("  MON-SUN 00:00-24:00   Europe/Madrid ", "mon-sun 00:00-24:00 Europe/Madrid"),
        ("sat-mon 10:00-14:00 UTC", "mon 10:00-14:00; sat-sun 10:00-14:00 UTC"),
        ("mon 09:00-12:00 11:00-13:00,13:00-17:00 UTC", "mon 09:00-17:00 UTC"),
        ("sun 22:00-06:00 UTC", "mon 00:00-06:00; sun 22:00-24:00 UTC"),
        ("fri 18:00-00:00 UTC", "fri 18:00-24:00 UTC"),
        ("tue 08:00-08:00 UTC", "tue 08:00-24:00; wed 00:00-08:00 UTC"),
        ("mon 08:00-14:00; mon 12:00-16:00 UTC", "mon 08:00-16:00 UTC"),
    ],
)
def test_hours_as_people_write_them(said: str, meant: str) -> None:
    assert spoken(read_hours(said)) == meant


@pytest.mark.parametrize(
    "said",
    [
        "",
        "UTC",
        "mon UTC",
        "mon-fri 08:00-17:00",
        "mon-fri 08:00-17:00 Nowhere/Else",
        "mon-fri 8-17 UTC",
        "day 08:00-17:00 UTC",
        "mon-xyz 08:00-17:00 UTC",
        "mon 24:00-25:00 UTC",
        "mon 08:00-24:30 UTC",
        "mon 08:00-09:00 UTC",
        "mon-fri 08:00-17:00; sat 08:00-08:59 UTC",
        "mon 08:00-17:00 ../../etc/passwd",
    ],
)
def test_hours_that_are_none_are_refused_in_words_that_do_not_repeat_them(said: str) -> None:
    with pytest.raises(DeskError) as raised:
        read_hours(said)
    assert "Nowhere" not in str(raised.value)


@given(st.lists(st.lists(st.integers(0, 24 * 60), max_size=8), min_size=7, max_size=7))
def test_what_is_shown_is_what_would_be_read(moments: list[list[int]]) -> None:
    days = [sorted(set(day))[: len(set(day)) // 2 * 2] for day in moments]
    spans = [[(a, b) for a, b in zip(day[::2], day[1::2], strict=True) if b - a >= 60 or a == 0 or b == 24 * 60] for day in days]
    duty = Duty("Asia/Manila", tuple(map(tuple, spans)))
    if duty.minutes() >= 360:
        assert duty_bytes(read_hours(spoken(duty))) == duty_bytes(duty)


def test_the_command_refuses_what_it_cannot_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrase, "LOG_N", 10)
    key, spoken_word = tmp_path / "ana.key", tmp_path / "word"
    held_key = PersonKey("a" * 32, "AGE-SECRET-KEY-1X", signing.generate()[0])
    key.write_text(passphrase.lock(held_key, "right", bytes(48)), encoding="ascii")
    spoken_word.write_text("wrong\n", encoding="utf-8")
    run = CliRunner()

    def tried(*words: str) -> str:
        return str(run.invoke(app, [*words, "--key", str(key), "--passphrase-file", str(spoken_word)]).exception)

    assert "passphrase is wrong" in tried("show", ORIGIN)
    spoken_word.write_text("right\n", encoding="utf-8")
    assert "https address" in tried("show", "http://line.example.org")
    assert "cannot be taken" in tried("set", ORIGIN, "mon 08:00-09:00 UTC")
    assert "cannot be reached" in tried("set", "http://127.0.0.1:1", WEEK)
    key.unlink()
    assert "cannot be read" in tried("show", ORIGIN)
