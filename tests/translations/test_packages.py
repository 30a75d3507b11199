from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from tests.translations.conftest import archive
from translations import unpack
from translations.packages import Pack, Shelf, add, provision, shelf
from translations.unpack import PackageError


def untested(pack: Pack) -> float | None:
    """For packages without a real model: there is nothing to measure."""
    return None


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def line(tmp_path: Path) -> Path:
    return tmp_path / "packs"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "translate-es_en-1_9.argosmodel", archive())


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_an_added_package_is_listed_pinned_and_holds_only_what_we_keep(line: Path, tmp_path: Path) -> None:
    extra = {"translate-es_en-1_9/stanza/x.pt": b"pickle", "translate-es_en-1_9/README.md": b"# Spanish", "other.txt": b""}
    pack = add(line, write(tmp_path / "a.argosmodel", archive(extra)), untested)
    assert (pack.name, pack.source, pack.target, pack.version, pack.quality) == ("translate-es_en-1_9", "es", "en", "1.9", "package")
    assert files_below(pack.folder) == {
        "metadata.json",
        "README.md",
        "sentencepiece.model",
        "model/model.bin",
        "model/config.json",
        "selftest.json",
    }
    assert shelf(line) == Shelf((pack,), ())
    assert set(json.loads((line / "pins.json").read_text())) == {"translate-es_en-1_9"}


@pytest.mark.parametrize(
    "name", ["../evil", "translate-es_en-1_9/../../evil", "/tmp/evil", "translate-es_en-1_9/model/../../../evil", "..\\evil"]
)
@pytest.mark.claim("T17")
def test_no_name_in_the_file_leads_out_of_the_folder(line: Path, tmp_path: Path, name: str) -> None:
    pack = add(line, write(tmp_path / "a.argosmodel", archive({name: b"evil"})), untested)
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]
    assert "evil" not in str(files_below(pack.folder))


@pytest.mark.claim("T17")
def test_a_symbolic_link_in_an_unpacked_package_is_not_followed(line: Path, tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "a", archive())
    secret = write(tmp_path / "secret", b"key")
    (folder / "README.md").symlink_to(secret)
    assert not (add(line, folder, untested).folder / "README.md").exists()


def unpacked(folder: Path, content: bytes) -> Path:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        file.extractall(folder)
    return next(folder.iterdir())


def test_the_same_content_again_changes_nothing_and_a_folder_is_as_good_as_a_file(line: Path, file: Path, tmp_path: Path) -> None:
    tests: list[str] = []

    def counted(pack: Pack) -> float:
        tests.append(pack.source)
        return 50.0

    first = add(line, file, counted)
    before = (line / "pins.json").read_bytes()
    assert add(line, file, counted) == add(line, unpacked(tmp_path / "a", archive()), counted) == first
    assert (line / "pins.json").read_bytes() == before
    assert tests == ["es"]


@pytest.mark.claim("T17")
def test_another_content_of_the_same_name_and_version_is_refused(line: Path, file: Path, tmp_path: Path) -> None:
    pack = add(line, file, untested)
    other = write(tmp_path / "b.argosmodel", archive({"translate-es_en-1_9/model/vocabulary.txt": b"changed"}))
    with pytest.raises(PackageError, match="differs from the pinned SHA-256"):
        add(line, other, untested)
    assert shelf(line).packs == (pack,)
    assert not (pack.folder / "model" / "vocabulary.txt").exists()


def test_the_pin_outlives_the_package(line: Path, file: Path, tmp_path: Path) -> None:
    pack = add(line, file, untested)
    pack.folder.rename(tmp_path / "gone")
    other = write(tmp_path / "b.argosmodel", archive({"translate-es_en-1_9/model/vocabulary.txt": b"changed"}))
    with pytest.raises(PackageError, match="pinned"):
        add(line, other, untested)
    assert add(line, file, untested) == pack


def test_damaged_pins_are_not_taken_for_none(line: Path, file: Path) -> None:
    add(line, file, untested)
    (line / "pins.json").write_text("{")
    with pytest.raises(PackageError, match="damaged"):
        add(line, file, untested)


def test_a_damaged_installed_package_is_mended_from_its_source(line: Path, file: Path) -> None:
    pack = add(line, file, untested)
    (pack.folder / "model" / "model.bin").write_bytes(b"bits rot")
    add(line, file, untested)
    assert (pack.folder / "model" / "model.bin").read_bytes() == b"weights"


def broken(content: bytes) -> bytes:
    """One byte of the packed weights is changed, so that their checksum no longer fits."""
    at = content.index(b"weights")
    return content[:at] + b"W" + content[at + 1 :]


def stored(content: bytes) -> bytes:
    """The same package without compression."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no zip", "cannot be unpacked"),
        (archive()[:-40], "cannot be unpacked"),
        (broken(stored(archive())), "cannot be unpacked"),
        (archive({"second/model/model.bin": b""}), "cannot be unpacked"),
        (archive(type="sbd"), "which languages"),
        (archive(from_code="../x"), "which languages"),
        (archive(package_version="1.0/../.."), "which languages"),
        (archive(top="a", to_code=None), "which languages"),
        (archive({"translate-es_en-1_9/metadata.json": b"[1]"}), "which languages"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_what_is_no_whole_package_is_refused_in_one_sentence_and_leaves_nothing(
    line: Path, tmp_path: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(PackageError, match=reason) as refused:
        add(line, write(tmp_path / "a.argosmodel", content), untested)
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)
    assert shelf(line) == Shelf((), ())
    assert files_below(line) <= {".lock"}


def test_a_package_without_sentencepiece_says_so(line: Path, tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "a", archive())
    (folder / "sentencepiece.model").rename(folder / "bpe.model")
    with pytest.raises(PackageError, match=r"without sentencepiece\.model"):
        add(line, folder, untested)


def test_a_package_that_would_fill_the_disk_is_refused(line: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "LARGEST", 1 << 20)
    bomb = archive({"translate-es_en-1_9/model/zeros.bin": bytes(2 << 20)})
    assert len(bomb) < 1 << 14
    with pytest.raises(PackageError, match="at most 1 MB"):
        add(line, write(tmp_path / "a.argosmodel", bomb), untested)


def test_the_sums_beside_a_file_are_checked(line: Path, file: Path) -> None:
    sums = file.with_name("SHA256SUMS")
    sums.write_text(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n{'0' * 64}  other.argosmodel\n")
    add(line, file, untested)
    sums.write_text(f"{'0' * 64} *{file.name}\n")
    with pytest.raises(PackageError, match="SHA256SUMS"):
        add(line, file, untested)


def test_a_stray_folder_breaks_nothing_and_is_reported(line: Path, file: Path) -> None:
    pack = add(line, file, untested)
    (line / "lost+found").mkdir()
    (line / "copy").mkdir()
    (line / "copy" / "metadata.json").write_text("{}")
    unpacked(line, archive(top="translate-fr_en-1_0", from_code="fr", package_version="1.0"))
    assert shelf(line) == Shelf((pack,), ("copy", "lost+found", "translate-fr_en-1_0"))


def test_a_self_test_that_fails_adds_nothing(line: Path, file: Path) -> None:
    def fails(pack: Pack) -> float:
        raise PackageError("it does not run.")

    with pytest.raises(PackageError):
        add(line, file, fails)
    assert shelf(line) == Shelf((), ())


@pytest.mark.parametrize(("chrf", "trusted"), [(None, False), (44.9, False), (45.0, True)])
@pytest.mark.claim("T26")
def test_trust_begins_at_the_floor(line: Path, file: Path, chrf: float | None, trusted: bool) -> None:
    pack = add(line, file, lambda _: chrf)
    assert (pack.chrf, pack.trusted) == (chrf, trusted)
    assert shelf(line).packs == (pack,)


@pytest.mark.parametrize(
    ("version", "readme", "quality"),
    [
        ("1.0", b"", "package"),
        ("0.3", b"", "practice"),
        ("1.2", b"Small model (NOT for production use)", "practice"),
        ("1.2", b"\xff", "package"),
    ],
)
def test_a_development_model_is_marked_practice(line: Path, tmp_path: Path, version: str, readme: bytes, quality: str) -> None:
    content = archive({"translate-es_en-1_9/README.md": readme}, package_version=version)
    assert add(line, write(tmp_path / "a.argosmodel", content), untested).quality == quality


def test_a_route_is_direct_or_through_english_and_takes_the_newest(line: Path, tmp_path: Path) -> None:
    for source, target, version in (
        ("es", "en", "1.9"),
        ("es", "en", "1.10"),
        ("en", "fr", "1.0"),
        ("es", "pt", "1.0"),
        ("en", "pt", "1.0"),
    ):
        name = f"translate-{source}_{target}-{version.replace('.', '_')}"
        add(
            line,
            write(tmp_path / f"{name}.argosmodel", archive(top=name, from_code=source, to_code=target, package_version=version)),
            untested,
        )
    found = shelf(line)
    routes = {
        (source, target): [pack.name for pack in found.route(source, target)]
        for source in ("es", "en", "fr")
        for target in ("en", "fr", "pt")
    }
    assert routes == {
        ("es", "en"): ["translate-es_en-1_10"],
        ("es", "fr"): ["translate-es_en-1_10", "translate-en_fr-1_0"],
        ("es", "pt"): ["translate-es_pt-1_0"],
        ("en", "en"): [],
        ("en", "fr"): ["translate-en_fr-1_0"],
        ("en", "pt"): ["translate-en_pt-1_0"],
        ("fr", "en"): [],
        ("fr", "fr"): [],
        ("fr", "pt"): [],
    }


def test_provision_takes_files_folders_and_folders_of_them(line: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    write(mixed / "a.argosmodel", archive())
    write(mixed / "README.md", b"about")
    unpacked(mixed, archive(top="translate-en_es-1_0", from_code="en", to_code="es", package_version="1.0"))
    single = write(tmp_path / "b.argosmodel", archive(top="x", from_code="fr"))
    names = ["translate-es_en-1_9", "translate-en_es-1_0", "translate-fr_en-1_9"]
    assert sorted(pack.name for pack in provision(line, [mixed, single], untested)) == sorted(names)
    assert sorted(pack.name for pack in provision(line, [mixed], untested)) == sorted(names[:2])


def test_provision_says_when_there_is_nothing(line: Path, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="no language package at"):
        provision(line, [tmp_path / "missing"], untested)


def test_the_packs_folder_is_closed_to_others(line: Path, file: Path) -> None:
    before = os.umask(0)
    try:
        add(line, file, untested)
    finally:
        os.umask(before)
    assert line.stat().st_mode & 0o077 == 0
