"""Each case key in trustees' shares, made while the sealer has it: the way to a next reader when nobody is left who may read the case.
Never a master key; and nobody but a case's reader ever holds the whole of one. The key of a case's codes in the same way, for auditors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from handlers.opening import Gate
from handlers.ports import Clock, Trouble, Tx
from handlers.roster import Member, Vetters, members
from handlers.succession import Alarm
from routing.gate import GateFile
from routing.people import Role
from sealing.age import two_locks
from sealing.case import CaseKey
from sealing.keyring import WorkerKeys
from sealing.rows import HOUR_MS, Purpose, ShareRow, ShareState
from sealing.shares import CODES, MOST, Share, deal, share_text

NEEDED = 2


async def active_trustees(tx: Tx, keys: WorkerKeys, vetters: Vetters, clock: Clock) -> list[Member]:
    """In the order of their ids."""
    known = await members(tx, keys, vetters, clock.now_ms() // HOUR_MS)
    found = [member for member in known if member.card.role is Role.TRUSTEE and member.person.active]
    return sorted(found, key=lambda member: member.person.id)[:MOST]


@dataclass(frozen=True, slots=True)
class Escrow:
    """`needed`: how many trustees' shares are a case key."""

    keys: WorkerKeys
    clock: Clock
    vetters: Vetters
    gate: Gate
    alarm: Alarm
    needed: int = NEEDED

    async def enough(self, tx: Tx, gate: GateFile) -> bool:
        """Whether this case's key would come back."""
        trustees = await active_trustees(tx, self.keys, self.vetters, self.clock)
        return sum(self.gate.lets_hold(gate, trustee) for trustee in trustees) >= self.needed

    async def keep(self, tx: Tx, key: CaseKey, gate: GateFile) -> None:
        """One share for each trustee, in the transaction that seals this epoch. Whom the case excludes gets a dummy: neither the table nor
        his own share tells him. Where too few are left for the key to come back, it is sealed all the same, and the alarm is raised."""
        if key.identity is None:
            raise ValueError("only the sealer of an epoch makes its shares")
        trustees = await active_trustees(tx, self.keys, self.vetters, self.clock)
        if not trustees:
            return  # said once, by doctor, and not at each case
        holds = [self.gate.keeps(gate, trustee) for trustee in trustees]
        if sum(holds) < self.needed and key.epoch != CODES:  # said once of a case
            self.alarm(Trouble.NO_ESCROW)
        await tx.add_shares(self._rows(key, key.identity, trustees, holds))

    def _rows(self, key: CaseKey, identity: str, trustees: Sequence[Member], holds: Sequence[bool]) -> list[ShareRow]:
        _, release = self.keys.recipient(Purpose.RELEASE)
        rows: list[ShareRow] = []
        for trustee, dealt in zip(trustees, deal(identity.encode(), self.needed, holds), strict=True):
            text = share_text(Share(key.case_id, key.epoch, key.recipient, self.needed, dealt))
            sealed = two_locks(text, trustee.card.age_recipient, release)
            share_id = self.keys.share_id(key.case_id, key.epoch, trustee.person.id)
            rows.append(ShareRow(share_id, key.case_id, key.epoch, trustee.person.id, ShareState.LOCKED, sealed))
        return rows
