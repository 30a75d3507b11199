"""The desk's API over the real store: who gets in, and that everybody gets his own rows alone."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import pytest
from sqlalchemy import select

from bot.web import application
from desk.access import CHALLENGE_MS, SESSION_MS, Access
from desk.api import LARGEST_BODY, Desk, Shown
from desk.pages import desk_page
from sealing import signing
from sealing.rows import GrantState, Handout, Part, SealedCase
from sealing.signing import Use
from storage import tables
from storage.desk_store import DeskReads
from storage.engine import Database
from storage.store import SqlStore
from tests.databases import SetClock
from tests.storage.rows import a_person, an_envelope, an_id, count, sealed_case

ORIGIN = "https://line.example.org"
pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


@dataclass(frozen=True, slots=True)
class Somebody:
    id: str
    seed: str

    def login(self, challenge: str, **changed: object) -> dict[str, str]:
        """What his browser posts; `changed` = fields that somebody else would like in it."""
        said = {"v": 1, "kind": "login", "origin": ORIGIN, "person": self.id, "challenge": challenge, **changed}
        body = json.dumps(said).encode()
        return {"body": b64(body), "signature": b64(signing.sign(self.seed, Use.LOGIN, body))}


@dataclass(frozen=True, slots=True)
class Served:
    """One web process's desk."""

    client: httpx.AsyncClient
    database: Database
    clock: SetClock
    desk: Desk

    async def enrol(self, status: str = "active") -> Somebody:
        seed, verify_key = signing.generate()
        person = replace(a_person(), verify_key=verify_key, status=status)
        async with SqlStore(self.database).begin() as tx:
            assert await tx.save_person(person)
        return Somebody(person.id, seed)

    async def challenge(self, person: str) -> str:
        return str((await self.client.post("/desk/challenge", json={"person": person})).json()["challenge"])

    async def enter(self, who: Somebody) -> dict[str, str]:
        """The header of his session."""
        answer = await self.client.post("/desk/login", json=who.login(await self.challenge(who.id)))
        assert answer.status_code == 200
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    async def offered(self, who: Somebody, state: GrantState = GrantState.OPEN) -> SealedCase:
        case = await sealed_case(self.database, self.clock)
        async with SqlStore(self.database).begin() as tx:
            assert await tx.offer(case.grants[0].id, who.id, b"stub")
            assert state is GrantState.OFFERED or await tx.move_grant(case.grants[0].id, GrantState.OFFERED, state)
        return case


@asynccontextmanager
async def serving(database: Database, clock: SetClock) -> AsyncIterator[Served]:
    reads = DeskReads(database, clock)
    access = Access(reads, frozenset({ORIGIN}), clock.now_ms)
    desk = Desk(reads, access, desk_page(), Shown("Tip line", practice=False, poll_ms=60_000, looks=lambda now: [now + 60_000]))
    transport = httpx.ASGITransport(application(desk.routes(), ["line.example.org"]))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield Served(client, database, clock, desk)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def an_act(case: str) -> dict[str, object]:
    return {"id": an_id(), "case": case, "kind": "open", "signature": b64(b"s" * 64), "sealed": b64(b"sealed")}


async def leave_handout(database: Database, person: str, act: str) -> None:
    """What the worker does when an act is carried out."""
    async with SqlStore(database).begin() as tx:
        await tx.hand_out(Handout(act, person, b"handout", 2_000_000_000_000))


async def test_the_page_comes_with_its_policy_and_no_cookie(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        page, config = await desk.client.get("/desk"), await desk.client.get("/desk/config")
    assert "require-trusted-types-for 'script'" in page.headers["content-security-policy"]
    assert "set-cookie" not in page.headers
    looks = {"poll_ms": 60_000, "list_every_ms": 1_800_000, "list_at": [clock.now + 60_000]}
    assert config.json() == {"line": "Tip line", "practice": False, "notices": False, **looks}


@pytest.mark.claim("T22")
async def test_a_login_is_taken_once_in_time_for_this_origin_and_by_its_own_key(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana, bela = await desk.enrol(), await desk.enrol()

        async def tried(said: dict[str, str]) -> int:
            return (await desk.client.post("/desk/login", json=said)).status_code

        assert await tried(ana.login(await desk.challenge(ana.id), origin="https://evil.example")) == 403
        assert await tried(ana.login(await desk.challenge(bela.id))) == 403
        assert await tried(replace(ana, seed=bela.seed).login(await desk.challenge(ana.id))) == 403
        assert await tried(ana.login(await desk.challenge(ana.id), kind="open")) == 403
        assert await tried(ana.login("made up")) == 403
        used = ana.login(await desk.challenge(ana.id))
        assert [await tried(used), await tried(used)] == [200, 403]
        late = ana.login(await desk.challenge(ana.id))
        clock.now += CHALLENGE_MS
        assert await tried(late) == 403
        for broken in ({}, {"body": "*", "signature": ""}, {"body": b64(b"[]"), "signature": b64(b"x")}):
            assert await tried(broken) == 403


async def test_asking_for_a_challenge_tells_nobody_who_is_on_the_roster(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        known, unknown = await desk.challenge(ana.id), await desk.challenge(an_id())
        assert len(known) == len(unknown)
        async with database.begin(reading=True) as transaction:
            kept = list((await transaction.run(select(tables.challenge.c.person_id))).scalars())
        assert sorted(kept) == ["", ana.id], "one row each, and none of what a stranger wrote"
        assert (await desk.client.post("/desk/challenge", json={})).status_code == 400


async def test_whoever_is_not_active_is_not_let_in(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        gone = await desk.enrol("suspended")
        assert (await desk.client.post("/desk/login", json=gone.login(await desk.challenge(gone.id)))).status_code == 403


async def change(database: Database, who: Somebody, **columns: object) -> None:
    async with database.begin() as transaction:
        await transaction.run(tables.person.update().where(tables.person.c.id == who.id).values(**columns))


@pytest.mark.claim("T28")
@pytest.mark.parametrize("changed", [{"status": "suspended"}, {"verify_key": signing.generate()[1]}])
async def test_a_session_is_over_when_its_person_is_no_more_what_he_was(
    database: Database, clock: SetClock, changed: dict[str, object]
) -> None:
    async with serving(database, clock) as desk:
        ana, bela = await desk.enrol(), await desk.enrol()
        case = await desk.offered(ana)
        hers, his = await desk.enter(ana), await desk.enter(bela)
        await leave_handout(database, ana.id, act := an_id())
        async with SqlStore(database).begin() as tx:
            before = await tx.person(ana.id)
        assert before is not None
        await change(database, ana, **changed)
        for path in ("/desk/cases", f"/desk/cases/{case.case_id}", f"/desk/acts/{act}"):
            assert (await desk.client.get(path, headers=hers)).status_code == 401, path
        assert (await desk.client.post("/desk/acts", json=an_act(case.case_id), headers=hers)).status_code == 401
        assert await count(database, tables.act) == 0
        assert await count(database, tables.handout) == 1
        assert (await desk.client.get("/desk/cases", headers=his)).status_code == 200
        await change(database, ana, status=before.status, verify_key=before.verify_key)
        assert (await desk.client.get("/desk/cases", headers=hers)).status_code == 401, "he logs in again"


async def test_a_session_of_a_removed_person_is_over(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        session = await desk.enter(await desk.enrol())
        async with database.begin() as transaction:
            await transaction.run(tables.person.delete())
        assert (await desk.client.get("/desk/cases", headers=session)).status_code == 401


async def test_a_challenge_of_nobody_lets_nobody_in(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        made = await desk.challenge(an_id())
        for who in (ana, replace(ana, id="")):
            assert (await desk.client.post("/desk/login", json=who.login(made))).status_code == 403


async def test_an_act_that_the_worker_dropped_is_gone(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        session, case = await desk.enter(ana), await desk.offered(ana)
        act = an_act(case.case_id)
        assert (await desk.client.post("/desk/acts", json=act, headers=session)).status_code == 202
        assert (await desk.client.get(f"/desk/acts/{act['id']}", headers=session)).status_code == 202
        async with SqlStore(database).begin() as tx:
            await tx.drop_act(str(act["id"]))
        answer = await desk.client.get(f"/desk/acts/{act['id']}", headers=session)
        assert (answer.status_code, answer.json()) == (410, {"error": "no such act"})


async def test_a_session_ends_by_time_and_with_its_process(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        session = await desk.enter(await desk.enrol())
        for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": session["Authorization"].replace("Bearer", "Basic")}):
            assert (await desk.client.get("/desk/cases", headers=header)).status_code == 401
        assert (await desk.client.get("/desk/cases", headers=session)).status_code == 200
        async with serving(database, clock) as restarted:
            assert (await restarted.client.get("/desk/cases", headers=session)).status_code == 401
        clock.now += SESSION_MS
        assert (await desk.client.get("/desk/cases", headers=session)).status_code == 401


async def test_sessions_are_bounded_and_the_oldest_goes(database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.access.MOST_SESSIONS", 2)
    async with serving(database, clock) as desk:
        sessions = [await desk.enter(await desk.enrol()) for _ in range(3)]
        assert [(await desk.client.get("/desk/cases", headers=session)).status_code for session in sessions] == [401, 200, 200]


@pytest.mark.claim("T28")
async def test_somebody_elses_case_act_and_handout_are_as_if_they_were_not(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana, bela = await desk.enrol(), await desk.enrol()
        case = await desk.offered(ana)
        hers, his = await desk.enter(ana), await desk.enter(bela)
        assert [row["case"] for row in (await desk.client.get("/desk/cases", headers=hers)).json()["cases"]] == [case.case_id]
        listed = (await desk.client.get("/desk/cases", headers=his)).json()
        assert (listed["cases"], listed["shares"]) == ([], [])
        await leave_handout(database, ana.id, act := an_id())
        for path in ("/desk/cases/{}", "/desk/acts/{}"):
            real, none = (case.case_id if "cases" in path else act), an_id()
            foreign, absent = [await desk.client.get(path.format(asked), headers=his) for asked in (real, none)]
            assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
        foreign, absent = [await desk.client.post("/desk/acts", json=an_act(asked), headers=his) for asked in (case.case_id, an_id())]
        assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content) == (404, b'{"error":"no such case"}')
        assert await count(database, tables.act) == 0
        assert (await desk.client.get(f"/desk/acts/{act}", headers=hers)).json() == {"sealed": b64(b"handout")}
        assert (await desk.client.get(f"/desk/acts/{act}", headers=hers)).status_code == 410, "fetched once"


@pytest.mark.claim("T28")
async def test_ciphertext_is_given_for_opened_epochs_alone_and_never_the_codes(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        session = await desk.enter(ana)
        case = await desk.offered(ana)
        later, note = an_envelope(case.case_id, 3, epoch=2), an_envelope(case.case_id, 4, part=Part.NOTE)
        async with SqlStore(database).begin() as tx:
            await tx.append([later, note])
        given = (await desk.client.get(f"/desk/cases/{case.case_id}", headers=session)).json()["envelopes"]
        assert [envelope["sha256"] for envelope in given] == [envelope.sha256 for envelope in case.envelopes]
        for state in (GrantState.OFFERED, GrantState.STRUCK):
            unopened = await desk.offered(ana, state)
            assert (await desk.client.get(f"/desk/cases/{unopened.case_id}", headers=session)).status_code == 404


async def test_names_that_no_database_takes_are_nobodys(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        session = await desk.enter(ana)
        for odd in ("\0", "\ud800", "x" * 5000):
            body = json.dumps({"person": odd}).encode()
            assert (await desk.client.post("/desk/challenge", content=body)).status_code == 200
            assert (await desk.client.post("/desk/login", json=replace(ana, id=odd).login("made up"))).status_code == 403
            assert (await desk.client.post("/desk/login", json=ana.login(odd))).status_code == 403
        for path in ("/desk/cases/%00", "/desk/acts/%00"):
            assert (await desk.client.get(path, headers=session)).status_code in (404, 410)


async def test_a_database_that_is_away_is_answered_503(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        session = await desk.enter(await desk.enrol())
        await database.close()
        assert (await desk.client.get("/desk/cases", headers=session)).status_code == 503
        assert (await desk.client.post("/desk/challenge", json={"person": an_id()})).status_code == 503
        assert (await desk.client.get("/desk")).status_code == 200


async def test_a_struck_case_is_listed_without_its_stub(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        await desk.offered(ana, GrantState.STRUCK)
        (row,) = (await desk.client.get("/desk/cases", headers=await desk.enter(ana))).json()["cases"]
        assert (row["state"], row["stub"]) == ("struck", "")


async def test_an_act_is_taken_down_once_and_what_is_none_is_refused(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana = await desk.enrol()
        session, case = await desk.enter(ana), await desk.offered(ana)

        async def posted(said: object) -> int:
            return (await desk.client.post("/desk/acts", json=said, headers=session)).status_code

        act = an_act(case.case_id)
        assert [await posted(act), await posted(act)] == [202, 202]
        assert await count(database, tables.act) == 1
        for wrong in ({"id": "x"}, {"case": 5}, {"kind": "steal"}, {"signature": b64(b"short")}, {"signature": "*"}, {"sealed": None}):
            assert await posted({**an_act(case.case_id), **wrong}) == 400
        assert await posted([]) == 400
        assert await posted({**an_act(case.case_id), "sealed": b64(secrets.token_bytes(LARGEST_BODY))}) == 400
        assert await count(database, tables.act) == 1
