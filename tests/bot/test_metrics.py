"""Numbers for the operator: on a port of its own, off unless asked for, and never a word of a tip, a case, a person or an address."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot import logs, metrics
from bot.handover import Role, from_child, to_child
from bot.logs import Event, event, fault_of
from bot.metrics import PATH, Meters, application
from bot.wiring import web
from handlers.channels import Refused
from sealing.keyring import make_secrets
from sealing.rows import CaseState, SendingState, TaskKind
from storage import tables
from storage.counting import tally
from storage.engine import Database
from storage.intake import SqlIntake
from storage.store import SqlStore
from storage.tasks import Clock
from tests.databases import SetClock
from tests.line import practice_line
from tests.peers.processes import free_port, practice_settings, processes
from tests.storage.rows import a_case, a_message, a_sending

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
PHONE, TIP = "+34600111222", "My sister is locked in a house in Puerto Alondra"


@pytest.fixture(autouse=True)
def nobody_counts() -> Iterator[None]:
    """The listener belongs to the process: here that is ours."""
    yield
    logs.listen(lambda _name, _fields: None)


LABELS = ("event", "code", "kind", "state", "le")


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels[name] for name in LABELS if name in sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scrape(database: Database, clock: Clock, home: Path, meters: Meters | None = None) -> str:
    app = application(meters or Meters(), database, clock.now_ms, home)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        answer = await client.get(PATH)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return answer.text


async def test_what_waits_is_stuck_and_is_due_is_counted(database: Database, clock: SetClock, tmp_path: Path) -> None:
    intake = SqlIntake(database, clock)
    await asyncio.gather(*(intake.accept(a_message()) for _ in range(3)))
    async with SqlStore(database).begin() as tx:
        assert await tx.add_case(a_case(state=CaseState.HELD))
        for state in (SendingState.SHELVED, SendingState.SHELVED, SendingState.DUE):
            assert await tx.add_sending(a_sending(state=state))
        await tx.enqueue(TaskKind.SEND, "0" * 32, clock.now)
    async with database.begin() as transaction:
        await transaction.run(tables.task.update().where(tables.task.c.kind == TaskKind.SEND).values(attempts=10))
        await transaction.run(tables.heartbeat.insert().values(role="worker", at=clock.now - 7_000))
    clock.now += 5_000
    found = samples(await scrape(database, clock, tmp_path))
    assert found["tipline_waiting_messages", ()] == 3
    assert found["tipline_tasks", ("converse",)] == 3
    assert found["tipline_tasks", ("seal",)] == 0
    assert found["tipline_tasks_shelved", ("send",)] == 1
    assert found["tipline_cases", ("held",)] == 1
    assert found["tipline_sendings", ("shelved",)] == 2
    assert found["tipline_queue_late_seconds", ()] == 5
    assert found["tipline_worker_heartbeat_age_seconds", ()] == 12
    assert found["tipline_disk_free_bytes", ()] > 0
    assert (found["tipline_database_up", ()], found["tipline_outgoing_held", ()]) == (1, 0)


async def test_events_of_web_are_counted_by_name_and_first_word(database: Database, clock: SetClock, tmp_path: Path) -> None:
    meters = Meters()
    logs.listen(meters.event)
    before = samples(await scrape(database, clock, tmp_path, meters))
    assert before["tipline_events_total", ("accepted", "")] == 0, "a rate needs a beginning"
    event(Event.ACCEPTED)
    event(Event.ACCEPTED)
    event(Event.REQUEST_REFUSED, why=Refused.BAD_SIGNATURE)
    event(Event.FAULT, fault=fault_of(ValueError(PHONE)))
    meters.batch(3)
    after = samples(await scrape(database, clock, tmp_path, meters))
    assert after["tipline_events_total", ("accepted", "")] == 2
    assert after["tipline_events_total", ("request_refused", "bad_signature")] == 1
    assert after["tipline_events_total", ("fault", "")] == 1
    assert (after["tipline_commit_messages_sum", ()], after["tipline_commit_messages_bucket", ("4.0",)]) == (3, 1)


async def test_a_commit_tells_how_many_messages_it_carried(database: Database, clock: SetClock) -> None:
    carried: list[int] = []
    intake = SqlIntake(database, clock, on_batch=carried.append)
    await asyncio.gather(*(intake.accept(a_message()) for _ in range(10)))
    assert sum(carried) == 10
    assert max(carried) > 1


async def test_it_answers_while_the_database_is_away(database: Database, clock: SetClock, tmp_path: Path) -> None:
    await database.close()
    found = samples(await scrape(database, clock, tmp_path))
    assert found["tipline_database_up", ()] == 0
    assert ("tipline_waiting_messages", ()) not in found


@pytest.mark.claim("T37")
async def test_no_label_and_no_value_carries_content(url: str, tmp_path: Path, clock: SetClock) -> None:
    """Of a line with a sealed case and its answers: every label is a word of an enum, a bucket or a library's own."""
    meters = Meters()
    logs.listen(meters.event)
    async with practice_line(tmp_path, url) as line:
        await line.write(PHONE, TIP)
        await line.later(200)
        await line.later(10)
        cases = await line.cases()
        text = await scrape(line.database, line.clock, tmp_path, meters)
        ids = [grant.id for case in cases for grant in await line.grants(case)]
    assert samples(text)["tipline_cases", ("sealed",)] + samples(text)["tipline_cases", ("open",)] == 1
    for secret in (PHONE, PHONE[1:], TIP, "Alondra", *cases, *ids, *line.cards):
        assert secret not in text
    enums: tuple[type[StrEnum], ...] = (Event, Refused, TaskKind, CaseState, SendingState)
    words = {"", *(member.value for enum in enums for member in enum)}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for label, value in sample.labels.items():
                assert label in LABELS
                assert value in words or (label == "le" and re.fullmatch(r"[0-9.]+|\+Inf", value))


async def test_another_host_is_refused(database: Database, clock: SetClock, tmp_path: Path) -> None:
    """A page in a browser on this machine cannot read it by a name that leads here (DNS rebinding)."""
    app = application(Meters(), database, clock.now_ms, tmp_path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://evil.example") as client:
        assert (await client.get(PATH)).status_code == 400
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        assert [(await client.get(path)).status_code for path in (PATH, "/", "/healthz", "/desk")] == [200, 404, 404, 404]


@pytest.mark.claim("T37")
async def test_the_web_process_serves_it_on_its_own_port_alone(url: str, tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets", secrets.token_bytes)
    settings = replace(practice_settings(tmp_path, url, tmp_path / "vetters.json"), metrics_port=free_port())
    at = f"http://127.0.0.1:{settings.metrics_port}{PATH}"
    with processes(settings) as line, httpx.Client(trust_env=False) as client:
        line.start(Role.WEB)
        line.until_listening(client)
        assert line.write(client, PHONE, TIP, "1")
        found = samples(until_answered(client, at))
        assert (found["tipline_commit_messages_sum", ()], found["tipline_waiting_messages", ()]) == (1, 1)
        assert client.get(f"{line.base}{PATH}").status_code == 404


def until_answered(client: httpx.Client, at: str) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            return client.get(at).text
        except httpx.TransportError:
            time.sleep(0.02)
    raise AssertionError("no metrics")


async def test_it_gives_its_port_back_when_it_is_told_to_stop(url: str, tmp_path: Path, clock: SetClock) -> None:
    port = free_port()
    settings = practice_settings(tmp_path, url, tmp_path / "vetters.json")
    for _ in range(2):
        serving = asyncio.create_task(metrics.serve(port, settings, Meters(), clock.now_ms))
        with httpx.Client(trust_env=False) as client:
            text = await asyncio.to_thread(until_answered, client, f"http://127.0.0.1:{port}{PATH}")
        assert samples(text)["tipline_database_up", ()] == 1
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving


async def test_it_is_off_unless_asked_for(tmp_path: Path, database: Database, url: str) -> None:
    make_secrets(tmp_path / "secrets", secrets.token_bytes)
    settings = practice_settings(tmp_path, url, tmp_path / "vetters.json")
    assert settings.metrics_port is None
    made = web(settings, database, None)
    assert made.beside == (made.recipients.run,)
    for role in Role:
        assert from_child(to_child(replace(settings, metrics_port=9100), role)).metrics_port == 9100


async def test_a_held_line_says_so(database: Database, clock: SetClock) -> None:
    async with database.begin() as transaction:
        await transaction.run(tables.heartbeat.insert().values(role="restore", at=clock.now))
    assert (await tally(database, clock.now)).held


async def test_operating_explains_every_number_that_there_is(database: Database, clock: SetClock, tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "OPERATING.md").read_text(encoding="utf-8")
    async with database.begin() as transaction:
        await transaction.run(tables.heartbeat.insert().values(role="worker", at=clock.now))
    shown = await scrape(database, clock, tmp_path)
    ours = {name for name in re.findall(r"^# TYPE (\w+) (?:counter|gauge|histogram)$", shown, re.MULTILINE) if name.startswith("tipline_")}
    said = set(re.findall(r"`(tipline_[a-z_]+)", page))
    assert said == {name for name in ours if not name.endswith("_created")}
