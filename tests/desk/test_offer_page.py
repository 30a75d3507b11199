"""A case before it is opened, and the ways out of one that is open, in real Chromium."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import Page, Route, expect

from sealing import age, plaintexts, signing
from sealing.rows import Part
from sealing.said import Ending
from tests.browser import check_fits, shoot
from tests.desk.cases import FakeCase
from tests.desk.conftest import log_in, open_case, until
from tests.desk.fake import FakeLine
from tests.desk.tips import Reader, Told, spanish_tip

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]


def look_at(page: Page, line: FakeLine, found: FakeCase) -> None:
    log_in(page, line, found.reader)
    page.click(f"[data-case='{found.key.case_id}']")
    expect(page.locator("h1")).to_have_text("teal heron")


def change_stub(found: FakeCase, **fields: str) -> None:
    """As anybody does who can write to the database: only the reader's public key is needed."""
    said = age.read_json(age.unseal(found.stub, found.reader.key.identity), "stub")
    found.stub = age.seal(age.padded_json({**said, **fields}), found.reader.recipient)


def test_his_ties_stand_as_the_vetters_wrote_them_and_he_may_pass_it_on(page: Page, line: FakeLine, ana: Reader) -> None:
    look_at(page, line, line.open_case(ana, [spanish_tip()]))
    ties = page.locator(".ties")
    names = ["Home", "Posting", "Past postings", "Agency", "Past agencies", "Family", "Conflicts of interest"]
    assert ties.locator("dt").all_text_contents() == names
    assert ties.locator("dd").all_text_contents() == [
        "puerto alondra",
        "villa maravel",
        "penalta",
        "santa brisa",
        "harbour trust",
        "none",
        "Rosa Práctica, rio quieto, police ln",
        "أمل",
        "Ferry Lines of the Calm Sea",
    ]
    expect(page.locator("main")).to_contain_text("By opening you confirm that these are complete as of today.")
    shoot(page, "desk-3-stub")
    check_fits(page)
    page.click("text=I cannot take this one")
    expect(page.locator(".question")).to_contain_text("no reason is kept")
    shoot(page, "desk-31-cannot")
    check_fits(page)
    page.click("text=No, go back")
    assert line.acts == []
    page.click("text=I cannot take this one")
    page.click("text=Pass it on")
    expect(page.locator(".over")).to_have_text("This case is no longer yours. It goes to the next reader.")
    assert line.said == [("give_up", {})]
    page.click("text=All cases")
    expect(page.locator("main")).to_contain_text("No case is waiting for you")


@pytest.mark.claim("T55")
def test_a_card_that_the_stub_does_not_name_is_never_confirmed(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [spanish_tip()])
    change_stub(found, own=ana.card.decode().replace("puerto-alondra", "brumhaven"))
    look_at(page, line, found)
    expect(page.locator(".warning")).to_contain_text("is not the card that it names")
    expect(page.locator("text=Open this case")).to_have_count(0)
    expect(page.locator(".ties")).to_have_count(0)


@pytest.mark.parametrize("same", [True, False], ids=["his-card-of-today", "another-card"])
def test_an_offer_of_the_version_before_is_opened(page: Page, line: FakeLine, ana: Reader, same: bool) -> None:
    """Its stub carries neither the card nor the line's key: the line tells both at every login."""
    found = line.open_case(ana, [spanish_tip()])
    said = age.read_json(age.unseal(found.stub, ana.key.identity), "stub")
    before = {name: value for name, value in said.items() if name not in ("own", "line")} | ({} if same else {"card": "0" * 64})
    found.stub = age.seal(age.padded_json(before), ana.recipient)
    asked: list[str] = []
    page.on("response", lambda answer: asked.append(answer.url) if "/desk/acts/" in answer.url and answer.status == 200 else None)
    log_in(page, line, ana)
    until(page, lambda: bool(asked))
    page.wait_for_timeout(100)
    page.click(f"[data-case='{found.key.case_id}']")
    expect(page.locator("text=Open this case")).to_be_visible()
    expect(page.locator(".warning")).to_have_count(0)
    expect(page.locator(".ties")).to_have_count(1 if same else 0)
    if same:
        page.click("text=Open this case")
        expect(page.locator(".message").first).to_be_visible()


def test_a_tie_that_he_adds_goes_to_the_vetters(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [spanish_tip()])
    line.rotate()  # the stub's recipients are of yesterday: what he writes goes to today's, which the line's key signed
    look_at(page, line, found)
    page.click("text=Add a tie")
    expect(page.locator(".question")).to_contain_text("You will not get this case. The vetters will ask you.")
    page.click("text=Add it")
    expect(page.locator(".question .result")).to_have_text("Write it down first.")
    page.fill("#tie", "Mi primo trabaja en el puerto. ابن عمي")
    shoot(page, "desk-32-tie")
    check_fits(page)
    page.click("text=Add it")
    expect(page.locator(".over")).to_contain_text("The vetters will ask you")
    said = {"v": 1, "kind": "tie", "person": ana.key.person, "text": "Mi primo trabaja en el puerto. ابن عمي"}
    assert line.said == [("tie", said)]


def test_what_is_refused_changes_nothing_and_what_was_lost_is_sent_again_as_the_same(page: Page, line: FakeLine, ana: Reader) -> None:
    look_at(page, line, line.open_case(ana, [spanish_tip()]))
    line.refuse = "wrong_hour"
    page.click("text=I cannot take this one")
    page.click("text=Pass it on")
    expect(page.locator(".question .result")).to_contain_text("clock is wrong")
    line.refuse = ""
    lost = [True]

    def lose(route: Route) -> None:
        """The receipt of the first, on the way back."""
        if not lost or '"give_up"' not in (route.request.post_data or ""):
            route.continue_()
            return
        lost.pop()
        route.fetch()
        route.abort()

    page.route("**/desk/acts", lose)
    page.click("text=Pass it on")
    expect(page.locator(".question .result")).to_contain_text("cannot be reached")
    page.click("text=Pass it on")
    expect(page.locator(".over")).to_contain_text("It goes to the next reader.")
    assert line.said == [("give_up", {})]
    assert (len(line.acts), len(set(line.acts))) == (3, 2)


def test_an_answer_that_comes_late_takes_nobody_away_from_where_he_is(page: Page, line: FakeLine, ana: Reader) -> None:
    look_at(page, line, line.open_case(ana, [spanish_tip()]))
    line.waiting = True
    page.click("text=I cannot take this one")
    page.click("text=Pass it on")
    until(page, lambda: line.said == [("give_up", {})])
    page.click("text=All cases")
    asked = line.asked
    line.waiting = False
    until(page, lambda: line.asked > asked)
    page.wait_for_timeout(200)
    expect(page.locator("h1")).to_have_text("Your cases")


def test_two_lines_in_one_list_are_told(page: Page, line: FakeLine, ana: Reader) -> None:
    line.open_case(ana, [spanish_tip()])
    forged = line.open_case(ana, [spanish_tip()])
    change_stub(forged, gate_recipient=age.generate()[1], line=signing.generate()[1])
    look_at(page, line, forged)
    page.click("text=I cannot take this one")
    page.click("text=Pass it on")
    expect(page.locator(".question .result")).to_contain_text("Nothing was sent. Tell your vetters.")
    page.click("text=Open this case")
    expect(page.locator("main > .result")).to_contain_text("Nothing was sent. Tell your vetters.")
    assert line.acts == []


# ---- an open case


@pytest.mark.claim("T44")
def test_i_know_someone_here_is_one_act_without_a_reason(page: Page, line: FakeLine, ana: Reader) -> None:
    open_case(page, line, line.open_case(ana, [spanish_tip()]))
    page.click("text=I know someone here")
    expect(page.locator(".question")).to_contain_text("Nobody is asked why, and no reason is kept anywhere.")
    assert page.locator(".question input, .question textarea").count() == 0
    shoot(page, "desk-41-know")
    check_fits(page)
    page.click("text=Lock it")
    expect(page.locator(".over")).to_have_text("This case is no longer yours. It goes to the next reader.")
    assert line.said == [("give_up", {})]
    assert "encerrada" not in page.content()


def test_closing_says_how_it_ended_and_the_same_words_to_everybody(page: Page, line: FakeLine, ana: Reader) -> None:
    found = line.open_case(ana, [spanish_tip()])
    open_case(page, line, found)
    page.click("text=Close this case")
    assert page.locator(".question input[type=radio]").evaluate_all("all => all.map((each) => each.value)") == [e.value for e in Ending]
    page.click("text=Go on")
    expect(page.locator(".question .result")).to_have_text("Choose one first.")
    page.click("text=Somebody was warned before us")
    shoot(page, "desk-42-ending")
    check_fits(page)
    page.click("text=Go on")
    expect(page.locator(".question h2")).to_have_text("Close this case as “Somebody was warned before us”?")
    shoot(page, "desk-43-close")
    assert line.acts[1:] == []
    line.refuse = "stale"
    found.tell(Told("Ya no está ahí."))
    line.reach(found)
    page.click("text=Close it")
    expect(page.locator(".question .result")).to_contain_text("Something new came in first.")
    expect(page.locator(".message")).to_have_count(2)
    line.refuse = ""
    page.click("text=Close it")
    expect(page.locator(".over")).to_have_text("You have closed this case. It may be looked at again.")
    shoot(page, "desk-44-closed")
    (kind, said) = line.said[0]
    assert (kind, said["kind"], said["case"], said["outcome"]) == ("close", "outcome", found.key.case_id, "compromised")
    newest = [e for e in found.envelopes if e.part is Part.CONTACT][-1]
    assert said["contact"] == newest.sha256
    _, way = plaintexts.read_contact_inner(age.unseal(base64.b64decode(said["inner"]), line.delivery), found.key.case_id)
    assert way.address.reveal() == "+9990000001"


def test_the_second_look(page: Page, line: FakeLine, ana: Reader) -> None:
    """Kept open, it is this reader's, who may close it himself; another, agreed to, is over."""
    kept = line.open_case(ana, [spanish_tip()])
    kept.proposed, kept.helped = "unfounded", "no"
    log_in(page, line, ana)
    expect(page.locator("[data-case] .state")).to_have_text("waits for your second look")
    page.click("[data-case]")
    expect(page.locator("main")).to_contain_text("Another reader wants to close this case. Open it and read it")
    shoot(page, "desk-33-second")
    page.click("text=Open this case")
    panel = page.locator("[aria-label='Second look']")
    expect(panel).to_contain_text("Another reader wants to close this case as: It is not true.")
    expect(panel).to_contain_text("The source says that nobody helped.")
    expect(page.get_by_role("button", name="Close this case")).to_have_count(0)
    shoot(page, "desk-45-second")
    check_fits(page)
    page.click("text=I do not agree")
    shoot(page, "desk-46-differ")
    page.click("text=Keep it open")
    expect(page.locator(".over")).to_have_text("The case stays open. You are its reader now.")
    page.click("text=All cases")
    page.click("[data-case]")
    page.click("text=Open this case")
    expect(page.get_by_role("button", name="Close this case")).to_be_visible()
    page.click("text=Give this case up")
    page.click("text=Give it up")
    expect(page.locator(".over")).to_contain_text("It goes to the next reader.")
    agreed = line.open_case(ana, [spanish_tip()])
    agreed.proposed = "charged"
    page.click("text=All cases")
    page.click(f"[data-case='{agreed.key.case_id}']")
    page.click("text=Open this case")
    page.click("text=I agree")
    page.click("text=Yes, I agree")
    expect(page.locator(".over")).to_have_text("The case is closed. Thank you for the second look.")
    assert [kind for kind, _ in line.said] == ["disagree", "give_up", "concur"]
