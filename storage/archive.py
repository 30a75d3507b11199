"""The file of a backup: a ZIP with one member a table and, last, a manifest. No engine's own format (docs/decisions/0012).

`<table>.jsonl`: a row a line, as a JSON list in the order of the table's columns; bytes as base64.
`manifest.json`: {"v":1,"kind":"tipline backup","revision","tables":{name:{"columns":{name:kind},"rows","sha256":of the member's bytes}}}.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO

MANIFEST = "manifest.json"
KIND = "tipline backup"
MOST_LINE = 64 * 1024 * 1024
MOST_MANIFEST = 1024 * 1024
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError)
"""What reading a file that is no backup, or half of one, raises."""


class BackupError(Exception):
    """A backup cannot be made or taken. One sentence for the operator, without a value."""


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Member:
    """One table as it lies in the file."""

    columns: Mapping[str, Kind]
    rows: int
    sha256: str


@dataclass(slots=True)
class Writer:
    """Rows go out as they come: memory holds a page of them."""

    file: zipfile.ZipFile
    members: dict[str, Member] = field(default_factory=dict)

    @contextmanager
    def table(self, name: str, columns: Mapping[str, Kind]) -> Iterator[Callable[[Iterable[Sequence[object]]], None]]:
        """Gives what writes rows, in the order of `columns`."""
        digest, count = hashlib.sha256(), 0

        with self.file.open(f"{name}.jsonl", "w", force_zip64=True) as out:

            def write(rows: Iterable[Sequence[object]]) -> None:
                nonlocal count
                for row in rows:
                    line = json.dumps([_plain(value) for value in row], separators=(",", ":")).encode() + b"\n"
                    digest.update(line)
                    out.write(line)
                    count += 1

            yield write
        self.members[name] = Member(columns, count, digest.hexdigest())

    def finish(self, revision: str) -> None:
        """Without this the file is no backup."""
        tables = {name: {"columns": dict(m.columns), "rows": m.rows, "sha256": m.sha256} for name, m in self.members.items()}
        manifest = {"v": 1, "kind": KIND, "revision": revision, "tables": tables}
        self.file.writestr(MANIFEST, json.dumps(manifest, separators=(",", ":")))


@contextmanager
def writing(out: IO[bytes]) -> Iterator[Writer]:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        yield Writer(file)


@dataclass(frozen=True, slots=True)
class Archive:
    """A backup that is open for reading. `sha256` = of the manifest, which names all else: the backup's name in the custody log."""

    revision: str
    members: Mapping[str, Member]
    sha256: str
    _file: zipfile.ZipFile

    def rows(self, name: str) -> Iterator[dict[str, object]]:
        """Raises BackupError, at the latest after the last row, when these are not the rows that were written."""
        member, digest, count = self.members[name], hashlib.sha256(), 0
        kinds = list(member.columns.items())
        with _whole(), self._file.open(f"{name}.jsonl") as lines:
            while line := lines.readline(MOST_LINE):
                digest.update(line)
                count += 1
                yield {column: _value(kind, told) for (column, kind), told in zip(kinds, json.loads(line), strict=True)}
        if (count, digest.hexdigest()) != (member.rows, member.sha256):
            raise BackupError("The backup was changed or is damaged.")

    def check(self) -> None:
        """Reads all of it. Raises BackupError."""
        for name in self.members:
            for _ in self.rows(name):
                pass


@contextmanager
def reading(path: Path) -> Iterator[Archive]:
    """Raises BackupError when this is no backup, or not a whole one."""
    with _whole():
        file = zipfile.ZipFile(path)
    with file:
        with _whole():
            archive = _archive(file)
        yield archive


@contextmanager
def _whole() -> Iterator[None]:
    try:
        yield
    except DAMAGED:
        raise BackupError("This is no backup of a line, or it is not whole.") from None


def _archive(file: zipfile.ZipFile) -> Archive:
    if file.getinfo(MANIFEST).file_size > MOST_MANIFEST or any(i.compress_type != zipfile.ZIP_DEFLATED for i in file.infolist()):
        raise ValueError
    written = file.read(MANIFEST)
    told = json.loads(written)
    if (told["v"], told["kind"]) != (1, KIND):
        raise ValueError
    members = {
        name: Member({column: Kind(kind) for column, kind in m["columns"].items()}, m["rows"], m["sha256"])
        for name, m in told["tables"].items()
    }
    return Archive(str(told["revision"]), members, hashlib.sha256(written).hexdigest(), file)


def _plain(value: object) -> object:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _value(kind: Kind, told: object) -> object:
    """Raises ValueError for what is not of its kind."""
    if told is None:
        return None
    if kind is Kind.BYTES and isinstance(told, str):
        return base64.b64decode(told, validate=True)
    right = {Kind.TEXT: str, Kind.NUMBER: int, Kind.TRUTH: bool}.get(kind)
    if type(told) is not right:
        raise ValueError
    return told
