"""Settings of the channels: what each needs, read from the environment, and what of it each process is told.

The web process is told what it needs to authenticate, the worker what it needs to send (DESIGN 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bot.variables import (
    GATEWAY,
    TELEGRAM_API,
    TWILIO,
    TWILIO_API,
    URL_RULE,
    account_sid,
    base_url,
    bot_token,
    e164,
    hook_secret,
    token,
    web_url,
)
from handlers.gateway import FieldMap, SendMap
from triage.sensitive import Sensitive

T = TypeVar("T")
HOOK_RULE = "16 to 256 letters, digits, _ and -"


@dataclass(frozen=True, slots=True)
class Twilio:
    """`whatsapp`: the number of the line's WhatsApp sender, where it has one."""

    account_sid: str
    auth_token: Sensitive[str]
    number: str
    api_url: str
    whatsapp: str | None = None


@dataclass(frozen=True, slots=True)
class Telegram:
    """With a `webhook_secret` Telegram calls us; without one we ask for updates. `token` is None where a process need not have it."""

    token: Sensitive[str] | None
    webhook_secret: Sensitive[str] | None
    api_url: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """A text gateway of one's own, such as an Android phone with a local SIM."""

    secret: Sensitive[str]
    fields: FieldMap
    send_url: str
    send_auth: Sensitive[str]
    send: SendMap


@dataclass(frozen=True, slots=True)
class Channels:
    """None = the line has no such channel."""

    twilio: Twilio | None = None
    telegram: Telegram | None = None
    gateway: Gateway | None = None

    @property
    def none(self) -> bool:
        return self == Channels()


class Reader(Protocol):
    """What bot.settings offers for reading one variable."""

    problems: list[str]
    given: set[str]

    def value(self, name: str, parse: Callable[[str], T | None], right: str, default: T) -> T: ...


def read_channels(reader: Reader) -> Channels:
    return Channels(_twilio(reader), _telegram(reader), _gateway(reader))


def _twilio(reader: Reader) -> Twilio | None:
    names = (*TWILIO, "TIPLINE_TWILIO_WHATSAPP", "TIPLINE_TWILIO_API_URL")
    if not reader.given.intersection(names):
        return None
    reader.problems += [f"{name} is missing: Twilio's settings go together." for name in TWILIO if name not in reader.given]
    number_rule = "a phone number in E.164, + and country code and no spaces"
    return Twilio(
        account_sid=reader.value("TIPLINE_TWILIO_ACCOUNT_SID", account_sid, "AC and 32 hex digits", ""),
        auth_token=Sensitive(reader.value("TIPLINE_TWILIO_AUTH_TOKEN", token, "printable ASCII without spaces", "")),
        number=reader.value("TIPLINE_TWILIO_NUMBER", e164, number_rule, ""),
        api_url=reader.value("TIPLINE_TWILIO_API_URL", base_url, URL_RULE, TWILIO_API),
        whatsapp=reader.value("TIPLINE_TWILIO_WHATSAPP", e164, number_rule, "") or None,
    )


def _telegram(reader: Reader) -> Telegram | None:
    names = ("TIPLINE_TELEGRAM_TOKEN", "TIPLINE_TELEGRAM_WEBHOOK_SECRET", "TIPLINE_TELEGRAM_API_URL")
    if not reader.given.intersection(names):
        return None
    if "TIPLINE_TELEGRAM_TOKEN" not in reader.given:
        reader.problems.append("TIPLINE_TELEGRAM_TOKEN is missing: @BotFather gave it to you.")
    secret = reader.value("TIPLINE_TELEGRAM_WEBHOOK_SECRET", hook_secret, HOOK_RULE, "")
    return Telegram(
        token=Sensitive(reader.value("TIPLINE_TELEGRAM_TOKEN", bot_token, "a bot token: digits, a colon, and 30 characters or more", "")),
        webhook_secret=Sensitive(secret) if secret else None,
        api_url=reader.value("TIPLINE_TELEGRAM_API_URL", base_url, URL_RULE, TELEGRAM_API),
    )


def _gateway(reader: Reader) -> Gateway | None:
    names = (*GATEWAY, "TIPLINE_GATEWAY_SEND_AUTH", "TIPLINE_GATEWAY_FIELDS", "TIPLINE_GATEWAY_SEND_BODY")
    if not reader.given.intersection(names):
        return None
    reader.problems += [f"{name} is missing: a gateway's settings go together." for name in GATEWAY if name not in reader.given]
    return Gateway(
        secret=Sensitive(reader.value("TIPLINE_GATEWAY_SECRET", hook_secret, HOOK_RULE, "")),
        fields=reader.value("TIPLINE_GATEWAY_FIELDS", FieldMap.parse, "id=…,from=…,text=… with names of fields", FieldMap()),
        send_url=reader.value("TIPLINE_GATEWAY_SEND_URL", web_url, "an https address; http for this machine alone", ""),
        send_auth=Sensitive(reader.value("TIPLINE_GATEWAY_SEND_AUTH", lambda text: text if text.isprintable() else None, "one line", "")),
        send=reader.value("TIPLINE_GATEWAY_SEND_BODY", SendMap.parse, "a JSON object with {to} and {text} in it", SendMap()),
    )


def told_of(channels: Channels, *, web: bool) -> dict[str, object]:
    """JSON-able. Web needs no bot token where Telegram calls us, nor what a gateway asks of a sender; the worker no webhook's secret."""
    told: dict[str, object] = {"twilio": None, "telegram": None, "gateway": None}
    if (t := channels.twilio) is not None:
        told["twilio"] = [t.account_sid, t.auth_token.reveal(), t.number, t.api_url, t.whatsapp]
    if (b := channels.telegram) is not None:
        hooked = b.webhook_secret is not None
        bot = None if b.token is None or (web and hooked) else b.token.reveal()
        told["telegram"] = [bot, b.webhook_secret.reveal() if web and b.webhook_secret is not None else None, b.api_url]
    if (g := channels.gateway) is not None:
        incoming = [g.secret.reveal() if web else "", g.fields.text]
        told["gateway"] = [*incoming, *(("", "", SendMap().text) if web else (g.send_url, g.send_auth.reveal(), g.send.text))]
    return told


def channels_of(told: Mapping[str, object]) -> Channels:
    """What `told_of` told. KeyError, ValueError or TypeError when it is not that."""
    twilio, telegram, gateway = (told[name] for name in ("twilio", "telegram", "gateway"))
    if not all(part is None or isinstance(part, list) for part in (twilio, telegram, gateway)):
        raise TypeError
    made = Channels()
    if isinstance(twilio, list):
        sid, secret, number, url, whatsapp = twilio
        made = Channels(Twilio(str(sid), Sensitive(str(secret)), str(number), str(url), None if whatsapp is None else str(whatsapp)))
    if isinstance(telegram, list):
        bot, hook, url = telegram
        made = Channels(made.twilio, Telegram(_sensitive(bot), _sensitive(hook), str(url)))
    if isinstance(gateway, list):
        secret, fields, url, auth, body = (str(part) for part in gateway)
        field_map, send_map = FieldMap.parse(fields), SendMap.parse(body)
        if field_map is None or send_map is None:
            raise ValueError("not a field map")
        made = Channels(made.twilio, made.telegram, Gateway(Sensitive(secret), field_map, url, Sensitive(auth), send_map))
    return made


def _sensitive(value: object) -> Sensitive[str] | None:
    return None if value is None else Sensitive(str(value))
