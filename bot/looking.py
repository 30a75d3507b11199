"""The commands that look and change nothing: `tipline doctor`, `tipline status`. Their result goes to standard output."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from bot import doctor
from bot.countries import load_countries
from bot.doctor_line import no_database
from bot.finding import Finding
from bot.logs import cut_off
from bot.practice_line import with_files
from bot.settings import DiskFiles, Mode, Settings, load_settings
from bot.status import LABEL_WIDTH, Status, status_of
from storage.engine import open_database

app = typer.Typer()
PRACTICE = typer.Option("--practice", help="The practice line of `tipline demo`.")


@app.command(name="doctor")
def doctor_command(
    practice: Annotated[bool, PRACTICE] = False,
    countries: Annotated[bool, typer.Option("--countries", help="Show the table of countries and stop.")] = False,
) -> None:
    """Look at everything that must be right: settings, secrets, database, worker, roster, channels, clock. Exit code 1 = mend something."""
    if countries:
        sys.stdout.write("\n".join(load_countries().lines()) + "\n")
        return
    settings = _settings(Mode.PRACTICE if practice else Mode.LINE)
    cut_off()
    found = doctor.examine(settings) if isinstance(settings, Settings) else doctor.refused(settings)
    _show(found)
    raise typer.Exit(doctor.worst(found))


@app.command(name="status")
def status_command(
    practice: Annotated[bool, PRACTICE] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """What waits and what is stuck, in numbers."""
    settings = _settings(Mode.PRACTICE if practice else Mode.OFFLINE)
    if not isinstance(settings, Settings):
        _show(doctor.refused(settings))
        raise typer.Exit(2)
    if not settings.home.is_dir() or no_database(settings):
        _show([doctor.NO_DATABASE])
        raise typer.Exit(1)
    now = datetime.now(UTC)
    status = asyncio.run(_status(settings, now))
    if as_json:
        sys.stdout.write(json.dumps(status.to_json()) + "\n")
        return
    out = Console(highlight=False)
    out.print(f"[bold]{escape(settings.line)}[/]  {now:%d %B %Y, %H:%M} UTC\n", soft_wrap=True)
    for name, value, odd in status.rows():
        out.print(f"  {name:<{LABEL_WIDTH}}{'[bold yellow]' if odd else '[default]'}{value}[/]", soft_wrap=True)


async def _status(settings: Settings, now: datetime) -> Status:
    async with open_database(settings.database_url.reveal()) as database:
        return await status_of(settings, database, now)


def _settings(mode: Mode) -> Settings | tuple[str, ...]:
    settings = load_settings(os.environ, DiskFiles(), mode)
    return with_files(settings) if isinstance(settings, Settings) and settings.practice else settings


def _show(found: list[Finding]) -> None:
    out = Console(highlight=False)
    for finding in found:
        head = f"[{doctor.COLOURS[finding.verdict]}]{finding.verdict.value:<9}[/]{finding.topic:<{doctor.TOPIC_WIDTH}}"
        out.print(head + escape(finding.text), soft_wrap=True)
    out.print(f"\n{doctor.counted(found)}", soft_wrap=True)
