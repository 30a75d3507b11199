"""What the desk's routes refuse, on every route: no token, another host, a cookie, a body that is too long or no act."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from desk.api import LARGEST_BODY
from sealing import signing
from sealing.rows import GrantState, TaskKind
from sealing.signing import Use
from storage import tables
from storage.engine import Database
from storage.queue import SqlQueue
from storage.store import SqlStore
from tests.databases import SetClock
from tests.desk.test_api import Served, Somebody, an_act, b64, leave_handout, serving
from tests.storage.rows import an_id, count

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
OPEN = [("GET", "/desk"), ("GET", "/desk/config"), ("POST", "/desk/challenge"), ("POST", "/desk/login")]
GUARDED = [("GET", "/desk/cases"), ("GET", "/desk/epochs"), ("GET", "/desk/cases/{}"), ("POST", "/desk/acts"), ("GET", "/desk/acts/{}")]


async def send_login(desk: Served, who: Somebody, body: bytes, use: Use = Use.LOGIN) -> int:
    said = {"body": b64(body), "signature": b64(signing.sign(who.seed, use, body))}
    return (await desk.client.post("/desk/login", json=said)).status_code


@pytest.mark.claim("T28")
async def test_every_route_but_page_settings_and_login_asks_whose_token_it_is(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        token = (await desk.enter(ana))["Authorization"].removeprefix("Bearer ")
        case = await desk.offered(ana)
        for given in ("", "Bearer", "Bearer ", "Bearer wrong", f"Basic {token}", token, f"Bearer {token}x", f"Bearer  {token}"):
            for method, path in GUARDED:
                headers = {"Authorization": given}
                answer = await desk.client.request(method, path.format(case.case_id), headers=headers, json=an_act(case.case_id))
                assert answer.status_code == 401, (path, given)
        assert await count(database, tables.act) == 0


async def test_no_route_sets_a_cookie_or_may_be_kept_by_a_cache(database: Database, clock: SetClock) -> None:
    """On localhost cookies leak across ports; what a desk was answered stays in no cache."""
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        session, case = await desk.enter(ana), await desk.offered(ana)
        await leave_handout(database, ana.id, case.case_id)
        login = ana.login(await desk.challenge(ana.id))
        for method, path in OPEN + GUARDED:
            said = login if path == "/desk/login" else {"person": ana.id} if path == "/desk/challenge" else an_act(case.case_id)
            answer = await desk.client.request(method, path.format(case.case_id), headers=session, json=said)
            assert answer.status_code in {200, 202}, path
            assert "set-cookie" not in answer.headers, path
            assert answer.headers["cache-control"].startswith("no-store"), path
        assert not desk.client.cookies


async def test_a_host_of_another_name_is_refused_before_anything_is_read(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        session = await desk.enter(ana)
        for host in ("evil.example", "line.example.org.evil.example", "x.line.example.org", "", "127.0.0.1"):
            for method, path in OPEN + GUARDED:
                answer = await desk.client.request(method, path.format(an_id()), headers={**session, "Host": host}, json={"person": ana.id})
                assert answer.status_code == 400, (host, path)
        assert await count(database, tables.challenge) == 0


async def test_a_signature_made_for_another_use_lets_nobody_in(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        statuses = []
        for use in Use:
            fields = {"v": 1, "kind": "login", "origin": "https://line.example.org", "person": ana.id}
            body = json.dumps({**fields, "challenge": await desk.challenge(ana.id)}).encode()
            statuses.append((use, await send_login(desk, ana, body, use)))
        assert statuses == [(use, 200 if use is Use.LOGIN else 403) for use in Use]


async def test_a_signed_body_that_is_no_login_is_refused(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        for body in (b"", b"[]", b"null", b"\xff", b'{"person":1}', b"[" * 50_000):
            assert await send_login(desk, ana, body) == 403, body[:20]


async def test_a_person_whose_row_holds_no_key_is_refused(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        async with database.begin() as transaction:
            await transaction.run(tables.person.update().values(verify_key="AAAA"))
        assert (await desk.client.post("/desk/login", json=ana.login(await desk.challenge(ana.id)))).status_code == 403


async def test_an_act_once_taken_down_is_changed_by_nobody(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana, bela = await desk.enrol(), await desk.enrol()
        case, theirs = await desk.offered(ana, GrantState.OFFERED), await desk.offered(bela)
        act = an_act(case.case_id)
        later = {**act, "sealed": b64(b"changed")}
        await desk.client.post("/desk/acts", json=act, headers=await desk.enter(ana))
        await desk.client.post("/desk/acts", json=later, headers=await desk.enter(ana))
        await desk.client.post("/desk/acts", json={**later, "case": theirs.case_id}, headers=await desk.enter(bela))
        task = await SqlQueue(database, clock).claim([TaskKind.ACT])
        assert task is not None
        async with SqlStore(database).begin() as tx:
            row = await tx.act(task.ref)
        assert row is not None
        assert (row.id, row.person_id, row.case_id, row.sealed) == (act["id"], ana.id, case.case_id, b"sealed")


async def test_fields_of_another_type_are_no_fault(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        session, case = await desk.enter(ana), await desk.offered(ana)
        for name in an_act(case.case_id):
            for wrong in (None, 1, True, ["open"], {"x": 1}, "\ud800", "a" * 32 + "\n"):
                said = json.dumps({**an_act(case.case_id), name: wrong}).encode()
                answer = await desk.client.post("/desk/acts", content=said, headers=session)
                assert answer.status_code == 400, (name, wrong)
        for body in (b"", b"act", b"null", b"\xff\xfe", b"[" * 50_000):
            assert (await desk.client.post("/desk/acts", content=body, headers=session)).status_code == 400, body[:20]


async def test_a_body_without_end_is_not_read_to_its_end(database: Database, clock: SetClock) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while given < LARGEST_BODY * 20:
            given += 65_536
            yield b" " * 65_536

    async with serving(database, clock) as desk:
        for path in ("/desk/challenge", "/desk/login"):
            given = 0
            assert (await desk.client.post(path, content=endless())).status_code in {400, 403}
            assert given <= LARGEST_BODY + 2 * 65_536
