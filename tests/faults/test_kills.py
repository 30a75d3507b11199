"""kill -9 of web or worker, 100 times, each while an acknowledged tip lies between acceptance and sealing: every acknowledged id ends in
exactly one case."""

from __future__ import annotations

import asyncio
import random
import re
import secrets
import sqlite3
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from bot.atlas import load_atlas
from bot.handover import Role
from bot.practice_line import WORLD
from sealing import age, plaintexts
from sealing.keyring import WorkerKeys, load_worker, make_secrets
from sealing.rows import Part
from storage.engine import open_database
from storage.store import SqlStore
from tests.line import Enrolled, enrol_world
from tests.peers.processes import Processes, practice_settings, processes

KILLS = 100
TEXT = "Mujeres adultas trabajan sin pago, Peñalta: {mark}"  # too short to be taken for a flood
MARK = re.compile(r"Señal (m[0-9]+x)\.")

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


@pytest.mark.claim("T7")
def test_no_acknowledged_tip_is_lost_or_doubled_by_100_kills(tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    make_secrets(tmp_path / "secrets", secrets.token_bytes)
    url = f"sqlite:///{tmp_path / 'line.db'}"
    keys = load_worker(tmp_path / "secrets" / "worker")
    enrolled = asyncio.run(_prepare(url, keys))
    (tmp_path / "vetters.json").write_text(enrolled.vetters_file())
    settings = practice_settings(tmp_path, url, tmp_path / "vetters.json")
    acknowledged: list[str] = []
    shown: Counter[Role] = Counter()
    with processes(settings) as running, httpx.Client(trust_env=False) as client:
        for role in Role:
            running.start(role)
        running.until_listening(client)
        for n in range(KILLS * 2):
            if shown.total() == KILLS:
                break
            victim = chance.choice(list(Role))
            mark = f"m{n}x"
            _until_acknowledged(running, client, n, mark)
            acknowledged.append(mark)
            time.sleep(chance.uniform(0, 0.06))  # between acceptance, conversation and sealing
            running.kill(victim)
            # The silence of a second after the message is not over: it still waits, so this kill hit it in between.
            shown[victim] += _unsealed(tmp_path / "line.db")
            running.start(victim)
            if victim is Role.WEB:
                running.until_listening(client)
        assert shown.total() == KILLS
        _until_sealed(tmp_path / "line.db")
    found = asyncio.run(_marks_in_cases(url, keys, enrolled))
    print(
        f"{KILLS} kills with a tip in between: {shown[Role.WEB]} of web, {shown[Role.WORKER]} of worker; {len(acknowledged)} acknowledged"
    )
    assert found == Counter(acknowledged)


async def _prepare(url: str, keys: WorkerKeys) -> Enrolled:
    database = open_database(url)
    await database.migrate()
    enrolled = await enrol_world(SqlStore(database), keys, load_atlas(WORLD))
    await database.close()
    return enrolled


def _until_acknowledged(running: Processes, client: httpx.Client, n: int, mark: str) -> None:
    """As a provider does: the same message again, with the same id, until it is taken."""
    deadline = time.monotonic() + 30
    while not running.write(client, f"+999 4{n:04}", TEXT.format(mark=mark), f"SM{mark}"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _unsealed(file: Path) -> bool:
    with sqlite3.connect(file, timeout=10) as database:
        (waiting,) = database.execute("SELECT count(*) FROM inbound").fetchone()
    return bool(waiting)


def _until_sealed(file: Path) -> None:
    # A task that a kill met three times rests for a minute, and the next try may be met by another backlog.
    deadline = time.monotonic() + 240
    while _unsealed(file):
        assert time.monotonic() < deadline, "tips are left unsealed"
        time.sleep(0.1)


async def _marks_in_cases(url: str, keys: WorkerKeys, enrolled: Enrolled) -> Counter[str]:
    """Every case opened with its first reader's key, as only he can."""
    database = open_database(url)
    store, found = SqlStore(database), Counter[str]()
    readers = [key.identity for key in enrolled.person_keys.values()]
    for case_id in await store.case_ids():
        async with store.begin() as tx:
            grants, envelopes = await tx.grants(case_id), await tx.envelopes(case_id)
        identity = next(key for grant in grants for key in _case_key(keys.peel(grant.key_file), readers))
        for envelope in envelopes:
            if envelope.part is Part.MESSAGE:
                text = str(age.read_json(age.unseal(envelope.sealed, identity), "message")["text"])
                found.update(MARK.findall(text))
    await database.close()
    return found


def _case_key(inner: bytes, readers: list[str]) -> list[str]:
    for reader in readers:
        try:
            return [plaintexts.read_key_file(age.unseal(inner, reader))[2]]
        except age.OpenError:
            continue
    return []
