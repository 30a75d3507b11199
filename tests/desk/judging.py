"""What the small line's worker makes of an act: read and verified as handlers/requests.py does, then written down for the test to see."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealing import age, case, custody, plaintexts, signing
from sealing.custody import ACTOR_USE, EntryKind

if TYPE_CHECKING:
    from tests.desk.cases import FakeCase
    from tests.desk.fake import FakeLine
    from tests.desk.tips import Reader

Act = dict[str, str]
OFFICES = {
    "agencies": [["police-penalta", "Policía de Peñalta", "police", "Peñalta"], ["ngo-faro", "Casa Faro", "ngo", "Costa Serena"]],
    "houses": ["police", "judiciary", "ngo"],
}
"""What the worker tells of the line's file."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`result` and `code` of the handout, the key file sealed to the reader, and what else it says."""

    result: str
    code: str = ""
    key_file: bytes | None = None
    more: dict[str, str] = field(default_factory=dict)


def refused(code: str) -> Verdict:
    return Verdict("refused", code)


def judge(line: FakeLine, reader: Reader, act: Act) -> Verdict:
    if act["kind"] == "me":
        notices = "yes" if line.pushes.get(reader.key.person) else "no"
        known = {"card": reader.card_fingerprint, "own": reader.card.decode(), "line": line.verify_key, "notices": notices}
        known["duty"] = line.duty.get(reader.key.person, "")
        return Verdict("done", more=known)
    if act["kind"] == "agencies":
        return refused(line.refuse) if line.refuse else Verdict("done", more={name: json.dumps(value) for name, value in OFFICES.items()})
    if act["kind"] == "answer":
        return _answer(line, reader, act)
    body, content = plaintexts.read_act(line.unseal_act(base64.b64decode(act["sealed"])))
    entry = custody.parse_body(body)
    kind = EntryKind.SUSPEND if act["kind"] == "pressured" else EntryKind(act["kind"])
    code = line.refuse
    if not signing.verify(reader.verify_key, ACTOR_USE[kind], body, base64.b64decode(act["signature"])):
        code = "bad_signature"
    elif entry.kind is not kind or entry.case != act["case"] or entry.card != reader.card_fingerprint:
        code = "not_yours"
    elif content is not None and entry.sha256 != case.sha256(content):
        code = "unreadable"
    return refused(code) if code else _done(line, reader, act["kind"], entry, content)


def _done(line: FakeLine, reader: Reader, kind: str, entry: custody.Entry, content: bytes | None) -> Verdict:
    mine = [c for c in line.cases.values() if c.key.case_id == entry.case and c.reader is reader and c.state in ("offered", "open")]
    named = [c for c in mine if case.sha256(age.unseal(c.key_file, line.release)) == entry.sha256]
    if kind in ("open", "give_up", "concur", "disagree") and len(named) != 1:
        return refused("not_yours")
    if kind == "open":
        named[0].state = "open"
        more = {"proposed": named[0].proposed, "helped": named[0].helped} if named[0].proposed else {}
        return Verdict("opened", key_file=age.unseal(named[0].key_file, line.release), more=more)
    said = {} if content is None else json.loads(line.unseal_act(content))
    if kind == "pressured" and entry.sha256 != reader.card_fingerprint:
        return refused("not_yours")
    line.said.append((kind, said))
    _changed(line, reader, kind, mine, said)
    return Verdict("done")


def _changed(line: FakeLine, reader: Reader, kind: str, mine: list[FakeCase], said: dict[str, str]) -> None:
    if kind in ("give_up", "tie", "close", "concur"):
        for one in mine:
            one.state = "gone"
    elif kind == "disagree":
        for one in mine:
            one.proposed = ""
    elif kind == "pressured":
        line.suspended.add(reader.key.person)
    elif kind == "duty":
        line.duty[reader.key.person] = json.dumps(said, separators=(",", ":"))
    elif kind == "push":
        line.pushes[reader.key.person] = said["address"]


def _answer(line: FakeLine, reader: Reader, act: Act) -> Verdict:
    statement = line.unseal_act(base64.b64decode(act["sealed"]))
    if not signing.verify(reader.verify_key, signing.Use.ANSWER, statement, base64.b64decode(act["signature"])):
        return refused("bad_signature")
    if line.refuse:
        return refused(line.refuse)
    mine = [c for c in line.cases.values() if c.key.case_id == act["case"] and c.reader is reader and c.state != "struck"]
    code = line.take(max(mine, key=lambda c: c.key.epoch), statement)
    return refused(code) if code else Verdict("answered")


def listed(found: FakeCase) -> dict[str, object]:
    """A row of the list."""
    return {
        "grant": found.grant,
        "case": found.key.case_id,
        "epoch": found.key.epoch,
        "state": found.state,
        "closing": bool(found.proposed),
        "stub": "" if found.state == "struck" else base64.b64encode(found.stub).decode(),
    }
