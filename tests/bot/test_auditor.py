"""`tipline auditor`, and a trustee's part in it: over the desk's real routes, from their own devices, to what the terminal shows."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from bot import auditor as command
from bot import trustee as trustees
from bot.__main__ import app
from bot.audit_shown import WHY, kept_out, show, table_of
from bot.auditor import REFUSED, Far, ask, hand, read
from bot.own_key import DeskError, at_desk
from bot.reader import Reader
from bot.trustee import approve, disclose, two_auditors, waiting_for
from handlers.audits import NotShown
from handlers.designation import designation
from handlers.roster import Vetters
from routing.cards import card_bytes
from routing.people import Code, Role
from sealing import signing
from sealing.card import SignedCard
from sealing.custody import Entry, EntryKind
from sealing.rows import ShareState
from sealing.shares import CODES
from sealing.statements import signed_entry
from tests.begun import world_cards
from tests.bot.test_duty import ORIGIN, Served
from tests.bot.test_trustee import strangers, yes
from tests.handlers.shares.audits import audited, of_codes
from tests.line import TestLine, fresh_line

pytestmark = pytest.mark.enable_socket
NGOS = frozenset(person for person, card in world_cards()[0].items() if card.agency.startswith(("ngo-", "liaison-")))
CASE = "0" * 32


def no(_: str) -> bool:
    return False


@asynccontextmanager
async def entered(line: TestLine, person: str) -> AsyncIterator[Reader]:
    async with at_desk(ORIGIN, line.person_keys[person], Served(line)) as reader:
        yield reader


async def by_trustees(line: TestLine, case: str, people: Sequence[str]) -> list[str]:
    """Each of them gives his share, and what he was shown before."""
    shown: list[str] = []

    def confirm(text: str) -> bool:
        shown.append(text)
        return True

    for person in people:
        async with entered(line, person) as trustee:
            assert await disclose(trustee, case, line.vetters, datetime.now(UTC), confirm)
    return shown


@pytest.mark.asyncio
@pytest.mark.claim("T70")
async def test_from_two_auditors_requests_to_what_both_read(tmp_path: Path) -> None:
    async with fresh_line(tmp_path, people=NGOS) as line:
        case_id, ana, bo = await audited(line)
        name = designation(case_id)
        holders = [share.person_id for share in await of_codes(line, case_id)]
        async with entered(line, ana) as first, entered(line, bo) as second, entered(line, holders[0]) as trustee:
            assert "An auditor of another agency must ask, too" in str(await ask(first, case_id))
            assert await waiting_for(trustee) == [], "nothing before both"
            with pytest.raises(DeskError, match="No two auditors ask"):
                await disclose(trustee, case_id, line.vetters, datetime.now(UTC), yes)
            assert "0 of 2" in str(await ask(second, case_id))
            (waiting,) = await waiting_for(trustee)
            assert (waiting.case, waiting.epochs, waiting.codes) == (case_id, (), True)
            with pytest.raises(DeskError, match="no share of that case"):
                await approve(trustee, case_id, line.vetters, datetime.now(UTC).date(), yes)
            assert not await disclose(trustee, name, line.vetters, datetime.now(UTC), no)
            with pytest.raises(DeskError, match="another key"):
                await disclose(trustee, name, line.vetters, datetime.now(UTC), yes, "0" * 16)
            with pytest.raises(DeskError, match="two auditors of two agencies"):
                await disclose(trustee, name, strangers(), datetime.now(UTC), yes)
            with pytest.raises(DeskError, match="0 of 2"):
                await hand(first, case_id)
            with pytest.raises(DeskError, match="0 of 2"):
                await read(first, case_id, b"{}")
            (told, _) = await by_trustees(line, name, holders)
            assert all(text in told for text in (ana, bo, line.card_of(ana), line.cards[bo].agency))
            assert line.cards[ana].name not in told
            assert "tipline auditor hand" in str(await ask(first, case_id))
            from_first, from_second = await hand(first, case_id), await hand(second, case_id)
            codes = await read(second, case_id, from_first)
            assert codes == await read(first, case_id, from_second)
            assert codes.keys() == line.cards.keys()
            for wrong in (from_second, b"", json.dumps({**json.loads(from_first), "case": CASE}).encode()):
                with pytest.raises(DeskError, match="does not open the reasons"):
                    await read(second, case_id, wrong)
        assert {share.state for share in await of_codes(line, case_id)} == {ShareState.GIVEN}


@pytest.mark.asyncio
async def test_what_the_line_refuses_is_told_in_words(tmp_path: Path) -> None:
    async with fresh_line(tmp_path, people=NGOS) as line:
        case_id, ana, _ = await audited(line)
        reader = next(person for person, card in line.cards.items() if card.role is Role.HANDLER)
        async with entered(line, reader) as nobody, entered(line, ana) as first:
            with pytest.raises(DeskError, match="not an auditor's"):
                await ask(nobody, case_id)
            with pytest.raises(DeskError, match="no sealed case"):
                await ask(first, CASE)
            with pytest.raises(DeskError, match="32 hexadecimal"):
                await ask(first, designation(case_id))
            with pytest.raises(DeskError, match="another key"):
                await ask(first, case_id, "0" * 16)
    assert {*NotShown} <= REFUSED.keys()


def auditor_of(
    line: TestLine,
    person: str,
    case: str,
    *,
    now: datetime,
    signers: int = 2,
    seed: str = "",
    kind: EntryKind = EntryKind.AUDIT,
    by: str = "",
) -> list[str]:
    """[signed card, request] as the line hands them to a trustee."""
    card = SignedCard(card_bytes(line.cards[person]))
    for vetter in line.vetter_seeds[:signers]:
        card = card.signed_by(vetter)
    entry = Entry(int(now.timestamp()) // 3600, kind, case, "5a" * 32, by or card.fingerprint())
    leaf = signed_entry(entry, seed or line.person_keys[person].sign_seed)
    return [card.to_bytes().decode(), base64.b64encode(leaf).decode()]


@pytest.mark.asyncio
@pytest.mark.claim("T71")
async def test_a_trustees_own_device_seals_to_no_others_than_two_auditors_who_asked(tmp_path: Path) -> None:
    """Whatever a line that was taken over hands to it."""
    now = datetime.now(UTC)
    async with fresh_line(tmp_path, people=NGOS) as line:
        case_id, ana, bo = await audited(line, trustees=0)
        good = auditor_of(line, ana, case_id, now=now)
        other = auditor_of(line, bo, case_id, now=now)
        assert [one.person.id for one in two_auditors(json.dumps([good, other]), case_id, line.vetters, now)] == [ana, bo]
        reader = next(person for person, card in line.cards.items() if card.role is Role.HANDLER and card.agency == "ngo-manos")
        line.cards = {**line.cards, "twin": replace(line.cards[bo], person=CASE, agency=line.cards[ana].agency)}
        line.cards = {**line.cards, "again": replace(line.cards[bo], person="1" * 32, agency="ngo-manos")}
        line.cards = {**line.cards, "renewed": replace(line.cards[bo], person=ana)}
        line.person_keys = {**line.person_keys, **dict.fromkeys(("twin", "again", "renewed"), line.person_keys[bo])}
        bad: Mapping[str, object] = {
            "one": [good],
            "three": [good, other, other],
            "one twice": [good, good],
            "one person": [good, auditor_of(line, "renewed", case_id, now=now)],
            "one with two cards": [other, auditor_of(line, "again", case_id, now=now)],
            "two of one agency": [good, auditor_of(line, "twin", case_id, now=now)],
            "one vetter": [good, auditor_of(line, bo, case_id, now=now, signers=1)],
            "a reader": [good, auditor_of(line, reader, case_id, now=now)],
            "asked for another case": [good, auditor_of(line, bo, CASE, now=now)],
            "did not ask himself": [good, auditor_of(line, bo, case_id, now=now, seed=line.person_keys[ana].sign_seed)],
            "signed something else": [good, auditor_of(line, bo, case_id, now=now, kind=EntryKind.APPROVE)],
            "by another's request": [good, [other[0], good[1]]],
            "by another card of his": [good, auditor_of(line, bo, case_id, now=now, by="5b" * 32)],
            "asked long ago": [good, auditor_of(line, bo, case_id, now=now - timedelta(days=31))],
            "asks tomorrow": [good, auditor_of(line, bo, case_id, now=now + timedelta(days=1))],
            "no leaf": [good, [other[0], "!"]],
            "no card": [good, ["", other[1]]],
            "nothing": 1,
        }
        for why, told in bad.items():
            with pytest.raises(DeskError, match="Nothing was sealed"):
                pytest.fail(f"{why}: {two_auditors(json.dumps(told), case_id, line.vetters, now)}")
        for text in ("", "[[1, 2], [3, 4]]"):
            with pytest.raises(DeskError, match="Nothing was sealed"):
                two_auditors(text, case_id, line.vetters, now)
        late = line.cards[bo].issued + timedelta(days=366)
        with pytest.raises(DeskError, match="Nothing was sealed"):
            two_auditors(json.dumps([auditor_of(line, p, case_id, now=late) for p in (ana, bo)]), case_id, line.vetters, late)
        key = line.cards[bo].verify_key
        vetter = Vetters({**line.vetters.keys, signing.fingerprint(key): key}, line.vetters.agencies, one_house=True, practice=True)
        with pytest.raises(DeskError, match="Nothing was sealed"):
            two_auditors(json.dumps([good, other]), case_id, vetter, now)


@pytest.mark.asyncio
async def test_a_share_of_something_else_is_not_sealed(tmp_path: Path) -> None:
    """A line that was taken over puts another row in the place of the trustee's share."""
    async with fresh_line(tmp_path, people=NGOS) as line:
        case_id, ana, bo = await audited(line)
        holder = (await of_codes(line, case_id))[0].person_id
        async with entered(line, ana) as first, entered(line, bo) as second, entered(line, holder) as trustee:
            await ask(first, case_id)
            await ask(second, case_id)
            async with line.store.begin() as tx:
                of_case, of_codes_ = [
                    next(s for s in await tx.shares(case_id) if s.person_id == holder and (s.epoch == CODES) is codes)
                    for codes in (False, True)
                ]
                await tx.put_share(of_codes_.id, ShareState.ASKED, ShareState.ASKED, of_case.sealed)
            with pytest.raises(DeskError, match="not your share of these reasons"):
                await disclose(trustee, case_id, line.vetters, datetime.now(UTC), yes)


CODES_OF = {"1" * 32: ["E2"], "2" * 32: [], "3" * 32: ["E3", "E5"], "4" * 32: ["E2"], "5" * 32: ["E99"]}


def test_the_page_says_each_reason_in_words_and_fits_a_terminal() -> None:
    out = Console(file=io.StringIO(), width=80, highlight=False)
    show(CASE, CODES_OF, out)
    assert isinstance(out.file, io.StringIO)
    text = out.file.getvalue()
    assert "1 of 5 people were eligible" in text
    assert "Not eligible, 2: named in the tip" in text
    assert "Not eligible, 1: in the implicated office or its chain of command; lives, works or worked there" in " ".join(text.split())
    assert all(person in text for person in CODES_OF)
    assert not {code.value for code in Code} & set(text.replace(";", " ").split())
    assert max(map(len, text.splitlines())) <= 80
    assert next(iter(kept_out(CODES_OF).values())) == ["1" * 32, "4" * 32]
    assert WHY.keys() == set(Code)
    out.print(table_of(CODES_OF, lambda person: f"name {person[0]}", "Why"))
    assert "2: name 1, name 4" in out.file.getvalue()


def test_the_commands_hand_on_what_they_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the terminal shows; the way to the desk is walked above."""

    async def far(*_: object) -> Far:
        return Far(2, 1, 2)

    async def handed(*_: object) -> str:
        return "{}"

    async def codes(*_: object) -> Mapping[str, Sequence[str]]:
        return CODES_OF

    for name, instead in (("_ask", far), ("_hand", handed), ("_read", codes)):
        monkeypatch.setattr(command, name, instead)
    run, file = CliRunner(), tmp_path / "for-bo"
    asked = run.invoke(app, ["auditor", "ask", ORIGIN, CASE, "--key", "a.key"])
    assert (asked.exit_code, asked.stdout) == (0, "")
    assert "1 of 2" in asked.stderr
    assert run.invoke(app, ["auditor", "hand", ORIGIN, CASE, str(file), "--key", "a.key"]).exit_code == 0
    assert (file.read_text(encoding="utf-8"), file.stat().st_mode & 0o777) == ("{}", 0o600)
    again = run.invoke(app, ["auditor", "hand", ORIGIN, CASE, str(file), "--key", "a.key"])
    assert isinstance(again.exception, DeskError)
    plain = run.invoke(app, ["auditor", "read", ORIGIN, CASE, str(file), "--key", "a.key", "--json"])
    assert json.loads(plain.stdout) == CODES_OF
    assert "named in the tip" in run.invoke(app, ["auditor", "read", ORIGIN, CASE, str(file), "--key", "a.key"]).stdout
    gone = run.invoke(app, ["auditor", "read", ORIGIN, CASE, str(tmp_path / "none"), "--key", "a.key"])
    assert isinstance(gone.exception, DeskError)


def test_the_trustees_command_says_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def asked(*args: object) -> bool:
        confirm = args[-1]
        assert callable(confirm)
        return bool(confirm("An auditor: x"))

    async def waits(*_: object) -> list[trustees.Waiting]:
        return [trustees.Waiting(CASE, (1,), codes=True)]

    monkeypatch.setattr(trustees, "_disclose", asked)
    monkeypatch.setattr(trustees, "_list", waits)
    shown = CliRunner().invoke(app, ["trustee", "list", ORIGIN, "--key", "t.key"])
    assert shown.stdout == f"{designation(CASE)}  {CASE}  keys: 1  reasons, for two auditors: disclose\n"
    file = tmp_path / "vetters.json"
    file.write_text(json.dumps({"vetters": [{"name": n, "agency": n, "verify": signing.generate()[1]} for n in "ab"]}), encoding="utf-8")
    arguments = ["trustee", "disclose", ORIGIN, CASE, "--key", "t.key", "--vetters", str(file)]
    refused = CliRunner().invoke(app, arguments, input="n\n")
    assert refused.exit_code == 1
    assert "Seal your share to these two together?" in refused.stderr
    assert CliRunner().invoke(app, [*arguments, "--yes"]).exit_code == 0
