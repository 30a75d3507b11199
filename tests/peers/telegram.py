"""A local Bot API server over real HTTP: chats that write to one bot, polling or a webhook, sending, deleting, menus, and what goes wrong.

Written from https://core.telegram.org/bots/api, with the error texts that bots meet. Times of the webhook's pauses are shortened.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.peers.serving import Served
from tests.peers.telegram_updates import BotApiError, Updates

PRACTICE_TOKEN = "123456:practice-telegram-token-0123456789"
BOT = {"id": 123456, "is_bot": True, "first_name": "Line", "username": "practice_line_bot"}
DELETABLE_S = 48 * 3600
COMMAND = re.compile(r"[a-z0-9_]{1,32}")
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


class Fault(StrEnum):
    """What the next request meets."""

    NONE = "none"
    SERVER_ERROR = "server_error"  # not done, and said so
    RATE_LIMIT = "rate_limit"  # 429 with retry_after
    EDGE_LIMIT = "edge_limit"  # 429 of something before Telegram
    BAD_GATEWAY = "bad_gateway"  # done, and the edge answers with a page of its own
    HANG = "hang"  # done, no answer
    LOST = "lost"  # done, and the connection is gone
    GARBLED = "garbled"  # done, and the answer is not Telegram's
    STRANGE = "strange"  # done, and the answer is JSON of another kind
    CLOSED = "closed"  # the connection is closed before a request is read


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of the bot in somebody's chat."""

    chat: int
    message_id: int
    text: str
    protected: bool
    preview: bool


@dataclass
class Chat:
    """One private chat. `messages`: number -> date, of both sides."""

    messages: dict[int, int] = field(default_factory=dict)
    blocked: bool = False
    deactivated: bool = False
    retry_after: int = 0


class TelegramPeer(Served):
    """`with TelegramPeer() as peer:` serves `peer.url`; `peer.sent` is what the bot wrote, `peer.write` is somebody writing to it."""

    def __init__(self, token: str = PRACTICE_TOKEN) -> None:
        super().__init__()
        self.token = token
        self.updates = Updates()
        self.reset()

    def reset(self) -> None:
        """As after the start: nobody wrote, nothing sent, no webhook, no fault."""
        self.sent: list[Delivery] = []
        self.deleted: list[tuple[int, int]] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.chats: dict[int, Chat] = {}
        self.menus: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.ahead_s = 0
        self._faults: list[tuple[str, Fault]] = []
        self._last_message = 0
        self.updates.closed = True
        self.updates = Updates()

    def now(self) -> int:
        """Seconds since 1970; `ahead_s` lets days pass."""
        return int(time.time()) + self.ahead_s

    def fail(self, *faults: Fault, method: str = "") -> None:
        """The next requests (of this method) meet these, one each, in order."""
        self._faults.extend((method.lower(), fault) for fault in faults)

    def write(self, chat: int, text: str | None = None, /, **content: Any) -> dict[str, Any]:
        """Somebody writes to the bot: the update, as it is delivered."""
        commands = re.match(r"/[A-Za-z0-9_]+(@\w+)?", text or "")
        entities = [{"type": "bot_command", "offset": 0, "length": commands.end()}] if commands else []
        message = self._message(chat) | ({"text": text} if text is not None else {}) | ({"entities": entities} if entities else {})
        return self.updates.add({"message": message | content})

    def edit(self, update: Mapping[str, Any], text: str) -> dict[str, Any]:
        message = update["message"] | {"text": text, "edit_date": self.now() + 1}
        return self.updates.add({"edited_message": message})

    def _message(self, chat: int) -> dict[str, Any]:
        """With everything that Telegram tells of a person, and that must not be read."""
        person = {"id": chat, "first_name": "Canaryfirst", "last_name": "Canarylast", "username": "canaryuser"}
        self._last_message += 1
        self.chats.setdefault(chat, Chat()).messages[self._last_message] = self.now()
        sender = person | {"is_bot": False, "language_code": "es"}
        return {"message_id": self._last_message, "from": sender, "chat": person | {"type": "private"}, "date": self.now()}

    def wait_for(self, count: int, timeout_s: float = 10.0) -> tuple[Delivery, ...]:
        """Until so many went out; TimeoutError says how many did."""
        end = time.monotonic() + timeout_s
        while len(self.sent) < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{len(self.sent)} of {count} messages")
            time.sleep(0.02)
        return tuple(self.sent)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/bot{token}/{method}", self._serve, methods=["GET", "POST"])])

    def stop(self) -> None:
        self.updates.closed = True
        super().stop()

    async def _serve(self, request: Request) -> Response:
        method = request.path_params["method"].lower()
        given = dict(request.query_params) | dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        self.requests.append((method, given))
        if request.path_params["token"] != self.token:
            return BotApiError(401, "Unauthorized").response()
        act = self._methods().get(method)
        if act is None:
            return BotApiError(404, "Not Found: method not found").response()
        fault = self._fault(method)
        try:
            self._refuse_by(fault)
            result = act(given)
            answer: Response = JSONResponse({"ok": True, "result": await result if asyncio.iscoroutine(result) else result})
        except BotApiError as refusal:
            answer = refusal.response()
        return await self._broken(request, answer, fault)

    def _methods(self) -> Mapping[str, Any]:
        return {
            "getme": lambda _: BOT,
            "getupdates": self.updates.page,
            "setwebhook": self._set_webhook,
            "deletewebhook": self._delete_webhook,
            "getwebhookinfo": lambda _: self.updates.info(),
            "sendmessage": self._send,
            "deletemessage": self._delete,
            "setmycommands": self._set_commands,
            "getmycommands": lambda given: self.menus.get((_scope(given), given.get("language_code", "")), []),
        }

    def _fault(self, method: str) -> Fault:
        for at, (of, fault) in enumerate(self._faults):
            if of in ("", method):
                del self._faults[at]
                return fault
        return Fault.NONE

    def _refuse_by(self, fault: Fault) -> None:
        if fault is Fault.SERVER_ERROR:
            raise BotApiError(500, "Internal Server Error")
        if fault is Fault.RATE_LIMIT:
            raise BotApiError(429, "Too Many Requests: retry after 3", retry_after=3)
        if fault is Fault.EDGE_LIMIT:
            raise BotApiError(429, "Too Many Requests")

    async def _broken(self, request: Request, answer: Response, fault: Fault) -> Response:
        if fault is Fault.HANG:
            await self.hang(request)
        if fault is Fault.LOST:
            self.cut(request)
        if fault is Fault.BAD_GATEWAY:
            return Response("<html>502 Bad Gateway</html>", 502, media_type="text/html")
        if fault is Fault.GARBLED:
            return Response("<html>Welcome to the guest network</html>", 200, media_type="text/html")
        return JSONResponse({"ok": True, "result": {"strange": 1}}) if fault is Fault.STRANGE else answer

    def _set_webhook(self, given: Mapping[str, str]) -> bool:
        url, secret = given.get("url", ""), given.get("secret_token", "")
        if not url:
            return self._delete_webhook(given)
        if not url.startswith("http"):
            raise BotApiError(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if secret and not SECRET.fullmatch(secret):
            raise BotApiError(400, "Bad Request: secret token contains unallowed characters")
        kinds = json.loads(given["allowed_updates"]) if "allowed_updates" in given else None
        self.updates.hook(url, secret, kinds, drop=given.get("drop_pending_updates") == "true")
        return True

    def _delete_webhook(self, given: Mapping[str, str]) -> bool:
        self.updates.unhook(drop=given.get("drop_pending_updates") == "true")
        return True

    def _chat(self, given: Mapping[str, str]) -> tuple[int, Chat]:
        """Checked as the real one does: is it there, then may we write to it."""
        number = given.get("chat_id", "")
        if not number:
            raise BotApiError(400, "Bad Request: chat_id is empty")
        chat = self.chats.get(int(number)) if re.fullmatch(r"-?[0-9]+", number) else None
        if chat is None:
            raise BotApiError(400, "Bad Request: chat not found")
        return int(number), chat

    def _send(self, given: Mapping[str, str]) -> dict[str, Any]:
        number, chat = self._chat(given)
        text = given.get("text", "")
        if not text.strip():
            raise BotApiError(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > 4096:
            raise BotApiError(400, "Bad Request: message is too long")
        if chat.deactivated:
            raise BotApiError(403, "Forbidden: user is deactivated")
        if chat.blocked:
            raise BotApiError(403, "Forbidden: bot was blocked by the user")
        if chat.retry_after:
            raise BotApiError(429, f"Too Many Requests: retry after {chat.retry_after}", retry_after=chat.retry_after)
        self._last_message += 1
        chat.messages[self._last_message] = self.now()
        preview = not json.loads(given.get("link_preview_options", "{}")).get("is_disabled", False)
        self.sent.append(Delivery(number, self._last_message, text, given.get("protect_content") == "true", preview))
        about = {"id": number, "type": "private", "first_name": "Canaryfirst"}
        return {"message_id": self._last_message, "from": BOT, "chat": about, "date": self.now(), "text": text.strip()}

    def _delete(self, given: Mapping[str, str]) -> bool:
        number, chat = self._chat(given)
        if chat.blocked or chat.deactivated:
            raise BotApiError(403, "Forbidden: bot was blocked by the user" if chat.blocked else "Forbidden: user is deactivated")
        message = int(given.get("message_id", "0"))
        if not message:
            raise BotApiError(400, "Bad Request: message identifier is not specified")
        date = chat.messages.get(message)
        if date is None:
            raise BotApiError(400, "Bad Request: message to delete not found")
        if self.now() - date > DELETABLE_S:
            raise BotApiError(400, "Bad Request: message can't be deleted for everyone")
        del chat.messages[message]
        self.deleted.append((number, message))
        return True

    def _set_commands(self, given: Mapping[str, str]) -> bool:
        commands, language = json.loads(given.get("commands", "[]")), given.get("language_code", "")
        if language and not re.fullmatch(r"[a-z]{2}", language):
            raise BotApiError(400, "Bad Request: LANGUAGE_CODE_INVALID")
        for command in commands:
            if not COMMAND.fullmatch(command["command"]):
                raise BotApiError(400, "Bad Request: BOT_COMMAND_INVALID")
            if not 1 <= len(command["description"]) <= 256:
                raise BotApiError(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")
        self.menus[_scope(given), language] = commands
        return True

    def closed_on_arrival(self) -> bool:
        closed = [fault for _, fault in self._faults[:1]] == [Fault.CLOSED]
        if closed:
            self._faults.pop(0)
        return closed


def _scope(given: Mapping[str, str]) -> str:
    return str(json.loads(given["scope"])["type"]) if "scope" in given else "default"
