"""What the documents say is there, is there, and the examples of docs/OPERATING.md work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.__main__ import app
from bot.atlas import load_atlas
from bot.files import load_vetters
from bot.logs import Event
from bot.variables import NAMES, settings_lines
from handlers.channels import Refused as ChannelRefused
from handlers.ports import Trouble
from handlers.requests import Refusal
from handlers.roster import judge
from routing.cards import parse_card
from routing.people import Card, Hold
from sealing.card import parse_signed_card
from sealing.custody import EntryKind
from sealing.plaintexts import Stub
from sealing.rows import TaskKind
from sealing.signing import Use
from storage.tables import metadata

ROOT = Path(__file__).resolve().parent.parent
OPERATING = ROOT / "docs" / "OPERATING.md"
HIDDEN = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```(\w*) ?([\w.]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RUNTIME_PATH = re.compile(r"`((?:bot|desk|handlers|routing|sealing|storage|tests|translations|triage)/[\w/.]+)`")


def pages() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def anchors(page: Path) -> set[str]:
    """As the usual web views make them of headings."""
    heads = HEADING.findall(re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(HIDDEN.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_document_names_is_there(page: Path) -> None:
    named = RUNTIME_PATH.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_two_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    readme, makefile = (ROOT / "README.md").read_text(encoding="utf-8"), (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
    first = next(body for language, _, body in FENCE.findall(readme) if language == "sh")
    assert first.split("\n") == ["make demo", "make test", ""]
    assert set(re.findall(r"`?make (\w+)`", "\n".join(page.read_text(encoding="utf-8") for page in pages()))) | {"demo", "test"} <= targets


def test_env_example_is_what_the_settings_are() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == settings_lines()


def test_the_documents_name_only_settings_that_exist() -> None:
    said = {name for page in pages() for name in re.findall(r"TIPLINE_[A-Z_]+", page.read_text(encoding="utf-8"))}
    assert said
    assert said <= {*NAMES, *(f"{name}_FILE" for name in NAMES)}


def test_architecture_names_every_room() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"][
        "packages"
    ]
    drawing = next(body for _, _, body in FENCE.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")) if "bot/" in body)
    assert {*packages, "tests"} <= {line.split("/")[0] for line in drawing.splitlines()}


def column(page: str, heading: str) -> list[str]:
    """First cells of the table that stands under a heading, or after a line that begins so."""
    after = page[page.index(heading) + len(heading) :]
    rows = re.search(r"(?:^\|.*\n)+", after, re.MULTILINE)
    assert rows is not None
    return [row.split("|")[1].strip() for row in rows[0].splitlines()[2:]]


def test_architecture_names_every_table_use_entry_and_field_of_a_stub() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    tables = [name for cell in column(page, "## Tables") for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(tables) == sorted(metadata.tables)
    assert [cell.strip("`") for cell in column(page, "**Signatures**")] == [use.value for use in Use]
    kinds = re.search(r"kind is (.+)\.$", page, re.MULTILINE)
    assert kinds is not None
    assert re.findall(r"`(\w+)`", kinds[1]) == [kind.value for kind in EntryKind]
    stub = re.search(r"^\| `stub` \| [^|]+ \| (.+) \|$", page, re.MULTILINE)
    assert stub is not None
    assert stub[1].split(", ") == list(Stub.__slots__)


def test_operating_explains_only_events_and_codes_that_exist() -> None:
    cells = column(OPERATING.read_text(encoding="utf-8"), "## What an alarm means")
    codes = {code.value for codes in (Event, Hold, Trouble, Refusal, ChannelRefused, TaskKind) for code in codes}
    said = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert said
    assert said <= codes
    assert {hold.value for hold in Hold} <= said


def test_operating_explains_every_field_of_a_card_that_vetters_fill_in() -> None:
    text = OPERATING.read_text(encoding="utf-8")
    example = tomllib.loads(next(body for _, name, body in FENCE.findall(text) if name == "ana.toml"))
    made = {"person", "age_recipient", "verify_key", "issued", "practice"}
    assert example.keys() == {field.name for field in fields(Card)} - made


def test_the_license_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert re.search(r"Copyright [0-9]{4} The Tipline authors", text)


@pytest.fixture
def kept_umask() -> Iterator[None]:
    """`roster load` closes new files to others, for its whole process: here that is ours."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("kept_umask")
def test_operating_s_examples_enrol_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sections 1 to 4, as they are written: keygen, the three files, draft, sign, sign, load."""
    text = OPERATING.read_text(encoding="utf-8")
    examples = {name: body for _, name, body in FENCE.findall(text) if name}
    assert examples.keys() == {"regions.toml", "vetters.json", "ana.toml"}
    monkeypatch.chdir(tmp_path)
    for name, body in examples.items():
        Path(name).write_text(body, encoding="utf-8")
    for person in ("ana", "vetter1", "vetter2"):
        Path(f"{person}.word").write_text(f"four random words of {person}\n", encoding="utf-8")
        tipline("keygen", person, "--passphrase-file", f"{person}.word")
    assert len(load_vetters(Path("vetters.json")).keys) == 2
    use_own_keys(Path("vetters.json"))
    steps = re.findall(r"^tipline (roster (?:draft|sign) .+)$", text, re.MULTILINE)
    assert len(steps) == 3
    for step in steps:
        words = step.split()
        if words[1] == "sign":
            words += ["--passphrase-file", words[-1].replace(".key", ".word"), "--yes"]
        tipline(*words)
    signed = parse_signed_card(Path("ana.card").read_bytes())
    assert len(judge(signed, load_vetters(Path("vetters.json"))).person.vetters) == 2
    card = parse_card(signed.card)
    assert {card.home, card.posting, *card.past_postings} <= load_atlas(Path("regions.toml")).regions.keys()
    for name, value in (("HOME", "home"), ("REGIONS", "regions.toml"), ("VETTERS", "vetters.json")):
        monkeypatch.setenv(f"TIPLINE_{name}", str(tmp_path / value))
    (load,) = re.findall(r"^tipline (roster load .+)$", text, re.MULTILINE)
    assert "enrolled" in tipline(*load.split())


def use_own_keys(vetters: Path) -> None:
    """The example's keys are nobody's: ours take their place."""
    said = json.loads(vetters.read_text(encoding="utf-8"))
    for entry, person in zip(said["vetters"], ("vetter1", "vetter2"), strict=True):
        entry["verify"] = json.loads(Path(f"{person}.pub.json").read_text(encoding="utf-8"))["verify"]
    vetters.write_text(json.dumps(said), encoding="utf-8")


def tipline(*words: str) -> str:
    """What a command says to the operator. It must succeed."""
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_shipped_regions_example_is_one(tmp_path: Path) -> None:
    shutil.copy(ROOT / "bot" / "data" / "practice.toml", tmp_path / "regions.toml")
    assert load_atlas(tmp_path / "regions.toml").agencies


def test_the_examples_of_the_readme_run(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^(echo '.+' \| \.venv/bin/tipline analyse)$", readme, re.MULTILINE)
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["/bin/sh", "-c", line], cwd=ROOT, env=env, capture_output=True, check=True, timeout=60)
    answer = json.loads(done.stdout)
    assert (answer["id"], answer["language"], answer["triage"]["urgency"]) == ("1", "en", "danger_now")
