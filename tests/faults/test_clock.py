"""The clock of the machine jumps by a day. Forward: what waited happens at once, but for answers of ours, which seem to be a day late and
are given up. Backward: what was due waits until the clock is there again, and what comes meanwhile is done as ever. Nothing is lost, and
nobody is answered twice."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sealing.rows import TaskKind
from tests.line import CHANNEL, TestLine, practice_line
from triage.sensitive import Sensitive
from triage.tip import Inbound

pytestmark = [pytest.mark.enable_socket, pytest.mark.asyncio]
DAY_S = 86_400
TEXT = "Peñalta: mujeres adultas sin pago. Señal {mark}."
EARLY, WAITING, LATER = "+999 41", "+999 42", "+999 43"


async def accepted(line: TestLine, phone: str) -> None:
    """Taken by the web process, and nothing more."""
    at = datetime.fromtimestamp(line.clock.now / 1000, UTC)
    await line.acceptor.accept(Inbound(CHANNEL, Sensitive(phone), Sensitive(TEXT.format(mark=phone[-1])), phone, at))


async def before_the_jump(line: TestLine) -> None:
    """One tip is conversed, its answer due in 3 s and its sealing in 20; one is accepted, and a worker died with it in hand."""
    await line.write(EARLY, TEXT.format(mark="1"))
    await accepted(line, WAITING)
    assert await line.queue.claim([TaskKind.CONVERSE]) is not None


async def goes_on(line: TestLine, seconds: int) -> None:
    for _ in range(0, seconds, 5):
        await line.later(5)


def answers(line: TestLine) -> Counter[str]:
    return Counter(phone for phone, _ in line.outbox.sent)


@pytest.mark.claim("T7")
async def test_a_clock_that_jumps_a_day_ahead_gives_up_answers_and_no_tip(tmp_path: Path, url: str) -> None:
    async with practice_line(tmp_path, url) as line:
        await before_the_jump(line)
        await line.later(DAY_S)
        assert not answers(line), "somebody else may hold the phone by now"
        await line.write(LATER, TEXT.format(mark="3"))
        await goes_on(line, 60)
        assert answers(line) == {LATER: 1}, "and what seems to be a day old is taken and not answered"
        assert len(await line.cases()) == 3
        assert all([await line.released(case) for case in await line.cases()]), "sealed and offered, each"


@pytest.mark.claim("T7")
async def test_a_clock_that_jumps_a_day_back_keeps_what_waits_until_it_is_there_again(tmp_path: Path, url: str) -> None:
    async with practice_line(tmp_path, url) as line:
        await before_the_jump(line)
        await line.later(-DAY_S)
        await line.write(LATER, TEXT.format(mark="3"))
        await goes_on(line, 60)
        assert answers(line) == {LATER: 1}
        assert len(await line.cases()) == 2
        await line.later(DAY_S)
        await goes_on(line, 60)
        assert answers(line) == {EARLY: 1, LATER: 1, WAITING: 1}
        assert len(await line.cases()) == 3
        assert all([await line.released(case) for case in await line.cases()])
