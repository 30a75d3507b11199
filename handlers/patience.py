"""How long a case waits for somebody: for whoever is offered it, in his duty hours; for whoever reads it, in days (DESIGN 4)."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.declared import Declared
from handlers.ports import Clock, Tx
from handlers.requests import CLOCK_SLACK_HOURS
from handlers.succession import Slot
from routing.duty import Duty, due
from routing.gate import GateFile, Sla
from sealing.rows import DAY_MS, HOUR_MS, TaskKind

OFFER_HOURS = {Sla.URGENT: 1, Sla.NORMAL: 6}
"""From the slot of the offer, in the reader's duty hours."""
IDLE_MS = {Sla.URGENT: 72 * HOUR_MS, Sla.NORMAL: 14 * DAY_MS}
"""From the last thing that the reader did in the case."""
REMIND_MS = 12 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Patience:
    clock: Clock
    slot: Slot

    async def offered(self, tx: Tx, grant_id: str, gate: GateFile, duty: Duty | None, relief: int | None = None) -> None:
        """The grant is offered now, or still: how long he may be silent. An urgent one is looked at in any case. `relief`: when the next
        can take it from somebody who is off duty, ms."""
        now, urgent = self.clock.now_ms(), gate.sla is Sla.URGENT
        ends = [due(now, OFFER_HOURS[gate.sla], duty), *([now + REMIND_MS] if urgent else []), *([] if relief is None else [relief])]
        await tx.enqueue(TaskKind.LAPSE, grant_id, self._slot(min(ends), gate))

    def without_time(self, gate: GateFile, hours: Declared | None) -> Duty | None:
        """His duty hours, where an urgent offer, looked at now, was there in too few of them; None = he had time. Hours that he may have
        declared since excuse nothing: or whoever is offered a case that he fears would go off duty."""
        now = self.clock.now_ms()
        since = now - REMIND_MS  # no earlier than the offer, or the look before, where it was cut short; else he had his hours in any case
        if gate.sla is not Sla.URGENT or hours is None or (hours.hour + 1 + CLOCK_SLACK_HOURS) * HOUR_MS > since:
            return None
        return None if due(since, OFFER_HOURS[gate.sla], hours.duty) <= now else hours.duty

    async def still_silent(self, tx: Tx, grant_id: str, gate: GateFile) -> None:
        """The grant stays offered, and somebody was told: when to tell again."""
        await tx.enqueue(TaskKind.LAPSE, grant_id, self._slot(self.clock.now_ms() + REMIND_MS, gate))

    async def stirred(self, tx: Tx, gate: GateFile) -> None:
        """The reader did something: the case waits anew."""
        await tx.enqueue(TaskKind.IDLE, gate.case, self._slot(self.clock.now_ms() + IDLE_MS[gate.sla], gate))

    def _slot(self, end: int, gate: GateFile) -> int:
        """The first slot that is not before: a due time tells nobody the minute of anything."""
        return self.slot(end - 1, gate.sla is Sla.URGENT)
