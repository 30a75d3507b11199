"""How a case ended: the worker's own record of each proposal to close it, and what came of that.

It holds the ending and no more of what the reader's desk sealed: beside the ending stood the way back to the source, which must not outlive
the case. `entry` names that ciphertext as the reader's signed CLOSE leaf does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from handlers.ports import Tx
from sealing.age import OpenError, padded_json, read_json
from sealing.keyring import WorkerKeys
from sealing.rows import OutcomeRow
from sealing.said import Ending

KIND = "ended"


class Second(StrEnum):
    """What became of the second look. `none`: the coin did not ask for one."""

    NONE = "none"
    ASKED = "asked"
    CONCURRED = "concurred"
    DISAGREED = "disagreed"


class Helped(StrEnum):
    """What the source says."""

    UNKNOWN = "unknown"
    YES = "yes"
    NO = "no"


class Taught(StrEnum):
    """What routing learned from it (handlers/lessons.py). `said`: one person's word."""

    NOTHING = ""
    SAID = "said"
    VERIFIED = "verified"


class OutcomeBroken(Exception):
    """A record that this worker did not write for this place: the row was tampered with."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """`number` counts from 1 over the case. `agency`: the proposer's, of that day. `entry` = hex SHA-256 that his CLOSE leaf names.
    `seen` = sequence of the case's last envelope then: he has read so far. `purge_day`: days since 1970 UTC from which the case may be
    deleted; None = nobody has concurred. `records`: how many it has left (handlers/teaching.py): it may be looked at again and again."""

    case: str
    number: int
    person: str
    agency: str
    ending: Ending
    entry: str
    seen: int
    second: Second
    purge_day: int | None
    helped: Helped = Helped.UNKNOWN
    taught: Taught = Taught.NOTHING
    records: int = 0

    @property
    def contested(self) -> bool:
        return self.second is Second.DISAGREED or self.helped is Helped.NO


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The table `outcome`. Its ids are HMACs of case and number: without the worker's pepper no row is any case's."""

    keys: WorkerKeys

    async def of(self, tx: Tx, case_id: str) -> Sequence[Proposal]:
        """All proposals to close the case, in order. Raises OutcomeBroken."""
        found: list[Proposal] = []
        while (row := await tx.outcome(self._id(case_id, len(found) + 1))) is not None:
            found.append(self._read(row, case_id, len(found) + 1))
        return found

    async def save(self, tx: Tx, proposal: Proposal) -> None:
        fields: dict[str, object] = {name: getattr(proposal, name) for name in Proposal.__slots__}
        sealed = self.keys.seal_gate(proposal.case, padded_json({"v": 1, "kind": KIND, **fields}))
        await tx.save_outcome(OutcomeRow(self._id(proposal.case, proposal.number), sealed))

    def _id(self, case_id: str, number: int) -> str:
        return self.keys.sending_id(f"outcome\0{case_id}\0{number}")

    def _read(self, row: OutcomeRow, case_id: str, number: int) -> Proposal:
        try:
            fields = read_json(self.keys.open_gate(case_id, row.sealed), KIND)
        except OpenError:
            raise OutcomeBroken from None
        if fields.get("number") != number:
            raise OutcomeBroken
        day, seen, records = fields["purge_day"], fields["seen"], fields.get("records", 0)
        return Proposal(
            case_id,
            number,
            str(fields["person"]),
            str(fields["agency"]),
            Ending(str(fields["ending"])),
            str(fields["entry"]),
            seen if isinstance(seen, int) else 0,
            Second(str(fields["second"])),
            day if isinstance(day, int) else None,
            Helped(str(fields["helped"])),
            Taught(str(fields.get("taught", ""))),
            records if isinstance(records, int) else 0,
        )
