"""A local phone with the "SMS Gateway for Android" in its local mode: it takes texts by POST /message, and posts signed webhooks.

Shapes and behaviour from https://docs.sms-gate.app/features/webhooks/, https://docs.sms-gate.app/features/sending-messages/ and
https://docs.sms-gate.app/getting-started/local-server/.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.peers.serving import Small

SIGNING_KEY = "practice-signing-key"
USER, PASSWORD = "sms", "practice-password"
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
FIELDS = (
    "id=payload.messageId+payload.receivedAt+payload.sender,from=payload.sender,text=payload.message,"
    "sent=payload.receivedAt,if=event:sms:received"
)
SEND_BODY = '{"id": "{id}", "phoneNumbers": ["{to}"], "textMessage": {"text": "{text}"}}'
RETRIES = 14


class Fault(StrEnum):
    """What the next request meets."""

    NONE = "none"
    SERVER_ERROR = "server_error"
    BUSY = "busy"  # 429 with Retry-After
    PROXY = "proxy"  # taken, and the tunnel's end gave up waiting
    HANG = "hang"  # taken, no answer
    LOST = "lost"  # taken, and the connection is gone
    MOVED = "moved"  # a captive portal


@dataclass(frozen=True, slots=True)
class Text:
    """What the phone would send by its SIM."""

    id: str
    to: str
    text: str


class GatewayPeer(Small):
    """`with GatewayPeer() as phone:` takes texts at `phone.url`; `phone.sent` is what went out."""

    def __init__(self) -> None:
        self.sent: list[Text] = []
        self.requests = 0
        self.retry_after = "7"
        self._faults: list[Fault] = []
        self._stopping = threading.Event()
        super().__init__(Phone)

    @property
    def url(self) -> str:
        return f"{super().url}/message"

    def fail(self, *faults: Fault) -> None:
        """The next requests meet these, one each, in order."""
        self._faults.extend(faults)

    def stop(self) -> None:
        self._stopping.set()
        super().stop()


class Phone(BaseHTTPRequestHandler):
    peer: GatewayPeer

    def do_HEAD(self) -> None:
        self._answer(404 if self._authentic() else 401, {})

    def do_POST(self) -> None:
        self.peer.requests += 1
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path != "/message" or not self._authentic():
            self._answer(401 if self.path == "/message" else 404, {})
            return
        fault = self.peer._faults.pop(0) if self.peer._faults else Fault.NONE
        if fault is Fault.SERVER_ERROR:
            self._answer(500, {"message": "failed"})
        elif fault is Fault.BUSY:
            self._answer(429, {"message": "slow down"}, {"Retry-After": self.peer.retry_after})
        elif fault is Fault.MOVED:
            self._answer(302, {}, {"Location": "http://127.0.0.1:9/login"})
        else:
            self._take(json.loads(body), fault)

    def _take(self, message: dict[str, object], fault: Fault) -> None:
        """What the app checks before it takes a message."""
        numbers, content = message.get("phoneNumbers"), message.get("textMessage")
        text = content.get("text") if isinstance(content, dict) else None
        if not isinstance(numbers, list) or not numbers or not text:
            self._answer(400, {"message": "Must specify exactly one of: textMessage, dataMessage, or message"})
            return
        name = str(message.get("id") or secrets.token_hex(8))
        if any(known.id == name for known in self.peer.sent):
            self._answer(409, {"message": "this id was taken before"})
            return
        self.peer.sent += [Text(name, str(number), str(text)) for number in numbers]
        if fault is Fault.HANG:
            self.peer._stopping.wait(20)
        elif fault is Fault.LOST:
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault is Fault.PROXY:
            self._answer(504, {})
        else:
            recipients = [{"phoneNumber": number, "state": "Pending"} for number in numbers]
            self._answer(202, {"id": name, "state": "Pending", "recipients": recipients})

    def _authentic(self) -> bool:
        return self.headers.get("Authorization") == AUTHORIZATION

    def _answer(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        written = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(written)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(written)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: its line would hold the path."""


def received(sender: str, text: str, at: datetime | None = None, **payload: object) -> dict[str, Any]:
    """The JSON of one `sms:received`. `messageId` is a 32-bit hash of the content, so it does not name a message by itself."""
    when = (at or datetime.now(UTC)).isoformat(timespec="milliseconds")
    content = hashlib.sha256(f"{sender}\0{text}\0{when}".encode()).hexdigest()[:8]
    return {
        "deviceId": "ffffffffceb0b1db0000018e937c815b",
        "event": "sms:received",
        "id": secrets.token_urlsafe(16),
        "payload": {
            "messageId": content,
            "message": text,
            "sender": sender,
            "recipient": None,
            "phoneNumber": sender,
            "simNumber": 1,
            "receivedAt": when,
            **payload,
        },
        "webhookId": "practice-webhook",
    }


def signed(post: object, key: str = SIGNING_KEY, timestamp: int | None = None) -> tuple[bytes, dict[str, str]]:
    """Body and headers of one attempt: the app signs each anew, at its own clock."""
    body = post if isinstance(post, bytes) else json.dumps(post, ensure_ascii=False).encode()
    stamp = str(int(time.time()) if timestamp is None else timestamp)
    signature = hmac.new(key.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()
    return body, {"Content-Type": "application/json; charset=UTF-8", "X-Signature": signature, "X-Timestamp": stamp}


async def deliver(attempt: Callable[[bytes, dict[str, str]], Awaitable[int]], post: object, start: int = 1_700_000_000) -> list[int]:
    """What the app does with one message: again until a 2xx, at most fourteen times. `attempt` answers the status, 0 = no answer. Its
    clock runs ahead by the pauses of the real one (10 s, 20 s, 40 s, …), without waiting. Returns the statuses."""
    statuses: list[int] = []
    for turn in range(RETRIES + 1):
        statuses.append(await attempt(*signed(post, timestamp=start + 10 * (2**turn - 1))))
        if 200 <= statuses[-1] <= 299:
            break
    return statuses
