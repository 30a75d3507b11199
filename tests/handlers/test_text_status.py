"""The signed form in which Twilio tells what became of a text."""

from __future__ import annotations

import pytest

from handlers.channels import Refused
from handlers.text import SIGNATURE_HEADER, Told, parse_form
from sealing.rows import Receipt
from tests.handlers.texts import LINE, PATH, SOURCE, TOKEN, URL, WEBHOOK
from tests.peers.twilio import signed_form, status

STATUS, SENDING = "/twilio/status", "0a" * 32


def told(fields: dict[str, str], query: str, signed: str | None = None) -> Told | Refused | None:
    body, headers = signed_form(URL + STATUS + (f"?{query}" if query else "") if signed is None else signed, TOKEN, fields)
    items = parse_form(body)
    assert not isinstance(items, Refused)
    return WEBHOOK.told(items, headers[SIGNATURE_HEADER], STATUS, query)


@pytest.mark.parametrize(
    ("word", "receipt"),
    [
        ("delivered", Receipt.DELIVERED),
        ("read", Receipt.DELIVERED),
        ("failed", Receipt.FAILED),
        ("undelivered", Receipt.FAILED),
        ("sent", None),
        ("queued", None),
        ("canary", None),
    ],
)
def test_what_became_of_a_text(word: str, receipt: Receipt | None) -> None:
    sid = "SM" + "2" * 32
    expected = None if receipt is None else Told(SENDING, sid, receipt)
    assert told(status(sid, LINE, SOURCE, word), f"id={SENDING}") == expected


def test_one_part_that_arrived_says_nothing_of_the_whole_text() -> None:
    sid = "SM" + "2" * 32
    assert told(status(sid, LINE, SOURCE, "delivered"), f"id={SENDING}&parts=3") is None
    assert told(status(sid, LINE, SOURCE, "failed"), f"id={SENDING}&parts=3") == Told(SENDING, sid, Receipt.FAILED)


@pytest.mark.claim("T14")
def test_a_status_that_is_not_signed_with_its_whole_address_is_refused() -> None:
    fields = status("SM" + "2" * 32, LINE, SOURCE, "failed")
    for signed in (
        URL + STATUS,
        f"{URL}{STATUS}?id={'0b' * 32}",
        f"{URL}{PATH}?id={SENDING}",
        f"https://evil.example{STATUS}?id={SENDING}",
    ):
        assert told(fields, f"id={SENDING}", signed=signed) is Refused.BAD_SIGNATURE


@pytest.mark.parametrize(
    "query",
    ["", "id=", "id=12", f"id={SENDING}0", f"id={SENDING.upper()}", f"id={SENDING}&id={SENDING}", f"x=1&id={SENDING}", "id=%30a" * 32],
)
def test_a_status_of_no_ledger_id_is_unreadable(query: str) -> None:
    assert told(status("SM" + "2" * 32, LINE, SOURCE, "failed"), query) is Refused.UNREADABLE


def test_a_status_without_its_message_is_unreadable() -> None:
    fields = status("SM" + "2" * 32, LINE, SOURCE, "failed")
    for missing in ("MessageSid", "MessageStatus"):
        assert told({name: value for name, value in fields.items() if name != missing}, f"id={SENDING}") is Refused.UNREADABLE
