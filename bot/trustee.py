"""`tipline trustee`: on a trustee's own device, with his own key, his share of a case that nobody is left to read is sealed to the next
reader. The line gets it back under the reader's lock; nobody but that reader puts shares together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.files import load_vetters
from bot.own_key import DeskError, at_desk, own_key
from bot.reader import Reader
from bot.terminal import OwnKey, PassphraseFile, Yes, err
from handlers.designation import designation
from handlers.enrolment import expiry
from handlers.roster import CardRefused, Member, Vetters, judge
from routing.people import Role
from sealing.age import OpenError
from sealing.card import SignedCardError, parse_signed_card
from sealing.shares import for_reader
from sealing.signing import fingerprint

app = typer.Typer(no_args_is_help=True, help="A trustee's shares, from his own device.")

Desk = Annotated[str, typer.Argument(help="The desk's address, as your browser shows it: https://line.example.org")]
Case = Annotated[str, typer.Argument(help="The case's name or id, as `tipline trustee list` shows it.")]
VettersFile = Annotated[Path, typer.Option("--vetters", help="Your own copy of the list of vetters: a file, or the folder of the chain.")]
LineKey = Annotated[str, typer.Option("--line", help="Fingerprint of the line's key, as your vetters gave it: stop if it is another.")]
Practice = Annotated[bool, typer.Option("--practice", help="A practice line's cards.")]

HOUR_S = 3600
Confirm = Callable[[str], bool]
"""Shows a trustee whom his share is for, and asks him."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One case whose shares are asked for."""

    case: str
    epochs: tuple[int, ...]

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
        typer.echo(f"{waiting.name}  {waiting.case}  keys: {len(waiting.epochs)}")


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
    trusted = load_vetters(vetters, practice=practice)

    def confirm(text: str) -> bool:
        err.print(text, soft_wrap=True)
        return yes or typer.confirm("Seal your share to this reader?", err=True)

    given = asyncio.run(_approve(desk, case, key, passphrase_file, line, trusted, confirm))
    if not given:
        err.print("Nothing was sealed. That you looked is on the line's record.")
        raise typer.Exit(1)
    err.print(f"Your share is sealed to the next reader ({given} key(s)). With enough trustees' shares the case is offered to him.")


async def _list(desk: str, key: Path, passphrase_file: Path | None, line: str) -> list[Waiting]:
    async with at_desk(desk, own_key(key, passphrase_file)) as reader:
        return await waiting_for(reader, line)


async def _approve(desk: str, case: str, key: Path, passphrase_file: Path | None, line: str, vetters: Vetters, confirm: Confirm) -> int:
    async with at_desk(desk, own_key(key, passphrase_file)) as reader:
        return await approve(reader, case, vetters, datetime.now(UTC).date(), confirm, line)


async def waiting_for(reader: Reader, line: str = "") -> list[Waiting]:
    """Raises DeskError, DeskRefused."""
    await _same_line(reader, line)
    epochs: dict[str, list[int]] = {}
    for share in await reader.asked():
        epochs.setdefault(share.case, []).append(share.epoch)
    return [Waiting(case, tuple(sorted(found))) for case, found in sorted(epochs.items())]


async def approve(reader: Reader, case: str, vetters: Vetters, today: date, confirm: Confirm, line: str = "") -> int:
    """How many shares were given on, one for each key of the case; 0 = the trustee said no. Asked once: the reader of all is the same, or
    it stops. Raises DeskError, DeskRefused."""
    await _same_line(reader, line)
    wanted = [share for share in await reader.asked() if case in (share.case, designation(share.case))]
    if len({share.case for share in wanted}) != 1:
        raise DeskError("The line asks you for no share of that case." if not wanted else "Two cases have that name: give the id.")
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


def described(member: Member, vetters: Vetters) -> str:
    """What a trustee compares with what his vetters tell him. No name: he need not know it."""
    by = ", ".join(f"{name} ({vetters.agencies[name]})" for name in member.person.vetters)
    return (
        f"The next reader: {member.card.agency}, id {member.person.id}\n"
        f"His card: {member.card_fingerprint}\n"
        f"Signed by: {by}\n"
        "Compare the card's fingerprint with what a vetter reads to you."
    )


async def _same_line(reader: Reader, expected: str) -> None:
    """Raises DeskError."""
    if expected and expected.strip().lower() != fingerprint(str((await reader.me())["line"])):
        raise DeskError("This desk's line has another key than the one you gave: nothing was sent. Ask your vetters.")
