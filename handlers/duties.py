"""Duty hours: a reader's own, weekly, in his own time zone, signed by himself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from handlers.declared import declared, seal_declared
from handlers.ports import Clock, Tx
from handlers.requests import Done, Refusal, Result, read_request, said_in
from handlers.roster import Member
from routing.duty import Duty, DutyError, duty_bytes, parse_duty
from sealing.age import OpenError
from sealing.custody import EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import ActRow


@dataclass(frozen=True, slots=True)
class Duties:
    keys: WorkerKeys
    clock: Clock

    async def declare(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `duty`: his hours from now on. An offer that he has keeps its time."""
        request = read_request(act, member, EntryKind.DUTY, self.keys, self.clock)
        if isinstance(request, Refusal):
            return request
        row = await tx.person(act.person_id)
        if act.case_id or row is None or not member.person.active:
            return Refusal.NOT_YOURS if member.person.active else Refusal.GATE
        duty, before = said_in(request, self.keys, _hours), declared(row, self.keys)
        if duty is None:
            return Refusal.UNREADABLE
        if await tx.logged(request.leaf()):
            return Done(Result.DONE)  # posted again: what he has said since stands
        put_in_again = before is not None and request.entry.hour < before.hour
        sealed = seal_declared(self.keys, row.id, duty_bytes(duty), request.leaf())
        if put_in_again or not await tx.save_person(replace(row, duty=sealed)):
            return Refusal.STALE
        await tx.log(request.leaf())
        return Done(Result.DONE)


def _hours(plaintext: bytes) -> Duty:
    """Padded with spaces, like all that is said at a desk. Raises OpenError."""
    try:
        return parse_duty(plaintext.rstrip(b" "))
    except DutyError:
        raise OpenError("not duty hours") from None
