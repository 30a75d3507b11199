"""Duty hours: a reader's own, weekly, in his own time zone, signed by himself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from handlers.declared import declared, seal_declared
from handlers.ports import Clock, Tx
from handlers.requests import Done, Refusal, Request, Result, open_newest, read_request
from handlers.roster import Member
from routing.duty import Duty, DutyError, duty_bytes, parse_duty
from sealing.age import OpenError
from sealing.custody import EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import ActRow, Purpose


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
        duty, before = self._said(request), declared(row, self.keys)
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

    def _said(self, request: Request) -> Duty | None:
        """Padded with spaces, like all that is said at a desk."""
        if request.content is None:
            return None
        try:
            return parse_duty(open_newest(self.keys, Purpose.GATE, request.content).rstrip(b" "))
        except (OpenError, DutyError):
            return None
