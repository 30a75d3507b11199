"""Closing a case is a proposal: the next of its drawn order looks a second time, and nothing is deleted before he agrees.

Who proposes is told the same, whether a second look follows or not. Who stays silent is passed over like anybody; where nobody is left, the
case stays as it is and the vetters are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from handlers.helped import Asking
from handlers.letters import Letters
from handlers.opening import Gate
from handlers.outcomes import Helped, OutcomeBroken, Outcomes, Proposal, Second
from handlers.patience import Patience
from handlers.ports import Clock, Trouble, Tx
from handlers.requests import Done, Refusal, Request, Result, read_request, said_in
from handlers.roster import Member
from handlers.succession import Alarm, CaseBroken, NobodyLeft, Succession, read_gate
from handlers.teaching import Teaching
from routing.coins import uniforms
from routing.gate import GateFile, Sla
from sealing.custody import EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import DAY_MS, ActRow, CaseRow, CaseState, GrantState, TaskKind
from sealing.said import Ending, read_outcome
from triage.tip import Child

SHARE_LOOKED_AT = 0.2
"""Of the cases that need no second look by what they are."""
COIN = "second look"
"""Has coins of its own: those of the draw are shown to the auditor, who must not know what will be looked at."""
PURGE_DAYS = 90
UNSEEN_DAYS = 30
"""How much later the purge clock starts where nobody looked a second time."""


@dataclass(frozen=True, slots=True)
class Closing:
    """Judges of `close`, `concur` and `disagree`. `purge_days`: how long a closed case is kept."""

    keys: WorkerKeys
    clock: Clock
    gate: Gate
    succession: Succession
    letters: Letters
    outcomes: Outcomes
    asking: Asking
    patience: Patience
    alarm: Alarm
    purge_days: int
    teaching: Teaching

    async def close(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `close`, by who reads the case: how it ended, as he says."""
        request = read_request(act, member, EntryKind.CLOSE, self.keys, self.clock)
        if isinstance(request, Refusal):
            return request
        said = said_in(request, self.keys, read_outcome)
        if said is None or said.case != act.case_id:
            return Refusal.UNREADABLE
        found = await self._reader(tx, act, member, CaseState.OPEN)
        if isinstance(found, Refusal):
            return found
        case, gate, earlier = found
        reach = await self.asking.contact(tx, case, said)
        if isinstance(reach, Refusal):
            return reach
        looked_at = needs_second(gate, said.ending, earlier, self.keys.coins(f"{case.id}/{COIN}"))
        if not await tx.move_case(case.id, CaseState.OPEN, CaseState.CLOSING if looked_at else CaseState.CLOSED):
            return Refusal.STALE
        await tx.log(request.leaf())
        second, day = (Second.ASKED, None) if looked_at else (Second.NONE, self._purge_day(UNSEEN_DAYS))
        person, agency, seen = member.person.id, member.card.agency, await last_seq(tx, case.id)
        proposal = Proposal(case.id, len(earlier) + 1, person, agency, said.ending, request.entry.sha256, seen, second, day)
        if not looked_at:
            proposal = await self.teaching.outcome(tx, gate, [*earlier, proposal])
        await self.outcomes.save(tx, proposal)
        await self.succession.out(tx, gate, [person], GrantState.DONE)
        if looked_at:
            await self.succession.next(tx, gate)
        await self._purge_from(tx, case.id, day)
        await self.asking.ask(tx, case, reach)
        return Done(Result.DONE)

    async def concur(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `concur`, by the second: the case is closed, and the purge clock starts."""
        found = await self._second(tx, act, member, EntryKind.CONCUR)
        if isinstance(found, Refusal):
            return found
        request, gate, (*earlier, last) = found
        if not await tx.move_case(gate.case, CaseState.CLOSING, CaseState.CLOSED):
            return Refusal.STALE
        await tx.log(request.leaf())
        concurred = replace(last, second=Second.CONCURRED, purge_day=self._purge_day(0))
        await self.outcomes.save(tx, await self.teaching.outcome(tx, gate, [*earlier, concurred], member))
        await self.succession.out(tx, gate, [member.person.id], GrantState.DONE)
        await self._purge_from(tx, gate.case, concurred.purge_day)
        return Done(Result.DONE)

    async def disagree(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `disagree`, by the second: the case goes on, he is its reader now, and the vetters hear of it."""
        found = await self._second(tx, act, member, EntryKind.DISAGREE)
        if isinstance(found, Refusal):
            return found
        request, gate, (*earlier, last) = found
        if not await tx.move_case(gate.case, CaseState.CLOSING, CaseState.OPEN):
            return Refusal.STALE
        await tx.log(request.leaf())
        disagreed = replace(last, second=Second.DISAGREED)
        await self.outcomes.save(tx, await self.teaching.outcome(tx, gate, [*earlier, disagreed]))
        await self.patience.stirred(tx, gate)
        await self.letters.write(tx, Trouble.DISAGREED, case=gate.case)
        self.alarm(Trouble.DISAGREED)
        return Done(Result.DONE)

    async def proposed(self, tx: Tx, case: CaseRow) -> tuple[tuple[str, str], ...]:
        """What the second is told with the key: how the first wants to close the case, and what the source says, if it does."""
        if case.state is not CaseState.CLOSING:
            return ()
        try:
            last = (await self.outcomes.of(tx, case.id))[-1:]
        except OutcomeBroken:
            return ()
        return tuple(pair for proposal in last for pair in (("proposed", proposal.ending.value), ("helped", proposal.helped.value)))

    async def helped(self, tx: Tx, case_id: str, *, yes: bool) -> None:
        """What the source says of a case that was, or was to be, closed. A no to a closed case is a second look, whatever was before."""
        case = await tx.lock_case(case_id)
        if case is None or case.state is CaseState.PURGED:
            return
        try:
            last, gate = (await self.outcomes.of(tx, case_id))[-1], read_gate(self.keys, case)
        except (OutcomeBroken, CaseBroken, IndexError):
            self.alarm(Trouble.TAMPERED)  # asked about a case whose record is not there: the conversation goes on
            return
        told = await self.teaching.source_says(tx, gate, replace(last, helped=Helped.YES if yes else Helped.NO))
        if yes or not await tx.move_case(case_id, CaseState.CLOSED, CaseState.CLOSING):
            await self.outcomes.save(tx, told)
            return
        await self.outcomes.save(tx, replace(told, second=Second.ASKED, purge_day=None))
        await self.succession.next(tx, gate)

    async def _reader(
        self, tx: Tx, act: ActRow, member: Member, state: CaseState
    ) -> tuple[CaseRow, GateFile, Sequence[Proposal]] | Refusal:
        """The case, where this person holds a key of its newest epoch and the gate lets him: he has seen all of it. Locked."""
        case = await tx.lock_case(act.case_id)
        if case is None:
            return Refusal.NOT_YOURS
        mine = [g for g in await tx.grants(case.id) if g.person_id == act.person_id and g.state is GrantState.OPEN]
        if not mine:
            return Refusal.NOT_YOURS
        if case.state is not state or all(grant.epoch != case.epoch for grant in mine):
            return Refusal.STALE
        if not self.gate.passes(case, member):
            return Refusal.GATE
        try:
            return case, read_gate(self.keys, case), await self.outcomes.of(tx, case.id)
        except (CaseBroken, OutcomeBroken):
            return Refusal.GATE

    async def _second(self, tx: Tx, act: ActRow, member: Member, kind: EntryKind) -> tuple[Request, GateFile, Sequence[Proposal]] | Refusal:
        """All proposals; he judges the last. Neither the first himself nor a colleague of his house, who may have become one since the
        draw, is a second look."""
        request = read_request(act, member, kind, self.keys, self.clock)
        if isinstance(request, Refusal):
            return request
        found = await self._reader(tx, act, member, CaseState.CLOSING)
        if isinstance(found, Refusal):
            return found
        case, gate, proposals = found
        mine = [g for g in await tx.grants(case.id) if g.person_id == act.person_id and g.state is GrantState.OPEN]
        if request.entry.sha256 not in {self.keys.inner_hash(grant.key_file) for grant in mine}:
            return Refusal.NOT_YOURS
        if not proposals or proposals[-1].second is not Second.ASKED:
            return Refusal.GATE
        if any(member.person.id == p.person or member.card.agency == p.agency for p in proposals[-1:]):
            return Refusal.GATE
        return request, gate, proposals

    def _purge_day(self, later: int) -> int:
        return self.clock.now_ms() // DAY_MS + 1 + later + self.purge_days

    @staticmethod
    async def _purge_from(tx: Tx, case_id: str, day: int | None) -> None:
        if day is not None:
            await tx.enqueue(TaskKind.PURGE, case_id, day * DAY_MS)


def needs_second(gate: GateFile, ending: Ending, earlier: Sequence[Proposal], coins: bytes) -> bool:
    """By what the case is, by what was said of an earlier proposal, or by its coins, which were committed before the tip was opened."""
    child = gate.child is Child.YES or (gate.child is Child.UNKNOWN and gate.could_involve_child)
    grave = child or gate.asks_help or gate.sla is Sla.URGENT or ending is Ending.UNFOUNDED
    if grave or any(proposal.contested for proposal in earlier):
        return True
    (coin,) = uniforms(coins, f"{COIN} {len(earlier) + 1}", 1)
    return coin < SHARE_LOOKED_AT


async def last_seq(tx: Tx, case_id: str) -> int:
    return max((envelope.seq for envelope in await tx.envelopes(case_id)), default=0)


def unless_closing(letters: Letters, outcomes: Outcomes, rescue: NobodyLeft) -> NobodyLeft:
    """Nobody is left to take a second look: the vetters are told, and the trustees are asked for one more reader, who takes it; or the
    first would have closed the case alone. Where something came since that nobody has read, the case goes on."""

    async def nobody_left(tx: Tx, gate: GateFile) -> None:
        case = await tx.case(gate.case)
        if case is None or case.state is not CaseState.CLOSING:
            await rescue(tx, gate)
            return
        await letters.write(tx, Trouble.UNCONCURRED, case=case.id)
        try:
            seen = [proposal.seen for proposal in await outcomes.of(tx, case.id)][-1:]
        except OutcomeBroken:
            seen = []  # nobody knows what was read
        if seen < [await last_seq(tx, case.id)]:
            await tx.move_case(case.id, CaseState.CLOSING, CaseState.SEALED)
        await rescue(tx, gate)

    return nobody_left
