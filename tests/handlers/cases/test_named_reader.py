"""A corrupt official who was vetted is drawn for a tip about his own people, reads two messages of it, and is named in the third."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.requests import Refusal, Result
from handlers.succession import read_gate
from routing.people import Card, House, Role
from sealing.custody import EntryKind
from sealing.rows import CaseState, GrantState
from sealing.said import Ending
from tests.begun import the_atlas, world_cards
from tests.handlers.cases.closing import PLAIN, case_of, close, state_of
from tests.handlers.cases.leaving import kinds_of, offered_to, open_all, states
from tests.handlers.test_line_reading import PHONE, answer, sealed_case
from tests.line import TestLine, practice_line

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
SECOND = "Son seis hombres, duermen en un galpón"
OFFICES = frozenset({House.POLICE, House.JUDICIARY, House.LABOUR_INSPECTION, House.LOCAL_GOVERNMENT})


@pytest.fixture
def engine_name() -> str:
    """What is looked at here lies above the engines; test_line_reading walks the whole way on both."""
    return "sqlite"


def of_offices(line_cards: dict[str, Card]) -> frozenset[str]:
    return frozenset(name for name, card in line_cards.items() if the_atlas().agencies[card.agency].kind in OFFICES)


@pytest.mark.claim("T12")
async def test_an_official_named_in_the_third_message_was_the_reader_of_the_first_two(tmp_path: Path, url: str) -> None:
    cards, _ = world_cards()
    async with practice_line(tmp_path, url, people=of_offices(cards)) as line:
        case_id = await sealed_case(line, PLAIN)
        official, identity = await line.open_first(case_id)
        await line.write(PHONE, SECOND)
        assert await texts(line, case_id, identity) == [PLAIN, SECOND], "he has read both"
        before, order = await kinds_of(line, case_id), await drawn(line, case_id)
        third = f"El jefe {line.cards[official].name} nos cobra cada semana para callar"
        await line.write(PHONE, third)

        assert await states(line, case_id, official) == {GrantState.STRUCK}
        assert await texts(line, case_id, identity) == [PLAIN, SECOND], "what names him is sealed to a key that he never had"
        excluded = read_gate(line.keys, await case_of(line, case_id)).excluded
        assert official in excluded
        assert await drawn(line, case_id) == order, "nobody was drawn anew"
        await line.later(6)
        successor = await offered_to(line, case_id)
        assert successor == next(person for person in order if person not in excluded)
        assert await open_all(line, case_id) == (successor, [PLAIN, SECOND, third])

        # He can do nothing more with it: not read, not answer, not close, and not say how it ended.
        for grant in [grant for grant in await line.grants(case_id) if grant.person_id == official]:
            assert (await line.open(grant, official))["code"] == Refusal.NOT_YOURS
        assert (await answer(line, case_id, official, identity, "Who told you?", epoch=1))["code"] == Refusal.NOT_YOURS
        assert (await close(line, case_id, official, Ending.PERSON_SAFE))["result"] == Result.REFUSED
        assert await state_of(line, case_id) is CaseState.OPEN

        # The log tells who could read what: his opening stands in it, before the strike.
        after = await kinds_of(line, case_id)
        assert after[: len(before)] == before
        opened = [entry.card for entry in await line.leaves() if entry.case == case_id and entry.kind is EntryKind.OPEN]
        assert opened[0] == line.card_of(official)
        assert set(opened[1:]) == {line.card_of(successor)}
        assert EntryKind.STRIKE in after[len(before) :]


async def texts(line: TestLine, case_id: str, identity: str) -> list[str]:
    return [str(part["text"]) for part in await line.read(case_id, identity) if part["kind"] == "message"]


async def drawn(line: TestLine, case_id: str) -> list[str]:
    gate = read_gate(line.keys, await case_of(line, case_id))
    return [seat.person for seat in gate.order if seat.role is Role.HANDLER]
