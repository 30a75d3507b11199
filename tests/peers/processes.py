"""The real web and worker processes of a practice line, started, killed and started again by a test."""

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
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bot.channels import Channels
from bot.handover import Role, to_child
from bot.practice_line import WORLD
from bot.settings import Mode, Settings
from handlers.slots import Slots
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


@dataclass
class Processes:
    settings: Settings
    nursery: subprocess.Popen[str]
    token: str
    people_file: Path
    pids: dict[Role, int] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def start(self, role: Role) -> None:
        told = {**to_child(self.settings, role), "practice": {"token": self.token, "people_file": str(self.people_file)}}
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(json.dumps({"start": role.value, "told": told}) + "\n")
        self.nursery.stdin.flush()
        self.pids[role] = int(self.nursery.stdout.readline())

    def kill(self, role: Role) -> None:
        """SIGKILL, and wait until the process is gone."""
        pid = self.pids.pop(role)
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.001)

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
        """True when the message was acknowledged."""
        sent: Mapping[str, str] = {"phone": phone, "text": text, "id": provider_id}
        try:
            answer = client.post(f"{self.base}/handset/message", json=sent, headers={"Authorization": f"Practice {self.token}"})
        except httpx.TransportError:
            return False
        return answer.status_code == 202

    def close(self) -> None:
        for role in list(self.pids):
            self.kill(role)


@contextmanager
def processes(settings: Settings) -> Iterator[Processes]:
    people_file = settings.home / "people.json"
    people_file.write_text('{"people": []}')
    nursery = subprocess.Popen(
        [sys.executable, "-m", "tests.peers.nursery"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    made = Processes(settings, nursery, secrets.token_urlsafe(16), people_file)
    try:
        yield made
    finally:
        made.close()
        nursery.kill()
        nursery.wait()
        for pipe in (nursery.stdin, nursery.stdout):
            if pipe is not None:
                pipe.close()
