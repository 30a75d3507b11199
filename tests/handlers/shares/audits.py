"""Two auditors and the trustees, on a whole line: each step of theirs."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from handlers.requests import Result
from routing.people import Role
from sealing import age, disclosing
from sealing.card import parse_signed_card
from sealing.case import sha256
from sealing.custody import EntryKind
from sealing.disclosing import Disclosed
from sealing.rows import Purpose, ShareRow
from sealing.shares import CODES
from tests.handlers.test_line_escrow import FREE, enrol_trustee, say
from tests.handlers.test_line_reading import sealed_case
from tests.line import TestLine


async def enrol_auditor(line: TestLine, agency: str, **more: Any) -> str:
    return await enrol_trustee(line, agency, role=Role.AUDITOR, **more)


async def audited(line: TestLine, trustees: int = 2) -> tuple[str, str, str]:
    """(case, an auditor, one of another agency); the trustees hold shares."""
    for n in range(trustees):
        await enrol_trustee(line, FREE[n % len(FREE)])
    first, second = await enrol_auditor(line, "liaison-nl"), await enrol_auditor(line, "ngo-faro")
    return await sealed_case(line), first, second


async def ask(line: TestLine, person: str, case_id: str) -> dict[str, object]:
    return await say(line, person, case_id, EntryKind.AUDIT, sha256(str(datetime.now(UTC)).encode()))


async def both_ask(line: TestLine, case_id: str, *auditors: str) -> None:
    for person in auditors:
        told = await ask(line, person, case_id)
        assert told["result"] == Result.DONE, told


async def of_codes(line: TestLine, case_id: str) -> list[ShareRow]:
    async with line.store.begin() as tx:
        return [share for share in await tx.shares(case_id) if share.epoch == CODES]


async def allow(line: TestLine, share: ShareRow, person: str | None = None) -> dict[str, object]:
    return await say(line, person or share.person_id, share.case_id, EntryKind.ALLOW, sha256(share.sealed))


def sealed_to_both(line: TestLine, share: ShareRow, handed: Mapping[str, object]) -> Disclosed:
    """What the trustee's device makes of the handout."""
    cards = [parse_signed_card(card.encode()) for card, _ in json.loads(str(handed["auditors"]))]
    people = {line.card_of(person): card.age_recipient for person, card in line.cards.items()}
    own = base64.b64decode(str(handed["key_file"]))
    two = {card.fingerprint(): people[card.fingerprint()] for card in cards}
    return disclosing.for_auditors(own, line.person_keys[share.person_id].identity, share.case_id, two)


async def send(line: TestLine, person: str, case_id: str, made: Disclosed) -> dict[str, object]:
    content = age.seal(disclosing.disclose(made), line.keys.recipient(Purpose.GATE)[1])
    return await say(line, person, case_id, EntryKind.DISCLOSE, sha256(content), content)


async def disclose(line: TestLine, share: ShareRow) -> dict[str, object]:
    """The whole way of one trustee."""
    handed = await allow(line, share)
    assert handed["result"] == Result.DONE, handed
    return await send(line, share.person_id, share.case_id, sealed_to_both(line, share, handed))


async def give_enough(line: TestLine, case_id: str, most: int = 2) -> None:
    for share in (await of_codes(line, case_id))[:most]:
        assert (await disclose(line, share))["result"] == Result.DONE


async def read(line: TestLine, case_id: str, reader: str, other: str) -> Mapping[str, Sequence[str]]:
    """What `reader` reads with what `other` hands to him."""
    handed = disclosing.handover(case_id, outer(await ask(line, other, case_id)), line.person_keys[other].identity)
    note = base64.b64decode(str((await ask(line, reader, case_id))["note"]))
    return disclosing.open_codes(note, case_id, disclosing.read_handover(handed)[1], line.person_keys[reader].identity)


def outer(told: Mapping[str, object]) -> list[bytes]:
    return [base64.b64decode(share) for share in json.loads(str(told["shares"]))]


async def kinds(line: TestLine, case_id: str) -> list[tuple[EntryKind, str]]:
    wanted = {EntryKind.AUDIT, EntryKind.ALLOW, EntryKind.DISCLOSE}
    return [(entry.kind, entry.card) for entry in await line.leaves() if entry.case == case_id and entry.kind in wanted]
