"""`tipline trustee`: on a trustee's own device, with his own key, his share of a case that nobody is left to read is sealed to the next
reader, and his share of the key of a case's codes to two auditors. The line gets it back under their locks; nobody but they put shares
together."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.files import load_vetters
from bot.own_key import DeskError, at_desk, own_key
from bot.reader import AskedShare, Reader
from bot.terminal import OwnKey, PassphraseFile, Yes, err
from handlers.audits import STANDS_HOURS
from handlers.designation import designation
from handlers.enrolment import SLACK_HOURS, expiry
from handlers.roster import CardRefused, Member, Vetters, judge
from routing.people import Role
from sealing.age import OpenError
from sealing.card import SignedCardError, parse_signed_card
from sealing.custody import EntryError, EntryKind, holds, read_leaf
from sealing.disclosing import for_auditors
from sealing.shares import CODES, for_reader
from sealing.signing import fingerprint

app = typer.Typer(no_args_is_help=True, help="A trustee's shares, from his own device.")

Desk = Annotated[str, typer.Argument(help="The desk's address, as your browser shows it: https://line.example.org")]
Case = Annotated[str, typer.Argument(help="The case's name or id, as `tipline trustee list` shows it.")]
VettersFile = Annotated[Path, typer.Option("--vetters", help="Your own copy of the list of vetters: a file, or the folder of the chain.")]
LineKey = Annotated[str, typer.Option("--line", help="Fingerprint of the line's key, as your vetters gave it: stop if it is another.")]
Practice = Annotated[bool, typer.Option("--practice", help="A practice line's cards.")]

HOUR_S = 3600
NOT_ASKED = "The line asks you for no share of that case, or for that of its reasons alone: tipline trustee disclose"
Confirm = Callable[[str], bool]
"""Shows a trustee whom his share is for, and asks him."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One case whose shares are asked for."""

    case: str
    epochs: tuple[int, ...]
    codes: bool = False
    """Two auditors ask why people could not read it."""

    @property
    def name(self) -> str:
        return designation(self.case)


@app.command(name="list")
def list_(desk: Desk, key: OwnKey, passphrase_file: PassphraseFile = None, line: LineKey = "") -> None:
    """The cases for which the line asks you for your share."""
    found = asyncio.run(_list(desk, key, passphrase_file, line))
    if not found:
        err.print("Nothing waits for you.")
    for waiting in found:
        keys = [f"keys: {len(waiting.epochs)}"] if waiting.epochs else []
        reasons = ["reasons, for two auditors: disclose"] if waiting.codes else []
        typer.echo("  ".join([waiting.name, waiting.case, *keys, *reasons]))


@app.command(name="approve")
def approve_(
    desk: Desk,
    case: Case,
    key: OwnKey,
    vetters: VettersFile,
    passphrase_file: PassphraseFile = None,
    line: LineKey = "",
    practice: Practice = False,
    yes: Yes = False,
) -> None:
    """Seal your share of a case to its next reader. You see whose key it is before."""
    trusted, confirm = load_vetters(vetters, practice=practice), asks("Seal your share to this reader?", yes=yes)
    given = asyncio.run(_approve(desk, case, key, passphrase_file, line, trusted, confirm))
    if not given:
        err.print("Nothing was sealed. That you looked is on the line's record.")
        raise typer.Exit(1)
    err.print(f"Your share is sealed to the next reader ({given} key(s)). With enough trustees' shares the case is offered to him.")


@app.command(name="disclose")
def disclose_(
    desk: Desk,
    case: Case,
    key: OwnKey,
    vetters: VettersFile,
    passphrase_file: PassphraseFile = None,
    line: LineKey = "",
    practice: Practice = False,
    yes: Yes = False,
) -> None:
    """Seal your share of a case's reasons to the two auditors who ask for them. You see whose keys they are before."""
    trusted, confirm = load_vetters(vetters, practice=practice), asks("Seal your share to these two together?", yes=yes)
    if not asyncio.run(_disclose(desk, case, key, passphrase_file, line, trusted, confirm)):
        err.print("Nothing was sealed. That you looked is on the line's record.")
        raise typer.Exit(1)
    err.print("Your share of the reasons is sealed to both. It opens no word of the case. With enough trustees' shares they can read them.")


def asks(question: str, *, yes: bool) -> Confirm:
    """Shows what is asked about, and asks unless he said yes before."""

    def confirm(text: str) -> bool:
        err.print(text, soft_wrap=True)
        return yes or typer.confirm(question, err=True)

    return confirm


async def _list(desk: str, key: Path, passphrase_file: Path | None, line: str) -> list[Waiting]:
    async with at_desk(desk, own_key(key, passphrase_file)) as reader:
        return await waiting_for(reader, line)


async def _approve(desk: str, case: str, key: Path, passphrase_file: Path | None, line: str, vetters: Vetters, confirm: Confirm) -> int:
    async with at_desk(desk, own_key(key, passphrase_file)) as reader:
        return await approve(reader, case, vetters, datetime.now(UTC).date(), confirm, line)


async def _disclose(desk: str, case: str, key: Path, passphrase_file: Path | None, line: str, vetters: Vetters, confirm: Confirm) -> bool:
    async with at_desk(desk, own_key(key, passphrase_file)) as reader:
        return await disclose(reader, case, vetters, datetime.now(UTC), confirm, line)


async def waiting_for(reader: Reader, line: str = "") -> list[Waiting]:
    """Raises DeskError, DeskRefused."""
    await same_line(reader, line)
    epochs: dict[str, list[int]] = {}
    for share in await reader.asked():
        epochs.setdefault(share.case, []).append(share.epoch)
    return [Waiting(case, tuple(sorted({*found} - {CODES})), CODES in found) for case, found in sorted(epochs.items())]


async def approve(reader: Reader, case: str, vetters: Vetters, today: date, confirm: Confirm, line: str = "") -> int:
    """How many shares were given on, one for each key of the case; 0 = the trustee said no. Asked once: the reader of all is the same, or
    it stops. Raises DeskError, DeskRefused."""
    await same_line(reader, line)
    wanted = [share for share in await _asked(reader, case) if share.epoch != CODES]
    if len({share.case for share in wanted}) != 1:
        raise DeskError(NOT_ASKED if not wanted else "Two cases have that name: give the id.")
    shown: Member | None = None
    for share in sorted(wanted, key=lambda share: share.epoch):
        own, card = await reader.approve(share)
        member = next_reader(card, vetters, today)
        if shown is None and not confirm(described(member, vetters)):
            return 0
        if shown is not None and shown.card_fingerprint != member.card_fingerprint:
            raise DeskError("The line named another reader meanwhile. Look again.")
        shown = member
        try:
            made = for_reader(own, reader.key.identity, share.case, share.epoch, member.card_fingerprint, member.card.age_recipient)
        except OpenError:
            raise DeskError("What the line handed out is not your share of this case. Nothing was sealed.") from None
        await reader.give(made)
    return len(wanted)


async def disclose(reader: Reader, case: str, vetters: Vetters, now: datetime, confirm: Confirm, line: str = "") -> bool:
    """Whether the trustee's share of the codes' key was sealed to both auditors; False = he said no. Raises DeskError, DeskRefused."""
    await same_line(reader, line)
    wanted = [share for share in await _asked(reader, case) if share.epoch == CODES]
    if len(wanted) != 1:
        raise DeskError("No two auditors ask for the reasons of that case." if not wanted else "Two cases have that name: give the id.")
    own, told = await reader.allow(wanted[0])
    auditors = two_auditors(told, wanted[0].case, vetters, now)
    if not confirm("\n\n".join(described(member, vetters, "An auditor") for member in auditors)):
        return False
    try:
        made = for_auditors(own, reader.key.identity, wanted[0].case, {one.card_fingerprint: one.card.age_recipient for one in auditors})
    except OpenError:
        raise DeskError("What the line handed out is not your share of these reasons. Nothing was sealed.") from None
    await reader.disclose(made)
    return True


async def _asked(reader: Reader, case: str) -> list[AskedShare]:
    """`case`: its id or its name."""
    return [share for share in await reader.asked() if case in (share.case, designation(share.case))]


def two_auditors(told: str, case: str, vetters: Vetters, now: datetime) -> tuple[Member, Member]:
    """Two people of two agencies, with keys of their own, each with an auditor's card that two vetters of this device's own list signed,
    and with a request for this case that he signed himself within 30 days. Raises DeskError.

    `told`: JSON [[signed card, base64 leaf], …].
    """
    try:
        found = [(judge(parse_signed_card(card.encode()), vetters), base64.b64decode(leaf)) for card, leaf in json.loads(told)]
        good = all(_asks(member, leaf, case, vetters, int(now.timestamp()) // HOUR_S) for member, leaf in found)
    except (CardRefused, SignedCardError, EntryError, ValueError, TypeError, AttributeError):
        good = False
    if not good or len(found) != 2 or any(one == other for one, other in zip(*(_own(member) for member, _ in found), strict=True)):
        raise DeskError("These are not two auditors of two agencies who asked for it themselves. Nothing was sealed: tell your vetters.")
    return found[0][0], found[1][0]


def _own(auditor: Member) -> tuple[str, ...]:
    """What two of them cannot share."""
    card = auditor.card
    return card.person, card.agency, card.age_recipient, card.verify_key


def _asks(auditor: Member, leaf: bytes, case: str, vetters: Vetters, hour: int) -> bool:
    card, entry = auditor.card, read_leaf(leaf)[0]
    his = (entry.kind, entry.case, entry.card) == (EntryKind.AUDIT, case, auditor.card_fingerprint) and holds(leaf, card.verify_key)
    recent = hour - STANDS_HOURS <= entry.hour <= hour + SLACK_HOURS
    return his and recent and card.role is Role.AUDITOR and expiry(card) > hour and fingerprint(card.verify_key) not in vetters.ever


def next_reader(card: bytes, vetters: Vetters, today: date) -> Member:
    """The reader whom two vetters stand for, by this device's own list of them. Raises DeskError."""
    try:
        member = judge(parse_signed_card(card), vetters)
    except (CardRefused, SignedCardError):
        raise DeskError("Two vetters of your list did not sign the next reader's card. Nothing was sealed: tell your vetters.") from None
    this_morning = datetime(today.year, today.month, today.day, tzinfo=UTC)
    if member.card.role is not Role.HANDLER or expiry(member.card) <= int(this_morning.timestamp()) // HOUR_S:
        raise DeskError(
            "The next reader's card is no reader's, has expired, or was vetted too long ago. Nothing was sealed: tell your vetters."
        )
    return member


def described(member: Member, vetters: Vetters, who: str = "The next reader") -> str:
    """What a trustee compares with what his vetters tell him. No name: he need not know it."""
    by = ", ".join(f"{name} ({vetters.agencies[name]})" for name in member.person.vetters)
    return (
        f"{who}: {member.card.agency}, id {member.person.id}\n"
        f"His card: {member.card_fingerprint}\n"
        f"Signed by: {by}\n"
        "Compare the card's fingerprint with what a vetter reads to you."
    )


async def same_line(reader: Reader, expected: str) -> None:
    """Raises DeskError."""
    if expected and expected.strip().lower() != fingerprint(str((await reader.me())["line"])):
        raise DeskError("This desk's line has another key than the one you gave: nothing was sent. Ask your vetters.")
