"""SIGKILL of web or worker exactly at every named point, each time with a tip in flight. Run by test_kills_sqlite and test_kills_postgres,
so that both engines are killed side by side."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bot.handover import Role
from sealing.points import Point
from sealing.rows import SendingState, TaskKind
from storage import tables
from tests.canary import Search
from tests.faults.scene import Scene, Tip, scene
from tests.peers.processes import Halt

KILLS = 10
"""At each point; CI, which has twelve minutes, kills as often on SQLite alone."""
LIFE_S = 4.0
"""How long a process that does not come to its point may live before the next one tries."""
ENOUGH = 3
FORMS = (Point.TAKEN, Point.SEALED, Point.WRITTEN, Point.COMMITTED)
LISTS = (Point.POLLED, Point.PAGE_TAKEN, Point.LISTED)
TALK, SEAL, OFFER = {TaskKind.CONVERSE}, {TaskKind.CONVERSE, TaskKind.SEAL}, {TaskKind.CONVERSE, TaskKind.SEAL, TaskKind.OFFER}
ONCE = {*LISTS, Point.WRITTEN}
"""Two messages at once may pass these together."""
COMES_BY = {
    Point.CLAIMED: (TaskKind.CONVERSE, TALK),
    Point.UNDERSTOOD: (TaskKind.CONVERSE, TALK),
    Point.CONVERSED: (TaskKind.CONVERSE, TALK),
    Point.READ: (TaskKind.SEAL, SEAL),
    Point.CASE_WRITTEN: (TaskKind.SEAL, SEAL),
    Point.CASE_SEALED: (TaskKind.SEAL, SEAL),
    Point.OFFERED: (TaskKind.OFFER, OFFER),
    Point.SENDING: (TaskKind.SEND, TALK | {TaskKind.SEND}),
    Point.LEFT: (TaskKind.SEND, TALK | {TaskKind.SEND}),
    Point.ERASED: (TaskKind.ERASE, SEAL | {TaskKind.ERASE}),
    Point.JUDGED: (TaskKind.ACT, OFFER | {TaskKind.ACT}),
}
"""The worker's points: the task that comes there, and what must happen for there to be one."""
LEFT_ONCE = {SendingState.SENT: (1, 1), SendingState.UNKNOWN: (0, 1), SendingState.SHELVED: (0, 0)}
"""What the ledger says of a text -> how often at least and at most the provider has it."""


async def killed_at_every_point(home: Path, url: str, engine: str, tell: Callable[[str], None], kills: int = KILLS) -> None:
    assert {*FORMS, *LISTS, *COMES_BY} == set(Point), "a point that this test does not know"
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    async with scene(home, url) as line:
        killer = Killer(line, random.Random(seed), kills)
        await killer.kill_web()
        for point in COMES_BY:
            await killer.kill_worker(point)
        await line.finish()
        tell(killer.table(engine))
        assert killer.toll == dict.fromkeys(Point, kills)
        await nothing_is_lost_or_doubled(line)
        assert left_lying_about(home, url) == set()


def left_lying_about(home: Path, url: str) -> set[str]:
    """Words and numbers of the tips in what so many kills left: logs and other files of the line, the database and its log."""
    search = Search({"text": "adultas", "phone": "447700900"})
    parts = urlsplit(url)
    database = Path(parse_qs(parts.query)["host"][0]) if parts.scheme == "postgresql" else Path(parts.path).parent
    assert any(database.iterdir())
    return search.in_files(home) | search.in_files(database)


@dataclass
class Killer:
    line: Scene
    chance: random.Random
    kills: int
    toll: Counter[Point] = field(default_factory=Counter)

    async def kill_web(self) -> None:
        """The worker is at work meanwhile. What was not acknowledged comes again, to the next process that is killed."""
        self.line.running.start(Role.WORKER)
        writing: set[asyncio.Task[None]] = set()
        for point in (*FORMS, *LISTS):
            for _ in range(self.kills * 2):
                if self.toll[point] == self.kills:
                    break
                if point is Point.LISTED and self.toll[point] % 5 == 0:
                    self.line.missed()
                elif point in LISTS and not self.line.telegram.updates.waiting:
                    self.line.chat()
                before = self._start(Role.WEB, point)
                writing = {task for task in writing if not task.done()}
                if point in FORMS:
                    writing |= {asyncio.create_task(self.line.write(self._tip())) for _ in range(2 - len(writing))}
                if await self._died(Role.WEB, point, before):
                    assert point in LISTS or not all(task.done() for task in writing), "and its source was told nothing"
        self.line.running.start(Role.WEB)
        await asyncio.gather(*writing)
        self.line.running.kill(Role.WORKER)

    async def kill_worker(self, point: Point) -> None:
        kind, before_it = COMES_BY[point]
        for _ in range(self.kills * 2):
            if self.toll[point] == self.kills:
                return
            if point is Point.JUDGED:
                await self.line.ask_to_open()
            missing = ENOUGH - await self.line.tasks(before_it)
            await asyncio.gather(*(self.line.write(self._tip()) for _ in range(missing)))
            await self.line.falls_due({kind} if await self.line.tasks({kind}) >= ENOUGH else before_it)
            if await self._died(Role.WORKER, point, self._start(Role.WORKER, point)):
                assert await self.line.tasks()
            else:
                await self.line.write(self._tip())

    def _start(self, role: Role, point: Point) -> int:
        """How many had halted before this one."""
        before = len(self.line.running.halted())
        passing = 1 if point in ONCE else self.chance.choice((1, 1, 2))
        self.line.running.start(role, Halt(point, passing))
        return before

    async def _died(self, role: Role, point: Point, before: int) -> bool:
        """Whether it came to its point; if not, it is killed where it is, which counts for nothing."""
        if not await self.line.until_gone(role, LIFE_S):
            self.line.running.kill(role)
        died = self.line.running.halted()[before:]
        assert died in ([], [point])
        self.toll[point] += len(died)
        return bool(died)

    def _tip(self) -> Tip:
        """Mostly of a phone that never wrote; else one more of a phone that has."""
        earlier = self.chance.choice(self.line.tips) if self.line.tips and self.chance.random() < 0.2 else None
        return self.line.tip(earlier if earlier is not None and earlier.sid else None)

    def table(self, engine: str) -> str:
        rows = [f"{point.value:14}{'worker' if point in COMES_BY else 'web':8}{self.toll[point]:4}" for point in Point]
        return "\n".join([f"kills on {engine}, {len(self.line.tips)} tips", *rows])


async def nothing_is_lost_or_doubled(line: Scene) -> None:
    """Inside: every tip is in exactly one case, once. Outside: no text left twice, and what may have left is `unknown`."""
    cases = await line.cases()
    assert Counter(mark for marks in cases.values() for mark in marks) == Counter(tip.mark for tip in line.tips)
    ledger, states = await line.ledger(), Counter((await line.ledger()).values())
    left = Counter(delivery.to for delivery in line.twilio.sent) + Counter(str(delivery.chat) for delivery in line.telegram.sent)
    addresses, wrote = {tip.mark: tip.address for tip in line.tips}, Counter(tip.address for tip in line.tips)
    for case_id, marks in cases.items():
        (address,) = {addresses[mark] for mark in marks}
        if wrote[address] == 1:
            least, most = LEFT_ONCE[ledger[line.keys.sending_id(f"turn\0{case_id}")]]
            assert least <= left[address] <= most
        assert left[address] <= wrote[address]
    print(f"texts: {left.total()} left; the ledger says {states[SendingState.SENT]} sent, {states[SendingState.UNKNOWN]} unknown")
    assert states[SendingState.SENT] <= left.total() <= states[SendingState.SENT] + states[SendingState.UNKNOWN]
    again = await asyncio.gather(*(line.deliver(tip) for tip in line.tips if tip.sid))
    assert set(again) == {200}
    assert await line.rows(tables.inbound) == 0, "what comes again is known"
