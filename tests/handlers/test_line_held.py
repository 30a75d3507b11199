"""A tip that the draw holds, on a line that runs: what vetters are told, what two of them release, and what small rosters do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.holds import Held, held_tips
from bot.settings import DiskFiles, Mode, Settings, load_settings
from handlers import drawing
from handlers.declared import seal_declared
from handlers.held import Holds, Record, held
from handlers.letters import Letters
from handlers.ports import Trouble
from handlers.releases import Freed, NotFreed, Releases
from routing.draw import choose
from routing.duty import Duty, duty_bytes
from routing.people import Assignment, Flag, Hold, Role
from sealing import age, custody, signing
from sealing.case import sha256
from sealing.custody import Entry, EntryKind
from sealing.rows import HOUR_MS, CaseState, Purpose
from sealing.said import Letter, read_letter
from sealing.statements import matter, matter_of_code, signed_entry, signed_release
from storage import tables
from tests.handlers.roster_world import Chance
from tests.handlers.test_line_escrow import enrol_trustee, gate_of
from tests.handlers.test_line_reading import PHONE, TIP, URGENT, everything, sealed_case
from tests.line import TestLine, practice_line
from triage.sensitive import Sensitive

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]

LOCAL = frozenset({"f9b85d2a7e44fb0215b9b0270fa6b59e"})
"""A roster of one, who lives where the tips of these tests happen: nobody may read them."""
SMALL, NAMED = Hold.NEEDS_TWO_VETTERS, Hold.POISONED
MAILBOX = age.generate()
"""Both vetters': their letters are alike."""
AN_HOUR = 3600
ONE, TWO, FIVE = ("ngo-faro",), ("ngo-faro", "ngo-manos"), ("ngo-faro", "ngo-manos", "ngo-semilla", "liaison-vd", "liaison-nl")


@pytest_asyncio.fixture
async def line(tmp_path: Path, url: str) -> AsyncIterator[TestLine]:
    async with practice_line(tmp_path, url, people=LOCAL) as made:
        cast("dict[str, str]", made.vetters.recipients).update(dict.fromkeys(made.vetters.keys, MAILBOX[1]))
        yield made


async def enrol(line: TestLine, agencies: Sequence[str], count: int, *, days: int = 200, **more: Any) -> list[str]:
    """So many readers, of these agencies in turn. `days`: since when."""
    issued = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)
    given = {"role": Role.HANDLER, "issued": issued, "expires": (issued + timedelta(days=365)).date(), **more}
    return [await enrol_trustee(line, agencies[n % len(agencies)], "brumhaven", **given) for n in range(count)]


async def state_of(line: TestLine, case_id: str) -> CaseState:
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
    assert case is not None
    return case.state


async def letters(line: TestLine) -> list[Letter]:
    """One vetter's, in no order; read, and so gone."""
    found = list[Letter]()
    async with line.store.begin() as tx:
        for n, name in enumerate(line.vetters.keys):
            rows = await tx.letters(name)
            await tx.drop_letters([row.id for row in rows])
            found = found if n else [read_letter(age.unseal(row.sealed, MAILBOX[0])) for row in rows]
    return found


def hour_of(line: TestLine) -> int:
    return line.clock.now // HOUR_MS


async def record_of(line: TestLine, case_id: str) -> Record:
    async with line.store.begin() as tx:
        record = await held(tx, line.keys, case_id)
    assert record is not None
    return record


async def nonce_of(line: TestLine, case_id: str, hold: Hold = SMALL) -> bytes:
    """What releases for this reason name; others where no letter was written."""
    return (await record_of(line, case_id)).nonces.get(hold.value, b"\1" * 16)


def code_in(letter: Letter) -> str:
    numbers, code = letter.text.reveal().split("\nRelease code: ")
    assert numbers.startswith("May read it: ")
    return code


async def said(line: TestLine, case_id: str, vetter: int, hold: Hold = SMALL, *, hours: int = 0) -> bytes:
    return signed_release(case_id, hold.value, await nonce_of(line, case_id, hold), hour_of(line) + hours, line.vetter_seeds[vetter])


async def take(line: TestLine, leaf: bytes) -> Freed | NotFreed:
    """As `tipline roster load` takes it; what is due then is done."""
    async with line.store.begin() as tx:
        taken = await releases(line).take(tx, leaf, hour_of(line))
    await line.run()
    return taken


def releases(line: TestLine, **other: Any) -> Releases:
    vetters = replace(line.vetters, **other)
    return Releases(line.keys, line.clock, vetters, Letters(vetters, line.clock, Chance()))


def line_holds(line: TestLine) -> Holds:
    return Holds(line.keys, line.clock, Letters(line.vetters, line.clock, Chance()))


async def logged(line: TestLine, *leaves: bytes) -> None:
    """As somebody writes them who can write to the database."""
    async with line.store.begin() as tx:
        for leaf in leaves:
            await tx.log(leaf)


async def looked_at(line: TestLine) -> None:
    await line.store.retry_held(line.clock.now)
    await line.run()


async def told(line: TestLine) -> Held:
    settings = load_settings({"TIPLINE_HOME": str(line.home)}, DiskFiles(), Mode.OFFLINE)
    assert isinstance(settings, Settings)
    return await held_tips(settings, line.database)


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
        await line_holds(line).tell(tx, other := "f" * 32, SMALL, Sensitive("May read it: 2."), urgent=False)
        await line_holds(line).tell(tx, third := "e" * 32, Hold.NOBODY_ELIGIBLE, Sensitive(""), urgent=False)
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
        assert await releases(line).granted(tx, case_id, SMALL), "the same entries, by two houses"
        past = {"keys": {first: line.vetters.keys[first]}, "past": dict(line.vetters.keys)}
        assert not await releases(line, **past).granted(tx, case_id, SMALL), "one of them is a vetter no more"
        assert not await releases(line).granted(tx, case_id, NAMED)
        assert not await releases(line).granted(tx, other, SMALL)
        assert not await releases(line).granted(tx, case_id, Hold.NOBODY_ELIGIBLE)


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


# ---- nobody waits because the roster is small


@pytest.mark.claim("T64")
async def test_an_urgent_tip_goes_out_at_once_and_vetters_look_at_it_afterwards(line: TestLine) -> None:
    await enrol(line, TWO, 2)
    case_id = await sealed_case(line, URGENT)
    assert len(await line.released(case_id)) == 1
    (letter,) = await letters(line)
    assert (letter.code, letter.case) == (Trouble.TWO_VETTERS_REVIEW, case_id)
    assert letter.text.reveal() == "May read it: 2. The likeliest of them gets it with a chance of 50 %."
    assert line.alarms[0] is Trouble.TWO_VETTERS_REVIEW
    assert await told(line) == Held()


async def test_an_urgent_tip_that_nobody_may_read_alarms_every_hour_and_tells_the_vetters_daily(line: TestLine) -> None:
    case_id = await sealed_case(line, URGENT)
    assert [letter.code for letter in await letters(line)] == [Hold.NOBODY_ELIGIBLE]
    assert await told(line) == Held(nobody=1, urgent_nobody=1)
    for _ in range(3):
        await line.later(AN_HOUR)
    assert line.alarms == [Hold.NOBODY_ELIGIBLE] * 4
    await line.later(19 * AN_HOUR)
    assert await letters(line) == []
    await line.later(2 * AN_HOUR)
    assert [letter.code for letter in await letters(line)] == [Hold.NOBODY_ELIGIBLE]
    (reader,) = await enrol(line, ONE, 1)
    await line.later(AN_HOUR)
    await line.later(6)
    assert await line.released(case_id) == {reader}


async def test_a_held_tip_that_becomes_urgent_is_told_as_one(line: TestLine) -> None:
    await sealed_case(line)
    assert await told(line) == Held(nobody=1)
    await line.write(PHONE, URGENT)
    await line.later(27)
    assert await told(line) == Held(nobody=1, urgent_nobody=1)


ROSTERS: dict[str, tuple[Sequence[str], dict[str, Any]]] = {
    "six of one house": (ONE, {}),
    "six of two houses": (TWO, {}),
    "six founders of one house": (ONE, {"days": 1, "founder": True}),
    "six newcomers of two houses": (TWO, {"days": 1}),
}


@pytest.mark.parametrize("roster", ROSTERS)
async def test_six_readers_get_a_tip_at_once(line: TestLine, roster: str) -> None:
    agencies, more = ROSTERS[roster]
    readers = await enrol(line, agencies, 6, **more)
    case_id = await sealed_case(line)
    assert line.alarms[:1] != [SMALL]
    gate = await gate_of(line, case_id)
    assert await line.released(case_id) == {gate.order[0].person}
    assert max(gate.chances[person] for person in readers) <= 1 / 3 + 1e-9


async def test_one_old_hand_among_newcomers_waits_for_two_vetters(line: TestLine) -> None:
    """Nobody could doubt who has it."""
    await enrol(line, ONE, 1)
    await enrol(line, TWO, 5, days=1)
    await sealed_case(line)
    assert line.alarms == [SMALL]


@pytest.mark.claim("T64")
async def test_six_who_are_all_off_duty_get_an_urgent_tip_all_the_same(line: TestLine) -> None:
    readers = await enrol(line, FIVE, 6)
    away = (datetime.fromtimestamp(line.clock.now / 1000, UTC).weekday() + 3) % 7
    hours = duty_bytes(Duty("UTC", tuple(((0, 600),) if day == away else () for day in range(7))))
    async with line.store.begin() as tx:
        for person in readers:
            row = await tx.person(person)
            assert row is not None
            leaf = signed_entry(line.entry(person, "", EntryKind.DUTY, sha256(hours)), line.person_keys[person].sign_seed)
            assert await tx.save_person(replace(row, duty=seal_declared(line.keys, person, hours, leaf)))
    case_id = await sealed_case(line, URGENT)
    assert len(await line.released(case_id)) == 1
    assert Flag.OFF_DUTY in (await gate_of(line, case_id)).flags
