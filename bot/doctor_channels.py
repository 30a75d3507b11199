"""Looks at the line from outside: what Telegram, Twilio and the gateway know of us, and whether we answer under our own address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from bot.channels import Gateway, Telegram, Twilio
from bot.finding import Finding, look, mend, ok, unknown
from bot.gateway_route import GATEWAY_PATH
from bot.settings import Settings
from bot.telegram_route import TELEGRAM_PATH
from bot.twilio_route import TWILIO_PATH
from handlers.gateway import SIGNATURE_HEADER as GATEWAY_HEADER
from handlers.telegram import HOOK_HEADER as TELEGRAM_HEADER
from handlers.text import SIGNATURE_HEADER as TWILIO_HEADER

WAIT_S = 10.0
MOST_SKEW_S = 30
MANY_PENDING = 100
RECENT_S = 3600
CONNECT = "run: tipline channels connect"


@dataclass(frozen=True, slots=True)
class Answer:
    """`body`: the JSON object, or {}."""

    status: int
    body: Mapping[str, object]


@dataclass
class Outside:
    """Asks over HTTP. An exception of httpx holds the URL, and Telegram's URL the token: none leaves here."""

    http: httpx.AsyncClient
    skews: list[float] = field(default_factory=list)
    """Seconds that this machine's clock is behind those of the providers."""

    async def ask(
        self, method: str, url: str, *, auth: tuple[str, str] | None = None, headers: Mapping[str, str] | None = None, clock: bool = False
    ) -> Answer | None:
        """None = no answer. `clock`: its Date header is taken for the right time."""
        encoded = {name.encode(): value.encode() for name, value in (headers or {}).items()}
        given = httpx.USE_CLIENT_DEFAULT if auth is None else httpx.BasicAuth(*auth)
        try:
            answer = await self.http.request(method, url, headers=encoded, auth=given)
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        if clock:
            self._note(answer.headers.get("Date", ""))
        try:
            body = answer.json()
        except (ValueError, RecursionError):
            body = None
        return Answer(answer.status_code, body if isinstance(body, dict) else {})

    def _note(self, date: str) -> None:
        try:
            there = parsedate_to_datetime(date)
        except ValueError:
            return
        self.skews.append((there.replace(tzinfo=there.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


async def from_outside(settings: Settings, now: datetime) -> list[Finding]:
    """Everything that needs the network. Nothing is changed and nothing is sent to anybody; our own log shows a refused request for each
    channel."""
    channels, found = settings.channels, list[Finding]()
    async with httpx.AsyncClient(timeout=WAIT_S, trust_env=False) as http:
        outside = Outside(http)
        if channels.telegram is not None:
            found += await telegram(outside, channels.telegram, settings.public_url, now)
        if channels.twilio is not None:
            found += await twilio(outside, channels.twilio, settings.public_url)
        if channels.gateway is not None:
            found.append(await gateway(outside, channels.gateway))
        found += await ourselves(outside, settings)
    if not settings.practice:
        found.append(clock(outside.skews))
    return found


async def telegram(outside: Outside, settings: Telegram, public_url: str, now: datetime) -> list[Finding]:
    """https://core.telegram.org/bots/api#getwebhookinfo"""
    topic = "telegram"
    base = f"{settings.api_url}/bot{settings.token.reveal() if settings.token is not None else ''}"
    me = await outside.ask("GET", f"{base}/getMe", clock=True)
    if me is None:
        return [mend(topic, "The Bot API does not answer: look at the network of this machine.")]
    if me.body.get("ok") is not True:
        return [mend(topic, f"The Bot API refuses the bot's token (HTTP {me.status}).")]
    found = [ok(topic, "The Bot API knows the bot.")]
    answer = await outside.ask("GET", f"{base}/getWebhookInfo")
    info = answer.body.get("result") if answer is not None else None
    if not isinstance(info, dict):
        return [*found, unknown(topic, "The Bot API did not tell about the webhook.")]
    return [*found, _hook(info, settings, public_url), *_trouble(info, now)]


def _hook(info: Mapping[str, object], settings: Telegram, public_url: str) -> Finding:
    topic, url = "telegram", info.get("url")
    if settings.webhook_secret is None:
        if url:
            return mend(topic, f"The line asks for messages, but a webhook is set, so Telegram hands none out; {CONNECT}")
        return ok(topic, "No webhook is set, and the line asks for messages.")
    if url != public_url + TELEGRAM_PATH:
        return mend(topic, f"The webhook is {'another address than ours' if url else 'not set'}; {CONNECT}")
    wanted = info.get("allowed_updates")
    if isinstance(wanted, list) and not {"message", "edited_message"} <= {str(name) for name in wanted}:
        return mend(topic, f"The webhook leaves out messages or their corrections; {CONNECT}")
    return ok(topic, "The webhook is our address.")


def _trouble(info: Mapping[str, object], now: datetime) -> list[Finding]:
    topic, found = "telegram", list[Finding]()
    pending, at = info.get("pending_update_count"), info.get("last_error_date")
    if isinstance(pending, int) and pending > MANY_PENDING:
        found.append(look(topic, f"{pending} messages wait at Telegram."))
    if isinstance(at, int) and now.timestamp() - at < RECENT_S:
        status = re.search(r"\b[345][0-9]{2}\b", str(info.get("last_error_message", "")))
        why = "the secrets differ" if status and status[0] == "403" else f"our answer was {status[0]}" if status else "no connection"
        found.append(mend(topic, f"Telegram could not deliver a message in the last hour: {why}; {CONNECT}"))
    return found


async def twilio(outside: Outside, settings: Twilio, public_url: str) -> list[Finding]:
    """https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource"""
    topic, auth = "twilio", (settings.account_sid, settings.auth_token.reveal())
    base = f"{settings.api_url}/2010-04-01/Accounts/{settings.account_sid}"
    account = await outside.ask("GET", f"{base}.json", auth=auth, clock=True)
    if account is None:
        return [mend(topic, "Twilio's API does not answer: look at the network of this machine.")]
    if account.status != httpx.codes.OK:
        return [mend(topic, f"Twilio refuses the account's id or token (HTTP {account.status}).")]
    if account.body.get("status") != "active":
        return [mend(topic, "The account at Twilio is not active: is it paid?")]
    found = [ok(topic, "The account at Twilio is active.")]
    listed = await outside.ask("GET", f"{base}/IncomingPhoneNumbers.json?PhoneNumber=%2B{settings.number.removeprefix('+')}", auth=auth)
    numbers = listed.body.get("incoming_phone_numbers") if listed is not None else None
    if not isinstance(numbers, list):
        found.append(unknown(topic, "Twilio did not tell about the number."))
    elif not numbers or not isinstance(numbers[0], dict):
        found.append(mend(topic, "The account does not have the number of TIPLINE_TWILIO_NUMBER."))
    else:
        found += _number(numbers[0], public_url)
    if settings.whatsapp is not None:
        found.append(unknown(topic, "Where WhatsApp messages go is seen in Twilio's console alone: our address must stand there too."))
    return found


def _number(number: Mapping[str, object], public_url: str) -> list[Finding]:
    topic, ours = "twilio", public_url + TWILIO_PATH
    url, _, overrides = str(number.get("sms_url") or "").partition("#")
    fallback = str(number.get("sms_fallback_url") or "").partition("#")[0]
    if number.get("sms_application_sid"):
        return [mend(topic, f"An application of Twilio's takes the number's texts, so its webhook counts for nothing; {CONNECT}")]
    if url != ours or number.get("sms_method") != "POST":
        return [mend(topic, f"Texts to the number are not posted to our address; {CONNECT}")]
    found = [ok(topic, "Texts to the number are posted to our address.")]
    if fallback != ours and "rc=" not in overrides:
        found.append(look(topic, f"A text that meets a restart is not tried again by Twilio, and comes up to 10 minutes late; {CONNECT}"))
    return found


async def gateway(outside: Outside, settings: Gateway) -> Finding:
    """Any answer will do, as nobody knows what a gateway says to HEAD; but not that it refuses us."""
    topic, auth = "gateway", settings.send_auth.reveal()
    answer = await outside.ask("HEAD", settings.send_url, headers={"Authorization": auth} if auth else None)
    if answer is None:
        return mend(topic, "The gateway does not answer: is the phone on, and the tunnel to it?")
    if answer.status in (401, 403):
        return mend(topic, f"The gateway refuses TIPLINE_GATEWAY_SEND_AUTH (HTTP {answer.status}).")
    if answer.status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return mend(topic, f"The way to the gateway is broken (HTTP {answer.status}): is the phone on, and the tunnel to it?")
    return ok(topic, "The gateway answers. Whether it posts to us, only a text to it shows.")


async def ourselves(outside: Outside, settings: Settings) -> list[Finding]:
    """Through the front door, as a provider comes."""
    topic, url = "public", settings.public_url
    answer = await outside.ask("GET", f"{url}/healthz")
    if answer is None:
        return [mend(topic, "Nothing answers at TIPLINE_PUBLIC_URL: is the line running, and the proxy before it?")]
    if answer.body.get("ok") is not True:
        return [mend(topic, f"TIPLINE_PUBLIC_URL is answered by something that is not this line (HTTP {answer.status}).")]
    found = [ok(topic, "The line answers at its public address.")]
    c = settings.channels
    doors = {
        "telegram": (TELEGRAM_PATH, TELEGRAM_HEADER) if c.telegram is not None and c.telegram.webhook_secret is not None else None,
        "twilio": (TWILIO_PATH, TWILIO_HEADER) if c.twilio is not None else None,
        "gateway": (GATEWAY_PATH, GATEWAY_HEADER) if c.gateway is not None else None,
    }
    return found + [await _refuses(outside, name, url + door[0], door[1]) for name, door in doors.items() if door is not None]


async def _refuses(outside: Outside, topic: str, url: str, header: str) -> Finding:
    answer = await outside.ask("POST", url, headers={header: "doctor"})
    if answer is None:
        return mend(topic, "Our webhook does not answer.")
    if answer.status == httpx.codes.FORBIDDEN:
        return ok(topic, "Our webhook answers, and refuses who has not the secret.")
    if answer.status == httpx.codes.NOT_FOUND:
        return mend(topic, "The line that runs has no such webhook: it was started with other settings; start it again.")
    return mend(topic, f"Our webhook does not refuse who has not the secret (HTTP {answer.status}).")


def clock(skews: list[float]) -> Finding:
    if not skews:
        return unknown("clock", "Nobody told the time to compare this machine's with.")
    worst = max(skews, key=abs)
    if abs(worst) > MOST_SKEW_S:
        return mend("clock", f"The clock of this machine is {abs(worst):.0f} s {'slow' if worst > 0 else 'fast'}: turn on NTP.")
    return ok("clock", f"The clock is right to {MOST_SKEW_S} s.")
