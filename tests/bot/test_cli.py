"""The command line with real files: keys, cards signed by two vetters, enrolment and its refusals, languages, analysis."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bot.__main__ import PLAIN, app, sentence
from bot.enrol import draft, read_details, read_public
from routing.cards import card_bytes, parse_card
from sealing import custody, passphrase
from sealing.card import SignedCard, parse_signed_card
from sealing.custody import EntryKind
from storage.engine import open_database
from storage.store import SqlStore

SPOKEN = "four quiet otters swim"
REGIONS = """
regions = [
  { id = "cs", kind = "country", names = ["Costa Serena"] },
  { id = "ln", kind = "region", parent = "cs", names = ["Litoral Norte"] },
  { id = "alondra", kind = "port", parent = "ln", names = ["Puerto Alondra"] },
]
agencies = [ { id = "trust", kind = "ngo", region = "cs", names = ["Harbour Trust"] } ]
"""
DETAILS = """
name = "Ana Example"
role = "handler"
agency = "trust"
home = "ln"
posting = "alondra"
languages = ["es"]
child_clearance = true
capacity = 5
kin = [ { name = "Eva Example", region = "alondra" } ]
"""
pytestmark = pytest.mark.enable_socket


@dataclass(frozen=True)
class Desk:
    """A folder with everybody's files, and the environment of a line that has nothing else."""

    folder: Path

    @property
    def env(self) -> Mapping[str, str | None]:
        given = {
            "TIPLINE_HOME": str(self.folder / "home"),
            "TIPLINE_REGIONS": str(self.folder / "regions.toml"),
            "TIPLINE_VETTERS": str(self.folder / "vetters.json"),
            "HOME": str(self.folder / "nobody"),
        }
        gone = {name: None for name in os.environ if name.startswith("TIPLINE_")}
        return {**gone, **given}

    def run(self, *words: str | Path, env: Mapping[str, str | None] | None = None) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words], env={**self.env, **(env or {})})

    def keygen(self, name: str) -> dict[str, str]:
        done = self.run("keygen", name, "--folder", self.folder, "--passphrase-file", self.folder / "spoken")
        assert done.exit_code == 0, done.output
        public: dict[str, str] = json.loads((self.folder / f"{name}.pub.json").read_text())
        return public

    def pin(self, *vetters: tuple[str, str], one_house: bool = False) -> None:
        """(name of the keys, agency)."""
        listed = [
            {"name": name, "agency": agency, "verify": json.loads((self.folder / f"{name}.pub.json").read_text())["verify"]}
            for name, agency in vetters
        ]
        (self.folder / "vetters.json").write_text(json.dumps({"vetters": listed, "one_house": one_house}))

    def draft(self, details: str = DETAILS, name: str = "ana", card: str = "ana.card") -> Path:
        (self.folder / "details.toml").write_text(details)
        done = self.run("roster", "draft", self.folder / f"{name}.pub.json", self.folder / "details.toml", self.folder / card)
        assert done.exit_code == 0, done.output
        return self.folder / card

    def sign(self, card: Path, *vetters: str) -> Path:
        for vetter in vetters:
            spoken = ("--passphrase-file", self.folder / "spoken", "--yes")
            done = self.run("roster", "sign", card, "--key", self.folder / f"{vetter}.key", *spoken)
            assert done.exit_code == 0, done.output
        return card

    def load(self, *cards: Path) -> Result:
        return self.run("roster", "load", *cards)

    def enrolled(self) -> int:
        with sqlite3.connect(self.folder / "home" / "tipline.db") as database:
            (count,) = database.execute("SELECT count(*) FROM person").fetchone()
        return int(count)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of a person and three vetters, made once by the command itself: scrypt takes its time."""
    desk = Desk(tmp_path_factory.mktemp("keys"))
    (desk.folder / "spoken").write_text(SPOKEN + "\n")
    for name in ("ana", "vera", "vito", "vick"):
        desk.keygen(name)
    return desk.folder


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Iterator[Desk]:
    for file in made.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "regions.toml").write_text(REGIONS)
    desk = Desk(tmp_path)
    desk.pin(("vera", "harbour trust"), ("vito", "border office"), ("vick", "harbour trust"))
    before = os.umask(0o022)
    yield desk
    os.umask(before)


def why(done: Result) -> str:
    """What the operator is told of a refusal: printed, or carried by the one fault that `main` prints."""
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        assert isinstance(done.exception, PLAIN), repr(done.exception)
        return str(done.exception)
    assert done.exit_code != 0
    return re.sub(r"\s+", " ", done.output)


# ---- keys


def test_keys_are_private_and_open_with_their_passphrase(desk: Desk) -> None:
    key = passphrase.unlock((desk.folder / "ana.key").read_text(), SPOKEN)
    public = json.loads((desk.folder / "ana.pub.json").read_text())
    assert key.person == public["person"]
    assert set(public) == {"person", "age", "verify"}
    assert key.identity not in (desk.folder / "ana.pub.json").read_text()


def test_a_key_file_is_written_for_its_owner_alone(made: Path) -> None:
    assert stat.S_IMODE((made / "ana.key").stat().st_mode) == 0o600


def test_what_stops_a_command_is_said_in_a_sentence() -> None:
    assert sentence("the first list is another: chmod 644 it") == "The first list is another: chmod 644 it."
    for whole in ("ana.card is not a key card.", "The details lack name.", "recovery.written is unreadable"):
        assert sentence(whole) == whole


def test_keys_are_never_overwritten_and_short_passphrases_refused(desk: Desk) -> None:
    before = (desk.folder / "ana.key").read_bytes()
    again = desk.run("keygen", "ana", "--folder", desk.folder, "--passphrase-file", desk.folder / "spoken")
    assert "exist already" in why(again)
    assert (desk.folder / "ana.key").read_bytes() == before
    (desk.folder / "short").write_text("four")
    assert "at least 12" in why(desk.run("keygen", "new", "--folder", desk.folder, "--passphrase-file", desk.folder / "short"))
    assert not (desk.folder / "new.key").exists()
    assert "cannot be read" in why(desk.run("keygen", "new", "--folder", desk.folder, "--passphrase-file", desk.folder / "none"))


# ---- cards


@pytest.mark.claim("T5")
def test_from_keygen_to_enrolled(desk: Desk) -> None:
    card = desk.sign(desk.draft(), "vera", "vito")
    done = desk.load(card)
    assert (done.exit_code, "ana.card: enrolled." in done.output) == (0, True)
    assert desk.enrolled() == 1
    person = json.loads((desk.folder / "ana.pub.json").read_text())["person"]
    raw = (desk.folder / "home" / "tipline.db").read_bytes()
    assert person.encode() in raw
    assert b"Ana Example" not in raw
    (leaf,) = [entry for entry in asyncio.run(leaves(desk)) if entry.kind is EntryKind.CARD]
    assert leaf.sha256 == parse_signed_card(card.read_bytes()).fingerprint()


async def leaves(desk: Desk) -> list[custody.Entry]:
    database = open_database(f"sqlite:///{desk.folder / 'home' / 'tipline.db'}")
    try:
        return [custody.read_leaf(leaf)[0] for leaf in await SqlStore(database).leaves()]
    finally:
        await database.close()


def test_a_card_holds_what_the_vetters_checked(desk: Desk) -> None:
    card = parse_card(parse_signed_card(desk.draft().read_bytes()).card)
    assert (card.name, card.home, card.posting, card.kin[0].name, card.child_clearance) == (
        "Ana Example", "ln", "alondra", "Eva Example", True,
    )  # fmt: skip
    assert not card.practice
    assert card.sequence == 1


def test_signing_shows_the_card_asks_and_refuses_the_holder(desk: Desk) -> None:
    card = desk.draft()
    words = ("roster", "sign", card, "--passphrase-file", desk.folder / "spoken", "--key")
    asked = CliRunner().invoke(app, [str(w) for w in (*words, desk.folder / "vera.key")], env=desk.env, input="n\n")
    assert asked.exit_code == 1
    assert "Ana Example" in asked.output
    assert "signs his own card" in why(desk.run(*words, desk.folder / "ana.key", "--yes"))
    assert "cannot be read" in why(desk.run(*words, desk.folder / "none.key", "--yes"))
    (desk.folder / "spoken").write_text("some other words")
    assert "Wrong passphrase" in why(desk.run(*words, desk.folder / "vera.key", "--yes"))
    assert parse_signed_card(card.read_bytes()).signatures == ()


REFUSED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "nobody": ((), "lacks signatures"),
    "one signature": (("vera",), "lacks signatures"),
    "the same vetter twice": (("vera", "vera"), "lacks signatures"),
    "two of one agency": (("vera", "vick"), "lacks signatures"),
}


@pytest.mark.claim("T5")
@pytest.mark.parametrize("signed", REFUSED)
def test_a_card_without_two_vetters_enrols_nobody(desk: Desk, signed: str) -> None:
    vetters, told = REFUSED[signed]
    done = desk.load(desk.sign(desk.draft(), *vetters))
    assert told in why(done)
    assert desk.enrolled() == 0


def test_a_vetter_who_is_not_pinned_does_not_count(desk: Desk) -> None:
    card = desk.sign(desk.draft(), "vera", "vito")
    desk.pin(("vera", "harbour trust"), ("vick", "other house"))
    assert "lacks signatures" in why(desk.load(card))
    assert desk.enrolled() == 0


def test_a_line_of_one_house_says_so_in_its_file(desk: Desk) -> None:
    card = desk.sign(desk.draft(), "vera", "vick")
    desk.pin(("vera", "harbour trust"), ("vick", "harbour trust"))
    assert "one_house" in why(desk.load(card))
    desk.pin(("vera", "harbour trust"), ("vick", "harbour trust"), one_house=True)
    assert desk.load(card).exit_code == 0


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ('home = "elsewhere"', "does not have"),
        ('posting = "elsewhere"', "does not have"),
        ('agency = "elsewhere"', "does not have"),
        ('past_postings = ["elsewhere"]', "does not have"),
        ('kin = [ { name = "Eva", region = "elsewhere" } ]', "does not have"),
    ],
)
def test_a_card_that_names_what_the_line_does_not_know_is_refused(desk: Desk, changed: str, told: str) -> None:
    """An unknown place would tie him to nothing, and so exclude him from nothing."""
    field = changed.split(" ", 1)[0]
    kept = [line for line in DETAILS.splitlines() if line.split(" ", 1)[0] != field]
    done = desk.load(desk.sign(desk.draft("\n".join([*kept, changed])), "vera", "vito"))
    assert told in why(done)
    assert "elsewhere" not in why(done)
    assert desk.enrolled() == 0


def signed_at(desk: Desk, now: datetime, details: str = DETAILS, **edited: Any) -> Path:
    """A card drafted on another day, or marked otherwise, with two true signatures."""
    (desk.folder / "details.toml").write_text(details)
    drafted = draft(read_public(desk.folder / "ana.pub.json"), read_details(desk.folder / "details.toml"), now)
    if edited:
        text = drafted.card
        for name, value in edited.items():
            text = re.sub(rb'"%s":[^,}]+' % name.encode(), b'"%s":%s' % (name.encode(), json.dumps(value).encode()), text)
        assert card_bytes(parse_card(text)) == text
        drafted = SignedCard(text)
    file = desk.folder / "dated.card"
    file.write_bytes(drafted.to_bytes())
    return desk.sign(file, "vera", "vito")


def test_cards_of_another_time_or_for_practice_are_refused(desk: Desk) -> None:
    now = datetime.now(UTC)
    for card in (
        signed_at(desk, now - timedelta(days=400)),
        signed_at(desk, now + timedelta(days=2)),
        signed_at(desk, now - timedelta(days=30), DETAILS + f"expires = {(now - timedelta(days=2)).date()}\n"),
    ):
        assert "expired, older than a year, or dated in the future" in why(desk.load(card))
    assert "practice cards are for a practice line" in why(desk.load(signed_at(desk, now, practice=True)))
    assert desk.enrolled() == 0


def test_only_a_higher_number_replaces_a_card(desk: Desk) -> None:
    def numbered(sequence: int, home: str = "ln") -> Path:
        details = DETAILS.replace('home = "ln"', f'home = "{home}"') + f"sequence = {sequence}\n"
        return desk.sign(desk.draft(details), "vera", "vito")

    assert desk.load(numbered(2)).exit_code == 0
    for old in (1, 2):
        assert "needs the next number" in why(desk.load(numbered(old, "cs")))
    assert desk.load(numbered(3, "cs")).exit_code == 0
    assert desk.enrolled() == 1


def test_each_card_is_refused_or_enrolled_by_itself(desk: Desk) -> None:
    good = desk.sign(desk.draft(), "vera", "vito")
    (desk.folder / "broken.card").write_bytes(b"{}")
    done = desk.load(desk.folder / "broken.card", good, desk.folder / "none.card")
    assert done.exit_code == 1
    assert "broken.card is not a key card" in re.sub(r"\s+", " ", done.output)
    assert desk.enrolled() == 1


def test_edited_after_signing_enrols_nobody(desk: Desk) -> None:
    card = desk.sign(desk.draft(), "vera", "vito")
    held = parse_signed_card(card.read_bytes())
    edited = SignedCard(held.card.replace(b'"posting":"alondra"', b'"posting":"cs"'), held.signatures)
    assert edited.card != held.card
    card.write_bytes(edited.to_bytes())
    assert "lacks signatures" in why(desk.load(card))


def test_drafting_says_what_is_missing(desk: Desk) -> None:
    (desk.folder / "details.toml").write_text('name = "Ana"')
    out = desk.folder / "x.card"
    words = ("roster", "draft", desk.folder / "ana.pub.json", desk.folder / "details.toml", out)
    assert "lack role" in why(desk.run(*words))
    (desk.folder / "details.toml").write_text("not toml")
    assert "not a TOML file" in why(desk.run(*words))
    (desk.folder / "details.toml").write_text(DETAILS.replace("capacity = 5", 'capacity = "many"'))
    assert "not a key card's" in why(desk.run(*words))
    (desk.folder / "ana.pub.json").write_text("{}")
    assert "public file" in why(desk.run(*words))
    assert not out.exists()


# ---- secrets and settings


def test_secrets_are_made_once_and_never_over_an_old_database(desk: Desk) -> None:
    desk.load(desk.sign(desk.draft(), "vera", "vito"))
    secrets = {file: file.read_bytes() for file in (desk.folder / "home" / "secrets").rglob("*") if file.is_file()}
    assert len(secrets) > 8
    desk.load(desk.folder / "ana.card")
    assert {file: file.read_bytes() for file in (desk.folder / "home" / "secrets").rglob("*") if file.is_file()} == secrets
    (desk.folder / "home" / "secrets").rename(desk.folder / "lost")
    assert "bring back the secrets" in why(desk.load(desk.folder / "ana.card"))
    assert not (desk.folder / "home" / "secrets").exists()


def test_serve_says_one_sentence_for_each_missing_setting(desk: Desk) -> None:
    bare = dict.fromkeys(desk.env, None)
    done = CliRunner().invoke(app, ["serve"], env={**bare, "TIPLINE_HOME": str(desk.folder / "home")})
    assert done.exit_code == 2
    told = re.sub(r"\s+", " ", done.output)
    for missing in ("TIPLINE_PUBLIC_URL is missing", "TIPLINE_REGIONS is missing", "TIPLINE_VETTERS is missing", "No channel is set"):
        assert told.count(missing) == 1, told
    assert not (desk.folder / "home").exists(), "nothing is made before the settings are right"


def test_loading_needs_regions_and_vetters(desk: Desk) -> None:
    done = desk.run("roster", "load", desk.draft(), env={"TIPLINE_REGIONS": None})
    assert "must be set" in why(done)


def test_what_is_for_a_real_line_stays_out_of_a_practice_home(desk: Desk) -> None:
    (desk.folder / "home").mkdir(mode=0o700)
    (desk.folder / "home" / "mode").write_text("practice")
    assert "the other kind" in why(desk.run("languages", "add", "es"))
    assert "the other kind" in why(desk.load(desk.sign(desk.draft(), "vera", "vito")))
    assert [file.name for file in (desk.folder / "home").iterdir()] == ["mode"]


# ---- languages and analysis


def test_a_language_is_added_from_a_file_and_listed(desk: Desk, models: Path) -> None:
    assert desk.run("languages", "list").output == ""
    done = desk.run("languages", "add", models / "translate-es_en-0_3.argosmodel")
    assert done.exit_code == 0, done.output
    assert "es to en" in done.output
    (line,) = desk.run("languages", "list").output.splitlines()
    assert line.split("\t")[:3] == ["es", "en", "0.3"]
    (desk.folder / "broken.argosmodel").write_bytes(b"PK")
    assert why(desk.run("languages", "add", desk.folder / "broken.argosmodel"))
    assert len(desk.run("languages", "list").output.splitlines()) == 1
