"""Shared by the desk's tests: the built tree (Node) and the browser."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from sealing import passphrase
from tests.browser import LAPTOP, chromium
from tests.desk.cases import FakeCase
from tests.desk.fake import PRACTICE, FakeLine, serving
from tests.desk.tips import Reader

__all__ = ["chromium"]

SRC = Path(__file__).parents[2] / "desk" / "src"


@pytest.fixture(scope="session")
def node_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """desk/src in a fresh folder with exactly the packages of package-lock.json. Skipped without npm or the registry; in CI that fails."""
    give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    if shutil.which("npm") is None:
        give_up("no npm on this machine: the committed bundle is checked by its hashes only")
    tree = tmp_path_factory.mktemp("desk") / "src"
    shutil.copytree(SRC, tree, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        give_up("npm ci failed (no registry?): " + done.stderr[-300:])
    return tree


@pytest.fixture(scope="module")
def served() -> Iterator[FakeLine]:
    line = FakeLine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passphrase, "LOG_N", 10)  # a second less at each log-in; test_open_js unlocks the real work factors
        line.enrol("Ana Practice", "Harbour Trust")
        line.enrol("Béla Practice", "Border Office")
    with serving(line):
        yield line


@pytest.fixture
def line(served: FakeLine) -> FakeLine:
    """Empty of cases and texts, all well."""
    served.cases.clear()
    served.acts.clear()
    served.handouts.clear()
    served.texts.clear()
    served.replies.clear()
    served.said.clear()
    served.shares.clear()
    served.pushes.clear()
    served.duty.clear()
    served.suspended.clear()
    served.config.clear()
    served.page_rows, served.waiting = 100, False
    served.refuse, served.dropped, served.down, served.expired, served.practice, served.asked = "", False, False, False, True, 0
    return served


@pytest.fixture
def ana(line: FakeLine) -> Reader:
    return line.readers[0]


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": LAPTOP[0], "height": LAPTOP[1]})
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page whose every error, and whatever its policy refuses, fails the test; an answer that is no 200 is not an error."""
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" and not m.text.startswith("Failed to load resource") else None)
    yield page
    assert errors == []


def log_in(page: Page, line: FakeLine, reader: Reader) -> None:
    page.goto(f"{line.origin}/desk#practice={PRACTICE}")
    page.click(f"[data-person='{reader.key.person}']")
    expect(page.locator("h1")).to_have_text("Your cases", timeout=20_000)


def until(page: Page, what: Callable[[], bool]) -> None:
    """Something that only the line sees, within five seconds."""
    for _ in range(100):
        if what():
            return
        page.wait_for_timeout(50)
    pytest.fail("it did not come")


def open_case(page: Page, line: FakeLine, found: FakeCase) -> None:
    log_in(page, line, found.reader)
    page.click(f"[data-case='{found.key.case_id}']")
    page.click("text=Open this case")
    expect(page.locator(".message").first).to_be_visible()
