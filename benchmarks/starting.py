"""A worker's start from what past outcomes left: rows of a thousand, sealed by the line's own keys, in a real database; learned from in a
process of its own, so that its memory is that of the start alone."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from benchmarks.line import sqlite_database
from handlers.lessons import Memory, open_record, seal_record
from routing.learning import Event, nothing_known, update
from routing.records import Record, parse_record, record_bytes
from sealing.keyring import WorkerKeys, load_worker, make_secrets
from sealing.learned_rows import LessonRow
from sealing.rows import DAY_MS
from storage.engine import open_database
from storage.store import SqlStore

TOGETHER = 1_000
"""Outcomes in one row, as the worker puts them together."""
PARTS = 100
FIRST_DAY = 20_000
_PAGE = 8


class SetClock:
    def now_ms(self) -> int:
        return (FIRST_DAY + 4_000) * DAY_MS


class UnreadError(Exception):
    """The line did not read its own rows: no number of such a run means anything."""


def start_from(events: Iterator[Event], count: int) -> dict[str, object]:
    """Seconds to seal so many outcomes here, and to start from them in a child."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        make_secrets(folder / "secrets", secrets.token_bytes)
        url = sqlite_database(folder)
        sealing = asyncio.run(_write(load_worker(folder / "secrets" / "worker"), url, events))
        told = subprocess.run([sys.executable, "-m", "benchmarks.starting", made, url], check=True, capture_output=True, text=True)
    return {"outcomes": count, "seal_s": round(sealing, 2), **json.loads(told.stdout)}


async def _write(keys: WorkerKeys, url: str, events: Iterator[Event]) -> float:
    database, sealing = open_database(url), 0.0
    async with SqlStore(database).begin() as tx:
        for number in itertools.count(1):
            some = tuple(itertools.islice(events, TOGETHER))
            if not some:
                break
            row_id = f"{number:016d}{hashlib.sha256(number.to_bytes(8)).hexdigest()[:48]}"
            names = tuple(f"{number:08x}{n:08x}" for n in range(len(some)))
            start = time.process_time()
            row = seal_record(keys, row_id, Record(some[-1].day, len(some), some, names))
            sealing += time.process_time() - start
            await tx.add_lesson(row)
    await database.close()
    return sealing


async def _start(keys: WorkerKeys, url: str) -> tuple[dict[str, float], Sequence[LessonRow]]:
    """The start itself, as the worker makes it; then the rows, for a look at the parts."""
    before = peak_mb()
    database = open_database(url)
    store = SqlStore(database)
    memory = Memory(keys, SetClock(), _refuse)
    wall, cpu = time.perf_counter(), time.process_time()
    await memory.learn(store)
    found = {"start_s": time.perf_counter() - wall, "start_cpu_s": time.process_time() - cpu, "peak_mb": peak_mb(), "before_mb": before}
    rows: list[LessonRow] = []
    async with store.begin() as tx:
        while page := await tx.lessons(rows[-1].id if rows else "", _PAGE):
            rows += page
    await database.close()
    return found, rows


def _refuse(trouble: StrEnum) -> None:
    raise UnreadError(trouble.value)


def _parts(keys: WorkerKeys, rows: Sequence[LessonRow]) -> dict[str, float]:
    """Seconds of the processor for the first hundred rows, part by part. `read_s` = opened and parsed, as the worker does it."""
    beliefs, spent = nothing_known(), {"read_s": 0.0, "parse_s": 0.0, "update_s": 0.0}
    for row in rows[:PARTS]:
        data = record_bytes(open_record(keys, row))
        start = time.process_time()
        record = open_record(keys, row)
        opened = time.process_time()
        parse_record(data)
        parsed = time.process_time()
        for event in record.events:
            beliefs = update(beliefs, event)
        learned = time.process_time()
        for name, seconds in (("read_s", opened - start), ("parse_s", parsed - opened), ("update_s", learned - parsed)):
            spent[name] += seconds
    return {"of_rows": len(rows[:PARTS]), **spent, "sealed_mb": sum(len(row.sealed) for row in rows) / 2**20}


def peak_mb() -> float:
    """Of this process alone: what getrusage says on Linux counts the parent that it was forked from."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    own = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return (own or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])[0] / 1024


def main() -> None:
    folder, url = sys.argv[1:]
    keys = load_worker(Path(folder) / "secrets" / "worker")
    found, rows = asyncio.run(_start(keys, url))
    told = {**found, **_parts(keys, rows)}
    print(json.dumps({name: round(value, 2) for name, value in told.items()}))


if __name__ == "__main__":
    main()
