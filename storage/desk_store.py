"""What the web process reads and writes for the desk. It holds no key: every content here is ciphertext to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import and_, delete, exists, or_, select

from sealing.rows import (
    ActRow,
    DeskGrant,
    Envelope,
    EpochRow,
    EpochState,
    GrantRow,
    GrantState,
    Handout,
    Part,
    PersonRow,
    Purpose,
    ShareRow,
    ShareState,
    TaskKind,
)
from storage import tables
from storage.engine import Database
from storage.tasks import Clock, TaskIds, add_tasks

MOST_CHALLENGES_EACH = 20
"""Of one person; a browser needs one."""
MOST_CHALLENGES = 10_000

_SHOWN = (GrantState.OFFERED, GrantState.OPEN, GrantState.STRUCK)


class DeskReads:
    """Every method raises StorageDown when the database is away."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def person(self, id: str) -> PersonRow | None:
        async with self._database.begin(reading=True) as transaction:
            return await transaction.one(tables.person, PersonRow, tables.person.c.id == id)

    async def save_challenge(self, tag: str, person_id: str, expires: int) -> None:
        """`expires` in ms; `person_id` "" = nobody's. A tag that is there already keeps its person. Of too many the oldest go: of one
        person's, and of all, where nobody's go first, so that a flood of made-up names keeps no person out."""
        column = tables.challenge.c
        others = select(column.tag).where(column.tag != tag).order_by((column.person_id != "").desc(), column.expires.desc())
        theirs = others.where(column.person_id == person_id).offset((MOST_CHALLENGES_EACH if person_id else MOST_CHALLENGES) - 1)
        async with self._database.begin() as transaction:
            insert = transaction.insert(tables.challenge).values(tag=tag, person_id=person_id, expires=expires)
            await transaction.run(insert.on_conflict_do_nothing())
            for too_many in (theirs, others.offset(MOST_CHALLENGES - 1)):
                await transaction.run(delete(tables.challenge).where(column.tag.in_(too_many)))

    async def take_challenge(self, tag: str, now: int) -> str | None:
        """The person it was made for, once; None when it is unknown, used or too old."""
        column = tables.challenge.c
        async with self._database.begin() as transaction:
            taken = await transaction.run(delete(tables.challenge).where(column.tag == tag).returning(column.person_id, column.expires))
            row = taken.first()
        return row.person_id if row is not None and row.expires > now else None

    async def grants_of(self, person_id: str) -> list[DeskGrant]:
        """What was ever offered to the person and not given up, with the case's state."""
        columns = [tables.grant.c[field.name] for field in fields(GrantRow)]
        shown = and_(tables.grant.c.person_id == person_id, tables.grant.c.state.in_(_SHOWN))
        found = select(tables.case.c.state, *columns).join_from(tables.grant, tables.case).where(shown).order_by(tables.grant.c.id)
        async with self._database.begin(reading=True) as transaction:
            return [DeskGrant(GrantRow(*grant), state) for state, *grant in await transaction.run(found)]

    async def shares_asked(self, person_id: str) -> list[ShareRow]:
        column = tables.share.c
        async with self._database.begin(reading=True) as transaction:
            return await transaction.all(
                tables.share, ShareRow, and_(column.person_id == person_id, column.state == ShareState.ASKED), column.id
            )

    async def epochs(self, purposes: Sequence[Purpose]) -> list[EpochRow]:
        """The newest current epoch of each purpose, with its signature."""
        column = tables.epoch.c
        current = and_(column.purpose.in_(purposes), column.state == EpochState.CURRENT)
        async with self._database.begin(reading=True) as transaction:
            found = await transaction.all(tables.epoch, EpochRow, current, column.purpose, column.number)
        return list({row.purpose: row for row in found}.values())

    async def open_grant(self, person_id: str, case_id: str) -> bool:
        """Whether the person has opened the case and it was not taken from them since."""
        column = tables.grant.c
        opened = and_(column.person_id == person_id, column.case_id == case_id, column.state == GrantState.OPEN)
        async with self._database.begin(reading=True) as transaction:
            return bool((await transaction.run(select(exists().where(opened)))).scalar_one())

    async def envelopes(self, case_id: str, epochs: Sequence[int], parts: Sequence[Part] = (Part.MESSAGE, Part.CONTACT)) -> list[Envelope]:
        """In the order of the chain."""
        column = tables.envelope.c
        wanted = and_(column.case_id == case_id, column.epoch.in_(epochs), column.part.in_(parts))
        async with self._database.begin(reading=True) as transaction:
            return await transaction.all(tables.envelope, Envelope, wanted, column.seq)

    async def add_act(self, act: ActRow) -> bool:
        """The act and its task in one commit. False = an act of this id is there already."""
        now = self._clock.now_ms()
        async with self._database.begin() as transaction:
            if not await transaction.add(tables.act, act):
                return False
            await add_tasks(transaction, TaskKind.ACT, [act.id], now, TaskIds().take(now, 1))
            return True

    async def acting(self, act_id: str, person_id: str) -> bool:
        """Whether an act of this person waits to be judged, or its handout to be fetched."""
        act, handout = tables.act.c, tables.handout.c
        waits = exists().where(act.id == act_id, act.person_id == person_id)
        answered = exists().where(handout.act_id == act_id, handout.person_id == person_id)
        async with self._database.begin(reading=True) as transaction:
            return bool((await transaction.run(select(or_(waits, answered)))).scalar_one())

    async def take_handout(self, act_id: str, person_id: str) -> Handout | None:
        """The answer to an act, once, and only to the person who acted."""
        column = tables.handout.c
        mine = and_(column.act_id == act_id, column.person_id == person_id)
        async with self._database.begin() as transaction:
            taken = await transaction.run(delete(tables.handout).where(mine).returning(*(column[f.name] for f in fields(Handout))))
            row = taken.first()
        return None if row is None else Handout(*row)

    async def beat(self, role: str, now_ms: int) -> None:
        """The sign of life of one kind of process."""
        async with self._database.begin() as transaction:
            insert = transaction.insert(tables.heartbeat).values(role=role, at=now_ms)
            await transaction.run(insert.on_conflict_do_update(index_elements=[tables.heartbeat.c.role], set_={"at": now_ms}))

    async def ready(self, now_ms: int, max_age_ms: int = 30_000, *, role: str = "worker") -> bool:
        """Whether the worker lives: a tip that nobody will read must not be answered with 200."""
        async with self._database.begin(reading=True) as transaction:
            at = (await transaction.run(select(tables.heartbeat.c.at).where(tables.heartbeat.c.role == role))).scalar()
        return at is not None and now_ms - at <= max_age_ms
