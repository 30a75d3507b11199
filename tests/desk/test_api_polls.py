"""What the desk's answers tell somebody who sees their lengths alone; and the keys that a desk seals to."""

from __future__ import annotations

import base64
import json
import secrets
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.settings import Mode
from bot.wiring import LOOK_AFTER_MS, desk_shown
from desk.listing import PAGE, page, rows_of
from sealing import signing
from sealing.keyring import announcement
from sealing.rows import CaseState, DeskGrant, EpochRow, EpochState, GrantRow, GrantState, Purpose, ShareRow, ShareState
from storage import tables
from storage.engine import Database
from storage.store import SqlStore
from tests.bot.test_settings import ENV, good
from tests.databases import SetClock
from tests.desk.test_api import Served, Somebody, b64, serving
from tests.storage.rows import an_envelope, an_id, sealed_case

pytestmark = [pytest.mark.enable_socket]


def a_row(size: int, state: GrantState = GrantState.OFFERED) -> DeskGrant:
    return DeskGrant(GrantRow(an_id(), an_id(), 1, "", state, secrets.token_bytes(size), b""), CaseState.SEALED)


async def seen(desk: Served, session: dict[str, str], path: str = "/desk/cases") -> tuple[int, list[tuple[str, int]]]:
    """What the network sees of an answer: its length and its headers', whose values it cannot read."""
    answer = await desk.client.get(path, headers=session)
    assert answer.status_code == 200
    return len(answer.content), [(name, len(value)) for name, value in answer.headers.items()]


async def ask_share(database: Database, clock: SetClock, who: Somebody) -> ShareRow:
    share = ShareRow(an_id(), (await sealed_case(database, clock)).case_id, 1, who.id, ShareState.ASKED, secrets.token_bytes(2500))
    async with SqlStore(database).begin() as tx:
        await tx.add_shares([share, replace(share, id=an_id(), state=ShareState.LOCKED)])
    return share


@pytest.mark.asyncio
@pytest.mark.claim("T54")
async def test_the_list_has_one_size_whatever_waits(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana, bela, cleo = [await desk.enrol() for _ in range(3)]
        hers, his, hers_too = [await desk.enter(who) for who in (ana, bela, cleo)]
        empty = await seen(desk, hers)
        assert empty[0] == PAGE
        for state in (GrantState.OFFERED, GrantState.OPEN, GrantState.STRUCK):
            await desk.offered(ana, state)
            assert await seen(desk, hers) == empty
        share = await ask_share(database, clock, bela)
        assert [await seen(desk, who) for who in (his, hers_too)] == [empty, empty]
        [listed] = (await desk.client.get("/desk/cases", headers=his)).json()["shares"]
        assert listed == {"id": share.id, "case": share.case_id, "epoch": 1, "sealed": b64(share.sealed)}


@pytest.mark.asyncio
async def test_a_case_that_somebody_wants_to_close_says_so(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        session, case = await desk.enter(ana), await desk.offered(ana)
        said = [(await desk.client.get("/desk/cases", headers=session)).json()["cases"][0]["closing"]]
        async with SqlStore(database).begin() as tx:
            assert await tx.move_case(case.case_id, CaseState.SEALED, CaseState.CLOSING)
        said.append((await desk.client.get("/desk/cases", headers=session)).json()["cases"][0]["closing"])
        assert said == [False, True]


@pytest.mark.asyncio
async def test_one_more_message_does_not_show_in_the_length_of_an_open_case(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        session, case = await desk.enter(ana), await desk.offered(ana)
        before = await seen(desk, session, f"/desk/cases/{case.case_id}")
        async with SqlStore(database).begin() as tx:
            await tx.append([an_envelope(case.case_id, 3)])
        assert await seen(desk, session, f"/desk/cases/{case.case_id}") == before


@given(st.lists(st.tuples(st.integers(0, 20_000), st.sampled_from(GrantState)), max_size=12))
def test_every_row_stands_on_one_page_and_every_page_is_of_one_size(sizes: list[tuple[int, GrantState]]) -> None:
    rows = rows_of([a_row(size, state) for size, state in sizes], [])
    found, number, more = list[object](), 1, True
    while more:
        body = page(rows, number)
        assert len(body) == PAGE
        answered = json.loads(body)
        found += answered["cases"]
        number, more = number + 1, answered["more"]
    assert found == [row for _, row in rows]


def test_a_row_longer_than_a_page_is_not_lost() -> None:
    rows = rows_of([a_row(1), a_row(PAGE), a_row(2)], [])
    assert [len(page(rows, number)) for number in (1, 2, 3, 4)] == [PAGE, 2 * PAGE, PAGE, PAGE]


def test_what_fills_an_answer_is_not_taken_out_by_a_proxy_that_compresses() -> None:
    """Which is asked not to (`no-transform`). Even so, an empty list and a full one differ by less than one stub."""
    lengths = [len(zlib.compress(page(rows_of([a_row(3000) for _ in range(n)], []), 1), 9)) for n in (0, 1, 10)]
    assert min(lengths) > PAGE * 0.7
    assert max(lengths) - min(lengths) < 3000


@pytest.mark.asyncio
async def test_further_pages_are_there_for_who_asks_and_an_odd_number_is_an_empty_page(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        session = await desk.enter(ana)
        for _ in range(3):
            await desk.offered(ana)
        async with database.begin() as transaction:
            await transaction.run(tables.grant.update().values(stub=secrets.token_bytes(20_000)))
        answers = [
            (await desk.client.get("/desk/cases", params={"page": n}, headers=session)) for n in ("1", "2", "3", "4", "0", "x", "9" * 99)
        ]
        assert {len(answer.content) for answer in answers} == {PAGE}
        assert [(len(answer.json()["cases"]), answer.json()["more"]) for answer in answers] == [
            (1, True), (1, True), (1, False), (0, False), (0, True), (0, True), (0, True)
        ]  # fmt: skip


@pytest.mark.asyncio
async def test_the_desk_learns_the_newest_keys_with_the_lines_signature(database: Database, clock: SetClock) -> None:
    seed, line = signing.generate()

    def row(purpose: Purpose, number: int, state: EpochState) -> EpochRow:
        recipient = f"age1{purpose.value}{number}"
        signature = signing.sign(seed, signing.Use.EPOCH, announcement(purpose, number, recipient))
        return EpochRow(purpose, number, recipient, state, b64(signature))

    rows = [
        row(Purpose.GATE, 1, EpochState.DRAINING),
        row(Purpose.GATE, 2, EpochState.CURRENT),
        row(Purpose.DELIVERY, 10, EpochState.CURRENT),
        row(Purpose.DELIVERY, 9, EpochState.CURRENT),
        row(Purpose.INTAKE, 1, EpochState.CURRENT),
        row(Purpose.RELEASE, 1, EpochState.CURRENT),
    ]
    async with database.begin() as transaction:
        for each in rows:
            assert await transaction.add(tables.epoch, each)
    async with serving(database, clock) as desk:
        told = (await desk.client.get("/desk/epochs", headers=await desk.enter(await desk.enrol()))).json()["epochs"]
    assert {(epoch["purpose"], epoch["number"]) for epoch in told} == {("gate", 2), ("delivery", 10)}
    for epoch in told:
        said = announcement(Purpose(epoch["purpose"]), epoch["number"], epoch["recipient"])
        assert signing.verify(line, signing.Use.EPOCH, said, base64.b64decode(epoch["signature"]))


@pytest.mark.claim("T54")
def test_everybodys_desk_looks_at_the_same_moments_just_after_each_slot() -> None:
    shown, now = desk_shown(good(ENV | {"TIPLINE_SLOTS": "08:10,20:00 Asia/Kathmandu"})), 1_800_000_600_000
    looks = list(shown.looks(now))
    assert looks == sorted(looks)
    assert all(now < at <= now + 86_400_000 + LOOK_AFTER_MS for at in looks)
    minutes = [(at - LOOK_AFTER_MS) // 60_000 % 30 for at in looks]
    assert sorted(set(minutes)) == [0, 15, 25], "every half hour, and 08:10 and 20:00 where it is five and three quarter hours later"
    assert [minutes.count(minute) for minute in (0, 15, 25)] == [48, 1, 1]
    assert list(shown.looks(now + 1000)) == looks, "whoever asks a second later looks no later"
    quick = desk_shown(good({"HOME": "/home/op"}, mode=Mode.PRACTICE))
    assert (quick.list_every_ms, list(quick.looks(now))) == (2_000, [])
