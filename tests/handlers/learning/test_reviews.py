"""When several outcomes speak against a reader, two vetters hear of it, once; and nothing else happens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import func, select

from bot import child, mail
from bot.enrol import enrolment_at
from bot.wiring import Worker
from handlers.lessons import Memory
from handlers.letters import Letters
from handlers.ports import Trouble, Tx
from handlers.reviews import Inquiry, Reviews
from handlers.roster import KeptRoster, find_member, judge, members
from routing.cards import card_bytes
from routing.draw import choose
from routing.exposure import exposures
from routing.index import index_of
from routing.learning import LEARNING, SOURCES, Event, Opened, Verdict, deserves_review
from routing.people import Assignment, TipFacts
from sealing import age, signing
from sealing.card import SignedCard
from sealing.rows import DAY_MS, HOUR_MS
from sealing.said import Letter
from storage import tables
from tests.handlers.cases.leaving import letters, with_letters
from tests.handlers.learning.records import lesson, other_worker, put, rows
from tests.line import TestLine, practice_line

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket]

OTHERS = ["elsewhere", "abroad"]
"""Houses of vetters that are nobody's of the practice world."""
Said = tuple[str, bool]
"""(informer, verified)"""
ENOUGH: list[Said] = [*[("x1", True)] * 4, ("x2", False)]


async def told(
    line: TestLine, person: str, said: Sequence[Said], verdict: Verdict = Verdict.COMPROMISED, first: int = 0, days: int = 0
) -> None:
    """Cases that he alone had read, all in the area where his ties are; so many days from now."""
    day = line.clock.now // DAY_MS + days
    events = [Event("ln", (Opened(person, 0.3, 0.65),), verdict, informer, verified, day) for informer, verified in said]
    await put(line, *(lesson(line, first + n, event, day=day) for n, event in enumerate(events)))


def somebody(line: TestLine) -> str:
    return next(iter(line.cards))


def another_start(line: TestLine) -> Reviews:
    return replace(line.reviews, memory=other_worker(line))


async def heard(line: TestLine, vetters: dict[str, str]) -> list[list[Letter]]:
    return list((await letters(line, vetters)).values())


def about(person: str) -> list[tuple[str, str, str, str]]:
    return [(Inquiry.REVIEW, "", person, "")]


def read(found: Sequence[Letter]) -> list[tuple[str, str, str, str]]:
    return [(one.code, one.case, one.person, one.text.reveal()) for one in found]


@pytest.mark.claim("T58")
async def test_two_vetters_are_told_who_and_nothing_else(line: TestLine) -> None:
    """No number, no case; none to his own house and its chain, who might be in it."""
    person = somebody(line)
    house = line.cards[person].agency
    vetters = with_letters(line, [*OTHERS, *sorted(line.atlas.line(house))])
    await told(line, person, ENOUGH)
    assert [len(one) for one in await heard(line, vetters)] == [0] * len(vetters), "an outcome's own moment tells nothing"
    await line.reviews.look()
    assert [read(one) for one in await heard(line, vetters)] == [about(person)] * 2 + [[]] * (len(vetters) - 2)
    assert line.alarms == []
    first = next(iter(vetters))
    async with line.store.begin() as tx:
        shown = mail.opened(await tx.letters(first), vetters[first])
    assert [one.partition("  ")[2] for one in shown] == [f"{mail.WORDS[Inquiry.REVIEW.value]}\n            person: {person}"]
    assert "Nothing follows by itself" in shown[0]


@pytest.mark.parametrize(
    ("said", "proposed"),
    [
        (ENOUGH, True),
        ([("x1", True)] * 9, False),
        ([(f"x{n}", False) for n in range(16)], False),
        ([*[("x1", True)] * 9, (SOURCES, False)], False),
        ([*[("x1", True)] * 9, ("himself", False)], False),
        ([*[(f"x{n}", False) for n in range(16)], ("x1", True)], True),
    ],
    ids=["two and one verified", "one informer", "none verified", "sources are no informer", "nor is he", "many and one verified"],
)
@pytest.mark.claim("T58")
async def test_it_takes_two_informers_and_a_verified_outcome(line: TestLine, said: list[Said], proposed: bool) -> None:
    person = somebody(line)
    vetters = with_letters(line, OTHERS)
    await told(line, person, [(person if informer == "himself" else informer, verified) for informer, verified in said])
    await line.reviews.look()
    evidence = line.memory.beliefs.of(person)
    assert evidence.corrupt(LEARNING.prior) > LEARNING.review, "the control: the number alone would do"
    assert [read(one) for one in await heard(line, vetters)] == [about(person) if proposed else []] * 2


async def test_nobody_is_proposed_for_whom_he_works_with(line: TestLine) -> None:
    houses = [card.agency for card in line.cards.values()]
    person = next(name for name, card in line.cards.items() if houses.count(card.agency) > 2)
    mates = sorted(name for name, card in line.cards.items() if card.agency == line.cards[person].agency and name != person)
    vetters = with_letters(line, OTHERS)
    before = await exposure(line, person)
    for n, mate in enumerate(mates):
        await told(line, mate, ENOUGH, first=10 * n)
    await line.reviews.look()
    assert await exposure(line, person) > before, "the control: he is drawn less for it"
    for found in await heard(line, vetters):
        assert sorted(one.person for one in found) == mates


async def exposure(line: TestLine, person: str) -> float:
    async with line.store.begin() as tx:
        beliefs = await line.memory.current(tx)
        everybody = await members(tx, line.keys, line.vetters, line.clock.now // HOUR_MS)
    index = index_of(KeptRoster(line.atlas, line.vetters).of(one.person for one in everybody))
    return float(exposures(beliefs, index, ("ln",), LEARNING)[index.row(person)])


async def test_once_through_every_look_and_start(line: TestLine) -> None:
    person = somebody(line)
    vetters = with_letters(line, OTHERS)
    await told(line, person, ENOUGH)
    for reviews in (line.reviews, line.reviews, another_start(line)):
        await reviews.look()
    await told(line, person, [("x3", True)], first=20)
    for reviews in (line.reviews, another_start(line)):
        await reviews.look()
    assert [len(one) for one in await heard(line, vetters)] == [1, 1]


async def test_a_worker_that_died_before_it_wrote_is_made_up_for_at_the_next_start(line: TestLine) -> None:
    """Even where a later outcome speaks for him again: it first deserved a review once."""
    person = somebody(line)
    vetters = with_letters(line, OTHERS)
    await told(line, person, ENOUGH)

    class Broken:
        def draw(self, n: int) -> bytes:
            raise ZeroDivisionError

    dying = replace(line.reviews, letters=Letters(line.vetters, line.clock, Broken()))
    with pytest.raises(ZeroDivisionError):
        await dying.look()
    assert [len(one) for one in await heard(line, vetters)] == [0, 0]
    started = another_start(line)
    await clear(line, person, started.memory)
    await started.look()
    assert [read(one) for one in await heard(line, vetters)] == [about(person)] * 2


async def clear(line: TestLine, person: str, memory: Memory) -> None:
    """So many cases that went well, as so many others agree, that nothing deserves a review any more."""
    await told(line, person, [(f"y{n}", True) for n in range(40)], Verdict.CLEAN, first=1_000, days=1)
    async with line.store.begin() as tx:
        assert not deserves_review((await memory.current(tx)).of(person))


@pytest.mark.both
async def test_two_workers_at_once_write_once(tmp_path: Path, url: str) -> None:
    async with practice_line(tmp_path, url) as line:
        person = somebody(line)
        vetters = with_letters(line, OTHERS)
        await told(line, person, ENOUGH)
        await asyncio.gather(line.reviews.look(), another_start(line).look(), another_start(line).look())
        assert [read(one) for one in await heard(line, vetters)] == [about(person)] * 2


async def test_a_new_card_is_looked_at_anew_by_what_speaks_against_him_then(line: TestLine) -> None:
    """Once more, while the evidence stands; never for what is over."""
    standing, over = list(line.cards)[:2]
    vetters = with_letters(line, OTHERS)
    await told(line, standing, ENOUGH)
    await told(line, over, ENOUGH, first=100)
    await line.reviews.look()
    await clear(line, over, line.memory)
    line.clock.now += 3 * DAY_MS
    for person in (standing, over):
        await renew(line, person)
    for reviews in (line.reviews, another_start(line), another_start(line)):
        await reviews.look()
    for found in await heard(line, vetters):
        assert sorted(one.person for one in found) == sorted([standing, standing, over])


async def renew(line: TestLine, person: str) -> None:
    now = datetime.fromtimestamp(line.clock.now / 1000, UTC)
    fresh = replace(
        line.cards[person],
        verify_key=signing.generate()[1],
        age_recipient=age.generate()[1],
        sequence=line.cards[person].sequence + 1,
        issued=now.replace(microsecond=0),
    )
    signed = SignedCard(card_bytes(fresh))
    for seed in line.vetter_seeds:
        signed = signed.signed_by(seed)
    async with line.store.begin() as tx:
        put_in = await enrolment_at(now, line.keys, line.vetters).put(tx, signed, judge(signed, line.vetters), line.clock.now // HOUR_MS)
        assert getattr(put_in, "replaced", None) == line.card_of(person)
    line.cards = {**line.cards, person: fresh}


async def test_where_too_few_may_hear_of_it_somebody_must_look_and_nothing_is_lost(line: TestLine) -> None:
    person = somebody(line)
    own = line.cards[person].agency
    await told(line, person, ENOUGH)
    nobody = with_letters(line, [own, own])
    for _ in range(2):
        await line.reviews.look()
    assert (await heard(line, nobody), line.alarms) == ([[], []], [Trouble.FEW_VETTERS] * 2)
    line.alarms.clear()
    one = with_letters(line, [own, "abroad"])
    for _ in range(2):
        await line.reviews.look()
    assert [read(found) for found in await heard(line, one)] == [[], about(person)]
    assert line.alarms == [Trouble.FEW_VETTERS]


@pytest.mark.claim("T58")
async def test_nothing_follows_by_itself(line: TestLine) -> None:
    """His standing, his chances, what he has, the log, what is due: all as they were."""
    person = next(iter((await drawn_now(line)).chances))
    vetters = with_letters(line, OTHERS)
    await told(line, person, ENOUGH)
    before = await all_of(line, person)
    await line.reviews.look()
    assert [len(one) for one in await heard(line, vetters)] == [1, 1], "the control"
    assert await all_of(line, person) == before
    assert (await drawn_now(line)).chances[person] > 0


async def drawn_now(line: TestLine) -> Assignment:
    tip = TipFacts(datetime.fromtimestamp(line.clock.now / 1000, UTC), could_involve_child=False)
    async with line.store.begin() as tx:
        beliefs = await line.memory.current(tx)
        everybody = await members(tx, line.keys, line.vetters, line.clock.now // HOUR_MS)
    roster = KeptRoster(line.atlas, line.vetters).of(member.person for member in everybody)
    return choose(roster, tip, beliefs, bytes(32), tip.received, released=True)


async def all_of(line: TestLine, person: str) -> tuple[object, ...]:
    async with line.store.begin() as tx:
        standing = await find_member(tx, line.keys, line.vetters, person, line.clock.now // HOUR_MS)
        his = (standing, await tx.held_by(person), await tx.leaves(0))
    async with line.database.begin(reading=True) as transaction:
        due = (await transaction.run(select(func.count()).select_from(tables.task))).scalar_one()
    return his, due, await drawn_now(line), await rows(line)


async def test_who_left_the_roster_is_nobody_s_review(line: TestLine) -> None:
    vetters = with_letters(line, OTHERS)
    await told(line, "0" * 32, ENOUGH)
    await line.reviews.look()
    assert line.memory.deserved.keys() == {"0" * 32}, "the control"
    assert [len(one) for one in await heard(line, vetters)] == [0, 0]


async def test_the_worker_looks_again_and_again(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    vetters = with_letters(line, OTHERS)
    stop = asyncio.Event()

    class Made:
        reviews = line.reviews

    monkeypatch.setattr(child, "REVIEW_S", 0.001)
    running = asyncio.create_task(child._learn(cast("Worker", Made), stop))
    await told(line, somebody(line), ENOUGH)
    async with asyncio.timeout(5):
        while not (await heard(line, vetters))[0]:
            await asyncio.sleep(0.005)
    stop.set()
    await running


async def test_what_came_while_rows_were_asked_for_is_not_lost(line: TestLine) -> None:
    """The answer to one task's question may arrive after another task has learned what was committed since."""
    async with line.store.begin() as tx:
        before = await tx.lesson_ids()

        class Slow:
            """The transaction of the first; its answer is from before."""

            lessons_named = tx.lessons_named

            async def lesson_ids(self) -> Sequence[str]:
                assert await tx.add_lesson(lesson(line, 1, Event("ln", (), Verdict.CLEAN, "x1", verified=True, day=1)))
                await line.memory.current(tx)
                return before

        await line.memory.current(cast("Tx", Slow()))
    assert line.alarms == []
