"""Acts about what is somebody else's, well signed, past the web process: every kind that the line judges is refused and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import Table, select

from desk.api import KINDS, OF_HIMSELF
from handlers.acts import ANSWER, Acts
from handlers.requests import Refusal
from handlers.succession import read_gate
from routing.cards import card_bytes
from sealing import age, custody, plaintexts, signing
from sealing.card import SignedCard
from sealing.case import sha256
from sealing.custody import ACTOR_USE, Entry, EntryKind
from sealing.rows import GrantRow, GrantState, Purpose, TaskKind
from sealing.said import Ending, Outcome, Push, Tie, Told, outcome, push, tie, told
from sealing.signing import Use
from storage import tables
from tests.begun import world_cards
from tests.line import TestLine, fresh_line
from triage.sensitive import Sensitive

pytestmark = pytest.mark.asyncio
URGENT = "They hold my sister in a house near the harbour of Puerto Azul and will kill her tonight. Help us."
WATCHED = (
    tables.case,
    tables.grant,
    tables.share,
    tables.envelope,
    tables.custody,
    tables.person,
    tables.push,
    tables.outcome,
    tables.lesson,
    tables.letter,
)
WEEK = b'{"v":1,"kind":"duty","zone":"UTC","mon":["08:00-17:00"],"tue":[],"wed":[],"thu":[],"fri":[],"sat":[],"sun":[]}'
ENTRY = {"pressured": EntryKind.SUSPEND}
FEW = frozenset(sorted(world_cards()[0])[::4])
"""Of the practice world, for speed."""
UNSIGNED = {"me", "agencies"}
"""Tells a person about himself, or of the line's own file, sealed to him; nothing is signed, nothing is written."""


def kinds(line: TestLine) -> frozenset[str]:
    """Every kind that the real workshop judges."""
    acts = getattr(line.handlers[TaskKind.ACT], "__self__", None)
    assert isinstance(acts, Acts)
    return frozenset({*acts.judges, ANSWER})


def said(kind: str, person: str, case: str) -> bytes | None:
    """What stands behind the entry, as it would have to be."""
    behind = {
        "tie": tie(Tie(person, Sensitive("My cousin works there."))),
        "close": outcome(Outcome(case, Ending.UNFOUNDED)),
        "told": told(Told(case, "", "police", 20_000)),
        "duty": WEEK,
        "push": push(Push(person, "sms", Sensitive(""))),
        "reseal": b"{}",
    }
    return behind.get(kind)


async def does(
    line: TestLine, kind: str, person: str, case: str, names: str, signer: str | None = None, of: str | None = None
) -> Mapping[str, object]:
    """The act `kind` of this person. `names`: what its entry names where nothing stands behind it. `signer`: who signs; `of`: whom it is
    about, both himself if not said."""
    gate, delivery = (line.keys.recipient(purpose)[1] for purpose in (Purpose.GATE, Purpose.DELIVERY))
    seed = line.person_keys[signer or person].sign_seed
    card = SignedCard(card_bytes(line.cards[of or person])).fingerprint()
    if kind == ANSWER:
        text = {"kind": "answer", "case": case, "epoch": 1, "sequence": 1, "contact": names, "inner": "", "text": "Hello."}
        plaintext = age.padded_json({"v": 1, **text})
        return await line.act(person, case, kind, signing.sign(seed, Use.ANSWER, plaintext), age.seal(plaintext, delivery))
    behind = said(kind, of or person, case)
    content = None if behind is None else age.seal(behind, delivery if kind == "push" else gate)
    entry = ENTRY.get(kind) or EntryKind(kind)
    body = Entry(line.clock.now // 3_600_000, entry, case, names if content is None else sha256(content), card).body()
    return await line.act(person, case, kind, signing.sign(seed, ACTOR_USE[entry], body), age.seal(plaintexts.act(body, content), gate))


async def everything(line: TestLine) -> dict[str, set[tuple[object, ...]]]:
    async def rows(table: Table) -> set[tuple[object, ...]]:
        async with line.database.begin(reading=True) as transaction:
            return {tuple(row) for row in await transaction.run(select(table))}

    return {table.name: await rows(table) for table in WATCHED}


async def opened(line: TestLine) -> tuple[str, GrantRow]:
    """(who has opened a case, his grant)."""
    await line.write("+9990000001", URGENT)
    await line.later(60)
    await line.later(5)
    [case] = await line.cases()
    reader, _ = await line.open_first(case)
    [grant] = [grant for grant in await line.grants(case) if grant.state is GrantState.OPEN]
    return reader, grant


async def test_every_kind_that_a_desk_takes_is_judged_by_one_who_asks_whose_it_is(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        assert kinds(line) == KINDS
        reader, grant = await opened(line)
        key = line.keys.inner_hash(grant.key_file)
        async with line.store.begin() as tx:
            case = await tx.case(grant.case_id)
        assert case is not None
        order = [seat.person for seat in read_gate(line.keys, case).order]
        outsider = next(person for person in sorted(line.cards) if person not in order)
        strangers = [outsider, next(person for person in order if person != reader)]  # one who will be offered it, later perhaps
        before = await everything(line)
        for kind in sorted(KINDS - UNSIGNED):
            for stranger in strangers:
                answered = await does(line, kind, stranger, grant.case_id, key)
                assert (answered["result"], answered["key_file"]) == ("refused", None), kind
                assert answered["code"] in {Refusal.NOT_YOURS, Refusal.GATE, Refusal.STALE, Refusal.UNREADABLE}, kind
            lent = await does(line, kind, strangers[0], grant.case_id, key, signer=reader, of=reader)
            assert lent["result"] == "refused", f"{kind}: the reader's own act, in another's name"
            forged = await does(line, kind, reader, grant.case_id, key, signer=strangers[0])
            assert (forged["result"], forged["code"]) == ("refused", Refusal.BAD_SIGNATURE), kind
        for kind in sorted(OF_HIMSELF - UNSIGNED):
            lent = await does(line, kind, strangers[0], "", key, signer=reader, of=reader)
            assert lent["result"] == "refused", kind
        assert await everything(line) == before


async def test_what_the_line_tells_of_somebody_is_told_to_him_alone(tmp_path: Path) -> None:
    """The one act without a signature: whoever sends it in another's name has it sealed to that other."""
    async with fresh_line(tmp_path, people=FEW) as line:
        ana, bela = sorted(line.cards)[:2]
        before = await everything(line)
        heard = {person: await line.act(person, "", "me", bytes(64), b"") for person in (ana, bela)}
        for person, answered in heard.items():
            assert answered["own"] == card_bytes(line.cards[person]).decode()
            assert answered["card"] == SignedCard(card_bytes(line.cards[person])).fingerprint()
        assert heard[ana]["line"] == heard[bela]["line"] == signing.public_of(line.keys.custody_seed)
        refused = await line.act(ana, "ab" * 16, "me", bytes(64), b"")
        assert (refused["result"], "own" in refused) == ("refused", False)
        assert await everything(line) == before


@pytest.mark.claim("T53")
async def test_who_is_suspended_gets_no_key_by_any_act(tmp_path: Path) -> None:
    """His session may have outlived it, and his acts may have waited."""
    async with fresh_line(tmp_path, people=FEW) as line:
        reader, grant = await opened(line)
        key, seed = line.keys.inner_hash(grant.key_file), line.person_keys[reader].sign_seed
        card = SignedCard(card_bytes(line.cards[reader])).fingerprint()
        body = Entry(line.clock.now // 3_600_000, EntryKind.SUSPEND, "", card, card).body()
        async with line.store.begin() as tx:
            await tx.log(custody.leaf(body, signing.public_of(seed), signing.sign(seed, Use.SUSPEND, body)))
        for kind in sorted(KINDS - {"give_up", "tie", "pressured"}):  # these take away, and give nothing
            if kind in OF_HIMSELF:
                answered = await (line.act(reader, "", kind, bytes(64), b"") if kind in UNSIGNED else does(line, kind, reader, "", key))
            else:
                answered = await does(line, kind, reader, grant.case_id, key)
            assert (answered["result"], answered["key_file"]) == ("refused", None), kind
