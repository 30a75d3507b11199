"""What a person did at the desk: the custody entry that he signed, and what he says behind it. One reading for every kind of act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from handlers.ports import Clock
from handlers.roster import Member
from sealing import custody, plaintexts, signing
from sealing.age import OpenError
from sealing.case import sha256
from sealing.custody import ACTOR_USE, Entry, EntryError, EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import HOUR_MS, ActRow, Purpose

CLOCK_SLACK_HOURS = 2
T = TypeVar("T")


class Result(StrEnum):
    OPENED = "opened"
    ANSWERED = "answered"
    DONE = "done"
    REFUSED = "refused"


class Refusal(StrEnum):
    """Why an act changed nothing; shown at the desk in plain words."""

    UNREADABLE = "unreadable"
    BAD_SIGNATURE = "bad_signature"
    NOT_YOURS = "not_yours"
    WRONG_HOUR = "wrong_hour"
    GATE = "gate"
    STALE = "stale"
    CONTACT_IN_REPLY = "contact_in_reply"
    NO_CONTACT = "no_contact"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"
    NO_NOTICES = "no_notices"


@dataclass(frozen=True, slots=True)
class Done:
    """`key_file` is S reader. `more`: what else the handout says. `refusal`: also one that only this kind of act knows."""

    result: Result
    refusal: StrEnum | None = None
    key_file: bytes | None = None
    more: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One signed entry. `content` = the ciphertext that it names by its hash, of acts that say something."""

    entry: Entry
    body: bytes
    signature: bytes
    verify_key: str
    content: bytes | None

    def leaf(self) -> bytes:
        """What the log keeps: the person's own signature over the very bytes that he sent."""
        return custody.leaf(self.body, self.verify_key, self.signature)


def read_request(act: ActRow, member: Member, kind: EntryKind, keys: WorkerKeys, clock: Clock) -> Request | Refusal:
    """Signed by the key on the person's card, for this use; of this hour, this case and this card, and of the ciphertext behind it."""
    try:
        body, content = plaintexts.read_act(keys.open_any(Purpose.GATE, act.sealed))
        entry = custody.parse_body(body)
    except (OpenError, EntryError):
        return Refusal.UNREADABLE
    if entry.kind is not kind:
        return Refusal.NOT_YOURS
    if not signing.verify(member.card.verify_key, ACTOR_USE[kind], body, act.signature):
        return Refusal.BAD_SIGNATURE
    if (refused := _misnames(entry, act, member, content, clock)) is not None:
        return refused
    return Request(entry, body, act.signature, member.card.verify_key, content)


def _misnames(entry: Entry, act: ActRow, member: Member, content: bytes | None, clock: Clock) -> Refusal | None:
    if abs(entry.hour - clock.now_ms() // HOUR_MS) > CLOCK_SLACK_HOURS:
        return Refusal.WRONG_HOUR
    if entry.case != act.case_id or entry.card != member.card_fingerprint:
        return Refusal.NOT_YOURS
    return Refusal.UNREADABLE if content is not None and entry.sha256 != sha256(content) else None


def said_in(request: Request, keys: WorkerKeys, read: Callable[[bytes], T]) -> T | None:
    """What a person says behind his entry, sealed to the gate key; None where it cannot be read. `read` raises OpenError."""
    try:
        return read(keys.open_any(Purpose.GATE, request.content or b""))
    except OpenError:
        return None
