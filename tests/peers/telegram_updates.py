"""What waits for a bot: pages for one poller at a time, or deliveries to its webhook; kept until somebody says that he has them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from starlette.responses import JSONResponse, Response

PAUSE_S = 0.05
"""Before the first repeat; doubles. The real one starts at a second."""
LONGEST_PAUSE_S = 1.0


class BotApiError(Exception):
    """A refusal, as Telegram words it."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status, self.description, self.parameters = status, description, parameters

    def response(self) -> Response:
        body: dict[str, Any] = {"ok": False, "error_code": self.status, "description": self.description}
        return JSONResponse(body | ({"parameters": self.parameters} if self.parameters else {}), self.status)


class Updates:
    """Filled from the test's thread, emptied in the server's loop."""

    def __init__(self) -> None:
        self.waiting: list[dict[str, Any]] = []
        self.done: list[dict[str, Any]] = []
        self.delivered = 0
        self.answers: list[int] = []
        self.webhook = ""
        self.secret = ""
        self.kinds: Sequence[str] | None = None
        self.forget_answers = 0
        self.closed = False
        self._next = secrets.randbelow(1 << 28) + 1
        self._error: tuple[int, str] | None = None
        self._poller: asyncio.Event | None = None
        self._hook: asyncio.Task[None] | None = None
        self._lock = threading.Lock()

    def add(self, content: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            update = {"update_id": self._next, **content}
            self._next += 1
            if self.kinds is None or not self.kinds or any(kind in content for kind in self.kinds) or not _known(content):
                self.waiting.append(update)
        return update

    def start_at(self, number: int) -> None:
        """As after a week without updates."""
        self._next = number

    def again(self, update: Mapping[str, Any]) -> None:
        """The same update once more, as after an answer that was lost."""
        with self._lock:
            self.waiting.append(dict(update))

    async def page(self, given: Mapping[str, str]) -> list[dict[str, Any]]:
        if self.webhook:
            told = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
            raise BotApiError(409, f"Conflict: {told}")
        if self._poller is not None:
            self._poller.set()
        mine = self._poller = asyncio.Event()
        offset, limit = int(given.get("offset", "0")), max(1, min(100, int(given.get("limit", "100"))))
        if "allowed_updates" in given:
            self.kinds = json.loads(given["allowed_updates"])
        self._confirm(offset)
        end = time.monotonic() + int(given.get("timeout", "0"))
        while not (self.waiting or mine.is_set() or self.closed) and time.monotonic() < end:
            await asyncio.sleep(0.01)
        if mine.is_set():
            raise BotApiError(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")
        self._poller = None
        with self._lock:
            return self.waiting[:limit]

    def _confirm(self, offset: int) -> None:
        with self._lock:
            self.done += [update for update in self.waiting if update["update_id"] < offset]
            self.waiting = [update for update in self.waiting if update["update_id"] >= offset]

    def hook(self, url: str, secret: str, kinds: Sequence[str] | None, *, drop: bool) -> None:
        """In the server's loop."""
        self.unhook(drop=drop)
        self.webhook, self.secret, self.kinds, self._error = url, secret, kinds if kinds is not None else self.kinds, None
        self._hook = asyncio.create_task(self._deliver())

    def unhook(self, *, drop: bool) -> None:
        if self._hook is not None:
            self._hook.cancel()
        self.webhook, self._hook = "", None
        if drop:
            with self._lock:
                self.waiting.clear()

    def info(self) -> dict[str, Any]:
        with self._lock:
            found: dict[str, Any] = {"url": self.webhook, "has_custom_certificate": False, "pending_update_count": len(self.waiting)}
        if self.kinds:
            found["allowed_updates"] = list(self.kinds)
        if self._error is not None:
            found["last_error_date"], found["last_error_message"] = self._error
        return found

    async def _deliver(self) -> None:
        """Chats side by side, one chat's updates in order, each until it is answered with 2xx."""
        busy: set[object] = set()
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client, asyncio.TaskGroup() as group:
            while not self.closed:
                with self._lock:
                    free = [update for update in self.waiting if _chat(update) not in busy]
                for update in free:
                    if _chat(update) not in busy:
                        busy.add(_chat(update))
                        group.create_task(self._until_taken(client, update, busy))
                await asyncio.sleep(0.01)

    async def _until_taken(self, client: httpx.AsyncClient, update: dict[str, Any], busy: set[object]) -> None:
        pause = PAUSE_S
        while not self.closed and not await self._post(client, update):
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
        with self._lock, contextlib.suppress(ValueError):
            self.waiting.remove(update)
            self.done.append(update)
        busy.discard(_chat(update))

    async def _post(self, client: httpx.AsyncClient, update: dict[str, Any]) -> bool:
        headers = {"X-Telegram-Bot-Api-Secret-Token": self.secret} if self.secret else {}
        try:
            answer = await client.post(self.webhook, json=update, headers=headers)
        except httpx.HTTPError:
            self._error = (int(time.time()), "Connection refused")
            return False
        self.delivered += 1
        self.answers.append(answer.status_code)
        if self.forget_answers:
            self.forget_answers -= 1
            self._error = (int(time.time()), "Read timeout expired")
            return False
        if not answer.is_success:
            self._error = (int(time.time()), f"Wrong response from the webhook: {answer.status_code} {answer.reason_phrase}")
        return answer.is_success


def _known(content: Mapping[str, Any]) -> bool:
    return any(kind in content for kind in ("message", "edited_message", "channel_post", "my_chat_member", "callback_query"))


def _chat(update: Mapping[str, Any]) -> object:
    message = update.get("message") or update.get("edited_message")
    chat = message.get("chat") if isinstance(message, dict) else None
    return chat.get("id") if isinstance(chat, dict) else None
