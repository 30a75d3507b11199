"""A line of real processes on a real database, with local providers, that a test breaks where it likes.

The line is as `tipline serve` would run it, but for slots every second and no silence before the sealing, so that a tip goes its whole way
in a moment. What a test would have to wait for (a lease, the pause after a failure) it lets pass while no worker runs: `falls_due`.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import httpx
from sqlalchemy import Table, case, func, select, update

from bot.atlas import load_atlas
from bot.channels import Channels, Telegram, Twilio
from bot.handover import Role
from bot.practice_line import WORLD
from bot.twilio_route import TWILIO_PATH
from routing.cards import card_bytes
from sealing import age, plaintexts, signing
from sealing.card import SignedCard
from sealing.case import sha256
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys, load_worker, make_secrets
from sealing.rows import ActRow, GrantState, Part, Purpose, SendingState, TaskKind
from storage import tables
from storage.desk_store import DeskReads
from storage.engine import Database, open_database
from storage.store import SqlStore
from tests.begun import Enrolled, enrol_world
from tests.databases import SetClock
from tests.peers.processes import Processes, gone, practice_settings, processes
from tests.peers.telegram import PRACTICE_TOKEN as BOT_TOKEN
from tests.peers.telegram import TelegramPeer
from tests.peers.twilio import PRACTICE_SID, PRACTICE_TOKEN, TwilioPeer
from tests.peers.twilio_forms import incoming, signed_form
from tests.peers.twilio_log import Entry as Logged
from triage.sensitive import Sensitive

NUMBER = "+15005550006"
TEXT = "Peñalta: mujeres adultas sin pago. Señal {mark}."
"""Too short to be taken for one of a flood."""
MARK = re.compile(r"Señal (m[0-9]+x)\.")
HOUSES = frozenset({"ngo-faro", "ngo-semilla", "liaison-vd"})
PATIENCE_S = 60.0
HOUR_MS = 3_600_000
NOW = frozenset({TaskKind.CONVERSE, TaskKind.SEAL, TaskKind.OFFER, TaskKind.ACT, TaskKind.SEND, TaskKind.ERASE})
"""What a tip needs until it is read and answered, and its traces gone. The others are for hours or days from now: some always wait."""


@dataclass(frozen=True, slots=True)
class Tip:
    """One message. `address` = phone number or chat."""

    n: int
    address: str
    sid: str

    @property
    def mark(self) -> str:
        return f"m{self.n}x"

    @property
    def text(self) -> str:
        return TEXT.format(mark=self.mark)


@dataclass
class Scene:
    """`tips`: whatever a provider holds or was told that we took."""

    running: Processes
    client: httpx.AsyncClient
    twilio: TwilioPeer
    telegram: TelegramPeer
    database: Database
    store: SqlStore
    keys: WorkerKeys
    enrolled: Enrolled
    tips: list[Tip] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def tip(self, earlier: Tip | None = None) -> Tip:
        """Of a phone of its own, or of the phone of an earlier one."""
        n = next(self.numbers)
        return Tip(n, f"+4477009{n:05}" if earlier is None else earlier.address, f"SM{secrets.token_hex(16)}")

    def missed(self) -> Tip:
        """A text message that stands in Twilio's log and was never delivered."""
        tip = self.tip()
        self.twilio.log.add(Logged(tip.sid, "inbound", tip.address, NUMBER, tip.text, "received", datetime.now(UTC)))
        self.tips.append(tip)
        return tip

    def chat(self) -> Tip:
        """A message to the bot, which Telegram holds until we take it."""
        n = next(self.numbers)
        tip = Tip(n, str(7_000_000 + n), "")
        self.telegram.write(int(tip.address), tip.text)
        self.tips.append(tip)
        return tip

    async def deliver(self, tip: Tip) -> int:
        """By Twilio's webhook: its status, 0 when nothing answered."""
        fields = incoming(tip.address, NUMBER, tip.text) | {"MessageSid": tip.sid, "SmsSid": tip.sid}
        body, headers = signed_form(self.running.base + TWILIO_PATH, PRACTICE_TOKEN, fields)
        try:
            return (await self.client.post(TWILIO_PATH, content=body, headers=headers)).status_code
        except httpx.TransportError:
            return 0

    async def write(self, tip: Tip) -> None:
        """As a provider that repeats does: again and again until it is told that the message was taken."""
        deadline = time.monotonic() + PATIENCE_S
        while await self.deliver(tip) != 200:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        self.tips.append(tip)

    async def until_listening(self) -> None:
        async def answers() -> bool:
            try:
                return (await self.client.get("/healthz")).status_code == 200
            except httpx.TransportError:
                return False

        await until(answers)

    async def until_gone(self, role: Role, seconds: float) -> bool:
        return await asyncio.to_thread(gone, self.running.pids[role], seconds)

    async def falls_due(self, kinds: Collection[TaskKind] = NOW) -> None:
        """For when no worker runs: leases run out, pauses are over, and these kinds are due now, all others an hour later."""
        column, now = tables.task.c, time.time_ns() // 1_000_000
        due = case((column.kind.in_(kinds), now), else_=column.due + HOUR_MS)
        async with self.database.begin() as transaction:
            await transaction.run(update(tables.task).values(due=due, lease=0))

    async def tasks(self, kinds: Collection[TaskKind] = NOW) -> int:
        async with self.database.begin(reading=True) as transaction:
            counted = select(func.count()).select_from(tables.task).where(tables.task.c.kind.in_(kinds))
            return int((await transaction.run(counted)).scalar_one())

    async def rows(self, table: Table) -> int:
        async with self.database.begin(reading=True) as transaction:
            return int((await transaction.run(select(func.count()).select_from(table))).scalar_one())

    async def finish(self) -> None:
        """A worker that nobody kills does all that is left."""
        await self.falls_due()
        self.running.start(Role.WORKER)
        await self.until_done()

    async def until_done(self) -> None:
        """What the providers hold is taken, sealed, offered and answered."""

        async def done() -> bool:
            return await self.rows(tables.seen) >= len(self.tips) and not await self.tasks(NOW - {TaskKind.ERASE})

        await until(done)

    async def cases(self) -> dict[str, list[str]]:
        """Case id -> marks of its messages, in order: every case opened with a reader's key, as only he can."""
        found: dict[str, list[str]] = {}
        readers = [key.identity for key in self.enrolled.person_keys.values()]
        for case_id in await self.store.case_ids():
            async with self.store.begin() as tx:
                grants, envelopes = await tx.grants(case_id), await tx.envelopes(case_id)
            identity = next(key for grant in grants for key in _case_key(self.keys.peel(grant.key_file), readers))
            sealed = [envelope.sealed for envelope in envelopes if envelope.part is Part.MESSAGE]
            texts = [str(age.read_json(age.unseal(one, identity), "message")["text"]) for one in sealed]
            found[case_id] = [mark for text in texts for mark in MARK.findall(text)]
        return found

    async def ledger(self) -> dict[str, SendingState]:
        async with self.database.begin(reading=True) as transaction:
            found = await transaction.run(select(tables.sending.c.id, tables.sending.c.state))
            return {row.id: row.state for row in found}

    async def ask_to_open(self) -> bool:
        """One reader's signed request for a case that he was offered. False when nobody has one to open."""
        reads = DeskReads(self.database, SetClock(time.time_ns() // 1_000_000))
        for case_id in await self.store.case_ids():
            async with self.store.begin() as tx:
                grants = [g for g in await tx.grants(case_id) if g.state is GrantState.OFFERED]
            for grant in grants:
                assert grant.person_id is not None
                card = SignedCard(card_bytes(self.enrolled.cards[grant.person_id])).fingerprint()
                body = Entry(int(time.time()) // 3600, EntryKind.OPEN, case_id, self.keys.inner_hash(grant.key_file), card).body()
                signature = signing.sign(self.enrolled.person_keys[grant.person_id].sign_seed, signing.Use.OPEN, body)
                sealed = age.seal(body, self.keys.recipient(Purpose.GATE)[1])
                act = ActRow(sha256(grant.id.encode())[:32], grant.person_id, case_id, "open", signature, sealed)
                if await reads.add_act(act):
                    return True
        return False


def _case_key(inner: bytes, readers: list[str]) -> list[str]:
    for reader in readers:
        try:
            return [plaintexts.read_key_file(age.unseal(inner, reader))[2]]
        except age.OpenError:
            continue
    return []


async def until(look: Callable[[], Awaitable[object]], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not await look():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def readers() -> frozenset[str]:
    """Few, so that a worker that lives for a moment need not judge fifty cards in it."""
    world = tomllib.loads(WORLD.read_text(encoding="utf-8"))
    return frozenset(person["id"] for person in world["people"] if person["agency"] in HOUSES)


@asynccontextmanager
async def scene(home: Path, url: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Scene]:
    """`url`: a migrated database. `env`: the processes' environment. No process runs yet."""
    make_secrets(home / "secrets", secrets.token_bytes)
    keys = load_worker(home / "secrets" / "worker")
    database = open_database(url)
    store = SqlStore(database)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        enrolled = await enrol_world(store, keys, load_atlas(WORLD), readers())
        (home / "vetters.json").write_text(enrolled.vetters_file())
        twilio, telegram = stack.enter_context(TwilioPeer()), stack.enter_context(TelegramPeer())
        twilio.progress = ("delivered",)
        sms = Twilio(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), NUMBER, twilio.url)
        channels = Channels(sms, Telegram(Sensitive(BOT_TOKEN), None, telegram.url))
        settings = replace(practice_settings(home, url, home / "vetters.json", silence_s=0), channels=channels)
        running = stack.enter_context(processes(settings, env))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=running.base, trust_env=False, timeout=30))
        yield Scene(running, client, twilio, telegram, database, store, keys, enrolled)
