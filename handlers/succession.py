"""Who is offered a case next: the first of the drawn order who still stands, with every epoch of it. Never a new draw."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.parts import worker_leaf
from handlers.ports import Tx
from routing.gate import GateFile, Sla
from sealing.case import sha256
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import GrantRow, GrantState, TaskKind

OUT = frozenset({GrantState.STRUCK, GrantState.GIVEN_UP})


async def grants_of(tx: Tx, keys: WorkerKeys, case_id: str, epochs: int, person: str) -> list[GrantRow]:
    """The person's grant in each epoch that he has one in."""
    found = [await tx.grant(keys.grant_id(case_id, epoch, person)) for epoch in range(1, epochs + 1)]
    return [grant for grant in found if grant is not None]


async def strike(tx: Tx, keys: WorkerKeys, grants: Sequence[GrantRow], hour: int) -> None:
    """Each with its custody entry. Whoever is struck gets nothing further."""
    for grant in grants:
        if grant.state not in OUT and await tx.move_grant(grant.id, grant.state, GrantState.STRUCK):
            await tx.log(worker_leaf(keys, Entry(hour, EntryKind.STRIKE, grant.case_id, sha256(grant.key_file), "")))


async def hand_over(tx: Tx, keys: WorkerKeys, gate: GateFile, due: tuple[int, int]) -> bool:
    """Makes the offers due, at (urgent, normal) ms, unless the first who stands has them already. False = nobody is left."""
    at = due[0] if gate.sla is Sla.URGENT else due[1]
    for seat in gate.standing():
        grants = await grants_of(tx, keys, gate.case, gate.epoch, seat.person)
        if not grants or any(grant.state in OUT for grant in grants) or grants[-1].epoch != gate.epoch:
            continue  # passed over once, or without a key of the newest epoch
        for grant in grants:
            if grant.state is GrantState.LOCKED:
                await tx.enqueue(TaskKind.OFFER, grant.id, at)
        return True
    return False
