"""`tipline routing simulate`: files of every form, what is said of them, and that no person is named. Mistakes: test_roster_file.py."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.atlas import load_atlas
from bot.roster_file import DATES, read_roster
from bot.simulated import Simulated, shown
from bot.simulating import PRACTICE, TEMPLATE, picture, simulated
from routing.people import Atlas, Kin, Role

README_PICTURE = Path(__file__).parents[2] / "docs" / "images" / "routing-simulate.svg"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ATLAS = load_atlas(PRACTICE)
SMALL = read_roster(TEMPLATE, None, NOW).roster.atlas
WORLD: dict[str, Any] = tomllib.loads(PRACTICE.read_text(encoding="utf-8"))
ANA = {"agency": "ngo-faro", "home": "penalta", "posting": "penalta", "languages": ["es", "en"], "founder": True}
COLUMNS = ("role", "agency", "home", "posting", "past_postings", "kin", "languages", "child_clearance", "capacity", "founder", "hours")


def run(*given: str | Path) -> Result:
    return CliRunner().invoke(app, ["routing", "simulate", *(str(each) for each in given)])


def json_file(folder: Path, *people: object) -> Path:
    file = folder / "people.json"
    file.write_text(json.dumps({"people": people}), encoding="utf-8")
    return file


def csv_file(folder: Path, *rows: dict[str, str], delimiter: str = ",") -> Path:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    file = folder / "people.csv"
    file.write_text(out.getvalue(), encoding="utf-8")
    return file


def of(folder: Path, *people: dict[str, object], atlas: Atlas = ATLAS) -> Simulated:
    return simulated(read_roster(json_file(folder, *people), atlas, NOW), (), NOW)


def text_of(found: Simulated, *, every: bool = False) -> str:
    canvas = Console(record=True, file=io.StringIO(), width=80)
    canvas.print(shown(found, every=every))
    return canvas.export_text()


@pytest.fixture(scope="module")
def practice() -> Simulated:
    return simulated(read_roster(PRACTICE, None, NOW), (), NOW)


# --- what is said ---


def test_without_a_file_the_practice_roster_is_told_of_and_fits_a_narrow_terminal() -> None:
    result = run()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) <= 44
    assert max(len(line.rstrip()) for line in lines) <= 80
    readers = sum(person.get("role", "handler") == "handler" for person in WORLD["people"])
    assert lines[0].startswith(f"{readers} who read")
    assert "simulated" in lines[2]
    for title in (
        "Too few to choose from",
        "Whom to recruit next",
        "What keeps readers out",
        "Hours, languages, leads",
        "Simulated. It assumes",
    ):
        assert title in result.stdout


def test_no_person_is_named_nor_known_by_his_id(practice: Simulated) -> None:
    said = text_of(practice) + text_of(practice, every=True) + json.dumps(practice.to_json()) + picture(practice, "")
    for person in WORLD["people"]:
        assert person["id"] not in said
        assert person["name"] not in said
    assert {person.card.name for person in practice.roster.people} == {""}


def test_as_json_and_as_a_picture_that_fetches_nothing(tmp_path: Path, practice: Simulated) -> None:
    file = tmp_path / "picture.svg"
    told = json.loads(run("--json", "--svg", file).stdout)
    drawn = file.read_text(encoding="utf-8")
    assert "Simulated:" in drawn
    assert "Litoral" in drawn
    assert "@font-face" not in drawn
    assert drawn == README_PICTURE.read_text(encoding="utf-8"), "draw it again: tipline routing simulate --svg"
    missing = run("--svg", tmp_path / "nowhere" / "picture.svg")
    assert (missing.exit_code, missing.stderr) == (1, "The picture cannot be written there.\n")
    assert drawn.count("http") == drawn.count("www.w3.org") + drawn.count("www.textualize.io")
    assert told["simulated"] is True
    assert sum(told["levels"].values()) == len(told["tips"]) == len(practice.answers)
    assert {tip["child"] for tip in told["tips"]} == {"no", "yes or unknown"}
    assert {tip["place"] for tip in told["tips"]} == {"ln", "ls", "vc", "sz", "mc", "cs", "vd", "nl", None}
    assert all(tip["highest_chance"] <= 0.2 and tip["level"] in {"at_once", "small_pool"} for tip in told["tips"])
    assert told["exposure"]["drawn"] < told["exposure"]["told_at_once"] / 10
    assert all(tip["speakers"]["es"] <= tip["pool"] for tip in told["tips"])
    assert told["week"] is None


def test_a_small_line_is_told_what_waits_and_who_would_help(tmp_path: Path) -> None:
    abroad = {**ANA, "agency": "liaison-vd", "home": "valdor", "posting": "valdor"}
    text = text_of(of(tmp_path, ANA, abroad, {**ANA, "agency": "police-sz", "posting": "cs"}))
    assert "wait for two vetters" in text
    assert "Sierra Azul, a child possible: 0 held of 3. Out: not cleared for child cases 3, home or work there" in " ".join(text.split())
    assert "waits and holds" in " ".join(text.split())
    assert "An NGO caseworker from " in text
    assert "Number 3 of the file could read about no known place. A home or posting that is a whole" in " ".join(text.split())
    assert "if all of them are told at once" in " ".join(text.split())


def test_many_places_are_cut_short_and_a_full_line_lacks_nobody(tmp_path: Path) -> None:
    regions = [{"id": "c", "kind": "country", "names": ["C"]}, {"id": "a", "kind": "country", "names": ["A"]}]
    regions += [{"id": f"r{n}", "kind": "region", "parent": "c", "names": [f"R{n}"]} for n in range(12)]
    houses = [{"id": f"n{n}", "kind": "ngo", "region": "c", "names": ["N"]} for n in range(16)]
    police = {"id": "p", "kind": "police", "region": "c", "names": ["P"]}
    people = [{**ANA, "agency": f"n{n % 16}", "home": f"r{n % 12}", "posting": f"r{n % 12}", "child_clearance": True} for n in range(48)]
    file = tmp_path / "world.json"
    file.write_text(json.dumps({"regions": regions, "agencies": [*houses, police], "people": people}), encoding="utf-8")
    text = text_of(simulated(read_roster(file, None, NOW), (), NOW))
    assert "… and 3 more places: --all" in text
    assert "Nowhere: every kind of tip goes out at once" in text
    assert "Nobody is missing." in text


def test_nobody_who_reads_is_no_fault(tmp_path: Path) -> None:
    found = of(tmp_path, {**ANA, "role": "lead"})
    assert "0 who read, of 0 agencies; 1 leads." in text_of(found)
    assert found.to_json()["exposure"] is None


def test_hours_are_told_in_the_zone_of_most(tmp_path: Path) -> None:
    bea = {**ANA, "agency": "ngo-harbour", "home": "yy", "posting": "yy", "child_clearance": True}
    office, night = "mon-fri 08:00-17:00 Asia/Manila", "mon-sun 20:00-24:00 Asia/Manila"
    people = [{**bea, "hours": hours} for hours in (office, office, night)]
    text = " ".join(text_of(of(tmp_path, *people, atlas=SMALL)).split())
    assert "Nobody at all: mon-fri 00:00-08:00,17:00-20:00; sat-sun 00:00-20:00 Asia/Manila" in text
    assert f"{5 * 11 + 2 * 20} of 168 hours a week" in text
    around = {**bea, "hours": "mon-sun 00:00-24:00 Asia/Manila"}
    assert "on duty at every hour" in text_of(of(tmp_path, around, *people, atlas=SMALL))


def test_a_language_that_nobody_reads_is_told(tmp_path: Path) -> None:
    result = run("--roster", json_file(tmp_path, ANA), "--regions", regions_file(tmp_path), "--language", "tl")
    assert result.exit_code == 0
    assert "tl: in " in result.stdout
    assert "best if they read tl" in " ".join(result.stdout.split())
    assert "es: in " not in result.stdout


def test_sixty_readers_are_simulated_within_ten_seconds(tmp_path: Path) -> None:
    towns = sorted(region.id for region in ATLAS.regions.values() if region.parent in {"ln", "ls", "vc", "sz"})
    offices = sorted(ATLAS.agencies)
    people = [
        {**ANA, "agency": offices[7 * n % len(offices)], "home": towns[n % len(towns)], "posting": towns[n % len(towns)]} for n in range(60)
    ]
    began = process_time()
    found = of(tmp_path, *people)
    assert process_time() - began < 10
    assert found.recruits
    assert "more places" not in text_of(found)


# --- files ---


def test_the_template_can_be_tried_as_it_stands(tmp_path: Path) -> None:
    printed = run("--template")
    assert printed.stdout == TEMPLATE.read_text(encoding="utf-8")
    file = tmp_path / "mine.toml"
    file.write_text(printed.stdout, encoding="utf-8")
    result = run("--roster", file)
    assert result.exit_code == 0
    assert result.stdout.startswith("2 who read")
    assert "Number 1 of the file could read about no known place." in result.stdout
    assert "whole country" not in result.stdout
    described = read_roster(file, None, NOW)
    assert described.duty.keys() == {"0001"}
    assert described.roster.people[0].card.kin == (Kin("", "riverton", "police-riverton"),)


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_one_roster_in_three_forms_is_the_same(tmp_path: Path, delimiter: str) -> None:
    row = {
        "role": "lead", "agency": "ngo-faro", "home": "penalta", "posting": "penalta", "past_postings": "rio-quieto; santa-brisa",
        "kin": "Luis|penalta|police-sz;Eva||hall-penalta", "languages": "es;en", "child_clearance": "Yes", "capacity": "3", "founder": "no",
        "hours": "mon-fri 08:00-17:00; sat 09:00-12:00 Asia/Manila",
    }  # fmt: skip
    entry = {
        "role": "lead", "agency": "ngo-faro", "home": "penalta", "posting": "penalta", "past_postings": ["rio-quieto", "santa-brisa"],
        "kin": [{"name": "Luis", "region": "penalta", "agency": "police-sz"}, {"agency": "hall-penalta"}], "languages": ["es", "en"],
        "child_clearance": True, "capacity": 3, "founder": False, "hours": "mon-fri 08:00-17:00; sat 09:00-12:00 Asia/Manila",
    }  # fmt: skip
    toml = tmp_path / "people.toml"
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in entry.items() if key != "kin")
    kin = 'kin = [{ region = "penalta", agency = "police-sz" }, { agency = "hall-penalta" }]'
    toml.write_text(f"[[people]]\n{lines}\n{kin}\n", encoding="utf-8")
    files = (json_file(tmp_path, entry), csv_file(tmp_path, row, delimiter=delimiter), toml)
    first, *others = [read_roster(file, ATLAS, NOW) for file in files]
    assert all((other.roster, other.duty) == (first.roster, first.duty) for other in others)
    [person] = first.roster.people
    assert (person.card.role, person.card.founder, person.card.child_clearance, person.card.capacity) == (Role.LEAD, False, True, 3)


def test_the_practice_rosters_dates_and_ties_are_kept(practice: Simulated) -> None:
    for entry, person in zip(WORLD["people"], practice.roster.people, strict=True):
        assert person.card.issued == NOW - timedelta(days=entry["issued_days_ago"])
        assert (person.card.home, person.card.agency) == (entry["home"], entry["agency"])
        assert person.card.past_postings == tuple(entry.get("past_postings", ()))
        assert [(kin.region, kin.agency) for kin in person.card.kin] == [(k.get("region"), k.get("agency")) for k in entry.get("kin", ())]


def test_vetters_are_the_same_two_unless_the_file_says_so(tmp_path: Path) -> None:
    described = read_roster(json_file(tmp_path, ANA, {**ANA, "vetters": ["one"]}), ATLAS, NOW)
    assert [len(person.vetters) for person in described.roster.people] == [2, 1]
    assert not any("0002" in answer.pool for answer in simulated(described, (), NOW).answers)


@pytest.mark.parametrize("form", ["json", "csv", "toml"])
def test_a_card_that_has_expired_reads_nothing(tmp_path: Path, form: str) -> None:
    """One is good until today, one was until yesterday, one was vetted more than a year ago."""
    given = (
        {"expires": "2026-11-21"},
        {"issued": "2026-01-01", "expires": "2026-11-20"},
        {"issued": "2025-11-20", "expires": "2027-06-30"},
    )
    people: list[dict[str, Any]] = [{**ANA, **each, "sequence": 2} for each in given]
    file = json_file(tmp_path, *people)
    if form == "csv":
        columns = (*ANA, "sequence", "issued", "expires")
        rows = [",".join("es;en" if name == "languages" else str(person.get(name, "")).lower() for name in columns) for person in people]
        file = tmp_path / "people.csv"
        file.write_text("\n".join((",".join(columns), *rows)), encoding="utf-8")
    if form == "toml":
        file = tmp_path / "people.toml"
        tables = [[f"{k} = {v if k in DATES else json.dumps(v)}" for k, v in person.items()] for person in people]
        file.write_text("".join("[[people]]\n" + "\n".join(table) + "\n" for table in tables), encoding="utf-8")
    described = read_roster(file, ATLAS, NOW)
    assert [person.card.sequence for person in described.roster.people] == [2, 2, 2]
    readers = {person for answer in simulated(described, (), NOW).answers for person in answer.pool}
    assert readers == {"0001"}


def test_conflicts_are_said_to_be_left_out_and_nothing_else_is(tmp_path: Path) -> None:
    file = json_file(tmp_path, ANA, {**ANA, "conflicts": ["Luis"]})
    result = run("--roster", file, "--regions", regions_file(tmp_path))
    assert result.exit_code == 0
    assert "Not looked at: the conflicts of 1 people." in " ".join(result.stderr.split())
    assert "Luis" not in result.stderr + result.stdout
    assert run("--roster", json_file(tmp_path, ANA), "--regions", regions_file(tmp_path)).stderr == ""


def regions_file(folder: Path) -> Path:
    """The practice atlas as a line's own regions file."""
    file = folder / "regions.toml"
    file.write_text(PRACTICE.read_text(encoding="utf-8"), encoding="utf-8")
    return file
