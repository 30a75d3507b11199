"""`tipline doctor`: looks at everything that must be right for a tip to arrive, be read and be answered, and changes nothing."""

from __future__ import annotations

import asyncio
import shutil
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bot.countries import load_countries, of_number
from bot.doctor_channels import from_outside
from bot.doctor_line import from_inside, languages, no_database
from bot.finding import Finding, Verdict, look, mend, ok, unknown
from bot.keyrings import secrets_of, web_keys, worker_keys
from bot.settings import OTHERS, Settings
from sealing.keyring import KeyringError

MB = 1_000_000
LEAST_FREE = 500 * MB
LITTLE_FREE = 2_000 * MB
PROC = Path("/proc")
TOPIC_WIDTH = 11
NO_DATABASE = mend("database", "There is no database yet: start the line once.")


def examine(settings: Settings, now: datetime | None = None) -> list[Finding]:
    """Settings that hold. Takes up to some tens of seconds where nobody answers."""
    at = now or datetime.now(UTC)
    found = [ok("settings", "The settings hold."), *on_disk(settings), *machine(PROC)]
    if not settings.home.exists():
        return found
    found += [NO_DATABASE] if no_database(settings) else asyncio.run(from_inside(settings, at))
    found += [*languages(settings), *asyncio.run(from_outside(settings, at))]
    if (twilio := settings.channels.twilio) is not None:
        found += of_number(load_countries(), twilio.number, telegram=settings.channels.telegram is not None, today=at.date())
    return found


def refused(problems: Sequence[str]) -> list[Finding]:
    """Of settings that do not hold: nothing else can be looked at."""
    return [mend("settings", problem) for problem in problems]


def on_disk(settings: Settings) -> Iterator[Finding]:
    """Folder, secrets and room. That others cannot enter the folder is a rule of the settings."""
    if not settings.home.exists():
        yield mend("home", "TIPLINE_HOME does not exist yet: start the line once.")
        return
    yield _room(shutil.disk_usage(settings.home).free)
    folder = secrets_of(settings)
    if not folder.is_dir():
        yield mend("secrets", "There are no secrets: start the line once, or bring back those of the database.")
        return
    if any(path.lstat().st_mode & OTHERS or stat.S_ISLNK(path.lstat().st_mode) for path in [folder, *folder.rglob("*")]):
        yield mend("secrets", "Other users of this machine can read secrets, or one is a link: chmod -R go= on the secrets folder.")
    try:
        web_keys(settings)
        worker_keys(settings)
    except KeyringError as fault:  # one sentence, without a value
        yield mend("secrets", f"They cannot be used: {fault}.")
    else:
        yield ok("secrets", "The secrets are whole.")


def _room(free: int) -> Finding:
    text = f"{free // MB:,} MB are free."
    if free < LEAST_FREE:
        return mend("disk", f"{text} A full disk takes no tips.")
    return look("disk", text) if free < LITTLE_FREE else ok("disk", text)


def machine(proc: Path) -> Iterator[Finding]:
    """Where the system may write memory, and tips with it, to disk. `proc`: Linux's /proc."""
    try:
        swaps = len((proc / "swaps").read_text(encoding="ascii", errors="replace").splitlines()) - 1
        pattern = (proc / "sys/kernel/core_pattern").read_text(encoding="utf-8", errors="replace")
    except OSError:
        yield unknown("machine", "Swap and core dumps can be looked at on Linux alone: turn both off.")
        return
    if swaps > 0:
        yield look("machine", "Swap is on: words of tips can be written to disk. Turn it off, or encrypt it with a key of the moment.")
    if pattern.startswith("|"):
        yield look("machine", "Core dumps are piped to a program, which our limit does not stop: set kernel.core_pattern to core.")
    if swaps <= 0 and not pattern.startswith("|"):
        yield ok("machine", "Swap and piped core dumps are off.")


def worst(found: Sequence[Finding]) -> int:
    """The exit code: 1 when something must be mended."""
    return 1 if any(finding.verdict is Verdict.MEND for finding in found) else 0


COLOURS = {Verdict.OK: "green", Verdict.LOOK: "yellow", Verdict.MEND: "bold red", Verdict.UNKNOWN: "dim"}


def counted(found: Sequence[Finding]) -> str:
    """The last line."""
    n = {verdict: sum(finding.verdict is verdict for finding in found) for verdict in Verdict}
    return f"{n[Verdict.OK]} ok, {n[Verdict.LOOK]} to look at, {n[Verdict.MEND]} to mend, {n[Verdict.UNKNOWN]} unknown."
