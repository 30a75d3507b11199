"""Why people could not read a case, told to two auditors of different agencies: each of them asks, then trustees, each on his own device,
seal their shares of the codes' key to both together (sealing/disclosing.py).

The line sees none of it: it hands out the codes without its own lock, and shares that each auditor can only open the outside of for the
other. The case's own key is in none of this.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from handlers.kept import Kept, KeptBroken
from handlers.opening import Gate
from handlers.ports import Clock, Trouble, Tx
from handlers.requests import Done, Refusal, Result, read_request, said_in
from handlers.roster import Member, Vetters, find_member, open_card
from handlers.succession import Alarm, CaseBroken, read_gate
from routing.gate import GateFile
from routing.people import Atlas, Role
from sealing.case import sha256
from sealing.custody import EntryKind, read_leaf
from sealing.disclosing import disclosed, read_disclose, read_disclosed
from sealing.keyring import WorkerKeys
from sealing.rows import HOUR_MS, ActRow, Part, Purpose, ShareRow, ShareState
from sealing.shares import CODES
from sealing.signing import fingerprint

KIND = "audit"
STANDS_HOURS = 30 * 24
"""Of a request: what two auditors want together they want now."""
LARGEST_SHARE = 16_384
"""Bytes of what a trustee sends for one auditor: twice sealed, his own has a third of it."""


class NotShown(StrEnum):
    """Why an auditor is not told, besides what every act can be refused for. `no_codes`: sealed by a version that gave the codes no key of
    their own, or without trustees, or purged. `two_asked`: two others have."""

    NO_CODES = "no_codes"
    OTHER_OFFICE = "other_office"
    SAME_AGENCY = "same_agency"
    TWO_ASKED = "two_asked"


@dataclass(frozen=True, slots=True)
class Asked:
    """An auditor whose request stands. `leaf`: as he signed it, in the log."""

    member: Member
    leaf: bytes

    @property
    def card(self) -> str:
        return self.member.card_fingerprint


@dataclass(frozen=True, slots=True)
class Audits:
    """Judges of `audit`, `allow` and `disclose`. `needed`: how many trustees' shares are the key."""

    keys: WorkerKeys
    clock: Clock
    vetters: Vetters
    atlas: Atlas
    gate: Gate
    alarm: Alarm
    needed: int

    @property
    def kept(self) -> Kept:
        return Kept(self.keys, KIND)

    async def audit(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `audit`, of an auditor. The same again tells him how far it is, and in the end hands out his part. Each is logged."""
        request = read_request(act, member, EntryKind.AUDIT, self.keys, self.clock)
        if isinstance(request, Refusal):
            return request
        found = await self._case(tx, act.case_id) if member.card.role is Role.AUDITOR else Refusal.NOT_YOURS
        if isinstance(found, Refusal):
            return found
        gate, notes = found
        if not self.gate.lets_audit(gate, member):
            return Refusal.GATE
        leaf, shares = request.leaf(), await tx.shares(gate.case)
        if leaf in map(_leaf, notes):
            return Refusal.STALE
        pair = two_of([*await self._asked(tx, gate, notes), Asked(member, leaf)])
        if (why := self._why_not(member, pair, shares)) is not None:
            return Done(Result.REFUSED, why)
        await self.kept.add(tx, gate.case, {"person": member.person.id, "leaf": base64.b64encode(leaf).decode()})
        await tx.log(leaf)
        if len(pair) == 2:
            await self._ask(tx, shares, pair)
        return Done(Result.DONE, more=await self._how_far(tx, gate.case, member, pair))

    async def allow(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `allow`: its entry names the trustee's share as the desk listed it. He gets it without its outer lock, with the signed
        cards and requests of both auditors, so that his own device judges whom he seals to, and that they asked."""
        request = read_request(act, member, EntryKind.ALLOW, self.keys, self.clock)
        if isinstance(request, Refusal):
            return request
        found = await self._place(tx, act, member)
        if isinstance(found, Refusal):
            return found
        share, pair = found
        if sha256(share.sealed) != request.entry.sha256:
            return Refusal.NOT_YOURS
        told = [[await self._card(tx, one), base64.b64encode(one.leaf).decode()] for one in pair]
        await tx.log(request.leaf())
        return Done(Result.DONE, key_file=self.keys.peel(share.sealed), more=(("auditors", json.dumps(told)),))

    async def disclose(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `disclose`: what the trustee's device made of his share. The auditors come for it themselves."""
        request = read_request(act, member, EntryKind.DISCLOSE, self.keys, self.clock)
        if isinstance(request, Refusal):
            return request
        sent = said_in(request, self.keys, read_disclose)
        if sent is None or sent.case != act.case_id or any(len(share) > LARGEST_SHARE for share in sent.shares.values()):
            return Refusal.UNREADABLE
        found = await self._place(tx, act, member)
        if isinstance(found, Refusal):
            return found
        share, pair = found
        if sent.shares.keys() != {one.card for one in pair}:
            return Refusal.STALE
        _, sealed = self.keys.seal(Purpose.RELEASE, disclosed(self.keys.peel(share.sealed), sent.shares))
        if not await tx.put_share(share.id, ShareState.ASKED, ShareState.GIVEN, sealed):
            return Refusal.NOT_YOURS
        await tx.log(request.leaf())
        return Done(Result.DONE)

    async def _place(self, tx: Tx, act: ActRow, trustee: Member) -> tuple[ShareRow, Sequence[Asked]] | Refusal:
        """The trustee's own share of the codes' key, that is asked for, and for whom: the gate lets all three. The case is locked."""
        found = await self._case(tx, act.case_id)
        if isinstance(found, Refusal):
            return found
        gate, notes = found
        asked = [s for s in of_codes(await tx.shares(gate.case)) if s.person_id == act.person_id and s.state is ShareState.ASKED]
        if not asked:
            return Refusal.NOT_YOURS
        if not self.gate.lets_hold(gate, trustee):
            return Refusal.GATE
        pair = two_of(await self._asked(tx, gate, notes))
        return (asked[0], pair) if len(pair) == 2 else Refusal.STALE

    async def _case(self, tx: Tx, case_id: str) -> tuple[GateFile, Sequence[Mapping[str, object]]] | Refusal:
        """The gate of a sealed case, locked, and what is noted of who asked."""
        case = await tx.lock_case(case_id)
        if case is None or case.gate is None:
            return Refusal.NOT_YOURS
        try:
            return read_gate(self.keys, case), await self.kept.of(tx, case_id)
        except (CaseBroken, KeptBroken):
            self.alarm(Trouble.TAMPERED)
            return Refusal.GATE

    async def _asked(self, tx: Tx, gate: GateFile, notes: Sequence[Mapping[str, object]]) -> list[Asked]:
        """Those whose request stands, in the order in which they asked: by the card that each has now, and the gate lets him still."""
        hour, found = self.clock.now_ms() // HOUR_MS, list[Asked]()
        for note in notes:
            leaf = _leaf(note)
            entry, member = read_leaf(leaf)[0], await find_member(tx, self.keys, self.vetters, str(note["person"]), hour)
            if member is None or entry.card != member.card_fingerprint or entry.hour < hour - STANDS_HOURS:
                continue
            if self.gate.lets_audit(gate, member):
                found.append(Asked(member, leaf))
        return found

    def _why_not(self, member: Member, pair: Sequence[Asked], shares: Sequence[ShareRow]) -> NotShown | None:
        if not of_codes(shares):
            return NotShown.NO_CODES
        if fingerprint(member.card.verify_key) in self.vetters.ever or any(share.person_id == member.person.id for share in shares):
            return NotShown.OTHER_OFFICE
        if member.person.id not in {one.member.person.id for one in pair}:
            return NotShown.TWO_ASKED
        agencies = [one.member.card.agency for one in pair]
        return None if len(pair) < 2 or self.atlas.apart(*agencies) else NotShown.SAME_AGENCY

    async def _ask(self, tx: Tx, shares: Sequence[ShareRow], pair: Sequence[Asked]) -> None:
        """All trustees; one who gave his share to other auditors is asked again."""
        for share in of_codes(shares):
            if share.state is ShareState.LOCKED:
                await tx.move_share(share.id, ShareState.LOCKED, ShareState.ASKED)
            elif share.state is ShareState.GIVEN:
                own, given = read_disclosed(self.keys.peel(share.sealed))
                if given.keys() != {one.card for one in pair}:
                    _, sealed = self.keys.seal(Purpose.RELEASE, own)
                    await tx.put_share(share.id, ShareState.GIVEN, ShareState.ASKED, sealed)

    async def _how_far(self, tx: Tx, case_id: str, member: Member, pair: Sequence[Asked]) -> tuple[tuple[str, str], ...]:
        """How far it is; at its end the codes, without the line's lock, and what this auditor opens the outside of for the other."""
        other = next((one.card for one in pair if one.card != member.card_fingerprint), "")
        rows = [share for share in of_codes(await tx.shares(case_id)) if share.state is ShareState.GIVEN]
        given = [shares for _, shares in (read_disclosed(self.keys.peel(row.sealed)) for row in rows)] if other else []
        far = (("auditors", str(len(pair))), ("given", str(len(given))), ("needed", str(self.needed)))
        if len(given) < self.needed:
            return far
        note = next(envelope for envelope in await tx.envelopes(case_id) if envelope.part is Part.NOTE)
        handed = json.dumps([base64.b64encode(shares[other]).decode() for shares in given])
        return (*far, ("note", base64.b64encode(self.keys.peel(note.sealed)).decode()), ("shares", handed))

    async def _card(self, tx: Tx, asked: Asked) -> str:
        """As two vetters signed it."""
        row = await tx.person(asked.member.person.id)
        return "" if row is None else open_card(self.keys, row.card).to_bytes().decode()


def two_of(asked: Sequence[Asked]) -> Sequence[Asked]:
    """The first two people, each with his newest request."""
    return list({one.member.person.id: one for one in asked}.values())[:2]


def of_codes(shares: Sequence[ShareRow]) -> list[ShareRow]:
    return [share for share in shares if share.epoch == CODES]


def _leaf(note: Mapping[str, object]) -> bytes:
    return base64.b64decode(str(note["leaf"]))
