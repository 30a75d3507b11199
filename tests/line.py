"""A whole line in one process: real storage, sealing, triage, routing and conversation; a clock that is set; an outbox in a list."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path

from argon2.low_level import hash_secret_raw
from sqlalchemy import update

from bot.wiring import SystemEntropy, reading_plan
from bot.workshop import Handler, Parts, workshop
from handlers.intake import Acceptor
from handlers.lessons import Memory
from handlers.notices import NOTICE
from handlers.ports import Erasing, Sender, Sent, Translator, Unsent
from handlers.reviews import Reviews
from handlers.roster import Vetters
from handlers.slots import Slots
from handlers.talk import Talk, Timing
from handlers.understanding import Understanding
from handlers.watching import Watching
from routing.cards import card_bytes
from routing.people import Atlas, Card
from sealing import age, custody, keyring, plaintexts, shares, signing
from sealing.card import SignedCard
from sealing.custody import ACTOR_USE, Entry, EntryKind
from sealing.keyring import WorkerKeys, load_web
from sealing.passphrase import PersonKey
from sealing.rows import Accepted, ActRow, GrantRow, GrantState, Handout, Later, Part, Purpose, Task, TaskKind
from storage import tables
from storage.desk_store import DeskReads
from storage.engine import Database, open_database
from storage.intake import SqlIntake
from storage.queue import SqlQueue
from storage.store import SqlStore
from tests.begun import LANGUAGES, begun, migrated_file, own_vetters, read_once, the_atlas
from triage.language import Translation
from triage.sensitive import Sensitive
from triage.tip import Inbound

CHANNEL = "handset"
PRACTICE_SLOTS = Slots((), "UTC", 5)

# The same address gives the same tag: 30 ms and 19 MiB a time, thousands of times.
vars(keyring)["hash_secret_raw"] = cache(hash_secret_raw)


class SetClock:
    def __init__(self, now: int) -> None:
        self.now = now

    def now_ms(self) -> int:
        return self.now


class NoTranslator:
    """A line without language packages: untranslated is an answer."""

    async def translate(self, text: Sensitive[str], source: str, target: str) -> Translation | None:
        return None


@dataclass
class Outbox:
    """handlers.ports.Sender that keeps what would leave."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    erased: list[tuple[str, str]] = field(default_factory=list)
    erasing: Erasing = Erasing.ASKED
    receipts: bool = False
    provider: Callable[[Sensitive[str], Sensitive[str], str], Awaitable[Sent | Unsent]] | None = None
    """Who answers in its place."""

    async def send(self, address: Sensitive[str], text: Sensitive[str], cause: str) -> Sent | Unsent:
        if self.provider is not None:
            return await self.provider(address, text, cause)
        self.sent.append((address.reveal(), text.reveal()))
        return Sent((f"out{len(self.sent)}",))

    async def erase(self, address: Sensitive[str], ref: str) -> None:
        self.erased.append((address.reveal(), ref))

    async def close(self) -> None: ...


@dataclass(repr=False)
class TestLine:
    """Without a repr: asyncio makes one of every fixture's result each time a loop runs, and this one would be the whole roster, for more
    than the test itself takes."""

    __test__ = False

    home: Path
    database: Database
    clock: SetClock
    keys: WorkerKeys
    acceptor: Acceptor
    store: SqlStore
    queue: SqlQueue
    reads: DeskReads
    handlers: dict[TaskKind, Handler]
    outbox: Outbox
    cards: Mapping[str, Card]
    person_keys: Mapping[str, PersonKey]
    atlas: Atlas
    vetters: Vetters
    vetter_seeds: tuple[str, ...]
    alarms: list[StrEnum]
    said: list[StrEnum]
    talk: Talk
    floods: list[int]
    watching: Watching
    memory: Memory
    reviews: Reviews

    async def write(self, phone: str, text: str, provider_id: str | None = None) -> Accepted:
        """Accepted and conversed; nothing else that is due later happens."""
        at = datetime.fromtimestamp(self.clock.now / 1000, UTC)
        return await self.take(Inbound(CHANNEL, Sensitive(phone), Sensitive(text), provider_id or secrets.token_hex(8), at))

    async def take(self, message: Inbound) -> Accepted:
        """The same, of any form."""
        accepted = await self.acceptor.accept(message)
        await self.run()
        return accepted

    async def run(self) -> None:
        """Every task that is due now, until none is."""
        while (task := await self.queue.claim(list(self.handlers))) is not None:
            try:
                await self.handlers[task.kind](task)
            except Later as later:
                await self._put_back(task, later.delay_ms)

    async def _put_back(self, task: Task, delay_ms: int) -> None:
        """As the queue does."""
        values = {"lease": 0, "due": self.clock.now + delay_ms, "attempts": task.attempts - 1}
        async with self.database.begin() as transaction:
            await transaction.run(update(tables.task).where(tables.task.c.id == task.id).values(values))

    async def later(self, seconds: float) -> None:
        self.clock.now += int(seconds * 1000)
        await self.run()

    async def cases(self) -> list[str]:
        return await self.store.case_ids()

    async def grants(self, case_id: str) -> list[GrantRow]:
        async with self.store.begin() as tx:
            return list(await tx.grants(case_id))

    async def released(self, case_id: str) -> set[str]:
        """Who has ever been shown or given this case."""
        return {g.person_id for g in await self.grants(case_id) if g.person_id is not None}

    async def act(self, person: str, case_id: str, kind: str, signature: bytes, sealed: bytes) -> dict[str, object]:
        """Taken down and judged; the handout, opened with the person's key."""
        act = ActRow(secrets.token_hex(16), person, case_id, kind, signature, sealed)
        assert await self.reads.add_act(act)
        await self.run()
        handout = await self.reads.take_handout(act.id, person)
        assert isinstance(handout, Handout)
        return age.read_json(age.unseal(handout.sealed, self.person_keys[person].identity), "handout")

    def card_of(self, person: str) -> str:
        return SignedCard(card_bytes(self.cards[person])).fingerprint()

    def entry(self, person: str, case_id: str, kind: EntryKind, named: str) -> Entry:
        """What this person would sign now. `named` = hash of the ciphertext acted on."""
        return Entry(self.clock.now // 3_600_000, kind, case_id, named, self.card_of(person))

    async def post(
        self, person: str, said: Entry, content: bytes | None = None, *, act: str = "", seed_of: str = "", use: signing.Use | None = None
    ) -> dict[str, object]:
        """The signed entry, judged. `content`: the ciphertext behind it; `act`: as which act it is sent, where it is not the entry's kind;
        `seed_of`: whose key signs; `use`: for what it signs."""
        body = said.body()
        signature = signing.sign(self.person_keys[seed_of or person].sign_seed, use or ACTOR_USE[said.kind], body)
        sealed = age.seal(plaintexts.act(body, content), self.keys.recipient(Purpose.GATE)[1])
        return await self.act(person, said.case, act or said.kind.value, signature, sealed)

    def open_body(self, grant: GrantRow, person: str) -> bytes:
        return self.entry(person, grant.case_id, EntryKind.OPEN, self.keys.inner_hash(grant.key_file)).body()

    async def open(self, grant: GrantRow, person: str) -> dict[str, object]:
        return await self.post(person, self.entry(person, grant.case_id, EntryKind.OPEN, self.keys.inner_hash(grant.key_file)))

    def case_identity(self, handed: Mapping[str, object], person: str) -> str:
        return shares.open_key(base64.b64decode(str(handed["key_file"])), self.person_keys[person].identity)[2]

    async def read(self, case_id: str, identity: str) -> list[dict[str, object]]:
        async with self.store.begin() as tx:
            stored = await tx.envelopes(case_id)
        parts: list[dict[str, object]] = []
        for envelope in stored:
            if envelope.part is Part.NOTE:
                continue
            try:
                opened = age.unseal(envelope.sealed, identity)
            except age.OpenError:
                continue
            parts.append({**age.read_json(opened, envelope.part.value), "sha256": envelope.sha256})
        return parts

    async def leaves(self) -> list[custody.Entry]:
        return [custody.read_leaf(leaf)[0] for leaf in await self.store.leaves()]

    async def open_first(self, case_id: str) -> tuple[str, str]:
        """Opens the offered grant of a case: (person, case identity)."""
        grant = next(g for g in await self.grants(case_id) if g.state is GrantState.OFFERED)
        assert grant.person_id is not None
        handed = await self.open(grant, grant.person_id)
        assert handed["result"] == "opened", handed
        return grant.person_id, self.case_identity(handed, grant.person_id)


@asynccontextmanager
async def practice_line(
    home: Path,
    url: str,
    *,
    translator: Translator | None = None,
    people: frozenset[str] | None = None,
    notices: Outbox | None = None,
    slots: Slots = PRACTICE_SLOTS,
) -> AsyncIterator[TestLine]:
    """`url`: a migrated database. `people`: a smaller roster of the practice world. `notices`: what they leave by."""
    clock = SetClock(int(datetime.now(UTC).timestamp() * 1000))
    database, outbox, entropy = open_database(url), Outbox(), SystemEntropy()
    store, atlas = SqlStore(database), the_atlas()
    start = await begun(people)
    keys, roster = await start.on(home, database), start.roster
    cards, person_keys, vetters = roster.cards, roster.person_keys, own_vetters(roster.vetters)
    alarms: list[StrEnum] = []
    said: list[StrEnum] = []
    translate = translator or NoTranslator()
    detector, lexicons, places, agencies, phrases = read_once()
    ears = Understanding(detector, translate, lexicons, places, agencies, LANGUAGES)

    def slot(now: int, urgent: bool) -> int:
        return slots.next_urgent(now) if urgent else slots.next_slot(now)

    floods: list[int] = []
    senders: dict[str, Sender] = {CHANNEL: outbox, **({NOTICE: notices} if notices else {})}
    made = workshop(
        Parts(
            store, keys, clock, entropy, vetters, atlas, ears, phrases, translate, senders, slot, reading_plan(slots),
            Timing(20_000, 120_000), alarms.append, floods.append, said.append, "Please look at your desk.",
        )
    )  # fmt: skip
    acceptor = Acceptor(SqlIntake(database, clock), load_web(home / "secrets" / "web"), clock, entropy)
    try:
        yield TestLine(
            home, database, clock, keys, acceptor, store, SqlQueue(database, clock), DeskReads(database, clock), dict(made.handlers),
            outbox, cards, person_keys, atlas, vetters, roster.seeds, alarms, said, made.talk, floods, made.watching, made.memory,
            made.reviews,
        )  # fmt: skip
    finally:
        await database.close()


@asynccontextmanager
async def fresh_line(home: Path, translator: Translator | None = None, *, people: frozenset[str] | None = None) -> AsyncIterator[TestLine]:
    """On a new SQLite database in `home`."""
    async with practice_line(home, f"sqlite:///{migrated_file(home / 'line.db')}", translator=translator, people=people) as line:
        yield line
