"""`tipline demo`: a practice line that runs until Ctrl-C, after it has sent one tip through itself and shown what happened to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import IO

import httpx
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from bot import run, story
from bot.practice_line import PracticeLine, people_folder, practice_line, with_files
from bot.settings import Settings
from bot.wiring import PACKS
from translations.packages import Pack, shelf

console = Console(highlight=False)
EVENTS = "events.log"
"""Under the practice folder: what the processes say of themselves, without content."""


def demonstrate(settings: Settings) -> int:
    """Until Ctrl-C. 0 = asked to stop."""
    started = time.monotonic()
    settings = with_files(settings)
    console.print(
        Panel.fit(
            "[bold]Tipline, practice line[/]\nInvented people, places and keys. Nothing here protects anybody.", border_style="yellow"
        )
    )
    run.prepare(settings)
    line = practice_line(settings)
    with (settings.home / EVENTS).open("ab") as events:
        return asyncio.run(_demonstrate(line, events, started))


async def _demonstrate(line: PracticeLine, events: IO[bytes], started: float) -> int:
    settings = line.settings
    console.print(
        f"{len(line.cards)} practice investigators in {len({card.agency for card in line.cards.values()})} agencies are enrolled."
    )
    _tell_languages(shelf(settings.home / PACKS).packs)
    processes = await run.start_line(settings, line.token, events)
    stop = asyncio.Event()
    with run.stopping(stop):
        try:
            if not await run.until_ready(settings.port, processes):
                console.print(f"[bold red]The line did not start.[/] Perhaps port {settings.port} is taken: set TIPLINE_PORT to another.")
                return 1
            told = asyncio.ensure_future(_one_tip(line))
            asked = asyncio.ensure_future(stop.wait())
            await asyncio.wait({told, asked}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                told.cancel()
                return 0
            told.result()
            _ready(settings, line, time.monotonic() - started)
            ended = asyncio.ensure_future(processes.ended())
            watching = asyncio.ensure_future(story.watch(line, console))
            await asyncio.wait({ended, asked, watching}, return_when=asyncio.FIRST_COMPLETED)
            for task in (ended, asked, watching):
                task.cancel()
        finally:
            await processes.stop()
    console.print("Stopped.")
    return 0 if stop.is_set() else 1


async def _one_tip(line: PracticeLine) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{line.settings.port}", trust_env=False, timeout=30) as client:
        await story.tell(line, client, console)


def _tell_languages(packs: Sequence[Pack]) -> None:
    if not packs:
        console.print(
            "[yellow]No language package is installed: tips are shown untranslated.[/] "
            "Add one, for example Spanish: [bold].venv/bin/tipline languages add es[/]"
        )
        return
    table = Table("from", "to", "kind", "self-test (chrF)", title="Translation on this machine, without network", title_justify="left")
    for pack in packs:
        table.add_row(pack.source, pack.target, pack.quality, "not tested" if pack.chrf is None else f"{pack.chrf:.0f}")
    console.print(table)


def _ready(settings: Settings, line: PracticeLine, seconds: float) -> None:
    base, token = f"http://127.0.0.1:{settings.port}", line.token.token.reveal()
    console.rule("[bold green]Ready", style="green")
    console.print(f"Ready after {seconds:.0f} s. Open these two in a browser on this machine:\n", soft_wrap=True)
    for name, page in (("Phones (write as a source)", "handset"), ("Desk (be an investigator)", "desk")):
        # Never wrapped: a broken address helps nobody.
        console.print(f"[bold]{name}[/]\n{base}/{page}#practice={token}\n", soft_wrap=True)
    console.print(
        f"Practice is quicker than a real line: a tip is sealed after {settings.silence_s} s of silence, not 10 min, and offered every "
        f"{settings.slots.every_s} s, not at 08, 14 and 20 h."
    )
    console.print(
        f"Data: {settings.home} (events: {EVENTS})\nPractice keys: {people_folder(settings.home)}\n[bold]Stop: Ctrl-C[/]", soft_wrap=True
    )
