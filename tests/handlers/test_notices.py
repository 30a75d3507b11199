"""Notices: nobody gets one who did not ask; when anything urgent waits, all who asked get the same text, once a slot, by another sender."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import time
from pathlib import Path
from types import MappingProxyType

import pytest

from handlers.ports import MaybeSent, NotSent, Sent, Trouble, Unsent
from handlers.requests import Refusal
from handlers.slots import Slots
from routing.cards import card_bytes
from sealing import age, custody, plaintexts, signing
from sealing.card import SignedCard
from sealing.case import sha256
from sealing.custody import ACTOR_USE, Entry, EntryKind
from sealing.rows import GrantState, Purpose, PushRow, TaskKind
from sealing.said import Push, push
from storage import tables
from tests.begun import world_cards
from tests.databases import Servers
from tests.line import Outbox, TestLine, practice_line
from triage.sensitive import Sensitive

pytestmark = pytest.mark.asyncio
URGENT = "They hold my sister in a house near the harbour of Puerto Azul and will kill her tonight. Help us."
CALM = "I saw a notice for work abroad at the market that looked wrong to me."
SLOT_S, DAY_S = 1800, 86_400
FEW = frozenset(sorted(world_cards()[0])[::4])
"""Of the practice world, for speed."""
TEXT = "Please look at your desk."


@asynccontextmanager
async def a_line(tmp_path: Path, url: str) -> AsyncIterator[tuple[TestLine, Outbox]]:
    """With slots as a real line has them; the clock stands at the start of one."""
    bell = Outbox()
    async with practice_line(tmp_path, url, people=FEW, notices=bell, slots=Slots((time(8), time(14), time(20)), "UTC")) as line:
        line.clock.now += SLOT_S * 1000 - line.clock.now % (SLOT_S * 1000)
        yield line, bell


@pytest.fixture
def sqlite(servers: Servers) -> str:
    """What both engines do alike is shown on one."""
    return servers.migrated("sqlite")


def number(n: int) -> str:
    return f"+346000000{n:02}"


async def ask(line: TestLine, person: str, address: str, changed: Mapping[str, str] = MappingProxyType({})) -> dict[str, object]:
    """The act `push`, as his desk makes it; `changed`: what another would have different in it."""
    said = Push(changed.get("person", person), changed.get("channel", "sms"), Sensitive(address))
    content = age.seal(push(said), line.keys.recipient(Purpose.DELIVERY)[1])
    card = SignedCard(card_bytes(line.cards[person])).fingerprint()
    body = Entry(line.clock.now // 3_600_000, EntryKind.PUSH, "", sha256(content), card).body()
    signer = line.person_keys[changed.get("signer", person)]
    signature = signing.sign(signer.sign_seed, ACTOR_USE[EntryKind.PUSH], body)
    sealed = age.seal(plaintexts.act(body, content), line.keys.recipient(Purpose.GATE)[1])
    return await line.act(person, "", "push", signature, sealed)


async def offered(line: TestLine, text: str = URGENT) -> str:
    """A tip that is offered in the next slot; the clock stands at its start."""
    before = set(await line.cases())
    await line.write(f"+99900{secrets.randbelow(10**7):07}", text)
    await line.later(60)
    [case] = set(await line.cases()) - before
    await line.later(SLOT_S - line.clock.now // 1000 % SLOT_S)
    return case


async def pushes(line: TestLine) -> list[PushRow]:
    async with line.store.begin() as tx:
        return list(await tx.pushes())


@pytest.mark.claim("T54")
async def test_whoever_asked_gets_the_one_text_once_a_slot_and_nobody_else(tmp_path: Path, url: str) -> None:
    async with a_line(tmp_path, url) as (line, bell):
        asked = sorted(line.cards)[:3]
        for n, person in enumerate(asked):
            assert (await ask(line, person, number(n)))["result"] == "done"
        case = await offered(line)
        assert bell.sent == [], "first the offers of a slot are made"
        await line.later(SLOT_S / 6)
        assert sorted(bell.sent) == [(number(n), TEXT) for n in range(3)], "whoever the case was offered to, or nobody of them"
        again = await offered(line)
        assert again != case
        await line.later(SLOT_S / 6)
        assert sorted(bell.sent) == sorted([(number(n), TEXT) for n in range(3)] * 2)
        await line.later(SLOT_S)
        assert len(bell.sent) == 6, "what was told is not told again"


async def test_two_urgent_cases_of_one_slot_are_one_notice(tmp_path: Path, sqlite: str) -> None:
    async with a_line(tmp_path, sqlite) as (line, bell):
        await ask(line, min(line.cards), number(1))
        await line.write("+9990000001", URGENT)
        await line.write("+9990000002", "My daughter is 13. A man took her and they will sell her tonight in Villa Norte. Help me please.")
        await line.later(60)
        assert len(await line.cases()) == 2
        await line.later(SLOT_S)
        grants = [grant for case in await line.cases() for grant in await line.grants(case)]
        assert [grant.state for grant in grants].count(GrantState.OFFERED) == 2
        await line.later(SLOT_S / 6)
        assert bell.sent == [(number(1), TEXT)]


async def test_a_case_that_is_not_urgent_and_one_that_was_opened_are_not_told_of(tmp_path: Path, sqlite: str) -> None:
    async with a_line(tmp_path, sqlite) as (line, bell):
        await ask(line, min(line.cards), number(1))
        await line.write("+9990000001", CALM)
        await line.later(300)
        await line.later(DAY_S / 2)
        [calm] = await line.cases()
        assert GrantState.OFFERED in [grant.state for grant in await line.grants(calm)]
        await line.later(SLOT_S / 6)
        assert bell.sent == []
        case = await offered(line)
        await line.open_first(case)
        await line.later(SLOT_S / 6)
        assert bell.sent == []


async def test_an_empty_address_ends_it(tmp_path: Path, sqlite: str) -> None:
    async with a_line(tmp_path, sqlite) as (line, bell):
        person = min(line.cards)
        await ask(line, person, number(1))
        [kept] = await pushes(line)
        assert number(1).encode() not in kept.sealed
        assert (await ask(line, person, ""))["result"] == "done"
        assert await pushes(line) == []
        assert [entry.kind for entry in await line.leaves()].count(EntryKind.PUSH) == 2, "both are on record, neither with an address"
        await offered(line)
        await line.later(SLOT_S)
        assert bell.sent == []


async def test_what_is_no_wish_of_his_own_is_refused_and_changes_nothing(tmp_path: Path, sqlite: str) -> None:
    async with a_line(tmp_path, sqlite) as (line, _):
        ana, bela = sorted(line.cards)[:2]
        leaves = await line.leaves()
        wrong: list[tuple[str, dict[str, str], Refusal]] = [
            (number(1), {"person": bela}, Refusal.NOT_YOURS),
            (number(1), {"signer": bela}, Refusal.BAD_SIGNATURE),
            (number(1), {"channel": "telegram"}, Refusal.UNREADABLE),
            ("600 000 001", {}, Refusal.UNREADABLE),
            ("+34 600 000 001", {}, Refusal.UNREADABLE),
            ("+1", {}, Refusal.UNREADABLE),
        ]
        for address, changed, code in wrong:
            answered = await ask(line, ana, address, changed)
            assert (answered["result"], answered["code"]) == ("refused", code), (address, changed)
        assert await pushes(line) == []
        assert await line.leaves() == leaves


async def test_a_line_without_a_sender_says_so_and_takes_no_number(tmp_path: Path, sqlite: str) -> None:
    async with practice_line(tmp_path, sqlite, people=FEW) as line:
        answered = await ask(line, min(line.cards), number(1))
        assert (answered["result"], answered["code"]) == ("refused", Refusal.NO_NOTICES)
        assert await pushes(line) == []


async def test_a_wish_that_was_written_into_the_database_is_nobodys(tmp_path: Path, sqlite: str) -> None:
    """Whoever can write rows could seal his own number to the public key, and learn when something urgent waits."""
    async with a_line(tmp_path, sqlite) as (line, bell):
        ana, bela, cleo = sorted(line.cards)[:3]
        await ask(line, ana, number(1))
        [hers] = await pushes(line)
        epoch, own = line.keys.seal(Purpose.DELIVERY, push(Push(bela, "sms", Sensitive(number(66)))))
        async with line.store.begin() as tx:
            await tx.save_push(PushRow(bela, epoch, own))
            await tx.save_push(PushRow(cleo, hers.epoch, hers.sealed))
        await offered(line)
        await line.later(SLOT_S / 6)
        assert bell.sent == [(number(1), TEXT)]


async def test_who_is_suspended_is_told_nothing(tmp_path: Path, sqlite: str) -> None:
    async with a_line(tmp_path, sqlite) as (line, bell):
        for n, person in enumerate(sorted(line.cards)[:2]):
            await ask(line, person, number(n))
        gone = min(line.cards)
        card, seed = SignedCard(card_bytes(line.cards[gone])).fingerprint(), line.person_keys[gone].sign_seed
        body = Entry(line.clock.now // 3_600_000, EntryKind.SUSPEND, "", card, card).body()
        async with line.store.begin() as tx:
            await tx.log(custody.leaf(body, signing.public_of(seed), signing.sign(seed, signing.Use.SUSPEND, body)))
        await offered(line)
        await line.later(SLOT_S / 6)
        assert bell.sent == [(number(1), TEXT)]


async def test_one_who_cannot_be_reached_holds_up_nobody_and_is_tried_within_the_slot_alone(tmp_path: Path, sqlite: str) -> None:
    async with a_line(tmp_path, sqlite) as (line, bell):
        for n, person in enumerate(sorted(line.cards)[:3]):
            await ask(line, person, number(n))
        asked: list[tuple[str, str]] = []

        async def provider(address: Sensitive[str], text: Sensitive[str], cause: str) -> Sent | Unsent:
            asked.append((address.reveal(), cause))
            if address.reveal() == number(0):
                raise NotSent
            if address.reveal() == number(1):
                raise MaybeSent
            return Sent()

        bell.provider = provider
        await offered(line)
        for _ in range(8):
            await line.later(SLOT_S / 6)
        tried = [address for address, _ in asked]
        assert [tried.count(number(n)) for n in range(3)] == [5, 1, 1], "what may have left is not sent again"
        assert len({cause for address, cause in asked if address == number(0)}) == 1, "one slot, one person, one cause"
        assert len({cause for _, cause in asked}) == 3
        assert line.alarms.count(Trouble.NOTICE_UNSENT) == 1


async def test_after_a_stop_it_waits_for_the_next_slot(tmp_path: Path, sqlite: str) -> None:
    async with a_line(tmp_path, sqlite) as (line, bell):
        await ask(line, min(line.cards), number(1))
        await offered(line)
        async with line.database.begin() as transaction:  # how long he may be silent is another matter
            await transaction.run(tables.task.delete().where(tables.task.c.kind == TaskKind.LAPSE))
        line.clock.now += int(SLOT_S * 2.5) * 1000
        await line.run()
        assert bell.sent == []
        await line.later(SLOT_S / 2)
        assert bell.sent == []
        await line.later(SLOT_S / 6)
        assert bell.sent == [(number(1), TEXT)]


async def test_what_the_provider_keeps_of_a_notice_is_deleted_there(tmp_path: Path, sqlite: str) -> None:
    async with a_line(tmp_path, sqlite) as (line, bell):
        await ask(line, min(line.cards), number(1))
        await offered(line)
        await line.later(SLOT_S / 6)
        assert bell.erased == []
        await line.later(3600)
        assert bell.erased == [(number(1), "out1")]
