"""A text gateway of one's own: any HTTP service that posts incoming texts, signed, and takes texts to send.

Written for an Android phone with a local SIM, where no provider sells two-way numbers (India, Nepal, Thailand, Vietnam). What it posts is
JSON, signed with HMAC-SHA256 over the body's bytes with the timestamp's digits after them; where the message stands in it is a setting.
Facts of the "SMS Gateway for Android": https://docs.sms-gate.app/features/webhooks/, docs/GATEWAY.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from handlers.channels import Refused
from handlers.text import address_of
from triage.sensitive import Sensitive
from triage.tip import Control, Inbound

CHANNEL = "gateway"
SIGNATURE_HEADER = "X-Signature"
TIMESTAMP_HEADER = "X-Timestamp"
MAX_BODY = 64 * 1024
MAX_SENDER = 64
DEFAULT_FIELDS = "id=id,from=from,text=text"
DEFAULT_BODY = '{"to": "{to}", "text": "{text}", "id": "{id}"}'
FIELD = re.compile(r"(id|from|text|sent)=([A-Za-z0-9_.+-]{1,120})|(if)=([A-Za-z0-9_.-]{1,120}:[^,\s]{1,60})")
TIMESTAMP = re.compile(r"[0-9]{1,16}")
PLACE = re.compile(r"\{(to|text|id)\}")
STOP_WORDS = frozenset({"stop", "stopall", "unsubscribe"})
"""Alone in a text. Phones have taught people these, and no provider acts on them here."""
ON_THE_WAY = timedelta(days=400)
"""A phone that lost its clock says 1970: a tip so old would be held, as every card is younger, and never answered."""
MILLISECONDS = 100_000_000_000
"""A time above it is in milliseconds: as seconds it would be in the year 5138."""


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Where a gateway puts a message's id, sender and text. `a.b` = b inside a; `a+b` = both together, where neither alone is unique.

    Two may be left out: `sent`, when the message was written; `if=a.b:value`, the one kind of post that is a message.
    """

    text: str = DEFAULT_FIELDS

    @classmethod
    def parse(cls, text: str) -> FieldMap | None:
        found = [FIELD.fullmatch(part.strip()) for part in text.split(",")]
        names = [part[1] or part[3] for part in found if part is not None]
        whole = None not in found and len(set(names)) == len(names) and {"id", "from", "text"} <= set(names)
        return cls(text) if whole else None

    def paths(self) -> Mapping[str, str]:
        return dict(part.strip().split("=", 1) for part in self.text.split(","))


@dataclass(frozen=True, slots=True)
class SendMap:
    """The JSON that a gateway takes, with {to}, {text} and {id} inside strings."""

    text: str = DEFAULT_BODY

    @classmethod
    def parse(cls, text: str) -> SendMap | None:
        try:
            body = json.loads(text)
            places = {place for string in _strings(body) for place in PLACE.findall(string)}
        except (ValueError, RecursionError):
            return None
        return cls(text) if isinstance(body, dict) and {"to", "text"} <= places else None

    @property
    def has_id(self) -> bool:
        return "{id}" in self.text

    def fill(self, to: str, text: str, id: str) -> bytes:
        """The request's body. Filled in the parsed structure and in one pass: no quote, brace or `{to}` in a text changes what is sent."""
        values = {"to": to, "text": text, "id": id}
        return json.dumps(_filled(json.loads(self.text), values)).encode("ascii")


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _strings(inner)


def _filled(value: object, values: Mapping[str, str]) -> object:
    if isinstance(value, dict):
        return {key: _filled(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, values) for inner in value]
    return PLACE.sub(lambda place: values[place[1]], value) if isinstance(value, str) else value


class GatewayWebhook:
    """Verifies and reads what the gateway posts for each incoming message.

    A timestamp of any age is taken. The app signs anew at each attempt, so that a fresh one would be no hardship for a phone that was
    offline, but one whose clock is wrong would lose every tip; and a captured request brings nothing, as its message was seen (400 days).
    """

    def __init__(self, secret: Sensitive[str], fields: FieldMap) -> None:
        self._key = secret.reveal().encode()
        paths = fields.paths()
        self._ids = paths["id"].split("+")
        self._from, self._text, self._sent = paths["from"], paths["text"], paths.get("sent")
        self._kind, _, self._wanted = paths.get("if", "").partition(":")

    def read(self, body: bytes, signature: str, timestamp: str, received: datetime) -> Inbound | Refused:
        """The message, once the signature holds. NOT_FOR_US = another kind of post; UNREADABLE = not where the settings say: the app
        repeats it for two days, in which they can be mended."""
        if not self._authentic(body, signature, timestamp):
            return Refused.BAD_SIGNATURE
        try:
            post = json.loads(body)
        except (ValueError, RecursionError):  # they carry the body: answered with a value, not raised on
            return Refused.UNREADABLE
        if self._kind and _scalar(post, self._kind) != self._wanted:
            return Refused.NOT_FOR_US if isinstance(post, dict) else Refused.UNREADABLE
        ids = [_scalar(post, path) for path in self._ids]
        sender, text = _scalar(post, self._from), _scalar(post, self._text)
        if sender is None or text is None or not all(ids):
            return Refused.UNREADABLE
        sender = sender.strip()
        if not 0 < len(sender) <= MAX_SENDER or not sender.isprintable():
            return Refused.UNREADABLE
        name = json.dumps(ids)  # not joined: "1"+"23" and "12"+"3" are two
        sent = None if self._sent is None else _time(_scalar(post, self._sent))
        sent = None if sent is None or received - sent > ON_THE_WAY else sent
        control = Control.STOP if text.strip().lower() in STOP_WORDS else None
        return Inbound(CHANNEL, Sensitive(address_of(sender)), Sensitive(text), name, received, sent, control=control)

    def _authentic(self, body: bytes, signature: str, timestamp: str) -> bool:
        """Nothing stands between body and timestamp, but no cut elsewhere reads: part of a JSON object is none, and a time is digits."""
        right = hmac.new(self._key, body + timestamp.encode(), hashlib.sha256).hexdigest()
        same = hmac.compare_digest(right.encode(), signature.lower().encode())
        return same and TIMESTAMP.fullmatch(timestamp) is not None


def _scalar(post: object, path: str) -> str | None:
    """The string or whole number at the path. Halves of a character, as JSON can write them, are joined, or become `?`."""
    found = post
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    return str(found).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _time(text: str | None) -> datetime | None:
    """ISO 8601 with its offset, or seconds or milliseconds since 1970; None for anything else, as it is no reason to refuse a message."""
    if text is None:
        return None
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / (1000 if int(text) > MILLISECONDS else 1), UTC)
        found = datetime.fromisoformat(text)
        return None if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
