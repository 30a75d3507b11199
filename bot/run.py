"""`tipline serve`: makes what is missing, then runs web and worker as two processes, each ending the other."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import httpx

from bot.enrol import take_lists
from bot.files import pinned_vetters
from bot.handover import Role, to_child
from bot.keyrings import SECRETS, worker_keys
from bot.settings import Mode, Settings
from bot.wiring import PACKS, PracticeToken, SystemClock
from handlers.parts import worker_leaf
from handlers.rotation import epoch_leaf
from sealing import signing
from sealing.custody import Entry, EntryKind
from sealing.keyring import make_secrets, pin_line
from sealing.rows import HOUR_MS
from storage.engine import open_database
from storage.epochs import EpochMismatch
from storage.store import SqlStore
from translations.packages import provision
from translations.selftest import score

MARK = "mode"
"""File in TIPLINE_HOME: whether the line there is a real or a practice one. Tips of the one are never read by people of the other."""
ROOT = Path(__file__).resolve().parent.parent
STOP_S = 15.0


class StartError(Exception):
    """The line cannot start. One sentence without a value."""


def prepare(settings: Settings) -> None:
    """Folder, secrets, tables, lists of vetters and language packages. Raises StartError, KeyringError, VettersError, EnrolError,
    PackageError, StorageDown."""
    claim_home(settings)
    folder = settings.home / SECRETS
    if not folder.exists():
        first_secrets(settings)
    pin_line(folder, worker_keys(settings))  # a line of an older version did not have it
    asyncio.run(_migrate(settings))
    packs_for(settings)


def first_secrets(settings: Settings) -> None:
    """Raises StartError, KeyringError."""
    claim_home(settings)
    if not (settings.home / SECRETS).exists() and (settings.home / "tipline.db").exists():
        raise StartError("There is a database but no secrets folder: bring back the secrets that belong to it.")
    make_secrets(settings.home / SECRETS, secrets.token_bytes, hour=SystemClock().now_ms() // HOUR_MS, given=settings.credentials)


def claim_home(settings: Settings) -> None:
    """Makes TIPLINE_HOME a real line's or a practice line's, for good. Raises StartError when it is the other's."""
    os.umask(0o077)
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark, mode = settings.home / MARK, Mode.PRACTICE if settings.practice else Mode.LINE
    if not mark.exists():
        if settings.practice and any((settings.home / name).exists() for name in (SECRETS, "tipline.db")):
            raise StartError("TIPLINE_HOME holds a line that is not marked as a practice line: give practice a folder of its own.")
        _write_whole(mark, mode.value)
    elif not mark.is_file() or mark.read_bytes() != mode.value.encode():
        raise StartError("TIPLINE_HOME belongs to a line of the other kind: a real line and a practice line need a folder each.")


def _write_whole(file: Path, text: str) -> None:
    """All of it or nothing, also when the machine stops in the middle."""
    part = file.with_name(file.name + ".part")
    with part.open("w", encoding="ascii") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)


def packs_for(settings: Settings) -> Path:
    """Where the installed packages lie. Those of TIPLINE_LANGUAGE_PACKS are installed first; in practice also those that
    `tipline languages add` gave to the real line beside it (~/.tipline for ~/.tipline-practice)."""
    packs = settings.home / PACKS
    beside = settings.home.with_name(settings.home.name.removesuffix("-practice")) / PACKS
    sources = [settings.language_packs] if settings.language_packs is not None else []
    if settings.practice and beside != packs and beside.is_dir():
        sources.append(beside)
    if sources:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        provision(packs, sources, score)
    return packs


async def _migrate(settings: Settings) -> None:
    """Tables, and the log's first entry: a commitment to the secret that all draws' coins come from, made before any tip.
    Nothing is written into a database of other secrets."""
    keys, now = worker_keys(settings), SystemClock().now_ms()
    async with open_database(settings.database_url.reveal()) as database:
        await database.migrate()
        store = SqlStore(database)
        try:
            await store.record_epochs(keys.public_epochs(), partial(epoch_leaf, keys, now_ms=now), signing.public_of(keys.custody_seed))
        except EpochMismatch:
            raise StartError("The database belongs to other secrets: bring those back, or give this line a database of its own.") from None
        if not await store.leaves(most=1):
            async with store.begin() as tx:
                await tx.log(worker_leaf(keys, Entry(now // HOUR_MS, EntryKind.COMMIT, "", keys.draw_commitment(), "")))
        if settings.vetters is not None and settings.vetters.exists():
            await take_lists(store, keys, pinned_vetters(settings, settings.vetters), now // HOUR_MS)


@dataclass(frozen=True, slots=True)
class Child:
    role: Role
    process: asyncio.subprocess.Process


async def start_child(settings: Settings, role: Role, practice: PracticeToken | None, events: IO[bytes] | None) -> Child:
    """An empty environment but for where Python finds this checkout; settings over the pipe. The pipe stays open as long as this process
    lives: its end tells the child that nobody watches over it any more (`bot.child.until_orphaned`)."""
    told = to_child(settings, role)
    if practice is not None:
        told["practice"] = {"token": practice.token.reveal(), "people_file": str(practice.people_file)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.child",
        role.value,
        stdin=asyncio.subprocess.PIPE,
        stderr=events,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if process.stdin is None:
        raise StartError("A process could not be started.")
    process.stdin.write(json.dumps(told).encode() + b"\n")
    await process.stdin.drain()
    return Child(role, process)


@dataclass(frozen=True, slots=True)
class Line:
    """Both processes of a running line."""

    children: tuple[Child, ...]

    async def ended(self) -> Role:
        """Which process ended first."""
        waiting = {asyncio.ensure_future(child.process.wait()): child.role for child in self.children}
        done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return waiting[done.pop()]

    async def stop(self) -> None:
        for child in self.children:
            if child.process.returncode is None:
                child.process.terminate()
        for child in self.children:
            try:
                async with asyncio.timeout(STOP_S):
                    await child.process.wait()
            except TimeoutError:
                child.process.kill()
                await child.process.wait()


async def start_line(settings: Settings, practice: PracticeToken | None = None, events: IO[bytes] | None = None) -> Line:
    """`events`: where the processes write their event lines; standard error when None."""
    worker = await start_child(settings, Role.WORKER, practice, events)
    return Line((worker, await start_child(settings, Role.WEB, practice, events)))


async def until_ready(port: int, line: Line, seconds: float = 60.0) -> bool:
    """False when it was not ready in time, or a process ended first."""
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(int(seconds * 5)):
            if any(child.process.returncode is not None for child in line.children):
                return False
            try:
                if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                    return True
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)
    return False


@contextmanager
def stopping(stop: asyncio.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set `stop`."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def serve(settings: Settings) -> int:
    """Until a signal or until one process ends. 0 = asked to stop."""
    line = await start_line(settings)
    stop = asyncio.Event()
    with stopping(stop):
        ended = asyncio.ensure_future(line.ended())
        asked = asyncio.ensure_future(stop.wait())
        await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
        for task in (ended, asked):
            task.cancel()
        await line.stop()
    return 0 if stop.is_set() else 1
