"""Telegram's updates: which of them is a message to the line, and what of it is read.

The fields that are read are named here; nothing else of an update reaches the parser: not who the source is (name, username, language), not
whom he forwards, and no field of tomorrow's Bot API that could break the reading of a tip. https://core.telegram.org/bots/api#update
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from telegram import Message, MessageEntity, Update
from telegram.constants import ChatType

from handlers.channels import Refused
from triage.sensitive import Sensitive
from triage.tip import Control, Form, Inbound

CHANNEL = "telegram"
HOOK_HEADER = "X-Telegram-Bot-Api-Secret-Token"
MAX_BODY = 256 * 1024
"""A text has 4,096 characters at most, and an update at most one other message in it: real ones stay far below this."""
EDITED = "edited_message"
UPDATES = ("message", EDITED)
"""What the line asks Telegram for."""

FORWARDED = frozenset({"forward_origin", "forward_date"})
ATTACHMENTS = frozenset(
    {
        "animation", "audio", "checklist", "dice", "document", "game", "live_photo", "paid_media", "photo", "poll", "sticker", "story",
        "video", "video_note", "voice",
    }
)  # fmt: skip
"""What a message can be besides words. It is one at a time (an animation also calls itself a document)."""
LINK_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a link to the bot puts behind /start: no word of the source."""
IDS = range(1, 1 << 53)

Shape: TypeAlias = "tuple[type, ...] | list[Shape] | Mapping[str, Shape]"
"""The types that a value may have, a list of one shape, or an object's named fields, each of which may be missing."""

NUMBER = (int, float)
ENTITY: Shape = {"type": (str,), "offset": (int,), "length": (int,), "url": (str,)}
PLACE: Shape = {"latitude": NUMBER, "longitude": NUMBER}
MESSAGE: Shape = {
    "message_id": (int,),
    "date": (int,),
    "edit_date": (int,),
    "chat": {"id": (int,), "type": (str,)},
    "from": {"is_bot": (bool,)},
    "text": (str,),
    "caption": (str,),
    "entities": [ENTITY],
    "caption_entities": [ENTITY],
    "contact": {"phone_number": (str,), "first_name": (str,), "last_name": (str,), "user_id": (int,)},
    "location": PLACE,
    "venue": {"location": PLACE, "title": (str,), "address": (str,)},
}
UPDATE: Shape = {"update_id": (int,), "message": MESSAGE, "edited_message": MESSAGE}


class TelegramWebhook:
    """Verifies and reads what Telegram posts: one update, with the secret that setWebhook was given."""

    def __init__(self, secret: Sensitive[str]) -> None:
        self._secret = secret

    def authentic(self, header: bytes) -> bool:
        """In the same time whatever stands there; bytes, since a header need not be ASCII."""
        return hmac.compare_digest(header, self._secret.reveal().encode())

    def read(self, body: bytes, received: datetime) -> Inbound | Refused:
        try:
            data = json.loads(body.decode("utf-8"))
        except (ValueError, RecursionError):  # ValueError's kinds carry the body: answered with a value, not raised on
            return Refused.UNREADABLE
        return read_update(data, received)


def read_update(data: object, received: datetime) -> Inbound | Refused:
    """The message in any JSON value. For us is what a person, not a bot, writes to the bot alone.

    `provider_id` holds the message's number and date too: update ids start again at random after a week without any.
    """
    seen = _screened(data)
    if isinstance(seen, Refused):
        return seen
    message = seen.message
    control, text = _command(message)
    words = "\n".join(filter(None, (text, *_enclosed(message)))) if text or not control else ""
    media = int(not ATTACHMENTS.isdisjoint(seen.has) or _own(message))
    if not (control or words or media):
        return Refused.NOT_FOR_US  # a note of Telegram's own: something was pinned, a timer set
    written = message.edit_date or message.date
    return Inbound(
        CHANNEL,
        Sensitive(str(message.chat.id)),
        Sensitive(words),
        f"{seen.update_id}:{message.message_id}:{int(written.timestamp())}",
        received,
        sent=written,
        form=_form(seen),
        media=media,
        control=control,
        ref=str(message.message_id),
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """`has`: names of all fields that the message came with, read or not."""

    update_id: int
    edited: bool
    message: Message
    has: frozenset[str]


def _screened(data: object) -> _Seen | Refused:
    picked = _picked(data, UPDATE)
    if not isinstance(data, dict) or picked is None:
        return Refused.UNREADABLE
    kind = next((kind for kind in UPDATES if kind in picked), None)
    if kind is None:
        return Refused.NOT_FOR_US
    by_bot = picked[kind].pop("from", {}).get("is_bot", True)
    message = _parsed(picked)
    if message is None or "chat" not in picked[kind]:  # PTB makes a message of one that lacks its chat
        return Refused.UNREADABLE
    if by_bot or message.chat.type != ChatType.PRIVATE:
        return Refused.NOT_FOR_US
    if not _possible(picked["update_id"], message):
        return Refused.UNREADABLE
    has = frozenset(name for name, value in data[kind].items() if value is not None)
    return _Seen(picked["update_id"], kind == EDITED, message, has)


def _picked(value: Any, shape: Shape) -> Any | None:
    """What the shape allows of a value; None where something allowed is there in another type."""
    if isinstance(shape, tuple):
        return value if type(value) in shape else None  # not isinstance: True is an int to it
    if isinstance(shape, list):
        items = [_picked(item, shape[0]) for item in value] if isinstance(value, list) else [None]
        return None if None in items else items
    if not isinstance(value, dict):
        return None
    fields = {name: _picked(value[name], inner) for name, inner in shape.items() if value.get(name) is not None}
    return None if None in fields.values() else fields


def _parsed(picked: dict[str, Any]) -> Message | None:
    try:
        return Update.de_json(picked, None).effective_message
    except (TypeError, KeyError, ValueError, OverflowError, OSError):  # a field that must be there is not; a date that is none
        return None


def _possible(update_id: int, message: Message) -> bool:
    """Numbers that are some. Of a place that is none, Python's JSON even reads NaN."""
    places = [place for place in (message.location, message.venue and message.venue.location) if place]
    on_earth = all(-90 <= place.latitude <= 90 and -180 <= place.longitude <= 180 for place in places)
    return on_earth and all(number in IDS for number in (update_id, message.message_id, message.chat.id))


def _command(message: Message) -> tuple[Control | None, str]:
    """The command and no words, or no command and the message's own words.

    Words behind /start or /help are somebody's words ("/help me"): they count, and the command does not. Behind /stop both count ("/stop he
    reads my phone, they are in Calle Sur 4"). What follows /forget does not change that wish.
    """
    text = message.text or message.caption or ""
    starts = (entity.length for entity in message.entities if entity.type == MessageEntity.BOT_COMMAND and entity.offset == 0)
    length = next(starts, 0)
    name, rest = text[1:length].partition("@")[0].lower(), text[length:].strip()
    if name not in set(Control):
        return None, text
    control = Control(name)
    if rest and (control is Control.HELP or (control is Control.START and not LINK_WORD.fullmatch(rest))):
        return None, f"{name} {rest}"
    return control, f"{name} {rest}" if rest and control is Control.STOP else ""


def _enclosed(message: Message) -> list[str]:
    """Words and numbers beside the text: where its links lead, a contact's name and number, a place's name and position."""
    found = [entity.url for entity in (*message.entities, *message.caption_entities) if entity.url]
    if message.contact is not None and not _own(message):
        found += [message.contact.first_name, message.contact.last_name or "", message.contact.phone_number]
    if message.venue is not None:
        found += [message.venue.title, message.venue.address]
    place = message.location if message.venue is None else message.venue.location
    if place is not None:
        found.append(f"{place.latitude:.6f}, {place.longitude:.6f}")
    return found


def _own(message: Message) -> bool:
    """The source's own contact, a button away: its name and number are what no reader shall have. In a private chat the chat is he."""
    return message.contact is not None and message.contact.user_id == message.chat.id


def _form(seen: _Seen) -> Form:
    message = seen.message
    if seen.edited:
        return Form.EDITED
    if not FORWARDED.isdisjoint(seen.has):
        return Form.FORWARDED
    if message.contact is not None:
        return Form.CONTACT
    return Form.TEXT if message.location is None and message.venue is None else Form.PLACE
