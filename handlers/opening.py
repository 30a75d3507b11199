"""The one way to a key: the act is signed by the key on the reader's card and names this very ciphertext, case and card; the gate lets him;
the custody entry is committed with the peeled key file, sealed to him, in one transaction: nothing leaves that the log does not hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from handlers.openings import Openings
from handlers.patience import Patience
from handlers.ports import Clock, Tx
from handlers.requests import Done, Refusal, Request, Result, read_request
from handlers.roster import Member
from handlers.succession import CaseBroken, read_gate
from routing.exclusion import OF_THE_MOMENT, ground_of, judge
from routing.gate import GateFile, Refused, add_facts, facts_of, may_approve, may_audit, may_keep, may_read
from routing.people import Atlas, Card, Roster
from sealing.custody import EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import ActRow, CaseRow, CaseState, GrantRow, GrantState

OPENABLE = frozenset({GrantState.OFFERED, GrantState.OPEN})
Told = Callable[[Tx, CaseRow], Awaitable[tuple[tuple[str, str], ...]]]
"""What else a reader is told with the key."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The one gate function, for every grant, hand-over, re-seal and approval."""

    keys: WorkerKeys
    clock: Clock
    atlas: Atlas

    def passes(self, case: CaseRow, member: Member) -> bool:
        try:
            gate = read_gate(self.keys, case)
        except CaseBroken:
            return False
        return not isinstance(may_read(gate, member.person, member.card_fingerprint, self._now(), self.atlas), Refused)

    def lost(self, case: CaseRow, member: Member) -> bool:
        """Whether he may not read it for what he is himself today: not active, vetted too long ago, by a card that is newer than the tip,
        or one with a tie to it that the card he was drawn by lacked. A place that the line's file lacks for a while, of the tip or of his
        card, takes no case from anybody: nothing is handed out while it lasts."""
        if not member.person.active:
            return True
        try:
            gate = read_gate(self.keys, case)
        except CaseBroken:
            return False
        facts, now = facts_of(gate), self._now()
        if not OF_THE_MOMENT.isdisjoint(judge(member.person, ground_of(self.atlas, facts, now))):
            return True
        _, struck = add_facts(gate, Roster((member.person,), self.atlas), facts, now)
        return bool(struck) and self._knows(member.card)

    def _knows(self, card: Card) -> bool:
        """Whether the line's file has every place and office of the card."""
        places = {card.home, card.posting, *card.past_postings, *(kin.region for kin in card.kin)} - {None}
        offices = {card.agency, *card.past_agencies, *(kin.agency for kin in card.kin)} - {None}
        return places <= self.atlas.regions.keys() and offices <= self.atlas.agencies.keys()

    def keeps(self, gate: GateFile, trustee: Member) -> bool:
        """Whether his share of a new key is a real one."""
        return may_keep(gate, trustee.person, self._now(), self.atlas) is None

    def lets_hold(self, gate: GateFile, trustee: Member) -> bool:
        """Whether a trustee may have a share of this case's keys, and give it on."""
        return may_approve(gate, trustee.person, self._now(), self.atlas) is None

    def lets_audit(self, gate: GateFile, auditor: Member) -> bool:
        """Whether an auditor may be told of this case why people could not read it."""
        return may_audit(gate, auditor.person, self._now(), self.atlas) is None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC)


@dataclass(frozen=True, slots=True)
class Opening:
    keys: WorkerKeys
    clock: Clock
    gate: Gate
    told: Told
    patience: Patience
    openings: Openings

    async def open(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `open`."""
        request = read_request(act, member, EntryKind.OPEN, self.keys, self.clock)
        if isinstance(request, Refusal):
            return request
        case = await tx.lock_case(act.case_id)  # before its grants: nobody is struck between the judgement and the key
        grant = await self._grant(tx, act, request)
        if case is None or grant is None:
            return Refusal.NOT_YOURS
        if not self.gate.passes(case, member):
            return Refusal.GATE
        if grant.state is GrantState.OFFERED and not await tx.move_grant(grant.id, GrantState.OFFERED, GrantState.OPEN):
            return Refusal.NOT_YOURS
        await tx.log(request.leaf())
        await self.openings.note(tx, case, member)
        await tx.move_case(case.id, CaseState.SEALED, CaseState.OPEN)
        if grant.state is GrantState.OFFERED:  # looking again and again is no work on a case
            await self.patience.stirred(tx, read_gate(self.keys, case))
        return Done(Result.OPENED, key_file=self.keys.peel(grant.key_file), more=await self.told(tx, case))

    async def _grant(self, tx: Tx, act: ActRow, request: Request) -> GrantRow | None:
        """The person's own grant whose key file the signed entry names."""
        mine = [g for g in await tx.grants(act.case_id) if g.person_id == act.person_id and g.state in OPENABLE]
        return next((g for g in mine if self.keys.inner_hash(g.key_file) == request.entry.sha256), None)
