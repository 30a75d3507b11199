"""Looks for words that must not lie about: in files, databases, outputs and processes, in every form they could take."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

LARGEST = 64 * 1024 * 1024


def forms(word: str) -> Iterator[tuple[str, bytes]]:
    """(name of the form, bytes) of an ASCII word."""
    raw = word.encode("ascii")
    yield "plain", raw
    for name in ("utf-16-le", "utf-16-be"):
        yield name, word.encode(name)
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    for before in range(3):
        # In the middle of a longer text: without the characters that its neighbours take part in.
        encoded = base64.b64encode(b"\0" * before + raw)[(0, 2, 3)[before] :]
        yield f"base64 at {before}", encoded[: -4 if (before + len(raw)) % 3 else None]


class Search:
    """`words`: what each is -> the word."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._needles = [(f"{what}, {form}", needle) for what, word in words.items() for form, needle in forms(word)]

    def within(self, where: str, data: bytes) -> set[str]:
        """What was found, with its place."""
        return {f"{name}: {where}" for name, needle in self._needles if needle in data}

    def in_files(self, folder: Path, since: float = 0.0) -> set[str]:
        """Every regular file below that was written since, by name and content; what others may not read is passed over."""
        found: set[str] = set()
        for at, _, names in os.walk(folder):
            for file in (Path(at, name) for name in names):
                found |= self.within("a file's name", str(file).encode())
                try:
                    state = file.lstat()
                    if file.is_symlink() or not file.is_file() or state.st_mtime < since or state.st_size > LARGEST:
                        continue
                    found |= self.within(str(file), file.read_bytes())
                except OSError:
                    continue
        return found

    def in_processes(self, pids: set[int]) -> set[str]:
        """Arguments, environment, names and open files, of the processes and their threads."""
        found = self.in_open_files(pids)
        for pid in pids:
            places = [Path(f"/proc/{pid}/{name}") for name in ("cmdline", "environ", "comm")]
            for place in (*places, *Path(f"/proc/{pid}/task").glob("*/comm")):
                try:
                    found |= self.within(f"/proc/…/{place.name}", place.read_bytes())
                except OSError:
                    continue
        return found

    def in_open_files(self, pids: set[int]) -> set[str]:
        """Also of files that have no name any more."""
        found: set[str] = set()
        for file in (file for pid in pids for file in Path(f"/proc/{pid}/fd").glob("*")):
            try:
                found |= self.within("an open file's name", str(file.readlink()).encode())
                if file.is_file() and file.stat().st_size <= LARGEST:
                    found |= self.within(f"open: {file.readlink()}", file.read_bytes())
            except OSError:
                continue
        return found


def folders(pids: set[int]) -> set[Path]:
    """Where these processes would leave a file without saying where: working folder, HOME and TMPDIR."""
    found: set[Path] = set()
    for pid in pids:
        found.add(Path(f"/proc/{pid}/cwd").readlink())
        lines = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        found |= {Path(os.fsdecode(line.partition(b"=")[2])) for line in lines if line.startswith((b"HOME=", b"TMPDIR="))}
    return found


def family(pids: set[int]) -> set[int]:
    """The processes and all that they have started."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    found = set(pids)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found
