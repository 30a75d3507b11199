"""A small line for the pages: real keys, real age files and signatures, everything else in memory. It judges acts like the worker does,
so that the browser's half is tested against what Python seals, opens and verifies."""

from __future__ import annotations

import base64
import json
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from desk.pages import Page, desk_page, handset_page
from sealing import age, case, plaintexts, signing
from sealing.keyring import announcement
from sealing.rows import Part, Purpose
from tests.desk.cases import DAY, FakeCase
from tests.desk.judging import judge, listed
from tests.desk.tips import Reader, Told, new_reader, random_id
from triage.sensitive import Sensitive
from triage.tip import Urgency

PRACTICE = "practice-token"


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


class FakeLine:
    """`refuse` = the code with which the next acts are refused; `dropped` = they are dropped unanswered; `waiting` = no act has its answer
    yet; `down` = handset texts fail; `expired` = every token is too old; `asked` = how often an act's answer was asked for; `said` = every
    act that says something, and what; `shares` = rows of a trustee; `config` = more of what the page is told; `page_rows` = how many rows
    of the list go on one page."""

    def __init__(self, *, practice: bool = True) -> None:
        self.practice = practice
        self.readers: list[Reader] = []
        self.cases: dict[str, FakeCase] = {}
        self.delivery, self.delivery_recipient = age.generate()
        self.gate, self.gate_recipient = age.generate()
        self.release, self.release_recipient = age.generate()
        self.seed, self.verify_key = signing.generate()
        self.before: list[str] = []
        self.said: list[tuple[str, dict[str, str]]] = []
        self.shares: list[dict[str, object]] = []
        self.pushes: dict[str, str] = {}
        self.duty: dict[str, str] = {}
        self.suspended: set[str] = set()
        self.config: dict[str, object] = {}
        self.page_rows = 100
        self.origin = ""
        self.challenges: dict[str, str] = {}
        self.tokens: dict[str, Reader] = {}
        self.handouts: dict[str, bytes] = {}
        self.acts: list[str] = []
        self.texts: list[dict[str, str]] = []
        self.replies: dict[str, list[dict[str, object]]] = {}
        self.refuse = ""
        self.dropped = False
        self.down = False
        self.expired = False
        self.waiting = False
        self.polls = 0
        self.asked = 0

    # -- what a test puts in

    def enrol(self, name: str, agency: str, quiet: str = "") -> Reader:
        self.readers.append(new_reader(name, agency, quiet))
        return self.readers[-1]

    def rotate(self) -> None:
        """New gate and delivery keys; the old ones open no more than what is in `unseal_act`."""
        self.before = [self.gate, self.delivery]
        self.gate, self.gate_recipient = age.generate()
        self.delivery, self.delivery_recipient = age.generate()

    def unseal_act(self, sealed: bytes) -> bytes:
        """With today's keys alone."""
        try:
            return age.unseal(sealed, self.gate)
        except age.OpenError:
            return age.unseal(sealed, self.delivery)

    def open_case(self, reader: Reader, told: Sequence[Told], urgency: Urgency = Urgency.ASKS_HELP, *, contact: bool = True) -> FakeCase:
        made = self._grant(reader, case.new_case_key(random_id(), 1), told[0] if told else Told(""), urgency)
        for one in told:
            made.tell(one)
        if contact:
            self.reach(made)
        return made

    def next_epoch(self, before: FakeCase) -> FakeCase:
        """What a strike of somebody else brings: a new key, a new grant, the same conversation."""
        made = self._grant(before.reader, case.new_case_key(before.key.case_id, before.key.epoch + 1), Told(""), Urgency.ASKS_HELP)
        made.envelopes, made.answers = before.envelopes, before.answers
        return made

    def _grant(self, reader: Reader, key: case.CaseKey, told: Told, urgency: Urgency) -> FakeCase:
        grant_id = random_id()
        stub = plaintexts.Stub(
            case=key.case_id,
            epoch=key.epoch,
            grant=grant_id,
            designation="teal heron",
            urgency=urgency.value,
            kinds=("sex_trafficking",),
            country="Mexico",
            agency_kinds=("police",),
            child="unknown",
            language=told.language,
            translation="practice" if told.translation else "none",
            key_file_sha256="",
            card=reader.card_fingerprint,
            gate_recipient=self.gate_recipient,
            delivery_recipient=self.delivery_recipient,
            own=reader.card.decode(),
            line=self.verify_key,
        )
        card = case.ReaderKey(reader.key.person, reader.recipient, reader.card_fingerprint)
        row = case.grant(key, card, grant_id, self.release_recipient, stub)
        made = FakeCase(key, reader, grant_id, row.key_file, age.unseal(row.stub, self.release))
        self.cases[grant_id] = made
        return made

    def reach(self, at: FakeCase) -> None:
        """A contact envelope, as every message of the source brings one."""
        way = plaintexts.Contact("handset", Sensitive("+9990000001"), "es", "Latn", pull=False)
        seq, contact_id = len(at.envelopes) + 1, random_id()
        inner = age.seal(plaintexts.contact_inner(at.key.case_id, seq, contact_id, way), self.delivery_recipient)
        at.envelopes.append(case.contact_envelope(at.key, seq, DAY, contact_id, inner))

    # -- the routes

    def app(self) -> Starlette:
        routes = [
            Route("/desk", lambda _: _document(desk_page())),
            Route("/handset", lambda _: _document(handset_page())),
            Route("/desk/config", self._config),
            Route("/practice/people", self._people),
            Route("/desk/challenge", self._challenge, methods=["POST"]),
            Route("/desk/login", self._login, methods=["POST"]),
            Route("/desk/epochs", self._epochs),
            Route("/desk/cases", self._cases),
            Route("/desk/cases/{case}", self._case),
            Route("/desk/acts", self._act, methods=["POST"]),
            Route("/desk/acts/{id}", self._handout),
            Route("/handset/message", self._message, methods=["POST"]),
            Route("/handset/messages", self._messages, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def _config(self, _: Request) -> Response:
        return JSONResponse({"line": "Línea de prueba", "practice": self.practice, "poll_ms": 100, "later": {"unknown": 1}, **self.config})

    async def _epochs(self, _: Request) -> Response:
        rows = [self.announced(Purpose.GATE, self.gate_recipient), self.announced(Purpose.DELIVERY, self.delivery_recipient)]
        return JSONResponse({"epochs": rows})

    def announced(self, purpose: Purpose, recipient: str) -> dict[str, object]:
        number = 2 if self.before else 1
        signature = b64(signing.sign(self.seed, signing.Use.EPOCH, announcement(purpose, number, recipient)))
        return {"purpose": purpose.value, "number": number, "recipient": recipient, "signature": signature}

    async def _people(self, request: Request) -> Response:
        if not self.practice or request.headers.get("authorization") != f"Practice {PRACTICE}":
            return JSONResponse({}, 401)
        people = [
            {"person": r.key.person, "name": r.name, "agency": r.agency, "role": "handler", "file": r.file, "passphrase": r.spoken}
            for r in self.readers
        ]
        return JSONResponse({"people": people})

    async def _challenge(self, request: Request) -> Response:
        challenge = secrets.token_urlsafe(16)
        self.challenges[challenge] = (await request.json())["person"]
        return JSONResponse({"challenge": challenge})

    async def _login(self, request: Request) -> Response:
        sent = await request.json()
        body = base64.b64decode(sent["body"])
        said = json.loads(body)
        person = self.challenges.pop(said["challenge"], None)
        reader = next((r for r in self.readers if r.key.person == person == said["person"]), None)
        signature = base64.b64decode(sent["signature"])
        if (
            reader is None
            or person in self.suspended
            or said["origin"] != self.origin
            or not signing.verify(reader.verify_key, signing.Use.LOGIN, body, signature)
        ):
            return JSONResponse({"error": "refused"}, 403)
        token = secrets.token_urlsafe(16)
        self.tokens[token] = reader
        return JSONResponse({"token": token, "person": reader.key.person})

    def _who(self, request: Request) -> Reader | None:
        return None if self.expired else self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))

    async def _cases(self, request: Request) -> Response:
        self.polls += 1
        reader = self._who(request)
        if reader is None:
            return JSONResponse({}, 401)
        rows = [listed(c) for c in self.cases.values() if c.reader is reader and c.state != "gone"]
        at = self.page_rows * (int(request.query_params.get("page", "1")) - 1)
        shown = {"cases": rows[at : at + self.page_rows], "shares": self.shares if at == 0 else []}
        return JSONResponse({**shown, "more": len(rows) > at + self.page_rows, "pad": "x" * 100})

    async def _case(self, request: Request) -> Response:
        reader = self._who(request)
        if reader is None:
            return JSONResponse({}, 401)
        held = [c for c in self.cases.values() if c.key.case_id == request.path_params["case"] and c.reader is reader and c.state == "open"]
        if not held:
            return JSONResponse({"error": "no such case"}, 404)
        epochs = {c.key.epoch for c in held}
        rows = [
            {"epoch": e.epoch, "seq": e.seq, "part": e.part.value, "day": e.day, "sha256": e.sha256, "sealed": b64(e.sealed)}
            for e in held[0].envelopes
            if e.epoch in epochs
        ]
        return JSONResponse({"envelopes": rows})

    async def _act(self, request: Request) -> Response:
        reader = self._who(request)
        if reader is None:
            return JSONResponse({}, 401)
        act = await request.json()
        if act["kind"] != "me":
            self.acts.append(act["id"])
        if act["id"] not in self.handouts and not self.dropped:
            done = judge(self, reader, act)
            plain = plaintexts.handout(act["id"], done.result, done.code, done.key_file, done.more)
            self.handouts[act["id"]] = age.seal(plain, reader.recipient)
        return JSONResponse({}, 202)

    def take(self, found: FakeCase, statement: bytes) -> str:
        """An answer goes out, or the code of a refusal."""
        answer = plaintexts.read_answer(statement)
        newest = [e.sha256 for e in found.envelopes if e.part is Part.CONTACT][-1]
        if answer.contact != newest or answer.epoch != found.key.epoch or answer.sequence != len(found.answers) + 1:
            return "stale"
        _, contact = plaintexts.read_contact_inner(age.unseal(answer.inner, self.delivery), found.key.case_id)
        found.answers.append({"text": answer.text.reveal(), "to": contact.address.reveal(), "size": len(statement)})
        place = (found.key.case_id, found.key.epoch, len(found.envelopes) + 1)
        found.add(Part.MESSAGE, plaintexts.message_out(*place, found.previous(), answer.text, datetime.now(UTC)))
        return ""

    async def _handout(self, request: Request) -> Response:
        sealed = self.handouts.get(request.path_params["id"])
        self.asked += request.path_params["id"] in self.acts
        if self.waiting:
            return JSONResponse({}, 202)
        return JSONResponse({"sealed": b64(sealed)}) if sealed else JSONResponse({"error": "no such act"}, 410)

    async def _message(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Practice {PRACTICE}":
            return JSONResponse({}, 401)
        sent = await request.json()
        if self.down:
            return JSONResponse({"error": "storage"}, 503)
        if sent["id"] not in [text["id"] for text in self.texts]:
            self.texts.append(sent)
        return JSONResponse({}, 202)

    async def _messages(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Practice {PRACTICE}":
            return JSONResponse({}, 401)
        asked = await request.json()
        waiting = [m for m in self.replies.get(asked["phone"], []) if isinstance(m["n"], int) and m["n"] > asked["after"]]
        return JSONResponse({"messages": waiting})


def _document(page: Page) -> Response:
    return Response(page.html, headers=dict(page.headers))


@contextmanager
def serving(line: FakeLine) -> Iterator[str]:
    """The line on a free loopback port; yields its origin."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(line.app(), log_level="critical", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    # Chromium treats localhost as a secure context.
    line.origin = f"http://localhost:{listener.getsockname()[1]}"
    try:
        yield line.origin
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
