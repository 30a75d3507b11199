"""Secrets on the disk: written whole, mode 0600, and on the disk before anybody relies on them; read only when nobody else can read them.

An epoch's key file is a plain age identity file, <purpose>-<number>.key; its first line says since which hour (since 1970, UTC) it serves.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

from sealing import age
from sealing.epochs import Epochs
from sealing.rows import HOUR_MS, Purpose

KEY_FILE = re.compile(r"([a-z]+)-([1-9][0-9]*)\.key")
SINCE = re.compile(r"# since: ([0-9]{1,9})")
DYING = ".dying"
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyringError(Exception):
    """A secret is missing, unreadable or readable by others. Names the file, never its content."""


class SecretThere(KeyringError):
    """A file of that name exists: it is never written over."""


def write_new(file: Path, text: str) -> None:
    """All of it and for good, or nothing: a process that dies in the middle leaves no half a secret under this name. Raises SecretThere."""
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        _write(part, text)
        os.link(part, file)
    except FileExistsError:
        raise SecretThere(f"{file.name} exists already") from None
    finally:
        part.unlink(missing_ok=True)
    sync_folder(file.parent)


def write_over(file: Path, text: str) -> None:
    """The same, in place of what was there."""
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        _write(part, text)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(file.parent)


def destroy(file: Path) -> None:
    """Written over, then taken away; one that is gone already is no fault. Its name goes first, so that a process that dies in the middle
    leaves no broken secret under it, but one that `sweep` finds. A flash disk, a journal or a snapshot may keep the old blocks all the
    same: only an encrypted disk and no copies of the folder keep the promise."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        if not file.name.endswith(DYING):
            file = file.rename(file.with_name(f".{file.name}.{secrets.token_hex(4)}{DYING}"))
            sync_folder(file.parent)
        length = os.fstat(descriptor).st_size
        os.write(descriptor, secrets.token_bytes(length))
        os.fsync(descriptor)
    except FileNotFoundError:  # somebody else took it between our two looks, and destroys it
        return
    finally:
        os.close(descriptor)
    file.unlink(missing_ok=True)
    sync_folder(file.parent)


def sweep(folder: Path) -> None:
    """Ends what a process that died had begun to destroy. Raises KeyringError."""
    for file in folder.glob(f".*{DYING}"):
        try:
            destroy(file)
        except OSError:
            raise KeyringError(f"{file.name} is to be destroyed, and cannot be") from None


def read(file: Path, *, given: bool = False) -> str:
    """`given`: by systemd, which lets the service's user read its credentials by an access list that the mode shows as the group's right.
    Raises KeyringError."""
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise KeyringError(f"{file.name} is missing or unreadable") from None
    if stat.S_IMODE(mode) & (OTHERS & ~stat.S_IRGRP if given else OTHERS):
        raise KeyringError(f"{file.name} can be read by others; chmod 600 it")
    return text


def read_hex(text: str, name: str) -> bytes:
    """32 bytes. Raises KeyringError."""
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        raise KeyringError(f"{name} is not hex") from None
    if len(secret) != 32:
        raise KeyringError(f"{name} is not 32 bytes")
    return secret


class KeyFolder:
    """The epochs' private halves. Only the worker, and the operator's `tipline keys`, come here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> Epochs:
        """Everything held now. Raises KeyringError."""
        sweep(self._folder)
        held = Epochs()
        for file in sorted(self._folder.glob("*.key")):
            if named := KEY_FILE.fullmatch(file.name):
                first, _, rest = read(file).rpartition("\n")
                since = SINCE.fullmatch(first)
                # A file of an older version does not say since when: then it was when it was written.
                hour = int(file.stat().st_mtime * 1000) // HOUR_MS if since is None else int(since[1])
                held.add(_purpose(named[1], file), int(named[2]), _identity(rest, file), hour)
        return held

    def make(self, purpose: Purpose, number: int, hour: int) -> str:
        """A fresh identity, on the disk before this returns. Raises SecretThere: somebody else made this epoch."""
        identity, _ = age.generate()
        self.put(purpose, number, identity, hour)
        return identity

    def put(self, purpose: Purpose, number: int, identity: str, hour: int) -> None:
        """Raises SecretThere."""
        write_new(self._file(purpose, number), f"# since: {hour}\n{identity}")

    def destroy(self, purpose: Purpose, number: int) -> None:
        destroy(self._file(purpose, number))

    def _file(self, purpose: Purpose, number: int) -> Path:
        return self._folder / f"{purpose.value}-{number}.key"


def _purpose(name: str, file: Path) -> Purpose:
    try:
        return Purpose(name)
    except ValueError:
        raise KeyringError(f"{file.name} is for nothing that this version knows") from None


def _identity(text: str, file: Path) -> str:
    try:
        age.recipient_of(text)
    except age.SealError:
        raise KeyringError(f"{file.name} is no key") from None
    return text


def _write(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(text + "\n")
        out.flush()
        os.fsync(out.fileno())


def sync_folder(folder: Path) -> None:
    """Or a power cut could take the name away, or bring back what was destroyed."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
