"""What a person did at the desk, judged and carried out. Whatever fails is answered with a code and changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from handlers.answering import Answering, Prepared
from handlers.opening import Gate
from handlers.parts import worker_leaf
from handlers.patience import Patience
from handlers.ports import Clock, Store, Trouble, Tx
from handlers.requests import Done, Refusal, Result
from handlers.roster import Member, Vetters, find_member
from handlers.succession import read_gate
from sealing import plaintexts, signing
from sealing.age import OpenError, seal
from sealing.case import sha256
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.plaintexts import Answer
from sealing.points import Point, reached
from sealing.rows import HOUR_MS, ActRow, GrantState, Handout, Purpose, Task
from sealing.signing import Use

KEPT_MS = 600_000
"""A handout is deleted when fetched, or after 10 minutes."""
ANSWER = "answer"

Judge = Callable[[Tx, ActRow, Member], Awaitable[Done | Refusal]]
"""Judges one kind of act, and does what it asks for in the caller's transaction. A refusal has written nothing."""


@dataclass(frozen=True, slots=True)
class Acts:
    """`judges`: by kind of act, all but `answer`, which is translated before."""

    store: Store
    keys: WorkerKeys
    clock: Clock
    vetters: Vetters
    gate: Gate
    patience: Patience
    answering: Answering
    judges: Mapping[str, Judge]
    event: Callable[[StrEnum], None]

    async def carry_out(self, task: Task) -> None:
        """The ACT task: `ref` = act id."""
        hour = self.clock.now_ms() // HOUR_MS
        async with self.store.begin() as tx:
            act = await tx.act(task.ref)
            member = None if act is None else await find_member(tx, self.keys, self.vetters, act.person_id, hour)
        if act is None or member is None:
            # Nobody whom two vetters stand for: there is no key to answer to.
            await self._drop(task)
            return
        prepared = None
        if act.kind == ANSWER and not isinstance(answer := self._read_answer(act, member), Refusal):
            prepared = await self.answering.prepare(answer)
        async with self.store.begin() as tx:
            outcome = await self._judge(tx, act, member, prepared)
            done = Done(Result.REFUSED, outcome) if isinstance(outcome, Refusal) else outcome
            plaintext = plaintexts.handout(act.id, done.result.value, done.refusal or "", done.key_file, dict(done.more))
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
        if act.kind == ANSWER:
            return await self._answer(tx, act, member, prepared)
        judge = self.judges.get(act.kind)
        return Refusal.UNREADABLE if judge is None else await judge(tx, act, member)

    async def _answer(self, tx: Tx, act: ActRow, member: Member, prepared: Prepared | None) -> Done | Refusal:
        answer = self._read_answer(act, member)
        if isinstance(answer, Refusal):
            return answer
        case = await tx.lock_case(act.case_id)
        if case is None or not await self._reads_now(tx, act, answer.epoch):
            return Refusal.NOT_YOURS
        if not self.gate.passes(case, member):
            return Refusal.GATE
        sent = await self.answering.commit(tx, case, answer, prepared)
        if sent is not None:
            return Refusal(sent)
        await self.patience.stirred(tx, read_gate(self.keys, case))
        hour = self.clock.now_ms() // HOUR_MS
        await tx.log(worker_leaf(self.keys, Entry(hour, EntryKind.ANSWER, case.id, sha256(act.sealed), member.card_fingerprint)))
        return Done(Result.ANSWERED)

    def _read_answer(self, act: ActRow, member: Member) -> Answer | Refusal:
        try:
            plaintext = self.keys.open_any(Purpose.DELIVERY, act.sealed)
            answer = plaintexts.read_answer(plaintext)
        except OpenError:
            return Refusal.UNREADABLE
        if not signing.verify(member.card.verify_key, Use.ANSWER, plaintext, act.signature):
            return Refusal.BAD_SIGNATURE
        return answer if answer.case == act.case_id else Refusal.NOT_YOURS

    async def _reads_now(self, tx: Tx, act: ActRow, epoch: int) -> bool:
        grants = await tx.grants(act.case_id)
        return any(g.person_id == act.person_id and g.state is GrantState.OPEN and g.epoch == epoch for g in grants)
