"""The second vetter's release, committed after a held tip was drawn for once more and before that is written: it is not slept over."""

from __future__ import annotations

import pytest

from handlers.pipeline import CaseMoved, Pipeline
from handlers.releases import Freed
from routing.gate import GateFile
from sealing.rows import CaseState
from tests.handlers.held.holding import AN_HOUR, FIVE, NAMED, SMALL, TWO, enrol, hour_of, looked_at, releases, said, state_of, take
from tests.handlers.held.test_held_rescue import two_trustees
from tests.handlers.test_line_escrow import gate_of
from tests.handlers.test_line_reading import TIP, sealed_case
from tests.line import TestLine

LEASE_S = 120
"""This line runs a task that failed again when its lease has run out."""
pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


def releasing(line: TestLine, leaf: bytes, monkeypatch: pytest.MonkeyPatch) -> list[Freed]:
    """From now on this leaf comes between the next draw and its hold. What became of it."""
    goes, came = Pipeline._goes_to_trustees, list[Freed]()

    async def meanwhile(self: Pipeline, gate: GateFile) -> bool:
        if not came:
            async with line.store.begin() as tx:
                taken = await releases(line).take(tx, leaf, hour_of(line))
            assert isinstance(taken, Freed)
            came.append(taken)
        return await goes(self, gate)

    monkeypatch.setattr(Pipeline, "_goes_to_trustees", meanwhile)
    return came


async def test_a_release_while_it_is_looked_at_again_lets_it_go_at_once(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    await enrol(line, TWO, 2)
    case_id = await sealed_case(line)
    assert await take(line, await said(line, case_id, 0)) is Freed.SIGNED
    came = releasing(line, await said(line, case_id, 1, SMALL), monkeypatch)
    with pytest.raises(CaseMoved):  # nothing is written; the real queue runs it again at once
        await looked_at(line)
    assert came == [Freed.RELEASED]
    await line.later(LEASE_S)
    assert await state_of(line, case_id) is CaseState.SEALED, "long before it is looked at again by itself"


async def test_a_release_in_the_last_moment_gives_it_to_a_reader_and_not_to_trustees_alone(
    line: TestLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = await enrol(line, FIVE, 20)
    await two_trustees(line)
    case_id = await sealed_case(line, f"{TIP}. También cobran {', '.join(line.cards[reader].name for reader in readers[:11])}")
    await line.later(13.9 * 24 * AN_HOUR)
    assert await take(line, await said(line, case_id, 0, NAMED)) is Freed.SIGNED
    came = releasing(line, await said(line, case_id, 1, NAMED), monkeypatch)
    with pytest.raises(CaseMoved):
        await line.later(0.2 * 24 * AN_HOUR)
    await line.later(LEASE_S)
    assert came == [Freed.RELEASED]
    assert await state_of(line, case_id) is CaseState.SEALED
    assert {seat.person for seat in (await gate_of(line, case_id)).order} & set(readers[11:])
