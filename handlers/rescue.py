"""A case that nobody of its drawn order is left to read: one more reader is drawn, and the trustees are asked for their shares.

A rescue is not a second draw of the same order: nobody of the old one can come again, and its coins are as committed as the first. What
is drawn reads nothing until enough trustees, each on his own device, have sealed their shares to him (handlers/trustees.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from handlers.escrow import active_trustees
from handlers.held import Holds, named
from handlers.lessons import Memory
from handlers.letters import Letters
from handlers.opening import Gate
from handlers.ports import Clock, Store, Trouble, Tx
from handlers.releases import Releases
from handlers.roster import KeptRoster, Member, Vetters, idle, members
from handlers.succession import Alarm, CaseBroken, NobodyLeft, Slot, Succession, grants_of, read_gate
from routing.draw import choose, poisoned
from routing.exclusion import exclusions
from routing.gate import GateFile, Seat, Sla, append_seat, facts_of, without
from routing.gate_bytes import gate_bytes
from routing.learning import Beliefs
from routing.limits import CLOSE
from routing.people import Assignment, Flag, Hold, Role, Roster
from routing.policy import DEFAULT
from sealing.keyring import WorkerKeys
from sealing.rows import HOUR_MS, OUT, READ, CaseRow, GrantRow, GrantState, Later, Purpose, ShareRow, ShareState, Task, TaskKind
from sealing.shares import read_given

ONE_MORE = replace(DEFAULT, readers=1, alone=1.0)
"""The trustees who approve stand in the place of the two vetters whom a draw from a small pool needs."""


@dataclass(frozen=True, slots=True)
class Next:
    """Somebody who stands, with his grants by epoch. `gate`: as it is with him."""

    gate: GateFile
    seat: Seat
    member: Member
    grants: Mapping[int, GrantRow]

    @property
    def lacks(self) -> tuple[int, ...]:
        """Epochs of which he has no key."""
        return tuple(epoch for epoch in range(1, self.gate.epoch + 1) if epoch not in self.grants)


async def who_stands(tx: Tx, keys: WorkerKeys, gate: GateFile, known: Mapping[str, Member]) -> list[Next]:
    """Those of the order who may still come, in order. `known`: by person id."""
    found: list[Next] = []
    for seat in gate.standing():
        grants = await grants_of(tx, keys, gate.case, gate.epoch, seat.person)
        if seat.person in known and not any(grant.state in OUT for grant in grants):
            found.append(Next(gate, seat, known[seat.person], {grant.epoch: grant for grant in grants}))
    return found


async def roster_now(tx: Tx, keys: WorkerKeys, vetters: Vetters, clock: Clock) -> dict[str, Member]:
    return {member.person.id: member for member in await members(tx, keys, vetters, clock.now_ms() // HOUR_MS)}


@dataclass(frozen=True, slots=True)
class Rescue:
    """`needed`: how many trustees' shares are a case key."""

    store: Store
    keys: WorkerKeys
    clock: Clock
    vetters: Vetters
    gate: Gate
    succession: Succession
    slot: Slot
    alarm: Alarm
    needed: int
    memory: Memory
    rosters: KeptRoster
    releases: Releases
    holds: Holds

    async def look(self, task: Task) -> None:
        """The RESCUE task: `ref` = case id. Looked at again in each slot, until somebody holds every key of the case: whoever was drawn may
        have lost his standing since, and a roster without anybody may have somebody now."""
        async with self.store.begin() as tx:
            case = await tx.lock_case(task.ref)
            if case is None or case.state not in READ:
                await tx.done(task)
                return
            if not await tx.shares(case.id):
                await tx.done(task)  # a line without trustees: the vetters know, and nobody can do more
                return
            gate, known = read_gate(self.keys, case), await roster_now(tx, self.keys, self.vetters, self.clock)
            standing = await who_stands(tx, self.keys, gate, known)
            if any(not one.lacks for one in standing):
                await self.holds.drop(tx, case.id)
                await tx.done(task)
                return
            found = next((one for one in standing if self.gate.passes(case, one.member)), None)
            if found is None:
                found = await self._draw(tx, case, gate, known)
            if found is not None:
                await self.holds.drop(tx, case.id)
                await self._ask(tx, found)
                self.alarm(Trouble.ORDER_EXHAUSTED)  # in each slot, until enough trustees have given
        now = self.clock.now_ms()
        raise Later(self.slot(now, gate.sla is Sla.URGENT and found is not None) - now)

    async def _draw(self, tx: Tx, case: CaseRow, gate: GateFile, known: Mapping[str, Member]) -> Next | None:
        """One more reader behind the old order, who is written into the gate file. None = the alarm is raised, and nobody is drawn."""
        if not await self._can_come_back(tx, gate):
            self.alarm(Trouble.NO_ESCROW)
            return None
        people, beliefs = list(known.values()), await self.memory.current(tx)
        drawn = self._drawn(gate, people, beliefs)
        if drawn.hold is not None and await self.releases.granted(tx, gate.case, drawn.hold, drawn.pool):
            drawn = self._drawn(gate, people, beliefs, released=True)
        if drawn.hold is not None:
            again = gate.sla is Sla.URGENT and drawn.pool > 0  # each day, as long as two vetters could do something
            await self.holds.tell(tx, gate.case, drawn, named(drawn), urgent=again)
            self.alarm(drawn.hold)
            return None
        member = known[drawn.order[0]]
        same = [lead.person for lead in gate.leads() if lead.person in known and known[lead.person].card.agency == member.card.agency]
        flagged = replace(gate, flags=tuple(sorted({*gate.flags, *(drawn.flags & {Flag.SMALL_POOL})})))
        rescued = without(append_seat(flagged, member.person.id, member.card_fingerprint), same)  # a reader before a lead of his agency
        if not await tx.update_gate(case.id, self.keys.seal_gate(case.id, gate_bytes(rescued)), case.version):
            raise CaseBroken  # it was locked: nobody else can have changed it
        await self.succession.out(tx, rescued, [*(seat.person for seat in gate.order), *same], GrantState.STRUCK)
        return Next(rescued, rescued.order[-1], member, {})

    def _drawn(self, gate: GateFile, known: Sequence[Member], beliefs: Beliefs, *, released: bool = False) -> Assignment:
        """From other agencies than those that had the case, while enough people are there; else from theirs, too, and flagged where those
        are few as well: whoever is alone in a fourth house would need but to make three others leave. Rather who is not known to leak: what
        those who had the case are known for still speaks for or against their houses."""
        had = {seat.person for seat in gate.seats}
        others = idle(self.rosters.of([member.person for member in known]), had)
        left = idle(others, gate.excluded)
        agencies = {member.card.agency for member in known if member.person.id in had}
        mates = {member.person.id for member in known if member.card.agency in agencies}
        coins = self.keys.coins(f"{gate.case}/rescue/{len(gate.order) + 1}")

        def draw(some: Roster) -> Assignment:
            return choose(some, facts_of(gate), beliefs, coins, self._now(), ONE_MORE)

        def leave_one_sure() -> bool:
            return pool < unnamed and _sure(whole, left) and not _sure(draw(others), others)

        pool, unnamed, whole = self._eligible(gate, left), self._eligible(gate, others), draw(left)
        if not released and (poisoned(pool, unnamed) or leave_one_sure()):  # names must not leave the draw to the rest
            return Assignment((), pool, {}, {}, hold=Hold.POISONED, unnamed=unnamed)
        elsewhere = draw(idle(left, mates))
        return elsewhere if elsewhere.order and Flag.SMALL_POOL not in elsewhere.flags else replace(whole, pool=pool, unnamed=unnamed)

    def _eligible(self, gate: GateFile, some: Roster) -> int:
        """How many readers no fact excludes but who is named."""
        codes = exclusions(some, facts_of(gate), self._now())
        return sum(person.card.role is Role.HANDLER and not codes[person.id] for person in some.people)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC)

    async def _can_come_back(self, tx: Tx, gate: GateFile) -> bool:
        """Whether enough trustees hold a share of one epoch at least, and may give it."""
        trustees = await active_trustees(tx, self.keys, self.vetters, self.clock)
        able = {trustee.person.id for trustee in trustees if self.gate.lets_hold(gate, trustee)}
        shares = [share.epoch for share in await tx.shares(gate.case) if share.person_id in able]
        return any(shares.count(epoch) >= self.needed for epoch in shares)

    async def _ask(self, tx: Tx, found: Next) -> None:
        """All trustees, of every epoch that this reader lacks; one who gave to an earlier reader is asked again."""
        for share in await tx.shares(found.gate.case):
            if share.epoch not in found.lacks:
                continue
            if share.state is ShareState.LOCKED:
                await tx.move_share(share.id, ShareState.LOCKED, ShareState.ASKED)
            elif share.state is ShareState.GIVEN:
                await self._ask_again(tx, share, found.seat.card)

    async def _ask_again(self, tx: Tx, share: ShareRow, card: str) -> None:
        own, given_to, _ = read_given(self.keys.peel(share.sealed))
        if given_to != card:
            _, sealed = self.keys.seal(Purpose.RELEASE, own)
            await tx.put_share(share.id, ShareState.GIVEN, ShareState.ASKED, sealed)


def _sure(drawn: Assignment, some: Roster) -> bool:
    """Whether a reader of these is so likely that two vetters would have to let a first draw go out."""
    chances = (drawn.chances.get(person.id, 0.0) for person in some.people if person.card.role is Role.HANDLER)
    return max(chances, default=0.0) > DEFAULT.alone + CLOSE


def rescue_by(letters: Letters, clock: Clock) -> NobodyLeft:
    """What Succession calls, in its transaction: the vetters are told; the rest has one of its own."""

    async def nobody_left(tx: Tx, gate: GateFile) -> None:
        await letters.write(tx, Trouble.ORDER_EXHAUSTED, case=gate.case)
        await tx.enqueue(TaskKind.RESCUE, gate.case, clock.now_ms())

    return nobody_left
