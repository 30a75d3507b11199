"""A tip that is held: what vetters are told of it, and what two of them release."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from sqlalchemy import select

from bot.holds import Held
from handlers import drawing
from handlers.releases import Freed, NotFreed
from routing.draw import choose
from routing.people import Assignment, Flag, Hold
from sealing import age, custody, signing
from sealing.case import sha256
from sealing.custody import Entry, EntryKind
from sealing.rows import CaseState, Purpose
from sealing.statements import matter, matter_of_code, signed_entry, signed_release
from storage import tables
from tests.handlers.held.holding import (
    AN_HOUR,
    FIVE,
    MAILBOX,
    NAMED,
    SMALL,
    TWO,
    code_in,
    enrol,
    hour_of,
    letters,
    line_holds,
    logged,
    looked_at,
    nonce_of,
    record_of,
    releases,
    said,
    state_of,
    take,
    told,
)
from tests.handlers.test_line_escrow import gate_of
from tests.handlers.test_line_reading import PHONE, TIP, everything, sealed_case
from tests.line import TestLine
from triage.sensitive import Sensitive

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


def on_hold(why: Hold, pool: int = 2) -> Assignment:
    return Assignment((), pool, {}, {}, hold=why)


# ---- what vetters are told


async def test_vetters_are_told_why_and_two_numbers_and_nothing_of_the_tip(line: TestLine) -> None:
    await enrol(line, TWO, 2)
    case_id = await sealed_case(line)
    (letter,) = await letters(line)
    assert (letter.code, letter.case, letter.person) == (SMALL, case_id, "")
    assert letter.text.reveal().splitlines()[0] == "May read it: 2. The likeliest of them gets it with a chance of 50 %."
    assert await told(line) == Held(vetters=1)
    _, columns = await everything(line)
    assert not [column for column in columns if SMALL.value.encode() in column or NAMED.value.encode() in column], "why stands in no column"


async def test_one_letter_for_each_reason_however_often_it_is_looked_at(line: TestLine) -> None:
    await enrol(line, TWO, 2)
    case_id = await sealed_case(line)
    for _ in range(3):
        await line.later(13 * AN_HOUR)
    assert line.alarms == [SMALL] * 4
    assert len(await letters(line)) == 1
    await line.write(PHONE, f"También cobra {line.cards[f'{1:032x}'].name}")
    await line.later(27)
    (letter,) = await letters(line)
    assert (letter.code, letter.case) == (NAMED, case_id)
    assert letter.text.reveal().startswith("May read it: 1. Could, if it named nobody: 2.\n")
    await line.later(13 * AN_HOUR)
    assert await letters(line) == []


async def test_what_two_vetters_let_go_to_nine_does_not_go_to_the_one_who_is_left(line: TestLine) -> None:
    """The author writes on between the first signature and the second: another letter, another code, and both sign again."""
    readers = await enrol(line, FIVE, 20)
    names = [line.cards[reader].name for reader in readers]
    case_id = await sealed_case(line, f"{TIP}. También cobran {', '.join(names[:11])}")
    (first,) = await letters(line)
    assert first.text.reveal().startswith("May read it: 9. Could, if it named nobody: 20.")
    before = await said(line, case_id, 1, NAMED)
    assert await take(line, await said(line, case_id, 0, NAMED)) is Freed.SIGNED
    await letters(line)
    for some in (names[11:15], names[15:19]):
        await line.write(PHONE, f"Y también {', '.join(some)}")
    await line.later(13 * AN_HOUR)
    (again,) = [
        letter for letter in await letters(line) if letter.text.reveal().startswith("May read it: 1. Could, if it named nobody: 20.")
    ]
    assert code_in(again) != code_in(first)
    assert await take(line, before) is NotFreed.CASE, "by the first letter"
    assert await state_of(line, case_id) is CaseState.HELD
    for vetter, came in ((0, Freed.SIGNED), (1, Freed.RELEASED)):
        assert await take(line, await said(line, case_id, vetter, NAMED)) is came
    assert (await gate_of(line, case_id)).pool == 1


async def test_a_pool_that_grew_voids_no_release(line: TestLine) -> None:
    readers = await enrol(line, FIVE, 20)
    names = [line.cards[reader].name for reader in readers]
    case_id = await sealed_case(line, f"{TIP}. También cobran {', '.join(names[:11])}")
    assert await take(line, await said(line, case_id, 0, NAMED)) is Freed.SIGNED
    await enrol(line, TWO, 1)
    await looked_at(line)
    assert await take(line, await said(line, case_id, 1, NAMED)) is Freed.RELEASED
    assert (await gate_of(line, case_id)).pool == 10


# ---- what two vetters release


@dataclass
class Drawn:
    """Every draw of a line, with its coins and whether it was released."""

    calls: list[tuple[bytes, bool, tuple[str, ...]]]

    def __call__(self, roster: Any, tip: Any, beliefs: Any, coins: bytes, now: Any, **more: Any) -> Assignment:
        made = choose(roster, tip, beliefs, coins, now, **more)
        self.calls.append((coins, more["released"], made.order))
        return made


@pytest.mark.claim("T63")
async def test_two_vetters_let_a_small_pool_draw_with_the_coins_it_had(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    readers = await enrol(line, TWO, 2)
    drawn = Drawn([])
    monkeypatch.setattr(drawing, "choose", drawn)
    case_id = await sealed_case(line)
    assert await letters(line)
    assert await take(line, await said(line, case_id, 0)) is Freed.SIGNED
    await looked_at(line)
    assert await state_of(line, case_id) is CaseState.HELD
    assert [letter.code for letter in await letters(line)] == [Freed.SIGNED]
    assert await take(line, await said(line, case_id, 1)) is Freed.RELEASED
    assert await state_of(line, case_id) is CaseState.SEALED
    assert [letter.code for letter in await letters(line)] == [Freed.RELEASED]
    gate = await gate_of(line, case_id)
    _, released, order = drawn.calls[-1]
    assert released
    assert tuple(seat.person for seat in gate.order) == order
    assert set(order) <= set(readers)
    assert {coins for coins, _, _ in drawn.calls} == {line.keys.coins(case_id)}
    assert {order for _, released, order in drawn.calls if released} == {order}, "a vetter who asks often gets no other reader"
    await line.later(6)
    assert await line.released(case_id) == {order[0]}
    assert await told(line) == Held()
    async with line.database.begin(reading=True) as transaction:
        assert (await transaction.run(select(tables.outcome))).all() == [], "nothing is kept of why it was held"


@pytest.mark.claim("T63")
async def test_neither_the_log_nor_a_length_tells_why_a_tip_was_held(line: TestLine) -> None:
    """Whoever reads the database knows the case's id and the few reasons; he has no letter, and tries them all."""
    readers = await enrol(line, FIVE, 6)
    cases = [await sealed_case(line, f"{TIP}. También cobran {', '.join(line.cards[person].name for person in readers[:4])}")]
    async with line.store.begin() as tx:
        await line_holds(line).tell(tx, other := "f" * 32, on_hold(SMALL), Sensitive("May read it: 2."), urgent=False)
        await line_holds(line).tell(tx, third := "e" * 32, on_hold(Hold.NOBODY_ELIGIBLE), Sensitive(""), urgent=False)
        rows = [row for name in line.vetters.keys for row in await tx.letters(name)]
    async with line.database.begin(reading=True) as transaction:
        records = (await transaction.run(select(tables.outcome.c.sealed))).scalars().all()
    assert (len(records), len(rows)) == (3, 6)
    assert len({len(line.keys.open(Purpose.GATE, 1, sealed)) for sealed in records}) == 1
    assert len({len(age.unseal(row.sealed, MAILBOX[0])) for row in rows}) == 1
    assert (await record_of(line, third)).nonces == {}
    assert await nonce_of(line, other) not in {await nonce_of(line, cases[0], NAMED), b""}
    assert await take(line, await said(line, cases[0], 0, NAMED)) is Freed.SIGNED
    logged = [custody.read_leaf(leaf)[0] for leaf in await line.store.leaves()]
    (release,) = [entry for entry in logged if entry.kind is EntryKind.RELEASE]
    tried = {sha256(f"tipline/v1/release\n{cases[0]}\n{hold}{end}".encode()) for hold in Hold for end in ("", "\n")}
    assert release.sha256 == matter(cases[0], NAMED.value, await nonce_of(line, cases[0], NAMED))
    assert release.sha256 not in tried


@pytest.mark.claim("T63")
async def test_a_release_for_another_reason_than_the_holds_is_refused_and_the_vetters_code_is_taken(line: TestLine) -> None:
    """Also one for the reason that it was held for before."""
    await enrol(line, TWO, 2)
    case_id = await sealed_case(line)
    (small,) = await letters(line)
    before = await said(line, case_id, 0)
    await line.write(PHONE, f"También cobra {line.cards[f'{1:032x}'].name}")
    await line.later(27)
    (named,) = await letters(line)
    log = await line.store.leaves()
    assert await take(line, before) is NotFreed.CASE
    assert await take(line, await said(line, case_id, 0, Hold.NOBODY_ELIGIBLE)) is NotFreed.CASE
    assert (await line.store.leaves(), await letters(line)) == (log, [])
    codes = {hold: code_in(letter) for hold, letter in ((SMALL, small), (NAMED, named))}
    for hold, code in codes.items():
        assert matter_of_code(case_id, code.lower().replace("-", ""), codes) == matter(
            case_id, hold.value, await nonce_of(line, case_id, hold)
        )
    for n, expected in enumerate((Freed.SIGNED, Freed.RELEASED)):
        entry = Entry(hour_of(line), EntryKind.RELEASE, case_id, matter_of_code(case_id, codes[NAMED], codes), "")
        assert await take(line, signed_entry(entry, line.vetter_seeds[n])) is expected
    assert await state_of(line, case_id) is CaseState.SEALED


@pytest.mark.claim("T63")
async def test_what_is_no_release_by_two_vetters_releases_nothing(line: TestLine) -> None:
    await enrol(line, TWO, 2)
    case_id = await sealed_case(line)
    assert await take(line, await said(line, case_id, 0)) is Freed.SIGNED
    assert await take(line, await said(line, case_id, 0, hours=-1)) is Freed.SIGNED, "one vetter twice"
    first, second = line.vetters.keys
    agencies, was = dict(line.vetters.agencies), line.vetters.agencies[second]
    other = "f" * 32
    stranger = signing.generate()[0]
    nonce = await nonce_of(line, case_id)
    entry = Entry(hour_of(line), EntryKind.RELEASE, case_id, matter(case_id, SMALL.value, nonce), "")
    body, key = entry.body(), line.vetters.keys[second]
    forged = (
        custody.leaf(body, key, b"\0" * 64),
        custody.leaf(body, key, signing.sign(line.vetter_seeds[1], signing.Use.LIFT, body)),
        signed_release(case_id, SMALL.value, nonce, hour_of(line), stranger),
        signed_release(other, SMALL.value, nonce, hour_of(line), line.vetter_seeds[1]),
        signed_entry(replace(entry, sha256=matter(other, SMALL.value, nonce)), line.vetter_seeds[1]),
    )
    mine = await said(line, case_id, 1)
    await logged(line, *forged, *(announced(line, leaf, line.keys.custody_seed) for leaf in forged), mine)
    await logged(line, announced(line, mine, line.vetter_seeds[0]), announced(line, mine, stranger))  # and not by the worker
    await looked_at(line)
    assert await state_of(line, case_id) is CaseState.HELD
    assert await take(line, await said(line, case_id, 1, NAMED)) is NotFreed.CASE, "for another reason"
    assert await state_of(line, case_id) is CaseState.HELD
    houses = cast("dict[str, str]", line.vetters.agencies)
    houses[second] = agencies[first]
    assert await take(line, await said(line, case_id, 1, hours=1)) is Freed.SIGNED, "two of one house"
    assert await state_of(line, case_id) is CaseState.HELD
    houses[second] = was
    async with line.store.begin() as tx:
        assert await releases(line).granted(tx, case_id, SMALL, 99), "the same entries, by two houses"
        assert await releases(line).granted(tx, case_id, SMALL, 2)
        assert not await releases(line).granted(tx, case_id, SMALL, 1), "one of the two whom they were told of is out meanwhile"
        past = {"keys": {first: line.vetters.keys[first]}, "past": dict(line.vetters.keys)}
        assert not await releases(line, **past).granted(tx, case_id, SMALL, 99), "one of them is a vetter no more"
        assert not await releases(line).granted(tx, case_id, NAMED, 99)
        assert not await releases(line).granted(tx, other, SMALL, 99)
        assert not await releases(line).granted(tx, case_id, Hold.NOBODY_ELIGIBLE, 99)


def announced(line: TestLine, leaf: bytes, seed: str) -> bytes:
    body = Entry(hour_of(line), EntryKind.ANNOUNCE, custody.read_leaf(leaf)[0].case, custody.leaf_hash(leaf).hex(), "").body()
    return custody.leaf(body, signing.public_of(seed), signing.sign(seed, signing.Use.CUSTODY, body))


async def test_a_refused_release_has_written_nothing(line: TestLine) -> None:
    await enrol(line, TWO, 2)
    case_id = await sealed_case(line)
    taken = await said(line, case_id, 0)
    assert await take(line, taken) is Freed.SIGNED
    before, mail = await line.store.leaves(), len(await letters(line))
    nonce = await nonce_of(line, case_id)
    entry = Entry(hour_of(line), EntryKind.RELEASE, case_id, matter(case_id, SMALL.value, nonce), "")
    refused = {
        b"no leaf": NotFreed.UNREADABLE,
        signed_entry(replace(entry, sha256="0" * 64), line.vetter_seeds[1]): NotFreed.CASE,
        signed_entry(replace(entry, card="0" * 64), line.vetter_seeds[1]): NotFreed.UNREADABLE,
        signed_release(case_id, SMALL.value, b"\0" * 16, hour_of(line), line.vetter_seeds[1]): NotFreed.CASE,
        signed_release(case_id, SMALL.value, nonce, hour_of(line), signing.generate()[0]): NotFreed.STRANGER,
        custody.leaf(entry.body(), line.vetters.keys[list(line.vetters.keys)[1]], b"\0" * 64): NotFreed.STRANGER,
        await said(line, case_id, 1, hours=3): NotFreed.HOUR,
        await said(line, case_id, 1, hours=-30 * 24 - 1): NotFreed.HOUR,
        await said(line, case_id, 1, hours=-27): NotFreed.CASE,  # before there was the case
        signed_release("f" * 32, SMALL.value, nonce, hour_of(line), line.vetter_seeds[1]): NotFreed.CASE,
        taken: NotFreed.TWICE,
    }
    for leaf, why in refused.items():
        assert await take(line, leaf) is why, why
    assert await line.store.leaves() == before
    assert mail == 2
    assert await letters(line) == []
    again = await said(line, case_id, 1, hours=-1)
    assert await take(line, await said(line, case_id, 1)) is Freed.RELEASED
    assert await take(line, again) is NotFreed.CASE, "it is held no more"


async def test_a_tip_that_names_the_honest_goes_out_when_two_vetters_say_so(line: TestLine) -> None:
    """And not because they let a small pool draw: that was another question."""
    readers = await enrol(line, FIVE, 6)
    named = [line.cards[person].name for person in readers[:4]]
    case_id = await sealed_case(line, f"{TIP}. También cobran {', '.join(named)}")
    assert line.alarms == [NAMED]
    (letter,) = await letters(line)
    assert letter.text.reveal().startswith("May read it: 2. Could, if it named nobody: 6.\n")
    assert [await take(line, await said(line, case_id, n)) for n in (0, 1)] == [NotFreed.CASE, NotFreed.CASE]
    assert await state_of(line, case_id) is CaseState.HELD
    assert [await take(line, await said(line, case_id, n, NAMED)) for n in (0, 1)] == [Freed.SIGNED, Freed.RELEASED]
    assert await state_of(line, case_id) is CaseState.SEALED
    assert {seat.person for seat in (await gate_of(line, case_id)).order} <= set(readers[4:])


async def test_a_small_pool_that_grew_is_drawn_from_without_a_release(line: TestLine) -> None:
    await enrol(line, TWO, 2)
    case_id = await sealed_case(line)
    assert await take(line, await said(line, case_id, 0)) is Freed.SIGNED
    await enrol(line, FIVE, 4)
    await looked_at(line)
    assert await state_of(line, case_id) is CaseState.SEALED
    assert Flag.TWO_VETTERS_REVIEW not in (await gate_of(line, case_id)).flags
