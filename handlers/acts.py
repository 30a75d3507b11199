"""What a reader did at the desk, judged and carried out. The one way to a key: (1) the act is signed by the key on the reader's card
(2) it names this very ciphertext, case and card  (3) the gate lets him  (4) the custody entry is committed with (5) the peeled key file,
sealed to him, in one transaction: nothing leaves that the log does not hold. Whatever fails is answered with a code and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from handlers.answering import Answering, Prepared
from handlers.parts import worker_leaf
from handlers.ports import Clock, Store, Trouble, Tx
from handlers.roster import Member, Vetters, read_member
from routing.gate import Refused, may_read, parse_gate
from routing.people import Atlas
from sealing import custody, plaintexts, signing
from sealing.age import OpenError, seal
from sealing.case import sha256
from sealing.custody import Entry, EntryError, EntryKind
from sealing.keyring import WorkerKeys
from sealing.plaintexts import Answer
from sealing.points import Point, reached
from sealing.rows import HOUR_MS, ActRow, CaseRow, CaseState, GrantRow, GrantState, Handout, Purpose, Task
from sealing.signing import Use

KEPT_MS = 600_000
"""A handout is deleted when fetched, or after 10 minutes."""
CLOCK_SLACK_HOURS = 2
OPENABLE = frozenset({GrantState.OFFERED, GrantState.OPEN})


class Result(StrEnum):
    OPENED = "opened"
    ANSWERED = "answered"
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


@dataclass(frozen=True, slots=True)
class Done:
    """`key_file` is S reader."""

    result: Result
    refusal: Refusal | None = None
    key_file: bytes | None = None


@dataclass(frozen=True, slots=True)
class Acts:
    store: Store
    keys: WorkerKeys
    clock: Clock
    vetters: Vetters
    atlas: Atlas
    answering: Answering
    event: Callable[[StrEnum], None]

    async def carry_out(self, task: Task) -> None:
        """The ACT task: `ref` = act id."""
        async with self.store.begin() as tx:
            act = await tx.act(task.ref)
            row = None if act is None else await tx.person(act.person_id)
            member = None if row is None else read_member(row, self.keys, self.vetters)
        if act is None or member is None:
            # Nobody whom two vetters stand for: there is no key to answer to.
            await self._drop(task)
            return
        prepared = None
        if act.kind == "answer" and not isinstance(answer := self._read_answer(act, member), Refusal):
            prepared = await self.answering.prepare(answer)
        async with self.store.begin() as tx:
            outcome = await self._judge(tx, act, member, prepared)
            done = Done(Result.REFUSED, outcome) if isinstance(outcome, Refusal) else outcome
            plaintext = plaintexts.handout(act.id, done.result.value, done.refusal or "", done.key_file)
            expires = self.clock.now_ms() + KEPT_MS
            await tx.hand_out(Handout(act.id, act.person_id, seal(plaintext, member.card.age_recipient), expires))
            await tx.drop_act(act.id)
            await tx.done(task)
            reached(Point.JUDGED)
        self.event(done.refusal or done.result)

    async def _drop(self, task: Task) -> None:
        async with self.store.begin() as tx:
            await tx.drop_act(task.ref)
            await tx.done(task)
        self.event(Trouble.NO_CARD)

    async def _judge(self, tx: Tx, act: ActRow, member: Member, prepared: Prepared | None) -> Done | Refusal:
        if act.kind == "open":
            return await self._open(tx, act, member)
        if act.kind == "answer":
            return await self._answer(tx, act, member, prepared)
        return Refusal.UNREADABLE

    def _request(self, act: ActRow, member: Member) -> tuple[bytes, Entry] | Refusal:
        """The signed request to open, as exact bytes and as what they say."""
        try:
            body = self._plaintext(Purpose.GATE, act.sealed)
            entry = custody.parse_body(body)
        except (OpenError, EntryError):
            return Refusal.UNREADABLE
        if not signing.verify(member.card.verify_key, Use.OPEN, body, act.signature):  # (1)
            return Refusal.BAD_SIGNATURE
        if abs(entry.hour - self.clock.now_ms() // HOUR_MS) > CLOCK_SLACK_HOURS:
            return Refusal.WRONG_HOUR
        named = entry.kind is EntryKind.OPEN and entry.case == act.case_id and entry.card == member.card_fingerprint  # (2)
        return (body, entry) if named else Refusal.NOT_YOURS

    async def _open(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        request = self._request(act, member)
        if isinstance(request, Refusal):
            return request
        body, entry = request
        case = await tx.lock_case(act.case_id)  # before its grants: nobody is struck between the judgement and the key
        grant = await self._grant(tx, act, entry)
        if case is None or grant is None:
            return Refusal.NOT_YOURS
        if not self._passes(case, member):  # (3)
            return Refusal.GATE
        if grant.state is GrantState.OFFERED and not await tx.move_grant(grant.id, GrantState.OFFERED, GrantState.OPEN):
            return Refusal.NOT_YOURS
        await tx.log(custody.leaf(body, member.card.verify_key, act.signature))  # (4)
        await tx.move_case(case.id, CaseState.SEALED, CaseState.OPEN)
        return Done(Result.OPENED, key_file=self.keys.peel(grant.key_file))  # (5)

    async def _answer(self, tx: Tx, act: ActRow, member: Member, prepared: Prepared | None) -> Done | Refusal:
        answer = self._read_answer(act, member)
        if isinstance(answer, Refusal):
            return answer
        case = await tx.lock_case(act.case_id)
        if case is None or not await self._reads_now(tx, act, answer.epoch):
            return Refusal.NOT_YOURS
        if not self._passes(case, member):
            return Refusal.GATE
        sent = await self.answering.commit(tx, case, answer, prepared)
        if sent is not None:
            return Refusal(sent)
        hour = self.clock.now_ms() // HOUR_MS
        await tx.log(worker_leaf(self.keys, Entry(hour, EntryKind.ANSWER, case.id, sha256(act.sealed), member.card_fingerprint)))
        return Done(Result.ANSWERED)

    def _read_answer(self, act: ActRow, member: Member) -> Answer | Refusal:
        try:
            plaintext = self._plaintext(Purpose.DELIVERY, act.sealed)
            answer = plaintexts.read_answer(plaintext)
        except OpenError:
            return Refusal.UNREADABLE
        if not signing.verify(member.card.verify_key, Use.ANSWER, plaintext, act.signature):
            return Refusal.BAD_SIGNATURE
        return answer if answer.case == act.case_id else Refusal.NOT_YOURS

    def _plaintext(self, purpose: Purpose, sealed: bytes) -> bytes:
        for epoch in sorted(self.keys.epochs[purpose], reverse=True):
            try:
                return self.keys.open(purpose, epoch, sealed)
            except OpenError:
                continue
        raise OpenError("no epoch opens it")

    async def _grant(self, tx: Tx, act: ActRow, entry: Entry) -> GrantRow | None:
        """The person's own grant whose key file the signed entry names."""
        mine = [g for g in await tx.grants(act.case_id) if g.person_id == act.person_id and g.state in OPENABLE]
        return next((g for g in mine if sha256(g.key_file) == entry.sha256), None)

    async def _reads_now(self, tx: Tx, act: ActRow, epoch: int) -> bool:
        grants = await tx.grants(act.case_id)
        return any(g.person_id == act.person_id and g.state is GrantState.OPEN and g.epoch == epoch for g in grants)

    def _passes(self, case: CaseRow, member: Member) -> bool:
        if case.gate is None:
            return False
        try:
            gate = parse_gate(self.keys.open_gate(case.id, case.gate))
        except OpenError:
            return False
        if (gate.recipient, gate.epoch) != (case.recipient, case.epoch):
            return False  # the database names another recipient than the gate file, which only the worker writes
        now = datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC)
        return not isinstance(may_read(gate, member.person, member.card_fingerprint, now, self.atlas), Refused)
