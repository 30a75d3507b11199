"""How fast the line takes messages, against bare committed inserts of the same ciphertext on the same disk in the same minute.

The real web process (`python -m bot.child web`) answers signed Twilio forms over HTTP on kept-open connections, 1, 16 and 64 at a time. A
message counts when the provider's answer is there, which is after the commit. Between the rounds (A B C, A B C, …) the plain driver inserts
as many rows, one commit each (B) and 64 a commit (C). The ratios are what to compare between machines; the rates are this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.line import CHANNELS, NUMBER, PUBLIC, durable_postgres, line_settings, machine, postgres_database, sqlite_database
from bot.channels import Channels
from bot.handover import Role, to_child
from bot.twilio_route import TWILIO_PATH
from storage.intake import BATCH
from tests.peers.processes import free_port
from tests.peers.twilio import PRACTICE_TOKEN, incoming, signed_form

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 5
MESSAGES = {1: 250, 16: 1000, 64: 1500}
"""Requests at a time -> messages a round."""
TEXT = "En el bar del puerto unas mujeres trabajan sin pago y no pueden salir. El dueño guarda los pasaportes."

Insert = Callable[[Sequence[bytes], int], list[float]]
"""(rows, rows a commit) -> seconds of each commit."""


@dataclass(slots=True)
class Series:
    """`rates`: rows a second, of each round. `times`: milliseconds of each request or commit."""

    rates: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def add(self, rows: int, seconds: float, times: Sequence[float]) -> None:
        self.rates.append(rows / seconds)
        self.times.extend(1000 * each for each in times)

    def percentile(self, percent: int) -> float:
        return statistics.quantiles(self.times, n=100, method="inclusive")[percent - 1]


class WrongAnswerError(Exception):
    """The line did not take what it was sent: no number of such a run means anything."""


def forms(count: int, chance: random.Random) -> list[bytes]:
    """Whole signed requests, each another message from one of 10,000 phones."""
    made: list[bytes] = []
    for _ in range(count):
        sid = f"SM{chance.getrandbits(128):032x}"
        fields = incoming(f"+34600{chance.randrange(100_000):06d}", NUMBER, TEXT, MessageSid=sid, SmsSid=sid, SmsMessageSid=sid)
        body, headers = signed_form(PUBLIC + TWILIO_PATH, PRACTICE_TOKEN, fields)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        start = f"POST {TWILIO_PATH} HTTP/1.1\r\nHost: line.example.org\r\n{head}Content-Length: {len(body)}\r\n\r\n"
        made.append(start.encode() + body)
    return made


async def post_all(port: int, requests: Sequence[bytes], at_a_time: int) -> list[float]:
    """Seconds from the first byte sent to the whole answer, of each. WrongAnswerError for anything but 200."""
    waiting = iter(requests)
    times: list[float] = []

    async def phone() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            start = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
            times.append(time.perf_counter() - start)
            if not head.startswith(b"HTTP/1.1 200 "):
                raise WrongAnswerError(head.partition(b"\r\n")[0].decode("ascii", "replace"))
        writer.close()
        await writer.wait_closed()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_a_time):
            group.create_task(phone())
    return times


def _length(head: bytes) -> int:
    name = b"content-length:"
    return next(int(line[len(name) :]) for line in head.split(b"\r\n") if line.lower().startswith(name))


@contextmanager
def web_process(home: Path, url: str) -> Iterator[int]:
    """The port of a real web process with Twilio alone; its log goes to a file in `home`."""
    settings = line_settings(home, url, free_port(), Channels(twilio=CHANNELS.twilio))
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.child", "web"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        )
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(to_child(settings, Role.WEB)).encode() + b"\n")
        process.stdin.flush()
        _until_listening(settings.port)
        yield settings.port
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdin.close()


def _until_listening(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise TimeoutError("the web process does not listen")


@contextmanager
def bare_sqlite(folder: Path) -> Iterator[Insert]:
    """WAL and FULL, as the line has it, on the same disk."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE bare (seq INTEGER PRIMARY KEY, sealed BLOB NOT NULL)")

    def insert(rows: Sequence[bytes], batch: int) -> list[float]:
        def commit(part: Sequence[bytes]) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO bare (sealed) VALUES (?)", [(row,) for row in part])
            connection.execute("COMMIT")

        return _timed(commit, rows, batch)

    yield insert
    connection.close()


@contextmanager
def bare_postgres(url: str) -> Iterator[Insert]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bare (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sealed bytea NOT NULL)")

        def insert(rows: Sequence[bytes], batch: int) -> list[float]:
            def commit(part: Sequence[bytes]) -> None:
                with connection.transaction(), connection.cursor() as cursor:
                    cursor.executemany("INSERT INTO bare (sealed) VALUES (%s)", [(row,) for row in part])

            def commit_one(part: Sequence[bytes]) -> None:
                connection.execute("INSERT INTO bare (sealed) VALUES (%s)", (part[0],))  # autocommit: one round trip, one commit

            return _timed(commit_one if batch == 1 else commit, rows, batch)

        yield insert


def _timed(commit: Callable[[Sequence[bytes]], None], rows: Sequence[bytes], batch: int) -> list[float]:
    times: list[float] = []
    for at in range(0, len(rows), batch):
        start = time.perf_counter()
        commit(rows[at : at + batch])
        times.append(time.perf_counter() - start)
    return times


def ciphertexts(url: str) -> list[bytes]:
    """What the line has stored so far."""
    query = "SELECT sealed FROM inbound"
    if url.startswith("sqlite:///"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        try:
            return [bytes(row[0]) for row in connection.execute(query)]
        finally:
            connection.close()
    with psycopg.connect(url) as opened:
        return [bytes(row[0]) for row in opened.execute(query)]


def measure(url: str, home: Path, insert: Insert, chance: random.Random) -> dict[str, dict[str, float]]:
    """Requests at a time -> numbers. WrongAnswerError unless every message of every round is one row."""
    found: dict[str, dict[str, float]] = {}
    with web_process(home, url) as port:
        asyncio.run(post_all(port, forms(300, chance), 16))  # warm
        sealed = ciphertexts(url)
        sent = len(sealed)
        insert(sealed, 1)
        for at_a_time, count in MESSAGES.items():
            line, bare, grouped = Series(), Series(), Series()
            rows = [chance.choice(sealed) for _ in range(count)]
            for _ in range(ROUNDS):
                requests = forms(count, chance)
                start = time.perf_counter()
                times = asyncio.run(post_all(port, requests, at_a_time))
                line.add(count, time.perf_counter() - start, times)
                for series, batch in ((bare, 1), (grouped, BATCH)):
                    times = insert(rows, batch)
                    series.add(count, sum(times), times)
                sent += count
            found[str(at_a_time)] = numbers(line, bare, grouped)
        if (stored := len(ciphertexts(url))) != sent:
            raise WrongAnswerError(f"{sent} messages were taken and {stored} rows stored")
    return found


def numbers(line: Series, bare: Series, grouped: Series) -> dict[str, float]:
    """Ratios are taken round by round, then the median: a neighbour's noise then meets both sides."""
    of_bare = [ours / theirs for ours, theirs in zip(line.rates, bare.rates, strict=True)]
    of_grouped = [ours / theirs for ours, theirs in zip(line.rates, grouped.rates, strict=True)]
    raw = {
        "rate": statistics.median(line.rates),
        "p50_ms": line.percentile(50),
        "p99_ms": line.percentile(99),
        "bare_rate": statistics.median(bare.rates),
        "bare_p50_ms": bare.percentile(50),
        "bare_p99_ms": bare.percentile(99),
        "grouped_rate": statistics.median(grouped.rates),
        "ratio": statistics.median(of_bare),
        "ratio_low": min(of_bare),
        "ratio_high": max(of_bare),
        "ratio_grouped": statistics.median(of_grouped),
        "p50_ratio": line.percentile(50) / bare.percentile(50),
        "p99_ratio": line.percentile(99) / bare.percentile(99),
    }
    return {name: float(f"{value:.3g}") for name, value in raw.items()}


def table(found: dict[str, dict[str, dict[str, float]]]) -> Table:
    shown = Table(title="Accepted messages, from the request to the provider's answer", title_justify="left")
    for name in ("engine", "at a time", "a second", "p50 ms", "p99 ms", "bare a second", "ratio", "(rounds)", "of grouped", "p50 ratio"):
        shown.add_column(name, justify="left" if name == "engine" else "right")
    for engine, levels in found.items():
        for at_a_time, n in levels.items():
            rounds = f"{n['ratio_low']:g} to {n['ratio_high']:g}"
            ours = (f"{n[name]:g}" for name in ("rate", "p50_ms", "p99_ms", "bare_rate", "ratio"))
            shown.add_row(engine, at_a_time, *ours, rounds, f"{n['ratio_grouped']:g}", f"{n['p50_ratio']:g}")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args().seed
    chance = random.Random(seed)
    found: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="tipline-load-") as made, durable_postgres() as server:
        folder = Path(made)
        for engine in ("sqlite", "postgres"):
            home = folder / engine
            home.mkdir(mode=0o700)
            url = sqlite_database(home) if engine == "sqlite" else postgres_database(server)
            with bare_sqlite(home) if engine == "sqlite" else bare_postgres(url) as insert:
                found[engine] = measure(url, home, insert, chance)
    console = Console(width=140)
    console.print(table(found))
    console.print(f"seed {seed}, {ROUNDS} rounds, {machine()}")
    print("RESULT " + json.dumps({"bench": "load", "seed": seed, "machine": machine(), "engines": found}))


if __name__ == "__main__":
    main()
