"""Text messages by Twilio: the signed form of an incoming message, and what a text costs on the air.

The form has some thirty fields, city, postcode and profile name of the sender among them: four are read, the rest only enter the signature.
https://www.twilio.com/docs/messaging/guides/webhook-request, https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import accumulate
from urllib.parse import parse_qsl

import phonenumbers
from twilio.request_validator import RequestValidator

from handlers.channels import Refused, read_body
from triage.sensitive import Sensitive
from triage.tip import Inbound

CHANNEL = "sms"
SIGNATURE_HEADER = "X-Twilio-Signature"
EMPTY_TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
"""The answer to Twilio (text/xml): taken, and nothing is said now."""

MAX_BODY = 64 * 1024
MAX_FIELDS = 200
MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-f]{32}")
SENDER = re.compile(r"\+[0-9]{7,15}|[0-9]{3,8}|[A-Za-z0-9 ]{1,11}")
"""A number, a short code, or an alphanumeric sender.
The signature joins names and values without separators, so that a captured request signs just as well when it is cut elsewhere
(`MessageSid` = "SM…NumMedia0"): only a form that nothing can hang on to tells a replay from a new message or another address."""

Items = Sequence[tuple[str, str]]


async def form_items(chunks: AsyncIterable[bytes]) -> Items | Refused:
    """Read a request's body, never more than MAX_BODY, and parse it."""
    body = await read_body(chunks, MAX_BODY)
    return body if isinstance(body, Refused) else parse_form(body)


def parse_form(body: bytes) -> Items | Refused:
    """application/x-www-form-urlencoded, strictly UTF-8, in order; blank and repeated fields stay, as the signature covers them."""
    if len(body) > MAX_BODY:
        return Refused.UNREADABLE
    try:
        items = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:  # its subclasses (UnicodeDecodeError) carry the body: answered with a value, not raised on
        return Refused.UNREADABLE
    return tuple(items)


class TwilioWebhook:
    """Verifies and reads the form that Twilio posts for each incoming text message."""

    def __init__(self, account_sid: str, auth_token: Sensitive[str], public_url: str, number: str) -> None:
        """`public_url` is what Twilio calls, without a path: behind a proxy it is not what the request says of itself."""
        self._account_sid = account_sid
        self._validator = RequestValidator(auth_token.reveal())
        self._public_url = public_url.rstrip("/")
        self._number = number

    def read(self, items: Items, signature: str, url_path: str, received: datetime) -> Inbound | Refused:
        """The message, once the signature holds. A message of pictures alone has an empty text: it is a message all the same."""
        if not self._validator.validate(self._public_url + url_path, _Form(items), signature):
            return Refused.BAD_SIGNATURE
        form = _Form(items)
        sid, sender, to = form.only("MessageSid"), form.only("From"), form.only("To")
        body = form.only("Body", missing="")
        if sid is None or sender is None or to is None or body is None:
            return Refused.UNREADABLE
        if to != self._number:
            return Refused.NOT_FOR_US
        if form.only("AccountSid") != self._account_sid or not MESSAGE_SID.fullmatch(sid) or not SENDER.fullmatch(sender):
            return Refused.UNREADABLE
        return Inbound(CHANNEL, Sensitive(address_of(sender)), Sensitive(body), sid, received)


class _Form:
    """Fields by name, in the shape that RequestValidator reads repeated fields from."""

    def __init__(self, items: Items) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in items:
            self._values.setdefault(name, []).append(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def getlist(self, name: str) -> list[str]:
        return self._values[name]

    def only(self, name: str, missing: str | None = None) -> str | None:
        """The one value. A repeated field is none: the signature sorts the values of a name, so it does not vouch for their order."""
        values = self._values.get(name, [missing] if missing is not None else [])
        return values[0] if len(values) == 1 else None


def address_of(sender: str) -> str:
    """E.164 for a number; short codes and alphanumeric senders as they are."""
    if not sender.startswith("+"):
        return sender
    try:
        number = phonenumbers.parse(sender, None)
    except phonenumbers.NumberParseException:
        return sender
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


# 3GPP TS 23.038, 6.2.1: the default alphabet, and its extension table (two septets each).
_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM7_EXTENSION = frozenset("\f^{}\\[~]|€")

_TWINS = str.maketrans(
    dict.fromkeys("‘’‚‛′", "'")
    | dict.fromkeys("“”„‟″«»", '"')
    | dict.fromkeys("‐‑‒–—―−", "-")
    | dict.fromkeys("\u00a0\u2009\u202f", " ")
    | {"…": "..."}
)

MAX_TEXT = 1600
"""Characters in one Twilio request; counted in UTF-16 units here, which is never less."""


class Encoding(StrEnum):
    GSM7 = "gsm7"
    UCS2 = "ucs2"


@dataclass(frozen=True, slots=True)
class SmsUnits:
    """`units` are septets (GSM-7) or 16-bit units (UCS-2); `segments` is what the line pays for."""

    encoding: Encoding
    units: int
    segments: int


def sms_units(text: str) -> SmsUnits:
    """160 septets or 70 units alone; 153 or 67 a segment in several. A two-unit character is not cut in two by a segment's end."""
    if _is_gsm7(text):
        costs = [2 if char in _GSM7_EXTENSION else 1 for char in text]
        return SmsUnits(Encoding.GSM7, sum(costs), _segments(costs, 160, 153))
    costs = _utf16(text)
    return SmsUnits(Encoding.UCS2, sum(costs), _segments(costs, 70, 67))


def fit_sms(text: str) -> str:
    """Typographic quotes, dashes and spaces as their plain twins, only where that alone makes the whole text GSM-7."""
    plain = text.translate(_TWINS)
    return plain if _is_gsm7(plain) else text


def sms_parts(text: str) -> tuple[str, ...]:
    """The text in pieces that one request takes each, cut after white space where there is some. Joined, they are the text."""
    parts: list[str] = []
    rest = text
    while sum(_utf16(rest)) > MAX_TEXT:
        fits = sum(1 for total in accumulate(_utf16(rest)) if total <= MAX_TEXT)
        gap = max(rest.rfind(space, 0, fits) for space in " \n")
        cut = gap + 1 if gap > 0 else fits
        parts.append(rest[:cut])
        rest = rest[cut:]
    return (*parts, rest)


def _is_gsm7(text: str) -> bool:
    return all(char in _GSM7 or char in _GSM7_EXTENSION for char in text)


def _utf16(text: str) -> list[int]:
    return [2 if ord(char) > 0xFFFF else 1 for char in text]


def _segments(costs: Sequence[int], alone: int, joined: int) -> int:
    if sum(costs) <= alone:
        return 1 if costs else 0
    segments, used = 1, 0
    for cost in costs:
        if used + cost > joined:
            segments, used = segments + 1, 0
        used += cost
    return segments
