"""The command line. Texts for people go to standard error or, where they are the result, to standard output; nothing names a source."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot import enrol as roster_cards
from bot import looking, operating, run, wiring
from bot.analyse import BadLine, analyse
from bot.atlas import AtlasFileError, load_atlas
from bot.connect import ConnectError
from bot.demo import demonstrate
from bot.files import VettersError, load_lexicons, load_vetters
from bot.logs import cut_off
from bot.settings import DiskFiles, Mode, Settings, load_settings
from bot.story import StoryError
from routing.people import Atlas, AtlasError
from sealing.keyring import KeyringError, load_worker
from sealing.rows import StorageDown
from storage.archive import BackupError
from storage.engine import DatabaseUrlError, open_database
from storage.store import SqlStore
from translations.index import INDEX_URL, fetch
from translations.packages import add, shelf
from translations.selftest import score
from translations.unpack import PackageError
from triage.lexicon import codes

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Tipline: a tip line against trafficking."
)
roster = typer.Typer(no_args_is_help=True, help="Key cards: draft, sign, enrol.")
channels = typer.Typer(no_args_is_help=True, help="What Telegram and Twilio are told of this line.")
languages = typer.Typer(no_args_is_help=True, help="Language packages for translation on this machine.")
app.add_typer(roster, name="roster")
app.add_typer(languages, name="languages")
app.add_typer(channels, name="channels")
app.add_typer(looking.app)

err = Console(stderr=True, highlight=False)
PassphraseFile = Annotated[Path | None, typer.Option(help="Read the passphrase from this file instead of asking.")]

PLAIN = (
    run.StartError,
    roster_cards.EnrolError,
    VettersError,
    AtlasFileError,
    AtlasError,
    KeyringError,
    PackageError,
    DatabaseUrlError,
    StoryError,
    BackupError,
    ConnectError,
)
"""Faults whose message is one sentence for the operator, without a value."""


def main() -> None:
    try:
        app()
    except PLAIN as fault:
        err.print(f"[bold red]Stopped.[/] {fault}")
        sys.exit(1)
    except StorageDown:
        err.print("[bold red]Stopped.[/] The database does not answer, or its disk is full.")
        sys.exit(1)


@app.command()
def serve() -> None:
    """Run the line: web and worker, until Ctrl-C. Settings: .env.example."""
    settings = _settings(Mode.LINE)
    run.prepare(settings)
    if settings.language_packs is None and not shelf(settings.home / wiring.PACKS).packs:
        err.print("No language package is installed: tips are shown untranslated. Add one: tipline languages add es")
    cut_off()
    sys.exit(asyncio.run(run.serve(settings)))


@app.command()
def demo() -> None:
    """Try the line on this machine, with practice phones and practice investigators. No account, token or service."""
    sys.exit(demonstrate(_settings(Mode.PRACTICE)))


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")]) -> None:
    """Copy the database of a line, which may be running, into one file. No secret is in it."""
    err.print(asyncio.run(operating.back_up(_settings(Mode.OFFLINE), file)), soft_wrap=True)


@app.command()
def restore(
    file: Annotated[Path | None, typer.Argument(help="A file that `tipline backup` wrote.")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Let texts leave again that were held since the restore.")] = False,
    send_old: Annotated[bool, typer.Option("--send-old", help="With --confirm: also answers that were due at the backup.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take a backup into an empty database. Nothing leaves before `tipline restore --confirm`."""
    settings = _settings(Mode.OFFLINE)
    if (file is None) is not confirm or (send_old and not confirm):
        raise BackupError("Give a file to restore, or --confirm afterwards.")
    if file is not None:
        err.print(asyncio.run(operating.take_back(settings, file)), soft_wrap=True)
        return
    held = asyncio.run(operating.leaving(settings))
    err.print(held or "Nothing is held.", soft_wrap=True)
    if held is not None and not yes and not typer.confirm("Let texts leave?", err=True):
        raise typer.Exit(1)
    if held is not None:
        asyncio.run(operating.let_go(settings, old=send_old))


@app.command(name="analyse")
def analyse_lines(
    no_translate: Annotated[bool, typer.Option("--no-translate", help="Skip translation.")] = False,
    show_codes: Annotated[bool, typer.Option("--codes", help="List the reason codes and stop.")] = False,
) -> None:
    """What the line makes of a text: JSON lines {"id","text"} in, one JSON line each out. Stores nothing."""
    if show_codes:
        sys.stdout.write("\n".join(codes(load_lexicons())) + "\n")
        return
    settings = _settings(Mode.OFFLINE)
    cut_off()
    sys.exit(asyncio.run(_analyse(settings, translate=not no_translate)))


async def _analyse(settings: Settings, *, translate: bool) -> int:
    atlas = Atlas((), ()) if settings.regions is None else load_atlas(settings.regions)
    understanding, translator = wiring.understanding(settings.languages, run.packs_for(settings), atlas)
    bad = 0
    try:
        async for answer in analyse(sys.stdin.buffer, understanding, translate=translate):
            if isinstance(answer, BadLine):
                bad += 1
                err.print(f'Line {answer.number} is not JSON with "id" and "text".')
            else:
                line = json.dumps(answer, ensure_ascii=False).encode("utf-8", "backslashreplace")  # half a character, as JSON writes it
                sys.stdout.buffer.write(line + b"\n")
                sys.stdout.buffer.flush()
    finally:
        await translator.close()
    return 1 if bad else 0


@app.command()
def keygen(
    name: Annotated[str, typer.Argument(help="How the files are called: NAME.key and NAME.pub.json.")],
    folder: Annotated[Path, typer.Option(help="Where they are written.")] = Path(),
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make a person's keys on this device: a passphrase file to keep, and public halves to hand to the vetters."""
    key_file, public_file = folder / f"{name}.key", folder / f"{name}.pub.json"
    if key_file.exists() or public_file.exists():
        raise roster_cards.EnrolError("Files of that name exist already; nothing was changed.")
    key, public = roster_cards.make_key(_passphrase(passphrase_file, confirm=True))
    _write_private(key_file, key)
    public_file.write_text(json.dumps({"person": public.person, "age": public.age, "verify": public.verify}) + "\n", encoding="utf-8")
    err.print(f"Wrote {key_file} (keep it, with its passphrase, on this device alone) and {public_file} (hand it to the vetters).")


@roster.command()
def draft(
    public: Annotated[Path, typer.Argument(help="NAME.pub.json of the person.")],
    details: Annotated[Path, typer.Argument(help="TOML with what the vetters checked (docs/OPERATING.md).")],
    out: Annotated[Path, typer.Argument(help="The key card to write.")],
) -> None:
    """Put a person's public keys and checked details into a key card, not signed yet."""
    card = roster_cards.draft(roster_cards.read_public(public), roster_cards.read_details(details), datetime.now(UTC))
    out.write_bytes(card.to_bytes())
    err.print(f"Wrote {out}. Two vetters of different agencies sign it now: tipline roster sign {out} --key VETTER.key")


@roster.command()
def sign(
    card: Annotated[Path, typer.Argument(help="The key card; the signature is added to it.")],
    key: Annotated[Path, typer.Option(help="Your own passphrase file.")],
    passphrase_file: PassphraseFile = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether the card is right.")] = False,
) -> None:
    """Vetters: read the whole card, then add your signature to it."""
    signed = roster_cards.read_signed(card)
    err.print_json(signed.card.decode("utf-8", "replace"))
    if not yes and not typer.confirm("Is every line of this card true as far as you could check?", err=True):
        raise typer.Exit(1)
    try:
        held = key.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise roster_cards.EnrolError("The key file cannot be read.") from None
    new = roster_cards.sign(signed, held, _passphrase(passphrase_file, confirm=False))
    card.write_bytes(new.to_bytes())
    err.print(f"{card} has {len(new.signatures)} signature(s).")


@roster.command()
def load(
    files: Annotated[list[Path], typer.Argument(help="Key cards with two vetters' signatures.")],
) -> None:
    """Enrol the people of these cards. Each is refused or enrolled by itself."""
    settings = _settings(Mode.OFFLINE)
    if settings.regions is None or settings.vetters is None:
        raise roster_cards.EnrolError("TIPLINE_REGIONS and TIPLINE_VETTERS must be set.")
    run.prepare(settings)
    refused = asyncio.run(_load(settings, settings.vetters, settings.regions, files))
    raise typer.Exit(1 if refused else 0)


async def _load(settings: Settings, vetters_file: Path, regions: Path, files: list[Path]) -> int:
    vetters, atlas = load_vetters(vetters_file), load_atlas(regions)
    keys = load_worker(settings.home / wiring.SECRETS / "worker")
    database = open_database(settings.database_url.reveal())
    refused = 0
    try:
        for file in files:
            try:
                signed = roster_cards.read_signed(file)
                now = datetime.now(UTC)
                await roster_cards.enrol(signed, SqlStore(database), keys, vetters, atlas, now, practice=False)
                err.print(f"{file.name}: enrolled.")
            except roster_cards.EnrolError as why:
                refused += 1
                err.print(f"{file.name}: {why}")
        await SqlStore(database).retry_held(wiring.SystemClock().now_ms())
    finally:
        await database.close()
    return refused


@channels.command()
def connect() -> None:
    """Tell Telegram and Twilio where this line is, and Telegram the menu. To be run again after a change of address or secret."""
    settings = _settings(Mode.LINE)
    cut_off()
    for told in asyncio.run(operating.connect(settings)):
        err.print(told, soft_wrap=True)


@languages.command(name="add")
def add_language(
    what: Annotated[str, typer.Argument(help="A package file (.argosmodel) or a language code such as es.")],
    index_url: Annotated[str, typer.Option(help="Where the Argos index is.")] = INDEX_URL,
) -> None:
    """Install a language package: from a file, or by code from the Argos index. Its SHA-256 is pinned at first use."""
    settings = _settings(Mode.OFFLINE)
    run.claim_home(settings)
    packs = settings.home / wiring.PACKS
    added = [add(packs, Path(what), score)] if Path(what).exists() else fetch(what, packs, score, index_url)
    for pack in added:
        told = "not tested (no sentence pairs)" if pack.chrf is None else f"chrF {pack.chrf:.0f} over our sentence pairs"
        err.print(
            f"{pack.source} to {pack.target}: {told}; answers {'go out translated' if pack.trusted else 'go out in the own words only'}."
        )


@languages.command(name="list")
def list_languages() -> None:
    """The installed packages, with their self-test."""
    settings = _settings(Mode.OFFLINE)
    for pack in shelf(settings.home / wiring.PACKS).packs:
        chrf = "-" if pack.chrf is None else f"{pack.chrf:.0f}"
        sys.stdout.write(f"{pack.source}\t{pack.target}\t{pack.version}\t{pack.quality}\tchrF {chrf}\n")


def _settings(mode: Mode) -> Settings:
    settings = load_settings(os.environ, DiskFiles(), mode)
    if isinstance(settings, tuple):
        err.print(f"[bold red]The line does not start:[/] {len(settings)} setting(s) to mend.")
        for problem in settings:
            err.print(f"  - {problem}")
        raise typer.Exit(2)
    return settings


def _passphrase(file: Path | None, *, confirm: bool) -> str:
    if file is None:
        return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise roster_cards.EnrolError("The passphrase file cannot be read.") from None


def _write_private(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(text)


if __name__ == "__main__":
    main()
