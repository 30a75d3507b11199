"""Practice lines before their first tip: people enrolled, secrets and tables made, once for hundreds of tests."""

from __future__ import annotations

import asyncio
import atexit
import json
import secrets
import shutil
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from sqlalchemy import Table, select

from bot.atlas import agency_names, gazetteer_places, load_atlas
from bot.enrol import enrolment_at
from bot.files import load_lexicons
from bot.practice_line import WORLD
from bot.practice_roster import practice_cards, practice_people
from handlers.enrolment import Put
from handlers.parts import worker_leaf
from handlers.phrases import Phrase
from handlers.roster import Vetters, judge
from handlers.roster_log import RosterLog
from routing.cards import card_bytes
from routing.people import Atlas, Card
from sealing import age, signing
from sealing.card import SignedCard
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys, load_worker, make_secrets
from sealing.passphrase import PersonKey
from storage import tables
from storage.engine import Database, open_database
from storage.store import SqlStore
from translations.detect import LanguageDetector
from translations.phrases import Catalog
from triage.lexicon import Lexicon
from triage.places import Gazetteer

LANGUAGES = ("en", "es")


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


async def begun(people: frozenset[str] | None) -> Begun:
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
