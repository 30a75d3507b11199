"""A flood on a whole line: slower for who floods, one item for who reads, the same for everybody else, and nothing lost."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select

import handlers.understanding
import handlers.voices
from handlers.crowds import Crowds
from handlers.thread import read_thread
from sealing.rows import Accepted, CaseRow, CaseState, Part, TaskKind
from storage import tables
from storage.counting import tally
from tests.handlers.crowds import COPIED, flood, opened, the_item
from tests.handlers.test_line_copied import threads_of
from tests.handlers.test_line_escrow import gate_of
from tests.handlers.test_line_forgetting import SlowTranslator
from tests.line import CHANNEL, TestLine, fresh_line
from tests.storage.rows import count
from triage.language import Translation
from triage.sensitive import Sensitive
from triage.tip import Control, Form, Inbound

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


OWN = "Me tienen encerrada en una casa, ayúdenme por favor"
MARK = re.compile(r"\(([0-9]+)\)")


@pytest_asyncio.fixture
async def one(tmp_path: Path) -> AsyncIterator[TestLine]:
    """On one engine: what the engine has no part in."""
    async with fresh_line(tmp_path) as made:
        yield made


FLOODER, OTHER = "+34600000001", "+34600000002"


async def conversed(line: TestLine) -> int:
    async with line.database.begin(reading=True) as transaction:
        rows = await transaction.run(tables.inbound.select().where(tables.inbound.c.thread.is_not(None)))
        return len(rows.all())


@pytest.mark.claim("T34")
@pytest.mark.thorough
async def test_five_thousand_messages_of_one_phone_do_not_delay_anothers_answer(one: TestLine) -> None:
    at = datetime.fromtimestamp(one.clock.now / 1000, UTC)
    flood = [Inbound(CHANNEL, Sensitive(FLOODER), Sensitive(f"buy cheap watches {n}"), f"f{n}", at) for n in range(5_000)]
    results = Counter[Accepted]()
    for start in range(0, len(flood), 1_000):
        results.update(await asyncio.gather(*(one.acceptor.accept(message) for message in flood[start : start + 1_000])))
    assert results == {Accepted.NEW: 5_000}
    await one.write(OTHER, "They keep my sister in the house next to the harbour in Puerto Claro")
    assert await conversed(one) == 20 + 1, "the flood's first twenty, and the other's, are all that was due"
    await one.later(3)
    assert [address for address, _ in one.outbox.sent].count(OTHER) == 1, "answered as soon as ever"
    await one.later(12)
    assert await conversed(one) == 20 + 1 + 1, "then the flood comes a message at a time"
    assert await count(one.database, tables.inbound) == 5_001, "and all of it waits, durably"


@pytest.mark.claim("T34")
async def test_repeats_of_one_request_do_not_put_its_sender_off(one: TestLine) -> None:
    at = datetime.fromtimestamp(one.clock.now / 1000, UTC)
    captured = Inbound(CHANNEL, Sensitive(OTHER), Sensitive("hola"), "captured", at)
    assert [await one.take(captured), *[await one.acceptor.accept(captured) for _ in range(60)]].count(Accepted.NEW) == 1
    await one.write(OTHER, "Puerto Claro")
    assert await conversed(one) == 2, "the next is read at once"


class Endless:
    """handlers.ports.Translator that is asked for too much."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def translate(self, text: Sensitive[str], source: str, target: str) -> Translation | None:
        self.asked.append(len(text.reveal()))
        return await asyncio.Event().wait() and None


@pytest.mark.claim("T34")
async def test_texts_that_take_long_to_translate_hold_up_no_answer_and_no_sealing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers.understanding, "QUICK_S", 0.01)
    monkeypatch.setattr(handlers.understanding, "WHOLE_S", 0.6)
    monkeypatch.setattr(handlers.voices, "TRANSLATING_S", 0.5)
    endless, long = Endless(), "xkcd qwrt zzplk " * 200
    async with asyncio.timeout(30), fresh_line(tmp_path, endless) as line:
        for _ in range(6):
            await line.write(FLOODER, long)
        await line.write(OTHER, "hola")
        assert endless.asked == [handlers.understanding.QUICK] * 6
        await line.later(130)
        assert endless.asked[6:] == [len(long)], "then the time of this sealing is over"
        (case_id,) = await line.cases()
        assert (await opened(line, case_id)).texts == [long] * 6
        assert {address for address, _ in line.outbox.sent} == {FLOODER, OTHER}


@pytest.mark.claim("T35")
@pytest.mark.slow
async def test_many_phones_with_one_text_are_one_item_that_one_person_reads(line: TestLine) -> None:
    await flood(line, range(12))
    await line.later(61)
    await line.later(6)
    cases, item = await line.cases(), await the_item(line)
    assert len(cases) == 4 + 1, "the first four came before anybody could know"
    held = await opened(line, item)
    assert held.texts == [COPIED.format(n) for n in range(4, 12)], "in the order of their coming, every one"
    assert {message["form"] for message in held.messages} == {Form.ONE_OF_MANY.value}
    assert Part.CONTACT not in {part.part for part in held.parts}, "an answer to one must never reach another"
    (reader,) = await line.released(item)
    async with line.store.begin() as tx:
        assert reader in await tx.readers()
        load = sum((await tx.open_cases()).values())
    assert load == len(cases) - 1, "the item adds nothing to anybody's"
    for case_id in set(cases) - {item}:
        alone = await opened(line, case_id)
        assert len(alone.texts) == 1
        assert "form" not in alone.messages[0]
        assert Part.CONTACT in {part.part for part in alone.parts}
    assert line.floods == [5, 10]
    assert (await tally(line.database, 0)).floods == 1
    await flood(line, range(12, 14))
    await line.later(61)
    assert len(await line.cases()) == 5
    assert (await opened(line, item)).texts[8:] == [COPIED.format(n) for n in range(12, 14)]
    assert await count(line.database, tables.inbound) == 0


async def test_who_reads_only_a_floods_item_is_watched_as_everybody_is(one: TestLine) -> None:
    await flood(one, range(7))
    await one.later(61)
    await one.later(6)
    item = await the_item(one)
    (reader,) = await one.released(item)
    await one.watching.review_all()
    async with one.database.begin(reading=True) as transaction:
        reviewed = select(tables.task.c.ref).where(tables.task.c.kind == TaskKind.REVIEW, tables.task.c.due <= one.clock.now)
        assert reader in set((await transaction.run(reviewed)).scalars())


async def test_every_phone_of_a_flood_is_answered_as_if_it_were_alone(one: TestLine) -> None:
    await flood(one, range(7))
    await one.later(3)
    answers = dict(one.outbox.sent)
    assert len(answers) == 7
    assert len(set(answers.values())) == 1


@pytest.mark.claim("T35")
@pytest.mark.slow
async def test_ten_people_who_ask_for_help_are_ten_cases_with_ten_ways_back(one: TestLine) -> None:
    for n in range(10):
        await one.write(f"+999 200 {n:04}", "Ayúdenme por favor, estoy encerrada en una casa")
    await one.later(21)
    cases = await one.cases()
    assert len(cases) == 10
    for case_id in cases:
        assert Part.CONTACT in {part.part for part in (await opened(one, case_id)).parts}
    assert await count(one.database, tables.cluster) == 0
    assert one.floods == []


async def test_a_flood_that_asks_for_help_is_one_urgent_item(one: TestLine) -> None:
    await flood(one, range(8), "Ayúdenme, me van a matar esta noche, estoy encerrada con otras tres mujeres en una casa de Peñalta ({})")
    await one.later(61)
    assert len(await one.cases()) == 5
    item = await the_item(one)
    async with one.store.begin() as tx:
        case = await tx.case(item)
    assert case is not None
    assert case.urgent
    assert case.state is CaseState.SEALED


@pytest.mark.slow
async def test_somebody_of_a_crowd_who_tells_something_himself_gets_a_case_of_his_own(one: TestLine) -> None:
    """And an answer of his own, and nobody reads it who was excluded by what he said in the crowd."""
    phone = "+999 100 0006"
    await flood(one, range(8))
    await one.later(61)
    item = await the_item(one)
    barred = set((await gate_of(one, item)).excluded)
    assert barred, "the text names the police of a town"
    await one.write(phone, "1")
    await one.later(61)
    known = set(await one.cases())
    await one.write(phone, OWN)
    (own,) = set(await one.cases()) - known
    await one.later(61)
    alone = await opened(one, own)
    assert alone.texts == [OWN]
    assert Part.CONTACT in {part.part for part in alone.parts}
    assert not {seat.person for seat in (await gate_of(one, own)).order} & barred
    assert OWN not in (await opened(one, item)).texts
    await one.write(phone, "Es en el piso de arriba")
    await one.later(61)
    assert (await opened(one, own)).texts == [OWN, "Es en el piso de arriba"], "from then on it is his"


async def test_who_leaves_before_the_item_is_sealed_takes_all_he_said_along(one: TestLine) -> None:
    await flood(one, range(8))
    known = set(await one.cases())
    await one.write("+999 100 0007", OWN)
    (own,) = set(await one.cases()) - known
    await one.later(121)
    assert (await opened(one, own)).texts == [COPIED.format(7), OWN]
    assert (await opened(one, await the_item(one))).texts == [COPIED.format(n) for n in range(4, 7)]


async def test_a_line_that_was_restarted_still_knows_the_flood(one: TestLine) -> None:
    def restarted() -> None:
        object.__setattr__(one.talk, "crowds", Crowds(one.keys, one.acceptor.entropy, one.floods.append))

    for n in range(8):
        restarted()
        await flood(one, range(n, n + 1))
    assert len(await one.cases()) == 5
    assert one.floods == [5]


async def test_two_workers_count_together(line: TestLine) -> None:
    mark, now = 2**64 - 1, line.clock.now
    workers = [Crowds(line.keys, line.acceptor.entropy, line.floods.append) for _ in range(2)]
    placed = []
    for n in range(6):
        async with line.store.begin() as tx:
            placed.append(await workers[n % 2].place(tx, f"{n:032x}", mark, now, now))
            if placed[-1].new:
                await tx.add_case(CaseRow(placed[-1].case_id, 1, CaseState.TALKING, False, 1, 0, None, None, None))
    assert [p.new for p in placed] == [True] * 5 + [False]
    assert placed[5].case_id == placed[4].case_id
    assert await count(line.database, tables.cluster) == 1


async def test_what_was_rolled_back_was_not_counted(line: TestLine) -> None:
    mark, now, crowds = 2**64 - 1, line.clock.now, Crowds(line.keys, line.acceptor.entropy, line.floods.append)

    async def broken(n: int) -> None:
        async with line.store.begin() as tx:
            assert (await crowds.place(tx, f"{n:032x}", mark, now, now)).crowd is None
            raise ZeroDivisionError

    for n in range(20):
        with pytest.raises(ZeroDivisionError):
            await broken(n)
    assert await count(line.database, tables.cluster) == 0


async def test_memory_of_texts_that_differ_is_bounded_and_an_old_one_goes(one: TestLine) -> None:
    now, crowds = one.clock.now, Crowds(one.keys, one.acceptor.entropy, one.floods.append, most=10)
    drawn = random.Random(3)  # any marks; the same at every run
    for n in range(40):
        async with one.store.begin() as tx:
            await crowds.place(tx, f"{n:032x}", drawn.getrandbits(64), now + n, now + n)
    assert 9 <= await count(one.database, tables.cluster) <= 10
    async with one.store.begin() as tx:
        await crowds.place(tx, f"{99:032x}", 1, now + 7 * 3_600_000, now + 7 * 3_600_000)
    assert await count(one.database, tables.cluster) == 1


async def test_a_cluster_that_nobody_can_open_stops_no_message(one: TestLine) -> None:
    await flood(one, range(1))
    async with one.database.begin() as transaction:
        await transaction.run(tables.cluster.update().values(sealed=b"junk", version=9))
    await flood(one, range(1, 3))
    assert len(await one.cases()) == 3
    assert await count(one.database, tables.cluster) == 1


async def test_the_sealing_of_a_crowd_goes_in_steps_and_ends_with_all_of_it(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers.voices, "MOST_VOICES", 3)
    await flood(line, range(12))
    await line.later(61)
    assert sorted((await opened(line, await the_item(line))).texts) == sorted(COPIED.format(n) for n in range(4, 12))
    assert await count(line.database, tables.inbound) == 0


async def test_a_member_who_asks_to_be_let_go_takes_nothing_from_the_others(one: TestLine) -> None:
    await flood(one, range(8))
    await one.later(61)
    before = await count(one.database, tables.thread)
    at = datetime.fromtimestamp(one.clock.now / 1000, UTC)
    await one.take(Inbound(CHANNEL, Sensitive("+999 100 0006"), Sensitive("/forget"), "forget", at, control=Control.FORGET))
    assert await count(one.database, tables.thread) == before - 1
    assert len((await opened(one, await the_item(one))).texts) == 4
    assert len(await cases_with_contacts(one)) == 4


async def cases_with_contacts(line: TestLine) -> list[str]:
    async with line.database.begin(reading=True) as transaction:
        rows = await transaction.run(tables.envelope.select().where(tables.envelope.c.part == Part.CONTACT))
        return sorted({str(row.case_id) for row in rows})


async def test_no_fingerprint_stands_in_the_clear_and_the_sweep_takes_what_is_past(one: TestLine) -> None:
    await flood(one, range(6))
    async with one.database.begin(reading=True) as transaction:
        (row,) = (await transaction.run(tables.cluster.select())).all()
    assert row.day == one.clock.now // 86_400_000
    assert "count" not in repr(bytes(row.sealed))
    later = one.clock.now + 5 * 86_400_000
    await one.store.sweep(later)
    assert await count(one.database, tables.cluster) == 1, "its item goes on"
    async with one.store.begin() as tx:
        assert await tx.move_case(row.case_id, CaseState.TALKING, CaseState.CLOSED)
    await one.store.sweep(later)
    assert await count(one.database, tables.cluster) == 0
    assert (await tally(one.database, 0)).floods == 0


@pytest.mark.claim("T35")
@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
async def test_every_message_is_in_exactly_one_case_whatever_is_sent(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    said = [
        COPIED,
        "AVISO: " + COPIED.upper(),
        "Vi a unos hombres que bajaban de un barco con muchas chicas atadas cerca de la fábrica vieja de Peñalta ({})",
        "Ayúdenme por favor ({})",
        "Puerto Claro ({})",
        "Una mujer sin pasaporte trabaja sin pago en la casa de mi vecino ({})",
    ]
    written: list[int] = []
    async with fresh_line(tmp_path) as line:
        for n in range(32):
            phone = chance.randrange(20)
            await line.write(f"+999 300 {phone:04}", chance.choices(said, (6, 2, 2, 1, 1, 1))[0].format(n))
            written.append(n)
            if chance.random() < 0.15:
                await line.later(chance.choice((3, 25, 70)))
        for _ in range(3):
            await line.later(130)
        found: Counter[int] = Counter()
        for case_id in await line.cases():
            found.update(int(mark) for text in (await opened(line, case_id)).texts for mark in MARK.findall(text))
        assert found == Counter(written)
        assert await count(line.database, tables.inbound) == 0
        assert line.floods, "or this shows nothing of floods"


@pytest.mark.claim("T35")
async def test_a_crowd_that_goes_on_writing_does_not_keep_its_item_from_being_sealed(tmp_path: Path) -> None:
    translator = SlowTranslator()
    async with fresh_line(tmp_path, translator) as line:
        await flood(line, range(8))
        seal = line.handlers.pop(TaskKind.SEAL)
        await line.later(61)
        item = await the_item(line)
        while (task := await line.queue.claim([TaskKind.SEAL])) is not None and task.ref != item:
            pass
        assert task is not None
        until, translator.asked = asyncio.Event(), asyncio.Event()
        translator.until = until
        sealing = asyncio.ensure_future(seal(task))
        await translator.asked.wait()
        translator.until = None
        await line.write("+999 100 0005", "Gracias")
        until.set()
        await sealing
        assert len((await opened(line, item)).texts) == 4
        assert [read_thread(line.keys, row).copied is not None for row in await threads_of(line, item)] == [True] * 4, "his, too"
