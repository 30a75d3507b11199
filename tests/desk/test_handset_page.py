"""The practice phones in real Chromium."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import PHONE, check_fits, shoot
from tests.desk.fake import PRACTICE, FakeLine

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]


def test_phones_side_by_side_send_and_receive(page: Page, line: FakeLine) -> None:
    page.goto(f"{line.origin}/handset#practice={PRACTICE}")
    expect(page.locator(".phone:visible")).to_have_count(3)
    assert page.url == f"{line.origin}/handset"
    second = page.locator("[data-phone='+9990000002']")
    second.locator("textarea").fill("Mi hermana está encerrada")
    second.locator("textarea").press("Enter")
    expect(second.locator(".bubble.ours")).to_contain_text("sent")
    assert [(t["phone"], t["text"]) for t in line.texts] == [("+9990000002", "Mi hermana está encerrada")]
    assert re.fullmatch(r"[0-9a-f]{32}", line.texts[0]["id"])
    line.replies["+9990000002"] = [{"n": 1, "text": "Hola, su mensaje está aquí.", "at": "2026-11-21T14:00:00Z"}]
    expect(second.locator(".bubble.theirs")).to_contain_text("Hola, su mensaje está aquí.")
    line.replies["+9990000002"].append({"n": 2, "text": "<b>¿Dónde?</b>", "at": 1_795_270_000_000})
    expect(second.locator(".bubble.theirs").nth(1)).to_contain_text("<b>¿Dónde?</b>")
    expect(second.locator(".bubble.theirs")).to_have_count(2)
    page.click("text=+ Phone")
    expect(page.locator("[data-phone='+9990000004']")).to_be_visible()
    shoot(page, "handset-1")


def test_one_phone_at_a_time_on_a_small_screen(page: Page, line: FakeLine) -> None:
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.goto(f"{line.origin}/handset#practice={PRACTICE}")
    expect(page.locator(".phone:visible")).to_have_count(1)
    check_fits(page)
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    line.replies["+9990000003"] = [{"n": 1, "text": "Hi, your message is here.", "at": 1_795_270_000_000}]
    third = page.locator(".tab", has_text="0003")
    expect(third).to_contain_text("1 new")
    third.click()
    expect(page.locator("[data-phone='+9990000003'] .bubble")).to_contain_text("Hi, your message is here.")
    expect(third).not_to_contain_text("new")
    expect(page.locator(".phone:visible")).to_have_count(1)


def test_a_text_that_failed_is_tried_again_as_the_same_text(page: Page, line: FakeLine) -> None:
    page.goto(f"{line.origin}/handset#practice={PRACTICE}")
    phone = page.locator("[data-phone='+9990000001']")
    seen: list[str] = []
    page.on("request", lambda r: seen.append(json.loads(r.post_data or "{}")["id"]) if r.url.endswith("/handset/message") else None)
    line.down = True
    phone.locator("textarea").fill("ayuda")
    phone.locator("button[type=submit]").click()
    expect(phone.locator(".bubble.failed")).to_contain_text("Not sent.")
    shoot(page, "handset-2-failed")
    line.down = False
    phone.locator("text=Try again").click()
    expect(phone.locator(".bubble.ours")).to_contain_text("sent")
    expect(phone.locator(".bubble.failed")).to_have_count(0)
    assert len(seen) == 2
    assert len(set(seen)) == 1
    assert [t["text"] for t in line.texts] == ["ayuda"]


def test_an_old_address_says_what_to_do(page: Page, line: FakeLine) -> None:
    page.goto(f"{line.origin}/handset")
    expect(page.locator("#status")).to_contain_text("Open the handset address that the demo printed last")
    page.goto(f"{line.origin}/handset#practice={PRACTICE}")  # the same document: only the part after # changed
    expect(page.locator("#status")).to_have_text("")
    page.goto(f"{line.origin}/desk#practice=old")
    expect(page.locator("#status")).to_contain_text("Open the one that the demo printed last")
