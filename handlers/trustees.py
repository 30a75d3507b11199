"""What trustees do: approve, which hands one his share and the next reader's card, and give, which brings it back sealed to that reader.

The line sees neither: what it hands out is sealed to the trustee, what it gets is sealed to the reader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from handlers.opening import Gate
from handlers.parts import Sealer, country_of
from handlers.ports import Clock, Entropy, Tx
from handlers.requests import Done, Refusal, Request, Result, read_request, said_in
from handlers.rescue import Next, roster_now, who_stands
from handlers.roster import Member, Vetters, open_card
from handlers.succession import CaseBroken, Slot, read_gate
from routing.cards import card_bytes
from routing.gate import Sla, facts_of
from routing.people import Atlas
from sealing import plaintexts
from sealing.age import OpenError
from sealing.card import SignedCardError
from sealing.case import CaseKey, ReaderKey, locked_grant, sha256
from sealing.custody import EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import DAY_MS, READ, ActRow, CaseRow, GrantRow, GrantState, Purpose, ShareRow, ShareState, TaskKind
from sealing.shares import CODES, HEAD, Bundle, Resealed, bundle, given, read_given, read_reseal

LARGEST_SHARE = 8_192
"""Bytes of a share that a trustee sends: his own has half of it."""


@dataclass(frozen=True, slots=True)
class Trustees:
    """Judges of `approve` and `reseal`. `needed`: how many shares are a case key."""

    keys: WorkerKeys
    clock: Clock
    entropy: Entropy
    vetters: Vetters
    atlas: Atlas
    gate: Gate
    slot: Slot
    needed: int

    async def approve(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `approve`: its entry names the share as the desk listed it. He gets it without its outer lock, and the signed card of the
        reader, so that his own device judges whom he seals to."""
        request = read_request(act, member, EntryKind.APPROVE, self.keys, self.clock)
        if isinstance(request, Refusal):
            return request
        found = await self._place(tx, act, member, lambda share: sha256(share.sealed) == request.entry.sha256)
        if isinstance(found, Refusal):
            return found
        share, reader = found
        row = await tx.person(reader.member.person.id)
        try:
            card = None if row is None else open_card(self.keys, row.card)
        except (OpenError, SignedCardError):
            card = None
        if card is None:
            return Refusal.STALE
        await tx.log(request.leaf())
        return Done(Result.DONE, key_file=self.keys.peel(share.sealed), more=(("reader", card.to_bytes().decode()),))

    async def give(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `reseal`. With the last share that is needed the reader has a grant, and is offered the case like any other."""
        request = read_request(act, member, EntryKind.RESEAL, self.keys, self.clock)
        if isinstance(request, Refusal):
            return request
        sent = self._sent(request, act.case_id)
        if sent is None:
            return Refusal.UNREADABLE
        found = await self._place(tx, act, member, lambda share: share.epoch == sent.epoch)
        if isinstance(found, Refusal):
            return found
        share, reader = found
        if sent.card != reader.seat.card:
            return Refusal.STALE
        _, sealed = self.keys.seal(Purpose.RELEASE, given(self.keys.peel(share.sealed), sent))
        if not await tx.put_share(share.id, ShareState.ASKED, ShareState.GIVEN, sealed):
            return Refusal.NOT_YOURS
        await tx.log(request.leaf())
        await self._serve(tx, reader, sent.epoch)
        return Done(Result.DONE)

    async def _place(self, tx: Tx, act: ActRow, trustee: Member, meant: Callable[[ShareRow], bool]) -> tuple[ShareRow, Next] | Refusal:
        """The trustee's own share that is asked for, and whom it is for: the gate lets both him and the reader. The case is locked."""
        case = await tx.lock_case(act.case_id)
        mine = [s for s in await tx.shares(act.case_id) if s.person_id == act.person_id and s.epoch != CODES]
        asked = [s for s in mine if s.state is ShareState.ASKED]
        share = next(filter(meant, asked), None)
        if case is None or share is None:
            return Refusal.NOT_YOURS
        try:
            gate = read_gate(self.keys, case)
        except CaseBroken:
            return Refusal.GATE
        if not self.gate.lets_hold(gate, trustee):
            return Refusal.GATE
        standing = await who_stands(tx, self.keys, gate, await roster_now(tx, self.keys, self.vetters, self.clock))
        reader = next((one for one in standing if not one.lacks), None) or next(iter(standing), None)
        if case.state not in READ or reader is None or not self._takes(case, reader, share.epoch):
            return Refusal.STALE
        return share, reader

    def _takes(self, case: CaseRow, reader: Next, epoch: int) -> bool:
        """He has no key of this epoch, or has it in shares, of which more may be needed than were right."""
        if reader.member.card_fingerprint != reader.seat.card or not self.gate.passes(case, reader.member):
            return False
        grant = reader.grants.get(epoch)
        return grant is None or not self.keys.peel(grant.key_file).startswith(HEAD)

    def _sent(self, request: Request, case_id: str) -> Resealed | None:
        sent = said_in(request, self.keys, read_reseal)
        return sent if sent is not None and sent.case == case_id and len(sent.share) <= LARGEST_SHARE else None

    async def _serve(self, tx: Tx, reader: Next, epoch: int) -> None:
        """A grant of the shares given to this reader, or one more in the grant that he has."""
        rows = [s for s in await tx.shares(reader.gate.case) if s.epoch == epoch and s.state is ShareState.GIVEN]
        given_to_him = [share for _, card, share in (read_given(self.keys.peel(row.sealed)) for row in rows) if card == reader.seat.card]
        if len(given_to_him) < self.needed:
            return
        made = self._grant(reader, epoch, tuple(given_to_him))
        held = reader.grants.get(epoch)
        if held is None:
            await tx.add_grants([made])
            await tx.enqueue(TaskKind.OFFER, made.id, self.slot(self.clock.now_ms(), reader.gate.sla is Sla.URGENT))
        else:
            shown = held.state is not GrantState.LOCKED
            await tx.put_keys(held.id, held.state, self.keys.peel(made.stub) if shown else made.stub, made.key_file)

    def _grant(self, reader: Next, epoch: int, shares: tuple[bytes, ...]) -> GrantRow:
        gate, card = reader.gate, reader.member.card
        sealer = Sealer(self.keys, self.entropy, CaseKey(gate.case, epoch, ""), self.clock.now_ms() // DAY_MS)
        grant_id = self.keys.grant_id(gate.case, epoch, reader.seat.person)
        stub = sealer.later_stub(gate, self.atlas, country_of(facts_of(gate), self.atlas))
        own = plaintexts.with_reader(stub, grant_id, reader.seat.card, card_bytes(card).decode())
        key = ReaderKey(reader.seat.person, card.age_recipient, reader.seat.card)
        return locked_grant(bundle(Bundle(gate.case, epoch, shares)), key, grant_id, self.keys.recipient(Purpose.RELEASE)[1], own)
