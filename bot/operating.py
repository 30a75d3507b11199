"""What an operator does with a line's data, in the words that he is told: counts and sentences, nothing of a tip."""

from __future__ import annotations

from pathlib import Path

from bot.backup import confirm, make_backup, restore, waiting_to_leave
from bot.connect import connect_telegram, menu
from bot.connect_twilio import connect_twilio
from bot.files import load_vetters
from bot.keyrings import SECRETS, worker_keys
from bot.run import claim_home
from bot.settings import Settings
from bot.wiring import SystemClock
from storage.archive import BackupError
from storage.engine import open_database
from storage.holding import Outgoing

HELD_NOW = "Nothing leaves and nothing is deleted at a provider until you run: tipline restore --confirm"


async def back_up(settings: Settings, file: Path) -> str:
    """Raises BackupError, StorageDown."""
    _must_be_there(settings)
    async with open_database(settings.database_url.reveal()) as database:
        made = await make_backup(database, file)
    return (
        f"Wrote {file} and read it back: {made.cases} case(s), {made.waiting} waiting message(s), {made.entries} log entries. "
        "No secret is in it. On another machine it opens only with the recovery file (tipline keys recovery write), which you keep apart "
        "from it."
    )


def _must_be_there(settings: Settings) -> None:
    """To open a SQLite database that is not there would make one."""
    url = settings.database_url.reveal()
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).is_file():
        raise BackupError("There is no database to back up.")


async def take_back(settings: Settings, file: Path) -> str:
    """Raises BackupError, KeyringError, StartError, StorageDown, VettersError."""
    secrets = settings.home / SECRETS
    if not (secrets / "worker").is_dir() or not (secrets / "web").is_dir():
        raise BackupError("There are no secrets in TIPLINE_HOME: bring back those that belong to the backup first.")
    claim_home(settings)
    keys, now = worker_keys(settings), SystemClock().now_ms()
    vetters = None if settings.vetters is None else load_vetters(settings.vetters, root=settings.vetters_root)
    async with open_database(settings.database_url.reveal()) as database:
        found = await restore(database, file, keys, now, () if vetters is None else tuple(vetters.ever.values()))
        held = await waiting_to_leave(database, now)
    told = f"Restored {found.cases} case(s), {found.waiting} waiting message(s); {found.entries} log entries"
    told += ", every one signed." if not (found.unchecked or found.others) else ", in one piece."
    for count, what in ((found.unchecked, "opening(s)"), (found.others, "other act(s)")):
        if count:
            told += f" {count} {what} were signed by keys that no vetter and nobody on the roster has now, and could not be checked."
    if found.lost:
        told += f" {found.lost} of the waiting message(s) were sealed to keys that are destroyed: nobody can open them, and they are gone."
    return f"{told}\n{_held(held)}\n{HELD_NOW}"


async def leaving(settings: Settings) -> str | None:
    """What `restore --confirm` would let go; None when nothing is held. Raises StorageDown."""
    _must_be_there(settings)
    async with open_database(settings.database_url.reveal()) as database:
        held = await waiting_to_leave(database, SystemClock().now_ms())
    return None if held is None else _held(held)


async def let_go(settings: Settings, *, old: bool) -> None:
    """Raises StorageDown."""
    async with open_database(settings.database_url.reveal()) as database:
        await confirm(database, SystemClock().now_ms(), old=old)


async def connect(settings: Settings) -> list[str]:
    """What each provider was told, a sentence each. Raises ConnectError, CatalogError."""
    told: list[str] = []
    if settings.channels.telegram is not None:
        told += await connect_telegram(settings.channels.telegram, settings.public_url, menu())
    if settings.channels.twilio is not None:
        told += await connect_twilio(settings.channels.twilio, settings.public_url)
    if settings.channels.gateway is not None:
        told.append("Your text gateway is told by hand: docs/GATEWAY.md.")
    return told


def _held(held: Outgoing | None) -> str:
    """What was lost between backup and restore is not known here, so both halves of an operator's doubt are said."""
    if held is None:
        return "Nothing is held."
    told = (
        f"{held.answers + held.ours} text(s) that came due since the restore would leave; {held.late} of the line's own came due more "
        "than 15 minutes ago and are given up."
    )
    if not held.old:
        return told
    return (
        f"{told}\n{held.old} answer(s) were due when the backup was made. They may have left already, and their source may have asked for "
        "silence since: they wait until the source writes. With --send-old they leave now."
    )
