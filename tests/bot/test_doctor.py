"""`tipline doctor` on a real line's folder: what is right is said to be right, and what a hand broke is found."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from typer.testing import CliRunner, Result

from bot import doctor, run, wiring
from bot.__main__ import app
from bot.atlas import load_atlas
from bot.channels import Channels, Gateway, Telegram, Twilio
from bot.countries import load_countries, of_number
from bot.doctor_channels import from_outside
from bot.doctor_line import coverage, from_inside, packages, people, spoken, waiting
from bot.finding import Finding, Verdict
from bot.practice_line import WORLD, with_files
from bot.settings import DiskFiles, Mode, Settings, load_settings
from handlers.gateway import FieldMap, SendMap
from handlers.roster import Member
from routing.people import Person, Roster
from sealing.keyring import load_worker, make_secrets
from storage.desk_store import DeskReads
from storage.engine import open_database
from storage.store import SqlStore
from tests.begun import enrol_world, world_cards
from tests.peers.gateway import AUTHORIZATION, GatewayPeer
from tests.peers.processes import free_port
from tests.peers.twilio import PRACTICE_SID, PRACTICE_TOKEN
from translations.packages import Pack, Shelf
from triage.sensitive import Sensitive

pytestmark = pytest.mark.enable_socket
NOW = datetime.now(UTC)
TODAY = NOW.date()


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A practice line that was started once."""
    home = tmp_path_factory.mktemp("doctor") / "home"
    settings = load_settings({"TIPLINE_HOME": str(home), "TIPLINE_PORT": str(free_port())}, DiskFiles(), Mode.PRACTICE)
    assert isinstance(settings, Settings)
    settings = with_files(settings)
    run.prepare(settings)
    asyncio.run(enrol_everybody(settings))
    return settings


async def enrol_everybody(settings: Settings) -> None:
    """As `tipline demo` does, but with keys that no passphrase protects, which takes no seconds."""
    assert settings.vetters is not None
    database = open_database(settings.database_url.reveal())
    enrolled = await enrol_world(SqlStore(database), load_worker(settings.home / "secrets" / "worker"), load_atlas(WORLD))
    await database.close()
    settings.vetters.parent.mkdir(mode=0o700)
    settings.vetters.write_text(enrolled.vetters_file())


def by_topic(found: list[Finding], topic: str) -> list[Verdict]:
    return [finding.verdict for finding in found if finding.topic == topic]


def beat(settings: Settings, at: datetime) -> None:
    async def once() -> None:
        database = open_database(settings.database_url.reveal())
        await DeskReads(database, wiring.SystemClock()).beat("worker", int(at.timestamp() * 1000))
        await database.close()

    asyncio.run(once())


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serving(settings: Settings) -> Iterator[None]:
    """The line's real web application on its port."""
    stop = threading.Event()

    async def web() -> None:
        database = open_database(settings.database_url.reveal())
        made = wiring.web_application(settings, database, None)
        server = uvicorn.Server(uvicorn.Config(made, "127.0.0.1", settings.port, log_config=None, lifespan="off", loop="asyncio"))
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve())
            while not stop.is_set():
                await asyncio.sleep(0.02)
            server.should_exit = True
        await database.close()

    thread = threading.Thread(target=lambda: asyncio.run(web()), daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not is_open(settings.port):
        assert time.monotonic() < until
        time.sleep(0.02)
    yield
    stop.set()
    thread.join(timeout=10)


def test_a_line_that_runs_has_nothing_to_mend(line: Settings) -> None:
    with GatewayPeer() as phone:
        channel = Gateway(Sensitive("practice-signing-key"), FieldMap(), phone.url, Sensitive(AUTHORIZATION), SendMap())
        running = replace(line, channels=Channels(gateway=channel))
        beat(line, NOW)
        with serving(running):
            found = doctor.examine(running, NOW)
    wrong = [finding for finding in found if finding.verdict not in (Verdict.OK, Verdict.LOOK)]
    assert wrong == [] or {finding.topic for finding in wrong} <= {"machine", "disk"}, wrong  # of the machine that tests run on
    assert by_topic(found, "gateway") == [Verdict.OK, Verdict.OK]  # reached, and our own door refuses strangers
    assert by_topic(found, "public") == by_topic(found, "worker") == by_topic(found, "queue") == [Verdict.OK]
    assert by_topic(found, "coverage") == [Verdict.OK] * 8  # three countries, four regions, a sea


def test_each_channels_own_door_is_knocked_at(line: Settings) -> None:
    """The real routes refuse a stranger; the providers behind them are away, so that only the doors are right."""
    away = "http://127.0.0.1:9"
    channels = Channels(
        Twilio(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), "+15005550006", away),
        Telegram(Sensitive("123456:" + "t" * 35), Sensitive("a-hook-secret-of-ours"), away),
        Gateway(Sensitive("practice-signing-key"), FieldMap(), f"{away}/message", Sensitive(AUTHORIZATION), SendMap()),
    )
    running = replace(line, channels=channels)
    with serving(running):
        found = asyncio.run(from_outside(running, NOW))
    for topic in ("telegram", "twilio", "gateway"):
        assert by_topic(found, topic) == [Verdict.MEND, Verdict.OK], found


def test_a_line_started_with_other_settings_is_told(line: Settings) -> None:
    with GatewayPeer() as phone:
        channel = Gateway(Sensitive("practice-signing-key"), FieldMap(), phone.url, Sensitive(AUTHORIZATION), SendMap())
        with serving(line):
            found = asyncio.run(from_outside(replace(line, channels=Channels(gateway=channel)), NOW))
    assert by_topic(found, "gateway") == [Verdict.OK, Verdict.MEND]
    assert "start it again" in found[-1].text


def test_a_line_that_does_not_run_is_told(line: Settings) -> None:
    beat(line, NOW - timedelta(hours=3))
    found = doctor.examine(line, NOW)
    assert (by_topic(found, "worker"), by_topic(found, "public")) == ([Verdict.MEND], [Verdict.MEND])
    assert "3 hours" in next(finding.text for finding in found if finding.topic == "worker")
    assert doctor.worst(found) == 1


def test_before_the_first_start_everything_is_told_and_nothing_is_made(tmp_path: Path) -> None:
    settings = load_settings({"TIPLINE_HOME": str(tmp_path / "home")}, DiskFiles(), Mode.OFFLINE)
    assert isinstance(settings, Settings)
    assert by_topic(doctor.examine(settings), "home") == [Verdict.MEND]
    (tmp_path / "home").mkdir(mode=0o700)
    found = doctor.examine(settings)
    assert (by_topic(found, "secrets"), by_topic(found, "database")) == ([Verdict.MEND], [Verdict.MEND])
    assert list((tmp_path / "home").iterdir()) == []


def test_a_database_of_another_version_or_that_is_away(line: Settings, tmp_path: Path) -> None:
    old = replace(line, database_url=Sensitive(f"sqlite:///{tmp_path}/old.db"))
    assert by_topic(asyncio.run(from_inside(old, NOW)), "database") == [Verdict.MEND]
    away = replace(line, database_url=Sensitive("postgresql://user:s3cret-word@127.0.0.1:9/tipline"))
    found = asyncio.run(from_inside(away, NOW))
    assert [finding.verdict for finding in found] == [Verdict.MEND]
    assert "s3cret" not in found[0].text


@pytest.mark.parametrize("broken", ["open", "link", "lost", "changed"])
def test_secrets_that_a_hand_broke(line: Settings, tmp_path: Path, broken: str) -> None:
    home = tmp_path / "home"
    settings = replace(line, home=home, mode=Mode.OFFLINE)
    home.mkdir(mode=0o700)
    make_secrets(home / "secrets", secrets.token_bytes)
    assert by_topic(list(doctor.on_disk(settings)), "secrets") == [Verdict.OK]
    pepper = home / "secrets" / "web" / "dedupe.pepper"
    if broken == "open":
        (home / "secrets" / "worker").chmod(0o755)
    elif broken == "link":
        pepper.rename(tmp_path / "elsewhere")
        pepper.symlink_to(tmp_path / "elsewhere")
    elif broken == "lost":
        pepper.unlink()
    else:
        pepper.write_text("canary-secret")
    found = [finding for finding in doctor.on_disk(settings) if finding.topic == "secrets"]
    assert Verdict.MEND in {finding.verdict for finding in found}
    assert not any("canary" in finding.text for finding in found)


@pytest.mark.parametrize(
    ("swaps", "pattern", "expected"),
    [
        ("Filename\tType\n", "core", [Verdict.OK]),
        ("Filename\tType\n/swap file\n", "core", [Verdict.LOOK]),
        ("Filename\tType\n/swap file\n", "|/usr/lib/systemd/systemd-coredump %P", [Verdict.LOOK, Verdict.LOOK]),
        (None, "core", [Verdict.UNKNOWN]),
    ],
)
def test_where_memory_could_be_written_to_disk(tmp_path: Path, swaps: str | None, pattern: str, expected: list[Verdict]) -> None:
    (tmp_path / "sys/kernel").mkdir(parents=True)
    (tmp_path / "sys/kernel/core_pattern").write_text(pattern)
    if swaps is not None:
        (tmp_path / "swaps").write_text(swaps)
    assert [finding.verdict for finding in doctor.machine(tmp_path)] == expected


def test_a_full_disk_takes_no_tips() -> None:
    assert [doctor._room(free).verdict for free in (0, 10**9, 10**12)] == [Verdict.MEND, Verdict.LOOK, Verdict.OK]


def roster(people: int) -> Roster:
    cards, _ = world_cards()
    chosen = sorted(cards.values(), key=lambda card: card.person)[:people]
    return Roster(tuple(Person(card, ("a", "b")) for card in chosen), load_atlas(WORLD))


def test_few_people_cannot_be_chosen_from() -> None:
    many, some, few, none = (list(coverage(roster(n), NOW)) for n in (200, 12, 6, 0))
    assert {finding.verdict for finding in many} == {Verdict.OK}
    assert {finding.verdict for finding in some} == {Verdict.LOOK}
    assert Verdict.MEND in {finding.verdict for finding in few}
    assert {finding.verdict for finding in none} == {Verdict.MEND}
    assert all(" 0 could read" in finding.text for finding in none)


def test_cards_that_run_out() -> None:
    members = tuple(Member(person, "") for person in roster(3).people)
    old = [
        Member(replace(m.person, card=replace(m.card, expires=end)), "")
        for m, end in zip(members, (TODAY - timedelta(1), TODAY, date.max), strict=True)
    ]
    assert [finding.verdict for finding in people(tuple(old), NOW)] == [Verdict.OK, Verdict.MEND, Verdict.LOOK]
    assert [finding.verdict for finding in people((), NOW)] == [Verdict.MEND]


def test_what_is_stuck() -> None:
    nothing = dict.fromkeys(("tasks_shelved", "cases_held", "sendings_unknown", "cases_asked", "letters"), 0)
    assert [finding.verdict for finding in waiting(nothing)] == [Verdict.OK]
    assert [finding.verdict for finding in waiting(dict.fromkeys(nothing, 2))] == [Verdict.MEND, *[Verdict.LOOK] * 3]


def pack(source: str, target: str, chrf: float | None) -> Pack:
    return Pack(Path(), source, target, "1.0", "package", "", chrf)


def test_languages_of_the_line() -> None:
    good = (pack("es", "en", 60), pack("en", "es", 60))
    assert [f.verdict for f in packages(("en", "es"), Shelf(good, ()))] == [Verdict.OK]
    assert [f.verdict for f in packages(("en", "es", "vi"), Shelf(good, ("x",)))] == [Verdict.MEND, Verdict.OK, Verdict.LOOK]
    assert [f.verdict for f in packages(("es",), Shelf((good[0], pack("en", "es", 20)), ()))] == [Verdict.LOOK]
    assert [f.verdict for f in packages(("es",), Shelf(good[:1], ()))] == [Verdict.LOOK]


@pytest.mark.parametrize(
    ("number", "expected"),
    [("+919876543210", Verdict.MEND), ("+639171234567", Verdict.LOOK), ("+84912345678", Verdict.MEND), ("+34600111222", Verdict.UNKNOWN)],
)
def test_the_country_of_the_lines_own_number(number: str, expected: Verdict) -> None:
    countries = load_countries()
    found = of_number(countries, number, telegram=True, today=countries.checked)
    assert [finding.verdict for finding in found] == [expected]
    assert number not in found[0].text
    late = of_number(countries, number, telegram=True, today=countries.checked + timedelta(days=400))
    assert [finding.verdict for finding in late] == [Verdict.LOOK, expected]


def test_every_country_has_a_source_and_a_date() -> None:
    countries = load_countries()
    assert {"IN", "NP", "TH", "VN", "PH"} <= countries.by_code.keys()
    assert all(country.source.startswith("https://") and country.text.isprintable() for country in countries.by_code.values())
    assert [code for code in ("IN", "NP", "TH", "VN") if countries.by_code[code].two_way] == []


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (59, "59 s"), (60, "1 minute"), (7300, "2 hours"), (200_000, "2 days")])
def test_lengths_of_time(seconds: float, said: str) -> None:
    assert spoken(seconds) == said


def invoke(*words: str, env: dict[str, str] | None = None) -> Result:
    gone: dict[str, str | None] = {name: None for name in os.environ if name.startswith("TIPLINE_")}
    return CliRunner().invoke(app, words, env={**gone, **(env or {})})


def test_the_command_tells_settings_that_do_not_hold(tmp_path: Path) -> None:
    done = invoke("doctor", env={"HOME": str(tmp_path), "TIPLINE_TELEGRAM_TOKEN": "canary-secret"})
    assert done.exit_code == 1
    assert "TIPLINE_TELEGRAM_TOKEN must be" in done.output
    assert "canary" not in done.output


def test_the_command_shows_the_table_of_countries() -> None:
    done = invoke("doctor", "--countries")
    assert done.exit_code == 0
    assert "Vietnam (VN)" in done.output
    assert load_countries().checked.strftime("%B %Y") in done.output


@pytest.mark.claim("T24")
def test_the_command_prints_no_secret_of_a_line_whose_providers_are_away(line: Settings, tmp_path: Path) -> None:
    env = {
        "TIPLINE_HOME": str(line.home),
        "TIPLINE_PUBLIC_URL": "http://127.0.0.1:9",
        "TIPLINE_REGIONS": str(WORLD),
        "TIPLINE_VETTERS": str(line.vetters),
        "TIPLINE_TELEGRAM_TOKEN": "123456:" + "canary" * 6,
        "TIPLINE_TELEGRAM_API_URL": "http://127.0.0.1:9",
        "TIPLINE_TWILIO_ACCOUNT_SID": "AC" + "c" * 32,
        "TIPLINE_TWILIO_AUTH_TOKEN": "canary-token",
        "TIPLINE_TWILIO_NUMBER": "+919876543210",
        "TIPLINE_TWILIO_API_URL": "http://127.0.0.1:9",
        "TIPLINE_GATEWAY_SECRET": "canary" * 4,
        "TIPLINE_GATEWAY_SEND_URL": "http://127.0.0.1:9/canary",
        "TIPLINE_GATEWAY_SEND_AUTH": "Basic canary",
    }
    done = invoke("doctor", env=env)
    assert done.exit_code == 1
    topics = {words[1] for words in (text.split(maxsplit=2) for text in done.output.splitlines()) if words[:1] == ["mend"]}
    assert topics >= {"telegram", "twilio", "gateway", "public", "country", "roster"}  # the cards are a practice line's
    assert "canary" not in done.output
    assert "9876543210" not in done.output
