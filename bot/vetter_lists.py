"""`tipline vetters`: the chain of their lists, the letters that the line writes to them, and the tips that two of them let go out."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bot import mail, stating
from bot.enrol import EnrolError, unlocked
from bot.files import VettersError, read_chain
from bot.settings import Mode
from bot.terminal import OwnKey, PassphraseFile, Yes, ask, err, key_text, passphrase, settings_of
from bot.wiring import SystemClock
from sealing.rows import HOUR_MS
from sealing.signing import fingerprint, public_of
from sealing.vetters import ChainError, SignedList, VetterList, first_list, majority, next_list, parse_signed_list, read_list

app = typer.Typer(no_args_is_help=True, help="The vetters: their lists, each signed by those before, and their letters.")

Chain = Annotated[Path, typer.Argument(help="The folder of lists (1.json, 2.json, …), or the first list's file.")]


@app.command()
def draft(
    chain: Chain,
    people: Annotated[Path, typer.Argument(help="The new list: JSON of the same form as the first.")],
    out: Annotated[Path, typer.Argument(help="The list to write, not signed yet.")],
) -> None:
    """Put new vetters into a list that follows the newest of the chain."""
    before = read_chain(chain)[-1]
    try:
        after = first_list(people.read_bytes())
        made = next_list(before, after.one_house, after.vetters)
    except OSError:
        raise EnrolError("The new list cannot be read.") from None
    except ChainError as fault:
        raise VettersError(str(fault)) from None
    out.write_bytes(made.to_bytes())
    there = len(before.vetters)
    err.print(f"Wrote {out}: list {before.number + 1}. {majority(there)} of the {there} vetters before it sign it now.")


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(help="The list; the signature is added to it.")],
    key: OwnKey,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
) -> None:
    """Vetters of the list before: read the new list, then add your signature to it."""
    signed, after = _signed(file)
    _show(after, Console(stderr=True, highlight=False))
    ask("Are these the vetters whom the line shall believe from now on?", yes=yes)
    seed = unlocked(key_text(key), passphrase(passphrase_file)).sign_seed
    if signed.before and fingerprint(public_of(seed)) not in signed.before:
        raise EnrolError("Your key is not on the list before this one: its vetters alone sign it.")
    new = signed.signed_by(seed)
    file.write_bytes(new.to_bytes())
    err.print(f"{file} has {len(new.signatures)} signature(s). {_what_now(new, after.number)}")


def _what_now(signed: SignedList, number: int) -> str:
    there, names = len(signed.before), {name for name, _ in signed.signatures}
    missing = majority(there) - len(names & set(signed.before))
    if not there:
        return "More than half of the vetters before must sign it."
    if missing > 0:
        return f"{missing} more of the {there} vetters before must sign it, too."
    return f"That is more than half of the {there} vetters before: the operator puts it beside the other lists now, as {number}.json."


def _signed(file: Path) -> tuple[SignedList, VetterList]:
    """The file, and the list in it, not judged."""
    try:
        signed = parse_signed_list(file.read_bytes())
        return signed, read_list(signed.data)
    except OSError:
        raise EnrolError("The list cannot be read.") from None
    except ChainError as fault:
        raise VettersError(str(fault)) from None


@app.command()
def show(
    chain: Annotated[Path | None, typer.Argument(help="The folder of lists, or the first list's file; else TIPLINE_VETTERS.")] = None,
) -> None:
    """The lists of vetters, each with the hash that names it. The first's is TIPLINE_VETTERS_ROOT: vetters compare it with each other."""
    root = None
    if chain is None:
        settings = settings_of(Mode.OFFLINE)
        chain, root = settings.vetters, settings.vetters_root
    if chain is None:
        raise EnrolError("Name the vetters' lists, or set TIPLINE_VETTERS.")
    lists = read_chain(chain, root)
    out = Console(highlight=False)
    for each in lists:
        _show(each, out)
    out.print(f"List {lists[-1].number} is in force. TIPLINE_VETTERS_ROOT={lists[0].hash}", soft_wrap=True)


def _show(each: VetterList, out: Console) -> None:
    house = ", all of one house" if each.one_house else ""
    out.print(f"List {each.number}{house}: {each.hash}", soft_wrap=True)
    table = Table("vetter", "agency", "key", "letters", box=SIMPLE, pad_edge=False)
    for vetter in each.vetters:
        table.add_row(vetter.name, vetter.agency, vetter.fingerprint, "yes" if vetter.recipient else "no")
    out.print(table)


@app.command()
def letters(
    key: OwnKey,
    file: Annotated[Path | None, typer.Argument(help="What `tipline vetters carry` wrote; else those in the line's database.")] = None,
    passphrase_file: PassphraseFile = None,
    keep: Annotated[bool, typer.Option("--keep", help="Do not delete from the database what you have read.")] = False,
) -> None:
    """Vetters: read what the line wrote to you."""
    held = unlocked(key_text(key), passphrase(passphrase_file))
    mine = fingerprint(public_of(held.sign_seed))
    if file is not None:
        told = mail.opened(mail.of(mail.read_carried(file), mine), held.identity)
    else:
        told = asyncio.run(mail.from_database(settings_of(Mode.OFFLINE), mine, held.identity, keep=keep))
    sys.stdout.write("\n".join(told) + "\n" if told else "There is no letter for you.\n")


@app.command()
def release(
    case: Annotated[str, typer.Argument(help="The case, by the 32 hex digits in the line's letter.")],
    code: Annotated[str, typer.Argument(help="The release code in that letter.")],
    statement: Annotated[Path, typer.Argument(help="The statement to write, or to add your signature to.")],
    key: OwnKey,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
) -> None:
    """Vetters: let a tip that is held go out. It takes two vetters; who reads it, the draw chooses."""
    err.print(stating.NEEDS_RELEASE[min(stating.signed_before(statement), 1)])
    ask("Let this tip go out?", yes=yes)
    count = stating.release(statement, case, code, SystemClock().now_ms() // HOUR_MS, key_text(key), passphrase(passphrase_file))
    way = "Hand it to the other vetter, and then to the operator" if count == 1 else "Bring it to the operator at once"
    err.print(f"{statement} has {count} signed statement(s). {way}: tipline roster load {statement}")


@app.command()
def carry(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    keep: Annotated[bool, typer.Option("--keep", help="Leave them in the database, too.")] = False,
) -> None:
    """On the server: put all letters, sealed as they are, into one file for the vetters, who open it on their own devices."""
    if file.exists():
        raise EnrolError("A file of that name exists already; nothing was changed.")
    count = asyncio.run(mail.carry(settings_of(Mode.OFFLINE), file, keep=keep))
    err.print(f"Wrote {count} letter(s) into {file}. Each vetter reads his: tipline vetters letters {file} --key VETTER.key")
