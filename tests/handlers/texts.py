"""A line's own numbers at Twilio, and what it reads in a form that was posted to it."""

from __future__ import annotations

from datetime import UTC, datetime

from handlers.channels import Refused
from handlers.text import SIGNATURE_HEADER, TwilioWebhook, parse_form
from tests.peers.twilio import PRACTICE_SID, signed_form
from triage.sensitive import Sensitive
from triage.tip import Inbound

TOKEN = "practice-twilio-token"
URL, PATH = "https://line.example.org", "/twilio/message"
LINE, SOURCE, BUSINESS = "+15005550006", "+34612345678", "+15005550009"
NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)

WEBHOOK = TwilioWebhook(PRACTICE_SID, Sensitive(TOKEN), URL, LINE, BUSINESS)


def read(fields: dict[str, str], url: str = URL + PATH, token: str = TOKEN) -> Inbound | Refused:
    body, headers = signed_form(url, token, fields)
    items = parse_form(body)
    assert not isinstance(items, Refused)
    return WEBHOOK.read(items, headers[SIGNATURE_HEADER], PATH, NOW)
