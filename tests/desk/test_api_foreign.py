"""Everybody's ids, tried by everybody else, on every route that the desk really has: as if they did not exist, and nothing is written."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import Table, select
from starlette.routing import Route

from desk.access import SESSION_MS
from desk.api import KINDS, OF_A_CASE, OF_A_TRUSTEE, OF_AN_AUDITOR, OF_HIMSELF
from sealing.rows import ActRow, GrantState, Handout, ShareRow, ShareState
from storage import tables
from storage.desk_store import DeskReads
from storage.engine import Database
from storage.store import SqlStore
from tests.databases import SetClock
from tests.desk.test_api import Served, Somebody, b64, change, serving
from tests.storage.rows import an_id, sealed_case

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
LATER = 2_000_000_000_000
OPEN = {"/desk", "/desk/config", "/desk/challenge", "/desk/login"}
"""Routes that answer everybody alike, and take nobody's id."""
WITHOUT_AN_ID = {"/desk/cases", "/desk/epochs"}
BY_CASE, BY_ACT, ACTS = "/desk/cases/{id}", "/desk/acts/{id}", "/desk/acts"
WATCHED = (tables.act, tables.task, tables.handout, tables.grant, tables.share, tables.push, tables.case, tables.person)


@pytest.fixture
def engine_name() -> str:
    """What the queries give to whom is tested on both; here are the routes."""
    return "sqlite"


@dataclass(frozen=True, slots=True)
class Held:
    """What one person of the line has, each with its secret: the bytes that nobody else may be given. `cases`: by state of the grant."""

    who: Somebody
    cases: Mapping[str, str]
    waiting: str
    answered: str
    secret: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return (*self.cases.values(), self.waiting, self.answered, self.who.id)


async def a_holder(desk: Served, clock: SetClock) -> Held:
    """A reader and trustee with a case in every state, shares, an act that waits, and an answer that waits."""
    who, cases, secret = await desk.enrol(), dict[str, str](), list[str]()
    for state in GrantState:
        sealing = await sealed_case(desk.database, clock)
        stub = secrets.token_bytes(60)
        async with SqlStore(desk.database).begin() as tx:
            grant = sealing.grants[0].id
            if state is not GrantState.LOCKED:
                assert await tx.offer(grant, who.id, stub)
            if state not in (GrantState.LOCKED, GrantState.OFFERED):
                assert await tx.move_grant(grant, GrantState.OFFERED, state)
        cases[state.value] = sealing.case_id
        secret += [b64(stub), *(b64(envelope.sealed) for envelope in sealing.envelopes)]
    for share_state in ShareState:
        sealing = await sealed_case(desk.database, clock)
        share = ShareRow(an_id(), sealing.case_id, 1, who.id, share_state, secrets.token_bytes(60))
        async with SqlStore(desk.database).begin() as tx:
            await tx.add_shares([share])
        cases[f"share {share_state.value}"] = sealing.case_id
        secret += [b64(share.sealed), share.id]
    waiting, answered, sealed = an_id(), an_id(), secrets.token_bytes(60)
    async with SqlStore(desk.database).begin() as tx:
        await tx.hand_out(Handout(answered, who.id, sealed, LATER))
    assert await DeskReads(desk.database, clock).add_act(ActRow(waiting, who.id, cases["open"], "open", bytes(64), b"sealed"))
    return Held(who, cases, waiting, answered, (*secret, b64(sealed)))


async def rows(database: Database, table: Table) -> set[tuple[object, ...]]:
    async with database.begin(reading=True) as transaction:
        return {tuple(row) for row in await transaction.run(select(table))}


async def everything(database: Database) -> list[set[tuple[object, ...]]]:
    return [await rows(database, table) for table in WATCHED]


def the_routes(desk: Served) -> list[Route]:
    return desk.desk.routes()


def tries(routes: Sequence[Route], ids: Sequence[str]) -> Iterator[tuple[str, str, Mapping[str, object] | None, str]]:
    """(method, path, body, what an id that is nobody's would make of it) for every route that takes an id, or a token."""
    for route in routes:
        for method in sorted(route.methods or ()):
            if route.path in OPEN:
                continue
            if route.path in WITHOUT_AN_ID:
                yield method, route.path, None, route.path
            elif route.path in (BY_CASE, BY_ACT):
                yield from ((method, route.path.format(id=each), None, route.path.format(id=an_id())) for each in ids)
            elif route.path == ACTS:
                yield from ((method, ACTS, an_act(kind, each), ACTS) for kind in sorted(KINDS) for each in ids)
            else:
                pytest.fail(f"a new route: say here who may ask what of {route.path}")


def an_act(kind: str, case: str) -> dict[str, object]:
    return {"id": an_id(), "case": case, "kind": kind, "signature": b64(bytes(64)), "sealed": b64(b"sealed")}


async def asked(
    client: httpx.AsyncClient, session: Mapping[str, str], what: tuple[str, str, Mapping[str, object] | None]
) -> httpx.Response:
    method, path, body = what
    return await client.request(method, path, headers=dict(session), json=body)


@pytest.mark.claim("T28")
async def test_whoever_has_no_session_that_holds_gets_401_of_everything(database: Database, clock: SetClock) -> None:
    """Nobody; a made-up token; a session whose person was suspended, changed his key, or was removed; one that ran out."""
    async with serving(database, clock) as desk:
        ana = await a_holder(desk, clock)
        gone = {
            "suspended": {"status": "suspended"},
            "another key": {"verify_key": secrets.token_hex(32)},
            "expired": {"status": "expired"},
        }
        people = {name: await a_holder(desk, clock) for name in gone}
        sessions: dict[str, Mapping[str, str]] = {name: await desk.enter(held.who) for name, held in people.items()}
        for name, columns in gone.items():
            await change(database, people[name].who, **columns)
        sessions |= {"nobody": {}, "made up": {"Authorization": "Bearer " + secrets.token_urlsafe(32)}}
        before = await everything(database)
        for name, session in sessions.items():
            own = people[name].ids if name in people else ()
            for method, path, body, _ in tries(the_routes(desk), (*own, *ana.ids)):
                answer = await asked(desk.client, session, (method, path, body))
                assert (answer.status_code, answer.content if method != "HEAD" else b"") in {
                    (401, b'{"error":"log in again"}'), (401, b"")
                }, (name, method, path)  # fmt: skip
        late = await desk.enter(ana.who)
        clock.now += SESSION_MS
        for method, path, body, _ in tries(the_routes(desk), ana.ids):
            assert (await asked(desk.client, late, (method, path, body))).status_code == 401, (method, path)
        assert await everything(database) == before


@pytest.mark.claim("T28")
async def test_what_is_somebody_elses_is_to_everybody_as_if_it_were_not(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana, bela = [await a_holder(desk, clock) for _ in range(2)]
        nobody_s = await desk.enrol()
        session_of = {who.id: await desk.enter(who) for who in (ana.who, bela.who, nobody_s)}
        before = await everything(database)
        for session in (session_of[bela.who.id], session_of[nobody_s.id]):
            nothing: dict[tuple[str, str, str], httpx.Response] = {}
            for method, path, body, unknown in tries(the_routes(desk), ana.ids):
                if body is not None and body["kind"] in OF_AN_AUDITOR:
                    continue
                answer = await asked(desk.client, session, (method, path, body))
                if path not in WITHOUT_AN_ID:
                    of = (method, unknown.rpartition("/")[0], "" if body is None else str(body["kind"]))
                    if of not in nothing:
                        nothing[of] = await asked(
                            desk.client, session, (method, unknown, None if body is None else {**body, "case": an_id()})
                        )
                    none = nothing[of]
                    assert (answer.status_code, answer.content, answer.headers) == (none.status_code, none.content, none.headers), path
                    assert answer.status_code in (404, 410), (method, path, body)
                assert not [secret for secret in ana.secret if secret in answer.text], path
                assert not [each for each in ana.ids if each in answer.text], path
        assert await everything(database) == before


@pytest.mark.claim("T28")
async def test_of_his_own_cases_he_reads_what_he_opened_and_acts_where_his_part_is(database: Database, clock: SetClock) -> None:
    """The other half: the tries above are refused for whose they are, not because nothing works."""
    async with serving(database, clock) as desk:
        ana = await a_holder(desk, clock)
        session = await desk.enter(ana.who)
        readable = {
            name for name, case in ana.cases.items() if (await desk.client.get(f"/desk/cases/{case}", headers=session)).status_code == 200
        }
        assert readable == {"open"}
        listed = (await desk.client.get("/desk/cases", headers=session)).json()
        shown = {name for name, case in ana.cases.items() if case in {row["case"] for row in (*listed["cases"], *listed["shares"])}}
        assert shown == {"offered", "open", "struck", "share asked"}
        taken: dict[str, set[str]] = {}
        for kind in sorted(KINDS):
            for name, case in {**ana.cases, "none": ""}.items():
                if (await desk.client.post(ACTS, json=an_act(kind, case), headers=session)).status_code == 202:
                    taken.setdefault(kind, set()).add(name)
        of_a_case = {kind: {"offered", "open", "struck"} for kind in OF_A_CASE}
        of_a_trustee = {kind: {"share asked"} for kind in OF_A_TRUSTEE}
        of_an_auditor = {kind: set(ana.cases) for kind in OF_AN_AUDITOR}
        assert taken == of_a_case | of_a_trustee | of_an_auditor | {kind: {"none"} for kind in OF_HIMSELF}
        assert (await desk.client.get(f"/desk/acts/{ana.waiting}", headers=session)).status_code == 202
        assert (await desk.client.get(f"/desk/acts/{ana.answered}", headers=session)).status_code == 200


async def test_an_act_of_himself_writes_down_who_is_logged_in_and_no_other(database: Database, clock: SetClock) -> None:
    async with serving(database, clock) as desk:
        ana, bela = await desk.enrol(), await desk.enrol()
        act = {**an_act("push", ""), "person": ana.id, "person_id": ana.id}
        assert (await desk.client.post(ACTS, json=act, headers=await desk.enter(bela))).status_code == 202
        assert {row[1] for row in await rows(database, tables.act)} == {bela.id}


@pytest.mark.claim("T28")
async def test_an_auditors_act_is_taken_of_any_case_and_tells_nothing(database: Database, clock: SetClock) -> None:
    """The web process cannot read who is an auditor: of a case that is there, one that is not, and somebody else's it answers the same."""
    async with serving(database, clock) as desk:
        ana, bela = await a_holder(desk, clock), await desk.enrol()
        session = await desk.enter(bela)
        for kind in OF_AN_AUDITOR:
            for case in (*ana.cases.values(), an_id()):
                act = an_act(kind, case)
                answer = await desk.client.post(ACTS, json=act, headers=session)
                assert (answer.status_code, answer.json()) == (202, {"id": act["id"]})
