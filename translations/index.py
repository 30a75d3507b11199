"""Fetches packages by language code from an Argos index (the JSON list that github.com/argosopentech/argospm-index publishes)."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import httpx

from translations.packages import Pack, Score, add, numbers
from translations.unpack import LARGEST, PackageError

INDEX_URL = "https://raw.githubusercontent.com/argosopentech/argospm-index/main/index.json"

_LARGEST_INDEX = 1 << 23
_TIMEOUT_S = 30.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

Entry = Mapping[str, object]
"""One package of the index: from_code, to_code, package_version, links."""


def fetch(code: str, packs_dir: Path, score: Score, index_url: str = INDEX_URL) -> list[Pack]:
    """Adds the newest packages from `code` to English and back. Raises PackageError: none there, not reached, or refused by `add`.

    Packages carry no checksum: the first download is trusted as far as TLS is, and pinned. Whoever watches the wire learns the code.
    """
    with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=True) as session, tempfile.TemporaryDirectory(prefix="tipline-packs-") as folder:
        index = Path(folder) / "index.json"
        _download(session, [index_url], index, _LARGEST_INDEX)
        entries = _entries(index, index_url)
        files: list[Path] = []
        for source, target in ((code, "en"), ("en", code)):
            entry = _newest(entries, source, target)
            file = Path(folder) / f"translate-{source}_{target}.argosmodel"
            _download(session, _links(entry), file, LARGEST)
            files.append(file)
        return [add(packs_dir, file, score) for file in files]


def _entries(index: Path, url: str) -> Sequence[Entry]:
    try:
        value: object = json.loads(index.read_bytes())
    except ValueError:
        value = None
    if not isinstance(value, list):
        raise PackageError(f"What {url} answers is not an index of language packages.")
    return [entry for entry in value if isinstance(entry, dict)]


def _newest(entries: Sequence[Entry], source: str, target: str) -> Entry:
    fitting = [entry for entry in entries if (entry.get("from_code"), entry.get("to_code")) == (source, target)]
    if not fitting:
        raise PackageError(f"The index has no package that translates {source} to {target}.")
    return max(fitting, key=_version)


def _version(entry: Entry) -> tuple[int, ...]:
    try:
        return numbers(str(entry.get("package_version")))
    except ValueError:
        return ()


def _links(entry: Entry) -> list[str]:
    """Web addresses of the file; an index also lists ipfs ones."""
    links = entry.get("links")
    return [link for link in links if isinstance(link, str) and link.startswith("http")] if isinstance(links, list) else []


def _download(session: httpx.Client, links: Sequence[str], target: Path, largest: int) -> None:
    """The first link that works, into `target`. Raises PackageError when none does, or when the file is larger than `largest` bytes."""
    for link in links:
        try:
            with session.stream("GET", link) as answer, target.open("wb") as file:
                if _safe(answer.url) and answer.is_success:
                    return _save(answer, file, largest)
        except (httpx.HTTPError, httpx.InvalidURL):
            continue
    raise PackageError(f"{links[0] if links else 'A package of the index'} could not be downloaded.")


def _safe(url: httpx.URL) -> bool:
    """Where redirects led to: what is pinned at first use must not come over a wire that anybody can write on."""
    return url.scheme == "https" or url.host in _LOOPBACK


def _save(answer: httpx.Response, file: IO[bytes], largest: int) -> None:
    size = 0
    for part in answer.iter_bytes():
        size += len(part)
        if size > largest:
            raise PackageError(f"{answer.url} is larger than {largest >> 20} MB.")
        file.write(part)
