"""A whole line in one process: real storage, sealing, triage, routing and conversation; a clock that is set; an outbox in a list."""

from __future__ import annotations

import asyncio
import atexit
import base64
import json
import secrets
import shutil
import tempfile
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path

from argon2.low_level import hash_secret_raw
from sqlalchemy import Table, select, update

from bot.atlas import agency_names, gazetteer_places, load_atlas
from bot.enrol import enrolment_at
from bot.files import load_lexicons
from bot.practice_line import WORLD
from bot.practice_roster import practice_cards, practice_people
from bot.wiring import SystemEntropy, reading_plan
from bot.workshop import Handler, Parts, workshop
from handlers.enrolment import Put
from handlers.intake import Acceptor
from handlers.lessons import Memory
from handlers.notices import NOTICE
from handlers.parts import worker_leaf
from handlers.phrases import Phrase
from handlers.ports import Erasing, Sender, Sent, Translator, Unsent
from handlers.reviews import Reviews
from handlers.roster import Vetters, judge
from handlers.roster_log import RosterLog
from handlers.slots import Slots
from handlers.talk import Talk, Timing
from handlers.understanding import Understanding
from handlers.watching import Watching
from routing.cards import card_bytes
from routing.people import Atlas, Card
from sealing import age, custody, keyring, plaintexts, shares, signing
from sealing.card import SignedCard
from sealing.custody import ACTOR_USE, Entry, EntryKind
from sealing.keyring import WorkerKeys, load_web, load_worker, make_secrets
from sealing.passphrase import PersonKey
from sealing.rows import Accepted, ActRow, GrantRow, GrantState, Handout, Later, Part, Purpose, Task, TaskKind
from storage import tables
from storage.desk_store import DeskReads
from storage.engine import Database, open_database
from storage.intake import SqlIntake
from storage.queue import SqlQueue
from storage.store import SqlStore
from translations.detect import LanguageDetector
from translations.phrases import Catalog
from triage.language import Translation
from triage.lexicon import Lexicon
from triage.places import Gazetteer
from triage.sensitive import Sensitive
from triage.tip import Inbound

LANGUAGES = ("en", "es")
CHANNEL = "handset"
PRACTICE_SLOTS = Slots((), "UTC", 5)


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


@dataclass(frozen=True)
class Enrolled:
    """The practice people with keys that no passphrase protects, and the two vetters who signed for them."""

    cards: Mapping[str, Card]
    person_keys: Mapping[str, PersonKey]
    vetters: Vetters
    seeds: tuple[str, ...]

    def vetters_file(self) -> str:
        listed = [{"name": "practice", "agency": self.vetters.agencies[name], "verify": key} for name, key in self.vetters.keys.items()]
        return json.dumps({"vetters": listed})


def world_cards() -> tuple[dict[str, Card], dict[str, PersonKey]]:
    """Everybody of the practice world with fresh keys."""
    world = tomllib.loads(WORLD.read_text(encoding="utf-8"))
    keys = {name: PersonKey(name, age.generate()[0], signing.generate()[0]) for name in practice_people(world)}
    public = {name: (age.recipient_of(key.identity), signing.public_of(key.sign_seed)) for name, key in keys.items()}
    return {card.person: card for card in practice_cards(world, datetime.now(UTC).date(), public)}, keys


async def enrol_world(store: SqlStore, keys: WorkerKeys, atlas: Atlas, people: frozenset[str] | None = None) -> Enrolled:
    every, person_keys = world_cards()
    cards = {name: card for name, card in every.items() if people is None or name in people}
    pairs = [signing.generate() for _ in range(2)]
    by_name = {signing.fingerprint(verify): verify for _, verify in pairs}
    vetters = Vetters(by_name, {name: str(n) for n, name in enumerate(by_name)}, one_house=False, practice=True)
    now = datetime.now(UTC)
    async with store.begin() as tx:  # one for all: hundreds of lines are made in one run of the tests
        for card in cards.values():
            signed = SignedCard(card_bytes(card))
            for seed, _ in pairs:
                signed = signed.signed_by(seed)
            put = await enrolment_at(now, keys, vetters).put(tx, signed, judge(signed, vetters), int(now.timestamp()) // 3600)
            assert put == Put()
    return Enrolled(cards, person_keys, vetters, tuple(seed for seed, _ in pairs))


@cache
def the_atlas() -> Atlas:
    return load_atlas(WORLD)


@cache
def read_once() -> tuple[LanguageDetector, tuple[Lexicon, ...], Gazetteer, Gazetteer, Catalog]:
    """What no line changes: hundreds of lines are made in one run of the tests."""
    atlas = the_atlas()
    places, agencies = Gazetteer(gazetteer_places(atlas)), Gazetteer(agency_names(atlas))
    return LanguageDetector(LANGUAGES), load_lexicons(), places, agencies, Catalog.load(phrase.value for phrase in Phrase)


# The same address gives the same tag: 30 ms and 19 MiB a time, thousands of times.
vars(keyring)["hash_secret_raw"] = cache(hash_secret_raw)


@dataclass(frozen=True)
class Begun:
    """A line before its first tip, made once: hundreds are needed in one run of the tests. `rows`: table -> its rows."""

    secrets: Path
    rows: Mapping[Table, Sequence[Mapping[str, object]]]
    roster: Enrolled

    async def on(self, home: Path, database: Database) -> WorkerKeys:
        shutil.copytree(self.secrets, home / "secrets")
        async with database.begin() as transaction:
            for table, rows in self.rows.items():
                await transaction.run(table.insert(), rows)
        return load_worker(home / "secrets" / "worker")


_made: dict[frozenset[str] | None, Begun] = {}


async def _begun(people: frozenset[str] | None) -> Begun:
    if people not in _made:
        home = Path(tempfile.mkdtemp(prefix="tipline-begun-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        _made[people] = await _begin(home, people)
    return _made[people]


async def _begin(home: Path, people: frozenset[str] | None) -> Begun:
    make_secrets(home / "secrets", secrets.token_bytes)
    keys = load_worker(home / "secrets" / "worker")
    database = open_database(f"sqlite:///{migrated_file(home / 'line.db')}")
    store = SqlStore(database)
    await store.record_epochs(keys.public_epochs())
    async with store.begin() as tx:  # as `tipline serve` does before the first tip
        leaf = Entry(int(datetime.now(UTC).timestamp()) // 3600, EntryKind.COMMIT, "", keys.draw_commitment(), "")
        await tx.log(worker_leaf(keys, leaf))
    roster = await enrol_world(store, keys, the_atlas(), people)
    async with database.begin(reading=True) as transaction:
        every = {table: (await transaction.run(select(table))).mappings().all() for table in tables.metadata.sorted_tables}
    await database.close()
    return Begun(home / "secrets", {table: [dict(row) for row in rows] for table, rows in every.items() if rows}, roster)


def own_vetters(made: Vetters) -> Vetters:
    """With a log and maps of this line's own; what a card came to is the same for all."""
    return replace(made, agencies=dict(made.agencies), recipients={}, log=RosterLog(), judged=made.judged)


_tables: list[bytes] = []


def migrated_file(file: Path) -> Path:
    """A SQLite database with every table, made once."""
    if not _tables:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "line.db"
            with ThreadPoolExecutor(1) as pool:  # the caller has a loop of its own
                pool.submit(lambda: asyncio.run(_migrate(f"sqlite:///{made}"))).result()
            _tables.append(made.read_bytes())
    file.write_bytes(_tables[0])
    return file


async def _migrate(url: str) -> None:
    database = open_database(url)
    await database.migrate()
    await database.compact()
    await database.close()


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
    begun = await _begun(people)
    keys, roster = await begun.on(home, database), begun.roster
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
