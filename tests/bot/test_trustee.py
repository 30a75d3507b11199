"""`tipline trustee`: from his own device over the desk's real routes, with his own list of vetters, to the reader who reads."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot import trustee as command
from bot.doctor_line import trustees
from bot.finding import Verdict
from bot.own_key import DeskError, at_desk
from bot.reader import Reader
from bot.trustee import app, approve, described, next_reader, waiting_for
from handlers.designation import designation
from handlers.roster import Member, Vetters
from routing.cards import card_bytes
from routing.people import Person, Role
from sealing import signing
from sealing.card import SignedCard
from sealing.rows import ShareState
from tests.begun import world_cards
from tests.bot.test_duty import ORIGIN, Served
from tests.handlers.test_line_escrow import exhausted, gate_of, rows, texts
from tests.handlers.test_line_reading import TIP
from tests.line import TestLine, fresh_line

pytestmark = pytest.mark.enable_socket


def yes(_: str) -> bool:
    return True


def today() -> date:
    return datetime.now(UTC).date()


@asynccontextmanager
async def as_trustee(line: TestLine, person: str) -> AsyncIterator[Reader]:
    async with at_desk(ORIGIN, line.person_keys[person], Served(line)) as reader:
        yield reader


def signed(line: TestLine, person: str, signers: int = 2) -> bytes:
    card = SignedCard(card_bytes(line.cards[person]))
    for seed in line.vetter_seeds[:signers]:
        card = card.signed_by(seed)
    return card.to_bytes()


@pytest.mark.asyncio
async def test_two_trustees_give_their_shares_and_the_reader_opens_the_case_in_his_own_client(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        case_id, asked = await exhausted(line)
        for share in asked[:2]:
            async with as_trustee(line, share.person_id) as trustee:
                (waiting,) = await waiting_for(trustee)
                assert (waiting.case, waiting.epochs, waiting.name) == (case_id, (1,), designation(case_id))
                assert await approve(trustee, waiting.name, line.vetters, today(), yes) == 1
                assert await waiting_for(trustee) == []
        await line.later(6)
        (seat,) = (await gate_of(line, case_id)).standing()
        async with as_trustee(line, seat.person) as reader:
            (offered,) = [case for case in await reader.cases() if case.case == case_id]
            identity = await reader.open(offered)
            assert [part["text"] for part in await reader.read(case_id) if part["kind"] == "message"] == [TIP]
        assert await texts(line, case_id, identity) == [TIP]


def strangers() -> Vetters:
    """A list of vetters who signed for nobody."""
    pairs = [signing.generate()[1] for _ in range(2)]
    names = [signing.fingerprint(verify) for verify in pairs]
    return Vetters(dict(zip(names, pairs, strict=True)), dict(zip(names, "ab", strict=True)), one_house=False, practice=True)


@pytest.mark.asyncio
async def test_nothing_is_sealed_unless_the_trustee_his_own_list_of_vetters_and_the_lines_key_say_so(tmp_path: Path) -> None:
    shown: list[str] = []

    def no(text: str) -> bool:
        shown.append(text)
        return False

    async with fresh_line(tmp_path) as line:
        case_id, asked = await exhausted(line, 2)
        (seat,) = (await gate_of(line, case_id)).standing()
        async with as_trustee(line, asked[0].person_id) as trustee:
            assert await approve(trustee, case_id, line.vetters, today(), no) == 0
            with pytest.raises(DeskError, match="did not sign"):
                await approve(trustee, case_id, strangers(), today(), yes)
            with pytest.raises(DeskError, match="another key"):
                await approve(trustee, case_id, line.vetters, today(), yes, line="0" * 16)
            with pytest.raises(DeskError, match="no share of that case"):
                await approve(trustee, "0" * 32, line.vetters, today(), yes)
            assert await waiting_for(trustee, signing.fingerprint(signing.public_of(line.keys.custody_seed)))
        async with as_trustee(line, seat.person) as reader:
            assert await waiting_for(reader) == [], "a reader is asked for nothing"
        assert {share.state for share in await rows(line, case_id)} == {ShareState.ASKED}
        assert seat.card in shown[0]
        assert line.cards[seat.person].agency in shown[0]
        assert line.cards[seat.person].name not in shown[0]
        trustee_card = signed(line, asked[0].person_id)
        member = next_reader(signed(line, seat.person), line.vetters, today())
        assert all(name in described(member, line.vetters) for name in line.vetters.keys)
        for card in (signed(line, seat.person, signers=1), trustee_card, b"{}"):
            with pytest.raises(DeskError, match="Nothing was sealed"):
                next_reader(card, line.vetters, today())
        with pytest.raises(DeskError, match="expired"):
            next_reader(signed(line, seat.person), line.vetters, member.card.expires + timedelta(days=1))
        vetted = member.card.issued.date()
        line.cards = {**line.cards, seat.person: replace(line.cards[seat.person], expires=vetted + timedelta(days=900))}
        last = vetted + timedelta(days=365)
        assert next_reader(signed(line, seat.person), line.vetters, last).person.id == seat.person
        with pytest.raises(DeskError, match="vetted too long ago"):
            next_reader(signed(line, seat.person), line.vetters, last + timedelta(days=1))


def test_the_commands_say_what_they_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the terminal shows; the way to the desk is walked above."""
    asked: list[str] = []

    async def none_wait(*_: object) -> list[command.Waiting]:
        return []

    async def one_waits(*_: object) -> list[command.Waiting]:
        return [command.Waiting("0" * 32, (1, 2))]

    async def told_no(*args: object) -> int:
        confirm = args[-1]
        assert callable(confirm)
        asked.append(str(confirm("The next reader: x")))
        return 0

    monkeypatch.setattr(command, "_list", none_wait)
    shown = CliRunner().invoke(app, ["list", ORIGIN, "--key", "t.key"])
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert "Nothing waits for you." in shown.stderr
    monkeypatch.setattr(command, "_list", one_waits)
    shown = CliRunner().invoke(app, ["list", ORIGIN, "--key", "t.key"])
    assert shown.stdout == f"{designation('0' * 32)}  {'0' * 32}  keys: 2\n"
    (tmp_path / "vetters.json").write_text(
        json.dumps({"vetters": [{"name": n, "agency": n, "verify": signing.generate()[1]} for n in "ab"]}), encoding="utf-8"
    )
    monkeypatch.setattr(command, "_approve", told_no)
    arguments = ["approve", ORIGIN, "0" * 32, "--key", "t.key", "--vetters", str(tmp_path / "vetters.json")]
    shown = CliRunner().invoke(app, arguments, input="n\n")
    assert shown.exit_code == 1
    assert "Seal your share to this reader?" in shown.stderr
    assert asked == ["False"]


@pytest.mark.parametrize(("there", "verdict"), [(0, Verdict.LOOK), (1, Verdict.MEND), (2, Verdict.LOOK), (3, Verdict.OK)])
def test_doctor_counts_the_trustees(there: int, verdict: Verdict) -> None:
    handler = Person(next(iter(world_cards()[0].values())), ("a", "b"))
    trustee = Person(replace(handler.card, role=Role.TRUSTEE), ("a", "b"))
    members = (Member(handler, "f" * 64), Member(replace(trustee, active=False), "e" * 64), *[Member(trustee, "d" * 64)] * there)
    assert trustees(members, 2).verdict is verdict
