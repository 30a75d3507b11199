"""A tip goes the whole way through the real processes; then its words and its phone are looked for wherever they must not be."""

from __future__ import annotations

import asyncio
import base64
import secrets
import shutil
import sqlite3
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bot import run
from bot.atlas import load_atlas
from bot.keyrings import SECRETS
from bot.practice_line import WORLD
from bot.reader import Reader
from bot.settings import Settings
from bot.wiring import PACKS, PracticeToken
from sealing.keyring import load_worker, make_secrets
from sealing.rows import GrantState
from storage.engine import open_database
from storage.store import SqlStore
from tests.begun import Enrolled, enrol_world
from tests.canary import Search, family, folders, forms
from tests.peers.processes import practice_settings
from triage.sensitive import Sensitive

PATIENCE_S = 60.0
pytestmark = [pytest.mark.linux, pytest.mark.enable_socket]


def a_word() -> str:
    """Letters alone, so that no filter takes it for a number or an address, and as many as the name of a process holds."""
    return "zq" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(13))


def a_phone() -> str:
    return "+9997" + "".join(secrets.choice(string.digits) for _ in range(11))


@dataclass(frozen=True)
class Told:
    """What must not be found."""

    tip: str
    phone: str
    answer: str

    @property
    def search(self) -> Search:
        return Search({"tip": self.tip, "phone": self.phone.removeprefix("+"), "answer": self.answer})


@dataclass(frozen=True)
class Running:
    settings: Settings
    token: str
    enrolled: Enrolled
    store: SqlStore
    client: httpx.AsyncClient
    pids: set[int]

    @property
    def guard(self) -> dict[str, str]:
        return {"Authorization": f"Practice {self.token}"}

    async def write(self, phone: str, text: str) -> None:
        sent = {"phone": phone, "text": text, "id": secrets.token_hex(8)}
        assert (await self.client.post("/handset/message", json=sent, headers=self.guard)).status_code == 202

    async def heard(self, phone: str) -> str:
        """Everything that the phone shows."""
        answer = await self.client.post("/handset/messages", json={"phone": phone, "after": 0}, headers=self.guard)
        return "\n".join(m["text"] for m in answer.json()["messages"])

    async def shows(self, phone: str, word: str) -> bool:
        return word in await self.heard(phone)

    async def offered_to(self) -> str | None:
        for case_id in await self.store.case_ids():
            async with self.store.begin() as tx:
                for grant in await tx.grants(case_id):
                    if grant.state is GrantState.OFFERED:
                        return grant.person_id
        return None


async def until(look: Callable[[], Awaitable[object]]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not await look():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


@asynccontextmanager
async def running(home: Path, packs: Path) -> AsyncIterator[Running]:
    """Started by the product's own start, so that arguments and environment are the product's."""
    make_secrets(home / SECRETS, secrets.token_bytes)
    shutil.copytree(packs, home / PACKS)
    database = open_database(f"sqlite:///{home / 'tipline.db'}")
    await database.migrate()
    store = SqlStore(database)
    enrolled = await enrol_world(store, load_worker(home / SECRETS / "worker"), load_atlas(WORLD))
    (home / "vetters.json").write_text(enrolled.vetters_file())
    (home / "people.json").write_text('{"people": []}')
    settings = practice_settings(home, f"sqlite:///{home / 'tipline.db'}", home / "vetters.json")
    token = secrets.token_urlsafe(16)
    line = await run.start_line(settings, PracticeToken(Sensitive(token), home / "people.json"))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}", trust_env=False, timeout=30) as client:
            assert await run.until_ready(settings.port, line)
            yield Running(settings, token, enrolled, store, client, {child.process.pid for child in line.children})
    finally:
        await line.stop()
        await database.close()


async def whole_way(line: Running, told: Told) -> None:
    """Written, conversed, translated, sealed, offered, opened, read and answered."""
    await line.write(told.phone, f"El jefe de policía de Peñalta cobra por las mujeres encerradas en el bar {told.tip}")
    await until(lambda: line.heard(told.phone))
    await until(line.offered_to)
    person = await line.offered_to()
    assert person is not None
    reader = Reader(line.client, line.enrolled.person_keys[person], line.settings.public_url)
    await reader.login()
    (offered,) = await reader.cases()
    await reader.open(offered)
    parts = await reader.read(offered.case)
    assert any(told.tip in str(part.get("text")) for part in parts), "the reader reads it, so it went the whole way"
    assert any(part.get("translation") for part in parts), "and the translation child had it in hand"
    await reader.answer(offered, parts, f"Thank you {told.answer}")
    await until(lambda: line.shows(told.phone, told.answer))


@pytest.mark.slow
@pytest.mark.claim("T13")
@pytest.mark.claim("T15")
@pytest.mark.asyncio
@pytest.mark.thorough
async def test_no_word_and_no_number_of_a_tip_lies_about(tmp_path: Path, packs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told, began = Told(a_word(), a_phone(), a_word()), time.time() - 2
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    async with running(home, packs) as line:
        await whole_way(line, told)
        pids = family(line.pids)
        assert len(pids) >= 3, "web, worker, and the translation child"
        found = told.search.in_processes(pids) | told.search.in_files(home)
        for folder in folders(pids):
            found |= told.search.in_files(folder, began)
        assert (home / "tipline.db-wal").exists()
    out, err = capfd.readouterr()
    assert '"event": "acted"' in err, "the processes did write their log here"
    found |= told.search.within("standard output", out.encode()) | told.search.within("standard error", err.encode())
    found |= told.search.in_files(home) | told.search.in_files(Path(tempfile.gettempdir()), began)
    assert found == set()


LEAVES = {
    "arguments": "",
    "environment": "",
    "title": "open('/proc/self/comm', 'w').write(word)",
    "open file without a name": "import os; f = open('x', 'w+'); f.write(word); f.flush(); os.unlink('x')",
    "working folder": "open('x', 'w').write(word)",
    "home": "import os; open(os.path.expanduser('~/x'), 'w').write(word)",
    "temporary file": "import os, tempfile; os.write(tempfile.mkstemp()[0], word.encode())",
}
"""How a process leaves a word."""
PLACES = ("file", "name", "database", "wal", "output", "core", *LEAVES)


@pytest.mark.parametrize("place", PLACES)
def test_the_same_search_finds_a_word_that_was_left(tmp_path: Path, place: str) -> None:
    told = Told(a_word(), a_phone(), a_word())
    word = told.phone.removeprefix("+")[:15]
    assert planted(told.search, told.tip, tmp_path, place)
    assert planted(Search({"phone": word}), word, tmp_path / "phone", place)
    assert not planted(told.search, a_word(), tmp_path / "other", place), "and nothing else"


def planted(search: Search, word: str, folder: Path, place: str) -> set[str]:
    """What is found after the word was left in this place."""
    folder.mkdir(exist_ok=True)
    if place in LEAVES:
        return left_by_a_process(search, word, folder, place)
    if place in {"database", "wal"}:
        return in_database(search, word, folder, wal=place == "wal")
    if place == "output":
        return search.within("standard error", f"a line\nwith {word} in it".encode())
    if place == "core":
        dump_core(word, folder)
    elif place == "file":
        (folder / "a").mkdir()
        (folder / "a" / "b").write_bytes(b"\xff\0" + word.encode() + b"\0")
    else:
        (folder / f"x{word}y").touch()
    return search.in_files(folder)


def left_by_a_process(search: Search, word: str, folder: Path, place: str) -> set[str]:
    env = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")} | ({"WORD": word} if place == "environment" else {})
    (folder / "tmp").mkdir()
    (folder / "home").mkdir()
    given = [word] if place == "arguments" else []
    code = f"import sys; word = sys.stdin.readline().strip(); {LEAVES[place]}\nprint(flush=True); sys.stdin.read()"
    command = [sys.executable, "-S", "-c", code, *given]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, cwd=folder) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(word.encode() + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        pids = family({process.pid})
        found = search.in_processes(pids)
        for place_of_files in folders(pids):
            found |= search.in_files(place_of_files)
        process.stdin.close()
    return found


def dump_core(word: str, folder: Path) -> None:
    """Where this machine would leave one of ours, were it not forbidden."""
    if Path("/proc/sys/kernel/core_pattern").read_text().startswith(("|", "/")):
        pytest.skip("this machine hands cores to a program or a folder of its own")
    code = (
        "import os, resource, sys; word = sys.stdin.readline(); most = resource.getrlimit(resource.RLIMIT_CORE)[1]; "
        "resource.setrlimit(resource.RLIMIT_CORE, (most, most)); os.abort()"
    )
    subprocess.run([sys.executable, "-S", "-c", code], input=word.encode(), cwd=folder, check=False)
    if not any(folder.glob("core*")):
        pytest.skip("this machine lets nobody dump core")


def in_database(search: Search, word: str, folder: Path, *, wal: bool) -> set[str]:
    database = sqlite3.connect(folder / "x.db", isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE t (x)")
        database.execute("INSERT INTO t VALUES (?)", (word,))
        if not wal:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return {found for found in search.in_files(folder) if found.endswith("-wal" if wal else ".db")}
    finally:
        database.close()


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "🙏"])
def test_every_form_is_found_wherever_it_stands(before: str) -> None:
    word = a_word()
    text = f"{before}{word} and more"
    search = Search({"tip": word})
    for name, data in {
        "plain": text.encode(),
        "utf-16-le": text.encode("utf-16-le"),
        "utf-16-be": text.encode("utf-16-be"),
        "hex": text.encode().hex().encode(),
        "HEX": text.encode().hex().upper().encode(),
        "base64": base64.b64encode(text.encode()),
    }.items():
        assert any(found.startswith(f"tip, {name}") for found in search.within("here", data)), name
    assert len(list(forms(word))) == 8
