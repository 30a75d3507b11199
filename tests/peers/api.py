"""A local HTTP server that answers fixed paths: for the few resources of Telegram and Twilio that only `tipline doctor` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

from tests.peers.serving import Small


class ApiPeer(Small):
    """`with ApiPeer({"GET /path": (200, {...})}) as api:` serves `api.url`; any other path is 404. `asked`: (path, Authorization)."""

    def __init__(self, answers: Mapping[str, tuple[int, object]] | None = None, slow_s: float = 0) -> None:
        self.answers = dict(answers or {})
        self.slow_s = slow_s
        """How far its clock is ahead."""
        self.asked: list[tuple[str, str]] = []
        super().__init__(Asked)


class Asked(BaseHTTPRequestHandler):
    peer: ApiPeer

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.peer.asked.append((self.path, self.headers.get("Authorization", "")))
        status, body = self.peer.answers.get(f"{self.command} {self.path}", (404, {}))
        written = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response_only(status)
        self.send_header("Date", format_datetime(datetime.now(UTC) + timedelta(seconds=self.peer.slow_s), usegmt=True))
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(written)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""
