"""What the groups of commands share: where texts for people go, settings, passphrases, files that are their owner's alone."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.enrol import EnrolError
from bot.settings import DiskFiles, Mode, Settings, load_settings

err = Console(stderr=True, highlight=False, soft_wrap=True)
"""Breaks no line: a command or a path in it can be copied."""
PassphraseFile = Annotated[Path | None, typer.Option(help="Read the passphrase from this file instead of asking.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
OwnKey = Annotated[Path, typer.Option(help="Your own passphrase file.")]


def settings_of(mode: Mode) -> Settings:
    """Ends the command, with a sentence for each problem, where they cannot be used."""
    settings = load_settings(os.environ, DiskFiles(), mode)
    if isinstance(settings, tuple):
        err.print(f"[bold red]The line does not start:[/] {len(settings)} setting(s) to mend.")
        for problem in settings:
            err.print(f"  - {problem}")
        raise typer.Exit(2)
    return settings


def passphrase(file: Path | None, *, confirm: bool = False) -> str:
    """Raises EnrolError."""
    if file is None:
        return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))
    return one_line(file, "The passphrase file cannot be read.")


def one_line(file: Path, fault: str) -> str:
    """A file's text without the line's end. Raises EnrolError, saying `fault`."""
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise EnrolError(fault) from None


def key_text(file: Path) -> str:
    """A person's key file, still locked. Raises EnrolError."""
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise EnrolError("The key file cannot be read.") from None


def ask(question: str, *, yes: bool) -> None:
    """Ends the command where the answer is no."""
    if not yes and not typer.confirm(question, err=True):
        raise typer.Exit(1)


def write_private(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)


def spoken_hour(hour: int) -> str:
    """`hour` since 1970, UTC."""
    return datetime.fromtimestamp(hour * 3600, UTC).strftime("%Y-%m-%d %H:00 UTC")
