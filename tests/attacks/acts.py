"""What a person's desk, or whoever plays one, sends: signed entries, right ones and wrong ones."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sealing import age, custody, said
from sealing.case import sha256
from sealing.custody import Entry, EntryKind
from sealing.rows import GrantRow, GrantState, Purpose
from sealing.said import Ending, Outcome
from tests.line import TestLine

TIP = "La policía de Peñalta cobra por mujeres"
"""So short that no two of them are alike: each is a case of its own."""


async def offered_case(line: TestLine, phone: str = "") -> str:
    """A new case on this line, offered to the first of its order."""
    known = set(await line.cases())
    await line.write(phone or f"+999 {secrets.randbelow(10**7):07}", TIP)
    await line.later(27)
    await line.later(6)
    (case_id,) = set(await line.cases()) - known
    return case_id


async def opened_case(line: TestLine, phone: str = "") -> tuple[str, str, str]:
    """(case, reader, identity)."""
    case_id = await offered_case(line, phone)
    return case_id, *await line.open_first(case_id)


async def kinds_of(line: TestLine, case_id: str) -> Sequence[EntryKind]:
    """What the log says of this case, in order."""
    entries = [custody.read_leaf(leaf)[0] for leaf in await line.store.leaves()]
    return [found.kind for found in entries if found.case == case_id]


def gate_recipient(line: TestLine) -> str:
    return line.keys.recipient(Purpose.GATE)[1]


async def on_grant(line: TestLine, grant: GrantRow, kind: EntryKind) -> dict[str, object]:
    """An act of the grant's holder that names his key file."""
    person = str(grant.person_id)
    return await line.post(person, line.entry(person, grant.case_id, kind, line.keys.inner_hash(grant.key_file)))


async def saying(line: TestLine, person: str, case_id: str, kind: EntryKind, plaintext: bytes) -> dict[str, object]:
    """An act that says something, sealed to the gate key."""
    content = age.seal(plaintext, gate_recipient(line))
    return await line.post(person, line.entry(person, case_id, kind, sha256(content)), content)


async def grant_in(line: TestLine, case_id: str, *states: GrantState) -> GrantRow:
    """The newest epoch's grant of the case in one of these states."""
    found = [grant for grant in await line.grants(case_id) if grant.state in states]
    return max(found, key=lambda grant: grant.epoch)


def renamed(signed: Entry, **changed: Any) -> Entry:
    return replace(signed, **changed)


async def outcome_of(line: TestLine, case_id: str, identity: str, ending: Ending) -> bytes:
    """As the desk says it: with the newest contact, so that the source can be asked."""
    contact = [part for part in await line.read(case_id, identity) if part["kind"] == "contact"][-1]
    return said.outcome(Outcome(case_id, ending, str(contact["sha256"]), base64.b64decode(str(contact["inner"]))))
