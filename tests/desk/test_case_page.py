"""An open case in real Chromium: reading it, being told when it is not whole, answering."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from sealing import age
from sealing.rows import Part
from tests.browser import LAPTOP, PHONE, check_fits, shoot
from tests.desk.conftest import log_in, open_case
from tests.desk.fake import PRACTICE, FakeLine
from tests.desk.tips import Reader, Told, spanish_tip
from triage.tip import Form

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

TEXT = spanish_tip().text


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


def test_what_was_forwarded_edited_or_came_with_pictures_is_told(page: Page, line: FakeLine, ana: Reader) -> None:
    told = [
        Told("Reenviado: hay mujeres en el bar.", form=Form.FORWARDED),
        Told("Son cuatro.", form=Form.EDITED),
        Told("", media=2),
        Told("12.345678, -98.765432", form=Form.PLACE),
    ]
    open_case(page, line, line.open_case(ana, told))
    expect(page.locator(".message .form")).to_have_text(
        [
            "Forwarded by the source: the words may be somebody else's.",
            "An earlier message, edited by the source.",
            "A place that the source shared.",
        ]
    )
    expect(page.locator(".message .media")).to_have_text(["2 pictures or files came with it. The line does not fetch them."])
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    shoot(page, "desk-6-forms")
    check_fits(page)


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
@pytest.mark.claim("T12")
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


@pytest.mark.claim("T20")
def test_markup_in_a_message_stays_text(page: Page, line: FakeLine, ana: Reader) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script></p><b>bold</b>"
    open_case(page, line, line.open_case(ana, [Told(evil, "en")]))
    expect(page.locator(".message .text")).to_have_text(evil)
    assert page.locator("main img, main script, main .text b").count() == 0
    assert page.title() == "Línea de prueba"


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


def test_a_receipt_lost_after_the_case_showed_the_answer_takes_nothing_back(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [spanish_tip()])
    open_case(page, line, found)
    receipts: list[Route] = []

    def keep(route: Route) -> None:
        route.fetch()
        receipts.append(route)

    page.route("**/desk/acts", keep)
    page.fill("#answer", "Are you alone?")
    page.click("text=Send answer")
    expect(page.locator(".result")).to_have_text("Your answer is on its way.")
    (receipt,) = receipts
    receipt.abort()
    page.wait_for_timeout(400)
    assert page.inner_text(".result") == "Your answer is on its way."
    assert [a["text"] for a in found.answers] == ["Are you alone?"]


def test_a_dropped_answer_is_told_and_not_waited_for(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [Told("one")])
    open_case(page, line, found)
    line.dropped, asked = True, line.asked
    page.fill("#answer", "We read it.")
    page.click("text=Send answer")
    expect(page.locator(".result")).to_contain_text("ask your operator")
    expect(page.locator(".result")).to_contain_text("Your words are still here.")
    expect(page.locator("button[type=submit]")).to_be_enabled()
    page.wait_for_timeout(400)
    assert line.asked == asked + 1, "it went on asking"
    line.dropped = False
    page.click("text=Send answer")
    expect(page.locator(".result")).to_have_text("Your answer is on its way.")
    assert [answer["text"] for answer in found.answers] == ["We read it."]


def test_a_dropped_opening_is_told(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [Told("one")])
    line.dropped = True
    log_in(page, line, ana)
    page.click(f"[data-case='{found.key.case_id}']")
    page.click("text=Open this case")
    expect(page.locator(".result")).to_contain_text("will not answer this any more")
    expect(page.locator("text=Open this case")).to_be_enabled()
    assert line.asked == 1


def test_without_an_address_there_is_nothing_to_answer_to(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [spanish_tip()], contact=False)
    open_case(page, line, found)
    expect(page.locator("main")).to_contain_text("There is no address to answer to")
    expect(page.locator("#answer")).to_have_count(0)
    assert [e.part for e in found.envelopes] == [Part.MESSAGE]
