"""Language packages on disk: taken in, pinned, self-tested, listed.

We read the Argos format ourselves and do not import argostranslate: its settings, when imported, make folders in HOME, read a file there,
and let an environment variable turn translation into calls to a remote API; its `install_from_path` unpacks whatever the zip holds and
imports stanza. A test compares our reading and our translations with argostranslate's own, in a process of its own.

    packs/pins.json                      {"translate-es_en-1_9": content digest}, pinned at first use
    packs/translate-es_en-1_9/           the kept files, and selftest.json
"""

from __future__ import annotations

import fcntl
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from translations.unpack import PackageError, check_sum, digest, unpack

FLOOR = 45.0
"""chrF (0-100) from which a translation may go out to a source."""

_PINS = "pins.json"
_SCORE = "selftest.json"
_NEEDED = ("metadata.json", "model/model.bin")
_CODE = re.compile(r"[a-z]{2,3}([-_][A-Za-z0-9]{2,8})?")
_VERSION = re.compile(r"\d{1,4}(\.\d{1,4}){0,3}")


@dataclass(frozen=True, slots=True)
class Pack:
    """An installed package. `chrf` is its self-test (0-100), None where we have no sentence pairs for its direction."""

    folder: Path
    source: str
    target: str
    version: str
    quality: str
    """`practice` (a development model) or `package`."""
    target_prefix: str
    chrf: float | None

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def trusted(self) -> bool:
        return self.chrf is not None and self.chrf >= FLOOR


Score = Callable[[Pack], float | None]
"""The self-test: chrF of a package's translations, None where there is nothing to compare with."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a packs folder holds. `strays` are names of folders that are no pinned package: reported, never loaded."""

    packs: tuple[Pack, ...]
    strays: tuple[str, ...]

    def route(self, source: str, target: str) -> tuple[Pack, ...]:
        """The packages to apply in turn: one, or two by way of English; () when there is no way. Of several versions the newest."""
        if source == target:
            return ()
        direct = self._newest(source, target)
        if direct is not None:
            return (direct,)
        first, second = self._newest(source, "en"), self._newest("en", target)
        return (first, second) if first is not None and second is not None else ()

    def _newest(self, source: str, target: str) -> Pack | None:
        fitting = (pack for pack in self.packs if (pack.source, pack.target) == (source, target))
        return max(fitting, key=lambda pack: numbers(pack.version), default=None)


def shelf(packs_dir: Path) -> Shelf:
    """Lists folder by folder: a stray one breaks nothing. Names that begin with a dot are unfinished additions."""
    packs: list[Pack] = []
    strays: list[str] = []
    pins = _pins(packs_dir)
    for folder in sorted(path for path in packs_dir.glob("[!.]*") if path.is_dir()):
        pack = _readable(folder) if folder.name in pins else None
        if pack is None or _full_name(pack) != folder.name:
            strays.append(folder.name)
        else:
            packs.append(pack)
    return Shelf(tuple(packs), tuple(strays))


def add(packs_dir: Path, source: Path, score: Score) -> Pack:
    """Takes in one package, a file or an unpacked folder, and runs its self-test. The same content again changes nothing.

    Raises PackageError: not a whole package, too large, another sum than SHA256SUMS beside it says, another content than was pinned.
    """
    check_sum(source)
    packs_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The temporary folder stands beside the target: a rename is atomic only within one file system.
    with _alone(packs_dir), tempfile.TemporaryDirectory(prefix=".incoming-", dir=packs_dir) as temporary:
        incoming = Path(temporary) / "pack"
        incoming.mkdir()
        unpack(source, incoming)
        pack = read(incoming, source.name)
        target = packs_dir / _full_name(pack)
        content = digest(incoming)
        pins = _pins(packs_dir)
        if pins.get(target.name, content) != content:
            raise PackageError(f"{source.name} is not the {target.name} that was added first: its content differs from the pinned SHA-256.")
        if not ((target / _SCORE).is_file() and digest(target) == content):
            _write(incoming / _SCORE, {"chrf": score(pack)})
            if target.exists():
                target.replace(Path(temporary) / "damaged")
            incoming.replace(target)
        _write(packs_dir / _PINS, {**pins, target.name: content})
    return read(target)


def provision(packs_dir: Path, sources: Iterable[Path], score: Score) -> list[Pack]:
    """Adds every package that `sources` name: package files, unpacked packages, or folders of either. Raises PackageError."""
    return [add(packs_dir, found, score) for source in sources for found in _packages_at(source)]


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, to compare: "1.10" is newer than "1.9"."""
    return tuple(int(part) for part in version.split("."))


def _packages_at(source: Path) -> list[Path]:
    if source.is_file() or (source / "metadata.json").is_file():
        return [source]
    if not source.is_dir():
        raise PackageError(f"There is no language package at {source}.")
    return sorted(path for path in source.iterdir() if path.suffix == ".argosmodel" or (path / "metadata.json").is_file())


def _full_name(pack: Pack) -> str:
    """As Argos names its files."""
    return f"translate-{pack.source}_{pack.target}-{pack.version.replace('.', '_')}"


def _readable(folder: Path) -> Pack | None:
    try:
        return read(folder)
    except PackageError:
        return None


def read(folder: Path, said: str | None = None) -> Pack:
    """A package's folder as a value. `said` = the name the operator knows it by. Raises PackageError."""
    said = said or folder.name
    if not all((folder / name).is_file() for name in _NEEDED):
        raise PackageError(f"{said} is not a language package: it has no {' or no '.join(_NEEDED)}.")
    if not (folder / "sentencepiece.model").is_file():
        raise PackageError(f"{said} is of an older kind of package without sentencepiece.model, which Tipline does not run.")
    about = _object(folder / "metadata.json")
    source, target, version = (str(about.get(key, "")) for key in ("from_code", "to_code", "package_version"))
    if about.get("type", "translate") != "translate" or not (
        _CODE.fullmatch(source) and _CODE.fullmatch(target) and _VERSION.fullmatch(version)
    ):
        raise PackageError(f"{said} does not say which languages it translates: its metadata.json is not that of a translation package.")
    readme = folder / "README.md"
    chrf = _object(folder / _SCORE).get("chrf")
    return Pack(
        folder=folder,
        source=source,
        target=target,
        version=version,
        quality=_quality(version, readme.read_text("utf-8", "replace") if readme.is_file() else ""),
        target_prefix=str(about.get("target_prefix", "")),
        chrf=float(chrf) if isinstance(chrf, int | float) else None,
    )


def _quality(version: str, readme: str) -> str:
    """Argos publishes from 1.0 on. A version below that, or a README that says so, is a development model: never presented as quality."""
    practice = numbers(version)[0] == 0 or "not for production" in readme.lower()
    return "practice" if practice else "package"


def _pins(packs_dir: Path) -> dict[str, str]:
    """Raises PackageError where the file is there and unreadable: an empty answer would pin anew whatever comes."""
    path = packs_dir / _PINS
    pins = _object(path)
    if path.exists() and not pins:
        raise PackageError(f"{path} is damaged; restore it, or remove it to pin all packages anew.")
    return {name: str(pin) for name, pin in pins.items()}


def _object(path: Path) -> Mapping[str, object]:
    """A JSON object; {} where the file is missing or is none."""
    try:
        value: object = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _write(path: Path, value: Mapping[str, object]) -> None:
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", "utf-8")
    temporary.replace(path)


@contextmanager
def _alone(packs_dir: Path) -> Iterator[None]:
    """One addition at a time: a starting line and `tipline languages add` write the same pins."""
    with (packs_dir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
