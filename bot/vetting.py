"""`tipline keygen` and `tipline roster`: people's keys, key cards, and who may act. Keys and signatures are made on people's own devices;
`load` and `list` run on the server, whose operator can neither sign nor read."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from bot import enrol, run, stating
from bot.atlas import load_atlas
from bot.enrol import EnrolError
from bot.files import pinned_vetters
from bot.keyrings import worker_keys
from bot.roster_shown import Shown, shown_roster
from bot.settings import Mode, Settings
from bot.terminal import OwnKey, PassphraseFile, Yes, ask, err, key_text, passphrase, settings_of, spoken_hour, write_private
from bot.wiring import SystemClock
from sealing.custody import EntryKind
from sealing.rows import HOUR_MS
from storage.engine import open_database
from storage.store import SqlStore

app = typer.Typer(no_args_is_help=True, help="Key cards: invite, draft, sign, enrol; suspend, revoke, lift.")

Card = Annotated[str, typer.Argument(help="The key card's file, or its fingerprint (64 hex digits).")]
Statement = Annotated[Path, typer.Argument(help="The statement to write, or to add your signature to.")]


def keygen(
    name: Annotated[str, typer.Argument(help="How the files are called: NAME.key and NAME.pub.json.")],
    folder: Annotated[Path, typer.Option(help="Where they are written.")] = Path(),
    passphrase_file: PassphraseFile = None,
    invite: Annotated[Path | None, typer.Option(help="The invitation that you were given.")] = None,
    quiet_word: Annotated[bool, typer.Option("--quiet-word", help="Also ask for a word that says you are being pressured.")] = False,
) -> None:
    """Make a person's keys on this device: a passphrase file to keep, and public halves to hand to the vetters."""
    key_file, public_file = folder / f"{name}.key", folder / f"{name}.pub.json"
    if key_file.exists() or public_file.exists():
        raise EnrolError("Files of that name exist already; nothing was changed.")
    person = None if invite is None else enrol.invited(invite)
    quiet = str(typer.prompt("Quiet word", hide_input=True, confirmation_prompt=True, err=True)) if quiet_word else ""
    key, public = enrol.make_key(passphrase(passphrase_file, confirm=True), person, quiet)
    write_private(key_file, key)
    public_file.write_text(json.dumps({"person": public.person, "age": public.age, "verify": public.verify}) + "\n", encoding="utf-8")
    err.print(f"Wrote {key_file} (keep it, with its passphrase, on this device alone) and {public_file} (hand it to the vetters).")


@app.command()
def invite(
    file: Annotated[Path | None, typer.Argument(help="The invitation to write; without it, it is printed.")] = None,
) -> None:
    """Invite a person: a random id, and how he makes his key on his own device. Nothing of it is a secret; nothing is stored."""
    text = enrol.invitation()
    if file is None:
        sys.stdout.write(text)
        return
    write_private(file, text)
    err.print(f"Wrote {file}. Hand it to the person; he makes his key with it, and hands back NAME.pub.json.")


@app.command()
def draft(
    public: Annotated[Path, typer.Argument(help="NAME.pub.json of the person.")],
    details: Annotated[Path, typer.Argument(help="TOML with what the vetters checked (docs/OPERATING.md).")],
    out: Annotated[Path, typer.Argument(help="The key card to write.")],
) -> None:
    """Put a person's public keys and checked details into a key card, not signed yet."""
    card = enrol.draft(enrol.read_public(public), enrol.read_details(details), datetime.now(UTC))
    out.write_bytes(card.to_bytes())
    err.print(f"Wrote {out}. Two vetters of different agencies sign it now: tipline roster sign {out} --key VETTER.key")


@app.command()
def sign(
    card: Annotated[Path, typer.Argument(help="The key card; the signature is added to it.")],
    key: OwnKey,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
) -> None:
    """Vetters: read the whole card, then add your signature to it."""
    signed = enrol.read_signed(card)
    err.print_json(signed.card.decode("utf-8", "replace"))
    ask("Is every line of this card true as far as you could check?", yes=yes)
    new = enrol.sign(signed, key_text(key), passphrase(passphrase_file))
    card.write_bytes(new.to_bytes())
    err.print(f"{card} has {len(new.signatures)} signature(s).")


@app.command()
def suspend(card: Card, statement: Statement, key: OwnKey, passphrase_file: PassphraseFile = None, yes: Yes = False) -> None:
    """Vetters: take a person out at once. One vetter's suspension lapses after 72 hours; two vetters' stays until two lift it."""
    _state(EntryKind.SUSPEND, card, statement, key, passphrase_file, yes=yes)


@app.command()
def revoke(card: Card, statement: Statement, key: OwnKey, passphrase_file: PassphraseFile = None, yes: Yes = False) -> None:
    """Vetters: end a card for ever. It takes two vetters."""
    _state(EntryKind.REVOKE, card, statement, key, passphrase_file, yes=yes)


@app.command()
def lift(card: Card, statement: Statement, key: OwnKey, passphrase_file: PassphraseFile = None, yes: Yes = False) -> None:
    """Vetters: lift the suspensions that were signed until now. It takes two vetters, and 7 days from the later one's loading."""
    _state(EntryKind.LIFT, card, statement, key, passphrase_file, yes=yes)


def _state(kind: EntryKind, card: str, statement: Path, key: Path, passphrase_file: Path | None, *, yes: bool) -> None:
    fingerprint, shown = stating.card_named(card)
    if shown is not None:
        err.print_json(shown.decode("utf-8", "replace"))
    err.print(stating.NEEDS[kind][min(stating.signed_before(statement), 1)])
    ask(f"{kind.value.capitalize()} this card?", yes=yes)
    hour = SystemClock().now_ms() // HOUR_MS
    count = stating.state(statement, kind, fingerprint, hour, key_text(key), passphrase(passphrase_file))
    alone = count == 1 and kind is not EntryKind.SUSPEND
    way = "Hand it to the other vetter, and then to the operator" if alone else "Bring it to the operator at once"
    err.print(f"{statement} has {count} signed statement(s). {way}: tipline roster load {statement}")


@app.command()
def load(
    files: Annotated[list[Path], typer.Argument(help="Key cards with two vetters' signatures, and vetters' statements.")],
) -> None:
    """Enrol the people of these cards, and take these statements. Each is refused or taken by itself."""
    settings = settings_of(Mode.OFFLINE)
    if settings.regions is None or settings.vetters is None:
        raise EnrolError("TIPLINE_REGIONS and TIPLINE_VETTERS must be set.")
    run.prepare(settings)
    raise typer.Exit(1 if asyncio.run(_load(settings, settings.vetters, settings.regions, files)) else 0)


async def _load(settings: Settings, vetters_path: Path, regions: Path, files: list[Path]) -> int:
    vetters, atlas, keys = pinned_vetters(settings, vetters_path), load_atlas(regions), worker_keys(settings)
    database = open_database(settings.database_url.reveal())
    refused, store = 0, SqlStore(database)
    try:
        for file in files:
            now = datetime.now(UTC)
            try:
                leaves = stating.read_statement(file)
                if leaves is None:
                    at = await enrol.enrol(enrol.read_signed(file), store, keys, vetters, atlas, now, practice=False)
                    err.print(f"{file.name}: {'enrolled.' if at is None else _announced(at)}", soft_wrap=True)
                    continue
                told = [await stating.take(leaf, store, keys, vetters, now) for leaf in leaves]
                refused += sum(not taken for taken, _ in told)
                for _, said in told:
                    err.print(f"{file.name}: {said}", soft_wrap=True)
            except EnrolError as why:
                refused += 1
                err.print(f"{file.name}: {why}", soft_wrap=True)
        await store.retry_held(SystemClock().now_ms())
    finally:
        await database.close()
    return refused


def _announced(at: int) -> str:
    return f"announced. It lifts something, so it counts from {spoken_hour(at)} on; until then nothing changes, and the vetters are told."


@app.command(name="list")
def list_people(as_json: Annotated[bool, typer.Option("--json", help="As one JSON list, with whole fingerprints.")] = False) -> None:
    """Everybody of the roster, by id: role, state, and until when. No names."""
    settings = settings_of(Mode.OFFLINE)
    if settings.vetters is None:
        raise EnrolError("TIPLINE_VETTERS must be set.")
    run.prepare(settings)
    people = asyncio.run(_people(settings, settings.vetters))
    if as_json:
        sys.stdout.write(json.dumps([person.plain() for person in people], indent=2) + "\n")
        return
    table = Table(Column("person", no_wrap=True), "role", "state", "until", Column("expires", no_wrap=True), box=None, pad_edge=False)
    for person in people:
        table.add_row(*person.cells())
    Console(highlight=False).print(table)


async def _people(settings: Settings, vetters_path: Path) -> list[Shown]:
    async with open_database(settings.database_url.reveal()) as database, SqlStore(database).begin() as tx:
        hour = SystemClock().now_ms() // HOUR_MS
        return await shown_roster(tx, worker_keys(settings), pinned_vetters(settings, vetters_path), hour)
