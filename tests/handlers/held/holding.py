"""Readers to enrol, letters to read and releases to sign for a tip that is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.holds import Held, held_tips
from bot.settings import DiskFiles, Mode, Settings, load_settings
from handlers.held import HoldRecord, Holds, held
from handlers.letters import Letters
from handlers.releases import Freed, NotFreed, Releases
from routing.people import Hold, Role
from sealing import age
from sealing.rows import HOUR_MS, CaseState
from sealing.said import Letter, read_letter
from sealing.statements import signed_release
from tests.handlers.roster_world import Chance
from tests.handlers.test_line_escrow import enrol_trustee
from tests.line import TestLine

LOCAL = frozenset({"f9b85d2a7e44fb0215b9b0270fa6b59e"})
"""A roster of one, who lives where the tips of these tests happen: nobody may read them."""
SMALL, NAMED = Hold.NEEDS_TWO_VETTERS, Hold.POISONED
MAILBOX = age.generate()
"""Both vetters': their letters are alike."""
AN_HOUR = 3600
ONE, TWO, FIVE = ("ngo-faro",), ("ngo-faro", "ngo-manos"), ("ngo-faro", "ngo-manos", "ngo-semilla", "liaison-vd", "liaison-nl")


async def enrol(line: TestLine, agencies: Sequence[str], count: int, *, days: int = 200, **more: Any) -> list[str]:
    """So many readers, of these agencies in turn. `days`: since when."""
    issued = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)
    given = {"role": Role.HANDLER, "issued": issued, "expires": (issued + timedelta(days=365)).date(), **more}
    return [await enrol_trustee(line, agencies[n % len(agencies)], "brumhaven", **given) for n in range(count)]


async def state_of(line: TestLine, case_id: str) -> CaseState:
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
    assert case is not None
    return case.state


async def letters(line: TestLine) -> list[Letter]:
    """One vetter's, in no order; read, and so gone."""
    found = list[Letter]()
    async with line.store.begin() as tx:
        for n, name in enumerate(line.vetters.keys):
            rows = await tx.letters(name)
            await tx.drop_letters([row.id for row in rows])
            found = found if n else [read_letter(age.unseal(row.sealed, MAILBOX[0])) for row in rows]
    return found


def hour_of(line: TestLine) -> int:
    return line.clock.now // HOUR_MS


async def record_of(line: TestLine, case_id: str) -> HoldRecord:
    async with line.store.begin() as tx:
        record = await held(tx, line.keys, case_id)
    assert record is not None
    return record


async def nonce_of(line: TestLine, case_id: str, hold: Hold = SMALL) -> bytes:
    """What releases for this reason name; others where no letter was written."""
    return (await record_of(line, case_id)).nonces.get(hold.value, b"\1" * 16)


def code_in(letter: Letter) -> str:
    numbers, code = letter.text.reveal().split("\nRelease code: ")
    assert numbers.startswith("May read it: ")
    return code


async def said(line: TestLine, case_id: str, vetter: int, hold: Hold = SMALL, *, hours: int = 0) -> bytes:
    return signed_release(case_id, hold.value, await nonce_of(line, case_id, hold), hour_of(line) + hours, line.vetter_seeds[vetter])


async def take(line: TestLine, leaf: bytes) -> Freed | NotFreed:
    """As `tipline roster load` takes it; what is due then is done."""
    async with line.store.begin() as tx:
        taken = await releases(line).take(tx, leaf, hour_of(line))
    await line.run()
    return taken


def releases(line: TestLine, **other: Any) -> Releases:
    vetters = replace(line.vetters, **other)
    return Releases(line.keys, line.clock, vetters, Letters(vetters, line.clock, Chance()))


def line_holds(line: TestLine) -> Holds:
    return Holds(line.keys, line.clock, Letters(line.vetters, line.clock, Chance()))


async def logged(line: TestLine, *leaves: bytes) -> None:
    """As somebody writes them who can write to the database."""
    async with line.store.begin() as tx:
        for leaf in leaves:
            await tx.log(leaf)


async def looked_at(line: TestLine) -> None:
    await line.store.retry_held(line.clock.now)
    await line.run()


async def told(line: TestLine) -> Held:
    settings = load_settings({"TIPLINE_HOME": str(line.home)}, DiskFiles(), Mode.OFFLINE)
    assert isinstance(settings, Settings)
    return await held_tips(settings, line.database)
