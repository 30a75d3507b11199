"""What storage keeps, as values: random ids, days, states, versions, public keys, keyed tags, hashes and ciphertext; nothing else.

They live here, below storage and handlers, so that both can name them. Ids are 32 lower-case hex digits unless said. `S x` = an age
file that only x opens. Times in the clear: `day` = days since 1970-01-01 UTC; `due`/`lease`/`expires` = milliseconds since then, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class StorageDown(Exception):
    """The database did not take the write; nothing was written. Carries no content."""


class QueueFull(StorageDown):
    """So much waits that nothing more is taken for now: nothing was written, the provider keeps it and tries again."""


class Later(Exception):
    """Raised by a task's handler: not now, and that is no failure. `delay_ms` from now."""

    def __init__(self, delay_ms: int) -> None:
        super().__init__()
        self.delay_ms = delay_ms


class MessagesWait(Exception):
    """A case cannot be purged: a message to it is not sealed yet. Nothing was written."""


class Purpose(StrEnum):
    """What a server-held key is for; also the names of the recipients."""

    INTAKE = "intake"
    RELEASE = "release"
    GATE = "gate"
    DELIVERY = "delivery"
    ROSTER = "roster"


class EpochState(StrEnum):
    """`draining`: nothing new is sealed to it, and what still is gets re-wrapped. `destroyed`: the private half is gone."""

    CURRENT = "current"
    DRAINING = "draining"
    DESTROYED = "destroyed"


class CaseState(StrEnum):
    TALKING = "talking"
    SEALED = "sealed"
    HELD = "held"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    PURGED = "purged"


class GrantState(StrEnum):
    """`struck` by a fact, a tie, a suspension; `given_up` by himself, for no reason that anybody is told; `lapsed` = he was silent;
    `done` = he proposed to close, or concurred."""

    LOCKED = "locked"
    OFFERED = "offered"
    OPEN = "open"
    STRUCK = "struck"
    GIVEN_UP = "given_up"
    LAPSED = "lapsed"
    DONE = "done"


READ = frozenset({CaseState.SEALED, CaseState.OPEN, CaseState.CLOSING})
"""Sealed to its readers, and not over."""
OUT = frozenset({GrantState.STRUCK, GrantState.GIVEN_UP, GrantState.LAPSED, GrantState.DONE})
"""Whoever holds one of these gets nothing further of the case."""


class ShareState(StrEnum):
    """`asked`: the case has nobody left to read it, and the trustees are asked; `given`: this one has re-sealed his."""

    LOCKED = "locked"
    ASKED = "asked"
    GIVEN = "given"


class SendingState(StrEnum):
    """`waiting` = until the source writes; `unknown` = a send that may have arrived; `shelved` = given up."""

    WAITING = "waiting"
    DUE = "due"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    SHELVED = "shelved"


class Part(StrEnum):
    MESSAGE = "message"
    CONTACT = "contact"
    NOTE = "note"
    MEDIA = "media"


class TaskKind(StrEnum):
    """What is due. `ref` is an id: inbound id, case id, grant id, act id, sending id, thread tag, erasure id; person id for REVIEW; the
    ms of its slot for NOTICE."""

    CONVERSE = "converse"
    SEAL = "seal"
    OFFER = "offer"
    ACT = "act"
    SEND = "send"
    FORGET_THREAD = "forget_thread"
    ERASE = "erase"
    LAPSE = "lapse"  # grant id: an offer that nobody opened
    IDLE = "idle"  # case id: an open case in which nobody did anything
    REVIEW = "review"  # person id: something of the person's standing changed
    PURGE = "purge"  # case id
    RESCUE = "rescue"  # case id: nobody of its drawn order is left
    NOTICE = "notice"


class Accepted(StrEnum):
    NEW = "new"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class SealedInbound:
    """One accepted message. `dedupe` = HMAC(dedupe pepper, channel + provider id), hex.

    `lane` = tag of its sender under a pepper that lives no longer than the web process: what stands in one lane is conversed in order.
    `delay_ms`: how much later than at once, for a sender who writes faster than anybody reads.
    """

    id: str
    dedupe: str
    epoch: int
    sealed: bytes
    day: int
    lane: str | None = None
    delay_ms: int = 0


@dataclass(frozen=True, slots=True)
class InboundRow:
    id: str
    seq: int
    epoch: int
    thread: str | None
    sealed: bytes


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """`tag` = HMAC(index pepper, argon2id(channel + address)), hex. `version` is that of the row as read (0 = not stored yet)."""

    tag: str
    case_id: str | None
    epoch: int
    version: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class CaseRow:
    id: str
    day: int
    state: CaseState
    urgent: bool
    version: int
    epoch: int
    recipient: str | None
    delivery_epoch: int | None
    gate: bytes | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """One sealed part of a case. `seq` counts from 1 over all parts of the case; `sha256` = hex of `sealed`, of a note hex of what is
    under its outer lock."""

    case_id: str
    epoch: int
    seq: int
    part: Part
    day: int
    sha256: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class GrantRow:
    """Both `stub` and `key_file` are S release(S reader) until peeled; who holds a grant stands in the gate file alone until the offer."""

    id: str
    case_id: str
    epoch: int
    person_id: str | None
    state: GrantState
    stub: bytes
    key_file: bytes


@dataclass(frozen=True, slots=True)
class ShareRow:
    """One trustee's share of a case key. `sealed` = S release(S trustee); a trustee whom the case excludes has one, too, of nothing."""

    id: str
    case_id: str
    epoch: int
    person_id: str
    state: ShareState
    sealed: bytes


@dataclass(frozen=True, slots=True)
class LetterRow:
    """What a vetter must know. `to` = fingerprint of his verify key; `sealed` = S vetter."""

    id: str
    to: str
    day: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class PushRow:
    """Where a reader wants notices. `sealed` = S delivery."""

    person_id: str
    epoch: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """How a case ended: the worker's record of one proposal to close it (handlers/outcomes.py). `sealed` = S gate."""

    id: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class DeskGrant:
    """A grant as the desk lists it."""

    grant: GrantRow
    case_state: CaseState


@dataclass(frozen=True, slots=True)
class SealedCase:
    """Everything one sealing writes, in one transaction. `entries` are custody leaves (exact bytes)."""

    case_id: str
    epoch: int
    recipient: str
    delivery_epoch: int
    urgent: bool
    gate: bytes
    envelopes: tuple[Envelope, ...]
    grants: tuple[GrantRow, ...]
    entries: tuple[bytes, ...]
    inbound: tuple[str, ...] | None = None
    """Ids of the waiting messages that are in it, and go; None = all of the case's."""


@dataclass(frozen=True, slots=True)
class SendingRow:
    """Ledger of everything that leaves. `id` = HMAC(sending pepper, cause), hex. `sealed` = S delivery, empty once sent."""

    id: str
    case_id: str | None
    state: SendingState
    epoch: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """First messages that are alike (handlers/floods.py). `case_id` = the item that holds those of a flood. `sealed` = S intake."""

    id: str
    case_id: str | None
    day: int
    epoch: int
    version: int
    sealed: bytes


class Receipt(StrEnum):
    """What the provider tells later of a text that it took."""

    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a provider told us, so that it counts once: `tag` = HMAC(dedupe pepper, channel + provider id), hex, and the day it came."""

    tag: str
    day: int


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """A message of one conversation that still lies at the provider. `sealed` = S delivery. The row goes when it is deleted there."""

    id: str
    thread: str
    day: int
    epoch: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class ActRow:
    """What a person did at the desk: `signature` (Ed25519, 64 bytes) is over the plaintext of `sealed`."""

    id: str
    person_id: str
    case_id: str
    kind: str
    signature: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Handout:
    """The worker's answer to one act, S reader."""

    act_id: str
    person_id: str
    sealed: bytes
    expires: int


@dataclass(frozen=True, slots=True)
class PersonRow:
    """`verify_key` (base64 Ed25519) serves login only: acts are judged against the card. `card` = S roster. `status`: for the login alone,
    what the worker last found in the log. `next`: a card with fewer ties, S roster, which takes the place of `card` after its time."""

    id: str
    status: str
    version: int
    verify_key: str
    card: bytes
    duty: bytes | None
    next: bytes | None = None


@dataclass(frozen=True, slots=True)
class EpochRow:
    """A public half. `signature` = base64 Ed25519 by the custody key over `announcement` (sealing/keyring.py), so that nobody who writes
    to the database can have the line seal to a key of his."""

    purpose: Purpose
    number: int
    recipient: str
    state: EpochState
    signature: str


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What a row holds that may be sealed to an epoch: its table, its key, and the sealed columns (None where there is nothing).
    `numbered`: the row says to which epoch."""

    table: str
    key: tuple[str | int, ...]
    sealed: tuple[bytes | None, ...]
    numbered: bool


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed task. `rev` is the revision that was claimed: `done` deletes only that one."""

    id: str
    kind: TaskKind
    ref: str
    attempts: int
    rev: int
