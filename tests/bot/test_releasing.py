"""`tipline vetters release`: two vetters let a held tip go out, each on his own device; and what the operator is told of held tips."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.doctor_line import from_inside
from bot.enrol import Public
from bot.finding import Verdict
from bot.holds import Held, held_tips
from bot.keyrings import worker_keys
from bot.status import Status, status_of
from handlers.held import COVERED, Holds, held
from handlers.letters import Letters
from handlers.roster import Vetters
from routing.people import Assignment, Hold
from sealing import age, custody, signing
from sealing.custody import EntryKind
from sealing.passphrase import PersonKey, lock
from sealing.rows import CaseRow, CaseState
from sealing.statements import release_code, signed_release, statement_bytes
from storage.engine import Database, open_database
from storage.store import SqlStore
from tests.bot.office import REGIONS, SPOKEN, VETTERS, Office, why
from tests.handlers.roster_world import Chance
from tests.line import SetClock
from tests.storage.rows import a_case
from triage.sensitive import Sensitive

pytestmark = pytest.mark.enable_socket
SIGNERS = ("vera", "vito")
KEYS = {name: PersonKey(secrets.token_hex(16), age.generate()[0], signing.generate()[0]) for name in VETTERS}


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    """Key files, locked once: scrypt takes its time."""
    return {name: lock(KEYS[name], SPOKEN, secrets.token_bytes(48)) for name in SIGNERS}


@pytest.fixture
def office(locked: dict[str, str], tmp_path: Path) -> Office:
    for name, text in locked.items():
        (tmp_path / f"{name}.key").write_text(text)
    (tmp_path / "spoken").write_text(SPOKEN + "\n")
    (tmp_path / "regions.toml").write_text(REGIONS)
    public = {name: Public(key.person, age.recipient_of(key.identity), signing.public_of(key.sign_seed)) for name, key in KEYS.items()}
    made = Office(tmp_path, KEYS, public)
    made.write_list(tmp_path / "vetters" / "1.json", *VETTERS)
    for path in (tmp_path / "vetters", tmp_path / "vetters" / "1.json"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return made


@asynccontextmanager
async def database_of(office: Office) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:///{office.folder / 'home' / 'tipline.db'}") as database:
        yield database


def hold(office: Office, *holds: tuple[Hold, bool]) -> list[str]:
    """Tips that are held for these reasons, urgent or not: their case ids. The line must have been started."""

    async def write() -> list[str]:
        keys = worker_keys(office.settings())
        letters = Letters(Vetters({}, {}, one_house=False), SetClock(0), Chance())
        cases, today = list[CaseRow](), int(datetime.now(UTC).timestamp()) // 86_400
        async with database_of(office) as database, SqlStore(database).begin() as tx:
            for why_held, urgent in holds:
                cases.append(replace(a_case(state=CaseState.HELD), urgent=urgent, day=today))
                assert await tx.add_case(cases[-1])
                await Holds(keys, SetClock(0), letters).tell(
                    tx, cases[-1].id, Assignment((), 2, {}, {}, hold=why_held), Sensitive(""), urgent=urgent
                )
        return [case.id for case in cases]

    return asyncio.run(write())


def code_of(office: Office, case_id: str) -> str:
    """As it stands in the vetters' letters."""

    async def read() -> str:
        async with database_of(office) as database, SqlStore(database).begin() as tx:
            record = await held(tx, worker_keys(office.settings()), case_id)
        assert record is not None
        return record.code(case_id) or ""

    return asyncio.run(read())


@pytest.fixture
def case_id(office: Office) -> str:
    office.done("roster", "list")  # makes keys and tables
    (case_id,) = hold(office, (Hold.NEEDS_TWO_VETTERS, False))
    return case_id


@pytest.mark.claim("T63")
def test_two_vetters_release_a_tip_with_one_file(office: Office, case_id: str) -> None:
    file, code = office.path("out.json"), code_of(office, case_id)
    first = office.done("vetters", "release", case_id, code, file, *office.by("vera"))
    assert "Nothing changes until another vetter" in first
    assert "read nothing of it" in first
    assert "Hand it to the other vetter" in first
    assert "Nothing changes without another's" in office.done("roster", "load", file)
    assert "has your signature already" in why(office.run("vetters", "release", case_id, code, file, *office.by("vera")))
    assert "Bring it to the operator at once" in office.done("vetters", "release", case_id, code.lower(), file, *office.by("vito"))
    both = office.done("roster", "load", file)
    assert "has this statement already" in both
    assert "it goes out now" in both
    kinds = [entry.kind for entry in entries(office)]
    assert (kinds.count(EntryKind.RELEASE), kinds.count(EntryKind.ANNOUNCE)) == (2, 2)
    assert {entry.case for entry in entries(office) if entry.kind in (EntryKind.RELEASE, EntryKind.ANNOUNCE)} == {case_id}


def entries(office: Office) -> list[custody.Entry]:
    async def read() -> list[bytes]:
        async with database_of(office) as database:
            return await SqlStore(database).leaves()

    return [custody.read_leaf(leaf)[0] for leaf in asyncio.run(read())]


def test_one_file_is_one_matter_and_a_code_is_of_one_case(office: Office, case_id: str) -> None:
    file, other = office.path("out.json"), office.path("other.json")
    now, nonce, (small, named), another = int(datetime.now(UTC).timestamp()) // 3600, b"n" * 16, tuple(COVERED), "f" * 32
    file.write_bytes(statement_bytes([signed_release(case_id, small.value, nonce, now, KEYS["vera"].sign_seed)]))
    for words in ((case_id, release_code(case_id, named, nonce)), (another, release_code(another, small, nonce))):
        assert "another card or another matter" in why(office.run("vetters", "release", *words, file, *office.by("vito")))
    code = code_of(office, case_id)
    assert "32 hex digits" in why(office.run("vetters", "release", "teal-heron", code, other, *office.by("vera")))
    mistyped = ("BA"[code[0] == "B"] + code[1:], code[:-1], "", "ñ", "A" * 32)
    for words in (*((case_id, wrong) for wrong in mistyped), (another, code)):
        assert "mistyped, or of another case" in why(office.run("vetters", "release", *words, other, *office.by("vera")))
    assert not other.exists()
    other.write_bytes(statement_bytes([signed_release(another, small.value, nonce, now, KEYS["vera"].sign_seed)]))
    assert "no tip of this case id is held" in why(office.run("roster", "load", other))
    assert "for another reason than the one signed" in why(office.run("roster", "load", file))
    assert EntryKind.RELEASE not in [entry.kind for entry in entries(office)]


def test_doctor_and_status_say_why_tips_are_held_and_what_to_run(office: Office, case_id: str) -> None:
    async def look() -> tuple[Held, list[tuple[Verdict, str]], Status]:
        settings, now = office.settings(), datetime.now(UTC)
        async with database_of(office) as database:
            status = await status_of(settings, database, now)
            counted = await held_tips(settings, database)
        found = await from_inside(settings, now)
        return counted, [(finding.verdict, finding.text) for finding in found if finding.topic == "held"], status

    counted, found, status = asyncio.run(look())
    assert (counted, status.held) == (Held(vetters=1), Held(vetters=1))
    ((verdict, text),) = found
    assert verdict is Verdict.LOOK
    assert text.startswith("1 tip(s) or case(s) wait for two vetters: ")
    assert "tipline vetters release CASE CODE FILE --key VETTER.key" in text
    assert ("    waiting for two vetters", "1 (tipline vetters release)", True) in status.rows()
    hold(office, (Hold.POISONED, True), (Hold.NOBODY_ELIGIBLE, True), (Hold.NOBODY_ELIGIBLE, False))
    counted, found, status = asyncio.run(look())
    assert counted == Held(vetters=2, nobody=2, urgent_vetters=1, urgent_nobody=1)
    assert [verdict for verdict, _ in found] == [Verdict.MEND] * 2
    assert ["1 of them urgent" in text for _, text in found] == [True, True]
    assert ("    urgent", "2", True) in status.rows()
    assert (status.to_json()["held_for_vetters"], status.to_json()["held_urgent"]) == (2, 2)
    assert not re.search(case_id, "".join(text for _, text in found))


def test_without_the_worker_s_secrets_the_rest_is_told_all_the_same(office: Office, case_id: str) -> None:
    (office.path("home") / "secrets" / "worker").rename(office.path("away"))

    async def look() -> Status:
        async with database_of(office) as database:
            return await status_of(office.settings(), database, datetime.now(UTC))

    status = asyncio.run(look())
    assert (status.held, status.counts["cases_held"]) == (None, 1)
    assert ("  of them held", "1", True) in status.rows()
    assert "held_for_vetters" not in status.to_json()
    (finding,) = [f for f in asyncio.run(from_inside(office.settings(), datetime.now(UTC))) if f.topic == "held"]
    assert finding.verdict is Verdict.UNKNOWN
