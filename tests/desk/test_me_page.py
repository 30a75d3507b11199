"""What a reader tells of himself: his key, his hours, notices, and without a word that he is being pressured. In real Chromium."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from bot.enrol import invitation, read_public
from routing.duty import parse_duty
from sealing import age, passphrase, signing
from sealing.signing import fingerprint
from tests.browser import LAPTOP, PHONE, check_fits, shoot
from tests.desk.conftest import log_in, open_case, until
from tests.desk.fake import FakeLine
from tests.desk.tips import Reader, spanish_tip

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

AWAY = "The desk cannot be reached. Try again later."
PRESSURED = [("pressured", dict[str, str]())]


def me(page: Page, line: FakeLine, reader: Reader) -> None:
    log_in(page, line, reader)
    page.click("#me")
    expect(page.locator("#zone")).to_be_visible()


@pytest.fixture
def bea(line: FakeLine) -> Reader:
    """Has a quiet word."""
    return line.readers[2] if len(line.readers) > 2 else line.enrol("Bea Practice", "Harbour Trust", "grey harbour")


def test_duty_hours_are_those_of_his_own_time_zone(chromium: Browser, line: FakeLine, ana: Reader) -> None:
    context = chromium.new_context(viewport={"width": LAPTOP[0], "height": LAPTOP[1]}, timezone_id="Asia/Manila")
    page = context.new_page()
    me(page, line, ana)
    assert page.input_value("#zone") == "Asia/Manila"
    shoot(page, "desk-51-me")
    check_fits(page)
    for day in ("mon", "tue", "wed", "thu"):
        page.uncheck(f"#works-{day}")
    expect(page.locator("#from-mon")).to_be_hidden()
    page.fill("#from-fri", "22:00")
    page.fill("#until-fri", "01:00")
    expect(page.locator("form")).to_contain_text("You have saved no hours")
    page.click("text=Save my hours")
    expect(page.locator("form .result")).to_have_text("That is less than six hours a week.")
    page.fill("#until-fri", "06:30")
    page.check("#works-sat")
    page.fill("#from-sat", "06:30")
    page.fill("#until-sat", "12:00")
    page.click("text=Save my hours")
    expect(page.locator("form .result")).to_have_text("Saved. These are your hours from now on.")
    ((kind, said),) = line.said
    assert kind == "duty"
    duty = parse_duty(json.dumps(said, separators=(",", ":")).encode())
    assert (duty.zone, duty.hours[4], duty.hours[5], duty.minutes()) == ("Asia/Manila", ((1320, 1440),), ((0, 720),), 840)
    expect(page.locator("form")).to_contain_text("Your hours now, in the time of Asia/Manila:Friday 22:00 to 24:00Saturday 00:00 to 12:00")
    shoot(page, "desk-55-hours")
    page.click("#lock")
    me(page, line, ana)
    expect(page.locator("form")).to_contain_text("Saturday 00:00 to 12:00")
    assert [page.is_checked(f"#works-{day}") for day in ("thu", "fri", "sat", "sun")] == [False, True, True, False]
    assert [page.input_value(f"#{which}-fri") for which in ("from", "until")] == ["22:00", "00:00"]
    context.close()


def test_notices_are_asked_for_and_ended_and_keys_can_be_compared(page: Page, line: FakeLine, ana: Reader) -> None:
    me(page, line, ana)
    told = [value.replace(" ", "") for value in page.locator("dd").all_text_contents()]
    assert {fingerprint(line.verify_key), ana.card_fingerprint[:16], "2027-11-01"} <= set(told)
    expect(page.locator("main")).to_contain_text("You get no notices.")
    page.click("text=Send me notices")
    page.fill("#phone", "555 0100")
    page.click("text=Send them there")
    expect(page.locator(".question .result")).to_contain_text("Write the whole number")
    page.fill("#phone", "+999 (000) 000-0100")
    shoot(page, "desk-52-notices")
    check_fits(page)
    page.click("text=Send them there")
    expect(page.locator("main")).to_contain_text("Saved. Notices come to this number.")
    assert line.said == [("push", {"v": 1, "kind": "push", "person": ana.key.person, "channel": "sms", "address": "+9990000000100"})]
    page.click("text=No more notices")
    page.click(".question >> button.main")
    expect(page.locator("main")).to_contain_text("Saved. You get no notices.")
    assert line.pushes == {ana.key.person: ""}


def test_the_list_comes_in_pages_when_every_desk_asks_and_tells_a_trustee(page: Page, line: FakeLine, ana: Reader) -> None:
    for _ in range(5):
        line.open_case(ana, [spanish_tip()])
    line.page_rows = 2
    line.config.update({"list_at": [int(time.time() * 1000) + 3_600_000], "notices": False})
    log_in(page, line, ana)
    expect(page.locator("[data-case]")).to_have_count(5)
    expect(page.locator(".next")).to_contain_text("Every desk looks for new cases at the same times, next at")
    page.press("#find", "Enter")  # whoever has no quiet word says none by an empty field
    expect(page.locator("[data-case]")).to_have_count(5)
    asked = line.polls
    line.shares.extend({"id": str(n) * 32, "case": "b" * 32, "epoch": n, "sealed": ""} for n in (1, 2))
    page.wait_for_timeout(300)
    assert line.polls == asked
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.click("text=Look now")
    expect(page.locator("main")).to_contain_text("A case waits for you: tipline trustee list on your own computer.")
    shoot(page, "desk-53-next")
    page.fill("#find", "mexico exploitation")
    expect(page.locator("[data-case]")).to_have_count(5)
    page.fill("#find", "boat")
    expect(page.locator("main")).to_contain_text("No case of yours has these words.")
    check_fits(page)
    page.click("#me")
    expect(page.locator("#zone")).to_be_visible()
    expect(page.locator("text=Send me notices")).to_have_count(0)
    assert line.said == []


# ---- the quiet word


@pytest.mark.claim("T46")
def test_the_quiet_word_suspends_him_and_shows_a_lost_line(page: Page, line: FakeLine, bea: Reader) -> None:
    found = line.open_case(bea, [spanish_tip()])
    open_case(page, line, found)
    page.fill("#answer", "Is it the grey harbour?")
    page.click("text=Send answer")
    expect(page.locator(".message.out")).to_contain_text("grey harbour")  # among other words it is a word
    assert line.said == []
    page.fill("#answer", " Grey  harbour ")
    page.click("text=Send answer")
    expect(page.locator("#status")).to_have_text(AWAY)
    assert page.locator("main").inner_text() == "Try again"
    assert "encerrada" not in page.content()
    shoot(page, "desk-61-quiet")
    until(page, lambda: line.said == PRESSURED)
    assert len(found.answers) == 1
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("h1")).to_have_text("Log in")
    page.click(f"[data-person='{bea.key.person}']")
    expect(page.locator("#status")).to_contain_text("The desk does not open for this key now. Try again later", timeout=20_000)


def test_it_is_sent_again_while_the_line_cannot_be_reached(page: Page, line: FakeLine, bea: Reader) -> None:
    page.clock.install()
    log_in(page, line, bea)
    page.route("**/desk/acts", lambda route: route.abort())
    page.fill("#find", "GREY HARBOUR")
    page.press("#find", "Enter")
    expect(page.locator("#status")).to_have_text(AWAY)
    assert line.said == []
    page.unroute("**/desk/acts")
    page.clock.fast_forward(4000)
    until(page, lambda: line.said == PRESSURED)


def test_it_is_sent_again_when_his_time_had_ended_and_when_the_worker_refused_it(page: Page, line: FakeLine, bea: Reader) -> None:
    page.clock.install()
    log_in(page, line, bea)
    page.wait_for_timeout(300)
    line.refuse = "wrong_hour"
    posted: list[int] = []

    def end_first(route: Route) -> None:
        """His token is of no use any more at the moment in which he says it."""
        if not posted:
            line.tokens.clear()
        posted.append(len(line.said))
        route.continue_()

    page.route("**/desk/acts", end_first)
    page.fill("#find", "grey harbour")
    page.press("#find", "Enter")
    until(page, lambda: len(posted) == 1)
    page.wait_for_timeout(200)
    assert line.acts == [], "nobody was let in with that token"
    page.clock.fast_forward(3000)
    until(page, lambda: len(line.acts) == 1)
    expect(page.locator("#status")).to_have_text(AWAY)
    page.wait_for_timeout(300)
    assert line.said == []
    line.refuse = ""
    page.clock.fast_forward(3000)
    until(page, lambda: line.said == PRESSURED)
    assert len(set(line.acts)) == 2, "what was refused is not sent again as the same"
    expect(page.locator("#status")).to_have_text(AWAY)
    assert page.locator("main").inner_text() == "Try again"


def test_it_is_told_before_the_page_knows_who_he_is_to_the_line(page: Page, line: FakeLine, bea: Reader) -> None:
    page.route("**/desk/epochs", lambda route: route.abort())
    log_in(page, line, bea)
    page.unroute("**/desk/epochs")
    page.fill("#find", "Grey harbour")
    page.press("#find", "Enter")
    expect(page.locator("#status")).to_have_text(AWAY)
    until(page, lambda: line.said == PRESSURED)


# ---- a key of his own


def test_a_key_made_here_is_a_key_there(page: Page, line: FakeLine, tmp_path: Path) -> None:
    line.practice = False
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method + request.url.removeprefix(line.origin)))
    page.goto(f"{line.origin}/desk")
    page.click("text=I was invited")
    make, told = page.get_by_role("button", name="Make my key"), page.locator(".invitation .result")
    page.fill("#invitation", "not one")
    make.click()
    expect(told).to_have_text("This is not an invitation. Paste all of it.")
    text = invitation()
    page.fill("#invitation", text)
    words = page.locator(".words").inner_text()
    assert re.fullmatch(r"[a-z]+( [a-z]+){3}", words)
    page.click("text=Other words")
    assert page.locator(".words").inner_text() != words
    for one, again, quiet, wrong in (
        ("short", "short", "", "at least 12"),
        (words, words + "!", "", "not the same"),
        (words, words, "abc", "quiet word"),
        (words, words, words.upper(), "must not be the passphrase"),
    ):
        page.fill("#new-passphrase", one)
        page.fill("#new-passphrase-again", again)
        page.fill("#quiet", quiet)
        make.click()
        expect(told).to_contain_text(wrong)
    page.fill("#quiet", "Niebla gris: añil")
    shoot(page, "desk-71-invited")
    check_fits(page)
    page.fill("#keyname", "Ana / 1")
    make.click()
    expect(page.locator("h2")).to_have_text("Your key is made", timeout=20_000)
    shoot(page, "desk-72-made")
    assert [request for request in sent if request not in ("GET/desk", "GET/desk/config", "GETdata:,")] == []
    for name in ("Ana-1.key", "Ana-1.pub.json"):
        with page.expect_download() as waiting:
            page.click(f"text=Save {name}")
        assert waiting.value.suggested_filename == name
        waiting.value.save_as(tmp_path / name)
    key = passphrase.unlock((tmp_path / "Ana-1.key").read_text(encoding="ascii"), words)
    public = read_public(tmp_path / "Ana-1.pub.json")
    assert key.quiet == "Niebla gris: añil"
    assert key.person == public.person == text.split("person: ")[1].split()[0]
    assert (public.age, public.verify) == (age.recipient_of(key.identity), signing.public_of(key.sign_seed))
