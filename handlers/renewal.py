"""A new epoch of a case. Whoever was shown the case and left it may have had its key: nothing that comes later is sealed to that one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from handlers.parts import Sealer, country_of, worker_leaf
from handlers.ports import Clock, Entropy, Tx
from handlers.roster import Vetters, members
from handlers.succession import CaseBroken, Succession, grants_of, read_gate
from routing.gate import GateFile, facts_of
from routing.gate_bytes import gate_bytes
from routing.people import Atlas
from sealing.case import CaseKey, new_case_key, sha256
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.plaintexts import Stub
from sealing.rows import DAY_MS, HOUR_MS, OUT, CaseRow

Escrow = Callable[[Tx, CaseKey, GateFile], Awaitable[None]]
"""What else is made of a case key while it is in memory, in the transaction that seals: the trustees' shares."""

Told = Callable[[Sealer], Stub]


async def no_escrow(_: Tx, __: CaseKey, ___: GateFile) -> None:
    """A line without trustees."""


@dataclass(frozen=True, slots=True)
class Renewal:
    keys: WorkerKeys
    clock: Clock
    entropy: Entropy
    vetters: Vetters
    atlas: Atlas
    succession: Succession
    escrow: Escrow = no_escrow

    async def due(self, tx: Tx, gate: GateFile) -> bool:
        """Whether somebody who is out of the case was shown its newest epoch. Whether he opened it, his row does not tell any more; one key
        too many costs little."""
        grants = await tx.grants(gate.case)
        return any(g.epoch == gate.epoch and g.person_id is not None and g.state in OUT for g in grants)

    async def renew(self, tx: Tx, case: CaseRow, gate: GateFile, told: Told | None = None) -> GateFile:
        """A new case key, with a key file for everybody who still stands, leads too; the gate with it, written. `case`: locked, as it is
        now. `told`: what the stub says, where more is known than the gate file holds."""
        key = new_case_key(case.id, gate.epoch + 1)
        renewed = replace(gate, epoch=key.epoch, recipient=key.recipient)
        now = self.clock.now_ms()
        sealer = Sealer(self.keys, self.entropy, key, now // DAY_MS)
        known = {member.person.id: member for member in await members(tx, self.keys, self.vetters, self.clock.now_ms() // HOUR_MS)}
        left = [seat for seat in (*renewed.standing(), *renewed.leads()) if seat.person in known]
        standing = [seat for seat in left if not await self._is_out(tx, gate, seat.person)]
        stub = told(sealer) if told is not None else sealer.later_stub(renewed, self.atlas, country_of(facts_of(renewed), self.atlas))
        if not await tx.raise_epoch(case.id, key.epoch, key.recipient, self.keys.seal_gate(case.id, gate_bytes(renewed)), case.version):
            raise CaseBroken  # it was locked: nobody else can have changed it
        await tx.add_grants(sealer.grants(standing, known, stub))
        await self.escrow(tx, key, renewed)
        named = sha256(key.recipient.encode())
        await tx.log(worker_leaf(self.keys, Entry(now // HOUR_MS, EntryKind.NEW_EPOCH, case.id, named, "")))
        return renewed

    async def _is_out(self, tx: Tx, gate: GateFile, person: str) -> bool:
        return any(grant.state in OUT for grant in await grants_of(tx, self.keys, gate.case, gate.epoch, person))

    async def place(self, tx: Tx, case: CaseRow) -> CaseKey:
        """What the next thing of this case is sealed to. Where that is a new epoch, it is offered to whoever reads. Raises CaseBroken."""
        gate = read_gate(self.keys, case)
        if await self.due(tx, gate):
            gate = await self.renew(tx, case, gate)
            await self.succession.next(tx, gate)
        return CaseKey(case.id, gate.epoch, gate.recipient)
