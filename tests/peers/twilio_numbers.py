"""A local Twilio's IncomingPhoneNumbers resource over real HTTP: what an account has, and where it posts what comes in.

Shapes from https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource.
"""

from __future__ import annotations

import base64
import json
import secrets
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from tests.peers.serving import Small
from tests.peers.twilio_forms import PRACTICE_SID, PRACTICE_TOKEN

BASE = f"/2010-04-01/Accounts/{PRACTICE_SID}"
SETTABLE = {
    "SmsApplicationSid": "sms_application_sid",
    "SmsUrl": "sms_url",
    "SmsMethod": "sms_method",
    "SmsFallbackUrl": "sms_fallback_url",
    "SmsFallbackMethod": "sms_fallback_method",
}


class NumbersPeer(Small):
    """`with NumbersPeer("+1…") as peer:`; `peer.numbers[number]` = the resource. `garbled`: answers with something that is not Twilio's."""

    def __init__(self, *numbers: str) -> None:
        self.garbled = False
        self.numbers = {number: new(number) for number in numbers}
        super().__init__(Asked)


def new(number: str) -> dict[str, str | None]:
    """As one is bought: Twilio's own demo answers."""
    demo = "https://demo.twilio.com/welcome/sms/reply/"
    sid = "PN" + secrets.token_hex(16)
    return {"sid": sid, "phone_number": number, "sms_url": demo, "sms_method": "GET", "sms_application_sid": "AP" + "0" * 32}


class Asked(BaseHTTPRequestHandler):
    peer: NumbersPeer

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        wanted = parse_qs(asked.query).get("PhoneNumber", [""])[0]
        if asked.path == f"{BASE}.json":
            self._answer(200, {"sid": PRACTICE_SID, "status": "active"})
        elif asked.path == f"{BASE}/IncomingPhoneNumbers.json":
            found = [fields for number, fields in self.peer.numbers.items() if wanted in ("", number)]
            self._answer(200, {"incoming_phone_numbers": found, "page": 0, "page_size": 50, "next_page_uri": None})
        else:
            self._answer(404, {"code": 20404, "status": 404})

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True)
        for fields in self.peer.numbers.values():
            if self.path == f"{BASE}/IncomingPhoneNumbers/{fields['sid']}.json":
                fields |= {SETTABLE[name]: values[0] or None for name, values in form.items()}
                return self._answer(200, fields)
        return self._answer(404, {"code": 20404, "status": 404})

    def _answer(self, status: int, body: object) -> None:
        expected = base64.b64encode(f"{PRACTICE_SID}:{PRACTICE_TOKEN}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            status, body = 401, {"code": 20003, "message": "Authenticate", "status": 401}
        written = b"<html>" if self.peer.garbled else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""
