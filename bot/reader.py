"""A reader's side of the desk without a browser, for the demo and the tests: the same routes, signatures and locks as desk/src/open.js."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from sealing import age, disclosing, plaintexts, shares, signing
from sealing.case import sha256
from sealing.custody import ACTOR_USE, Entry, EntryKind
from sealing.keyring import announcement
from sealing.passphrase import PersonKey
from sealing.rows import Purpose
from sealing.signing import Use

WAIT_S = 30.0


class DeskRefused(Exception):
    """The desk said no; `code` is the desk's own, without content."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class OfferedCase:
    """One grant as the desk lists it; `stub` is opened with the reader's key (empty once struck)."""

    grant: str
    case: str
    epoch: int
    state: str
    stub: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AskedShare:
    """One of a trustee's shares, of a case that nobody is left to read, or that auditors ask about (epoch CODES). `sealed`: as the desk
    lists it."""

    case: str
    epoch: int
    sealed: bytes


@dataclass(slots=True)
class Reader:
    """One person at the desk. `client` has the desk's address as its base URL."""

    client: httpx.AsyncClient
    key: PersonKey
    origin: str
    _token: str = ""
    _identities: dict[tuple[str, int], str] = field(default_factory=dict)

    async def login(self) -> None:
        """Raises DeskRefused."""
        made = (await self.client.post("/desk/challenge", json={"person": self.key.person})).json()["challenge"]
        said = {"v": 1, "kind": "login", "origin": self.origin, "person": self.key.person, "challenge": made}
        body = json.dumps(said, separators=(",", ":")).encode()
        signature = signing.sign(self.key.sign_seed, Use.LOGIN, body)
        answer = await self.client.post("/desk/login", json={"body": _b64(body), "signature": _b64(signature)})
        if answer.status_code != 200:
            raise DeskRefused("login")
        self._token = answer.json()["token"]

    async def cases(self) -> list[OfferedCase]:
        rows = await self._listed("cases")
        return [OfferedCase(row["grant"], row["case"], row["epoch"], row["state"], self._stub(row["stub"])) for row in rows]

    async def open(self, offered: OfferedCase) -> str:
        """The signed request; gives back the case identity. Raises DeskRefused."""
        stub = offered.stub
        hour = int(time.time()) // 3600
        body = Entry(hour, EntryKind.OPEN, offered.case, str(stub["key_file_sha256"]), str(stub["card"])).body()
        sealed = age.seal(body, (await self.recipients(await self._line_of(stub)))[Purpose.GATE.value])
        handed = await self._act("open", offered.case, signing.sign(self.key.sign_seed, Use.OPEN, body), sealed)
        case_id, epoch, identity = shares.open_key(base64.b64decode(str(handed["key_file"])), self.key.identity)
        if (case_id, epoch) != (offered.case, offered.epoch):
            raise DeskRefused("another case's key")
        self._identities[case_id, epoch] = identity
        return identity

    async def read(self, case_id: str) -> list[dict[str, object]]:
        """Every part that this reader's keys open, in order, with the `sha256` of its ciphertext. Raises DeskRefused."""
        answer = await self.client.get(f"/desk/cases/{case_id}", headers=self._headers())
        if answer.status_code != 200:
            raise DeskRefused("not yours")
        parts: list[dict[str, object]] = []
        for row in answer.json()["envelopes"]:
            sealed = base64.b64decode(row["sealed"])
            identity = self._identities.get((case_id, row["epoch"]))
            if identity is None or sha256(sealed) != row["sha256"]:
                continue
            parts.append({**age.read_json(age.unseal(sealed, identity), row["part"]), "sha256": row["sha256"]})
        return parts

    async def answer(self, offered: OfferedCase, parts: list[dict[str, object]], text: str) -> None:
        """Raises DeskRefused."""
        contact = [part for part in parts if part["kind"] == "contact"][-1]
        sequence = sum(1 for part in parts if part.get("direction") == "out") + 1
        said = {
            "v": 1,
            "kind": "answer",
            "case": offered.case,
            "epoch": max(epoch for case_id, epoch in self._identities if case_id == offered.case),
            "sequence": sequence,
            "contact": contact["sha256"],
            "inner": contact["inner"],
            "text": text,
        }
        body = age.padded_json(said)
        sealed = age.seal(body, (await self.recipients(await self._line_of(offered.stub)))[Purpose.DELIVERY.value])
        await self._act("answer", offered.case, signing.sign(self.key.sign_seed, Use.ANSWER, body), sealed)

    async def me(self) -> Mapping[str, object]:
        """What the line knows this person by: card (its fingerprint), own (its text), line (the line's key), notices."""
        return await self._act("me", "", bytes(64), b"")

    async def _line_of(self, stub: Mapping[str, object]) -> str:
        """The line's key; a stub of the version before does not name it."""
        return str(stub.get("line") or (await self.me())["line"])

    async def recipients(self, line: str) -> dict[str, str]:
        """Today's recipients by purpose, each signed by the line's key. Raises DeskRefused."""
        answer = await self.client.get("/desk/epochs", headers=self._headers())
        answer.raise_for_status()
        found: dict[str, str] = {}
        for row in answer.json()["epochs"]:
            purpose, number, recipient = Purpose(row["purpose"]), int(row["number"]), str(row["recipient"])
            if not signing.verify(line, Use.EPOCH, announcement(purpose, number, recipient), base64.b64decode(row["signature"])):
                raise DeskRefused("keys that the line did not sign")
            found[purpose.value] = recipient
        if not {Purpose.GATE, Purpose.DELIVERY} <= found.keys():
            raise DeskRefused("it has no keys in use")
        return found

    async def say_of_himself(self, kind: EntryKind, plaintext: bytes, *, to: Purpose = Purpose.GATE) -> Mapping[str, object]:
        """A signed act of no case, such as duty hours. `to`: whom the plaintext is sealed to. Raises DeskRefused."""
        return await self._say(kind, "", plaintext, to)

    async def asked(self) -> list[AskedShare]:
        """What a trustee is asked for."""
        return [AskedShare(row["case"], row["epoch"], base64.b64decode(row["sealed"])) for row in await self._listed("shares")]

    async def approve(self, share: AskedShare) -> tuple[bytes, bytes]:
        """(the share without its outer lock, the signed card of the reader whom it is for). Raises DeskRefused."""
        handed = await self._say(EntryKind.APPROVE, share.case, share.sealed)
        return base64.b64decode(str(handed["key_file"])), str(handed["reader"]).encode()

    async def give(self, made: shares.Resealed) -> None:
        """Raises DeskRefused."""
        await self._say(EntryKind.RESEAL, made.case, shares.reseal(made), Purpose.GATE)

    async def audit(self, case_id: str) -> Mapping[str, object]:
        """An auditor's request for the codes of a case, and what is told of it by now. Raises DeskRefused."""
        return await self._say(EntryKind.AUDIT, case_id, secrets.token_bytes(32))  # no two requests are the same entry

    async def allow(self, share: AskedShare) -> tuple[bytes, str]:
        """(a trustee's share of the codes' key without its outer lock, the auditors' cards and requests). Raises DeskRefused."""
        handed = await self._say(EntryKind.ALLOW, share.case, share.sealed)
        return base64.b64decode(str(handed["key_file"])), str(handed["auditors"])

    async def disclose(self, made: disclosing.Disclosed) -> None:
        """Raises DeskRefused."""
        await self._say(EntryKind.DISCLOSE, made.case, disclosing.disclose(made), Purpose.GATE)

    async def _say(self, kind: EntryKind, case_id: str, said: bytes, to: Purpose | None = None) -> Mapping[str, object]:
        """A signed act. `said`: what its entry names; with `to`, a plaintext that is sealed to that key and goes along."""
        told = await self.me()
        keys = await self.recipients(str(told["line"]))
        content = None if to is None else age.seal(said, keys[to.value])
        body = Entry(int(time.time()) // 3600, kind, case_id, sha256(content or said), str(told["card"])).body()
        sealed = age.seal(plaintexts.act(body, content), keys[Purpose.GATE.value])
        return await self._act(kind.value, case_id, signing.sign(self.key.sign_seed, ACTOR_USE[kind], body), sealed)

    async def _listed(self, name: str) -> list[Mapping[str, Any]]:
        """The rows of all pages of the list. Raises httpx.HTTPStatusError."""
        found: list[Mapping[str, Any]] = []
        for page in count(1):
            answer = await self.client.get("/desk/cases", params={"page": page}, headers=self._headers())
            answer.raise_for_status()
            told = answer.json()
            found += told[name]
            if not told["more"]:
                break
        return found

    async def _act(self, kind: str, case_id: str, signature: bytes, sealed: bytes) -> Mapping[str, object]:
        act = secrets.token_hex(16)
        sent = {"id": act, "case": case_id, "kind": kind, "signature": _b64(signature), "sealed": _b64(sealed)}
        posted = await self.client.post("/desk/acts", json=sent, headers=self._headers())
        if posted.status_code != 202:
            raise DeskRefused("not yours")
        async with asyncio.timeout(WAIT_S):
            while True:
                answer = await self.client.get(f"/desk/acts/{act}", headers=self._headers())
                if answer.status_code == 200:
                    break
                if answer.status_code != 202:
                    raise DeskRefused("no answer will come")
                await asyncio.sleep(0.1)
        handed = age.read_json(age.unseal(base64.b64decode(answer.json()["sealed"]), self.key.identity), "handout")
        if handed["result"] == "refused":
            raise DeskRefused(str(handed["code"]))
        return handed

    def _stub(self, sealed: str) -> Mapping[str, object]:
        return age.read_json(age.unseal(base64.b64decode(sealed), self.key.identity), "stub") if sealed else {}

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
