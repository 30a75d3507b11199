"""Closing a case, and looking a second time, as the desks do it; what the worker keeps of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from handlers.closing import COIN, needs_second
from handlers.intake import Acceptor
from handlers.outcomes import Outcomes, Proposal
from handlers.requests import Result
from routing.gate import GateFile, Sla
from sealing import age, said, shares
from sealing.case import sha256
from sealing.custody import EntryKind
from sealing.rows import CaseRow, CaseState, GrantState, Purpose, TaskKind
from sealing.said import Ending, Outcome
from tests.handlers.test_line_reading import PHONE, sealed_case
from tests.line import TestLine
from triage.tip import Child

PLAIN = "Hombres adultos trabajan sin pago en la cantera de Peñalta, el capataz les quita el pasaporte"
DANGER = "Ayúdenme, estoy encerrada en una casa en Peñalta, me van a matar"
QUESTION = "Le sirvio de algo"


async def act_on(
    line: TestLine, person: str, kind: EntryKind, case_id: str, content: bytes | None, hash_: str, seed_of: str = "", act: str = ""
) -> dict[str, object]:
    return await line.post(person, line.entry(person, case_id, kind, hash_), content, act=act, seed_of=seed_of)


async def close(line: TestLine, case_id: str, person: str, ending: Ending = Ending.REFERRED, **changed: Any) -> dict[str, object]:
    """As the desk does, with the newest contact that any key of the person opens. `changed`: fields of the outcome."""
    contact = await newest_contact(line, case_id, person)
    outcome = replace(Outcome(case_id, ending, *contact), **changed)
    content = age.seal(said.outcome(outcome), line.keys.recipient(Purpose.GATE)[1])
    return await act_on(line, person, EntryKind.CLOSE, case_id, content, sha256(content))


async def newest_contact(line: TestLine, case_id: str, person: str) -> tuple[str, bytes]:
    """(hash, inner); empty where there is none. What his desk reads with the keys that he was handed."""
    held = [line.keys.peel(g.key_file) for g in await line.grants(case_id) if g.person_id == person and g.state is GrantState.OPEN]
    identities = [shares.open_key(key, line.person_keys[person].identity)[2] for key in held]
    parts = [part for identity in identities for part in await line.read(case_id, identity) if part["kind"] == "contact"]
    if not parts:
        return "", b""
    newest = max(parts, key=lambda part: int(str(part["seq"])))
    return str(newest["sha256"]), base64.b64decode(str(newest["inner"]))


async def decide(line: TestLine, case_id: str, person: str, kind: EntryKind, **changed: str) -> dict[str, object]:
    """`concur` or `disagree`."""
    grant = next(g for g in await line.grants(case_id) if g.person_id == person)
    return await act_on(line, person, kind, case_id, None, line.keys.inner_hash(grant.key_file), **changed)


async def case_of(line: TestLine, case_id: str) -> CaseRow:
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
    assert case is not None
    return case


async def state_of(line: TestLine, case_id: str) -> CaseState:
    return (await case_of(line, case_id)).state


async def proposals(line: TestLine, case_id: str) -> list[Proposal]:
    async with line.store.begin() as tx:
        return list(await Outcomes(line.keys).of(tx, case_id))


async def kinds(line: TestLine, case_id: str) -> list[str]:
    return [entry.kind.value for entry in await line.leaves() if entry.case == case_id]


async def closed_by_coin(line: TestLine, phone: str = PHONE, *, looked_at: bool = False) -> tuple[str, str]:
    """A plain case whose coin asks, or asks not, for a second look; its reader has it open. (case, reader)"""
    line.acceptor = Acceptor(line.acceptor.intake, line.acceptor.keys, line.clock, Chosen(line, looked_at=looked_at))
    case_id = await sealed_case(line, PLAIN, phone)
    reader, _ = await line.open_first(case_id)
    return case_id, reader


class Chosen:
    """handlers.ports.Entropy whose 16 bytes make a case id with the coin that a test needs."""

    def __init__(self, line: TestLine, *, looked_at: bool) -> None:
        self._line, self._looked_at, self._drawn = line, looked_at, 0

    def draw(self, n: int) -> bytes:
        while True:
            self._drawn += 1
            drawn = hashlib.shake_256(f"{self._line.clock.now} {self._drawn}".encode()).digest(n)
            if n != 16 or needs_second(gate_of(), Ending.REFERRED, (), self._line.keys.coins(f"{drawn.hex()}/{COIN}")) is self._looked_at:
                return drawn


async def second_look(line: TestLine, text: str = DANGER, phone: str = PHONE) -> tuple[str, str, str]:
    """(case, first, second): proposed, offered in the next slot and opened."""
    case_id = await sealed_case(line, text, phone)
    first, _ = await line.open_first(case_id)
    assert (await close(line, case_id, first))["result"] == Result.DONE
    await line.later(6)
    second, _ = await line.open_first(case_id)
    return case_id, first, second


def letters_to_vetters(line: TestLine) -> dict[str, str]:
    """From here on every vetter gets letters: fingerprint -> identity."""
    made = {name: age.generate() for name in line.vetters.keys}
    recipients = line.vetters.recipients
    assert isinstance(recipients, dict)
    recipients.update({name: recipient for name, (_, recipient) in made.items()})
    return {name: identity for name, (identity, _) in made.items()}


async def read_letters(line: TestLine, vetters: Mapping[str, str]) -> list[tuple[str, str]]:
    async with line.store.begin() as tx:
        found = [(row.sealed, identity) for name, identity in vetters.items() for row in await tx.letters(name)]
    read = [said.read_letter(age.unseal(sealed, identity)) for sealed, identity in found]
    return [(letter.code, letter.case) for letter in read]


def gate_of(**facts: Any) -> GateFile:
    """Of a case that nothing but its coin makes looked at."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    plain: dict[str, Any] = {
        "case": "0" * 32, "epoch": 1, "recipient": "", "sealed_at": at, "received": at, "sla": Sla.NORMAL, "agencies": (), "kinds": (),
        "regions": (), "place_known": True, "child": Child.UNKNOWN, "could_involve_child": False, "asks_help": False, "excluded": (),
        "order": (), "pool": 9, "chances": {}, "flags": (),
    }  # fmt: skip
    return GateFile(**plain | facts)


async def purge_now(line: TestLine, case_id: str) -> None:
    """Its task falls due, whoever wrote it."""
    async with line.store.begin() as tx:
        await tx.enqueue(TaskKind.PURGE, case_id, line.clock.now)
    await line.run()
