"""The browser's half against a whole line: whatever Node says for a reader, the worker takes; whatever the worker hands out, Node opens."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealing.custody import EntryKind
from sealing.rows import ActRow, CaseState, GrantRow, GrantState, Part, Purpose
from tests.desk.fake import b64
from tests.desk.test_open_js import Js, js, obj, raw
from tests.handlers.cases.leaving import offered, sealed
from tests.line import TestLine, fresh_line

__all__ = ["js"]

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


@dataclass
class AtDesk:
    """One reader's browser, without its page."""

    js: Js
    line: TestLine
    person: str

    @property
    def key(self) -> dict[str, object]:
        key = self.line.person_keys[self.person]
        return {"person": key.person, "identity": key.identity, "seed": raw(base64.b64decode(key.sign_seed))}

    def stub(self, grant: GrantRow) -> dict[str, object]:
        row = {"case": grant.case_id, "grant": grant.id, "epoch": grant.epoch, "stub": b64(grant.stub)}
        return obj(self.js("openStub", row, self.key["identity"]))

    async def to(self, card: str, line_key: str) -> dict[str, object]:
        rows = await self.line.reads.epochs((Purpose.GATE, Purpose.DELIVERY))
        told = [{"purpose": e.purpose.value, "number": e.number, "recipient": e.recipient, "signature": e.signature} for e in rows]
        found = obj(self.js("newestSigned", told, line_key))
        return {"card": card, **{purpose: obj(found[purpose])["recipient"] for purpose in ("gate", "delivery")}}

    async def send(self, act: object) -> dict[str, object]:
        made = obj(act)
        row = ActRow(
            str(made["id"]),
            self.person,
            str(made["case"]),
            str(made["kind"]),
            base64.b64decode(str(made["signature"])),
            base64.b64decode(str(made["sealed"])),
        )
        assert await self.line.reads.add_act(row)
        await self.line.run()
        handout = await self.line.reads.take_handout(row.id, self.person)
        assert handout is not None
        return obj(self.js("openHandout", b64(handout.sealed), self.key["identity"], row.id))

    async def open(self, grant: GrantRow) -> tuple[dict[str, object], dict[str, object]]:
        """(handout, the case as the page reads it)."""
        stub = self.stub(grant)
        card = obj(self.js("ownCard", stub))
        assert card["person"] == self.person
        to = await self.to(str(stub["card"]), str(stub["line"]))
        handed = await self.send(self.js("openAct", self.key, stub, secrets.token_hex(16), self.line.clock.now, to["gate"]))
        assert handed["result"] == "opened", handed
        bundle = raw(base64.b64decode(str(handed["key_file"])))
        identity = self.js("openKeyFile", bundle, self.key["identity"], grant.case_id, grant.epoch)
        rows = await self.line.reads.envelopes(grant.case_id, [grant.epoch], (Part.MESSAGE, Part.CONTACT))
        listed = [{"epoch": e.epoch, "seq": e.seq, "part": e.part.value, "sha256": e.sha256, "sealed": b64(e.sealed)} for e in rows]
        return handed, obj(self.js("readCase", listed, grant.case_id, {"$map": [[grant.epoch, identity]]}, {"$map": []}))

    async def say(self, function: str, grant: GrantRow, *more: object, first: tuple[object, ...] = ()) -> dict[str, object]:
        """`function`: one of statements.js about a case."""
        stub = self.stub(grant)
        to = await self.to(str(stub["card"]), str(stub["line"]))
        return await self.send(self.js(function, self.key, *first, stub, to, secrets.token_hex(16), self.line.clock.now, *more))


async def next_reader(js: Js, line: TestLine, case_id: str) -> tuple[AtDesk, GrantRow]:
    (grant,) = await offered(line, case_id)
    return AtDesk(js, line, str(grant.person_id)), grant


async def test_what_readers_say_in_turn_is_done(js: Js, tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        case_id, _ = await sealed(line, "Peñalta: ayuda, mi hermana está encerrada, la policía lo sabe.")
        first, grant = await next_reader(js, line, case_id)
        handed, found = await first.open(grant)
        assert "proposed" not in handed
        assert found["problems"] == []
        said = {"ending": "unfounded", "contact": found["contact"]}
        assert (await first.say("closeAct", grant, said))["result"] == "done"

        await line.later(6)
        second, grant = await next_reader(js, line, case_id)
        handed, _ = await second.open(grant)
        assert handed["proposed"] == "unfounded"
        assert (await second.say("actOnCase", grant, first=("disagree",)))["result"] == "done"
        assert (await second.say("actOnCase", grant, first=("give_up",)))["result"] == "done"

        await line.later(6)
        third, grant = await next_reader(js, line, case_id)
        assert (await third.say("tieAct", grant, "My cousin keeps the house. ابن عمي"))["result"] == "done"

        # Somebody to whom no case was ever offered.
        taken = {first.person, second.person, third.person}
        fourth = AtDesk(js, line, next(person for person in line.cards if person not in taken))
        me = await fourth.send({"id": "e" * 32, "case": "", "kind": "me", "signature": b64(bytes(64)), "sealed": ""})
        assert obj(js("ownCard", me))["person"] == fourth.person
        to = await fourth.to(str(me["card"]), str(me["line"]))
        weekly = obj(obj(js("weekly", "Asia/Manila", [{"from": "22:00", "until": "06:00"}, *[None] * 6]))["bytes"])
        at = line.clock.now
        assert (await fourth.send(js("dutyAct", fourth.key, to, "f" * 32, at, weekly)))["result"] == "done"
        again = await fourth.send({"id": "d" * 32, "case": "", "kind": "me", "signature": b64(bytes(64)), "sealed": ""})
        assert json.loads(str(again["duty"]))["mon"] == ["22:00-24:00"]
        assert obj(js("readWeekly", again["duty"]))["zone"] == "Asia/Manila"
        assert (await fourth.send(js("pushAct", fourth.key, to, "b" * 32, at, {"channel": "sms", "address": ""})))["result"] == "done"
        assert (await fourth.send(js("pressuredAct", fourth.key, to, "a" * 32, at)))["result"] == "done"

        states = {g.person_id: g.state for g in await line.grants(case_id) if g.person_id is not None}
        assert [states[one.person] for one in (first, second, third)] == [GrantState.DONE, GrantState.GIVEN_UP, GrantState.STRUCK]
        kinds = [entry.kind for entry in await line.leaves()]
        signed = (EntryKind.CLOSE, EntryKind.DISAGREE, EntryKind.GIVE_UP, EntryKind.TIE, EntryKind.DUTY, EntryKind.PUSH, EntryKind.SUSPEND)
        assert [kinds.count(kind) for kind in signed] == [1] * len(signed)
        async with line.store.begin() as tx:
            case = await tx.lock_case(case_id)
        assert case is not None
        assert case.state is CaseState.OPEN
