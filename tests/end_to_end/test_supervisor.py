"""`tipline serve` killed outright: its two processes do not go on alone, and a new line starts where the old one was."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.practice_line import WORLD
from sealing import signing
from tests.peers.command import command
from tests.peers.processes import free_port
from tests.peers.twilio import PRACTICE_SID, PRACTICE_TOKEN

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    """A real line whose Twilio nobody calls."""
    regions, vetters, port = tmp_path / "regions.toml", tmp_path / "vetters.json", free_port()
    regions.write_bytes(WORLD.read_bytes())
    listed = [{"name": f"vetter {n}", "agency": f"house {n}", "verify": signing.generate()[1]} for n in range(2)]
    vetters.write_text(json.dumps({"vetters": listed}))
    for file in (regions, vetters):
        file.chmod(0o644)
    return {
        "HOME": str(tmp_path),
        "TIPLINE_HOME": str(tmp_path / "home"),
        "TIPLINE_PORT": str(port),
        "TIPLINE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TIPLINE_REGIONS": str(regions),
        "TIPLINE_VETTERS": str(vetters),
        "TIPLINE_TWILIO_ACCOUNT_SID": PRACTICE_SID,
        "TIPLINE_TWILIO_AUTH_TOKEN": PRACTICE_TOKEN,
        "TIPLINE_TWILIO_NUMBER": "+15005550006",
        "TIPLINE_TWILIO_API_URL": "http://127.0.0.1:9",
    }


def parents() -> dict[int, int]:
    """Living process -> its parent. One that has ended and waits for somebody to take note of it does not live."""
    found: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found[int(stat.parent.name)] = int(parent)
    return found


def below(pid: int) -> set[int]:
    """Every process under this one."""
    living, found = parents(), {pid}
    while more := {child for child, parent in living.items() if parent in found} - found:
        found |= more
    return found - {pid}


def test_no_process_of_a_line_outlives_its_supervisor(env: Mapping[str, str]) -> None:
    """However it ends, and the next line starts."""
    for how in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        with command(["serve"], env) as running:
            running.until('"event": ?"ready"', 60)
            children = below(running.process.pid)
            assert len(children) >= 3, "web, worker and its translation child"
            try:
                running.process.send_signal(how)
                assert running.process.wait(timeout=20) == (-how if how is signal.SIGKILL else 0)
                deadline = time.monotonic() + 15
                while left := children & parents().keys():
                    assert time.monotonic() < deadline, f"{len(left)} processes go on alone"
                    time.sleep(0.05)
            finally:
                for pid in children & parents().keys():
                    os.kill(pid, signal.SIGKILL)
        with socket.create_server(("127.0.0.1", int(env["TIPLINE_PORT"]))):
            pass  # the port is free
