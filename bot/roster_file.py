"""A roster before there are keys: what a line's people are tied to, in one file. TOML or JSON with a list `people` (the practice roster's
form, bot/data/practice.toml), or CSV with a line for each. `tipline routing simulate --template` prints one, explained.

Names and ids of people are not kept: a person is known by his number in the file.
"""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from pathlib import Path

from bot.atlas import read_atlas
from bot.duty import read_hours
from bot.own_key import DeskError
from routing.duty import Duty
from routing.exclusion import VETTING_DAYS
from routing.people import Atlas, Card, Kin, Person, Role, Roster

NEEDED = ("agency", "home", "posting", "languages")
LISTS = ("past_agencies", "past_postings", "languages", "kin", "conflicts", "spellings", "vetters")
FLAGS = ("child_clearance", "founder")
NUMBERS = ("capacity", "issued_days_ago", "sequence")
DATES = ("issued", "expires")
FIELDS = frozenset((*NEEDED, *LISTS, *FLAGS, *NUMBERS, *DATES, "id", "name", "role", "hours"))
YES, NO = frozenset({"yes", "true", "1", "x"}), frozenset({"no", "false", "0"})
ATLAS = ("regions", "agencies")
UNSIGNED = ("a vetter", "another vetter")
MOST = 5000


@dataclass(frozen=True, slots=True)
class Entry:
    """One person of the file. `where`: how an operator finds it."""

    where: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Described:
    """`duty`: declared hours by person id. Ids are the numbers in the file. `conflicts`: how many people have some, which nothing here
    looks at: they are names, and the tips that are simulated name nobody."""

    roster: Roster
    duty: Mapping[str, Duty]
    conflicts: int = 0


class RosterFileError(ValueError):
    """The file cannot be used. A sentence for each problem, without a value of the file."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_roster(file: Path, atlas: Atlas | None, now: datetime) -> Described:
    """`atlas`: None = the file's own regions and agencies. Raises RosterFileError, and bot.atlas' errors for the file's own regions."""
    world = _parsed(file)
    if atlas is None:
        if not set(ATLAS) <= world.keys():
            raise RosterFileError("The roster's file has no regions and agencies of its own: give the line's with --regions FILE.")
        atlas = read_atlas({table: world[table] for table in ATLAS})
    entries = _entries(world, file)
    problems, people, duty = list[str](), list[Person](), dict[str, Duty]()
    for number, entry in enumerate(entries, start=1):
        fields = _Fields(entry, atlas)
        person = fields.person(f"{number:04}", now)
        problems += fields.problems
        people.append(person)
        if fields.duty is not None:
            duty[person.id] = fields.duty
    ids = [entry.fields["id"] for entry in entries if isinstance(entry.fields.get("id"), str)]
    if len(set(ids)) < len(ids):
        problems.append("Two people have one id.")
    if problems:
        raise RosterFileError(*problems)
    return Described(Roster(tuple(people), atlas), duty, sum(bool(entry.fields.get("conflicts")) for entry in entries))


def _parsed(file: Path) -> Mapping[str, object]:
    try:
        text = file.read_text(encoding="utf-8-sig")
        if file.suffix.lower() == ".csv":
            return {"people": list(_rows(text))}
        parsed = json.loads(text) if file.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError:
        raise RosterFileError("The roster's file cannot be read.") from None
    except UnicodeDecodeError:
        raise RosterFileError("The roster's file is not UTF-8.") from None
    except json.JSONDecodeError as fault:
        raise RosterFileError(f"The roster's file is not JSON: line {fault.lineno}, column {fault.colno}.") from None
    except tomllib.TOMLDecodeError as fault:
        at = re.search(r"line \d+, column \d+", str(fault))
        raise RosterFileError(f"The roster's file is not TOML: {at[0] if at else 'it ends too early'}.") from None
    except RecursionError:
        raise RosterFileError("The roster's file is nested too deep.") from None
    except RosterFileError:
        raise
    except ValueError:
        raise RosterFileError("The roster's file has a number that is too long.") from None
    return parsed if isinstance(parsed, dict) else {"people": parsed}


def _rows(text: str) -> Iterator[Entry]:
    """A spreadsheet where numbers have a decimal comma writes ";" between the cells. Raises RosterFileError."""
    lines = text.splitlines(keepends=True)
    reader = csv.reader(lines, delimiter=";" if lines and ";" in lines[0] else ",", strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        if wrong := [str(n) for n, name in enumerate(columns, start=1) if name not in FIELDS]:
            raise RosterFileError(
                f"Line 1 must name the columns; not known: number {', '.join(wrong)}. Known: {', '.join(sorted(FIELDS))}."
            )
        if len(set(columns)) < len(columns):
            raise RosterFileError("Line 1 names a column twice: put several values into one cell, with ; between them.")
        for row in reader:
            if any(cell.strip() for cell in row):
                yield Entry(f"line {reader.line_num}", _cells(columns, row))
    except csv.Error:
        raise RosterFileError(f"The roster's file is not CSV: line {reader.line_num}.") from None


def _cells(columns: Sequence[str], row: Sequence[str]) -> Mapping[str, object]:
    """Empty cells are left out; more cells than columns are one field too many."""
    fields: dict[str, object] = {"cells": ""} if len(row) > len(columns) else {}
    for name, cell in zip(columns, (cell.strip() for cell in row), strict=False):
        if cell:
            fields[name] = _cell(name, cell)
    return fields


def _cell(name: str, cell: str) -> object:
    parts = [part.strip() for part in re.split("[;,]", cell) if part.strip()]
    if name == "kin":
        return [_relative(part) for part in parts]
    if name in LISTS:
        return parts
    if name in FLAGS and cell.lower() in YES | NO:
        return cell.lower() in YES
    return int(cell) if name in NUMBERS and cell.isascii() and cell.isdigit() else cell


def _relative(part: str) -> Mapping[str, object]:
    """name|region|agency. One word alone could be a name, or a region that its writer takes for a tie: it is not guessed."""
    cells = [cell.strip() for cell in part.split("|")]
    return dict(zip(("name", "region", "agency"), cells, strict=False)) if len(cells) in (2, 3) else {"cells": ""}


def _entries(world: Mapping[str, object], file: Path) -> list[Entry]:
    people = world.get("people")
    if not isinstance(people, list) or not people:
        raise RosterFileError("The roster's file has no list of people.")
    if len(people) > MOST:
        raise RosterFileError(f"The roster's file has more than {MOST} people.")
    if isinstance(people[0], Entry):
        return people
    lines = _lines(file) if file.suffix.lower() != ".json" else []
    found = list[Entry]()
    for number, fields in enumerate(people, start=1):
        where = f"line {lines[number - 1]}" if len(lines) == len(people) else f"person {number}"
        if not isinstance(fields, dict):
            raise RosterFileError(f"{where}: not a table of fields.")
        found.append(Entry(where, fields))
    return found


def _lines(file: Path) -> list[int]:
    """Where each person begins in a TOML file, as it is usually written: [[people]], or one line with braces in a list."""
    text = file.read_text(encoding="utf-8-sig").splitlines()
    if tables := [n for n, line in enumerate(text, start=1) if re.match(r"\s*\[\[\s*people\s*\]\]", line)]:
        return tables
    start = next((n for n, line in enumerate(text) if re.match(r"\s*people\s*=\s*\[", line)), len(text))
    end = next((n for n in range(start + 1, len(text)) if re.match(r"\s*\]", text[n])), len(text))
    return [n + 1 for n in range(start, end) if re.match(r"\s*(people\s*=\s*\[\s*)?\{", text[n])]


class _Fields:
    """One entry, read by type. What is wrong is collected, so that a file is mended in one go; then its person is not used."""

    def __init__(self, entry: Entry, atlas: Atlas) -> None:
        self._entry, self._atlas = entry, atlas
        self.problems: list[str] = []
        self.duty: Duty | None = None
        for field in sorted(entry.fields.keys() - FIELDS):
            self._wrong("more cells than columns" if field == "cells" else f"unknown field {field}")
        for field in NEEDED:
            if field not in entry.fields:
                self._wrong(f"{field} is missing")

    def person(self, id: str, now: datetime) -> Person:
        issued = self._issued(now)
        expires = self._date("expires", (issued + timedelta(days=VETTING_DAYS)).date())
        if expires < issued.date():
            self._wrong("expires lies before the card was issued")
        self.duty = self._hours()
        self._texts("conflicts")
        card = Card(
            person=id, name="", spellings=(), age_recipient="", verify_key="", role=self._role(), agency=self._agency("agency"),
            past_agencies=self._known("past_agencies", self._texts("past_agencies"), self._atlas.agencies), home=self._region("home"),
            posting=self._region("posting"), past_postings=self._known("past_postings", self._texts("past_postings"), self._atlas.regions),
            kin=tuple(self._kin()), conflicts=(), languages=self._texts("languages"), child_clearance=self._flag("child_clearance"),
            capacity=self._number("capacity", 4), founder=self._flag("founder"), sequence=self._number("sequence", 1), issued=issued,
            expires=expires,
        )  # fmt: skip
        return Person(card, self._texts("vetters") or UNSIGNED)

    def _wrong(self, problem: str) -> None:
        self.problems.append(f"{self._entry.where}: {problem}.")

    def _role(self) -> Role:
        told = self._entry.fields.get("role", Role.HANDLER.value)
        if isinstance(told, str) and told in {role.value for role in Role}:
            return Role(told)
        self._wrong("role must be handler, lead, trustee or auditor")
        return Role.HANDLER

    def _agency(self, field: str) -> str:
        return "".join(self._known(field, self._one(field), self._atlas.agencies))

    def _region(self, field: str) -> str:
        return "".join(self._known(field, self._one(field), self._atlas.regions))

    def _one(self, field: str) -> tuple[str, ...]:
        told = self._entry.fields.get(field)
        if isinstance(told, str):
            return (told,)
        if field in self._entry.fields:
            self._wrong(f"{field} must be one text")
        return ()

    def _known(self, field: str, ids: Iterable[str], atlas: Mapping[str, object]) -> tuple[str, ...]:
        found = tuple(ids)
        for name in found:
            if name not in atlas:
                near = get_close_matches(name.lower().replace(" ", "-"), atlas, 1)
                self._wrong(f"{field} is no id of the regions file{f'; the nearest is {near[0]}' if near else ''}")
        return found

    def _texts(self, field: str) -> tuple[str, ...]:
        told = self._entry.fields.get(field, [])
        if isinstance(told, list) and all(isinstance(text, str) and text for text in told):
            return tuple(told)
        self._wrong(f"{field} must be a list of texts")
        return ()

    def _flag(self, field: str) -> bool:
        told = self._entry.fields.get(field, False)
        if not isinstance(told, bool):
            self._wrong(f"{field} must be true or false")
        return told is True

    def _number(self, field: str, default: int) -> int:
        told = self._entry.fields.get(field, default)
        if isinstance(told, int) and not isinstance(told, bool) and 0 <= told < 100_000:
            return told
        self._wrong(f"{field} must be a whole number")
        return default

    def _issued(self, now: datetime) -> datetime:
        if "issued" not in self._entry.fields:
            return now - timedelta(days=self._number("issued_days_ago", 0))
        if "issued_days_ago" in self._entry.fields:
            self._wrong("issued and issued_days_ago say the same: leave one out")
        day = self._date("issued", now.date())
        if day > now.date():
            self._wrong("issued lies in the future")
        return min(now, datetime.combine(day, time(), UTC))

    def _date(self, field: str, default: date) -> date:
        """Of TOML a date, or a text as 2027-06-30; at a day, whatever the time in it."""
        told = self._entry.fields.get(field, default)
        try:
            day = date.fromisoformat(told[:10]) if isinstance(told, str) else told
        except ValueError:
            day = None
        if isinstance(day, datetime):
            return day.date()
        if isinstance(day, date):
            return day
        self._wrong(f"{field} must be a day, as 2027-06-30")
        return default

    def _kin(self) -> Iterator[Kin]:
        told = self._entry.fields.get("kin", [])
        for one in told if isinstance(told, list) else [told]:
            if not isinstance(one, dict) or not one.keys() <= {"name", "region", "agency"}:
                self._wrong("kin must be a list of tables with name, region, agency; in CSV name|region|agency, the name may be empty")
                return
            region, agency = (self._tie(one.get(field), field) for field in ("region", "agency"))
            yield Kin("", region, agency)

    def _tie(self, told: object, field: str) -> str | None:
        if told is None or told == "":
            return None
        if not isinstance(told, str):
            self._wrong(f"kin, {field} must be one text")
            return None
        self._known(f"kin, {field}", (told,), self._atlas.regions if field == "region" else self._atlas.agencies)
        return told

    def _hours(self) -> Duty | None:
        if not (told := self._one("hours")):
            return None
        try:
            return read_hours(told[0])
        except DeskError:
            self._wrong('hours are days, times and a time zone, as "mon-fri 08:00-17:00 Asia/Manila"; an hour each, six a week at least')
            return None
