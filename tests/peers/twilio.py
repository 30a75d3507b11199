"""A local Twilio over real HTTP: the Messages and Media resources, the phones behind them, and the forms that it signs and posts.

Shapes from https://www.twilio.com/docs/messaging/api/message-resource and https://www.twilio.com/docs/api/errors. It answers STOP, START
and HELP itself (https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out), does not repeat a webhook that met a 5xx unless told to
(https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides), and knows WhatsApp's 24 hours (docs/api/errors/63016).
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import parse_qsl

import httpx
import phonenumbers
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.peers.serving import Served
from tests.peers.twilio_forms import PRACTICE_SID, PRACTICE_TOKEN, incoming, pictures, signed_form, status, whatsapp
from tests.peers.twilio_log import UNFINISHED, AccountLog, Entry, media_sids

__all__ = [
    "PRACTICE_SID",
    "PRACTICE_TOKEN",
    "Delivery",
    "Fault",
    "TwilioPeer",
    "Window",
    "incoming",
    "pictures",
    "signed_form",
    "status",
    "whatsapp",
]
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})
CHANNEL = "whatsapp:"
WINDOW = timedelta(hours=24)


class Fault(StrEnum):
    """What the next request meets."""

    NONE = "none"
    SERVER_ERROR = "server_error"
    RATE_LIMIT = "rate_limit"
    GATEWAY_TIMEOUT = "gateway_timeout"  # done, and the edge gave up waiting
    HANG = "hang"  # done, no answer
    LOST = "lost"  # done, and the connection is gone
    GARBLED = "garbled"  # done, and the answer is not Twilio's
    CLOSED = "closed"  # the connection is closed before a request is read


class Window(StrEnum):
    """How a WhatsApp text outside the 24 hours is refused: when it is given, or after it was taken."""

    AT_ONCE = "at_once"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that would have gone out."""

    sid: str
    to: str
    sender: str
    body: str


class TwilioPeer(Served):
    """`with TwilioPeer() as peer:` serves `peer.url`; `peer.sent` is what went out, `peer.log` what the account shows.

    `progress`: statuses that each message passes by itself once taken, each told to its callback.
    """

    def __init__(self, account_sid: str = PRACTICE_SID, auth_token: str = PRACTICE_TOKEN) -> None:
        super().__init__()
        self.account_sid, self.auth_token = account_sid, auth_token
        self._faults: list[Fault] = []
        self._progressing: set[asyncio.Task[None]] = set()
        self.requests = 0
        """Of all kinds; `tried` are those to send a message."""
        self.reset()

    def reset(self) -> None:
        """As after the start: nothing sent, nobody opted out, no fault, no webhook."""
        self.log = AccountLog(self.account_sid)
        self.deliveries: list[Delivery] = []
        self.tried = 0
        self.own_answers: list[tuple[str, str]] = []
        self.opted_out: set[str] = set()
        self.heard: dict[str, datetime] = {}
        self.window = Window.LATER
        self.webhook: str | None = None
        self.fallback: str | None = None
        self.retries = 0
        self.progress: tuple[str, ...] = ()
        self._faults.clear()

    @property
    def sent(self) -> tuple[Delivery, ...]:
        return tuple(self.deliveries)

    def fail(self, *faults: Fault) -> None:
        """The next requests meet these, one each, in order."""
        self._faults.extend(faults)

    def wait_for(self, count: int, timeout_s: float = 10.0) -> tuple[Delivery, ...]:
        """Until so many went out; TimeoutError says how many did."""
        end = time.monotonic() + timeout_s
        while len(self.deliveries) < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{len(self.deliveries)} of {count} messages")
            time.sleep(0.02)
        return self.sent

    # The phones' side

    def receive(self, sender: str, to: str, text: str, *, media: int = 0, at: datetime | None = None, **more: str) -> Entry:
        """A phone writes to one of the account's numbers: into the log, and to the webhook where there is one. Blocks for its answer."""
        sid = ("MM" if media else "SM") + secrets.token_hex(16)
        entry = Entry(sid, "inbound", sender, to, text, "received", at or datetime.now(UTC), media_sids(media))
        self.log.add(entry)
        self.heard[sender] = entry.at
        self._keywords(entry)
        if self.webhook is not None:
            self.deliver(entry, **more)
        return entry

    def deliver(self, entry: Entry, **more: str) -> list[int]:
        """Posts it: statuses of the answers, 0 for none. Repeated only as `retries` says; then the fallback address is tried once."""
        build = whatsapp if entry.to.startswith(CHANNEL) else incoming
        sender, to = (end.removeprefix(CHANNEL) for end in (entry.sender, entry.to))
        fields = build(sender, to, entry.body, **{"MessageSid": entry.sid, **pictures(len(entry.media)), **more})
        assert self.webhook is not None
        statuses = [self._post(self.webhook, fields)]
        while not 200 <= statuses[-1] < 300 and len(statuses) <= self.retries:
            statuses.append(self._post(self.webhook, fields))
        if not 200 <= statuses[-1] < 300 and self.fallback is not None:
            statuses.append(self._post(self.fallback, fields))
        return statuses

    def _keywords(self, entry: Entry) -> None:
        word = entry.body.strip().upper()
        if entry.to.startswith(CHANNEL):
            return
        if word in STOP_WORDS:
            self.opted_out.add(entry.sender)
            self.own_answers.append((entry.sender, "You have successfully been unsubscribed."))
        elif word in START_WORDS and entry.sender in self.opted_out:
            self.opted_out.discard(entry.sender)
            self.own_answers.append((entry.sender, "You have successfully been re-subscribed."))
        elif word in HELP_WORDS:
            self.own_answers.append((entry.sender, "Reply STOP to unsubscribe."))

    def tell(self, sid: str, told: str, error: int = 0, times: int = 1) -> list[int]:
        """A message's status becomes this, and is told to its callback, so many times. Blocks; statuses of the answers."""
        entry = self.log.entries[sid]
        entry.status, entry.error = told, error
        assert entry.callback is not None
        fields = status(sid, entry.sender, entry.to, told, error)
        return [self._post(entry.callback, fields) for _ in range(times)]

    def _post(self, url: str, fields: Mapping[str, str]) -> int:
        body, headers = signed_form(url, self.auth_token, fields)
        try:
            return httpx.post(url, content=body, headers=headers, timeout=15, trust_env=False).status_code
        except httpx.TransportError:
            return 0

    # The account's side

    def app(self) -> Starlette:
        base = "/2010-04-01/Accounts/{account}/Messages"
        routes = [
            Route(f"{base}.json", self._list, methods=["GET"]),
            Route(f"{base}.json", self._create, methods=["POST"]),
            Route(f"{base}/{{sid}}.json", self._one, methods=["GET", "DELETE"]),
            Route(f"{base}/{{sid}}/Media.json", self._media, methods=["GET"]),
            Route(f"{base}/{{sid}}/Media/{{media}}.json", self._media, methods=["DELETE"]),
        ]
        return Starlette(routes=routes)

    async def _create(self, request: Request) -> Response:
        self.tried += 1
        refused, fault = self._met(request)
        if refused is not None:
            return refused
        fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        refusal = self._refusal(fields)
        if refusal is not None:
            return refusal
        sid = "SM" + secrets.token_hex(16)
        entry = Entry(sid, "outbound-api", fields["From"], fields["To"], fields["Body"], "queued", datetime.now(UTC))
        entry.callback = fields.get("StatusCallback")
        self.log.add(entry)
        steps = self.progress
        if self._outside(entry.to):
            steps = ("failed",)
        else:
            self.deliveries.append(Delivery(sid, entry.to, entry.sender, entry.body))
        if steps and entry.callback is not None:
            task = asyncio.create_task(self._pass(entry, steps))
            self._progressing.add(task)
            task.add_done_callback(self._progressing.discard)
        return await self._answer(request, JSONResponse(self.log.shown(entry), status_code=201), fault)

    async def _pass(self, entry: Entry, steps: tuple[str, ...]) -> None:
        for step in steps:
            await asyncio.to_thread(self.tell, entry.sid, step, 63016 if step == "failed" else 0)

    async def _list(self, request: Request) -> Response:
        refused, fault = self._met(request)
        return refused or await self._answer(request, JSONResponse(self.log.listed(request.query_params)), fault)

    async def _one(self, request: Request) -> Response:
        refused, fault = self._met(request)
        if refused is not None:
            return refused
        entry = self.log.entries.get(request.path_params["sid"])
        if entry is None:
            return _error(404, 20404, "The requested resource was not found")
        if request.method == "GET":
            return await self._answer(request, JSONResponse(self.log.shown(entry)), fault)
        if entry.status in UNFINISHED:
            return _error(409, 20009, "Cannot delete this resource before it is complete")
        del self.log.entries[entry.sid]
        return await self._answer(request, Response(status_code=204), fault)

    async def _media(self, request: Request) -> Response:
        refused, fault = self._met(request)
        if refused is not None:
            return refused
        entry, sid = self.log.entries.get(request.path_params["sid"]), request.path_params.get("media")
        if entry is None or (sid is not None and sid not in entry.media):
            return _error(404, 20404, "The requested resource was not found")
        if sid is None:
            return await self._answer(request, JSONResponse(self.log.media_shown(entry)), fault)
        entry.media.remove(sid)
        return await self._answer(request, Response(status_code=204), fault)

    def _met(self, request: Request) -> tuple[Response | None, Fault]:
        """A refusal before the request is done, and what its answer meets."""
        self.requests += 1
        expected = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        known = request.path_params["account"] == self.account_sid and request.headers.get("authorization") == f"Basic {expected}"
        if not known:
            return _error(401, 20003, "Authenticate"), Fault.NONE
        fault = self._faults.pop(0) if self._faults else Fault.NONE
        refused = {
            Fault.SERVER_ERROR: (500, 20500, "Internal Server Error"),
            Fault.RATE_LIMIT: (429, 20429, "Too Many Requests"),
        }.get(fault)
        return None if refused is None else _error(*refused), fault

    async def _answer(self, request: Request, answer: Response, fault: Fault) -> Response:
        if fault is Fault.HANG:
            await self.hang(request)
        if fault is Fault.LOST:
            self.cut(request)
        if fault is Fault.GATEWAY_TIMEOUT:
            return Response("<html>504 Gateway Time-out</html>", status_code=504, media_type="text/html")
        if fault is Fault.GARBLED:
            return Response("<html>Welcome to the guest network</html>", status_code=200, media_type="text/html")
        return answer

    def _refusal(self, fields: Mapping[str, str]) -> Response | None:
        """What the real one checks before it takes a message, the first that fails."""
        to, body, whatsapp_from = fields.get("To", ""), fields.get("Body", ""), fields.get("From", "").startswith(CHANNEL)
        checks = (
            (to.startswith(CHANNEL) != whatsapp_from, 21910, "Invalid From and To pair. From and To should be of the same channel"),
            (not _is_number(to.removeprefix(CHANNEL)), 21211, f"The 'To' number {to} is not a valid phone number."),
            (to in self.opted_out, 21610, "Attempt to send to unsubscribed recipient"),
            (self.window is Window.AT_ONCE and self._outside(to), 63016, "Outside messaging window. Use a Message Template instead"),
            (not body, 21602, "Message body is required."),
            (len(body) > 1600, 21617, "The concatenated message body exceeds the 1600 character limit."),
        )
        return next((_error(400, code, message) for failed, code, message in checks if failed), None)

    def _outside(self, to: str) -> bool:
        """WhatsApp: nobody heard from this address in the last 24 hours."""
        heard = self.heard.get(to)
        return to.startswith(CHANNEL) and (heard is None or datetime.now(UTC) - heard > WINDOW)

    def closed_on_arrival(self) -> bool:
        closed = self._faults[:1] == [Fault.CLOSED]
        if closed:
            self._faults.pop(0)
        return closed


def _is_number(to: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(to, None))
    except phonenumbers.NumberParseException:
        return False


def _error(status_code: int, code: int, message: str) -> JSONResponse:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse({"code": code, "message": message, "more_info": more, "status": status_code}, status_code=status_code)
