"""Workers that stop in the middle (SIGSTOP), are given up, and wake when another has done their work: they change nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.handover import Role
from sealing.points import Point
from sealing.rows import SendingState
from tests.faults.kills import nothing_is_lost_or_doubled
from tests.faults.scene import Scene, scene, until
from tests.peers.processes import Halt, gone

pytestmark = [pytest.mark.slow, pytest.mark.linux, pytest.mark.enable_socket, pytest.mark.asyncio]
POINTS = (Point.CLAIMED, Point.UNDERSTOOD, Point.READ, Point.SENDING)


@pytest.mark.claim("T7")
async def test_workers_that_wake_after_their_leases_change_nothing(tmp_path: Path, url: str) -> None:
    async with scene(tmp_path, url) as line:
        line.running.start(Role.WEB)
        await line.until_listening()
        with zombies() as stopped:
            for point in POINTS:
                await line.write(line.tip())
                stopped.append(line.running.start(Role.WORKER, Halt(point, signal=signal.SIGSTOP)))
                await until(lambda: is_stopped(stopped[-1]))
            await line.finish()  # their leases are over; on SQLite a worker that starts takes them at once
            line.running.kill(Role.WORKER)
            done = await everything(line)
            assert len(done) == len(POINTS)
            unsure = set((await line.ledger()).values()) - {SendingState.SENT}
            assert unsure == {SendingState.UNKNOWN}, "what the last is about to send may have left"
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
            await line.write(line.tip())
            await line.until_done()  # by them, who live on
            assert (await everything(line)).items() >= done.items()
        assert line.running.halted() == list(POINTS)
        await nothing_is_lost_or_doubled(line)


@contextmanager
def zombies() -> Iterator[list[int]]:
    pids: list[int] = []
    try:
        yield pids
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            assert gone(pid, 10)


async def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("T")


async def everything(line: Scene) -> dict[str, object]:
    """Case id -> its ciphertexts and grants."""
    found: dict[str, object] = {}
    for case_id in await line.store.case_ids():
        async with line.store.begin() as tx:
            found[case_id] = ([e.sha256 for e in await tx.envelopes(case_id)], [(g.id, g.person_id) for g in await tx.grants(case_id)])
    return found
