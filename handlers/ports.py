"""Ports: what handlers need from storage, translations and channels. bot/wiring.py hands in the real thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sealing.learned_rows import LessonRow, LinkRow
from sealing.rows import (
    HOUR_MS,
    Accepted,
    ActRow,
    CaseRow,
    CaseState,
    ClusterRow,
    Envelope,
    ErasureRow,
    GrantRow,
    GrantState,
    Handout,
    InboundRow,
    LetterRow,
    OutcomeRow,
    PersonRow,
    PushRow,
    Receipt,
    SealedCase,
    SealedInbound,
    Seen,
    SendingRow,
    SendingState,
    ShareRow,
    ShareState,
    Task,
    TaskKind,
    ThreadRow,
)
from triage.language import Identified, Translation
from triage.sensitive import Sensitive


class Intake(Protocol):
    async def accept(self, inbound: SealedInbound) -> Accepted:
        """Row + dedupe tag + CONVERSE task in one commit; durable on return. Raises sealing.rows.StorageDown: nothing written."""
        ...


class Tx(Protocol):
    """One transaction. Methods that return bool: False = somebody was first, nothing changed by that call."""

    async def inbound(self, id: str) -> InboundRow | None: ...
    async def inbound_of(self, thread: str) -> Sequence[InboundRow]: ...
    async def attach(self, id: str, thread: str) -> bool: ...
    async def waits_for_earlier(self, id: str) -> bool:
        """Whether an earlier message of the same sender is still to be conversed, and is not stuck."""
        ...

    async def drop_inbound(self, ids: Sequence[str]) -> None: ...
    async def thread(self, tag: str) -> ThreadRow | None: ...
    async def thread_of(self, case_id: str) -> ThreadRow | None: ...
    async def threads_waiting(self, case_id: str, most: int) -> Sequence[ThreadRow]:
        """Those of the case's threads that have messages to be sealed: one, but of a flood."""
        ...

    async def save_thread(self, row: ThreadRow) -> bool: ...
    async def drop_thread(self, tag: str, version: int) -> bool: ...
    async def clusters(self, since_day: int, known: Mapping[str, int]) -> tuple[AbstractSet[str], Sequence[ClusterRow]]:
        """All ids since that day, and the rows that are not `known` in their version (id -> version)."""
        ...

    async def save_cluster(self, row: ClusterRow) -> bool: ...
    async def drop_clusters(self, ids: Sequence[str]) -> None: ...
    async def case(self, id: str) -> CaseRow | None: ...
    async def lock_case(self, id: str) -> CaseRow | None:
        """The case, and nobody else changes it before this transaction ends. Ask for it before its grants."""
        ...

    async def add_case(self, row: CaseRow) -> bool: ...
    async def move_case(self, id: str, old: CaseState, new: CaseState) -> bool: ...
    async def hurry_case(self, id: str) -> None:
        """The case is urgent from now on."""
        ...

    async def seal(self, sealed: SealedCase, expected_version: int) -> bool: ...
    async def purge(self, case_id: str) -> bool:
        """A closed case to purged, with all that was sealed for it. False = it is in another state. Raises MessagesWait."""
        ...

    async def update_gate(self, case_id: str, gate: bytes, expected_version: int) -> bool: ...
    async def raise_epoch(self, case_id: str, epoch: int, recipient: str, gate: bytes, expected_version: int) -> bool: ...
    async def add_grants(self, grants: Sequence[GrantRow]) -> None: ...
    async def append(self, envelopes: Sequence[Envelope]) -> None: ...
    async def envelopes(self, case_id: str) -> Sequence[Envelope]: ...
    async def grants(self, case_id: str) -> Sequence[GrantRow]: ...
    async def grant(self, id: str) -> GrantRow | None: ...
    async def offer(self, id: str, person_id: str, stub: bytes) -> bool: ...
    async def move_grant(self, id: str, old: GrantState, new: GrantState) -> bool: ...
    async def put_keys(self, id: str, state: GrantState, stub: bytes, key_file: bytes) -> bool: ...
    async def act(self, id: str) -> ActRow | None: ...
    async def drop_act(self, id: str) -> None: ...
    async def hand_out(self, handout: Handout) -> None: ...
    async def person(self, id: str) -> PersonRow | None: ...
    async def people(self) -> Sequence[PersonRow]: ...
    async def save_person(self, row: PersonRow) -> bool: ...
    async def readers(self) -> AbstractSet[str]: ...
    async def open_cases(self) -> Mapping[str, int]: ...
    async def held_by(self, person_id: str) -> Sequence[GrantRow]:
        """Grants that are offered to this person, or that he has opened."""
        ...

    async def add_sending(self, row: SendingRow) -> bool: ...
    async def sending(self, id: str) -> SendingRow | None: ...
    async def claim_sending(self, id: str, thread: str) -> bool:
        """DUE to SENDING. False also while another text to this thread's address is being sent."""
        ...

    async def move_sending(self, id: str, old: SendingState, new: SendingState, *, keep: bool = False) -> bool:
        """`keep`: an answer that counts as sent keeps its text until the provider tells that it arrived."""
        ...

    async def release_waiting(self, case_id: str, due: int) -> int: ...
    async def shelve_waiting(self, case_id: str, *, due: bool = False) -> None:
        """Answers that nobody came for: shelved, and emptied of text and address. `due`: those that were about to leave, too."""
        ...

    async def drop_contacts(self, case_id: str) -> int:
        """Forgets the way back to a source: the one deletion before the purge. Returns how many envelopes."""
        ...

    async def add_erasure(self, row: ErasureRow) -> None: ...
    async def erasure(self, id: str) -> ErasureRow | None: ...
    async def drop_erasure(self, id: str) -> None: ...
    async def drop_old_erasures(self, thread: str, before_day: int) -> None: ...
    async def erase_all(self, thread: str, due: int, *, before_day: int | None = None) -> None:
        """An ERASE task for everything of this conversation that still lies at the provider, or what was noted before that day."""
        ...

    async def add_shares(self, shares: Sequence[ShareRow]) -> None: ...
    async def shares(self, case_id: str) -> Sequence[ShareRow]: ...
    async def move_share(self, id: str, old: ShareState, new: ShareState) -> bool: ...
    async def put_share(self, id: str, old: ShareState, new: ShareState, sealed: bytes) -> bool: ...
    async def add_letter(self, letter: LetterRow) -> None: ...
    async def letters(self, to: str) -> Sequence[LetterRow]: ...
    async def drop_letters(self, ids: Sequence[str]) -> None: ...
    async def save_outcome(self, row: OutcomeRow) -> None: ...
    async def add_outcome(self, row: OutcomeRow) -> bool: ...
    async def outcome(self, id: str) -> OutcomeRow | None: ...
    async def drop_outcome(self, id: str) -> None: ...
    async def add_lesson(self, row: LessonRow) -> bool: ...
    async def lessons(self, after: str, most: int) -> Sequence[LessonRow]:
        """By id, from the first after this one; "" = from the start."""
        ...

    async def lesson_ids(self) -> Sequence[str]: ...
    async def lessons_named(self, ids: Sequence[str]) -> Sequence[LessonRow]:
        """Those of these ids that are there, by id."""
        ...

    async def drop_lessons(self, ids: Sequence[str]) -> int:
        """How many of these there were."""
        ...

    async def links(self, tags: Sequence[str]) -> Sequence[LinkRow]:
        """Those of these tags that are there, oldest first."""
        ...

    async def add_link(self, row: LinkRow) -> bool: ...
    async def drop_link(self, row: LinkRow) -> None:
        """Only this very row."""
        ...

    async def save_push(self, row: PushRow) -> None: ...
    async def drop_push(self, person_id: str) -> None: ...
    async def pushes(self) -> Sequence[PushRow]: ...
    async def urgent_waits(self) -> bool:
        """Whether an urgent case is offered to somebody who has not opened it."""
        ...

    async def log(self, leaf: bytes) -> None: ...
    async def logged(self, leaf: bytes) -> bool:
        """Whether the log holds these very bytes: an act that was posted before."""
        ...

    async def leaves(self, start: int, most: int | None = None) -> Sequence[bytes]:
        """Custody leaves from index `start`, in order, `most` at the most."""
        ...

    async def enqueue(self, kind: TaskKind, ref: str, due: int) -> None: ...
    async def done(self, task: Task) -> bool: ...
    async def postpone(self, kinds: Sequence[TaskKind], by_ms: int) -> None:
        """Every task of these kinds is due so much later, whoever has it in hand; `by_ms` may be negative."""
        ...

    async def heartbeat(self, role: str) -> int | None:
        """When this kind of process last gave a sign of life, ms. Nobody else changes it before this transaction ends."""
        ...

    async def beat(self, role: str, at: int) -> None: ...


class Store(Protocol):
    def begin(self) -> AbstractAsyncContextManager[Tx]:
        """Commits on a clean exit, rolls back on an exception. Raises StorageDown when the database is away."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Tx]:
        """One moment of the database, for who writes nothing and takes his time. Raises StorageDown."""
        ...


class Clock(Protocol):
    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        ...


class Entropy(Protocol):
    def draw(self, n: int) -> bytes: ...


class Translator(Protocol):
    async def translate(self, text: Sensitive[str], source: str, target: str) -> Translation | None:
        """None = not translated (no package, crashed, too slow): an answer, not a fault."""
        ...


class Detector(Protocol):
    def identify(self, text: str, earlier: str | None = None) -> Identified: ...


class Phrases(Protocol):
    def say(self, phrase: str, language: str, alphabet: str, slots: Mapping[str, str]) -> str: ...


class Trouble(StrEnum):
    """What an operator must look at; holds have codes of their own (routing.people.Hold)."""

    ORDER_EXHAUSTED = "order_exhausted"
    NO_CARD = "no_card"
    SILENT = "silent"  # who is offered a case does not open it, and for now it moves on no more by itself
    CASE_BROKEN = "case_broken"  # a sealed case whose row does not hold: it goes to nobody
    TWO_VETTERS_REVIEW = "two_vetters_review"  # an urgent case went out although the pool was so small that two vetters must look at it
    FEW_VETTERS = "few_vetters"  # what a vetter of another agency must hear, fewer than two can be told
    NO_ESCROW = "no_escrow"  # too few trustees may hold a share of a case's key: without its readers it is lost
    NOTICE_UNSENT = "notice_unsent"  # a whole slot long its sender took none, for somebody
    UNCONCURRED = "unconcurred"  # nobody is left to take a second look: the case stays as it is
    TAMPERED = "tampered"  # a row that this worker did not write stands where one of its own should
    DISAGREED = "disagreed"  # the second reader does not let it be closed


class NotSent(Exception):
    """It certainly did not leave; retry."""


class Wait(NotSent):
    """The provider says: not before `delay_ms` from now, to this address. No provider is believed less than a second or more than an hour:
    it would be asked without end, or never again."""

    def __init__(self, delay_ms: int) -> None:
        super().__init__()
        self.delay_ms = max(1_000, min(delay_ms, HOUR_MS))


class MaybeSent(Exception):
    """It may have left; the ledger says `unknown`."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider has it. `refs` = by what it can be deleted there, one for each part; empty = it cannot be."""

    refs: tuple[str, ...] = ()


class Unsent(StrEnum):
    """A refusal that no repetition changes. `closed` = not before the source writes again; `blocked` = never to this address."""

    CLOSED = "closed"
    BLOCKED = "blocked"


class Erasing(StrEnum):
    """When the provider is asked to delete what it keeps: as soon as the case holds it, when the source asks, or it has no such way."""

    SEALED = "sealed"
    ASKED = "asked"
    NEVER = "never"


class Sender(Protocol):
    """One channel's way out."""

    @property
    def erasing(self) -> Erasing: ...

    @property
    def receipts(self) -> bool:
        """Whether the provider tells later what became of a text."""
        ...

    async def send(self, address: Sensitive[str], text: Sensitive[str], cause: str) -> Sent | Unsent:
        """`cause` = ledger id, a random-looking name for this text that may be told to the provider. Raises NotSent, Wait, MaybeSent."""
        ...

    async def erase(self, address: Sensitive[str], ref: str) -> None:
        """Deletes one message at the provider; one that is gone, or that cannot be deleted any more, is no fault. Raises NotSent, Wait."""
        ...

    async def close(self) -> None: ...


class Receipts(Protocol):
    async def record(self, sending: str, receipt: Receipt, once: Seen | None = None) -> None:
        """What became of the text of this ledger id; an id that is not known changes nothing. What bears a tag that was seen before
        changes nothing either. Raises StorageDown."""
        ...
