"""A small line for the pages: real keys, real age files and signatures, everything else in memory. It judges acts like the worker does,
so that the browser's half is tested against what Python seals, opens and verifies."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from desk.pages import Page, desk_page, handset_page
from sealing import age, case, plaintexts, signing
from sealing.rows import Envelope, Part
from tests.desk.tips import Reader, Told, new_reader, random_id
from triage.sensitive import Sensitive
from triage.tip import Urgency

DAY = 20_778
CARD = "ab" * 32
PRACTICE = "practice-token"


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@dataclass(slots=True)
class FakeCase:
    """One epoch of a case, for one reader. `state` is the grant's: offered, open or struck; the envelopes are the whole case's."""

    key: case.CaseKey
    reader: Reader
    grant: str
    key_file: bytes
    stub: bytes
    state: str = "offered"
    envelopes: list[Envelope] = field(default_factory=list)
    answers: list[dict[str, object]] = field(default_factory=list)

    def add(self, part: Part, plaintext: bytes) -> Envelope:
        made = case.envelope(self.key, len(self.envelopes) + 1, part, DAY, plaintext)
        self.envelopes.append(made)
        return made

    def previous(self) -> str:
        return next((e.sha256 for e in reversed(self.envelopes) if e.part is Part.MESSAGE), "")

    def tell(self, told: Told, previous: str | None = None, case_id: str | None = None) -> Envelope:
        at = datetime(2026, 11, 21, 14, 37, tzinfo=UTC)
        before = self.previous() if previous is None else previous
        place = (case_id or self.key.case_id, self.key.epoch, len(self.envelopes) + 1)
        text = Sensitive(told.text)
        sealed = plaintexts.message_in(
            *place, before, text, at, told.language, told.translation, told.found, told.asked, told.form, told.media
        )
        return self.add(Part.MESSAGE, sealed)


class FakeLine:
    """`refuse` = the code with which the next acts are refused; `dropped` = they are dropped unanswered; `down` = handset texts fail;
    `expired` = every token is too old; `asked` = how often an act's answer was asked for."""

    def __init__(self, *, practice: bool = True) -> None:
        self.practice = practice
        self.readers: list[Reader] = []
        self.cases: dict[str, FakeCase] = {}
        self.delivery, self.delivery_recipient = age.generate()
        self.gate, self.gate_recipient = age.generate()
        self.release, self.release_recipient = age.generate()
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
        self.polls = 0
        self.asked = 0

    # -- what a test puts in

    def enrol(self, name: str, agency: str) -> Reader:
        self.readers.append(new_reader(name, agency))
        return self.readers[-1]

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
            card=CARD,
            gate_recipient=self.gate_recipient,
            delivery_recipient=self.delivery_recipient,
        )
        row = case.grant(key, case.ReaderKey(reader.key.person, reader.recipient, CARD), grant_id, self.release_recipient, stub)
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
            Route("/desk/cases", self._cases),
            Route("/desk/cases/{case}", self._case),
            Route("/desk/acts", self._act, methods=["POST"]),
            Route("/desk/acts/{id}", self._handout),
            Route("/handset/message", self._message, methods=["POST"]),
            Route("/handset/messages", self._messages, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def _config(self, _: Request) -> Response:
        return JSONResponse({"line": "Línea de prueba", "practice": self.practice, "poll_ms": 100})

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
        if reader is None or said["origin"] != self.origin or not signing.verify(reader.verify_key, signing.Use.LOGIN, body, signature):
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
        mine = [c for c in self.cases.values() if c.reader is reader]
        rows = [
            {
                "grant": c.grant,
                "case": c.key.case_id,
                "epoch": c.key.epoch,
                "state": c.state,
                "stub": "" if c.state == "struck" else b64(c.stub),
            }
            for c in mine
        ]
        return JSONResponse({"cases": rows})

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
        self.acts.append(act["id"])
        if act["id"] not in self.handouts and not self.dropped:
            code, key_file = self._judge(reader, act)
            done = {"open": "opened", "answer": "answered"}[act["kind"]]
            plain = plaintexts.handout(act["id"], "refused" if code else done, code, key_file)
            self.handouts[act["id"]] = age.seal(plain, reader.recipient)
        return JSONResponse({}, 202)

    def _judge(self, reader: Reader, act: dict[str, str]) -> tuple[str, bytes | None]:
        """(code of a refusal or "", key file sealed to the reader)."""
        opening = act["kind"] == "open"
        statement = age.unseal(base64.b64decode(act["sealed"]), self.gate if opening else self.delivery)
        use = signing.Use.OPEN if opening else signing.Use.ANSWER
        if not signing.verify(reader.verify_key, use, statement, base64.b64decode(act["signature"])):
            return "bad_signature", None
        if self.refuse:
            return self.refuse, None
        mine = [c for c in self.cases.values() if c.key.case_id == act["case"] and c.reader is reader and c.state != "struck"]
        if not opening:
            return self._take(max(mine, key=lambda c: c.key.epoch), statement), None
        said = json.loads(statement)
        named = [c for c in mine if hashlib.sha256(c.key_file).hexdigest() == said["sha256"]]
        if len(named) != 1 or said["card"] != CARD or said["case"] != act["case"]:
            return "not_yours", None
        named[0].state = "open"
        return "", age.unseal(named[0].key_file, self.release)

    def _take(self, found: FakeCase, statement: bytes) -> str:
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
        self.asked += 1
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
