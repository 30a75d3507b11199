"""The forms that Twilio posts, signed as it signs them: an incoming message, and what became of an outgoing one.

Fields from https://www.twilio.com/docs/messaging/guides/webhook-request and
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

PRACTICE_SID = "AC" + "0123456789abcdef" * 2
PRACTICE_TOKEN = "practice-twilio-token"


def incoming(sender: str, to: str, text: str, **more: str) -> dict[str, str]:
    """The fields of an incoming text message, as many as Twilio sends, with the ones that Tipline must not read."""
    sid = more.get("MessageSid", "SM" + secrets.token_hex(16))
    return {
        "ToCountry": "GB",
        "ToState": "",
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "ToCity": "",
        "FromZip": "29001",
        "SmsSid": sid,
        "FromState": "",
        "SmsStatus": "received",
        "FromCity": "MALAGA",
        "Body": text,
        "FromCountry": "ES",
        "To": to,
        "ToZip": "",
        "NumSegments": "1",
        "MessageSid": sid,
        "AccountSid": PRACTICE_SID,
        "From": sender,
        "ApiVersion": "2010-04-01",
        **more,
    }


def whatsapp(sender: str, to: str, text: str, **more: str) -> dict[str, str]:
    """The fields of an incoming WhatsApp message. `sender`, `to`: without `whatsapp:`."""
    sid = more.get("MessageSid", "SM" + secrets.token_hex(16))
    return {
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "ProfileName": "Canary Name",
        "MessageType": "text",
        "SmsSid": sid,
        "WaId": sender.lstrip("+"),
        "SmsStatus": "received",
        "Body": text,
        "To": f"whatsapp:{to}",
        "NumSegments": "1",
        "ReferralNumMedia": "0",
        "MessageSid": sid,
        "AccountSid": PRACTICE_SID,
        "ChannelMetadata": '{"type":"whatsapp","data":{"context":{"ProfileName":"Canary Name"}}}',
        "From": f"whatsapp:{sender}",
        "ApiVersion": "2010-04-01",
        **more,
    }


def pictures(count: int) -> dict[str, str]:
    """The fields of that many pictures."""
    fields = {"NumMedia": str(count)}
    for n in range(count):
        fields[f"MediaContentType{n}"] = "image/jpeg"
        fields[f"MediaUrl{n}"] = f"https://api.twilio.com/2010-04-01/Accounts/{PRACTICE_SID}/Messages/MM0/Media/ME{n:032x}"
    return fields


def status(sid: str, sender: str, to: str, told: str, error: int = 0) -> dict[str, str]:
    """The fields of a status callback."""
    fields = {
        "SmsSid": sid,
        "SmsStatus": told,
        "MessageStatus": told,
        "To": to,
        "MessageSid": sid,
        "AccountSid": PRACTICE_SID,
        "From": sender,
        "ApiVersion": "2010-04-01",
    }
    return fields | ({"ErrorCode": str(error)} if error else {})


def signed_form(url: str, token: str, fields: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    """Body and headers of Twilio's request to `url`."""
    signature = RequestValidator(token).compute_signature(url, dict(fields))
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", "X-Twilio-Signature": signature}
    return urlencode(fields).encode(), headers
