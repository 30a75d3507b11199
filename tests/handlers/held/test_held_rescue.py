"""A sealed case for which nobody new is drawn, as its names leave few: two vetters let the draw go on, and the trustees are asked."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot.holds import Held
from handlers.ports import Trouble
from handlers.releases import Freed, NotFreed
from routing.people import Hold
from sealing.rows import CaseState, ShareState
from tests.handlers.cases.leaving import open_all, suspend
from tests.handlers.held.holding import AN_HOUR, FIVE, NAMED, code_in, enrol, letters, said, state_of, take, told
from tests.handlers.test_line_escrow import enrol_trustee, gate_of, give, rows
from tests.handlers.test_line_reading import PHONE, TIP, sealed_case
from tests.line import TestLine

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]

MORE = "Y también {}"


async def two_trustees(line: TestLine) -> None:
    for name, agency in (("Marta Lunero", FIVE[0]), ("Iven Dorak", FIVE[1])):
        await enrol_trustee(line, agency, name=name)


async def buried(line: TestLine) -> tuple[str, set[str]]:
    """A case of twenty readers whose three, and twelve others, are named once it is sealed. Returns it, and who is left."""
    readers = await enrol(line, FIVE, 20)
    await two_trustees(line)
    case_id = await sealed_case(line)
    drawn = [seat.person for seat in (await gate_of(line, case_id)).order]
    named = [*[reader for reader in readers if reader not in drawn][:12], *drawn]
    await name_all(line, named)
    return case_id, {reader for reader in readers if reader not in named}


async def name_all(line: TestLine, named: Sequence[str]) -> None:
    for start in range(0, len(named), 5):
        await line.write(PHONE, MORE.format(", ".join(line.cards[reader].name for reader in named[start : start + 5])))
        await line.later(27)
    await line.later(6)


async def unreleased(line: TestLine, named: Sequence[str]) -> str:
    """A tip that names these, and was held until it went to the trustees."""
    await two_trustees(line)
    case_id = await sealed_case(line, f"{TIP}. También cobran {', '.join(line.cards[reader].name for reader in named)}")
    assert await state_of(line, case_id) is CaseState.HELD
    await line.later(14.1 * 24 * AN_HOUR)
    await line.later(6)
    assert await state_of(line, case_id) is CaseState.SEALED
    return case_id


async def release(line: TestLine, case_id: str) -> None:
    for vetter, came in ((0, Freed.SIGNED), (1, Freed.RELEASED)):
        assert await take(line, await said(line, case_id, vetter, NAMED)) is came


async def asked(line: TestLine, case_id: str) -> set[ShareState]:
    return {share.state for share in await rows(line, case_id)}


@pytest.mark.claim("T51")
async def test_whoever_names_the_order_and_most_of_the_others_buries_nothing(line: TestLine) -> None:
    case_id, left = await buried(line)
    assert {Trouble.ORDER_EXHAUSTED, NAMED} <= set(line.alarms)
    assert (await gate_of(line, case_id)).standing() == ()
    (letter,) = [letter for letter in await letters(line) if letter.code == NAMED]
    assert letter.case == case_id
    assert letter.text.reveal().startswith("May read it: 5. Could, if it named nobody: 17.\n")
    assert code_in(letter)
    await line.later(AN_HOUR)
    assert [letter for letter in await letters(line) if letter.code == NAMED] == [], "once, however often it is looked at"
    assert await take(line, await said(line, case_id, 0, NAMED)) is Freed.SIGNED
    await line.later(6)
    assert await asked(line, case_id) == {ShareState.LOCKED}, "one vetter alone lets nothing go on"
    second = await said(line, case_id, 1, NAMED)
    assert await take(line, second) is Freed.RELEASED
    assert await state_of(line, case_id) is CaseState.SEALED
    (seat,) = (await gate_of(line, case_id)).standing()
    assert seat.person in left
    assert ShareState.ASKED in await asked(line, case_id)
    assert await take(line, second) is NotFreed.CASE, "nothing waits for them any more"
    for share in await rows(line, case_id):
        if share.state is ShareState.ASKED:
            await give(line, share)
    await line.later(6)
    person, words = await open_all(line, case_id)
    assert person == seat.person
    assert words[0] == TIP


async def test_what_two_vetters_let_go_on_for_five_does_not_for_the_one_who_is_left(line: TestLine) -> None:
    case_id, left = await buried(line)
    first = await said(line, case_id, 0, NAMED)
    assert await take(line, first) is Freed.SIGNED
    await line.write(PHONE, MORE.format(", ".join(line.cards[reader].name for reader in sorted(left)[:4])))
    await line.later(40)
    again = [letter.text.reveal() for letter in await letters(line) if letter.code == NAMED]
    assert any(text.startswith("May read it: 1. Could, if it named nobody: 17.\n") for text in again)
    assert await take(line, first) is NotFreed.CASE, "by the first letter"
    assert await take(line, await said(line, case_id, 1, NAMED)) is Freed.SIGNED
    assert (await gate_of(line, case_id)).standing() == ()


async def test_a_tip_that_names_most_is_not_lost_once_it_is_14_days_old(line: TestLine) -> None:
    """It is sealed to the trustees then, who can give it to nobody without the vetters: who may still release it."""
    readers = await enrol(line, FIVE, 20)
    case_id = await unreleased(line, readers[:11])
    await release(line, case_id)
    (seat,) = (await gate_of(line, case_id)).standing()
    assert seat.person in readers[11:]


async def test_nobody_is_asked_to_release_what_nobody_may_read(line: TestLine) -> None:
    """All who may are named while one is suspended: whoever comes back first would have it, by a release of "may read it: 0"."""
    readers = await enrol(line, FIVE, 20)
    await two_trustees(line)
    case_id = await sealed_case(line)
    drawn = [seat.person for seat in (await gate_of(line, case_id)).order]
    back = next(reader for reader in readers[4:] if reader not in drawn)
    await suspend(line, back, line.vetter_seeds[0])
    await letters(line)
    await name_all(line, [*[reader for reader in readers if reader not in (*drawn, back)], *drawn])
    told_of = [(letter.code, letter.text.reveal()) for letter in await letters(line) if letter.text.reveal()]
    assert told_of == [(Hold.NOBODY_ELIGIBLE, "May read it: 0. Could, if it named nobody: 16.")]
    assert await take(line, await said(line, case_id, 0, NAMED)) is NotFreed.CASE
    await line.later(73 * AN_HOUR)
    await line.later(AN_HOUR)
    assert (await gate_of(line, case_id)).standing() == ()
    (letter,) = [letter for letter in await letters(line) if letter.code == NAMED]
    assert letter.text.reveal().startswith("May read it: 1. Could, if it named nobody: 17.\n")


async def test_names_that_leave_one_nearly_sure_hold_a_rescue_too(line: TestLine) -> None:
    """Eleven of fifteen may read it, of whom one is settled: he would have half of the chance, once nobody released it for 14 days."""
    settled = await enrol(line, FIVE, 5)
    await enrol(line, FIVE, 10, days=30)
    case_id = await unreleased(line, settled[1:])
    assert (await gate_of(line, case_id)).standing() == ()
    await release(line, case_id)
    assert len((await gate_of(line, case_id)).standing()) == 1


async def test_the_operator_sees_that_a_case_waits_for_two_vetters(line: TestLine) -> None:
    case_id, _ = await buried(line)
    assert await told(line) == Held(vetters=1)
    await release(line, case_id)
    assert await told(line) == Held(), "it waits for trustees"
