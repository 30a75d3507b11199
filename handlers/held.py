"""What vetters are told of a tip that is held, and what the line remembers of having told them: why, and two numbers; nothing of the tip.

The reason says whether many are named, so it stands in no column: the worker keeps it sealed, under an id that is nobody's case without its
pepper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from handlers.letters import Letters
from handlers.ports import Clock, Tx
from routing.people import Assignment, Code, Hold, Role, Roster
from sealing.age import OpenError, padded_json, read_json
from sealing.keyring import WorkerKeys
from sealing.rows import HOUR_MS, OutcomeRow
from triage.sensitive import Sensitive

KIND = "held"
AGAIN_HOURS = 24
"""Of an urgent tip the vetters are told each day anew, as long as nobody may read it."""


def small(roster: Roster, drawn: Assignment) -> Sensitive[str]:
    """All that a vetter sees of a draw from a small pool, or of what it would be if it were released."""
    highest = max(drawn.chances.get(person, 0.0) for person in _handlers(roster))
    return Sensitive(f"May read it: {drawn.pool}. The likeliest of them gets it with a chance of {round(highest * 100)} %.")


def named(roster: Roster, drawn: Assignment) -> Sensitive[str]:
    """All that a vetter sees of a tip that names many."""
    unnamed = sum(set(drawn.reasons[person]) <= {Code.E2} for person in _handlers(roster))
    return Sensitive(f"May read it: {drawn.pool}. Could, if it named nobody: {unnamed}.")


def _handlers(roster: Roster) -> list[str]:
    return [person.id for person in roster.people if person.card.role is Role.HANDLER]


@dataclass(frozen=True, slots=True)
class Record:
    """`hold`: why the case is held now. `told`: code of a hold -> the hour of the last letter about it."""

    hold: Hold
    told: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holds:
    keys: WorkerKeys
    clock: Clock
    letters: Letters

    async def tell(self, tx: Tx, case_id: str, hold: Hold, shown: Sensitive[str], *, urgent: bool) -> None:
        """One letter to every vetter for each case and reason, however often it is looked at; about an urgent tip again after a day."""
        before, hour = await held(tx, self.keys, case_id), self.clock.now_ms() // HOUR_MS
        told = {} if before is None else dict(before.told)
        if hold.value not in told or (urgent and hour - told[hold.value] >= AGAIN_HOURS):
            await self.letters.write(tx, hold, case=case_id, text=shown)
            told[hold.value] = hour
        if before != (now := Record(hold, told)):
            body = padded_json({"v": 1, "kind": KIND, "hold": now.hold.value, "told": now.told})
            await tx.save_outcome(OutcomeRow(_id(self.keys, case_id), self.keys.seal_gate(case_id, body)))

    async def over(self, tx: Tx, case_id: str) -> None:
        """It is sealed: nothing is kept of why it was held."""
        await tx.drop_outcome(_id(self.keys, case_id))


async def held(tx: Tx, keys: WorkerKeys, case_id: str) -> Record | None:
    """What was told of this case. None = nothing, or a record that this worker did not write: then the vetters are told once more."""
    row = await tx.outcome(_id(keys, case_id))
    if row is None:
        return None
    try:
        fields = read_json(keys.open_gate(case_id, row.sealed), KIND)
    except OpenError:
        return None
    told = fields["told"]
    return Record(Hold(str(fields["hold"])), {str(code): int(hour) for code, hour in told.items()} if isinstance(told, dict) else {})


def _id(keys: WorkerKeys, case_id: str) -> str:
    return keys.sending_id(f"held\0{case_id}")
