"""Seal a tip, or append to a sealed case. Obligations of a first sealing, in order:

(1) nothing is decided twice: guarded by the case's state and version  (2) every message is translated and triaged, original and translation
(3) one draw, with coins committed before the tip was opened  (4) nobody eligible, or a poisoned tip: held, never widened;
after 14 days sealed to the trustees alone
(5) a case key of its own; key files under two locks; messages, contact, codes, gate file  (6) envelopes, custody entries and the end of the
waiting messages in one transaction  (7) the offer falls due at the next slot
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from handlers.copied import copied, with_copied
from handlers.declared import hours_of
from handlers.drawing import Drawing
from handlers.erasing import Erasures
from handlers.facts import tip_facts
from handlers.forgetting import let_go
from handlers.held import Holds, small
from handlers.letters import Letters
from handlers.parts import Sealer, country_of
from handlers.patience import Patience
from handlers.ports import Clock, Entropy, Store, Trouble, Tx
from handlers.reading import Read
from handlers.renewal import Renewal, Told
from handlers.roster import Member, Vetters, members, spellings
from handlers.succession import Alarm, Slot, Succession, read_gate
from handlers.thread import Thread, read_thread
from handlers.understanding import Understanding
from handlers.voices import Voice, read_voices, waiting_voices
from routing.exposure import areas_of
from routing.gate import GateFile, Sla, add_facts, draw_up, facts_of
from routing.gate_bytes import gate_bytes
from routing.people import Assignment, Atlas, Flag, Roster, TipFacts
from sealing.case import CaseKey, new_case_key
from sealing.custody import EntryKind
from sealing.keyring import WorkerKeys
from sealing.points import Point, reached
from sealing.rows import DAY_MS, HOUR_MS, CaseRow, CaseState, GrantState, Part, SealedCase, Task, TaskKind
from sealing.shares import CODES
from triage.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case with its messages that are not sealed yet, and the roster as it is now."""

    case: CaseRow
    voices: tuple[Voice, ...]
    more: bool
    """Others of a crowd wait: they are sealed in the next go."""
    members: Mapping[str, Member]

    @property
    def inbound(self) -> tuple[str, ...]:
        return tuple(row.id for voice in self.voices for row in voice.inbound)

    @property
    def newest(self) -> Thread | None:
        """Whom an answer goes to. Nobody, where the source asked to be let go, or the case is a crowd's: an answer must not go astray."""
        threads = [voice.thread for voice in self.voices]
        return None if any(thread.forgotten or thread.crowd is not None for thread in threads) else threads[-1]


HELD_LONGEST = timedelta(days=14)
HELD_AGAIN_MS = 12 * HOUR_MS
"""When a held tip is looked at again, from the next full hour on, with the same coins and rules; an urgent one at every full hour."""
LastResort = Callable[[Tx, GateFile], Awaitable[bool]]
"""Whether trustees could give this case's key back."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    store: Store
    keys: WorkerKeys
    clock: Clock
    entropy: Entropy
    vetters: Vetters
    understanding: Understanding
    atlas: Atlas
    slot: Slot
    alarm: Alarm
    erasures: Erasures
    succession: Succession
    renewal: Renewal
    letters: Letters
    patience: Patience
    last_resort: LastResort
    drawing: Drawing
    holds: Holds

    async def seal(self, task: Task) -> None:
        """The SEAL task: `ref` = case id."""
        async with self.store.begin() as tx:
            waiting = await self._waiting(tx, task.ref)
            if waiting is None or waiting.case.state is CaseState.PURGED:
                await tx.done(task)
                return
        names = spellings(waiting.members.values())
        read = await read_voices(waiting.voices, self.keys, self.understanding, names)  # (2)
        reached(Point.READ)
        if waiting.case.state in (CaseState.TALKING, CaseState.HELD):
            await self._first(task, waiting, read)
        else:
            await self._append(task, waiting, read)

    async def _waiting(self, tx: Tx, case_id: str) -> Waiting | None:
        case, (voices, more) = await tx.case(case_id), await waiting_voices(tx, self.keys, case_id)
        if case is None or not voices:
            return None
        found = {member.person.id: member for member in await members(tx, self.keys, self.vetters, self.clock.now_ms() // HOUR_MS)}
        return Waiting(case, voices, more, found)

    def _roster(self, waiting: Waiting) -> Roster:
        return self.drawing.rosters.of([member.person for member in waiting.members.values()])

    def _facts(self, waiting: Waiting, read: tuple[Read, ...]) -> TipFacts:
        states = [voice.thread.state for voice in waiting.voices]
        today = True if any(state.today for state in states) else states[0].today
        received = min(r.message.written for r in read)
        facts = tip_facts([r.assessment for r in read], self.atlas, received, today, states[0].language or None)
        alone = [voice.thread for voice in waiting.voices if voice.thread.crowd is None]
        return with_copied(facts, alone[0].copied) if alone else facts

    async def _first(self, task: Task, waiting: Waiting, read: tuple[Read, ...]) -> None:
        now = self._now()
        facts = self._facts(waiting, read)
        tags = await self.drawing.links.tags(read, areas_of(facts.regions, self.atlas))
        async with self.store.begin() as tx:
            roster, matter = self._roster(waiting), await self.drawing.links.find(tx, tags)
            drawn = await self.drawing.draw(tx, waiting.case.id, roster, facts, matter)  # (3)
        key, of_codes = new_case_key(waiting.case.id, 1), new_case_key(waiting.case.id, CODES)  # (5)
        cards = {person: waiting.members[person].card_fingerprint for person in (*drawn.order, *drawn.leads)}
        gate = draw_up(waiting.case.id, 1, key.recipient, now, facts, replace(drawn, hold=None), cards, roster)
        if drawn.hold is not None and not await self._goes_to_trustees(gate):  # (4)
            shown = self.drawing.shown(waiting.case.id, roster, facts, drawn)
            await self._hold(task, waiting, facts, drawn, shown)
            self.alarm(drawn.hold)
            return
        sealer = Sealer(self.keys, self.entropy, key, self._day())
        stub = sealer.stub(facts, read, self.atlas, country_of(facts, self.atlas))
        envelopes = sealer.messages(read, 1, "")
        if waiting.newest is not None:
            envelopes += (sealer.contact(read[-1].message, waiting.newest, len(envelopes) + 1),)
        envelopes += (sealer.codes(drawn.reasons, len(envelopes) + 1, of_codes.recipient),)
        grants = sealer.grants(gate.seats, waiting.members, stub)
        sealed_gate = self.keys.seal_gate(waiting.case.id, gate_bytes(gate))
        entries = sealer.entries(EntryKind.SEAL, [e.sha256 for e in envelopes], self._hour())
        epoch, _ = sealer.delivery
        sealed = SealedCase(
            waiting.case.id, 1, key.recipient, epoch, facts.urgent, sealed_gate, envelopes, grants, entries, waiting.inbound
        )
        async with self.store.begin() as tx:  # (6)
            if not await tx.seal(sealed, waiting.case.version) or not await self.drawing.keep(tx, matter, drawn, read):  # (1)
                raise CaseMoved
            if await self.drawing.released(tx, waiting.case.id, drawn):
                raise CaseMoved  # by two vetters meanwhile: rather a reader than trustees alone
            for kept in (key, of_codes):
                await self.renewal.escrow(tx, kept, gate)
            await self._settle(tx, waiting, read)
            await self.holds.drop(tx, waiting.case.id)
            if Flag.TWO_VETTERS_REVIEW in drawn.flags:
                await self.letters.write(tx, Trouble.TWO_VETTERS_REVIEW, case=waiting.case.id, text=small(roster, drawn))
                self.alarm(Trouble.TWO_VETTERS_REVIEW)
            if gate.order:
                await tx.enqueue(TaskKind.OFFER, grants[0].id, self.slot(self.clock.now_ms(), facts.urgent))  # (7): the first handler's
            else:
                await self.succession.next(tx, gate)  # nobody: the trustees are asked as soon as somebody may read it
            await tx.done(task)
            reached(Point.CASE_WRITTEN)
        reached(Point.CASE_SEALED)

    async def _hold(self, task: Task, waiting: Waiting, facts: TipFacts, drawn: Assignment, shown: Sensitive[str]) -> None:
        """Looked at again when the source writes, when two vetters release it, when the roster is loaded, and by itself: somebody's
        suspension may be over. `shown`: what vetters see of it."""
        now, too_long = self.clock.now_ms(), int((facts.received + HELD_LONGEST).timestamp() * 1000)
        again = (now // HOUR_MS + 1) * HOUR_MS + (0 if facts.urgent else HELD_AGAIN_MS)
        async with self.store.begin() as tx:
            locked = await tx.lock_case(waiting.case.id)
            if locked is None or locked.version != waiting.case.version:
                raise CaseMoved  # a newer message came meanwhile: it is looked at with the others
            await tx.move_case(waiting.case.id, CaseState.TALKING, CaseState.HELD)
            if facts.urgent:
                await tx.hurry_case(waiting.case.id)
            await self.holds.tell(tx, waiting.case.id, drawn, shown, urgent=facts.urgent)
            if await tx.done(task):  # else it was woken meanwhile: by a release, a card, one of its crowd
                await tx.enqueue(TaskKind.SEAL, waiting.case.id, min(again, too_long) if too_long > now else again)

    async def _goes_to_trustees(self, gate: GateFile) -> bool:
        """A tip that nobody may read lies at the intake key no longer than this, where trustees can keep its key in its place."""
        if self._now() < gate.received + HELD_LONGEST:
            return False
        async with self.store.begin() as tx:
            return await self.last_resort(tx, gate)

    async def _append(self, task: Task, waiting: Waiting, read: tuple[Read, ...]) -> None:
        """Later messages go to the case key. A new fact only strikes people from the drawn order; it never causes a new draw."""
        case = waiting.case
        gate = read_gate(self.keys, case)  # a recipient that somebody wrote into the database gets no message
        facts, before = self._facts(waiting, read), gate
        tags = await self.drawing.links.tags(read, areas_of(before.regions, self.atlas))  # those that it was drawn for
        gate, struck = add_facts(gate, self._roster(waiting), facts, self._now())
        async with self.store.begin() as tx:
            locked = await tx.lock_case(case.id)
            if locked is None or locked.version != case.version:
                raise CaseMoved
            await self.drawing.links.later(tx, tags, before, read)
            # Who closed it, and agreed, are out: it goes on with the next of the order.
            again = await tx.move_case(case.id, CaseState.CLOSED, CaseState.SEALED)
            await self.succession.out(tx, gate, struck, GrantState.STRUCK)
            country = country_of(facts_of(gate), self.atlas)
            gate, renewed = await self._kept(tx, case, gate, lambda sealer: sealer.stub(facts, read, self.atlas, country))
            key = CaseKey(case.id, gate.epoch, gate.recipient)
            sealer = Sealer(self.keys, self.entropy, key, self._day())
            stored = await tx.envelopes(case.id)
            last = max((e.seq for e in stored), default=0)
            previous = next((e.sha256 for e in reversed(stored) if e.part is Part.MESSAGE), "")
            envelopes = sealer.messages(read, last + 1, previous)
            if waiting.newest is not None:
                envelopes += (sealer.contact(read[-1].message, waiting.newest, last + len(envelopes) + 1),)
            await tx.append(envelopes)
            await tx.drop_inbound(waiting.inbound)
            for entry in sealer.entries(EntryKind.SEAL, [e.sha256 for e in envelopes], self._hour()):
                await tx.log(entry)
            hurried = gate.sla is Sla.URGENT and not case.urgent
            if hurried:
                await self._hurry(tx, gate)
            if struck or renewed or again or hurried:
                await self.succession.next(tx, gate)
            await self._settle(tx, waiting, read)
            await tx.done(task)
            reached(Point.CASE_WRITTEN)
        reached(Point.CASE_SEALED)

    async def _hurry(self, tx: Tx, gate: GateFile) -> None:
        """A case that becomes urgent: whoever has it has less time from now on."""
        await tx.hurry_case(gate.case)
        grants = await tx.grants(gate.case)
        if any(grant.state is GrantState.OPEN for grant in grants):
            await self.patience.stirred(tx, gate)
        for grant in grants:
            row = None if grant.person_id is None else await tx.person(grant.person_id)
            if grant.state is GrantState.OFFERED:
                await self.patience.offered(tx, grant.id, gate, None if row is None else hours_of(row, self.keys))

    async def _kept(self, tx: Tx, case: CaseRow, gate: GateFile, told: Told) -> tuple[GateFile, bool]:
        """The gate, written, with a new epoch where somebody who is out of the case was shown the last one; and while a second reader
        decides whether to close it, so that he must read what came before he agrees."""
        if case.state is CaseState.CLOSING or await self.renewal.due(tx, gate):
            return await self.renewal.renew(tx, case, gate, told), True
        if not await tx.update_gate(case.id, self.keys.seal_gate(case.id, gate_bytes(gate)), case.version):
            raise CaseMoved
        return gate, False

    async def _settle(self, tx: Tx, waiting: Waiting, read: Sequence[Read]) -> None:
        """Sealed: the threads keep no trace of which message answered what, the provider none of the messages."""
        channels = {r.thread: r.message.channel for r in read}
        for voice in waiting.voices:
            await self.erasures.sealed(tx, voice.row.tag, channels[voice.row.tag])
            if voice.thread.forgotten:
                settled = await let_go(tx, self.keys, voice.thread, voice.row, waiting.case.id, self._hour())
            else:
                thread = replace(voice.thread, state=replace(voice.thread.state, sealed=True), asked={})
                thread = self._having_copied(thread, waiting, voice, read)
                settled = await tx.save_thread(thread.sealed(self.keys, voice.row))
            # One of a crowd who writes meanwhile must not keep the others' messages from being sealed.
            if not settled and (voice.thread.crowd is None or not await self._settle_later(tx, waiting, voice, read)):
                raise CaseMoved
        if waiting.more:
            await tx.enqueue(TaskKind.SEAL, waiting.case.id, self.clock.now_ms())

    async def _settle_later(self, tx: Tx, waiting: Waiting, voice: Voice, read: Sequence[Read]) -> bool:
        """His thread goes on; but what he copied is noted in it, or it is gone."""
        row = await tx.thread(voice.row.tag)
        if row is None or voice.thread.forgotten:
            return True
        thread = read_thread(self.keys, row)
        if thread.forgotten and not await tx.inbound_of(row.tag):  # meanwhile he asked to be let go, and all he said is sealed now
            return await let_go(tx, self.keys, thread, row, waiting.case.id, self._hour())
        return await tx.save_thread(self._having_copied(thread, waiting, voice, read).sealed(self.keys, row))

    def _having_copied(self, thread: Thread, waiting: Waiting, voice: Voice, read: Sequence[Read]) -> Thread:
        """Of one of a crowd: with what his own messages in this sealing say."""
        if voice.thread.crowd is None:
            return thread
        own = [r for r in read if r.thread == voice.row.tag]
        facts = tip_facts([r.assessment for r in own], self.atlas, own[0].message.written, None, None)
        return replace(thread, copied=copied(thread.copied, facts, self._roster(waiting), self._now()))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC)

    def _day(self) -> int:
        return self.clock.now_ms() // DAY_MS

    def _hour(self) -> int:
        return self.clock.now_ms() // HOUR_MS


class CaseMoved(Exception):
    """Another worker, a newer message or a release came first; nothing was written, the task runs again."""
