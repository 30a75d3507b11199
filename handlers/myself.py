"""What a person's own device asks the line before he signs anything: his card and duty hours as the line holds them, and its key."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.declared import hours_of
from handlers.ports import Tx
from handlers.requests import Done, Refusal, Result
from handlers.roster import Member
from routing.cards import card_bytes
from routing.duty import duty_bytes
from sealing import signing
from sealing.keyring import WorkerKeys
from sealing.rows import ActRow


@dataclass(frozen=True, slots=True)
class Myself:
    keys: WorkerKeys

    async def tell(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `me`. No signature is asked for: nothing changes, and the answer is sealed to the key on the card it tells of."""
        if act.case_id or not member.person.active:
            return Refusal.NOT_YOURS
        row = await tx.person(act.person_id)
        duty = None if row is None else hours_of(row, self.keys)
        told = any(push.person_id == act.person_id for push in await tx.pushes())
        more = {
            "card": member.card_fingerprint,
            "own": card_bytes(member.card).decode(),
            "line": signing.public_of(self.keys.custody_seed),
            "notices": "yes" if told else "no",
            "duty": "" if duty is None else duty_bytes(duty).decode(),
        }
        return Done(Result.DONE, more=tuple(more.items()))
