"""`tipline duty`: a reader tells the line his weekly hours, in his own time zone, from his own device and signed with his own key."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Annotated

import typer

from bot.own_key import DeskError, at_desk, own_key
from bot.reader import Reader
from bot.terminal import OwnKey, PassphraseFile, err
from routing.duty import WEEKDAYS, Duty, DutyError, duty_bytes, parse_duty
from sealing.age import padme
from sealing.custody import EntryKind
from sealing.signing import fingerprint

app = typer.Typer(no_args_is_help=True, help="A reader's duty hours, from his own device.")
RULE = 'days, times and a time zone, as "mon-fri 08:00-17:00; sat 09:00-12:00 Asia/Manila"'
DAY_MINUTES = 24 * 60

_DAYS = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?")
_SPAN = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])-([01]?[0-9]|2[0-4]):([0-5][0-9])")

Desk = Annotated[str, typer.Argument(help="The desk's address, as your browser shows it: https://line.example.org")]
LineKey = Annotated[str, typer.Option("--line", help="Fingerprint of the line's key, as your vetters gave it: stop if it is another.")]


@app.command()
def show(desk: Desk, key: OwnKey, passphrase_file: PassphraseFile = None, line: LineKey = "") -> None:
    """The hours that the line holds for you, and the fingerprint of its key."""
    told = asyncio.run(_show(desk, key, passphrase_file, line))
    typer.echo(told)


@app.command(name="set")
def set_hours(
    desk: Desk,
    hours: Annotated[str, typer.Argument(help=f"Your weekly hours: {RULE}.")],
    key: OwnKey,
    passphrase_file: PassphraseFile = None,
    line: LineKey = "",
) -> None:
    """Tell the line your hours from now on, signed with your key."""
    duty = read_hours(hours)
    asyncio.run(_set(desk, duty, key, passphrase_file, line))
    err.print(f"The line has your hours from now on: {spoken(duty)}.", soft_wrap=True)


async def _show(desk: str, key: Path, passphrase_file: Path | None, line: str) -> str:
    async with at_desk(desk, own_key(key, passphrase_file)) as reader:
        return await shown(reader, line)


async def _set(desk: str, duty: Duty, key: Path, passphrase_file: Path | None, line: str) -> None:
    async with at_desk(desk, own_key(key, passphrase_file)) as reader:
        await declare(reader, duty, line)


async def shown(reader: Reader, line: str = "") -> str:
    """Raises DeskError, DeskRefused."""
    told = await reader.me()
    name = _same_line(str(told["line"]), line)
    try:
        hours = spoken(parse_duty(str(told["duty"]).encode())) if told["duty"] else "none declared: every hour counts as duty"
    except DutyError:
        raise DeskError("The line holds hours that this version does not know.") from None
    return f"Hours: {hours}\nThe line's key: {name}"


async def declare(reader: Reader, duty: Duty, line: str = "") -> None:
    """Raises DeskError, DeskRefused."""
    _same_line(str((await reader.me())["line"]), line)
    await reader.say_of_himself(EntryKind.DUTY, _padded(duty_bytes(duty)))


def _padded(said: bytes) -> bytes:
    """Of one length, however many the hours are."""
    return said.ljust(padme(len(said)), b" ")


def _same_line(public: str, expected: str) -> str:
    """The fingerprint. Raises DeskError."""
    name = fingerprint(public)
    if expected and expected.strip().lower() != name:
        raise DeskError("This desk's line has another key than the one you gave: nothing was sent. Ask your vetters.")
    return name


def read_hours(text: str) -> Duty:
    """As RULE says; an end that is not after its start is on the next day. Raises DeskError."""
    told, _, zone = text.strip().rpartition(" ")
    days: list[list[tuple[int, int]]] = [[] for _ in WEEKDAYS]
    for part in filter(None, (part.strip() for part in told.split(";"))):
        names, _, spans = part.partition(" ")
        for day in _days(names.lower()):
            for start, end in map(_span, re.split(r"[,\s]+", spans.strip())):
                days[day].append((start, min(end, DAY_MINUTES)))
                if end > DAY_MINUTES:
                    days[(day + 1) % 7].append((0, end - DAY_MINUTES))
    duty = Duty(zone, tuple(tuple(_joined(day)) for day in days))
    try:
        duty_bytes(duty)
    except DutyError as wrong:
        raise DeskError(f"These hours cannot be taken: {wrong}. Write {RULE}.") from None
    return duty


def _days(names: str) -> list[int]:
    """`mon`, `mon-fri` or `fri-mon`. Raises DeskError."""
    found = _DAYS.fullmatch(names)
    if found is None or any(name not in WEEKDAYS for name in found.groups() if name):
        raise DeskError(f"The days are mon, tue, wed, thu, fri, sat, sun. Write {RULE}.")
    first, last = WEEKDAYS.index(found[1]), WEEKDAYS.index(found[2] or found[1])
    return [(first + n) % 7 for n in range((last - first) % 7 + 1)]


def _span(text: str) -> tuple[int, int]:
    """Minutes since midnight; over 24 hours on the next day. Raises DeskError."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise DeskError(f"The times are as 08:00-17:00. Write {RULE}.")
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if start >= DAY_MINUTES or end > DAY_MINUTES:
        raise DeskError("A day ends at 24:00.")
    return start, end if end > start else end + DAY_MINUTES


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, and those that touch as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def spoken(duty: Duty) -> str:
    """As `read_hours` reads it."""
    days = [",".join(f"{_clock(start)}-{_clock(end)}" for start, end in day) for day in duty.hours]
    parts: list[str] = []
    first = 0
    for n in range(1, len(days) + 1):
        if n == len(days) or days[n] != days[first]:
            if days[first]:
                parts.append(f"{WEEKDAYS[first]}{f'-{WEEKDAYS[n - 1]}' if n - 1 > first else ''} {days[first]}")
            first = n
    return f"{'; '.join(parts)} {duty.zone}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
