"""Real Chromium for tests marked `browser`: TIPLINE_CHROMIUM, or the first of NAMES; skipped when absent, but in CI that fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

# Without the networking flags Chromium asks Google's hosts at every start.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first is the same engine without the windows that nobody sees: half the work."""
PHONE = (360, 740)
LAPTOP = (1280, 800)


def find_chromium() -> str | None:
    """Path of a browser on this machine."""
    named = os.environ.get("TIPLINE_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser a module: Playwright keeps an event loop running in this thread, which tests of asyncio must not meet."""
    path = find_chromium()
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI has no Chromium: install Debian's chromium-headless-shell or set TIPLINE_CHROMIUM")
        pytest.skip(f"no Chromium on this machine (TIPLINE_CHROMIUM, {', '.join(NAMES)})")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def shoot(page: Page, name: str) -> None:
    """Screenshots at both widths, where TIPLINE_SHOTS names a folder."""
    if folder := os.environ.get("TIPLINE_SHOTS"):
        for width, height in (PHONE, LAPTOP):
            page.set_viewport_size({"width": width, "height": height})
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)


def check_fits(page: Page) -> None:
    """At 360 px nothing stands out sideways, and whatever is tapped is at least 44 px."""
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE[0]
    tapped = page.locator("button:visible, input:visible, textarea:visible, summary:visible")
    for i in range(tapped.count()):
        box = tapped.nth(i).bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert box["width"] >= 44
    page.set_viewport_size({"width": LAPTOP[0], "height": LAPTOP[1]})
