""" "I told somebody about this case", in real Chromium: an office of the line's own file, or a kind of office, and the day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser import check_fits, shoot
from tests.desk.conftest import open_case, until
from tests.desk.fake import FakeLine
from tests.desk.tips import Reader, spanish_tip

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

ASK = "text=I told somebody about this case"


def day(ago: int) -> str:
    return (datetime.now(UTC) - timedelta(days=ago)).date().isoformat()


def days_since_1970(iso: str) -> int:
    return (datetime.fromisoformat(iso).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days


def test_a_reader_says_whom_he_told_and_keeps_the_case(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [spanish_tip()])
    open_case(page, line, found)
    page.click(ASK)
    question = page.locator(".question")
    expect(question).to_contain_text("It takes nothing away from you or from them.")
    expect(page.locator("#told-whom optgroup")).to_have_count(2)
    assert page.locator("#told-whom option").all_text_contents() == [
        "Choose…",
        "the police",
        "a court or a prosecutor's office",
        "an aid organisation",
        "Policía de Peñalta, Peñalta",
        "Casa Faro, Costa Serena",
    ]
    page.click("text=Note it")
    expect(question.locator(".result")).to_have_text("Choose whom first.")
    page.select_option("#told-whom", label="Policía de Peñalta, Peñalta")
    page.fill("#told-day", "")
    page.click("text=Note it")
    expect(question.locator(".result")).to_contain_text("Choose the day first")
    page.fill("#told-day", day(400))
    page.click("text=Note it")
    expect(question.locator(".result")).to_contain_text("at most 60 days ago")
    page.fill("#told-day", day(2))
    shoot(page, "desk-37-told")
    check_fits(page)
    page.click("text=Note it")
    expect(question).to_contain_text("If you tell somebody else, say so again.")
    shoot(page, "desk-38-noted")
    check_fits(page)
    case_id, when = found.key.case_id, days_since_1970(day(2))
    assert line.said == [("told", {"v": 1, "kind": "told", "case": case_id, "agency": "police-penalta", "house": "", "day": when})]
    page.click("text=Go on")
    expect(page.locator(ASK)).to_be_visible()
    expect(page.locator("#answer")).to_be_visible()
    assert found.state == "open"


def test_a_kind_of_office_will_do_and_a_refusal_is_told(page: Page, line: FakeLine, ana: Reader) -> None:
    open_case(page, line, line.open_case(ana, [spanish_tip()]))
    line.refuse = "too_many"
    page.click(ASK)
    expect(page.locator(".question .warning")).to_contain_text("takes no more")
    page.click("text=No, go back")
    line.refuse = ""
    page.click(ASK)
    page.select_option("#told-whom", label="a court or a prosecutor's office")
    line.refuse = "too_many"
    page.click("text=Note it")
    expect(page.locator(".question .result")).to_contain_text("takes no more")
    assert line.said == []
    line.refuse = ""
    page.click("text=Note it")
    expect(page.locator(".question")).to_contain_text("It is noted")
    assert [(said["agency"], said["house"]) for _, said in line.said] == [("", "judiciary")]


def test_whoever_looks_a_second_time_can_say_so_too(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [spanish_tip()])
    found.proposed = "referred"
    open_case(page, line, found)
    until(page, lambda: page.locator(ASK).count() == 1)
    expect(page.get_by_role("button", name="Close this case", exact=True)).to_have_count(0)
