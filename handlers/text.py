"""Text and WhatsApp messages by Twilio: the signed forms of messages and of what became of ours, and what a text costs on the air.

A form has some thirty fields, city, postcode and profile name of the sender among them: those that are named here are read, the rest only
enter the signature. https://www.twilio.com/docs/messaging/guides/webhook-request, https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import parse_qsl

import phonenumbers
from twilio.request_validator import RequestValidator

from handlers.channels import Refused, read_body, utf16
from sealing.rows import Receipt
from triage.sensitive import Sensitive
from triage.tip import Control, Form, Inbound

SMS = CHANNEL = "sms"
WHATSAPP = "whatsapp"
PREFIX = {SMS: "", WHATSAPP: "whatsapp:"}
"""What stands before a number, by channel. https://www.twilio.com/docs/messaging/channels"""
STATUS_PATH = "/twilio/status"
SIGNATURE_HEADER = "X-Twilio-Signature"
EMPTY_TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
"""The answer to Twilio (text/xml): taken, and nothing is said now."""

MAX_BODY = 64 * 1024
MAX_FIELDS = 200
MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-f]{32}")
SENDER = {
    SMS: re.compile(r"\+[0-9]{7,15}|[0-9]{3,8}|[A-Za-z0-9 ]{1,11}"),
    WHATSAPP: re.compile(r"\+[0-9]{7,15}|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}"),
}
"""A number, a short code, or an alphanumeric sender; on WhatsApp a number, or the id of somebody who shows his user name in its place.
The signature joins names and values without separators, so that a captured request signs just as well when it is cut elsewhere
(`MessageSid` = "SM…NumMedia0"): only a form that nothing can hang on to tells a replay from a new message or another address."""
INNER_SID = re.compile(r"(?<!OriginalReplied)(?<!Sms)MessageSid((?:SM|MM)[0-9a-f]{32})")
"""And whoever wrote field names into his own text could cut his request into a message of somebody else's, with another id. The right id
stands in what was signed, however it is cut. (OriginalRepliedMessageSid names another message; SmsMessageSid is a name of old.)"""
STATUS_QUERY = re.compile(r"id=([0-9a-f]{64})(&parts=[0-9]{1,3})?")
SETTLED = {"delivered": Receipt.DELIVERED, "read": Receipt.DELIVERED, "failed": Receipt.FAILED, "undelivered": Receipt.FAILED}
"""`sent` settles nothing: a carrier took the text, and `undelivered` may follow. Where no carrier tells more, the answer's text is kept,
sealed, until the conversation is forgotten. https://www.twilio.com/docs/messaging/api/message-resource#message-status-values"""
OPT_OUT = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
"""A text of one of these alone makes Twilio block ours (21610). https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out"""
DEGREES = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,20})?")
YES = "true"

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


@dataclass(frozen=True, slots=True)
class LineNumbers:
    """The line's own at Twilio, E.164. `whatsapp` = of its WhatsApp sender; None = it has none."""

    sms: str
    whatsapp: str | None = None

    @property
    def by_channel(self) -> Mapping[str, str]:
        return {SMS: self.sms} if self.whatsapp is None else {SMS: self.sms, WHATSAPP: self.whatsapp}

    def whose(self, sender: str, to: str) -> tuple[str, Sensitive[str]] | Refused:
        """Channel and address of who wrote, of the two ends as Twilio names them."""
        channel = next((channel for channel, number in self.by_channel.items() if to == PREFIX[channel] + number), None)
        if channel is None:
            return Refused.NOT_FOR_US
        bare = sender.removeprefix(PREFIX[channel])
        if not sender.startswith(PREFIX[channel]) or not SENDER[channel].fullmatch(bare):
            return Refused.UNREADABLE
        return channel, Sensitive(address_of(bare))


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a text of ours. `sending` = ledger id, `message` = Twilio's id of the one it tells of."""

    sending: str
    message: str
    receipt: Receipt


class TwilioWebhook:
    """Verifies and reads the forms that Twilio posts: incoming messages, and what became of ours."""

    def __init__(self, account_sid: str, auth_token: Sensitive[str], public_url: str, number: str, whatsapp: str | None = None) -> None:
        """`public_url` is what Twilio calls, without a path: behind a proxy it is not what the request says of itself."""
        self._account_sid = account_sid
        self._validator = RequestValidator(auth_token.reveal())
        self._public_url = public_url.rstrip("/")
        self._numbers = LineNumbers(number, whatsapp)

    def read(self, items: Items, signature: str, url_path: str, received: datetime) -> Inbound | Refused:
        """The message, once the signature holds. Pictures are counted, not fetched; one of pictures alone has an empty text."""
        form = self._authentic(items, signature, url_path)
        if isinstance(form, Refused):
            return form
        sid, sender, to = form.only("MessageSid"), form.only("From"), form.only("To")
        body = form.only("Body", missing="")
        if sid is None or sender is None or to is None or body is None:
            return Refused.UNREADABLE
        whose = self._numbers.whose(sender, to)
        if isinstance(whose, Refused):
            return whose
        if form.only("AccountSid") != self._account_sid or not MESSAGE_SID.fullmatch(sid) or {*INNER_SID.findall(form.signed())} != {sid}:
            return Refused.UNREADABLE
        channel, address = whose
        place = _place(form) if channel == WHATSAPP else ()
        words = _words(form, body) if channel == WHATSAPP else (body,)
        return Inbound(
            channel,
            address,
            Sensitive("\n".join((*words, *place))),
            sid,
            received,
            form=_how(form, channel, place),
            media=count_of(form.only("NumMedia", missing="0")),
            control=control_of(channel, body, form.only("OptOutType")),
            ref=sid,
        )

    def told(self, items: Items, signature: str, url_path: str, query: str) -> Told | Refused | None:
        """What a status callback tells, once its signature holds; None when that settles nothing.

        That one part of a longer text arrived tells nothing of the whole; that one failed does.
        """
        form = self._authentic(items, signature, f"{url_path}?{query}" if query else url_path)
        if isinstance(form, Refused):
            return form
        named = STATUS_QUERY.fullmatch(query)
        message, status = form.only("MessageSid"), form.only("MessageStatus")
        if named is None or message is None or status is None or not MESSAGE_SID.fullmatch(message):
            return Refused.UNREADABLE
        receipt = SETTLED.get(status)
        if receipt is None or (named[2] and receipt is Receipt.DELIVERED):
            return None
        return Told(named[1], message, receipt)

    def _authentic(self, items: Items, signature: str, url_path: str) -> _Form | Refused:
        form = _Form(items)
        return form if self._validator.validate(self._public_url + url_path, form, signature) else Refused.BAD_SIGNATURE


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

    def signed(self) -> str:
        """What the signature covers beside the address."""
        return "".join(name + value for name in sorted(self) for value in sorted(set(self._values[name])))

    def only(self, name: str, missing: str | None = None) -> str | None:
        """The one value. A repeated field is none: the signature sorts the values of a name, so it does not vouch for their order."""
        values = self._values.get(name, [missing] if missing is not None else [])
        return values[0] if len(values) == 1 else None


def _words(form: _Form, body: str) -> Sequence[str]:
    """The body, and what was chosen from buttons or a list where that is not the body again."""
    chosen = (form.only(name) for name in ("ButtonText", "ListTitle"))
    return tuple(dict.fromkeys(words for words in (body, *chosen) if words))


def _place(form: _Form) -> Sequence[str]:
    """Of a shared location: its name, its address, latitude and longitude in degrees."""
    latitude, longitude = form.only("Latitude", missing=""), form.only("Longitude", missing="")
    at = f"{latitude}, {longitude}" if all(DEGREES.fullmatch(degrees or "") for degrees in (latitude, longitude)) else None
    return tuple(words for words in (form.only("Label"), form.only("Address"), at) if words)


def _how(form: _Form, channel: str, place: Sequence[str]) -> Form:
    if channel == WHATSAPP and YES in (form.only("Forwarded"), form.only("FrequentlyForwarded")):
        return Form.FORWARDED
    return Form.PLACE if place else Form.TEXT


def count_of(number: str | None) -> int:
    """Attachments, 0 to 10 as Twilio counts them."""
    return int(number) if number is not None and re.fullmatch("[0-9]{1,2}", number, re.ASCII) else 0


def control_of(channel: str, body: str, opt_out: str | None = None) -> Control | None:
    """STOP where Twilio has blocked our texts. HELP is an ordinary text: it may be a plea.

    `opt_out`: OptOutType, which a messaging service of the line's own words sends.
    """
    blocked = opt_out == "STOP" or (channel == SMS and body.strip().upper() in OPT_OUT)
    return Control.STOP if blocked else None


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
    costs = utf16(text)
    return SmsUnits(Encoding.UCS2, sum(costs), _segments(costs, 70, 67))


def fit_sms(text: str) -> str:
    """Typographic quotes, dashes and spaces as their plain twins, only where that alone makes the whole text GSM-7."""
    plain = text.translate(_TWINS)
    return plain if _is_gsm7(plain) else text


def _is_gsm7(text: str) -> bool:
    return all(char in _GSM7 or char in _GSM7_EXTENSION for char in text)


def _segments(costs: Sequence[int], alone: int, joined: int) -> int:
    if sum(costs) <= alone:
        return 1 if costs else 0
    segments, used = 1, 0
    for cost in costs:
        if used + cost > joined:
            segments, used = segments + 1, 0
        used += cost
    return segments
