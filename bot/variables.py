"""The line's environment variables: their names, what they are for, and how the text of one is read.

Every reading is pure and answers None for what it does not take.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlsplit

import phonenumbers
from babel import Locale, UnknownLocaleError

from handlers.gateway import FieldMap, SendMap

PREFIX = "TIPLINE_"
FOR_TESTS = ("TIPLINE_TEST_", "TIPLINE_CHROMIUM")
TWILIO_API = "https://api.twilio.com"
TELEGRAM_API = "https://api.telegram.org"


@dataclass(frozen=True, slots=True)
class Variable:
    """`default` is shown in .env.example. A secret may not stand in a file that others can read."""

    name: str
    default: str
    about: str
    secret: bool = False


VARIABLES = (
    Variable("TIPLINE_HOME", "~/.tipline", "Folder of the database and the keys (mode 700). Practice: ~/.tipline-practice."),
    Variable("TIPLINE_DATABASE_URL", "sqlite:///HOME/tipline.db", "sqlite:////absolute/path or postgresql://user@host/name.", secret=True),
    Variable("TIPLINE_PORT", "8455", "Port on 127.0.0.1 that your TLS proxy passes requests to."),
    Variable("TIPLINE_PUBLIC_URL", "https://line.example.org", "What Twilio and the investigators' browsers call: https, no path."),
    Variable("TIPLINE_TWILIO_ACCOUNT_SID", "", "AC… of a sub-account that has this line's number and nothing else."),
    Variable("TIPLINE_TWILIO_AUTH_TOKEN", "", "Its auth token; better as TIPLINE_TWILIO_AUTH_TOKEN_FILE (mode 600).", secret=True),
    Variable("TIPLINE_TWILIO_NUMBER", "+15005550006", "The number that people text, with + and country code."),
    Variable("TIPLINE_TWILIO_API_URL", TWILIO_API, "Another address of Twilio's API, such as a local one in tests."),
    Variable("TIPLINE_TWILIO_WHATSAPP", "", "The number of the line's WhatsApp sender at Twilio, if it has one."),
    Variable("TIPLINE_TELEGRAM_TOKEN", "", "The bot's token from @BotFather; better as TIPLINE_TELEGRAM_TOKEN_FILE.", secret=True),
    Variable(
        "TIPLINE_TELEGRAM_WEBHOOK_SECRET",
        "",
        "Random letters and digits; Telegram then calls us. Without it the line asks Telegram (no public address needed).",
        secret=True,
    ),
    Variable("TIPLINE_TELEGRAM_API_URL", TELEGRAM_API, "Another address of the Bot API, such as a server of your own."),
    Variable("TIPLINE_GATEWAY_SECRET", "", "The key with which your text gateway signs what it posts to /gateway/message.", secret=True),
    Variable("TIPLINE_GATEWAY_FIELDS", FieldMap().text, "Where it puts a message's id, sender and text; a.b = b inside a."),
    Variable("TIPLINE_GATEWAY_SEND_URL", "", "Where your gateway takes texts to send, by POST."),
    Variable("TIPLINE_GATEWAY_SEND_AUTH", "", "The Authorization header that it wants.", secret=True),
    Variable("TIPLINE_GATEWAY_SEND_BODY", SendMap().text, "The JSON that it takes, with {to}, {text} and {id}."),
    Variable("TIPLINE_NOTICE_TWILIO_NUMBER", "", "Another number of the Twilio account: it tells readers who want it to look at the desk."),
    Variable("TIPLINE_NOTICE_GATEWAY_URL", "", "Or: where another gateway of yours takes such texts."),
    Variable("TIPLINE_NOTICE_GATEWAY_AUTH", "", "The Authorization header that it wants.", secret=True),
    Variable("TIPLINE_NOTICE_GATEWAY_BODY", SendMap().text, "The JSON that it takes, with {to}, {text} and {id}."),
    Variable("TIPLINE_NOTICE_TEXT", "Please look at your desk.", "What all of them get; it names neither the line nor anything."),
    Variable("TIPLINE_METRICS_PORT", "", "Port on 127.0.0.1 for Prometheus: /metrics, numbers without content. Empty = none."),
    Variable("TIPLINE_LANGUAGE_PACKS", "", "Folder of Argos packages to install at the start. Without any, tips stay untranslated."),
    Variable("TIPLINE_LANGUAGES", "en,es", "Languages that the line expects, as BCP 47 codes."),
    Variable("TIPLINE_REGIONS", "", "TOML file of the line's regions and agencies, which only you can write."),
    Variable("TIPLINE_VETTERS", "", "File of the vetters' public keys, or folder of their lists, which only you can write."),
    Variable("TIPLINE_VETTERS_ROOT", "", "SHA-256 of the first list of vetters (tipline vetters show): pins whom the line believes."),
    Variable("TIPLINE_SLOTS", "08:00,14:00,20:00 UTC", "Times of day at which cases are offered, and their time zone. Practice: 5s."),
    Variable("TIPLINE_SILENCE", "600", "Seconds of silence after which a tip is sealed (1 to 3600). Practice: 20."),
    Variable("TIPLINE_TRUSTEES_NEEDED", "2", "How many trustees (2 to 20) give a case to another reader, when all of its own have left."),
    Variable("TIPLINE_PURGE_DAYS", "90", "Days (7 to 3650) after which a case is deleted, once a second reader agreed that it is closed."),
    Variable("TIPLINE_LINE", "Tip line", "Name of the line, as the desk shows it."),
)
NAMES = tuple(variable.name for variable in VARIABLES)
SECRETS = frozenset(variable.name for variable in VARIABLES if variable.secret)
TWILIO = ("TIPLINE_TWILIO_ACCOUNT_SID", "TIPLINE_TWILIO_AUTH_TOKEN", "TIPLINE_TWILIO_NUMBER")
GATEWAY = ("TIPLINE_GATEWAY_SECRET", "TIPLINE_GATEWAY_SEND_URL")


def settings_lines() -> str:
    """The text of .env.example."""
    head = "# Settings of a line. Each can also be given as NAME_FILE: the path of a file that holds the value.\n"
    return head + "".join(f"\n# {v.about}\n# {v.name}={v.default}\n" for v in VARIABLES)


URL_RULE = "an https address without path, user or query; http for this machine alone"


def unknown(names: Iterable[str]) -> list[str]:
    """A sentence for each TIPLINE_ name that is none of ours: a typing mistake that would silently leave a default in force."""
    known = {*NAMES, *(f"{name}_FILE" for name in NAMES)}
    ours = [name for name in sorted(names) if name.startswith(PREFIX) and not name.startswith(FOR_TESTS)]
    return [f"{name} is no setting of Tipline{_near(name)}." for name in ours if name not in known]


def _near(name: str) -> str:
    close = difflib.get_close_matches(name, NAMES, 1)
    return f"; perhaps {close[0]} is meant" if close else ""


def whole(text: str, low: int, high: int) -> int | None:
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        return None
    return int(text) if low <= int(text) <= high else None


def languages(text: str) -> tuple[str, ...] | None:
    """Codes that Babel knows, in the order given, each once. Kept as written: Babel would make `fil` of `tl`."""
    codes = tuple(code.strip() for code in text.split(","))
    return codes if len(set(codes)) == len(codes) and all(map(_is_language, codes)) else None


def _is_language(code: str) -> bool:
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?", code) or code == "und":
        return False
    try:
        Locale.parse(code, sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True


def sha256_hex(text: str) -> str | None:
    return text if re.fullmatch(r"[0-9a-f]{64}", text) else None


def title(text: str) -> str | None:
    return text if len(text) <= 60 and text.isprintable() else None


def account_sid(text: str) -> str | None:
    return text if re.fullmatch(r"AC[0-9a-f]{32}", text) else None


def token(text: str) -> str | None:
    return text if re.fullmatch(r"[!-~]+", text) else None


def bot_token(text: str) -> str | None:
    return text if re.fullmatch(r"[0-9]{3,20}:[A-Za-z0-9_-]{30,100}", text) else None


def hook_secret(text: str) -> str | None:
    """What Telegram takes as a secret token (1-256 of these), long enough not to be guessed."""
    return text if re.fullmatch(r"[A-Za-z0-9_-]{16,256}", text) else None


def web_url(text: str) -> str | None:
    """An address with a path. https, or http on this machine; no user, query or fragment."""
    url = split(text)
    if url is None or not url.hostname or url.username is not None or url.query or url.fragment:
        return None
    return text if url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname)) else None


def e164(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    whole_number = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return text if phonenumbers.is_possible_number(number) and text == whole_number else None


def base_url(text: str) -> str | None:
    """`scheme://host[:port]` as a browser writes an origin. https, or http on this machine."""
    url = split(text)
    if url is None or not url.hostname or url.username is not None or url.path not in ("", "/") or url.query or url.fragment:
        return None
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname)):
        return None
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    usual = {"https": 443, "http": 80}[url.scheme]
    return f"{url.scheme}://{host}" + ("" if url.port in (None, usual) else f":{url.port}")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        _ = url.port  # raises for one that is no port
    except ValueError:
        return None
    return url


def has_password(url: SplitResult) -> bool:
    return url.password is not None or any(name == "password" for name, _ in parse_qsl(url.query))
