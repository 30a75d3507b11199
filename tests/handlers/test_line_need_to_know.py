"""One case from the enrolment of its readers to the trustees: two vetters, six readers and three trustees with keys of their own, and every
way in which a reader can be replaced. The roster is so small that the drawn order has one name: each next one comes by the trustees."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import pytest
import pytest_asyncio

from bot.enrol import Public, draft, enrol, make_key
from handlers.ports import Trouble
from handlers.requests import Result
from routing.cards import card_bytes, parse_card
from sealing.card import SignedCard
from sealing.custody import EntryKind
from sealing.passphrase import unlock
from sealing.rows import CaseState, GrantState, ShareState
from sealing.said import Ending
from tests.handlers.cases.closing import close, state_of
from tests.handlers.cases.leaving import give_up, kinds_of, states, suspend
from tests.handlers.test_line_escrow import give, rows
from tests.line import TestLine, practice_line

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
PHONE = "+999 100 0001"
DANGER = "Hay una niña de doce años encerrada en una casa en Peñalta, la van a vender mañana, la policía lo sabe"
HOUSES = ("ngo-faro", "ngo-semilla", "ngo-manos", "liaison-vd", "liaison-nl", "ngo-faro")
TRUSTED = ("liaison-vd", "liaison-nl", "ngo-semilla")
LEAVING = frozenset({EntryKind.GIVE_UP, EntryKind.LAPSE, EntryKind.STRIKE, EntryKind.CLOSE})
SPOKEN = "four random words here"


@pytest.fixture
def engine_name() -> str:
    """The steps walk on both engines in their own files."""
    return "sqlite"


@pytest_asyncio.fixture
async def small(tmp_path: Path, url: str) -> AsyncIterator[TestLine]:
    async with practice_line(tmp_path, url, people=frozenset()) as line:
        for n, house in enumerate(HOUSES):
            await join(line, f"Reader {n}", house, "handler")
        for n, house in enumerate(TRUSTED):
            await join(line, f"Trustee {n}", house, "trustee")
        yield line


async def join(line: TestLine, name: str, house: str, role: str) -> None:
    """Invited, makes a key, is vetted by two with keys of their own, and is enrolled."""
    key_file, public = make_key(SPOKEN, secrets.token_hex(16))
    town = "brumhaven" if house == "liaison-nl" else "valdor"
    details = {
        "name": name, "role": role, "agency": house, "home": town, "posting": town, "languages": ["es", "en"], "child_clearance": True,
        "capacity": 5, "sequence": 1,
    }  # fmt: skip
    signed = draft(Public(public.person, public.age, public.verify), details, datetime.fromtimestamp(line.clock.now / 1000, UTC))
    signed = SignedCard(card_bytes(replace(parse_card(signed.card), practice=True)))
    for seed in line.vetter_seeds:
        signed = signed.signed_by(seed)
    await enrol(signed, line.store, line.keys, line.vetters, line.atlas, datetime.now(UTC), practice=True)
    line.cards = {**line.cards, public.person: parse_card(signed.card)}
    line.person_keys = {**line.person_keys, public.person: unlock(key_file, SPOKEN)}


async def offered(line: TestLine, case_id: str) -> str:
    (person,) = {str(g.person_id) for g in await line.grants(case_id) if g.state is GrantState.OFFERED}
    return person


async def rescued(line: TestLine, case_id: str) -> str:
    """Nobody is left: two trustees give their shares of every epoch to one more reader, who is offered the case."""
    await line.later(6)
    asked = [share for share in await rows(line, case_id) if share.state is ShareState.ASKED]
    assert asked
    for epoch in sorted({share.epoch for share in asked}):
        for share in [share for share in asked if share.epoch == epoch][:2]:
            assert (await give(line, share))["result"] == Result.DONE
    await line.later(6)
    return await offered(line, case_id)


async def opens(line: TestLine, case_id: str) -> tuple[str, list[str]]:
    """Whoever is offered the case opens every epoch of it: (person, the texts in order)."""
    grants = sorted((g for g in await line.grants(case_id) if g.state is GrantState.OFFERED), key=lambda g: g.epoch)
    (person,) = {str(g.person_id) for g in grants}
    identities = [line.case_identity(await line.open(g, person), person) for g in grants]
    parts = [part for identity in identities for part in await line.read(case_id, identity) if part["kind"] == "message"]
    return person, [str(part["text"]) for part in sorted(parts, key=lambda part: int(str(part["seq"])))]


@pytest.mark.claim("T44")
async def test_a_case_passes_through_six_hands_and_nobody_buries_it(small: TestLine) -> None:
    line, told = small, [DANGER]
    await line.write(PHONE, DANGER)
    await line.later(27)
    await line.later(6)
    (case_id,) = await line.cases()

    first, read = await opens(line, case_id)  # "I know someone here"
    assert read == told
    assert (await give_up(line, case_id, first))["result"] == Result.DONE
    assert Trouble.ORDER_EXHAUSTED in line.alarms

    second = await rescued(line, case_id)  # is silent
    await line.later(3600 + 60)
    assert await states(line, case_id, second) == {GrantState.LAPSED}

    third = await rescued(line, case_id)  # gives it up after a new message
    told.append("Son las tres de la tarde y siguen ahi")
    await line.write(PHONE, told[-1])
    await line.later(6)  # the key of the new epoch, which the second never had
    assert (await opens(line, case_id)) == (third, told)
    assert (await give_up(line, case_id, third))["result"] == Result.DONE

    fourth = await rescued(line, case_id)  # is named by the source
    assert (await opens(line, case_id)) == (fourth, told)
    told.append(f"Cuidado, {line.cards[fourth].name} cobra")
    await line.write(PHONE, told[-1])
    assert await states(line, case_id, fourth) == {GrantState.STRUCK}

    fifth = await rescued(line, case_id)  # is suspended by a vetter
    assert (await opens(line, case_id)) == (fifth, told)
    await suspend(line, fifth, line.vetter_seeds[0])
    await line.run()
    assert await states(line, case_id, fifth) == {GrantState.STRUCK}

    sixth = await rescued(line, case_id)  # would close it alone
    assert (await opens(line, case_id)) == (sixth, told)
    assert len({first, second, third, fourth, fifth, sixth}) == 6
    assert (await close(line, case_id, sixth, Ending.UNFOUNDED))["result"] == Result.DONE
    assert await state_of(line, case_id) is CaseState.CLOSING
    await line.later(200 * 24 * 3600)
    assert await state_of(line, case_id) is CaseState.CLOSING, "nobody concurred: nothing is deleted"

    kinds = await kinds_of(line, case_id)
    assert [kind for kind, _ in groupby(kind for kind in kinds if kind in LEAVING)] == [
        EntryKind.GIVE_UP, EntryKind.LAPSE, EntryKind.GIVE_UP, EntryKind.STRIKE, EntryKind.CLOSE,
    ]  # fmt: skip
    assert EntryKind.PURGE not in kinds
