"""A warmed process that forks web and worker processes in milliseconds, so that hundreds of kills fit in a test.

Standard input: JSON lines {"start": role, "told": settings, "halt": null or point, passing, signal and note, "log": file}. Standard
output: the pid of each child. The children are the product's own entry point (bot.child.main), forked before any thread or event loop is.
What every worker reads from files at its start is read once, here.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import signal
import ssl
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

from bot import wiring
from bot.atlas import load_atlas
from bot.child import main
from bot.files import load_lexicons
from bot.handover import Role
from bot.practice_line import WORLD
from desk.pages import desk_page, handset_page
from handlers.phrases import Phrase
from handlers.telegram_sender import TelegramSender
from handlers.twilio_sender import TwilioSender
from sealing.points import Point, listen
from translations.engine import ChildTranslator
from translations.phrases import Catalog
from triage.assess import assess
from triage.names import RosterNames
from triage.sensitive import Sensitive


def nurse() -> None:
    _warm()
    gc.freeze()  # children need not look through it, nor copy it to count it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps what the test kills
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os._exit(_live(order))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def _live(order: Mapping[str, object]) -> int:
    halt, told = order["halt"], order["told"]
    assert isinstance(told, dict)
    out = os.open(str(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(out, standard)
    if isinstance(halt, dict):
        listen(_halting(Point(halt["point"]), int(halt["passing"]), int(halt["signal"]), Path(halt["note"])))
    return main(Role(str(order["start"])), told)


class Broken(Exception):
    """What a test raises at a point."""


def _halting(point: Point, passing: int, number: int, note: Path) -> Callable[[Point], None]:
    """Sends this process the signal, or raises for 0, at its `passing`-th passing of the point, once, and notes down that it did."""
    passed = 0

    def look(at: Point) -> None:
        nonlocal passed
        passed += at is point
        if at is point and passed == passing:
            with note.open("a") as lines:
                lines.write(f"{point}\n")
            if number == 0:
                raise Broken
            os.kill(os.getpid(), number)

    return look


LATE = (
    "aiosqlite",
    "psycopg",
    "anyio._backends._asyncio",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
"""Modules that are imported when they are first needed."""


def _warm() -> None:
    """Imports, word lists and patterns, as a process that has run for a while has them."""
    for module in LATE:
        import_module(module)
    patch.object(wiring, "load_lexicons", functools.cache(load_lexicons)).start()
    atlas = functools.cache(load_atlas)
    patch.object(wiring, "load_atlas", atlas).start()
    phrases = Catalog.load(phrase.value for phrase in Phrase)
    patch.object(Catalog, "load", lambda _: phrases).start()
    for page in (desk_page, handset_page):
        page()
    patch.object(ssl, "create_default_context", functools.cache(ssl.create_default_context)).start()
    ears, _ = wiring.understanding(("en", "es"), Path("/nonexistent"), atlas(WORLD))
    for words in ("En Peñalta unas mujeres trabajann sin pago, el jefe lo sabe", "The chief knows that the womenn work without pay"):
        ears.detector.identify(words)
        assess(words, None, ears.lexicons, ears.gazetteer, RosterNames({}), agencies=ears.agencies)
    TwilioSender("AC" + "0" * 32, Sensitive("x"), "+15005550006", "http://127.0.0.1:9")
    TelegramSender(Sensitive("1:x"), "http://127.0.0.1:9")
    start = ChildTranslator.start

    async def start_for_packs(translator: ChildTranslator) -> str | None:
        """Without a package nothing would ever be asked of the translation child, and its start takes as long as a worker's life here."""
        return await start(translator) if translator.directions() else None

    patch.object(ChildTranslator, "start", start_for_packs).start()


if __name__ == "__main__":
    nurse()
