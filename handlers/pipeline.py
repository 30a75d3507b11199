"""Seal a tip, or append to a sealed case. Obligations of a first sealing, in order:

(1) nothing is decided twice: guarded by the case's state and version  (2) every message is translated and triaged, original and translation
(3) one draw, with coins committed before the tip was opened  (4) nobody eligible, or a poisoned tip: held, never widened
(5) a case key of its own; key files under two locks; messages, contact, codes, gate file  (6) envelopes, custody entries and the end of the
waiting messages in one transaction  (7) the offer falls due at the next slot
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from handlers.erasing import Erasures
from handlers.facts import tip_facts
from handlers.forgetting import let_go
from handlers.parts import Sealer
from handlers.ports import Clock, Entropy, Store, Tx
from handlers.reading import Read
from handlers.roster import Member, Vetters, members, spellings
from handlers.succession import Alarm, Slot, Succession, read_gate
from handlers.thread import Thread
from handlers.understanding import Understanding
from handlers.voices import Voice, read_voices, waiting_voices
from routing.draw import choose
from routing.gate import add_facts, draw_up, gate_bytes, parse_gate
from routing.people import Atlas, Roster, TipFacts
from sealing.case import CaseKey, new_case_key
from sealing.custody import EntryKind
from sealing.keyring import WorkerKeys
from sealing.points import Point, reached
from sealing.rows import DAY_MS, HOUR_MS, CaseRow, CaseState, GrantState, Part, SealedCase, Task, TaskKind


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case with its messages that are not sealed yet, and the roster as it is now."""

    case: CaseRow
    voices: tuple[Voice, ...]
    more: bool
    """Others of a crowd wait: they are sealed in the next go."""
    members: Mapping[str, Member]
    barred: frozenset[str]
    """Who may not read what this source said while he was one of a crowd: he need not name them twice."""

    @property
    def inbound(self) -> tuple[str, ...]:
        return tuple(row.id for voice in self.voices for row in voice.inbound)

    @property
    def newest(self) -> Thread | None:
        """Whom an answer goes to. Nobody, where the source asked to be let go, or the case is a crowd's: an answer must not go astray."""
        threads = [voice.thread for voice in self.voices]
        return None if any(thread.forgotten or thread.crowd is not None for thread in threads) else threads[-1]


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
        found = {member.person.id: member for member in await members(tx, self.keys, self.vetters)}
        barred = [await self._barred(tx, left) for voice in voices for left in voice.thread.left]
        return Waiting(case, voices, more, found, frozenset().union(*barred))

    async def _barred(self, tx: Tx, case_id: str) -> frozenset[str]:
        """Not sealed yet: then his messages came along to his own case."""
        case = await tx.case(case_id)
        if case is None or case.gate is None:
            return frozenset()
        return frozenset(parse_gate(self.keys.open_gate(case_id, case.gate)).excluded)

    def _roster(self, waiting: Waiting, without: Collection[str] = ()) -> Roster:
        people = tuple(member.person for member in waiting.members.values() if member.person.id not in without)
        return Roster(people, self.atlas, frozenset(self.vetters.keys))

    def _facts(self, waiting: Waiting, read: tuple[Read, ...]) -> TipFacts:
        states = [voice.thread.state for voice in waiting.voices]
        today = True if any(state.today for state in states) else states[0].today
        received = min(r.message.written for r in read)
        return tip_facts([r.assessment for r in read], self.atlas, received, today, states[0].language or None)

    async def _first(self, task: Task, waiting: Waiting, read: tuple[Read, ...]) -> None:
        now = self._now()
        facts = self._facts(waiting, read)
        drawn = choose(self._roster(waiting, waiting.barred), facts, self.keys.coins(waiting.case.id), now)  # (3)
        if drawn.hold is not None:  # (4)
            async with self.store.begin() as tx:
                await tx.move_case(waiting.case.id, CaseState.TALKING, CaseState.HELD)
                await tx.done(task)
            self.alarm(drawn.hold)
            return
        key = new_case_key(waiting.case.id, 1)  # (5)
        sealer = Sealer(self.keys, self.entropy, key, self._day())
        cards = {person: waiting.members[person].card_fingerprint for person in drawn.order}
        gate = draw_up(waiting.case.id, 1, key.recipient, now, facts, drawn, cards)
        stub = sealer.stub(facts, read, self.atlas, self._country(facts))
        envelopes = sealer.messages(read, 1, "")
        if waiting.newest is not None:
            envelopes += (sealer.contact(read[-1].message, waiting.newest, len(envelopes) + 1),)
        envelopes += (sealer.codes(drawn.reasons, len(envelopes) + 1),)
        grants = sealer.grants(gate.order, waiting.members, stub)
        sealed_gate = self.keys.seal_gate(waiting.case.id, gate_bytes(gate))
        entries = sealer.entries(EntryKind.SEAL, [e.sha256 for e in envelopes], self._hour())
        epoch, _ = sealer.delivery
        sealed = SealedCase(
            waiting.case.id, 1, key.recipient, epoch, facts.urgent, sealed_gate, envelopes, grants, entries, waiting.inbound
        )
        async with self.store.begin() as tx:  # (6)
            if not await tx.seal(sealed, waiting.case.version):  # (1)
                raise CaseMoved
            await self._settle(tx, waiting, read)
            await tx.enqueue(TaskKind.OFFER, grants[0].id, self.slot(self.clock.now_ms(), facts.urgent))  # (7)
            await tx.done(task)
            reached(Point.CASE_WRITTEN)
        reached(Point.CASE_SEALED)

    async def _append(self, task: Task, waiting: Waiting, read: tuple[Read, ...]) -> None:
        """Later messages go to the case key. A new fact only strikes people from the drawn order; it never causes a new draw."""
        case = waiting.case
        gate = read_gate(self.keys, case)  # a recipient that somebody wrote into the database gets no message
        facts = self._facts(waiting, read)
        gate, struck = add_facts(gate, self._roster(waiting), facts, self._now())
        async with self.store.begin() as tx:
            locked = await tx.lock_case(case.id)
            if locked is None or locked.version != case.version:
                raise CaseMoved
            stored = await tx.envelopes(case.id)
            grants = await tx.grants(case.id)
            had_key = {g.person_id for g in grants if g.state is GrantState.OPEN}
            new_epoch = bool(had_key & set(struck))
            key = new_case_key(case.id, case.epoch + 1) if new_epoch else CaseKey(case.id, case.epoch, gate.recipient)
            sealer = Sealer(self.keys, self.entropy, key, self._day())
            last = max((e.seq for e in stored), default=0)
            previous = next((e.sha256 for e in reversed(stored) if e.part is Part.MESSAGE), "")
            envelopes = sealer.messages(read, last + 1, previous)
            if waiting.newest is not None:
                envelopes += (sealer.contact(read[-1].message, waiting.newest, last + len(envelopes) + 1),)
            fresh = sealer.later_grants(gate, waiting.members, facts, read, self.atlas, self._country(facts)) if new_epoch else ()
            gate = replace(gate, epoch=key.epoch, recipient=key.recipient)
            sealed_gate = self.keys.seal_gate(case.id, gate_bytes(gate))
            moved = (
                await tx.raise_epoch(case.id, key.epoch, key.recipient, sealed_gate, case.version)
                if new_epoch
                else await tx.update_gate(case.id, sealed_gate, case.version)
            )
            if not moved:
                raise CaseMoved
            await tx.add_grants(fresh)
            await tx.append(envelopes)
            await tx.drop_inbound(waiting.inbound)
            kind = EntryKind.NEW_EPOCH if new_epoch else EntryKind.SEAL
            for entry in sealer.entries(kind, [e.sha256 for e in envelopes], self._hour()):
                await tx.log(entry)
            await self.succession.out(tx, gate, struck, GrantState.STRUCK)
            if struck:
                await self.succession.next(tx, gate)
            await self._settle(tx, waiting, read)
            await tx.done(task)
            reached(Point.CASE_WRITTEN)
        reached(Point.CASE_SEALED)

    async def _settle(self, tx: Tx, waiting: Waiting, read: Sequence[Read]) -> None:
        """Sealed: the threads keep no trace of which message answered what, the provider none of the messages."""
        channels = {r.thread: r.message.channel for r in read}
        for voice in waiting.voices:
            await self.erasures.sealed(tx, voice.row.tag, channels[voice.row.tag])
            if voice.thread.forgotten:
                settled = await let_go(tx, self.keys, voice.thread, voice.row, waiting.case.id, self._hour())
            else:
                thread = replace(voice.thread, state=replace(voice.thread.state, sealed=True), asked={})
                settled = await tx.save_thread(thread.sealed(self.keys, voice.row))
            # One of a crowd who writes meanwhile must not keep the others' messages from being sealed.
            if not settled and voice.thread.crowd is None:
                raise CaseMoved
        if waiting.more:
            await tx.enqueue(TaskKind.SEAL, waiting.case.id, self.clock.now_ms())

    def _country(self, facts: TipFacts) -> str:
        above = {region for known in facts.regions if known in self.atlas.regions for region in self.atlas.above(known)}
        countries = {region for region in above if self.atlas.regions[region].parent is None}
        return next(iter(countries)) if len(countries) == 1 else ""

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC)

    def _day(self) -> int:
        return self.clock.now_ms() // DAY_MS

    def _hour(self) -> int:
        return self.clock.now_ms() // HOUR_MS


class CaseMoved(Exception):
    """Another worker, or a newer message, changed the case first; nothing was written, the task runs again."""
