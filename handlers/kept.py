"""What the worker notes of a case until its purge: sealed to the gate key, with its own MAC, in the table `outcome`. Ids are HMACs of case
and number: without the worker's pepper no row is any case's. Ask for the case's lock before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handlers.ports import Tx
from sealing.age import OpenError, padded_json, read_json
from sealing.keyring import WorkerKeys
from sealing.rows import OutcomeRow


class KeptBroken(Exception):
    """A note that this worker did not write for this place: the row was tampered with."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Notes of one kind."""

    keys: WorkerKeys
    kind: str

    async def of(self, tx: Tx, case_id: str) -> Sequence[Mapping[str, object]]:
        """Fields of each note, in order. Raises KeptBroken."""
        return [self._read(row, case_id, number) for number, row in enumerate(await self._rows(tx, case_id), start=1)]

    async def add(self, tx: Tx, case_id: str, fields: Mapping[str, object]) -> None:
        number = len(await self._rows(tx, case_id)) + 1
        sealed = self.keys.seal_gate(case_id, padded_json({"v": 1, "kind": self.kind, "number": number, **fields}))
        await tx.save_outcome(OutcomeRow(self._id(case_id, number), sealed))

    async def drop(self, tx: Tx, case_id: str) -> None:
        for row in await self._rows(tx, case_id):
            await tx.drop_outcome(row.id)

    async def _rows(self, tx: Tx, case_id: str) -> Sequence[OutcomeRow]:
        found: list[OutcomeRow] = []
        while (row := await tx.outcome(self._id(case_id, len(found) + 1))) is not None:
            found.append(row)
        return found

    def _id(self, case_id: str, number: int) -> str:
        return self.keys.sending_id(f"{self.kind}\0{case_id}\0{number}")

    def _read(self, row: OutcomeRow, case_id: str, number: int) -> Mapping[str, object]:
        try:
            fields = read_json(self.keys.open_gate(case_id, row.sealed), self.kind)
        except OpenError:
            raise KeptBroken from None
        if fields.get("number") != number:
            raise KeptBroken
        return fields
