"""Takes the files we keep out of an Argos package, a zip file (`.argosmodel`) or a folder, and names their content by one digest."""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import IO

LARGEST = 1 << 30
"""Bytes of a package, unpacked. Published packages have 60-350 MB."""

_KEPT = re.compile(r"metadata\.json|README\.md|sentencepiece\.model|model/[A-Za-z0-9_-][A-Za-z0-9_.-]*")
"""Nothing else is unpacked: no name can lead out of the folder, and no splitter's pickled data comes along."""
_SUM = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")


class PackageError(Exception):
    """A package was refused; the text is one sentence for the operator. It names files and languages, never a person's words."""


def unpack(source: Path, folder: Path) -> None:
    """Copies the kept files of a package file or folder into the empty `folder`. Raises PackageError."""
    if source.is_dir():
        names = kept(source)
        _bound(source.name, sum((source / name).stat().st_size for name in names))
        for name in names:
            with (source / name).open("rb") as file:
                _copy(file, folder / name)
        return
    try:
        with zipfile.ZipFile(source) as archive:
            entries = _entries(archive)
            # zipfile never yields more than the size in the header: one that lies ends in a wrong checksum, not in a full disk.
            _bound(source.name, sum(entry.file_size for entry in entries.values()))
            for name, entry in entries.items():
                with archive.open(entry) as file:
                    _copy(file, folder / name)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error):
        raise PackageError(f"{source.name} is not a whole package file: it cannot be unpacked.") from None


def digest(folder: Path) -> str:
    """SHA-256 (hex) over `name NUL sha256(file)` of the kept files, by name. A package file and its unpacked folder have the same."""
    whole = hashlib.sha256()
    for name in kept(folder):
        whole.update(name.encode() + b"\0" + bytes.fromhex(_sha256(folder / name)))
    return whole.hexdigest()


def kept(folder: Path) -> list[str]:
    """Names of the kept files, in order. Symbolic links are none: they could name any file of the machine."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and not path.parent.is_symlink())
    return sorted(name for name in (path.relative_to(folder).as_posix() for path in files) if _KEPT.fullmatch(name))


def check_sum(file: Path) -> None:
    """Compares a package file with the SHA256SUMS beside it, where that names it. Raises PackageError."""
    sums = file.with_name("SHA256SUMS")
    if not file.is_file() or not sums.is_file():
        return
    lines = (_SUM.fullmatch(line.strip()) for line in sums.read_text("utf-8", "replace").splitlines())
    expected = {line[2]: line[1].lower() for line in lines if line is not None}
    if file.name in expected and _sha256(file) != expected[file.name]:
        raise PackageError(f"{file.name} does not have the SHA-256 that SHA256SUMS beside it says: it is damaged or was changed.")


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Kept files by their name below the package's one folder."""
    split = ((entry.filename.partition("/"), entry) for entry in archive.infolist())
    found = [(top, name, entry) for (top, _, name), entry in split if _KEPT.fullmatch(name)]
    if len({top for top, _, _ in found}) > 1:
        raise zipfile.BadZipFile
    return {name: entry for _, name, entry in found}


def _bound(name: str, size: int) -> None:
    if size > LARGEST:
        raise PackageError(f"{name} would take {size >> 20} MB unpacked; a package has at most {LARGEST >> 20} MB.")


def _copy(file: IO[bytes], target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    with target.open("xb") as out:
        shutil.copyfileobj(file, out)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
