"""Leaving a case: a reader who gives it up, adds a tie, or is under pressure. The next of the drawn order is offered it, in a slot.

One act serves "I cannot take this one", "I know someone here" and "I give this case up": nobody is asked for a reason, and none is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from handlers.letters import Letters
from handlers.opening import OPENABLE
from handlers.ports import Clock, Trouble, Tx
from handlers.requests import Done, Refusal, Result, read_request, said_in
from handlers.roster import Member
from handlers.succession import Alarm, CaseBroken, Succession
from routing.people import Atlas
from sealing.custody import EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import ActRow, CaseRow, GrantRow, GrantState, TaskKind
from sealing.said import read_tie

ENOUGH_VETTERS = 2
"""Who must hear that a reader is under pressure."""


class Matter(StrEnum):
    """What a letter to the vetters is about."""

    TIE = "tie"
    PRESSURED = "pressured"


@dataclass(frozen=True, slots=True)
class Leaving:
    """Judges of `give_up`, `tie` and `pressured`."""

    keys: WorkerKeys
    clock: Clock
    atlas: Atlas
    succession: Succession
    letters: Letters
    alarm: Alarm

    async def give_up(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `give_up`, of a case that he was offered or has opened; it names the key file. For the life of the case."""
        request = read_request(act, member, EntryKind.GIVE_UP, self.keys, self.clock)
        if isinstance(request, Refusal):
            return request
        case = await tx.lock_case(act.case_id)
        mine = await self._live(tx, act)
        if case is None or request.entry.sha256 not in {self.keys.inner_hash(grant.key_file) for grant in mine}:
            return Refusal.NOT_YOURS
        await tx.log(request.leaf())
        await hand_over(tx, self.succession, case, act.person_id, GrantState.GIVEN_UP)
        return Done(Result.DONE)

    async def tie(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `tie`: one that his card lacks, in his own words, for the vetters. It takes him out of this case, before or after he has
        opened it; that he is drawn for no other, his standing sees to. Nobody can take a tie away."""
        request = read_request(act, member, EntryKind.TIE, self.keys, self.clock)
        if isinstance(request, Refusal):
            return request
        said = said_in(request, self.keys, read_tie)
        if said is None:
            return Refusal.UNREADABLE
        case = await tx.lock_case(act.case_id)
        if case is None or said.person != act.person_id or not any(g.person_id == act.person_id for g in await tx.grants(act.case_id)):
            return Refusal.NOT_YOURS
        await tx.log(request.leaf())
        await self.letters.write(tx, Matter.TIE, case=case.id, person=act.person_id, text=said.text)
        if await self._live(tx, act):
            await hand_over(tx, self.succession, case, act.person_id, GrantState.STRUCK)
        return Done(Result.DONE)

    async def pressured(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `pressured`, the quiet word: he suspends himself. All his cases go on without him, and vetters of other houses hear of
        it. What his desk is told looks like the answer to anything."""
        request = read_request(act, member, EntryKind.SUSPEND, self.keys, self.clock)
        if isinstance(request, Refusal):
            return request
        if act.case_id or request.entry.sha256 != member.card_fingerprint:
            return Refusal.NOT_YOURS
        cases = await lock_held(tx, act.person_id)  # before the log's own lock, like everybody who takes both
        await tx.log(request.leaf())
        await tx.enqueue(TaskKind.REVIEW, act.person_id, self.clock.now_ms())  # writes it where the login looks
        for case in cases:
            await hand_over(tx, self.succession, case, act.person_id, GrantState.STRUCK)
        house = member.card.agency
        theirs = self.atlas.line(house) if house in self.atlas.agencies else frozenset({house})
        if await self.letters.write(tx, Matter.PRESSURED, person=act.person_id, apart_from=theirs) < ENOUGH_VETTERS:
            self.alarm(Trouble.FEW_VETTERS)
        return Done(Result.DONE)

    @staticmethod
    async def _live(tx: Tx, act: ActRow) -> Sequence[GrantRow]:
        return [g for g in await tx.grants(act.case_id) if g.person_id == act.person_id and g.state in OPENABLE]


async def lock_held(tx: Tx, person: str) -> Sequence[CaseRow]:
    """The cases that the person is offered or has opened, locked in one order, so that two who do this do not wait for each other."""
    held = sorted({grant.case_id for grant in await tx.held_by(person)})
    return [case for case in [await tx.lock_case(case_id) for case_id in held] if case is not None]


async def hand_over(tx: Tx, succession: Succession, case: CaseRow, person: str, state: GrantState) -> None:
    """Takes the person out of the case, and offers it to the next. A case whose row was tampered with is taken from him all the same, and
    goes to nobody."""
    try:
        await succession.leave(tx, case, [person], state)
    except CaseBroken:
        await succession.take(tx, [grant for grant in await tx.grants(case.id) if grant.person_id == person], state)
        succession.alarm(Trouble.CASE_BROKEN)
