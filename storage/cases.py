"""Cases, what is sealed in them, who may open them, and the custody log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from sqlalchemy import and_, delete, exists, func, select, text, update

from sealing.rows import CaseRow, CaseState, Envelope, GrantRow, GrantState, Part, SealedCase
from storage import tables
from storage.conversations import UNSEALED
from storage.transaction import TxPart

CUSTODY_LOCK = 0x7469706C_0002
"""Key of the advisory lock under which PostgreSQL numbers custody leaves."""

_GRANTS = tables.grant.join(tables.case)
_CARRIED = and_(
    tables.grant.c.state.in_((GrantState.OFFERED, GrantState.OPEN)),
    tables.grant.c.person_id.is_not(None),
    tables.case.c.state.not_in((CaseState.CLOSED, CaseState.PURGED)),
)
"""A grant that somebody has, of a case that goes on."""
_ITEMS = select(tables.cluster.c.case_id).where(tables.cluster.c.case_id.is_not(None))
"""Floods' items: gathered once, as five thousand clusters, looked through for each grant, took seconds under SQLite's write lock."""
_RAISABLE = (CaseState.SEALED, CaseState.HELD, CaseState.OPEN, CaseState.CLOSING)


class CasePart(TxPart):
    """The case, envelope, grant and custody methods of `handlers.ports.Tx`.

    A case's `version` counts what is sealed for it (and, before that, what waits to be): gate, recipient, messages. Its state is apart.
    """

    __slots__ = ()

    async def case(self, id: str) -> CaseRow | None:
        return await self._transaction.one(tables.case, CaseRow, tables.case.c.id == id)

    async def lock_case(self, id: str) -> CaseRow | None:
        """An update that changes nothing takes the row's lock on PostgreSQL; SQLite's transactions are alone anyway."""
        await self._transaction.run(update(tables.case).where(tables.case.c.id == id).values(version=tables.case.c.version))
        return await self.case(id)

    async def add_case(self, row: CaseRow) -> bool:
        return await self._transaction.add(tables.case, row)

    async def move_case(self, id: str, old: CaseState, new: CaseState) -> bool:
        return await self._transaction.changed(
            update(tables.case).where(tables.case.c.id == id, tables.case.c.state == old).values(state=new)
        )

    async def hurry_case(self, id: str) -> None:
        await self._transaction.run(update(tables.case).where(tables.case.c.id == id).values(urgent=True))

    async def seal(self, sealed: SealedCase, expected_version: int) -> bool:
        """Everything of one sealing, or, when the case has moved on or a message has come since, nothing."""
        column = tables.case.c
        ours = and_(column.id == sealed.case_id, column.version == expected_version, column.state.in_(UNSEALED))
        moved = (
            update(tables.case)
            .where(ours)
            .values(
                state=CaseState.SEALED,
                urgent=sealed.urgent,
                version=column.version + 1,
                epoch=sealed.epoch,
                recipient=sealed.recipient,
                delivery_epoch=sealed.delivery_epoch,
                gate=sealed.gate,
            )
        )
        if not await self._transaction.changed(moved):
            return False
        await self.append(sealed.envelopes)
        await self.add_grants(sealed.grants)
        await self._log(sealed.entries)
        threads = select(tables.thread.c.tag).where(tables.thread.c.case_id == sealed.case_id)
        gone = delete(tables.inbound).where(tables.inbound.c.thread.in_(threads))
        await self._transaction.run(gone if sealed.inbound is None else gone.where(tables.inbound.c.id.in_(sealed.inbound)))
        return True

    async def update_gate(self, case_id: str, gate: bytes, expected_version: int) -> bool:
        column = tables.case.c
        guarded = update(tables.case).where(column.id == case_id, column.version == expected_version)
        return await self._transaction.changed(guarded.values(gate=gate, version=column.version + 1))

    async def raise_epoch(self, case_id: str, epoch: int, recipient: str, gate: bytes, expected_version: int) -> bool:
        """A second or later case key: what is appended from now on is sealed to `recipient`. `epoch` must be higher than the last."""
        column = tables.case.c
        ours = and_(column.id == case_id, column.version == expected_version, column.epoch < epoch, column.state.in_(_RAISABLE))
        values = {"epoch": epoch, "recipient": recipient, "gate": gate, "version": column.version + 1}
        return await self._transaction.changed(update(tables.case).where(ours).values(values))

    async def append(self, envelopes: Sequence[Envelope]) -> None:
        """A `seq` that is taken breaks the transaction: somebody else appended, so the chain must be read again."""
        await self._transaction.add_all(tables.envelope, envelopes)

    async def envelopes(self, case_id: str) -> Sequence[Envelope]:
        return await self._transaction.all(tables.envelope, Envelope, tables.envelope.c.case_id == case_id, tables.envelope.c.seq)

    async def drop_contacts(self, case_id: str) -> int:
        column = tables.envelope.c
        gone = await self._transaction.run(delete(tables.envelope).where(column.case_id == case_id, column.part == Part.CONTACT))
        return gone.rowcount

    async def add_grants(self, grants: Sequence[GrantRow]) -> None:
        await self._transaction.add_all(tables.grant, grants)

    async def grants(self, case_id: str) -> Sequence[GrantRow]:
        return await self._transaction.all(tables.grant, GrantRow, tables.grant.c.case_id == case_id, tables.grant.c.id)

    async def grant(self, id: str) -> GrantRow | None:
        return await self._transaction.one(tables.grant, GrantRow, tables.grant.c.id == id)

    async def offer(self, id: str, person_id: str, stub: bytes) -> bool:
        """Writes who holds the grant, and the stub without its outer lock. The key file stays locked."""
        return await self._change_grant(id, GrantState.LOCKED, {"state": GrantState.OFFERED, "person_id": person_id, "stub": stub})

    async def move_grant(self, id: str, old: GrantState, new: GrantState) -> bool:
        return await self._change_grant(id, old, {"state": new})

    async def put_keys(self, id: str, state: GrantState, stub: bytes, key_file: bytes) -> bool:
        """Another stub and key file in the place of a grant's, whose state stays."""
        return await self._change_grant(id, state, {"stub": stub, "key_file": key_file})

    async def _change_grant(self, id: str, old: GrantState, values: Mapping[str, object]) -> bool:
        guarded = update(tables.grant).where(tables.grant.c.id == id, tables.grant.c.state == old)
        return await self._transaction.changed(guarded.values(values))

    async def readers(self) -> AbstractSet[str]:
        """Ids of all who are offered, or read, a case that goes on."""
        found = await self._transaction.run(select(tables.grant.c.person_id).select_from(_GRANTS).where(_CARRIED).distinct())
        return frozenset(found.scalars())

    async def open_cases(self) -> Mapping[str, int]:
        """Person id -> how many cases that go on he is offered or reads, whatever their epochs. A flood's item, while its cluster is kept,
        adds nothing: whose desk is full must not be for who sends floods to choose (docs/decisions/0013)."""
        person = tables.grant.c.person_id
        counted = select(person, func.count(tables.grant.c.case_id.distinct())).select_from(_GRANTS)
        counted = counted.where(_CARRIED, tables.case.c.id.not_in(_ITEMS)).group_by(person)
        return {row[0]: row[1] for row in await self._transaction.run(counted)}

    async def held_by(self, person_id: str) -> Sequence[GrantRow]:
        column = tables.grant.c
        held = and_(column.person_id == person_id, column.state.in_((GrantState.OFFERED, GrantState.OPEN)))
        return await self._transaction.all(tables.grant, GrantRow, held, column.id)

    async def logged(self, leaf: bytes) -> bool:
        return bool((await self._transaction.run(select(exists().where(tables.custody.c.leaf == leaf)))).scalar_one())

    async def log(self, leaf: bytes) -> None:
        """Appends the exact bytes of one custody leaf."""
        await self._log([leaf])

    async def leaves(self, start: int, most: int | None = None) -> Sequence[bytes]:
        ordered = select(tables.custody.c.leaf).where(tables.custody.c.seq >= start).order_by(tables.custody.c.seq).limit(most)
        return list((await self._transaction.run(ordered)).scalars())

    async def _log(self, leaves: Sequence[bytes]) -> None:
        """Numbers leaves from 0 without gaps, in the order of commits: `seq` is the leaf's index in the Merkle tree."""
        if not leaves:
            return
        if self._transaction.postgres:
            await self._transaction.run(text("SELECT pg_advisory_xact_lock(:key)").bindparams(key=CUSTODY_LOCK))
        last = (await self._transaction.run(select(func.coalesce(func.max(tables.custody.c.seq), -1)))).scalar_one()
        await self._transaction.run(tables.custody.insert(), [{"seq": last + n, "leaf": leaf} for n, leaf in enumerate(leaves, 1)])
