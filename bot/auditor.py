"""`tipline auditor`: on an auditor's own device, with another auditor of another agency and by the trustees' shares, why people could not
read a case. Neither reads it alone, and nothing else of the case opens."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.audit_shown import show
from bot.own_key import DeskError, at_desk, own_key
from bot.reader import DeskRefused, Reader
from bot.terminal import OwnKey, PassphraseFile, err, write_private
from bot.trustee import Desk, LineKey, same_line
from handlers.audits import NotShown
from handlers.requests import Refusal
from sealing.age import OpenError
from sealing.disclosing import handover, open_codes, read_handover
from sealing.shares import SharesError

app = typer.Typer(no_args_is_help=True, help="Why people could not read a case: two auditors together, by the trustees.")

Case = Annotated[str, typer.Argument(help="The case's id: 32 hexadecimal digits.")]
ID = re.compile(r"[0-9a-f]{32}")
REFUSED: Mapping[str, str] = {
    Refusal.NOT_YOURS: "There is no sealed case of this id, or your card is not an auditor's.",
    Refusal.GATE: (
        "You may not be told of this case: it touches you, you had a seat in it, or your card is newer than the tip or does not hold."
    ),
    Refusal.STALE: "The line has this very request already. Ask again.",
    Refusal.WRONG_HOUR: "Your device's clock is wrong by hours. Set it, then ask again.",
    NotShown.NO_CODES: (
        "Nobody can open the reasons of this case: it was sealed when the line had no trustees, or by a version that gave them no key of "
        "their own."
    ),
    NotShown.OTHER_OFFICE: "You are a vetter of the line, or hold a trustee's share of this case: another auditor must ask.",
    NotShown.SAME_AGENCY: "The auditor who asked before you is of your agency or its chain of command: one of another must ask with him.",
    NotShown.TWO_ASKED: "Two other auditors ask for the reasons of this case already. A request ends after 30 days.",
}


@dataclass(frozen=True, slots=True)
class Far:
    """How far it is. At its end `note` (S codes) and `shares` (each under this auditor's lock, inside under the other's), else None, ()."""

    auditors: int
    given: int
    needed: int
    note: bytes | None = None
    shares: tuple[bytes, ...] = ()

    def __str__(self) -> str:
        if self.auditors < 2:
            return "Your request stands for 30 days. An auditor of another agency must ask, too: tipline auditor ask"
        if self.note is None:
            return f"Both requests stand. Trustees who gave their share: {self.given} of {self.needed}. They call: tipline trustee disclose"
        return "Enough trustees gave their shares. Hand the other auditor his part: tipline auditor hand"


@app.command(name="ask")
def ask_(desk: Desk, case: Case, key: OwnKey, passphrase_file: PassphraseFile = None, line: LineKey = "") -> None:
    """Ask, signed with your key, why people could not read a case; again, to see how far it is. Each time stands in the line's log."""
    err.print(str(asyncio.run(_ask(desk, case, key, passphrase_file, line))))


@app.command(name="hand")
def hand_(
    desk: Desk,
    case: Case,
    file: Annotated[Path, typer.Argument(help="The file to write. It opens on the other auditor's device alone.")],
    key: OwnKey,
    passphrase_file: PassphraseFile = None,
    line: LineKey = "",
) -> None:
    """Write the other auditor's part. Without it he reads nothing, and you read nothing without his."""
    if file.exists():
        raise DeskError("A file of that name exists already; nothing was asked.")
    write_private(file, asyncio.run(_hand(desk, case, key, passphrase_file, line)))
    err.print(f"Wrote {file}. Hand it to the other auditor: tipline auditor read DESK CASE {file.name} --key HIS.key")


@app.command(name="read")
def read_(
    desk: Desk,
    case: Case,
    file: Annotated[Path, typer.Argument(help="What the other auditor handed to you.")],
    key: OwnKey,
    passphrase_file: PassphraseFile = None,
    line: LineKey = "",
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object: person id -> codes.")] = False,
) -> None:
    """Read who could read the case, and why the others could not."""
    try:
        handed = file.read_bytes()
    except OSError:
        raise DeskError("The other auditor's file cannot be read.") from None
    codes = asyncio.run(_read(desk, case, handed, key, passphrase_file, line))
    if as_json:
        sys.stdout.write(json.dumps(codes) + "\n")
    else:
        show(case, codes, Console(highlight=False))


async def _ask(desk: str, case: str, key: Path, passphrase_file: Path | None, line: str) -> Far:
    async with at_desk(desk, own_key(key, passphrase_file)) as reader:
        return await ask(reader, case, line)


async def _hand(desk: str, case: str, key: Path, passphrase_file: Path | None, line: str) -> str:
    async with at_desk(desk, own_key(key, passphrase_file)) as reader:
        return (await hand(reader, case, line)).decode()


async def _read(desk: str, case: str, handed: bytes, key: Path, passphrase_file: Path | None, line: str) -> Mapping[str, Sequence[str]]:
    async with at_desk(desk, own_key(key, passphrase_file)) as reader:
        return await read(reader, case, handed, line)


async def ask(reader: Reader, case: str, line: str = "") -> Far:
    """Raises DeskError, DeskRefused."""
    if not ID.fullmatch(case):
        raise DeskError("A case's id has 32 hexadecimal digits.")
    await same_line(reader, line)
    try:
        told = await reader.audit(case)
    except DeskRefused as refused:
        if refused.code not in REFUSED:
            raise
        raise DeskError(REFUSED[refused.code]) from None
    far = Far(int(str(told["auditors"])), int(str(told["given"])), int(str(told["needed"])))
    if "note" not in told:
        return far
    shares = tuple(base64.b64decode(share) for share in json.loads(str(told["shares"])))
    return Far(far.auditors, far.given, far.needed, base64.b64decode(str(told["note"])), shares)


async def hand(reader: Reader, case: str, line: str = "") -> bytes:
    """What the other auditor needs: what the line handed out for him, without this auditor's lock. Raises DeskError, DeskRefused."""
    far = await ask(reader, case, line)
    if far.note is None:
        raise DeskError(str(far))
    return handover(case, far.shares, reader.key.identity)


async def read(reader: Reader, case: str, handed: bytes, line: str = "") -> Mapping[str, Sequence[str]]:
    """Person id -> codes. Raises DeskError, DeskRefused."""
    far = await ask(reader, case, line)
    if far.note is None:
        raise DeskError(str(far))
    try:
        of, shares = read_handover(handed)
        if of == case:
            return open_codes(far.note, case, shares, reader.key.identity)
    except (OpenError, SharesError):
        pass
    raise DeskError(
        "This file does not open the reasons: it is for another case or another auditor, or a share in it is wrong. "
        "More trustees may give theirs: then ask the other auditor for a new one."
    )
