"""The two pages in real Chromium, against a small line that seals and judges with the real code (fake.py)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from sealing import age, passphrase
from sealing.rows import Part
from tests.desk.fake import PRACTICE, FakeCase, FakeLine, Reader, Told, serving, spanish_tip
from triage.tip import Urgency

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

PHONE = (360, 740)
LAPTOP = (1280, 800)
TEXT = spanish_tip().text


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
    served.refuse, served.down, served.expired, served.practice = "", False, False, True
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


def log_in(page: Page, line: FakeLine, reader: Reader) -> None:
    page.goto(f"{line.origin}/desk#practice={PRACTICE}")
    page.click(f"[data-person='{reader.key.person}']")
    expect(page.locator("h1")).to_have_text("Your cases", timeout=20_000)


def open_case(page: Page, line: FakeLine, found: FakeCase) -> None:
    log_in(page, line, found.reader)
    page.click(f"[data-case='{found.key.case_id}']")
    page.click("text=Open this case")
    expect(page.locator(".message").first).to_be_visible()


# ---- the desk


def test_from_the_door_to_an_answer(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [spanish_tip(), Told("Es la casa azul.")])
    page.goto(f"{line.origin}/desk#practice={PRACTICE}")
    expect(page.locator("[data-person]")).to_have_count(2)
    assert page.url == f"{line.origin}/desk"  # the token left the address bar
    shoot(page, "desk-1-login")
    check_fits(page)
    page.fill("#filter", "bela")
    expect(page.locator("[data-person]")).to_have_count(1)
    page.fill("#filter", "")
    page.click(f"[data-person='{ana.key.person}']")
    row = page.locator(f"[data-case='{found.key.case_id}']")
    expect(row).to_contain_text("teal heron", timeout=20_000)
    expect(page.locator("#person")).to_have_text("Ana Practice")
    expect(row).to_contain_text("Asks for help")
    expect(row).to_contain_text("waiting for you to open")
    shoot(page, "desk-2-list")
    check_fits(page)
    row.click()
    expect(page.locator("main")).to_contain_text("recorded")
    expect(page.locator("main")).to_contain_text("sexual exploitation")
    assert line.acts == []
    shoot(page, "desk-3-stub")
    check_fits(page)
    page.click("text=Open this case")
    first = page.locator(".message").first
    expect(first.locator(".original .text")).to_have_text(TEXT)
    expect(first.locator(".translation .text")).to_contain_text("my sister is locked in a house")
    expect(first).to_contain_text("PRACTICE translation – often wrong")
    assert first.locator(".original mark").all_text_contents() == ["Por favor ayuda", "encerrada", "jefe de policía", "lo protege"]
    assert first.locator(".translation mark").all_text_contents() == ["locked in"]
    expect(page.locator(".message").nth(1)).to_contain_text("not translated")
    expect(page.locator("[role=alert]")).to_have_text("")
    assert found.state == "open"
    page.fill("#answer", "We are coming. Are you alone?")
    shoot(page, "desk-4-case")
    check_fits(page)
    page.click("text=Send answer")
    expect(page.locator(".message.out")).to_contain_text("We are coming. Are you alone?")
    expect(page.locator(".result")).to_have_text("Your answer is on its way.")
    assert page.input_value("#answer") == ""
    assert [(a["text"], a["to"]) for a in found.answers] == [("We are coming. Are you alone?", "+9990000001")]
    size = found.answers[0]["size"]
    assert isinstance(size, int)
    assert size == age.padme(size)
    shoot(page, "desk-5-answered")


def test_original_and_translation_stand_side_by_side_or_stacked(page: Page, line: FakeLine, ana: Reader) -> None:
    open_case(page, line, line.open_case(ana, [spanish_tip()]))
    for width, beside in ((LAPTOP[0], True), (PHONE[0], False)):
        page.set_viewport_size({"width": width, "height": 800})
        left, right = (page.locator(f".message .{side}").bounding_box() for side in ("original", "translation"))
        assert left is not None
        assert right is not None
        assert (left["y"] == right["y"]) is beside
        assert (right["y"] > left["y"]) is not beside


def test_new_messages_arrive_and_leave_the_draft_alone(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [spanish_tip()])
    open_case(page, line, found)
    page.fill("#answer", "half a sent")
    found.tell(Told("أنا في الميناء", "ar"))
    line.reach(found)
    second = page.locator(".message").nth(1).locator(".text")
    expect(second).to_have_text("أنا في الميناء")
    assert second.get_attribute("dir") == "auto"
    assert second.get_attribute("lang") == "ar"
    assert second.evaluate("node => getComputedStyle(node).direction") == "rtl"
    assert page.input_value("#answer") == "half a sent"
    page.fill("#answer", "We see you.")
    page.click("text=Send answer")  # with the newest contact
    expect(page.locator(".result")).to_have_text("Your answer is on its way.")


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
        expect(page.locator("#status")).to_contain_text("does not let this key in", timeout=20_000)
    finally:
        line.readers.insert(0, ana)


@pytest.mark.parametrize("way", ["button", "expired", "leaving"])
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


def test_every_epoch_of_a_case_is_one_case_and_answers_go_to_the_newest(page: Page, line: FakeLine, ana: Reader) -> None:
    first = line.open_case(ana, [spanish_tip()])
    second = line.next_epoch(first)
    second.tell(Told("Nos mueven hoy."))
    line.reach(second)
    log_in(page, line, ana)
    expect(page.locator("[data-case]")).to_have_count(1)
    page.click("[data-case]")
    page.click("text=Open this case")
    expect(page.locator(".message")).to_have_count(2)
    expect(page.locator("[role=alert]")).to_have_text("")
    assert (first.state, second.state, len(line.acts)) == ("open", "open", 2)
    page.fill("#answer", "We read it.")
    page.click("text=Send answer")
    expect(page.locator(".result")).to_have_text("Your answer is on its way.")
    assert [a["text"] for a in second.answers] == ["We read it."]


@pytest.mark.parametrize("when", ["listed", "reading"])
def test_a_struck_case_shows_nothing_more(page: Page, line: FakeLine, ana: Reader, when: str) -> None:
    found = line.open_case(ana, [spanish_tip()])
    if when == "reading":
        open_case(page, line, found)
        found.state = "struck"
    else:
        found.state = "struck"
        log_in(page, line, ana)
        page.click("[data-case]")
    expect(page.locator("main")).to_contain_text("This case is no longer yours")
    assert "encerrada" not in page.content()
    shoot(page, f"desk-6-struck-{when}")


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


def test_a_case_that_is_not_whole_says_so(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [spanish_tip(), Told("Es la casa azul."), Told("Apúrense.")])
    del found.envelopes[1]
    open_case(page, line, found)
    expect(page.locator("[role=alert]")).to_contain_text("Careful: A message is missing or out of order.")
    shoot(page, "desk-7-broken-chain")
    check_fits(page)


def test_a_message_that_vanishes_while_reading_is_told(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [spanish_tip(), Told("Es la casa azul.")])
    open_case(page, line, found)
    found.envelopes[:] = [e for e in found.envelopes if e.seq != 2]
    expect(page.locator("[role=alert]")).to_contain_text("A message that was here before is gone.")


def test_markup_in_a_message_stays_text(page: Page, line: FakeLine, ana: Reader) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script></p><b>bold</b>"
    open_case(page, line, line.open_case(ana, [Told(evil, "en")]))
    expect(page.locator(".message .text")).to_have_text(evil)
    assert page.locator("main img, main script, main .text b").count() == 0
    assert page.title() == "Línea de prueba"


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


def test_a_reply_with_a_number_never_leaves_the_page(page: Page, line: FakeLine, ana: Reader) -> None:
    open_case(page, line, line.open_case(ana, [spanish_tip()]))
    before = len(line.acts)
    page.fill("#answer", "Call me on +52 999 123 4567")
    page.click("text=Send answer")
    expect(page.locator(".result")).to_contain_text("a phone number")
    assert len(line.acts) == before
    assert page.input_value("#answer") == "Call me on +52 999 123 4567"


@pytest.mark.parametrize(
    ("code", "told"),
    [("contact_in_reply", "could unmask you or the source"), ("stale", "Something new came in first"), ("gate", "no longer yours")],
)
def test_a_refused_answer_keeps_the_words(page: Page, line: FakeLine, ana: Reader, code: str, told: str) -> None:
    found = line.open_case(ana, [spanish_tip()])
    open_case(page, line, found)
    line.refuse = code
    page.fill("#answer", "Are you alone?")
    page.click("text=Send answer")
    expect(page.locator(".result")).to_contain_text(told)
    assert page.input_value("#answer") == "Are you alone?"
    assert found.answers == []


@pytest.mark.parametrize("taken", [True, False])
def test_a_lost_connection_makes_no_second_answer(page: Page, line: FakeLine, ana: Reader, taken: bool) -> None:
    found = line.open_case(ana, [spanish_tip()])
    open_case(page, line, found)
    lost = [True]

    def lose(route: Route) -> None:
        """The first answer's receipt is lost on the way back, or the answer itself on the way there."""
        if not lost:
            route.continue_()
            return
        lost.pop()
        if taken:
            route.fetch()
        route.abort()

    page.route("**/desk/acts", lose)
    page.fill("#answer", "Are you alone?")
    page.click("text=Send answer")
    if not taken:
        expect(page.locator(".result")).to_contain_text("Your words are still here")
        page.click("text=Send answer")
    expect(page.locator(".result")).to_have_text("Your answer is on its way.")
    expect(page.locator(".message.out")).to_have_count(1)
    assert page.input_value("#answer") == ""
    assert [a["text"] for a in found.answers] == ["Are you alone?"]


def test_without_an_address_there_is_nothing_to_answer_to(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [spanish_tip()], contact=False)
    open_case(page, line, found)
    expect(page.locator("main")).to_contain_text("There is no address to answer to")
    expect(page.locator("#answer")).to_have_count(0)
    assert [e.part for e in found.envelopes] == [Part.MESSAGE]


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


# ---- the handset


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
