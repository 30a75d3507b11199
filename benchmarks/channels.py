"""Generated requests of the channels: as the provider sends them, nearly so, and signed by nobody."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from benchmarks.chance import Chance, Effect, Request, packed
from benchmarks.line import GATEWAY_SECRET, HOOK_SECRET, NUMBER, PUBLIC, WHATSAPP
from tests.peers.twilio import PRACTICE_SID, PRACTICE_TOKEN, incoming

FORM = (b"content-type", b"application/x-www-form-urlencoded; charset=UTF-8")
JSON = (b"content-type", b"application/json")
SENT = 1_795_000_000
"""When everything was written, seconds since 1970: no clock, so that the same seed makes the same requests."""
SIGNATURE = b"x-twilio-signature"
SECRET_HEADER = b"x-telegram-bot-api-secret-token"


def twilio_message(chance: Chance) -> Request:
    return _form("twilio", Effect.TAKEN, "/twilio/message", _sms(chance, NUMBER))


def _sms(chance: Chance, to: str) -> dict[str, str]:
    sid = f"SM{chance.hex(32)}"
    return incoming(chance.phone(), to, chance.text(), MessageSid=sid, SmsSid=sid, SmsMessageSid=sid, FromCity=chance.word())


def twilio_pictures(chance: Chance) -> Request:
    more = {"NumMedia": "2", "MediaUrl0": f"https://api.twilio.com/{chance.word()}", "MediaContentType0": "image/jpeg"}
    fields = {**_sms(chance, NUMBER), **more, "MessageSid": f"MM{chance.hex(32)}", "Body": chance.choice(("", chance.text()))}
    return _form("twilio mms", Effect.TAKEN, "/twilio/message", fields)


def twilio_forged(chance: Chance) -> Request:
    """Another signature, none, or one of another form."""
    good = twilio_message(chance)
    signature = chance.choice(((), ((SIGNATURE, chance.broken(b"c2lnbmF0dXJl")),), good.headers[1:]))
    body = good.body[0] + (b"&X=1" if signature == good.headers[1:] else b"")
    return replace(good, kind="twilio forged", effect=Effect.REFUSED, headers=(FORM, *signature), body=(body,))


def twilio_broken(chance: Chance) -> Request:
    good = twilio_message(chance)
    return replace(good, kind="twilio broken", effect=Effect.NOT_TAKEN, body=(b"Extra=%ff&" + chance.broken(good.body[0]),))


def twilio_elsewhere(chance: Chance) -> Request:
    return _form("twilio elsewhere", Effect.ANSWERED, "/twilio/message", _sms(chance, "+15005550001"))


def twilio_lacking(chance: Chance) -> Request:
    fields = _sms(chance, NUMBER)
    del fields[chance.choice(("MessageSid", "From", "To", "AccountSid"))]
    return _form("twilio lacking", Effect.REFUSED, "/twilio/message", fields)


def twilio_odd(chance: Chance) -> Request:
    """One field, of ours or not, says something else; or the address has a query that is not signed."""
    fields = _sms(chance, NUMBER)
    fields[chance.choice(sorted(fields))] = chance.choice((chance.text(), "", "\x00", "9" * 4000))
    query = b"id=" + chance.word().encode() if chance.one_in(3) else b""
    return replace(_form("twilio odd", Effect.ANY, "/twilio/message", fields), query=query)


def whatsapp_message(chance: Chance) -> Request:
    sender = {"From": f"whatsapp:{chance.phone()}", "ProfileName": chance.word(), "WaId": chance.phone()[1:]}
    form = _sms(chance, f"whatsapp:{WHATSAPP}") | sender
    if chance.one_in(4):
        form |= chance.choice(
            ({"Latitude": "36.72", "Longitude": "-4.42", "Address": chance.word()}, {"ButtonText": chance.word()}, {"Forwarded": "true"})
        )
    return _form("whatsapp", Effect.TAKEN, "/twilio/message", form)


def twilio_status(chance: Chance) -> Request:
    return _status(chance, "status", Effect.ANSWERED, b"id=" + chance.hex(64).encode())


def status_odd(chance: Chance) -> Request:
    odd = chance.choice((b"", b"id", b"id=&id=", b"id=%00%ff", b"id=" + b"a" * 9000, b"%zz=%", b"id=" + chance.word().encode()))
    return _status(chance, "status odd", Effect.NOT_TAKEN, odd)


def status_forged(chance: Chance) -> Request:
    """Signed for another message, or with another body."""
    good = twilio_status(chance)
    if chance.one_in(2):
        return replace(good, kind="status forged", effect=Effect.REFUSED, query=b"id=" + chance.hex(64).encode())
    return replace(good, kind="status broken", effect=Effect.NOT_TAKEN, body=(chance.broken(good.body[0]),))


def _status(chance: Chance, kind: str, effect: Effect, query: bytes) -> Request:
    status = chance.choice(("queued", "sent", "delivered", "read", "failed", "undelivered", "", chance.word()))
    fields = {"MessageSid": f"SM{chance.hex(32)}", "MessageStatus": status, "To": chance.phone(), "AccountSid": PRACTICE_SID}
    return _form(kind, effect, "/twilio/status", fields, query)


def telegram_update(chance: Chance) -> Request:
    return _hooked("telegram", Effect.TAKEN, packed(_update(chance)))


def telegram_forged(chance: Chance) -> Request:
    secret = HOOK_SECRET.encode()
    wrong = chance.choice((b"", secret + b"0", secret.upper(), secret[:-1], b"\xff\xfe", chance.word().encode()))
    good = telegram_update(chance)
    return replace(
        good, kind="telegram forged", effect=Effect.REFUSED, headers=(JSON,) if chance.one_in(5) else (JSON, (SECRET_HEADER, wrong))
    )


def telegram_broken(chance: Chance) -> Request:
    return _hooked("telegram broken", Effect.ANY, chance.broken(packed(_update(chance))))


def telegram_odd(chance: Chance) -> Request:
    return _hooked("telegram odd", Effect.ANY, packed(chance.odd_json(_update(chance))))


def telegram_elsewhere(chance: Chance) -> Request:
    return _hooked("telegram elsewhere", Effect.ANSWERED, packed(_not_for_us(chance, _update(chance))))


def _hooked(kind: str, effect: Effect, body: bytes) -> Request:
    return Request(kind, effect, "POST", "/telegram/update", headers=(JSON, (SECRET_HEADER, HOOK_SECRET.encode())), body=(body,))


def _update(chance: Chance) -> dict[str, object]:
    chat, words = chance.chat(), chance.text()
    person = {"id": chat, "is_bot": False, "first_name": chance.word(), "username": chance.word(), "language_code": "es"}
    message: dict[str, object] = {
        "message_id": chance.randrange(1, 2**31),
        "from": person,
        "chat": {"id": chat, "first_name": chance.word(), "type": "private"},
        "date": SENT - chance.randrange(100),
    }
    kind = "message"
    match chance.randrange(9):
        case 0:
            kind = "edited_message"
            message |= {"text": words, "edit_date": SENT}
        case 1:
            origin = {"type": "hidden_user", "sender_user_name": chance.word(), "date": 1_700_000_000}
            message |= {"text": words, "forward_origin": origin}
        case 2:
            message |= {"contact": {"phone_number": chance.phone(), "first_name": chance.word()}}
        case 3:
            message |= {"location": {"latitude": 36.72, "longitude": -4.42}}
        case 4:
            photo = {"file_id": chance.word(), "file_unique_id": chance.word(), "width": 9, "height": 9}
            message |= {"photo": [photo], "caption": words}
        case _:
            message |= {"text": words}
    return {"update_id": chance.getrandbits(31), kind: message}


def _not_for_us(chance: Chance, update: Mapping[str, object]) -> dict[str, object]:
    """A group, a channel, a vote: what a private line does not take."""
    [(_, message)] = [(name, value) for name, value in update.items() if name != "update_id"]
    assert isinstance(message, dict)
    group = {**message, "chat": {"id": -1_001_000_000_000 - chance.randrange(999), "title": chance.word(), "type": "supergroup"}}
    kind = chance.choice(("message", "channel_post", "poll", chance.word()))
    return {"update_id": chance.getrandbits(31), kind: group if kind in {"message", "channel_post"} else {"id": chance.word()}}


def gateway_message(chance: Chance) -> Request:
    return _posted("gateway", Effect.TAKEN, packed(_post(chance)))


def gateway_forged(chance: Chance) -> Request:
    good = gateway_message(chance)
    if chance.one_in(2):
        return replace(good, kind="gateway changed", effect=Effect.REFUSED, body=(good.body[0] + b" ",))
    signature = chance.choice((b"", b"\xff\xfe", b"0" * 64, chance.word().encode()))
    headers = (JSON, (b"x-signature", signature), good.headers[2])
    return replace(good, kind="gateway forged", effect=Effect.REFUSED, headers=headers)


def gateway_broken(chance: Chance) -> Request:
    return _posted("gateway broken", Effect.ANY, chance.broken(packed(_post(chance))))


def gateway_odd(chance: Chance) -> Request:
    stamp = chance.choice((b"", b"-1", b"\xff", b"9" * 5000, chance.word().encode())) if chance.one_in(3) else None
    return _posted("gateway odd", Effect.ANY, packed(chance.odd_json(_post(chance))), stamp)


def gateway_lacking(chance: Chance) -> Request:
    post = _post(chance)
    del post[chance.choice(("id", "from", "text"))]
    return _posted("gateway lacking", Effect.NOT_TAKEN, packed(post))


def _post(chance: Chance) -> dict[str, object]:
    return {"id": chance.hex(32), "from": chance.phone(), "text": chance.text(), chance.word(): [chance.word()]}


def _posted(kind: str, effect: Effect, body: bytes, stamp: bytes | None = None) -> Request:
    stamp = str(SENT).encode() if stamp is None else stamp
    signature = hmac.new(GATEWAY_SECRET.encode(), body + stamp, hashlib.sha256).hexdigest().encode()
    return Request(
        kind, effect, "POST", "/gateway/message", headers=(JSON, (b"x-signature", signature), (b"x-timestamp", stamp)), body=(body,)
    )


@cache
def _validator() -> RequestValidator:
    return RequestValidator(PRACTICE_TOKEN)


def _form(kind: str, effect: Effect, path: str, fields: Mapping[str, str], query: bytes = b"") -> Request:
    """Signed as Twilio signs: over the URL that it calls and all fields."""
    url = PUBLIC + path + (f"?{query.decode('latin-1')}" if query else "")
    signature = _validator().compute_signature(url, dict(fields)).encode()
    return Request(kind, effect, "POST", path, query, (FORM, (SIGNATURE, signature)), (urlencode(fields).encode(),))
