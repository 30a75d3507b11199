"""The file of `tipline routing simulate`: what is wrong with one is told in plain words, with its line, and never repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.roster_file import Described, RosterFileError, read_roster
from bot.simulating import PRACTICE
from routing.people import Atlas
from tests.bot.test_simulating import ANA, ATLAS, NOW, csv_file, json_file, regions_file, run

KIN = "kin must be a list of tables with name, region, agency; in CSV name|region|agency, the name may be empty"
LONG = "The roster's file has a number that is too long."
PEOPLE = b"agency,home,posting,languages"
WRONG: list[tuple[dict[str, object], str]] = [
    ({"home": "Penalta Town"}, "home is no id of the regions file; the nearest is penalta"),
    ({"agency": "zzz"}, "agency is no id of the regions file"),
    ({"past_postings": ["qq"]}, "past_postings is no id of the regions file"),
    ({"past_agencies": "labour-sz"}, "past_agencies must be a list of texts"),
    ({"home": 3}, "home must be one text"),
    ({"languages": [1]}, "languages must be a list of texts"),
    ({"role": ["lead"]}, "role must be handler, lead, trustee or auditor"),
    ({"role": "boss"}, "role must be handler, lead, trustee or auditor"),
    ({"child_clearance": "maybe"}, "child_clearance must be true or false"),
    ({"capacity": True}, "capacity must be a whole number"),
    ({"kin": ["Luis"]}, KIN),
    ({"kin": [{"region": "qq"}]}, "kin, region is no id of the regions file"),
    ({"kin": [{"region": ["a"]}]}, "kin, region must be one text"),
    (
        {"hours": "always"},
        'hours are days, times and a time zone, as "mon-fri 08:00-17:00 Asia/Manila"; an hour each, six a week at least',
    ),
    ({"salary": 1}, "unknown field salary"),
    ({"expires": "banana"}, "expires must be a day, as 2027-06-30"),
    ({"expires": "2027-13-01"}, "expires must be a day, as 2027-06-30"),
    ({"expires": 20270630}, "expires must be a day, as 2027-06-30"),
    ({"issued": "tomorrow"}, "issued must be a day, as 2027-06-30"),
    ({"issued": "2026-11-22"}, "issued lies in the future"),
    ({"issued": "2026-11-01", "issued_days_ago": 20}, "issued and issued_days_ago say the same: leave one out"),
    ({"issued": "2026-11-01", "expires": "2026-10-31"}, "expires lies before the card was issued"),
    ({"sequence": "two"}, "sequence must be a whole number"),
    ({"conflicts": "Luis"}, "conflicts must be a list of texts"),
]


def refused(file: Path, atlas: Atlas | None = ATLAS) -> tuple[str, ...]:
    with pytest.raises(RosterFileError) as fault:
        read_roster(file, atlas, NOW)
    return fault.value.problems


@pytest.mark.parametrize(("changes", "complaint"), WRONG)
def test_a_mistake_is_told_with_its_person(tmp_path: Path, changes: dict[str, object], complaint: str) -> None:
    assert refused(json_file(tmp_path, ANA, {**ANA, **changes})) == (f"person 2: {complaint}.",)


def test_all_mistakes_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    good = {"agency": "ngo-faro", "home": "penalta", "posting": "penalta", "languages": "es"}
    file = csv_file(tmp_path, good, {**good, "home": "here", "capacity": "many"}, {"agency": "ngo-faro", "founder": "perhaps"})
    missing = [f"line 4: {field} is missing." for field in ("home", "posting", "languages")]
    found = refused(file)
    assert found == ("line 3: home is no id of the regions file.", "line 3: capacity must be a whole number.", *missing, found[-1])
    assert found[-1] == "line 4: founder must be true or false."
    result = run("--roster", file, "--regions", regions_file(tmp_path))
    assert result.exit_code == 1
    assert result.stderr.splitlines() == list(found)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('people = [\n  { agency = "a" },\n]\n', 2),
        ('# mine\n\npeople = [ { agency = "a" } ]\n', 3),
        ('\n[[people]]\nagency = "a"\n', 2),
    ],
)
def test_people_of_a_toml_file_are_found_by_line(tmp_path: Path, text: str, line: int) -> None:
    file = tmp_path / "people.toml"
    file.write_text(text, encoding="utf-8")
    assert refused(file)[0].startswith(f"line {line}: ")


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("p.toml", None, "The roster's file cannot be read."),
        ("p.toml", b"\xff", "The roster's file is not UTF-8."),
        ("p.toml", b"people = [\n{ secret }]", "The roster's file is not TOML: line 2, column 10."),
        ("p.json", b'{"people": [\n oops', "The roster's file is not JSON: line 2, column 2."),
        ("p.json", b"[" * 100_000, "The roster's file is nested too deep."),
        ("p.json", b"3", "The roster's file has no list of people."),
        ("p.json", b"[]", "The roster's file has no list of people."),
        ("p.json", b"[3]", "person 1: not a table of fields."),
        ("p.json", b"[" + b"{}," * 5000 + b"{}]", "The roster's file has more than 5000 people."),
        ("p.csv", b"", "The roster's file has no list of people."),
        ("p.csv", b'home\n"open', "The roster's file is not CSV: line 2."),
        ("p.csv", b"Luis,home\na,b\n", "Line 1 must name the columns; not known: number 1."),
        ("p.csv", b"agency,home,posting,languages\nngo-faro,penalta,penalta,es,more\n", "line 2: more cells than columns."),
        ("p.csv", b"home,agency,home\n", "Line 1 names a column twice"),
        (
            "p.csv",
            PEOPLE + b",kin\nngo-faro,penalta,penalta,es,brumhaven\n",
            "line 2: kin must be a list of tables with name, region, agency; in CSV name|region|agency",
        ),
        (
            "p.csv",
            PEOPLE + b",capacity\nngo-faro,penalta,penalta,es," + b"9" * 5000,
            "The roster's file has a number that is too long.",
        ),
        ("p.toml", b"a = " + b"9" * 5000, LONG),
        ("p.json", b"[" + b"9" * 5000 + b"]", LONG),
    ],
)
def test_a_file_that_is_none_is_refused_without_its_words(tmp_path: Path, name: str, content: bytes | None, complaint: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    [said] = refused(file)
    assert said.startswith(complaint)
    assert not {"Luis", "secret", "oops"} & set(said.split())


def test_one_person_twice_is_no_second_reader(tmp_path: Path) -> None:
    with pytest.raises(RosterFileError, match="Two people have one id"):
        read_roster(json_file(tmp_path, {**ANA, "id": "ana"}, {**ANA, "id": "ana"}), ATLAS, NOW)


def test_kin_without_a_name_are_a_tie_in_csv(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("agency,home,posting,languages,kin\nngo-faro,penalta,penalta,es;,|brumhaven|; x | penalta\n", encoding="utf-8")
    (one,) = read_roster(file, ATLAS, NOW).roster.people
    assert ([kin.region for kin in one.card.kin], one.card.languages) == (["brumhaven", "penalta"], ("es",))


def test_a_regions_file_without_offices_is_told(tmp_path: Path) -> None:
    file = tmp_path / "people.toml"
    world = (
        'regions = [{ id = "xx", kind = "country", names = ["X"] }]\n'
        'agencies = [{ id = "n", kind = "ngo", region = "xx", names = ["N"] }]\n'
    )
    file.write_text(world + '[[people]]\nagency = "n"\nhome = "xx"\nposting = "xx"\nlanguages = ["es"]\n', encoding="utf-8")
    result = run("--roster", file)
    assert result.exit_code == 0
    assert "has no public office" in " ".join(result.stderr.split())


def test_without_regions_of_its_own_a_file_needs_those_of_the_line(tmp_path: Path) -> None:
    [said] = refused(json_file(tmp_path, ANA), None)
    assert "--regions FILE" in said
    assert isinstance(read_roster(PRACTICE, None, NOW), Described)
