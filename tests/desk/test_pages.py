"""The documents that are served: whole, unchanged, and under a policy that fits exactly them."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from desk.pages import STATIC, BundleError, Page, build_page, desk_page, handset_page, verified


class Inside(HTMLParser):
    """What stands inside script and style elements, and every attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.at = ""
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at = tag
        self.attributes += attrs
        if tag in self.inside:
            self.inside[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self.at = ""

    def handle_data(self, data: str) -> None:
        if self.at in self.inside:
            self.inside[self.at][-1] += data


def read(page: Page) -> Inside:
    parser = Inside()
    parser.feed(page.html.decode())
    parser.close()
    return parser


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(STATIC, tmp_path / "static")


@pytest.mark.parametrize("page", [desk_page(), handset_page()], ids=["desk", "handset"])
@pytest.mark.claim("T20")
def test_policy_names_exactly_the_script_and_style_of_the_page(page: Page) -> None:
    rules = dict(rule.split(" ", 1) for rule in page.headers["Content-Security-Policy"].split("; "))
    found = read(page)
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (content,) = found.inside[tag]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert rules["trusted-types"] == "'none'"
    assert "unsafe" not in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("page", [desk_page(), handset_page()], ids=["desk", "handset"])
def test_page_loads_nothing_from_elsewhere_and_is_never_kept(page: Page) -> None:
    found = read(page)
    assert [value for name, value in found.attributes if name in {"src", "href", "action", "srcset"}] == ["data:,"]
    assert not [name for name, _ in found.attributes if name == "style" or name.startswith("on")]
    assert not re.search(r"url\(|@import", found.inside["style"][0])
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("name", ["desk.js", "handset.js"])
def test_script_parses_no_markup_and_keeps_nothing(name: str) -> None:
    script = (STATIC / name).read_text(encoding="utf-8")
    banned = r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function|localStorage|sessionStorage|indexedDB|\.cookie"
    assert re.findall(banned, script) == []


@pytest.mark.parametrize("name", ["desk.js", "desk.css", "desk.html"])
@pytest.mark.claim("T20")
def test_a_changed_file_is_refused(folder: Path, name: str) -> None:
    target = folder / name
    target.write_bytes(target.read_bytes() + b" ")
    with pytest.raises(BundleError, match=re.escape(name)):
        build_page("desk", folder)


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "handset.js").unlink()
    with pytest.raises(BundleError, match="incomplete"):
        build_page("handset", folder)


def test_a_missing_or_unreadable_list_of_sums_is_refused(folder: Path) -> None:
    (folder / "SHA256SUMS").write_text("no sums here\n", encoding="ascii")
    with pytest.raises(BundleError):
        verified(folder)
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(BundleError):
        verified(folder)


def resum(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="ascii")


def test_a_page_that_no_list_names_is_refused(folder: Path) -> None:
    (folder / "desk.js").unlink()
    resum(folder)
    with pytest.raises(BundleError, match=r"desk\.js"):
        build_page("desk", folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("desk.js", b"a='</script>'"),
        ("desk.js", b"a='<!--'"),
        ("desk.css", b"a{content:'</style>'}"),
        ("desk.js", b"a\r\nb"),
        ("desk.html", b"<p>"),
    ],
)
def test_what_would_break_out_of_its_element_is_refused(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    resum(folder)
    with pytest.raises(BundleError):
        build_page("desk", folder)
