from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from tests.peers.argos import argos_index
from tests.translations.conftest import archive
from tests.translations.test_packages import untested
from translations import index
from translations.index import fetch
from translations.packages import shelf
from translations.unpack import PackageError

pytestmark = pytest.mark.enable_socket


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def entry(source: str, target: str, version: str, *links: str) -> dict[str, object]:
    return {
        "from_code": source,
        "to_code": target,
        "package_version": version,
        "links": list(links),
        "code": f"translate-{source}_{target}",
    }


def package(source: str, target: str, version: str) -> bytes:
    return archive(top=f"translate-{source}_{target}-x", from_code=source, to_code=target, package_version=version)


def test_a_code_fetches_the_newest_of_both_directions(tmp_path: Path) -> None:
    entries: list[Mapping[str, object]] = [
        entry("es", "en", "1.9", "{base}/old"),
        entry("es", "en", "1.10", "ipfs://Qm", "{base}/gone", "{base}/es"),
        entry("en", "es", "1.0", "{base}/en"),
        entry("fr", "en", "9.0", "{base}/old"),
        {"code": "sbd"},
        entry("en", "es", "beta", "{base}/old"),
    ]
    with argos_index(entries, {"/es": package("es", "en", "1.10"), "/en": package("en", "es", "1.0"), "/old": b""}) as base:
        added = fetch("es", tmp_path / "packs", untested, f"{base}/index.json")
    assert [pack.name for pack in added] == ["translate-es_en-1_10", "translate-en_es-1_0"]
    assert set(shelf(tmp_path / "packs").packs) == set(added)


@pytest.mark.claim("T17")
def test_another_file_under_the_same_version_later_is_refused(tmp_path: Path) -> None:
    entries = [entry("es", "en", "1.9", "{base}/es"), entry("en", "es", "1.9", "{base}/en")]
    good = {"/es": package("es", "en", "1.9"), "/en": package("en", "es", "1.9")}
    with argos_index(entries, good) as base:
        before = fetch("es", tmp_path / "packs", untested, f"{base}/index.json")
    changed = archive({"translate-es_en-1_9/model/more.bin": b"x"})
    with argos_index(entries, {**good, "/es": changed}) as base, pytest.raises(PackageError, match="pinned SHA-256"):
        fetch("es", tmp_path / "packs", untested, f"{base}/index.json")
    assert set(shelf(tmp_path / "packs").packs) == set(before)


@pytest.mark.parametrize(
    ("entries", "files", "reason"),
    [
        ([], {}, "no package that translates es to en"),
        ([entry("es", "en", "1.9", "{base}/es")], {"/es": package("es", "en", "1.9")}, "no package that translates en to es"),
        ([entry("es", "en", "1.9"), entry("en", "es", "1.9")], {}, "could not be downloaded"),
        ([entry("es", "en", "1.9", "{base}/es")], {}, "could not be downloaded"),
        ([entry("es", "en", "1.9", "{base}/x"), entry("en", "es", "1", "{base}/x")], {"/x": b"<html>"}, "cannot be unpacked"),
        ([], {"/index.json": b"<html>"}, "not an index"),
        ([], {"/index.json": b"{}"}, "not an index"),
    ],
)
def test_what_the_index_cannot_give_is_said_in_one_sentence(
    tmp_path: Path, entries: list[dict[str, object]], files: Mapping[str, bytes], reason: str
) -> None:
    with argos_index(entries, files) as base, pytest.raises(PackageError, match=reason):
        fetch("es", tmp_path / "packs", untested, f"{base}/index.json")
    assert shelf(tmp_path / "packs").packs == ()


def test_an_index_that_is_not_there(tmp_path: Path) -> None:
    with argos_index([], {}) as base:
        pass
    with pytest.raises(PackageError, match="could not be downloaded"):
        fetch("es", tmp_path, untested, f"{base}/index.json")


def test_a_file_that_never_ends_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "LARGEST", 1 << 20)
    entries = [entry("es", "en", "1.9", "{base}/es"), entry("en", "es", "1.9", "{base}/es")]
    with argos_index(entries, {"/es": bytes(2 << 20)}) as base, pytest.raises(PackageError, match="larger than 1 MB"):
        fetch("es", tmp_path / "packs", untested, f"{base}/index.json")


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://example.org/x", True),
        ("http://127.0.0.1:1/x", True),
        ("http://example.org/x", False),
        ("http://127.0.0.1.example.org/x", False),
    ],
)
def test_only_tls_or_this_machine_is_trusted_at_first_use(url: str, safe: bool) -> None:
    assert index._safe(httpx.URL(url)) is safe
