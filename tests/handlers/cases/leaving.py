"""What the tests of leaving, silence and idleness share: one line for all tests of a file, each with a phone of its own."""

from __future__ import annotations

import itertools
import secrets
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import delete, update

from handlers.enrolment import Enrolment
from handlers.letters import Letters
from sealing import age, custody, said, signing
from sealing.case import sha256
from sealing.custody import Entry, EntryKind
from sealing.rows import HOUR_MS, GrantRow, GrantState, Purpose
from sealing.said import Letter, Tie, read_letter
from sealing.signing import Use
from storage import tables
from tests.handlers.test_line_reading import sealed_case
from tests.line import TestLine
from triage.sensitive import Sensitive

TEXT = "Peñalta: chicas encerradas, la policía lo sabe."  # many of it are no flood
_PHONES = (f"+999 6{n:04}" for n in itertools.count())


async def as_new(line: TestLine) -> None:
    """Today again; and nothing of an earlier test falls due in the next: no task, no conversation, no flood, no sign of life,
    no duty hours, no letters; nobody reads an earlier case, whose last reader could leave it."""
    line.clock.now = int(datetime.now(UTC).timestamp() * 1000)
    line.alarms.clear()
    line.outbox.sent.clear()
    cast("dict[str, str]", line.vetters.recipients).clear()
    async with line.database.begin() as transaction:
        for table in (tables.task, tables.thread, tables.cluster, tables.heartbeat, tables.letter, tables.grant):
            await transaction.run(delete(table))
        await transaction.run(update(tables.person).values(duty=None))


async def sealed(line: TestLine, text: str = TEXT) -> tuple[str, str]:
    """A case that is offered: (case, phone of its source)."""
    phone = next(_PHONES)
    return await sealed_case(line, text, phone), phone


async def opened(line: TestLine, text: str = TEXT) -> tuple[str, str, str, str]:
    """(case, phone, reader, case identity)."""
    case_id, phone = await sealed(line, text)
    return case_id, phone, *(await line.open_first(case_id))


async def say(
    line: TestLine, person: str, kind: EntryKind, case_id: str, named: str, content: bytes | None = None, act: str = ""
) -> dict[str, object]:
    """With `content` the entry names its ciphertext and not `named`."""
    sealed = None if content is None else age.seal(content, line.keys.recipient(Purpose.GATE)[1])
    return await line.post(person, line.entry(person, case_id, kind, named if sealed is None else sha256(sealed)), sealed, act=act)


async def give_up(line: TestLine, case_id: str, person: str) -> dict[str, object]:
    grant = next(g for g in await line.grants(case_id) if g.person_id == person)
    return await say(line, person, EntryKind.GIVE_UP, case_id, line.keys.inner_hash(grant.key_file))


async def add_tie(line: TestLine, case_id: str, person: str, words: str = "My sister works there") -> dict[str, object]:
    return await say(line, person, EntryKind.TIE, case_id, "", said.tie(Tie(person, Sensitive(words))))


async def press(line: TestLine, person: str) -> dict[str, object]:
    return await say(line, person, EntryKind.SUSPEND, "", line.card_of(person), act="pressured")


async def offered(line: TestLine, case_id: str) -> list[GrantRow]:
    """In the order of epochs."""
    return sorted((g for g in await line.grants(case_id) if g.state is GrantState.OFFERED), key=lambda g: g.epoch)


async def offered_to(line: TestLine, case_id: str) -> str:
    (person,) = {str(g.person_id) for g in await offered(line, case_id)}
    return person


async def open_all(line: TestLine, case_id: str) -> tuple[str, list[str]]:
    """Whoever is offered the case opens every epoch of it: (person, what he reads in them)."""
    grants = await offered(line, case_id)
    (person,) = {str(g.person_id) for g in grants}
    identities = [line.case_identity(await line.open(g, person), person) for g in grants]
    return person, [text for one in identities for text in await texts_of(line, case_id, one)]


async def texts_of(line: TestLine, case_id: str, identity: str) -> list[str]:
    return [str(part["text"]) for part in await line.read(case_id, identity) if part["kind"] == "message"]


async def states(line: TestLine, case_id: str, person: str) -> set[GrantState]:
    return {g.state for g in await line.grants(case_id) if g.person_id == person}


async def kinds_of(line: TestLine, case_id: str) -> list[EntryKind]:
    return [entry.kind for entry in await line.leaves() if entry.case == case_id]


def with_letters(line: TestLine, agencies: list[str]) -> dict[str, str]:
    """Vetters of these agencies who take letters, one for each: fingerprint -> age identity. The first two are the line's own."""
    names = [*line.vetters.keys, *(secrets.token_hex(8) for _ in agencies[len(line.vetters.keys) :])]
    identities = {name: age.generate() for name in names}
    cast("dict[str, str]", line.vetters.recipients).update({name: recipient for name, (_, recipient) in identities.items()})
    cast("dict[str, str]", line.vetters.agencies).update(zip(names, agencies, strict=True))
    return {name: identity for name, (identity, _) in identities.items()}


async def letters(line: TestLine, identities: dict[str, str]) -> dict[str, list[Letter]]:
    """Of each vetter, by the fingerprint of his key."""
    found = dict[str, list[Letter]]()
    async with line.store.begin() as tx:
        for name, identity in identities.items():
            found[name] = [read_letter(age.unseal(row.sealed, identity)) for row in await tx.letters(name)]
    return found


async def suspend(line: TestLine, person: str, seed: str) -> None:
    """By one vetter, as `tipline roster load` takes it down."""
    hour, card = line.clock.now // HOUR_MS, line.card_of(person)
    body = Entry(hour, EntryKind.SUSPEND, "", card, card).body()
    leaf = custody.leaf(body, signing.public_of(seed), signing.sign(seed, Use.SUSPEND, body))
    async with line.store.begin() as tx:
        await Enrolment(line.keys, line.vetters, Letters(line.vetters, line.clock, line.watching.letters.entropy)).take(tx, leaf, hour)
