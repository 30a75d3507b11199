"""Vetting by the command line: invitations, suspending, revoking, lifting, lists of vetters, letters; and what an operator is told."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot import mail
from bot.enrol import Public
from bot.files import VettersError, load_vetters, read_chain
from handlers.enrolment import News
from handlers.leaving import Matter
from handlers.ports import Trouble
from handlers.releases import Freed
from handlers.reviews import Inquiry
from routing.people import Hold
from sealing import age, custody, signing
from sealing.card import parse_signed_card
from sealing.custody import EntryKind
from sealing.dead_cards import NAME, DeadCards
from sealing.passphrase import PersonKey, lock, unlock
from sealing.rows import LetterRow
from sealing.said import Letter, letter
from sealing.statements import signed_statement, statement_bytes
from storage.engine import open_database
from storage.store import SqlStore
from tests.bot.office import REGIONS, SPOKEN, VETTERS, Office, why
from triage.sensitive import Sensitive

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def keys() -> dict[str, PersonKey]:
    return {name: PersonKey(secrets.token_hex(16), age.generate()[0], signing.generate()[0]) for name in ("ana", *VETTERS, "vivi")}


@pytest.fixture(scope="module")
def made(keys: dict[str, PersonKey], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key files of the vetters who sign by command, locked once: scrypt takes its time."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "spoken").write_text(SPOKEN + "\n")
    with ThreadPoolExecutor(3) as pool:
        for name, text in zip(VETTERS, pool.map(lambda name: lock(keys[name], SPOKEN, secrets.token_bytes(48)), VETTERS), strict=True):
            (folder / f"{name}.key").write_text(text)
    return folder


@pytest.fixture
def office(made: Path, keys: dict[str, PersonKey], tmp_path: Path) -> Iterator[Office]:
    for file in made.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "regions.toml").write_text(REGIONS)
    public = {name: Public(key.person, age.recipient_of(key.identity), signing.public_of(key.sign_seed)) for name, key in keys.items()}
    office = Office(tmp_path, keys, public)
    before = os.umask(0o022)
    office.write_list(tmp_path / "vetters" / "1.json", *VETTERS)
    yield office
    os.umask(before)


# ---- invitations and keys


def test_an_invited_person_makes_the_key_that_the_invitation_names(office: Office) -> None:
    told = office.done("roster", "invite", office.path("invitation"))
    assert "hands back NAME.pub.json" in told
    (person,) = re.findall(r"\b[0-9a-f]{32}\b", office.path("invitation").read_text())
    spoken = ("--folder", office.folder, "--passphrase-file", office.path("spoken"), "--invite", office.path("invitation"))
    office.done("keygen", "eva", *spoken, "--quiet-word", told="heron\nheron\n")
    assert json.loads(office.path("eva.pub.json").read_text())["person"] == person
    key = unlock(office.path("eva.key").read_text(), SPOKEN)
    assert (key.person, key.quiet) == (person, "heron")
    assert person not in office.run("roster", "invite").stdout  # the next has another
    office.path("invitation").write_text("person: nobody")
    assert "not one that" in why(office.run("keygen", "leo", *spoken))
    for quiet in ("abc", SPOKEN):
        refused = office.run("keygen", "leo", *spoken[:-2], "--quiet-word", told=f"{quiet}\n{quiet}\n")
        assert "quiet word" in why(refused)


# ---- who may act


@pytest.mark.claim("T39")
def test_a_person_is_suspended_by_one_vetter_then_by_two(office: Office) -> None:
    card, statement = office.card(), office.path("out.json")
    office.done("roster", "load", card)
    assert [(p["state"], p["until"]) for p in office.listed()] == [("active", "")]
    shown = office.done("roster", "suspend", card, statement, *office.by("vera"))
    assert "Ana Example" in shown  # the vetter sees whom; the operator does not
    assert "lapses after 72 hours, unless another vetter" in shown
    assert "lapses on" in office.done("roster", "load", statement)
    (person,) = office.listed()
    assert person["state"] == "suspended"
    assert person["until"] != ""
    assert "has your signature already" in why(office.run("roster", "suspend", card, statement, *office.by("vera")))
    assert "the suspension stays until two" in office.done("roster", "suspend", str(person["card"]), statement, *office.by("vito"))
    both = office.done("roster", "load", statement)
    assert "has this statement already" in both
    assert "until two vetters lift it" in both
    (person,) = office.listed()
    assert (person["state"], person["until"]) == ("suspended", "")
    assert "Ana" not in json.dumps(person)
    kinds = [custody.read_leaf(leaf)[0].kind for leaf in asyncio.run(leaves(office))]
    assert (kinds.count(EntryKind.SUSPEND), kinds.count(EntryKind.ANNOUNCE)) == (2, 2)
    table = office.done("roster", "list")
    assert "suspended" in table
    assert "Ana Example" not in table


async def leaves(office: Office) -> list[bytes]:
    database = open_database(f"sqlite:///{office.folder / 'home' / 'tipline.db'}")
    try:
        return await SqlStore(database).leaves()
    finally:
        await database.close()


@pytest.mark.claim("T39")
def test_a_revoked_card_is_dead_whatever_database_is_put_in_its_place(office: Office) -> None:
    card, statement = office.card(), office.path("out.json")
    office.done("roster", "load", card)
    old = (office.path("home") / "tipline.db").read_bytes()
    first, second = (office.done("roster", "revoke", card, statement, *office.by(vetter)) for vetter in ("vera", "vick"))
    assert "Nothing changes until another vetter" in first
    assert "Hand it to the other vetter" in first
    assert "the card ends for ever. " in second
    assert "Bring it to the operator at once" in second
    told = office.done("roster", "load", statement)
    assert "until then nothing changes" in told
    assert "revoked, for ever" in told
    (office.path("home") / "tipline.db").write_bytes(old)
    assert [p["state"] for p in office.listed()] == ["revoked"]
    assert "was revoked" in why(office.run("roster", "load", card))
    other = office.path("other.json")
    office.done("roster", "lift", card, other, *office.by("vera"))
    assert "7 days after" in office.done("roster", "load", other)
    assert "another card or another matter" in why(office.run("roster", "lift", card, statement, *office.by("vito")))


def test_a_card_that_lifts_a_tie_is_announced(office: Office) -> None:
    office.done("roster", "load", office.card())
    assert "announced. It lifts something" in office.done("roster", "load", office.card(2, conflicts=()))
    (person,) = office.listed()
    assert (person["number"], person["announced"]) == (1, True)
    assert person["announced_card"] == parse_signed_card(office.path("ana2.card").read_bytes()).fingerprint()
    stop = office.path("stop.json")
    for vetter, told in (("vera", "for 72 hours at most"), ("vito", "does not count until two vetters lift it")):
        office.done("roster", "suspend", str(person["announced_card"]), stop, *office.by(vetter))
        assert told in office.done("roster", "load", stop)
    assert [p["state"] for p in office.listed()] == ["active"], "of the card that is hers meanwhile"
    assert "announced" in office.done("roster", "list")
    assert "enrolled." in office.done("roster", "load", office.card(3, conflicts=("Leo Example", "Olga")))
    (person,) = office.listed()
    assert (person["number"], person["announced"], person["announced_card"]) == (3, False, "")
    dead = DeadCards(office.path("home") / "secrets" / "worker" / NAME)
    assert dead.replaced == {parse_signed_card(office.path("ana1.card").read_bytes()).fingerprint()}


def test_what_is_no_statement_is_refused(office: Office) -> None:
    office.done("roster", "load", office.card())
    stranger = statement_bytes([signed_statement(EntryKind.SUSPEND, "c" * 64, 500_000, office.keys["vivi"].sign_seed)])
    office.path("stranger.json").write_bytes(stranger)
    assert "not signed by a vetter" in why(office.run("roster", "load", office.path("stranger.json")))
    for n, text in enumerate(('{"v":1,"kind":"statement","leaves":["YQ=="]}', '{"v":1,"kind":"statement"}', "[]", "x")):
        office.path(f"{n}.json").write_text(text)
        assert re.search("damaged statement|is not a key card", why(office.run("roster", "load", office.path(f"{n}.json"))))


# ---- the vetters' lists


@pytest.mark.claim("T40")
def test_vetters_change_by_a_list_that_most_of_them_sign(office: Office) -> None:
    folder, people = office.path("vetters"), office.write_list(office.path("people.json"), "vera", "vito", "vivi")
    new = office.path("2.json")
    assert "2 of the 3 vetters" in office.done("vetters", "draft", folder, people, new)
    office.done("roster", "load", office.card())
    shown = office.done("vetters", "sign", new, *office.by("vera"))
    assert "Vetter vivi" in shown
    assert "1 more of the 3 vetters before must sign it" in shown
    (folder / "2.json").write_bytes(new.read_bytes())
    assert "signed by 1 of 3" in why(office.run("roster", "load", office.card()))
    assert "puts it beside the other lists now, as 2.json" in office.done("vetters", "sign", new, *office.by("vick"))
    office.path("third.json").write_bytes((folder / "1.json").read_bytes())
    office.done(
        "vetters", "draft", office.write_list(office.path("other.json"), "vito", "vick"), office.path("third.json"), office.path("3.json")
    )
    assert "not on the list before" in why(office.run("vetters", "sign", office.path("3.json"), *office.by("vera")))
    (folder / "2.json").write_bytes(new.read_bytes())
    told = office.done("vetters", "show", folder)
    first, second = read_chain(folder)
    assert all(each in told.replace(" ", "") for each in (first.hash, second.hash, f"TIPLINE_VETTERS_ROOT={first.hash}"))
    vetters = load_vetters(folder)
    assert set(vetters.keys) == set(second.keys)
    assert set(vetters.ever) == set(first.keys) | set(second.keys)
    assert vetters.founders == set(first.keys) & set(second.keys)
    assert [p["state"] for p in office.listed()] == ["active"]
    (leaf,) = [e for e in map(custody.read_leaf, asyncio.run(leaves(office))) if e[0].kind is EntryKind.VETTERS]
    assert leaf[0].sha256 == second.hash

    (folder / "2.json").unlink()  # who puts the older vetters back
    assert "lacks a list of vetters that this line has followed" in why(office.run("roster", "list"))
    (office.path("home") / "tipline.db").unlink()  # with an empty database beside them, too
    assert "lacks a list of vetters that this line has followed" in why(office.run("roster", "list"))


def test_what_is_no_chain(office: Office, tmp_path: Path) -> None:
    folder = office.path("vetters")
    (folder / "3.json").write_bytes(b"{}")
    with pytest.raises(VettersError, match="without a gap"):
        read_chain(folder)
    (folder / "3.json").rename(folder / "2.json")
    with pytest.raises(VettersError, match="draft"):
        read_chain(folder)
    (folder / "2.json").unlink()
    (folder / "README").write_text("not a list")
    assert len(read_chain(folder)) == 1
    (folder / "1.json").chmod(0o666)
    with pytest.raises(VettersError, match="chmod 644"):
        read_chain(folder)
    (folder / "1.json").chmod(0o644)
    for mode in (0o775, 0o757):
        folder.chmod(mode)
        with pytest.raises(VettersError, match="chmod 755"):
            read_chain(folder)
    folder.chmod(0o755)
    assert len(read_chain(folder)) == 1
    with pytest.raises(VettersError, match="cannot be read"):
        read_chain(tmp_path / "nowhere.json")


def test_what_is_no_new_list(office: Office) -> None:
    folder, out = office.path("vetters"), office.path("2.json")
    assert "cannot be read" in why(office.run("vetters", "draft", folder, office.path("nobody.json"), out))
    assert "at least two vetters" in why(office.run("vetters", "draft", folder, office.write_list(office.path("p.json"), "vera"), out))
    assert not out.exists()
    assert "cannot be read" in why(office.run("vetters", "sign", out, *office.by("vera")))
    out.write_text("{}")
    assert "draft" in why(office.run("vetters", "sign", out, *office.by("vera")))
    assert "List 1 is in force" in office.done("vetters", "show")  # of the settings


def test_a_damaged_memory_of_dead_cards_lets_nobody_in(office: Office) -> None:
    office.done("roster", "load", office.card())
    (office.path("home") / "secrets" / "worker" / NAME).write_text("nonsense\n")
    assert "is damaged" in why(office.run("roster", "list"))


@pytest.mark.claim("T40")
def test_the_pinned_root_is_believed_and_no_other(office: Office) -> None:
    card = office.card()
    assert "TIPLINE_VETTERS_ROOT names" in why(office.run("roster", "load", card, env={"TIPLINE_VETTERS_ROOT": "0" * 64}))
    root = read_chain(office.path("vetters"))[0].hash
    assert office.run("roster", "load", card, env={"TIPLINE_VETTERS_ROOT": root}).exit_code == 0
    office.write_list(office.path("vetters") / "1.json", "vera", "vivi")
    assert "TIPLINE_VETTERS_ROOT names" in why(office.run("roster", "list", env={"TIPLINE_VETTERS_ROOT": root}))


# ---- letters


async def write_letters(office: Office, *to: str) -> None:
    database = open_database(f"sqlite:///{office.folder / 'home' / 'tipline.db'}")
    try:
        await database.migrate()
        async with SqlStore(database).begin() as tx:
            for n, vetter in enumerate(to):
                told = letter(Letter(Matter.TIE, "", "d" * 32, Sensitive("My cousin\nworks there.")))
                name = signing.fingerprint(office.public[vetter].verify)
                await tx.add_letter(LetterRow(f"{n:032x}", name, 20_000 + n, age.seal(told, office.public[vetter].age)))
    finally:
        await database.close()


async def letters_left(office: Office) -> int:
    database = open_database(f"sqlite:///{office.folder / 'home' / 'tipline.db'}")
    try:
        async with SqlStore(database).begin() as tx:
            return len(await tx.all_letters())
    finally:
        await database.close()


def test_a_vetter_reads_his_letters_and_only_his(office: Office) -> None:
    office.path("home").mkdir(mode=0o700)
    asyncio.run(write_letters(office, "vera", "vito", "vera"))
    key = office.by("vera")[:-1]
    told = office.done("vetters", "letters", *key, "--keep")
    assert told.count("A reader declared a tie") == 2
    assert "| My cousin" in told
    assert asyncio.run(letters_left(office)) == 3
    office.done("vetters", "letters", *key)
    assert asyncio.run(letters_left(office)) == 1
    assert "There is no letter for you." in office.done("vetters", "letters", *key)


def test_letters_are_carried_to_a_vetter_s_own_device(office: Office) -> None:
    office.path("home").mkdir(mode=0o700)
    asyncio.run(write_letters(office, "vera", "vito"))
    file = office.path("carried")
    assert "Wrote 2 letter(s)" in office.done("vetters", "carry", file)
    assert asyncio.run(letters_left(office)) == 0
    assert b"cousin" not in file.read_bytes()
    assert "exists already" in why(office.run("vetters", "carry", file))
    told = office.done("vetters", "letters", file, *office.by("vito")[:-1], env={"TIPLINE_HOME": str(office.path("elsewhere"))})
    assert told.count("A reader declared a tie") == 1
    file.write_text("{}")
    assert "not one that" in why(office.run("vetters", "letters", file, *office.by("vito")[:-1]))


def test_every_letter_of_ours_is_said_in_words() -> None:
    letters = (Trouble.ORDER_EXHAUSTED, Trouble.SILENT, Trouble.UNCONCURRED, Trouble.DISAGREED, Trouble.TWO_VETTERS_REVIEW)
    codes = {*News, *Matter, *Inquiry, *Hold, *Freed, *letters}
    assert set(mail.WORDS) == {code.value for code in codes}
    unknown = LetterRow("0" * 32, "", 0, age.seal(letter(Letter("new_code", "", "", Sensitive(""))), age.generate()[1]))
    assert "does not open" in mail.opened([unknown], age.generate()[0])[0]
