"""Settings of the notices: a sender of its own, so that no reader's phone ever shows the line's number, and the one text that all get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.channels import Channels, Reader
from bot.variables import e164, web_url
from handlers.gateway import SendMap
from handlers.gateway_sender import GatewaySender
from handlers.ports import Sender
from handlers.twilio_sender import TwilioSender
from triage.sensitive import Sensitive

TEXT = "Please look at your desk."
NUMBER, URL, AUTH, BODY, WORDS = (
    f"TIPLINE_NOTICE_{name}" for name in ("TWILIO_NUMBER", "GATEWAY_URL", "GATEWAY_AUTH", "GATEWAY_BODY", "TEXT")
)
MOST_CHARACTERS = 70
"""One text message in any script."""


@dataclass(frozen=True, slots=True)
class NoticeGateway:
    url: str
    auth: Sensitive[str]
    body: SendMap


@dataclass(frozen=True, slots=True)
class NoticeWay:
    """By a second number of the line's Twilio account, or by a second gateway."""

    text: str
    number: str | None = None
    gateway: NoticeGateway | None = None


def read_notices(reader: Reader, channels: Channels) -> NoticeWay | None:
    """None = the line sends no notices."""
    if not reader.given.intersection((NUMBER, URL, AUTH, BODY, WORDS)):
        return None
    text = reader.value(WORDS, _one_text, f"one line of at most {MOST_CHARACTERS} characters without a digit", TEXT)
    if (NUMBER in reader.given) is (URL in reader.given):
        reader.problems.append(f"Notices need a sender of their own, and one: {NUMBER} or {URL}.")
        return None
    return _by_number(reader, channels, text) if NUMBER in reader.given else _by_gateway(reader, channels, text)


def _by_number(reader: Reader, channels: Channels, text: str) -> NoticeWay:
    number = reader.value(NUMBER, e164, "a phone number in E.164, + and country code and no spaces", "")
    if channels.twilio is None:
        reader.problems.append(f"{NUMBER} needs the line's Twilio account.")
    elif number and number in (channels.twilio.number, channels.twilio.whatsapp):
        reader.problems.append(f"{NUMBER} is the line's own number: whoever sees a reader's phone would know that he reads for it.")
    return NoticeWay(text, number=number)


def _by_gateway(reader: Reader, channels: Channels, text: str) -> NoticeWay:
    url = reader.value(URL, web_url, "an https address; http for this machine alone", "")
    auth = reader.value(AUTH, lambda given: given if given.isprintable() else None, "one line", "")
    body = reader.value(BODY, SendMap.parse, "a JSON object with {to} and {text} in it", SendMap())
    own = channels.gateway
    if url and own is not None and url == own.send_url and auth == own.send_auth.reveal():
        reader.problems.append(f"{URL} is the line's own gateway: whoever sees a reader's phone would know that he reads for it.")
    return NoticeWay(text, gateway=NoticeGateway(url, Sensitive(auth), body))


def _one_text(text: str) -> str | None:
    return text if 0 < len(text) <= MOST_CHARACTERS and text.isprintable() and not any(map(str.isdigit, text)) else None


def notice_sender(way: NoticeWay, channels: Channels) -> Sender:
    if way.gateway is not None:
        return GatewaySender(way.gateway.url, way.gateway.auth, way.gateway.body)
    if channels.twilio is None or way.number is None:
        raise ValueError("notices without a sender")
    return TwilioSender(channels.twilio.account_sid, channels.twilio.auth_token, way.number, channels.twilio.api_url)


def notices_told(way: NoticeWay | None, *, web: bool) -> list[str] | None:
    """JSON-able. Web is told that there is a way, and nothing of it."""
    if way is None:
        return None
    if web:
        return [""]
    if way.gateway is None:
        return [way.text, way.number or ""]
    return [way.text, "", way.gateway.url, way.gateway.auth.reveal(), way.gateway.body.text]


def notices_of(told: Mapping[str, object]) -> NoticeWay | None:
    """What `notices_told` told under "notices". KeyError, ValueError or TypeError when it is not that."""
    found = told["notices"]
    if found is None:
        return None
    if not isinstance(found, list) or not all(isinstance(part, str) for part in found):
        raise TypeError
    if len(found) <= 2:
        return NoticeWay(found[0], number=found[1] if len(found) > 1 else None)
    text, _, url, auth, body = found
    if (send := SendMap.parse(body)) is None:
        raise ValueError("not a send map")
    return NoticeWay(text, gateway=NoticeGateway(url, Sensitive(auth), send))
