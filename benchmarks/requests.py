"""200,000 generated requests to every route that is reachable without a session: no fault, nothing stored in clear, memory bounded, every
accepted message one row.

The real web application with its real storage, called in this process, where a fault shows as an exception, on SQLite and PostgreSQL in
turn. The same seed makes the same requests. What became of each is told by its answer and by the events that it wrote, and must be what it
was made for.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path

import uvloop
from starlette.applications import Starlette
from starlette.routing import Route

from benchmarks import channels, leaks, strangers
from benchmarks.calls import Log, Outcome, call, right
from benchmarks.chance import Chance, Effect, Request, to_host
from benchmarks.line import line_settings, machine, postgres_database, sqlite_database
from bot.wiring import web_application
from sealing import signing
from sealing.rows import PersonRow
from storage import tables
from storage.engine import Database, open_database
from storage.store import SqlStore
from tests.postgres import postgres_server
from tests.storage.rows import count

REQUESTS = 200_000
MOST_GROWTH = 50 * 1024 * 1024
AT_A_TIME = 16
KEPT = 500
"""Of so many valid requests any may come again."""
PERSON = "bench-reader"
Maker = Callable[[Chance], Request]

BY_ROUTE: dict[str, dict[Maker, int]] = {
    "/twilio/message": {
        channels.twilio_message: 6,
        channels.twilio_pictures: 1,
        channels.whatsapp_message: 2,
        channels.twilio_forged: 3,
        channels.twilio_broken: 1,
        channels.twilio_elsewhere: 1,
        channels.twilio_lacking: 1,
        channels.twilio_odd: 2,
    },
    "/twilio/status": {channels.twilio_status: 2, channels.status_odd: 2, channels.status_forged: 2},
    "/telegram/update": {
        channels.telegram_update: 6,
        channels.telegram_forged: 2,
        channels.telegram_broken: 2,
        channels.telegram_odd: 4,
        channels.telegram_elsewhere: 1,
    },
    "/gateway/message": {
        channels.gateway_message: 4,
        channels.gateway_forged: 2,
        channels.gateway_broken: 2,
        channels.gateway_odd: 3,
        channels.gateway_lacking: 1,
    },
    "/desk/challenge": {strangers.asked_oddly: 4},
    "/desk/cases": {strangers.without_session: 4},
    "/readyz": {strangers.probe: 1},
    "/healthz": {strangers.other_host: 2},
}
"""Route of the application -> who makes requests for it, and how often among all. `nonsense` and `cut_short` go to every route."""


@dataclass(frozen=True, slots=True)
class Target:
    """One open line. `desk` knows a person of its roster."""

    url: str
    app: Starlette
    database: Database
    desk: strangers.Desk

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(route.path for route in self.app.routes if isinstance(route, Route))


@dataclass(slots=True)
class Report:
    """`accepted`, `duplicates`: as the events say. `new` and `once`: rows and first sendings of what had to be taken."""

    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    accepted: int = 0
    duplicates: int = 0
    new: int = 0
    once: int = 0
    wrong: dict[str, str] = field(default_factory=dict)
    """What was wrong -> the first request with which it was."""

    def add(self, request: Request, outcome: Outcome) -> None:
        accepted = outcome.events.count("accepted")
        self.kinds[request.kind] += 1
        self.statuses[outcome.status] += 1
        self.accepted += accepted
        self.duplicates += outcome.events.count("duplicate")
        if request.effect is Effect.TAKEN:
            self.new += accepted
            self.once += not request.repeat
        if not right(request, outcome):
            told = f"{outcome.status} {' '.join(outcome.events)} {outcome.fault}"
            self.wrong.setdefault(f"{request.kind} must be {request.effect.value}, was {told}", f"{request!r:.900}")


def requests(chance: Chance, target: Target) -> Iterator[Request]:
    """Without end, to the routes that the application has."""
    paths = target.paths
    makers: dict[Maker, int] = {target.desk.page: 2, target.desk.login: 1, strangers.nonsense(paths): 8, strangers.cut_short(paths): 1}
    for path in paths:
        makers |= BY_ROUTE.get(path, {})
    kept: list[Request] = []
    while True:
        if kept and chance.one_in(15):
            yield chance.choice(kept)
            continue
        [maker] = chance.choices(list(makers), list(makers.values()))
        request = maker(chance)
        request = request if maker is strangers.other_host else chance.dressed(request)
        yield request
        if request.effect is Effect.TAKEN:
            del kept[KEPT - 1 :]
            kept.insert(chance.randrange(len(kept) + 1), replace(request, kind="again", repeat=True))


async def open_target(url: str, home: Path) -> Target:
    """A line with every channel on a migrated database, and one person who can log in."""
    seed, verify = signing.generate()
    database = open_database(url)
    async with SqlStore(database).begin() as tx:
        await tx.save_person(PersonRow(PERSON, "active", 0, verify, b"sealed", None))
    app = web_application(line_settings(home, url, 8455), database, None)
    return Target(url, app, database, strangers.Desk(PERSON, seed))


async def stress(target: Target, report: Report, stream: Iterator[Request], most: int) -> None:
    """So many requests and what follows from them, some at a time."""
    left = most

    async def client() -> None:
        nonlocal left
        while left > 0:
            request: Request | None = next(stream)
            while request is not None:
                left -= 1
                outcome = await call(target.app, request)
                report.add(request, outcome)
                request = to_host(request.then(outcome.body)) if request.then is not None and outcome.status == 200 else None

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_A_TIME):
            group.create_task(client())


async def problems(target: Target, report: Report, log: Log, *, wal: bool) -> list[str]:
    """What must not be, in sentences. Plants words in the database at the end: it is of no use afterwards."""
    rows, seen, tasks = [await count(target.database, table) for table in (tables.inbound, tables.seen, tables.task)]
    await target.database.close()
    found = [f"{what}, as {example}" for what, example in report.wrong.items()]
    if not rows == tasks == report.accepted <= seen:  # receipts leave tags, too
        found.append(f"{report.accepted} accepted, but {rows} rows, {seen} tags, {tasks} tasks")
    if report.new != report.once:
        found.append(f"{report.once} messages had to be taken, {report.new} were")
    if log.leaked:
        found.append(f"{log.leaked} events say what was in a request")
    found += sorted(hit for hits in leaks.in_database(target.url, wal=wal).values() for hit in hits)
    leaks.plant(target.url)
    for where, hits in leaks.in_database(target.url, wal=wal).items():
        missed = leaks.PLAIN - {hit.partition(":")[0] for hit in hits}
        found += [f"the search of {where} does not find a planted {word}" for word in sorted(missed)]
    return found


def resident() -> int:
    """Bytes of this process in memory now; where /proc is missing, at most so far."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@dataclass(frozen=True, slots=True)
class Run:
    """`problems`: none is right. `growth`: bytes of memory that the second half took."""

    report: Report
    problems: Sequence[str]
    seconds: float
    growth: int

    def told(self) -> dict[str, object]:
        sent = self.report.kinds.total()
        return {
            "requests": sent,
            "a_second": round(sent / self.seconds),
            "faults": sum(times for status, times in self.report.statuses.items() if status in {0, 500}),
            "statuses": {str(status): times for status, times in sorted(self.report.statuses.items())},
            "accepted": self.report.accepted,
            "duplicates": self.report.duplicates,
            "memory_growth_mb": round(self.growth / 2**20, 1),
            "problems": len(self.problems),
        }


async def run(url: str, home: Path, most: int, seed: int, *, wal: bool = True) -> Run:
    """`url`: a migrated, empty database. `wal`: see benchmarks.leaks."""
    report, log, memory = Report(), Log(), [0]
    with redirect_stderr(log):
        target = await open_target(url, home)
        stream = requests(Chance(seed), target)
        start = time.perf_counter()
        for _ in range(2):
            await stress(target, report, stream, most // 2)
            gc.collect()
            memory.append(resident())
        seconds = time.perf_counter() - start
        found = await problems(target, report, log, wal=wal)
    growth = memory[2] - memory[1]
    if growth > MOST_GROWTH:
        found.append(f"the second half took {growth} bytes of memory")
    return Run(report, found, seconds, growth)


def run_alone(url: str, home: Path, most: int, seed: int) -> Run:
    """In a process of its own, on the loop that the web process has."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(url, home, most, seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tipline-requests-") as made, postgres_server() as server:
        folder = Path(made)
        urls = {"sqlite": sqlite_database(folder), "postgres": postgres_database(server)}
        with ProcessPoolExecutor(len(urls), get_context("spawn")) as pool:
            share = given.requests // len(urls)
            running = {name: pool.submit(run_alone, url, folder / name, share, given.seed) for name, url in urls.items()}
            done = {name: each.result() for name, each in running.items()}
    for kind, times in sorted(sum((each.report.kinds for each in done.values()), Counter[str]()).items()):
        print(f"{times:8} {kind}")
    for name, each in done.items():
        for problem in each.problems:
            print(f"WRONG on {name}: {problem}")
    told = {name: each.told() for name, each in done.items()}
    print("RESULT " + json.dumps({"bench": "requests", "seed": given.seed, "machine": machine(), "engines": told}))
    sys.exit(1 if any(each.problems for each in done.values()) else 0)


if __name__ == "__main__":
    main()
