"""A local Twilio: the Messages resource over real HTTP, and the forms that Twilio signs and posts.

Shapes from https://www.twilio.com/docs/messaging/api/message-resource and https://www.twilio.com/docs/api/errors.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

import phonenumbers
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator
from uvicorn.protocols.http.h11_impl import H11Protocol

PRACTICE_SID = "AC" + "0123456789abcdef" * 2
PRACTICE_TOKEN = "practice-twilio-token"


class Fault(StrEnum):
    """What the next request meets."""

    NONE = "none"
    SERVER_ERROR = "server_error"
    RATE_LIMIT = "rate_limit"
    GATEWAY_TIMEOUT = "gateway_timeout"  # delivered, and the edge gave up waiting
    HANG = "hang"  # delivered, no answer
    LOST = "lost"  # delivered, and the connection is gone
    GARBLED = "garbled"  # delivered, and the answer is not Twilio's
    CLOSED = "closed"  # the connection is closed before a request is read


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that would have gone out."""

    sid: str
    to: str
    sender: str
    body: str


class TwilioPeer:
    """`with TwilioPeer() as peer:` serves `peer.url`; `peer.sent` is what went out."""

    def __init__(self, account_sid: str = PRACTICE_SID, auth_token: str = PRACTICE_TOKEN) -> None:
        self.account_sid, self.auth_token = account_sid, auth_token
        self.deliveries: list[Delivery] = []
        self.requests = 0
        self.opted_out: set[str] = set()
        self._faults: list[Fault] = []
        self._transports: dict[int, asyncio.Transport] = {}
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def sent(self) -> tuple[Delivery, ...]:
        return tuple(self.deliveries)

    def fail(self, *faults: Fault) -> None:
        """The next requests meet these, one each, in order."""
        self._faults.extend(faults)

    def reset(self) -> None:
        """As after the start: nothing sent, nobody opted out, no fault."""
        self.deliveries.clear()
        self.opted_out.clear()
        self._faults.clear()

    def wait_for(self, count: int, timeout_s: float = 10.0) -> tuple[Delivery, ...]:
        """Until so many went out; TimeoutError says how many did."""
        end = time.monotonic() + timeout_s
        while len(self.deliveries) < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{len(self.deliveries)} of {count} messages")
            time.sleep(0.02)
        return self.sent

    def start(self) -> None:
        app = Starlette(routes=[Route("/2010-04-01/Accounts/{sid}/Messages.json", self._create, methods=["POST"])])
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, http=self._protocol(), ws="none", lifespan="off", loop="asyncio", log_config=None
        )
        config.timeout_graceful_shutdown = 1
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        end = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > end:
                raise TimeoutError("the Twilio peer did not start")
            time.sleep(0.01)
        self._port = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(timeout=10)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    async def _create(self, request: Request) -> Response:
        self.requests += 1
        if not self._authentic(request):
            return _error(401, 20003, "Authenticate")
        fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        fault = self._faults.pop(0) if self._faults else None
        if fault is Fault.SERVER_ERROR:
            return _error(500, 20500, "Internal Server Error")
        if fault is Fault.RATE_LIMIT:
            return _error(429, 20429, "Too Many Requests")
        refusal = self._refusal(fields)
        if refusal is not None:
            return refusal
        delivery = Delivery("SM" + secrets.token_hex(16), fields["To"], fields["From"], fields["Body"])
        self.deliveries.append(delivery)
        return await self._answer(request, delivery, fault)

    async def _answer(self, request: Request, delivery: Delivery, fault: Fault | None) -> Response:
        if fault is Fault.HANG:
            while self._server is not None and not self._server.should_exit and not await request.is_disconnected():
                await asyncio.sleep(0.05)
        if fault is Fault.LOST and request.client is not None:
            self._transports[request.client.port].abort()
        if fault is Fault.GATEWAY_TIMEOUT:
            return Response("<html>504 Gateway Time-out</html>", status_code=504, media_type="text/html")
        if fault is Fault.GARBLED:
            return Response("<html>Welcome to the guest network</html>", status_code=200, media_type="text/html")
        return JSONResponse(_message(self.account_sid, delivery), status_code=201)

    def _authentic(self, request: Request) -> bool:
        expected = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        return request.path_params["sid"] == self.account_sid and request.headers.get("authorization") == f"Basic {expected}"

    def _refusal(self, fields: Mapping[str, str]) -> Response | None:
        """What the real one checks before it takes a message."""
        to, body = fields.get("To", ""), fields.get("Body", "")
        if not _is_number(to):
            return _error(400, 21211, f"The 'To' number {to} is not a valid phone number.")
        if to in self.opted_out:
            return _error(400, 21610, "Attempt to send to unsubscribed recipient")
        if not body:
            return _error(400, 21602, "Message body is required.")
        if len(body) > 1600:
            return _error(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
        return None

    def _protocol(self) -> type[asyncio.Protocol]:
        """uvicorn's HTTP/1.1 with two ways to break it: closed on arrival, and a transport that a request can be cut off by."""
        peer = self

        class Breakable(H11Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.Transport)
                super().connection_made(transport)
                peer._transports[transport.get_extra_info("peername")[1]] = transport
                if peer._faults[:1] == [Fault.CLOSED]:
                    peer._faults.pop(0)
                    transport.abort()

        return Breakable


def _is_number(to: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(to, None))
    except phonenumbers.NumberParseException:
        return False


def _error(status: int, code: int, message: str) -> JSONResponse:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse({"code": code, "message": message, "more_info": more, "status": status}, status_code=status)


def _message(account: str, delivery: Delivery) -> dict[str, Any]:
    now = format_datetime(datetime.now(UTC))
    uri = f"/2010-04-01/Accounts/{account}/Messages/{delivery.sid}"
    return {
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": delivery.body,
        "date_created": now,
        "date_sent": None,
        "date_updated": now,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": delivery.sender,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": None,
        "sid": delivery.sid,
        "status": "queued",
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "tags": None,
        "to": delivery.to,
        "uri": f"{uri}.json",
    }


def incoming(sender: str, to: str, text: str, **more: str) -> dict[str, str]:
    """The fields of an incoming message, as many as Twilio sends, with the ones that Tipline must not read."""
    sid = "SM" + secrets.token_hex(16)
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


def signed_form(url: str, token: str, fields: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    """Body and headers of Twilio's request to `url`."""
    signature = RequestValidator(token).compute_signature(url, dict(fields))
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", "X-Twilio-Signature": signature}
    return urlencode(fields).encode(), headers
