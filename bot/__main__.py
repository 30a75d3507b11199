"""The command line. Texts for people go to standard error or, where they are the result, to standard output; nothing names a source."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bot import auditor, duty, keys, looking, operating, routing, run, trustee, vetter_lists, vetting, wiring
from bot.analyse import BadLine, analyse
from bot.atlas import AtlasFileError, load_atlas
from bot.connect import ConnectError
from bot.demo import demonstrate
from bot.enrol import EnrolError
from bot.explaining import ExplainError
from bot.files import VettersError, load_lexicons
from bot.logs import cut_off
from bot.own_key import DeskError
from bot.settings import Mode, Settings
from bot.story import StoryError
from bot.terminal import err, settings_of
from routing.people import Atlas, AtlasError
from sealing.keyring import KeyringError
from sealing.recovery import RecoveryError
from sealing.rows import StorageDown
from storage.archive import BackupError
from storage.engine import DatabaseUrlError
from translations.index import INDEX_URL, fetch
from translations.packages import add, shelf
from translations.selftest import score
from translations.unpack import PackageError
from triage.lexicon import codes

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Tipline: a tip line against trafficking."
)
channels = typer.Typer(no_args_is_help=True, help="What Telegram and Twilio are told of this line.")
languages = typer.Typer(no_args_is_help=True, help="Language packages for translation on this machine.")
app.command()(vetting.keygen)
app.add_typer(vetting.app, name="roster")
app.add_typer(vetter_lists.app, name="vetters")
app.add_typer(languages, name="languages")
app.add_typer(channels, name="channels")
app.add_typer(duty.app, name="duty")
app.add_typer(keys.app, name="keys")
trustee.app.command()(keys.share)
app.add_typer(trustee.app, name="trustee")
app.add_typer(auditor.app, name="auditor")
app.add_typer(routing.app, name="routing")
app.add_typer(looking.app)


PLAIN = (
    run.StartError,
    EnrolError,
    VettersError,
    AtlasFileError,
    AtlasError,
    KeyringError,
    PackageError,
    DatabaseUrlError,
    StoryError,
    BackupError,
    ConnectError,
    DeskError,
    RecoveryError,
    ExplainError,
)
"""Faults whose message is one sentence for the operator, without a value."""


def main() -> None:
    try:
        app()
    except PLAIN as fault:
        err.print(f"[bold red]Stopped.[/] {escape(sentence(str(fault)))}")
        sys.exit(1)
    except StorageDown:
        err.print("[bold red]Stopped.[/] The database does not answer, or its disk is full.")
        sys.exit(1)


def sentence(said: str) -> str:
    """A fault that elsewhere stands within a sentence becomes one. A file's name in front stays as it is."""
    first = said.split(" ", 1)[0]
    return f"{said[0].upper()}{said[1:].removesuffix('.')}." if first.isalpha() and first.islower() else said


@app.command()
def serve() -> None:
    """Run the line: web and worker, until Ctrl-C. Settings: .env.example."""
    settings = settings_of(Mode.LINE)
    run.prepare(settings)
    if settings.vetters_root is None:
        err.print("TIPLINE_VETTERS_ROOT is not set: whoever changes the vetters' file chooses who vets. See: tipline vetters show")
    if settings.language_packs is None and not shelf(settings.home / wiring.PACKS).packs:
        err.print("No language package is installed: tips are shown untranslated. Add one: tipline languages add es")
    cut_off()
    sys.exit(asyncio.run(run.serve(settings)))


@app.command()
def demo() -> None:
    """Try the line on this machine, with practice phones and practice investigators. No account, token or service."""
    sys.exit(demonstrate(settings_of(Mode.PRACTICE)))


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")]) -> None:
    """Copy the database of a line, which may be running, into one file. No secret is in it."""
    err.print(asyncio.run(operating.back_up(settings_of(Mode.OFFLINE), file)), soft_wrap=True)


@app.command()
def restore(
    file: Annotated[Path | None, typer.Argument(help="A file that `tipline backup` wrote.")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Let texts leave again that were held since the restore.")] = False,
    send_old: Annotated[bool, typer.Option("--send-old", help="With --confirm: also answers that were due at the backup.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take a backup into an empty database. Nothing leaves before `tipline restore --confirm`."""
    settings = settings_of(Mode.OFFLINE)
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
    settings = settings_of(Mode.OFFLINE)
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


@channels.command()
def connect() -> None:
    """Tell Telegram and Twilio where this line is, and Telegram the menu. To be run again after a change of address or secret."""
    settings = settings_of(Mode.LINE)
    cut_off()
    for told in asyncio.run(operating.connect(settings)):
        err.print(told, soft_wrap=True)


@languages.command(name="add")
def add_language(
    what: Annotated[str, typer.Argument(help="A package file (.argosmodel) or a language code such as es.")],
    index_url: Annotated[str, typer.Option(help="Where the Argos index is.")] = INDEX_URL,
) -> None:
    """Install a language package: from a file, or by code from the Argos index. Its SHA-256 is pinned at first use."""
    settings = settings_of(Mode.OFFLINE)
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
    settings = settings_of(Mode.OFFLINE)
    for pack in shelf(settings.home / wiring.PACKS).packs:
        chrf = "-" if pack.chrf is None else f"{pack.chrf:.0f}"
        sys.stdout.write(f"{pack.source}\t{pack.target}\t{pack.version}\t{pack.quality}\tchrF {chrf}\n")


if __name__ == "__main__":
    main()
