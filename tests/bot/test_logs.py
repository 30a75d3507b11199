"""The log says only what it is allowed to say; whatever libraries and Python itself would print is not printed."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from bot.logs import MAX_INT, Event, Fault, event, fault_of, watch
from handlers.slots import Slots
from triage.sensitive import Sensitive
from triage.tip import Urgency

ROOT = Path(__file__).resolve().parent.parent.parent
CANARY = "kanarienvogel"


def test_an_event_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    event(Event.ACCEPTED, count=3, again=True, urgency=Urgency.ASKS_HELP)
    out, err = capsys.readouterr()
    assert out == ""
    line = json.loads(err)
    assert abs(line.pop("t") - time.time()) < 5
    assert line == {"event": "accepted", "count": 3, "again": True, "urgency": "asks_help"}
    assert err.count("\n") == 1


@pytest.mark.parametrize("value", [CANARY, CANARY.encode(), 1.5, None, [1], Sensitive(CANARY), ValueError(CANARY)])
@pytest.mark.claim("T15")
def test_nothing_but_numbers_enums_and_faults(value: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TypeError) as caught:
        event(Event.FAULT, value=value)
    assert CANARY not in str(caught.value)
    assert capsys.readouterr() == ("", "")


def test_an_event_must_be_on_the_list() -> None:
    class Other(StrEnum):
        THING = CANARY

    name: Any = Other.THING
    with pytest.raises(TypeError):
        event(name)


def test_a_number_too_large_to_be_a_count_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """A phone number or an order number is an integer, too."""
    event(Event.ACCEPTED, count=34612345678, less=-34612345678, code=21610)
    line = json.loads(capsys.readouterr().err)
    assert (line["count"], line["less"], line["code"]) == (MAX_INT, -MAX_INT, 21610)


def test_a_log_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    closed = (tmp_path / "log").open("w")
    closed.close()
    for broken in (closed, None):
        monkeypatch.setattr(sys, "stderr", broken)
        event(Event.READY)


def _raised(run: Any) -> BaseException:
    try:
        run()
    except Exception as error:  # noqa: BLE001  any at all
        return error
    raise AssertionError


def test_a_fault_names_class_and_our_line_alone() -> None:
    ours = _raised(lambda: Slots((), "UTC").next_slot(0))
    fault = fault_of(ours)
    assert fault.kind == "ValueError"
    assert fault.at.startswith("handlers/slots.py:")
    assert fault_of(_raised(lambda: json.loads(CANARY))) == Fault("json.decoder.JSONDecodeError", "")


def test_a_group_is_named_by_its_first() -> None:
    group = ExceptionGroup(CANARY, [ExceptionGroup(CANARY, [ZeroDivisionError(CANARY)]), KeyError(CANARY)])
    assert fault_of(group).kind == "ZeroDivisionError"


def test_a_class_whose_name_is_no_name_is_unnamed() -> None:
    strange = type(f"{CANARY} said", (Exception,), {})
    assert fault_of(strange()).kind == "unnamed"


@pytest.mark.asyncio
async def test_a_task_that_died_unseen_is_one_event(capsys: pytest.CaptureFixture[str]) -> None:
    watch(asyncio.get_running_loop())

    async def die() -> None:
        raise ConnectionResetError(CANARY)

    task = asyncio.create_task(die(), name=CANARY)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["fault"]) == ("fault", "ConnectionResetError")


# What a process would print, by every way we know; run once as it is (the control: each way does print), once cut off.
WAYS = {
    "loggers": """
import aiosqlite, alembic, argostranslate.utils, httpx, sqlalchemy.ext.asyncio, starlette, twilio.rest, uvicorn.config
from twilio.http.async_http_client import AsyncTwilioHttpClient
CUT()
for name in ["", *list(logging.root.manager.loggerDict), "httpx", "twilio.http_client", "telegram", "argostranslate", "asyncio", "new.one"]:
    log = logging.getLogger(name)
    log.setLevel(logging.DEBUG)
    for level in (logging.DEBUG, logging.INFO, logging.CRITICAL, 99):
        log.log(level, "%s by %s", CANARY, name)
""",
    "own handler": """
CUT()
log = logging.getLogger("late")
log.addHandler(logging.StreamHandler())
log.error(CANARY)
""",
    "basic config": """
CUT()
logging.basicConfig(level=logging.DEBUG, force=True)
logging.getLogger("httpcore.http11").debug(CANARY)
""",
    "uvicorn config": """
import uvicorn
CUT()
uvicorn.Config(lambda: None, log_level="trace").configure_logging()
logging.getLogger("uvicorn.error").info(CANARY)
logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', "1.2.3.4", "GET", "/" + CANARY, "1.1", 200)
""",
    "last resort": """
CUT()
logging.getLogger("none").warning(CANARY)
""",
    "broken format": """
CUT()
logging.getLogger("none").warning("%d", CANARY)
""",
    "httpx request": """
import asyncio, httpx
CUT()
logging.basicConfig(level=logging.DEBUG, force=True)
def answer(request):
    return httpx.Response(200)
with httpx.Client(transport=httpx.MockTransport(answer)) as client:
    client.get("http://127.0.0.1/" + CANARY)
""",
    "sqlalchemy echo": """
import sqlalchemy
CUT()
engine = sqlalchemy.create_engine("sqlite://", echo="debug")
with engine.connect() as connection:
    connection.execute(sqlalchemy.text("select :word"), {"word": CANARY})
""",
    "warning": """
import warnings
CUT()
warnings.warn(CANARY)
""",
    "unraisable": """
CUT()
class Bird:
    def __del__(self):
        raise ValueError(CANARY)
Bird()
""",
    "thread": """
import threading
CUT()
def sing():
    raise ValueError(CANARY)
thread = threading.Thread(target=sing)
thread.start()
thread.join()
""",
    "task": """
import asyncio
CUT()
async def main():
    WATCH(asyncio.get_running_loop())
    async def sing():
        raise ValueError(CANARY)
    asyncio.create_task(sing(), name=CANARY)
    await asyncio.sleep(0.01)
asyncio.run(main())
""",
    "uncaught": """
CUT()
raise ValueError(CANARY)
""",
    "uncaught group": """
CUT()
raise ExceptionGroup(CANARY, [ValueError(CANARY)])
""",
    "typer": """
import typer
app = typer.Typer(pretty_exceptions_enable=False)
@app.command()
def main():
    CUT()
    word = CANARY
    raise ValueError(word)
sys.argv = ["x"]
app()
""",
}
EVENT_TOO = {"warning", "unraisable", "thread", "task", "uncaught", "uncaught group", "typer"}
"""Ways that leave one content-free event, so that an operator sees that something happened."""


def _printed(way: str, home: Path, *, cut: bool) -> str:
    """Standard output and error of a fresh Python that goes one way."""
    head = f"""
import logging, sys
import bot.logs
sys.path.insert(0, {str(ROOT)!r})
CANARY = "{CANARY[:5]}" + "{CANARY[5:]}"
CUT = bot.logs.cut_off if {cut} else (lambda: logging.basicConfig(level=1) if {way == "loggers"} else None)
WATCH = bot.logs.watch if {cut} else (lambda loop: None)
"""
    # The code comes on standard input, and puts the canary together, so that no traceback line quotes it.
    env = {"HOME": str(home), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-"], input=head + WAYS[way], env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.claim("T15")
def test_libraries_and_python_print_nothing_of_a_message(way: str, tmp_path: Path) -> None:
    control = _printed(way, tmp_path, cut=False)
    assert CANARY in control, "without cutting off, this way prints"
    if way == "loggers":
        assert all(f"{CANARY} by {name}" in control for name in ("httpx", "twilio.http_client", "sqlalchemy", "asyncio", "telegram"))
    printed = _printed(way, tmp_path, cut=True)
    assert CANARY not in printed
    lines = [json.loads(line) for line in printed.splitlines()]
    if way in EVENT_TOO:
        assert [line["event"] for line in lines] == ["warning" if way == "warning" else "fault"]
        assert lines[0]["fault"].split()[0] == ("UserWarning" if way == "warning" else "ValueError")
    else:
        assert lines == []


def test_the_loggers_of_this_process_are_as_they_were() -> None:
    """The cutting off is tried in other processes: pytest's own capture still works here."""
    assert logging.root.manager.disable < logging.CRITICAL
