"""A roster on a real database: three vetters of two agencies, a person, and what vetters sign about his card."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from handlers.enrolment import Enrolment, NotPut, NotTaken, Put, Taken
from handlers.letters import Letters
from handlers.roster import Member, Vetters, find_member, judge, members
from handlers.roster_log import RosterLog
from routing.cards import card_bytes
from routing.people import Card, Kin, Role
from sealing import age, signing
from sealing.card import SignedCard
from sealing.custody import EntryKind
from sealing.dead_cards import DeadCards
from sealing.keyring import WorkerKeys
from sealing.rows import HOUR_MS, PersonRow, Purpose
from sealing.statements import signed_statement
from storage.store import SqlStore
from tests.line import TestLine

ISSUED = datetime(2026, 11, 1, 8, tzinfo=UTC)
HOUR = int(ISSUED.timestamp()) // 3600 + 1


@dataclass(frozen=True)
class Signer:
    seed: str
    verify: str
    agency: str
    letters: tuple[str, str] = field(default_factory=age.generate)
    """(age identity, recipient)."""

    @property
    def name(self) -> str:
        return signing.fingerprint(self.verify)


def signer(agency: str) -> Signer:
    return Signer(*signing.generate(), agency)


def pinned(*signers: Signer, one_house: bool = False, log: RosterLog | None = None) -> Vetters:
    keys, agencies = {s.name: s.verify for s in signers}, {s.name: s.agency for s in signers}
    return Vetters(keys, agencies, one_house, recipients={s.name: s.letters[1] for s in signers}, log=log or RosterLog())


ANN, BOB, CAT = signer("harbour trust"), signer("border office"), signer("harbour trust")
HOLDER = signing.generate()
CARD = Card(
    person="p1",
    name="Ana Practice",
    spellings=("Anna Practice",),
    age_recipient=age.generate()[1],
    verify_key=HOLDER[1],
    role=Role.HANDLER,
    agency="a1",
    past_agencies=(),
    home="r1",
    posting="r1",
    past_postings=("r3",),
    kin=(Kin("Eva Practice", "r2", None),),
    conflicts=("Iván Practice",),
    languages=("es",),
    child_clearance=False,
    capacity=5,
    founder=False,
    sequence=1,
    issued=ISSUED,
    expires=(ISSUED + timedelta(days=365)).date(),
)


def somebody(person: str, **more: Any) -> Card:
    """Like `CARD`, with keys of his own."""
    return replace(CARD, **{"person": person, "age_recipient": age.generate()[1], "verify_key": signing.generate()[1], **more})


def signed(*seeds: str, card: Card = CARD) -> SignedCard:
    made = SignedCard(card_bytes(card))
    for seed in seeds:
        made = made.signed_by(seed)
    return made


def vouched(card: Card = CARD) -> SignedCard:
    return signed(ANN.seed, BOB.seed, card=card)


def named(card: Card = CARD) -> str:
    return SignedCard(card_bytes(card)).fingerprint()


@dataclass
class Moment:
    hour: int = HOUR

    def now_ms(self) -> int:
        return self.hour * HOUR_MS


class Chance:
    def draw(self, n: int) -> bytes:
        return secrets.token_bytes(n)


@dataclass
class World:
    """`clock.hour` is now. What is told of the roster is read as a worker reads it who was started then."""

    store: SqlStore
    keys: WorkerKeys
    file: Path
    clock: Moment = field(default_factory=Moment)
    vetters: Vetters = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self, *signers: Signer) -> None:
        """As a worker that is started: nothing in memory but what lies on disk."""
        self.vetters = pinned(*(signers or (ANN, BOB, CAT)), log=RosterLog(DeadCards(self.file)))

    @property
    def enrolment(self) -> Enrolment:
        return Enrolment(self.keys, self.vetters, Letters(self.vetters, self.clock, Chance()))

    async def put(self, card: Card = CARD, *, by: SignedCard | None = None) -> Put | NotPut:
        given = by or vouched(card)
        async with self.store.begin() as tx:
            return await self.enrolment.put(tx, given, judge(given, self.vetters), self.clock.hour)

    async def say(self, kind: EntryKind, *who: Signer, card: Card = CARD) -> Sequence[Taken | NotTaken]:
        """Signed now, and taken."""
        return [await self.take(signed_statement(kind, named(card), self.clock.hour, each.seed)) for each in who]

    async def take(self, leaf: bytes) -> Taken | NotTaken:
        async with self.store.begin() as tx:
            return await self.enrolment.take(tx, leaf, self.clock.hour)

    async def log(self, *leaves: bytes) -> None:
        """As somebody writes them who can write to the database."""
        async with self.store.begin() as tx:
            for leaf in leaves:
                await tx.log(leaf)

    async def member(self, person: str = "p1") -> Member | None:
        async with self.store.begin() as tx:
            return await find_member(tx, self.keys, self.vetters, person, self.clock.hour)

    async def known(self, person: str = "p1") -> Member:
        """Who must be there."""
        found = await self.member(person)
        assert found is not None
        return found

    async def acts(self, person: str = "p1") -> bool:
        member = await self.member(person)
        return member is not None and member.person.active

    async def is_drawn(self, person: str = "p1") -> bool:
        async with self.store.begin() as tx:
            found = await members(tx, self.keys, self.vetters, self.clock.hour)
        return any(member.person.active for member in found if member.person.id == person)

    async def record(self, person: str = "p1") -> int | None:
        async with self.store.begin() as tx:
            return await self.enrolment.record(tx, person, self.clock.hour)

    async def row(self, person: str = "p1") -> PersonRow:
        async with self.store.begin() as tx:
            row = await tx.person(person)
        assert row is not None
        return row

    async def write(self, **fields: Any) -> None:
        """Into the person's row, past the worker."""
        row = await self.row()
        async with self.store.begin() as tx:
            assert await tx.save_person(replace(row, **fields))

    async def write_card(self, given: SignedCard) -> None:
        """Sealed to the roster's public half, which is no secret."""
        await self.write(card=self.keys.seal(Purpose.ROSTER, given.to_bytes())[1])


async def suspend(line: TestLine, person: str) -> None:
    """By the line's two vetters, as `tipline roster load` takes it."""
    hour, card = line.clock.now // HOUR_MS, SignedCard(card_bytes(line.cards[person])).fingerprint()
    enrolment = Enrolment(line.keys, line.vetters, Letters(line.vetters, line.clock, Chance()))
    for seed in line.vetter_seeds:
        async with line.store.begin() as tx:
            assert isinstance(await enrolment.take(tx, signed_statement(EntryKind.SUSPEND, card, hour, seed), hour), Taken)
