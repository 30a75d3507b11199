"""`tipline keys`: what an operator sees and does with the keys of the line. Fingerprints alone are shown, never a key."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from bot import run
from bot.doctor_line import no_database
from bot.keyrings import key_folder, secrets_of, web_folder, worker_folder, worker_keys
from bot.recovery import gather, put_back, stale, write_file
from bot.settings import Mode, Settings
from bot.terminal import OwnKey, PassphraseFile, Yes, ask, err, key_text, passphrase, settings_of
from handlers.rotation import DRAIN_H, Rotation, Turned, successor
from sealing import age, recovery, signing
from sealing.epochs import Epochs
from sealing.keyring import DEDUPE, PEPPERS, SEED, WorkerKeys
from sealing.passphrase import unlock
from sealing.recovery import RecoveryError
from sealing.rows import HOUR_MS, Purpose
from storage.engine import open_database
from storage.epochs import EpochMismatch, SqlEpochs

app = typer.Typer(no_args_is_help=True, help="The line's own keys: make, show, rotate, destroy, and a recovery file.")
recoveries = typer.Typer(no_args_is_help=True, help="The file from which trustees together bring a line's secrets back.")
app.add_typer(recoveries, name="recovery")

OFTEN = {Purpose.INTAKE: "daily", Purpose.ROSTER: "by hand"}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@app.command()
def make() -> None:
    """Make the secrets of a new line, once. `tipline serve` does it, too, when there are none."""
    settings = settings_of(Mode.OFFLINE)
    run.first_secrets(settings)
    err.print(
        f"Made {secrets_of(settings)}. No copy of it belongs in a backup: write a recovery file once there are trustees.", soft_wrap=True
    )


@app.command()
def show() -> None:
    """Every key: what for, which epoch, since when, and a fingerprint of its public half."""
    settings = settings_of(Mode.OFFLINE)
    keys = worker_keys(settings)
    out = Console(highlight=False)
    out.print(epochs_table(keys, now_ms()))
    out.print(secrets_table(settings, keys))
    warning = stale(settings, keys)
    out.print(warning or "The recovery file holds the newest keys.", soft_wrap=True)


@app.command()
def rotate(
    purpose: Annotated[Purpose, typer.Argument(help="Which key gets a successor.")],
    yes: Yes = False,
) -> None:
    """Give a key a successor now. The old one is destroyed later, when nothing needs it any more."""
    settings = settings_of(Mode.OFFLINE)
    keys = worker_keys(settings)
    ask(f"Make a new {purpose.value} key?", yes=yes)
    made = successor(keys, key_folder(settings), purpose, now_ms())
    if made is None:
        err.print("Somebody else is making one at this moment; look again: tipline keys show")
        raise typer.Exit(1)
    err.print(f"Epoch {made.number} of the {purpose.value} key is made. A running line takes it up within a minute, another at its start.")
    if (warning := stale(settings, keys)) is not None:
        err.print(warning)


@app.command()
def destroy() -> None:
    """Destroy the old keys whose time has come, after sealing anew what still needs them. A running line does the same by itself."""
    settings = settings_of(Mode.OFFLINE)
    turned = asyncio.run(_destroy(settings, worker_keys(settings)))
    for epoch in turned.gone:
        err.print(f"Destroyed epoch {epoch.number} of the {epoch.purpose.value} key.")
    for needed in turned.needed:
        name = f"{needed.epoch.purpose.value} key"
        err.print(f"Kept epoch {needed.epoch.number} of the {name}: {needed.rows} row(s) still need it. Try again in a minute.")
    for waits in _waiting(settings):
        err.print(waits)
    raise typer.Exit(1 if turned.needed else 0)


async def _destroy(settings: Settings, keys: WorkerKeys) -> Turned:
    if no_database(settings):
        raise run.StartError("There is no database: start the line once.")
    database = open_database(settings.database_url.reveal())
    try:
        rotation = Rotation(keys, key_folder(settings), SqlEpochs(database))
        await rotation.announce(now_ms())
        gone, needed = await rotation.destroy(now_ms())
        return Turned((), gone, needed)
    except EpochMismatch:
        raise run.StartError("The database belongs to other secrets: nothing is destroyed.") from None
    finally:
        await database.close()


def _waiting(settings: Settings) -> Iterator[str]:
    keys, hour = worker_keys(settings), now_ms() // HOUR_MS
    for purpose, held in keys.epochs.items():
        for number in sorted(held)[:-1]:
            since = keys.shelf.drained_since(purpose, number)
            if since is not None and (left := since + DRAIN_H[purpose] - hour) > 0:
                yield f"Epoch {number} of the {purpose.value} key stays for {_spoken(left)}: somebody may still seal to it."


@recoveries.command(name="write")
def write_recovery(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    needed: Annotated[int | None, typer.Option(help="How many trustees must come together; else TIPLINE_TRUSTEES_NEEDED.", min=2)] = None,
) -> None:
    """Write the long-lived secrets into a file that the active trustees open together. Keep it apart from the line and its backups."""
    settings = settings_of(Mode.OFFLINE)
    together = needed or settings.trustees_needed
    generation, trustees = asyncio.run(write_file(settings, file, together, now_ms()))
    err.print(
        f"Wrote {file}, generation {generation}: any {together} of {trustees} trustees open it. Destroy older ones. It holds no intake, "
        "index or delivery key: what waits to be read is not brought back by it, and cases are, with a backup."
    )


@recoveries.command(name="open")
def open_recovery(file: Annotated[Path, typer.Argument(help="A file that `tipline keys recovery write` wrote.")]) -> None:
    """On the new machine: bring the secrets back with the trustees' shares. Reads a share a line, until there are enough."""
    settings = settings_of(Mode.OFFLINE)
    if secrets_of(settings).exists():
        raise RecoveryError("There are secrets already: they are never written over.")
    found = recovery.read(_bytes(file))
    identity, recipient = age.generate()  # lives in this process alone
    err.print(
        f"Line {signing.fingerprint(found.line)}, generation {found.generation}: {found.needed} trustees must hand over their shares."
    )
    err.print("Each of them runs this on his own device, and tells you the text that it prints:")
    err.print(f"tipline trustee share {file.name} --key HIS.key --to {recipient}", soft_wrap=True)
    err.print(f"Let each of them hear from you in person that this key has the fingerprint {_shown(recipient)}. One share a line:")
    files = gather(found, identity, iter(sys.stdin.readline, ""), err.print)
    run.claim_home(settings)
    put_back(settings, found, files, now_ms())
    err.print(f"The secrets are back in {secrets_of(settings)}. Now: tipline restore BACKUP, then tipline keys recovery write NEWFILE.")


def share(
    file: Annotated[Path, typer.Argument(help="The line's recovery file.")],
    key: OwnKey,
    to: Annotated[str, typer.Option(help="The age1… that `tipline keys recovery open` shows.")],
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
) -> None:
    """Hand over your share of a recovery file, for one opening. Whoever has enough of them has the line's secrets."""
    found = recovery.read(_bytes(file))
    try:
        person = unlock(key_text(key), passphrase(passphrase_file))
    except age.OpenError:
        raise RecoveryError("Wrong passphrase, or not a key file.") from None
    handed = recovery.hand_over(recovery.part_of(found, person.identity), to)
    err.print(f"Line {signing.fingerprint(found.line)}, generation {found.generation}; opening by the key {_shown(to)}.")
    ask("Did the operator tell you in person that the line is lost, and this fingerprint of the key?", yes=yes)
    sys.stdout.write(handed + "\n")


def epochs_table(keys: WorkerKeys, now: int) -> Table:
    table = Table(title="Keys that rotate", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("for", "epoch", "state", "age", "changes", "fingerprint"):
        table.add_column(name, justify="right" if name in ("epoch", "age") else "left", no_wrap=True)
    for purpose, held in keys.epochs.items():
        for number in sorted(held, reverse=True):
            state = "current" if number == max(held) else "draining"
            often = OFTEN.get(purpose, "monthly") if state == "current" else ""
            table.add_row(purpose.value, str(number), state, _age(keys.shelf, purpose, number, now), often, fingerprint(held[number]))
    return table


def secrets_table(settings: Settings, keys: WorkerKeys) -> Table:
    """What never rotates; nothing of it is shown but that it is there, and the line's public name."""
    table = Table(title="Secrets that stay", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("secret", "lies in", "fingerprint"):
        table.add_column(name, no_wrap=True)
    for folder, names in ((worker_folder(settings), (SEED, *PEPPERS)), (web_folder(settings), (DEDUPE,))):
        for name in names:
            where = f"secrets/{folder.name}" if (folder / name).exists() else "credentials"
            table.add_row(name, where, signing.fingerprint(signing.public_of(keys.custody_seed)) if name == SEED else "")
    return table


def fingerprint(identity: str) -> str:
    """Of the public half: first 16 hex digits of its SHA-256."""
    return _shown(age.recipient_of(identity))


def _shown(recipient: str) -> str:
    """All of it counts: the last characters alone, somebody can make a key to match."""
    return hashlib.sha256(recipient.encode()).hexdigest()[:16]


def _age(epochs: Epochs, purpose: Purpose, number: int, now: int) -> str:
    return _spoken(max(0, now // HOUR_MS - epochs.since(purpose, number)))


def _spoken(hours: int) -> str:
    days = hours // 24
    return f"{days} day{'' if days == 1 else 's'}" if days else f"{hours} h"


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise RecoveryError(f"{file.name} cannot be read.") from None
