"""The real web and worker processes of a line, started, stopped, killed and started again by a test."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bot.channels import Channels
from bot.handover import Role, to_child
from bot.practice_line import WORLD
from bot.settings import Mode, Settings
from handlers.slots import Slots
from sealing.points import Point
from triage.sensitive import Sensitive

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def practice_settings(home: Path, url: str, vetters: Path, silence_s: int = 1) -> Settings:
    port = free_port()
    return Settings(
        mode=Mode.PRACTICE,
        home=home,
        database_url=Sensitive(url),
        port=port,
        public_url=f"http://127.0.0.1:{port}",
        channels=Channels(),
        language_packs=None,
        languages=("en", "es"),
        regions=WORLD,
        vetters=vetters,
        slots=Slots((), "UTC", 1),
        silence_s=silence_s,
        line="Practice line",
    )


@dataclass(frozen=True, slots=True)
class Halt:
    """Where a process sends itself a signal, or raises an exception for None: at its `passing`-th passing of a point."""

    point: Point
    passing: int = 1
    signal: signal.Signals | None = signal.SIGKILL


@dataclass
class Processes:
    """`pids`: the newest process of each role; `notes`: a line for each point at which one halted."""

    settings: Settings
    nursery: subprocess.Popen[str]
    token: str
    people_file: Path
    notes: Path
    log: Path
    pids: dict[Role, int] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def start(self, role: Role, halt: Halt | None = None) -> int:
        told = to_child(self.settings, role)
        if self.settings.practice:
            told["practice"] = {"token": self.token, "people_file": str(self.people_file)}
        at = None
        if halt is not None:
            number = 0 if halt.signal is None else halt.signal.value
            at = {"point": halt.point, "passing": halt.passing, "signal": number, "note": str(self.notes)}
        order = {"start": role.value, "told": told, "halt": at, "log": str(self.log)}
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(json.dumps(order) + "\n")
        self.nursery.stdin.flush()
        self.pids[role] = int(self.nursery.stdout.readline())
        return self.pids[role]

    def halted(self) -> list[Point]:
        return [Point(line) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []

    def kill(self, role: Role) -> None:
        """SIGKILL, and wait until the process is gone, which it may be already."""
        pid = self.pids.pop(role)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        assert gone(pid, 10)

    def until_listening(self, client: httpx.Client) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if client.get(f"{self.base}/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.01)
        raise AssertionError("the web process does not listen")

    def write(self, client: httpx.Client, phone: str, text: str, provider_id: str) -> bool:
        """True when the message was acknowledged. In practice alone."""
        sent: Mapping[str, str] = {"phone": phone, "text": text, "id": provider_id}
        try:
            answer = client.post(f"{self.base}/handset/message", json=sent, headers={"Authorization": f"Practice {self.token}"})
        except httpx.TransportError:
            return False
        return answer.status_code == 202

    def close(self) -> None:
        for role, pid in list(self.pids.items()):
            if Path(f"/proc/{pid}").exists():
                self.kill(role)


def gone(pid: int, seconds: float) -> bool:
    """Whether the process ends within so long."""
    deadline = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


@contextmanager
def processes(settings: Settings, env: Mapping[str, str] | None = None) -> Iterator[Processes]:
    """`env`: what stands in their environment beside where Python finds this checkout. Events go to `log` in TIPLINE_HOME."""
    folder = settings.home
    people_file = folder / "people.json"
    people_file.write_text('{"people": []}')
    nursery = subprocess.Popen(
        [sys.executable, "-m", "tests.peers.nursery"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env={**(env or {}), "PYTHONPATH": str(ROOT)},
    )
    made = Processes(settings, nursery, secrets.token_urlsafe(16), people_file, folder / "halted", folder / "log")
    try:
        yield made
    finally:
        made.close()
        nursery.kill()
        nursery.wait()
        for pipe in (nursery.stdin, nursery.stdout):
            if pipe is not None:
                pipe.close()
