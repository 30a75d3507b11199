"""Coming in, the list, opening and locking, in real Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import LAPTOP, check_fits, shoot
from tests.desk.conftest import log_in, open_case
from tests.desk.fake import PRACTICE, FakeLine
from tests.desk.tips import Reader, spanish_tip
from triage.tip import Urgency

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]


def test_a_key_file_and_its_passphrase(page: Page, line: FakeLine, ana: Reader, tmp_path: Path) -> None:
    line.practice = False
    file = tmp_path / "ana.age"
    file.write_text(ana.file, encoding="ascii")
    page.goto(f"{line.origin}/desk")
    expect(page.locator("#practice")).to_be_hidden()
    page.set_input_files("#keyfile", file)
    page.fill("#passphrase", "wrong")
    shoot(page, "desk-0-keyfile")
    check_fits(page)
    page.click("button[type=submit]")
    expect(page.locator("#status")).to_contain_text("does not open this key file", timeout=20_000)
    page.fill("#passphrase", ana.spoken)
    page.click("button[type=submit]")
    expect(page.locator("h1")).to_have_text("Your cases", timeout=20_000)


def test_a_stranger_s_key_is_not_let_in(page: Page, line: FakeLine, ana: Reader) -> None:
    page.goto(f"{line.origin}/desk#practice={PRACTICE}")
    expect(page.locator("[data-person]")).to_have_count(2)
    line.readers.remove(ana)
    try:
        page.click(f"[data-person='{ana.key.person}']")
        expect(page.locator("#status")).to_contain_text("does not open for this key now", timeout=20_000)
    finally:
        line.readers.insert(0, ana)


@pytest.mark.parametrize("way", ["button", "expired", "leaving"])
@pytest.mark.claim("T22")
def test_locking_forgets(page: Page, line: FakeLine, ana: Reader, way: str) -> None:
    open_case(page, line, line.open_case(ana, [spanish_tip()]))
    if way == "button":
        page.click("#lock")
    elif way == "expired":
        line.expired = True
    else:
        page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    expect(page.locator("h1")).to_have_text("Log in")
    assert "encerrada" not in page.content()
    assert page.locator("#person").inner_text() == ""
    kept = "[document.cookie, localStorage.length, sessionStorage.length, JSON.stringify(history.state)]"
    assert page.evaluate(kept) == ["", 0, 0, "null"]


def test_after_locking_a_case_is_opened_by_a_new_act(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [spanish_tip()])
    open_case(page, line, found)
    page.click("#lock")
    page.click(f"[data-person='{ana.key.person}']")
    row = page.locator(f"[data-case='{found.key.case_id}']")
    expect(row).to_have_attribute("data-state", "open", timeout=20_000)
    row.click()
    expect(page.locator("main")).to_contain_text("You opened it before")
    page.click("text=Open this case")
    expect(page.locator(".message")).to_have_count(1)
    assert len(set(line.acts)) == 2


def test_back_leads_to_the_list_and_no_case_stands_in_the_address(page: Page, line: FakeLine, ana: Reader) -> None:
    open_case(page, line, line.open_case(ana, [spanish_tip()]))
    assert page.url == f"{line.origin}/desk"
    page.go_back()
    expect(page.locator("h1")).to_have_text("Your cases")
    page.click("[data-case]")
    expect(page.locator(".message")).to_have_count(1)  # its key is still here: no second opening
    assert len(line.acts) == 1
    page.click("text=All cases")
    expect(page.locator("h1")).to_have_text("Your cases")


def test_a_refused_opening_is_told_in_plain_words(page: Page, line: FakeLine, ana: Reader) -> None:
    line.open_case(ana, [spanish_tip()])
    line.refuse = "gate"
    log_in(page, line, ana)
    page.click("[data-case]")
    page.click("text=Open this case")
    expect(page.locator(".result")).to_contain_text("no longer yours")
    expect(page.locator(".message")).to_have_count(0)
    line.refuse = ""
    page.click("text=Open this case")
    expect(page.locator(".message")).to_have_count(1)


FORBIDDEN = """() => {
  const tried = (what) => { try { what(); return "done"; } catch (error) { return error.name; } };
  const script = document.createElement("script");
  return [
    tried(() => { document.body.innerHTML = "<b>x</b>"; }),
    tried(() => { script.text = "window.owned = 1"; }),
    tried(() => { script.append("window.owned = 1"); document.body.append(script); if (!window.owned) throw new TypeError(); }),
    tried(() => trustedTypes.createPolicy("p", {})),
  ];
}"""


@pytest.mark.claim("T20")
def test_the_policy_refuses_markup_and_foreign_scripts(context: BrowserContext, line: FakeLine) -> None:
    page = context.new_page()
    page.goto(f"{line.origin}/desk")
    expect(page.locator("h1")).to_have_text("Log in")
    assert page.evaluate(FORBIDDEN) == ["TypeError"] * 4
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    # Another port of this machine, where something does listen: the line itself under another name.
    elsewhere = line.origin.replace("localhost", "127.0.0.1") + "/desk/config"
    assert page.evaluate("(url) => fetch(url).then(() => 'reached', (error) => error.name)", elsewhere) == "TypeError"
    assert any("connect-src" in text for text in refused)


def test_the_list_is_sorted_by_urgency_and_fills_by_itself(page: Page, line: FakeLine, ana: Reader) -> None:
    log_in(page, line, ana)
    expect(page.locator("main")).to_contain_text("No case is waiting for you")
    for urgency in (Urgency.GENERAL_TIP, Urgency.DANGER_NOW, Urgency.TIME_CRITICAL):
        line.open_case(ana, [spanish_tip()], urgency)
    expect(page.locator("[data-case]")).to_have_count(3)
    assert page.locator("[data-case] .badge").all_text_contents() == ["Danger now", "Time matters", "Tip"]
    shoot(page, "desk-2-list-three")


def test_dark_scheme(chromium: Browser, line: FakeLine, ana: Reader) -> None:
    context = chromium.new_context(viewport={"width": LAPTOP[0], "height": LAPTOP[1]}, color_scheme="dark")
    page = context.new_page()
    open_case(page, line, line.open_case(ana, [spanish_tip()]))
    colours = page.evaluate("() => { const s = getComputedStyle(document.body); return [s.backgroundColor, s.color] }")
    dark, light = (max(int(n) for n in re.findall(r"\d+", colour)[:3]) for colour in colours)
    assert dark < 60
    assert light > 200
    shoot(page, "desk-8-dark")
    context.close()
