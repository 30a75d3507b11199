"""Who is asking: an Ed25519 signature over an origin-bound, single-use challenge; then a token in memory, sent in `Authorization`.
No cookies: on localhost they leak across ports."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from desk.ports import DeskStore
from routing.fields import is_id
from sealing.rows import PersonRow
from sealing.signing import KeyFormatError, Use, verify

CHALLENGE_MS = 120_000
ACTIVE = "active"
SESSION_MS = 8 * 3_600_000
MOST_SESSIONS = 10_000


def challenge_tag(challenge: str) -> str:
    return hashlib.sha256(b"tipline challenge\0" + challenge.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Session:
    """`verify_key`: the key that logged in."""

    person: str
    verify_key: str
    expires: int


@dataclass(slots=True)
class Access:
    """Sessions of one web process. Restarting it logs everybody out, which is safe."""

    store: DeskStore
    origins: frozenset[str]
    now_ms: Callable[[], int]
    _sessions: dict[str, _Session] = field(default_factory=dict)

    async def challenge(self, person: str) -> str:
        """Every name gets one, at the same cost, so that asking tells nobody who is on the roster. No stranger's name is kept."""
        made = secrets.token_urlsafe(32)
        known = is_id(person) and await self.store.person(person) is not None
        await self.store.save_challenge(challenge_tag(made), person if known else "", self.now_ms() + CHALLENGE_MS)
        return made

    async def login(self, body: bytes, signature: bytes) -> str | None:
        """A session token, or None. `body` = the exact bytes that were signed."""
        try:
            said = json.loads(body)
            person, challenge, origin = str(said["person"]), str(said["challenge"]), str(said["origin"])
            fits = said["v"] == 1 and said["kind"] == "login" and origin in self.origins
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        if not is_id(person) or not challenge.isascii():
            return None  # no name of ours, and nothing that a database would take
        made_for = await self.store.take_challenge(challenge_tag(challenge), self.now_ms())
        row = await self.store.person(person)
        if not fits or row is None or made_for != person or row.status != ACTIVE:
            return None
        try:
            if not verify(row.verify_key, Use.LOGIN, body, signature):
                return None
        except KeyFormatError:
            return None
        return self._open_session(row)

    async def person(self, authorization: str) -> str | None:
        """Whose token this is, while it lives and the person is what he was at the login: active, with the key that signed it. A session
        that once was not is over, whatever the row says later."""
        scheme, _, token = authorization.partition(" ")
        held = self._sessions.get(_hash(token)) if scheme == "Bearer" else None
        if held is None or held.expires <= self.now_ms():
            return None
        row = await self.store.person(held.person)
        if row is None or row.status != ACTIVE or row.verify_key != held.verify_key:
            self._sessions.pop(_hash(token), None)
            return None
        return held.person

    def _open_session(self, row: PersonRow) -> str:
        now = self.now_ms()
        self._sessions = {key: held for key, held in self._sessions.items() if held.expires > now}
        if len(self._sessions) >= MOST_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        token = secrets.token_urlsafe(32)
        self._sessions[_hash(token)] = _Session(row.id, row.verify_key, now + SESSION_MS)
        return token


def decode(text: object) -> bytes | None:
    """Standard base64, or None."""
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
