"""Many phones with one text, and a case as its readers can open it."""

from __future__ import annotations

from dataclasses import dataclass

from sealing import age, plaintexts
from sealing.rows import Envelope, Part
from storage import tables
from tests.line import TestLine

COPIED = "El jefe de policía de Peñalta cobra por las mujeres que trabajan encerradas en el bar del puerto y todos aquí lo saben ya ({})"


@dataclass(frozen=True)
class Opened:
    """A case as its readers can open it."""

    parts: list[Envelope]
    messages: list[dict[str, object]]

    @property
    def texts(self) -> list[str]:
        return [str(message["text"]) for message in self.messages]


async def opened(line: TestLine, case_id: str) -> Opened:
    """With the key file of anybody in the drawn order, its outer lock peeled."""
    async with line.store.begin() as tx:
        grants, parts = await tx.grants(case_id), list(await tx.envelopes(case_id))
    identities = []
    for grant in grants:
        for person in line.person_keys.values():
            try:
                identities.append(plaintexts.read_key_file(age.unseal(line.keys.peel(grant.key_file), person.identity))[2])
            except age.OpenError:
                continue
    messages = []
    for part in parts:
        if part.part is Part.MESSAGE:
            for identity in set(identities):
                try:
                    messages.append(age.read_json(age.unseal(part.sealed, identity), "message"))
                except age.OpenError:
                    continue
    return Opened(parts, messages)


async def flood(line: TestLine, phones: range, text: str = COPIED) -> None:
    for n in phones:
        await line.write(f"+999 100 {n:04}", text.format(n))


async def the_item(line: TestLine) -> str:
    async with line.database.begin(reading=True) as transaction:
        rows = await transaction.run(tables.cluster.select().where(tables.cluster.c.case_id.is_not(None)))
    (case_id,) = {str(row.case_id) for row in rows}
    return case_id
