"""`tipline demo` as a newcomer runs it, and the whole way of a tip in a real browser: from a phone to the desk and back."""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from bot.practice_line import WORLD
from tests.browser import LAPTOP, PHONE, check_fits, chromium, shoot
from tests.peers.command import Command, command
from tests.peers.processes import free_port
from tests.roster_reading import tied

__all__ = ["chromium"]

TIP = "En Peñalta unas mujeres trabajan en el bar sin pago. El jefe de policía de Peñalta lo sabe y cobra."
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.enable_socket]


def offered_to(home: Path, seen: set[str]) -> dict[str, set[str]]:
    """Case -> who was ever shown it, of the cases that were not there before; read from the database with nobody's key."""
    with sqlite3.connect(home / ".tipline-practice" / "tipline.db", timeout=10) as database:
        rows = database.execute("SELECT case_id, person_id FROM grant_ WHERE person_id IS NOT NULL").fetchall()
    found: dict[str, set[str]] = {}
    for case_id, person in rows:
        if case_id not in seen:
            found.setdefault(case_id, set()).add(person)
    return found


def until_offered(home: Path, seen: set[str]) -> tuple[str, str]:
    deadline = time.monotonic() + 60
    while not (found := offered_to(home, seen)):
        assert time.monotonic() < deadline, "nobody was offered the case"
        time.sleep(0.2)
    ((case_id, people),) = found.items()
    (person,) = people
    return case_id, person


def demo_env(home: Path, port: int, packs: Path | None) -> dict[str, str]:
    env = {"HOME": str(home), "TIPLINE_PORT": str(port)}
    return env if packs is None else {**env, "TIPLINE_LANGUAGE_PACKS": str(packs)}


def addresses(running: Command) -> tuple[str, str]:
    handset = running.until(r"(http://\S+/handset#practice=\S+)", 90)[1]
    desk = running.until(r"(http://\S+/desk#practice=\S+)", 10)[1]
    running.until(r"Stop: Ctrl-C", 10)
    return handset, desk


@pytest.fixture
def page(chromium: Browser) -> Page:
    context = chromium.new_context(viewport={"width": LAPTOP[0], "height": LAPTOP[1]})
    context.set_default_timeout(20_000)
    return context.new_page()


def errors_of(page: Page) -> list[str]:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


def test_a_spanish_tip_from_phone_to_desk_and_back(page: Page, tmp_path: Path, models: Path) -> None:
    with command(["demo"], demo_env(tmp_path, free_port(), models)) as running:
        handset, desk = addresses(running)
        told = "".join(running.printed)
        assert "practice" in told
        assert re.search(r"tries, 0 opened", told)
        seen = set(offered_to(tmp_path, set()))
        errors = errors_of(page)

        page.goto(handset)
        phone = page.locator("section.phone").nth(1)
        phone.locator("textarea").fill(TIP)
        written = time.monotonic()
        phone.get_by_role("button", name="Send").click()
        reply = phone.locator(".bubble.theirs .text")
        expect(reply).to_have_count(1, timeout=10_000)
        assert time.monotonic() - written < 10
        assert "Gracias" in reply.inner_text()
        shoot(page, "handset")
        check_fits(page)

        case_id, person = until_offered(tmp_path, seen)
        assert person not in tied(WORLD, "Peñalta", "police")

        reader = page.context.new_page()
        reader_errors = errors_of(reader)
        reader.goto(desk)
        reader.click(f"[data-person='{person}']")
        expect(reader.locator("h1")).to_have_text("Your cases")
        reader.click(f"[data-case='{case_id}']")
        shoot(reader, "desk-offer")
        reader.click("text=Open this case")
        message = reader.locator(".message").first
        expect(message).to_be_visible()
        body = message.inner_text()
        assert "PRACTICE" in body.upper()
        assert any("polic" in mark.lower() for mark in message.locator("mark").all_inner_texts())
        reader.locator("textarea").fill("Thank you. We have read it.")
        reader.get_by_role("button", name=re.compile("Send", re.IGNORECASE)).click()
        expect(phone.locator(".bubble.theirs .text")).to_have_count(2, timeout=20_000)
        answer = phone.locator(".bubble.theirs .text").last.inner_text()
        assert "Thank you. We have read it." in answer
        assert "Gracias" in answer, "the translation stands above the reader's own words"
        expect(reader.locator(".message")).to_have_count(2)
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        page.locator("button.tab").nth(1).click()
        shoot(page, "handset-answered")
        shoot(reader, "desk")
        check_fits(reader)
        assert offered_to(tmp_path, seen) == {case_id: {person}}
        assert errors == reader_errors == []
        assert running.stop() == 0


@pytest.mark.thorough
def test_without_a_language_package_the_tip_is_shown_untranslated(page: Page, tmp_path: Path) -> None:
    with command(["demo"], demo_env(tmp_path, free_port(), None)) as running:
        _, desk = addresses(running)
        told = "".join(running.printed)
        assert "No language package is installed" in told
        assert "tipline languages add es" in told
        assert "not translated" in told
        _, person = until_offered(tmp_path, set())
        page.goto(desk)
        page.click(f"[data-person='{person}']")
        page.locator("[data-case]").first.click()
        page.click("text=Open this case")
        message = page.locator(".message").first
        expect(message).to_be_visible()
        assert "not translated" in message.inner_text().lower()
        shoot(page, "desk-untranslated")
        assert running.stop() == 0


@pytest.mark.claim("T23")
def test_practice_with_a_real_channels_token_refuses_to_start(tmp_path: Path) -> None:
    env = {**demo_env(tmp_path, free_port(), None), "TIPLINE_TWILIO_AUTH_TOKEN": "x" * 32}
    with command(["demo"], env) as running:
        running.until("Practice takes no real channel", 30)
        assert running.process.wait(timeout=20) == 2
        assert not (tmp_path / ".tipline-practice").exists()
