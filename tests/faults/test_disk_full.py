"""A disk without room: nothing is acknowledged that is not durable, both processes live on, and all is done when there is room again."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from bot.handover import Role
from sealing.points import Point
from storage import tables
from storage.engine import open_database
from tests.faults.kills import nothing_is_lost_or_doubled
from tests.faults.scene import Scene, scene, until
from tests.faults.test_zombie import is_stopped
from tests.peers.processes import Halt

pytestmark = [pytest.mark.slow, pytest.mark.linux, pytest.mark.enable_socket, pytest.mark.asyncio]
SIZE = 96 << 20
"""More than what the line wants to have left before it takes anything."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real small disk, where one can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no right to mount a small disk; the next test limits the files instead")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.claim("T7")
async def test_a_full_disk_takes_nothing_and_loses_nothing(tmp_path: Path, disk: Path) -> None:
    ballast = disk / "ballast"

    @contextmanager
    def full(_: Scene) -> Iterator[None]:
        with ballast.open("wb", buffering=0) as file:
            try:
                while file.write(b"\0" * 4096):
                    pass
            except OSError:
                pass
        assert os.statvfs(disk).f_bavail == 0
        yield
        ballast.unlink()

    await without_room(tmp_path, disk, full)


@pytest.mark.claim("T7")
@pytest.mark.thorough
async def test_files_that_may_not_grow_take_nothing_and_lose_nothing(tmp_path: Path) -> None:
    """The write itself fails, in the middle of a commit, though the disk looks free."""

    @contextmanager
    def full(line: Scene) -> Iterator[None]:
        pids = line.running.pids.values()
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        yield
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    await without_room(tmp_path, tmp_path, full)


async def without_room(home: Path, disk: Path, full: Callable[[Scene], AbstractContextManager[None]]) -> None:
    url = f"sqlite:///{disk / 'line.db'}"
    database = open_database(url)
    await database.migrate()
    await database.close()
    async with scene(home, url) as line:
        halt = Halt(Point.UNDERSTOOD, signal=signal.SIGSTOP)
        web, worker = line.running.start(Role.WEB), line.running.start(Role.WORKER, halt)
        await line.until_listening()
        await line.write(line.tip())
        await until(lambda: is_stopped(worker))  # with the tip in hand
        refused = [line.tip() for _ in range(3)]
        with full(line):
            assert await asyncio.gather(*(line.deliver(tip) for tip in refused)) == [503] * 3
            os.kill(worker, signal.SIGCONT)
            await until(lambda: said(line.running.log, '"storage_down"'))
            assert set(await asyncio.gather(*(line.deliver(tip) for tip in refused))) == {503}
            assert await line.rows(tables.seen) == 1
        await line.falls_due()  # what the worker had in hand waits for the end of its lease, up to a minute
        await asyncio.gather(*(line.write(tip) for tip in refused))
        await line.until_done()
        assert Path(f"/proc/{web}").exists()
        assert Path(f"/proc/{worker}").exists()
        await nothing_is_lost_or_doubled(line)


async def said(log: Path, word: str) -> bool:
    return word in log.read_text()
