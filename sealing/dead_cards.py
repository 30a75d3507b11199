"""What the line must know of its roster even when an older database is put in its place: the cards that are dead, and the signed statements
about cards. A file of the worker's, beside its secrets, outside database and backups; only ever added to.

One line each: "dead <fingerprint>" of a card that another took the place of, "revoked <fingerprint>", "leaf <base64 custody leaf>".
"""

from __future__ import annotations

import base64
import binascii
import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path

NAME = "cards.dead"
_WORDED = re.compile(r"(dead|revoked) ([0-9a-f]{64})")


class DeadCardsError(Exception):
    """The file is damaged: nobody is let in by a memory that lost something. Carries no content."""


class DeadCards:
    """`file` None: remembers for as long as the process lives. Several processes may add to one file."""

    def __init__(self, file: Path | None = None) -> None:
        """Raises DeadCardsError."""
        self._file = file
        self.replaced: set[str] = set()
        self.revoked: set[str] = set()
        self.leaves: set[bytes] = set()
        self._whole: int | None = None
        """Bytes up to the end of the last whole line, where the machine stopped in the middle of one."""
        if file is not None and file.exists():
            self._read(file)

    def replace(self, cards: Iterable[str]) -> None:
        """Another card took the place of each. On disk when it returns. Raises OSError."""
        new = sorted(set(cards) - self.replaced)
        self._write(f"dead {card}" for card in new)
        self.replaced.update(new)

    def revoke(self, card: str) -> None:
        """The same."""
        if card not in self.revoked:
            self._write([f"revoked {card}"])
            self.revoked.add(card)

    def add_leaf(self, leaf: bytes) -> None:
        """The same."""
        if leaf not in self.leaves:
            self._write([f"leaf {base64.b64encode(leaf).decode()}"])
            self.leaves.add(leaf)

    def _write(self, lines: Iterable[str]) -> None:
        written = "".join(f"{line}\n" for line in lines).encode("ascii")
        if self._file is None or not written:
            return
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if self._whole is not None:
                os.ftruncate(descriptor, self._whole)
                self._whole = None
            put = os.write(descriptor, written)  # in one, so that two processes' lines do not mix
            if put != len(written):
                self._whole = os.fstat(descriptor).st_size - put
                raise OSError(errno.ENOSPC, "cut short")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _read(self, file: Path) -> None:
        try:
            text = file.read_bytes().decode("ascii")
        except (OSError, UnicodeDecodeError):
            raise DeadCardsError(f"{NAME} in the worker's secrets cannot be read") from None
        whole, _, broken = text.rpartition("\n")
        if broken:  # nobody has relied on half a line; the next must not hang on to it
            self._whole = len(whole) + 1 if whole else 0
        for line in whole.splitlines():
            if not self._take(line):
                raise DeadCardsError(f"{NAME} in the worker's secrets is damaged")

    def _take(self, line: str) -> bool:
        if named := _WORDED.fullmatch(line):
            (self.revoked if named[1] == "revoked" else self.replaced).add(named[2])
            return True
        word, _, encoded = line.partition(" ")
        try:
            self.leaves.add(base64.b64decode(encoded, validate=True))
        except binascii.Error:
            return False
        return word == "leaf"
