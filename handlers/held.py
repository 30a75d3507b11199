"""What vetters are told of a tip that is held, or of a case for which nobody new may be drawn, and what the line remembers of having told
them: why, two numbers and the code by which they release it; nothing of the tip.

The reason says whether many are named, so it stands in no column: the worker keeps it sealed, under an id that is nobody's case without its
pepper. A release stands in the log for good: it names random bytes, of which the line keeps nothing once the tip is sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from handlers.letters import Letters
from handlers.ports import Clock, Tx
from routing.people import Assignment, Hold, Role, Roster
from sealing.age import OpenError, padded_json, read_json
from sealing.keyring import WorkerKeys
from sealing.rows import HOUR_MS, OutcomeRow
from sealing.statements import NONCE_BYTES, matter, release_code
from triage.sensitive import Sensitive

KIND = "held"
COVERED = {
    Hold.NEEDS_TWO_VETTERS: (Hold.NEEDS_TWO_VETTERS, Hold.POISONED),
    Hold.POISONED: (Hold.POISONED,),
}
"""Which releases end a hold: who let a tip go out although it names most of a pool has let what is left of that pool be small. Nobody can
release what nobody may read."""
AGAIN_HOURS = 24
"""Of an urgent tip the vetters are told each day anew, as long as nobody may read it."""


def small(roster: Roster, drawn: Assignment) -> Sensitive[str]:
    """All that a vetter sees of a draw from a small pool, or of what it would be if it were released."""
    highest = max(drawn.chances.get(person, 0.0) for person in _handlers(roster))
    return Sensitive(f"May read it: {drawn.pool}. The likeliest of them gets it with a chance of {round(highest * 100)} %.")


def named(drawn: Assignment) -> Sensitive[str]:
    """All that a vetter sees of a tip that names many."""
    return Sensitive(f"May read it: {drawn.pool}. Could, if it named nobody: {drawn.unnamed}.")


def _handlers(roster: Roster) -> list[str]:
    return [person.id for person in roster.people if person.card.role is Role.HANDLER]


@dataclass(frozen=True, slots=True)
class HoldRecord:
    """`hold`: why the case is held now. `told`: code of a hold -> the hour of the last letter about it. `nonces`: code of a hold -> what a
    release of it names (`sealing.statements`). `pools`: code of a hold -> how many could read it, by the letter that has this nonce."""

    hold: Hold
    told: Mapping[str, int] = field(default_factory=dict)
    nonces: Mapping[str, bytes] = field(default_factory=dict)
    pools: Mapping[str, int] = field(default_factory=dict)

    def matters(self, case_id: str, hold: Hold, pool: int) -> frozenset[str]:
        """What releases name that would end this hold of the case, when so many could read it: whoever let it go to nine has not let it go
        to the one whom the author, who wrote on, has left of them."""
        return frozenset(
            matter(case_id, release.value, self.nonces[release.value])
            for release in COVERED.get(hold, ())
            if release.value in self.nonces and self.pools.get(release.value, 0) <= pool
        )

    @property
    def pool(self) -> int:
        """How many could read it, by the last letter."""
        return self.pools.get(self.hold.value, 0)

    def code(self, case_id: str) -> str | None:
        """By which vetters release it as it is held now; None = nobody can."""
        nonce = self.nonces.get(self.hold.value)
        return None if nonce is None else release_code(case_id, self.hold.value, nonce)


@dataclass(frozen=True, slots=True)
class Holds:
    keys: WorkerKeys
    clock: Clock
    letters: Letters

    async def tell(self, tx: Tx, case_id: str, drawn: Assignment, shown: Sensitive[str], *, urgent: bool) -> None:
        """One letter to every vetter for each case and reason, however often it is looked at; about an urgent tip again after a day. A new
        one, by another code, once fewer could read it than the last one said. `drawn`: on hold. What nobody may read nobody releases,
        whatever left nobody: whoever comes back first, of all whom a tip names, would have it for sure."""
        hold = drawn.hold if drawn.hold is not None and drawn.pool else Hold.NOBODY_ELIGIBLE
        before, hour = await held(tx, self.keys, case_id), self.clock.now_ms() // HOUR_MS
        told, nonces, pools = ({}, {}, {}) if before is None else (dict(before.told), dict(before.nonces), dict(before.pools))
        if hold in COVERED and (hold.value not in nonces or drawn.pool < pools.get(hold.value, 0)):
            nonces[hold.value], pools[hold.value] = self.letters.entropy.draw(NONCE_BYTES), drawn.pool
            told.pop(hold.value, None)
        now = HoldRecord(hold, told, nonces, pools)
        if hold.value not in told or (urgent and hour - told[hold.value] >= AGAIN_HOURS):
            code = now.code(case_id)
            text = shown if code is None else Sensitive(f"{shown.reveal()}\nRelease code: {code}")
            await self.letters.write(tx, hold, case=case_id, text=text)
            told[hold.value] = hour
        if before != now:
            await tx.save_outcome(OutcomeRow(_id(self.keys, case_id), self.keys.seal_gate(case_id, _body(now))))

    async def drop(self, tx: Tx, case_id: str) -> None:
        """It is held no more: nothing is kept of why it was."""
        await tx.drop_outcome(_id(self.keys, case_id))


async def held(tx: Tx, keys: WorkerKeys, case_id: str) -> HoldRecord | None:
    """What was told of this case. None = nothing, or a record that this worker did not write: then the vetters are told once more."""
    row = await tx.outcome(_id(keys, case_id))
    if row is None:
        return None
    try:
        fields = read_json(keys.open_gate(case_id, row.sealed), KIND)
    except OpenError:
        return None
    told, nonces, pools = fields["told"], fields["nonces"], fields.get("pools")
    return HoldRecord(
        Hold(str(fields["hold"])),
        {str(code): int(hour) for code, hour in told.items()} if isinstance(told, dict) else {},
        {str(code): bytes.fromhex(nonce) for code, nonce in nonces.items()} if isinstance(nonces, dict) else {},
        {str(code): int(pool) for code, pool in pools.items()} if isinstance(pools, dict) else {},
    )


def _body(one: HoldRecord) -> bytes:
    nonces = {code: nonce.hex() for code, nonce in one.nonces.items()}
    fields = {"v": 1, "kind": KIND, "hold": one.hold.value, "told": dict(one.told), "nonces": nonces, "pools": dict(one.pools)}
    return padded_json(fields)


def _id(keys: WorkerKeys, case_id: str) -> str:
    return keys.sending_id(f"held\0{case_id}")
