"""The desk's routes. Every route but the page, its settings and the login asks first whose token it is, and answers with that person's rows
alone: an id of somebody else's gets the same 404 as an id that does not exist."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from desk.access import Access, decode
from desk.listing import NO_STORE, filled, page, rows_of
from desk.pages import Page
from desk.ports import DeskStore
from sealing.rows import ActRow, GrantState, Part, Purpose

LARGEST_BODY = 256 * 1024
ID = re.compile(r"[0-9a-f]{32}")
OF_A_CASE = frozenset({"open", "answer", "give_up", "tie", "close", "concur", "disagree", "told"})
OF_A_TRUSTEE = frozenset({"approve", "reseal", "allow", "disclose"})
OF_AN_AUDITOR = frozenset({"audit"})
"""Of any case: who is one, his card says, which this process cannot read."""
OF_HIMSELF = frozenset({"duty", "push", "pressured", "me", "agencies"})
"""Acts of no case: `case` is empty."""
KINDS = OF_A_CASE | OF_A_TRUSTEE | OF_AN_AUDITOR | OF_HIMSELF
SHOWN = (Part.MESSAGE, Part.CONTACT)
SEALED_TO = (Purpose.GATE, Purpose.DELIVERY)
"""What a person's acts and answers are sealed to."""
PAGE_NUMBER = re.compile(r"[1-9][0-9]{0,3}")

Handler = Callable[[Request, str], Awaitable[Response]]


def _no_looks(_: int) -> Sequence[int]:
    return ()


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page is told before login. It looks at an open case every `poll_ms`; at the list at the moments that `looks` names from now
    (ms) on, the same for everybody; where none is ahead at every multiple of `list_every_ms`. `notices`: whether the line can send any."""

    line: str
    practice: bool
    poll_ms: int
    list_every_ms: int = 1_800_000
    looks: Callable[[int], Sequence[int]] = _no_looks
    notices: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    store: DeskStore
    access: Access
    page: Page
    shown: Shown

    def routes(self) -> list[Route]:
        return [
            Route("/desk", self._page),
            Route("/desk/config", self._config),
            Route("/desk/challenge", self._challenge, methods=["POST"]),
            Route("/desk/login", self._login, methods=["POST"]),
            Route("/desk/epochs", self._for_person(self._epochs)),
            Route("/desk/cases", self._for_person(self._cases)),
            Route("/desk/cases/{id}", self._for_person(self._case)),
            Route("/desk/acts", self._for_person(self._act), methods=["POST"]),
            Route("/desk/acts/{id}", self._for_person(self._handout)),
        ]

    def _for_person(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            person = await self.access.person(request.headers.get("authorization", ""))
            return _refuse(401, "log in again") if person is None else await handler(request, person)

        return guarded

    async def _page(self, _: Request) -> Response:
        return Response(self.page.html, headers=dict(self.page.headers))

    async def _config(self, _: Request) -> Response:
        told = self.shown
        looks = {"poll_ms": told.poll_ms, "list_every_ms": told.list_every_ms, "list_at": list(told.looks(self.access.now_ms()))}
        return _json({"line": told.line, "practice": told.practice, **looks, "notices": told.notices})

    async def _challenge(self, request: Request) -> Response:
        body = await read_json(request)
        person = None if body is None else body.get("person")
        if not isinstance(person, str):
            return _refuse(400, "no person")
        return _json({"challenge": await self.access.challenge(person)})

    async def _login(self, request: Request) -> Response:
        fields = await read_json(request) or {}
        body, signature = decode(fields.get("body")), decode(fields.get("signature"))
        token = None if body is None or signature is None else await self.access.login(body, signature)
        if token is None or body is None:
            return _refuse(403, "this key does not open this desk")
        return _json({"token": token, "person": json.loads(body)["person"]})

    async def _epochs(self, _: Request, __: str) -> Response:
        """Today's recipients, each signed by the line's key, which a stub names: the page verifies them, this process could lie."""
        rows = await self.store.epochs(SEALED_TO)
        newest = [{"purpose": e.purpose.value, "number": e.number, "recipient": e.recipient, "signature": e.signature} for e in rows]
        return _json({"epochs": newest})

    async def _cases(self, request: Request, person: str) -> Response:
        """One size whatever waits; `?page=2` and so on where `more` says so."""
        asked = request.query_params.get("page", "1")
        rows = rows_of(await self.store.grants_of(person), await self.store.shares_asked(person))
        return _bytes(page(rows, int(asked) if PAGE_NUMBER.fullmatch(asked) else 0))

    async def _case(self, request: Request, person: str) -> Response:
        case_id = request.path_params["id"]
        grants = [row.grant for row in await self.store.grants_of(person) if row.grant.case_id == case_id]
        epochs = sorted(grant.epoch for grant in grants if grant.state is GrantState.OPEN)
        if not epochs:
            return _refuse(404, "no such case")
        rows = await self.store.envelopes(case_id, epochs, SHOWN)
        listed = [
            {"epoch": e.epoch, "seq": e.seq, "part": e.part.value, "day": e.day, "sha256": e.sha256, "sealed": _b64(e.sealed)} for e in rows
        ]
        return _bytes(filled({"envelopes": listed}))

    async def _act(self, request: Request, person: str) -> Response:
        """Taken down, judged later by the worker: this process cannot open it."""
        fields = await read_json(request) or {}
        act_id, case_id, kind = (fields.get(name) for name in ("id", "case", "kind"))
        signature, sealed = decode(fields.get("signature")), decode(fields.get("sealed"))
        if not (isinstance(act_id, str) and ID.fullmatch(act_id) and isinstance(case_id, str) and isinstance(kind, str)):
            return _refuse(400, "not an act")
        if case_id and not ID.fullmatch(case_id):
            return _refuse(400, "not an act")
        if kind not in KINDS or signature is None or len(signature) != 64 or sealed is None:
            return _refuse(400, "not an act")
        if not await self._concerns(person, kind, case_id):
            return _refuse(404, "no such case")
        await self.store.add_act(ActRow(act_id, person, case_id, kind, signature, sealed))
        return JSONResponse({"id": act_id}, 202, NO_STORE)

    async def _concerns(self, person: str, kind: str, case_id: str) -> bool:
        """Whether this person may say anything of this case; the worker judges what."""
        if kind in OF_HIMSELF:
            return case_id == ""
        if kind in OF_AN_AUDITOR:
            return case_id != ""
        if kind in OF_A_TRUSTEE:
            return any(share.case_id == case_id for share in await self.store.shares_asked(person))
        return any(row.grant.case_id == case_id for row in await self.store.grants_of(person))

    async def _handout(self, request: Request, person: str) -> Response:
        act_id = request.path_params["id"]
        if not ID.fullmatch(act_id):
            return _refuse(410, "no such act")
        handout = await self.store.take_handout(act_id, person)
        if handout is not None:
            return _json({"sealed": _b64(handout.sealed)})
        if await self.store.acting(act_id, person):
            return JSONResponse({}, 202, NO_STORE)
        return _refuse(410, "no such act")  # dropped unanswered, as the person's card holds no more; fetched before; or never there


async def read_json(request: Request) -> Mapping[str, object] | None:
    """The JSON object of a bounded body, else None."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    try:
        value = json.loads(bytes(body))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _json(value: Mapping[str, object]) -> Response:
    return JSONResponse(dict(value), headers=NO_STORE)


def _bytes(json_object: bytes) -> Response:
    return Response(json_object, media_type="application/json", headers=NO_STORE)


def _refuse(status: int, error: str) -> Response:
    return JSONResponse({"error": error}, status, NO_STORE)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
