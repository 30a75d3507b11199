"""The recovery file of a line: who can open it, what is in it, and a secrets folder from it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from bot.files import pinned_vetters
from bot.keyrings import secrets_of, web_keys, worker_folder, worker_keys
from bot.settings import Settings
from handlers.roster import members
from routing.people import Role
from sealing import age, recovery
from sealing.dead_cards import NAME as DEAD
from sealing.keyring import CUSTODY, DEDUPE, PEPPERS, RECIPIENT, SEED, WorkerKeys, load_worker
from sealing.recovery import Part, Recovery, RecoveryError
from sealing.rows import HOUR_MS, Purpose
from sealing.secret_files import KeyFolder, KeyringError, destroy, read, write_new, write_over
from sealing.signing import public_of
from storage.engine import open_database
from storage.store import SqlStore

WRITTEN = "recovery.written"
"""In the worker's secrets: "<generation> <release> <gate> <roster>", the epochs that the last recovery file holds."""
KEPT = (Purpose.RELEASE, Purpose.GATE, Purpose.ROSTER)
NEVER = "index.pepper"
"""Like the intake and delivery keys made anew: what they protect is short-lived, and must not come back."""


async def write_file(settings: Settings, file: Path, needed: int, now_ms: int) -> tuple[int, int]:
    """Writes it (mode 0600) for all active trustees: (generation, how many trustees). Raises RecoveryError, KeyringError, VettersError,
    StorageDown."""
    keys = worker_keys(settings)
    recipients = await _trustees(settings, keys, now_ms)
    generation = written(settings)[0] + 1
    shuffle = secrets.SystemRandom().shuffle

    def shuffled(listed: list[bytes]) -> list[bytes]:
        shuffle(listed)
        return listed

    data = recovery.write(_files(settings, keys), generation, recipients, needed, keys.custody_seed, shuffled)
    try:
        write_new(file, data.decode("ascii").rstrip("\n"))
    except KeyringError:
        raise RecoveryError("A file of that name exists already; nothing was changed.") from None
    except OSError:
        raise RecoveryError("The recovery file cannot be written there.") from None
    write_over(worker_folder(settings) / WRITTEN, " ".join(str(n) for n in (generation, *_newest(keys))))
    return generation, len(recipients)


async def _trustees(settings: Settings, keys: WorkerKeys, now_ms: int) -> list[str]:
    if settings.vetters is None:
        raise RecoveryError("TIPLINE_VETTERS must be set: it says who signs for the trustees.")
    vetters, database = pinned_vetters(settings, settings.vetters), open_database(settings.database_url.reveal())
    try:
        async with SqlStore(database).begin() as tx:
            found = await members(tx, keys, vetters, now_ms // HOUR_MS)
    finally:
        await database.close()
    return [m.card.age_recipient for m in found if m.card.role is Role.TRUSTEE and m.person.active]


def _files(settings: Settings, keys: WorkerKeys) -> dict[str, str]:
    """Long-lived secrets, wherever they lie, and the keys of what must outlive this machine."""
    worker = worker_folder(settings)
    peppers = {"sending.pepper": keys.sending_pepper, "draw.secret": keys.draw_secret, "row.key": keys.row_key}
    files = {f"worker/{name}": pepper.hex() for name, pepper in peppers.items()}
    files |= {f"worker/{SEED}": keys.custody_seed, f"web/{DEDUPE}": web_keys(settings).dedupe_pepper.hex()}
    for purpose in KEPT:  # the draining ones, too: a backup of last week may need them
        for number, identity in keys.epochs[purpose].items():
            files[f"worker/{purpose.value}-{number}.key"] = f"# since: {keys.shelf.since(purpose, number)}\n{identity}"
    if (worker / DEAD).exists():
        files[f"worker/{DEAD}"] = read(worker / DEAD)
    return files


def _newest(keys: WorkerKeys) -> tuple[int, ...]:
    return tuple(max(keys.epochs[purpose]) for purpose in KEPT)


def written(settings: Settings) -> tuple[int, ...]:
    """(generation, epochs of release, gate and roster) of the last recovery file; (0,) = none was written. Raises KeyringError."""
    file = worker_folder(settings) / WRITTEN
    if not file.exists():
        return (0,)
    numbers = read(file).split(" ")
    if len(numbers) != 1 + len(KEPT) or not all(number.isdigit() for number in numbers):
        raise KeyringError(f"{WRITTEN} is unreadable")
    return tuple(int(number) for number in numbers)


def stale(settings: Settings, keys: WorkerKeys) -> str | None:
    """One sentence where the recovery file would not bring the line back. Raises KeyringError."""
    generation, *epochs = written(settings)
    if generation == 0:
        return "No recovery file was ever written: with this machine every case would be lost. tipline keys recovery write FILE"
    if tuple(epochs) != _newest(keys):
        return f"The recovery file (generation {generation}) is older than the newest keys. Write a new one, and destroy the old."
    return None


def gather(file: Recovery, identity: str, lines: Iterable[str], say: Callable[[str], None]) -> dict[str, str]:
    """Takes shares, a line each, until they are enough. Raises RecoveryError when they end before."""
    parts: list[Part] = []
    for line in lines:
        try:
            part = recovery.take(line, identity)
        except RecoveryError as why:
            say(str(why))
            continue
        if part in parts:
            say("This share was given already.")
            continue
        parts.append(part)
        if len(parts) < file.needed:
            say(f"{len(parts)} of {file.needed} shares.")
            continue
        try:
            return recovery.join(file, parts)
        except RecoveryError as why:
            say(f"{why} Another one may do.")
    raise RecoveryError(f"Too few shares: {file.needed} that belong together are needed. Nothing was written.")


def put_back(settings: Settings, file: Recovery, files: dict[str, str], now_ms: int) -> WorkerKeys:
    """A secrets folder where there is none. Intake and delivery keys are new, with numbers that no epoch can have had: hours since 1970.
    Raises RecoveryError, KeyringError."""
    folder, hour = secrets_of(settings), now_ms // HOUR_MS
    if folder.exists():
        raise RecoveryError("There are secrets already: they are never written over.")
    if not _whole(files) or public_of(files[f"worker/{SEED}"]) != file.line:
        raise RecoveryError("The recovery file does not hold a line's secrets.")
    part = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        _fill(part, file, {name: text for name, text in files.items() if not _given(settings, name)}, hour)
        load_worker(part / "worker", settings.credentials)
        part.rename(folder)
    except BaseException:
        for secret in [each for each in part.rglob("*") if each.is_file()]:
            destroy(secret)
        raise
    return worker_keys(settings)


def _given(settings: Settings, name: str) -> bool:
    return settings.credentials is not None and (settings.credentials / Path(name).name).exists()


def _fill(part: Path, file: Recovery, files: dict[str, str], hour: int) -> None:
    for role in ("web", "worker"):
        (part / role).mkdir(parents=True, mode=0o700)
    for name, text in files.items():
        write_new(part / name, text)
    write_new(part / "worker" / NEVER, secrets.token_hex(32))
    for purpose in (Purpose.INTAKE, Purpose.DELIVERY):
        identity = KeyFolder(part / "worker").make(purpose, hour, hour)
        if purpose is Purpose.INTAKE:
            write_new(part / "web" / RECIPIENT, f"{hour} {age.recipient_of(identity)}")
    write_new(part / "web" / CUSTODY, file.line)
    newest = (max(numbers) for numbers in _numbers(files).values())
    write_new(part / "worker" / WRITTEN, " ".join(str(n) for n in (file.generation, *newest)))  # so that the next one is the next


def _whole(files: dict[str, str]) -> bool:
    """All that must be in it, and nothing else: a name in it never leads out of the folder."""
    fixed = {f"worker/{name}" for name in (*PEPPERS, SEED) if name != NEVER} | {f"web/{DEDUPE}"}
    keys = _numbers(files)
    named = fixed | {f"worker/{purpose.value}-{number}.key" for purpose, held in keys.items() for number in held}
    return fixed <= files.keys() and all(keys.values()) and files.keys() - named <= {f"worker/{DEAD}"}


def _numbers(files: Iterable[str]) -> dict[Purpose, list[int]]:
    """The epochs of each lasting purpose that have a key among these files."""
    found = {purpose: [re.fullmatch(rf"worker/{purpose.value}-([1-9][0-9]*)\.key", name) for name in files] for purpose in KEPT}
    return {purpose: [int(each[1]) for each in named if each is not None] for purpose, named in found.items()}
