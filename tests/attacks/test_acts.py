"""An act counts for what was signed, by whom, where and when: never twice, never as another, never for somebody else."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from handlers.acts import Acts
from handlers.requests import Refusal, Result
from sealing import age, plaintexts, said, signing
from sealing.case import sha256
from sealing.custody import ACTOR_USE, Entry, EntryKind
from sealing.rows import ActRow, GrantState, Handout, Purpose, TaskKind
from sealing.said import Ending, Outcome, Push, Tie
from sealing.signing import Use
from storage import tables
from tests.attacks.acts import (
    gate_recipient,
    grant_in,
    kinds_of,
    offered_case,
    on_grant,
    opened_case,
    outcome_of,
    renamed,
    saying,
)
from tests.line import TestLine
from triage.sensitive import Sensitive

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.enable_socket, pytest.mark.slow]

ENTRY_OF = {"pressured": EntryKind.SUSPEND}
"""Acts that go by another name than their entry."""
SAYING = ("close", "tie", "told", "duty", "push", "reseal")
UNSIGNED = ("me", "agencies")
"""Ask, and change nothing: the answer is sealed to the card of who asks."""


def judged_kinds(line: TestLine) -> dict[str, EntryKind]:
    """Every kind of act that the worker judges by a signed entry."""
    acts = getattr(line.handlers[TaskKind.ACT], "__self__", None)
    assert isinstance(acts, Acts)
    return {kind: ENTRY_OF.get(kind) or EntryKind(kind) for kind in acts.judges if kind not in UNSIGNED}


async def everything(line: TestLine) -> dict[str, Sequence[object]]:
    """All rows that an act could change."""
    kept: dict[str, Sequence[object]] = {}
    async with line.database.begin(reading=True) as transaction:
        for table in tables.metadata.sorted_tables:
            if table.name not in ("handout", "act", "challenge", "heartbeat"):
                kept[table.name] = sorted(map(repr, (await transaction.run(select(table))).all()))
    return kept


@pytest.mark.claim("T9")
@pytest.mark.claim("T57")
async def test_no_act_passes_as_another_or_with_anything_of_it_changed(line: TestLine) -> None:
    """Of every kind that the worker judges: signed by another, for another use, of another case, card or hour, with another ciphertext
    behind it, or posted as another kind. Nothing is written and nothing handed out."""
    case_id, person, _ = await opened_case(line)
    other = await offered_case(line)
    grant = await grant_in(line, case_id, GrantState.OPEN)
    stranger = next(name for name in line.cards if name != person)
    content = age.seal(said.outcome(Outcome(case_id, Ending.UNFOUNDED)), gate_recipient(line))
    kinds = judged_kinds(line)
    assert {"open", "close", "give_up"} <= kinds.keys()
    before = await everything(line)
    names = list(kinds)
    for place, (name, kind) in enumerate(kinds.items()):
        says = name in SAYING
        named, behind = (sha256(content), content) if says else (line.keys.inner_hash(grant.key_file), None)
        right = line.entry(person, case_id, kind, named)
        tries = [
            line.post(person, right, behind, act=name, seed_of=stranger),
            line.post(person, right, behind, act=name, use=Use.LOGIN if place % 2 else Use.CUSTODY),
            line.post(person, renamed(right, hour=right.hour + (3 if place % 2 else -3)), behind, act=name),
            line.post(person, renamed(right, card=sha256(b"another card")), behind, act=name),
            line.post(person, renamed(right, case=other), behind, act=name),
            line.post(person, renamed(right, sha256=sha256(b"another ciphertext")), content, act=name),
        ]
        tries.append(line.post(person, right, behind, act=names[place - 1]))
        for attempt in tries:
            handed = await attempt
            assert (handed["result"], handed["key_file"]) == ("refused", None), (name, handed)
    assert await everything(line) == before
    assert (await on_grant(line, grant, EntryKind.GIVE_UP))["result"] == "done", "the control: the right act is taken"


async def test_an_act_names_the_case_it_is_posted_for(line: TestLine) -> None:
    """The desk lets a person speak of his own cases alone; an entry for one of them opens no other."""
    case_id, _, _ = await opened_case(line)
    other = await offered_case(line)
    grant = await grant_in(line, other, GrantState.OFFERED)
    reader = str(grant.person_id)
    body = line.entry(reader, other, EntryKind.OPEN, line.keys.inner_hash(grant.key_file)).body()
    signature = signing.sign(line.person_keys[reader].sign_seed, Use.OPEN, body)
    handed = await line.act(reader, case_id, "open", signature, age.seal(body, gate_recipient(line)))
    assert handed["code"] == Refusal.NOT_YOURS
    assert (await line.act(reader, other, "open", signature, age.seal(body, gate_recipient(line))))["result"] == "opened"


class Recorder:
    """A web process that keeps every act that passes through it, and posts it again."""

    def __init__(self, line: TestLine) -> None:
        self.line = line

    async def record(self, person: str, said: Entry, content: bytes | None = None) -> ActRow:
        body = said.body()
        signature = signing.sign(self.line.person_keys[person].sign_seed, ACTOR_USE[said.kind], body)
        sealed = age.seal(plaintexts.act(body, content), gate_recipient(self.line))
        return ActRow("", person, said.case, said.kind.value, signature, sealed)

    async def post(self, kept: ActRow) -> dict[str, object]:
        return await self.line.act(kept.person_id, kept.case_id, kept.kind, kept.signature, kept.sealed)


@pytest.mark.claim("T57")
async def test_an_opening_posted_again_after_he_gave_the_case_up_opens_nothing(line: TestLine) -> None:
    case_id = await offered_case(line)
    grant = await grant_in(line, case_id, GrantState.OFFERED)
    person, web = str(grant.person_id), Recorder(line)
    opened = await web.record(person, line.entry(person, case_id, EntryKind.OPEN, line.keys.inner_hash(grant.key_file)))
    assert (await web.post(opened))["result"] == "opened"
    assert (await on_grant(line, grant, EntryKind.GIVE_UP))["result"] == "done"
    assert (await web.post(opened))["code"] == Refusal.NOT_YOURS
    await line.later(6)
    assert person not in {g.person_id for g in await line.grants(case_id) if g.state in (GrantState.OFFERED, GrantState.OPEN)}


async def test_giving_up_posted_again_does_not_reach_the_next_reader(line: TestLine) -> None:
    case_id, person, _ = await opened_case(line)
    grant, web = await grant_in(line, case_id, GrantState.OPEN), Recorder(line)
    leaves = await web.record(person, line.entry(person, case_id, EntryKind.GIVE_UP, line.keys.inner_hash(grant.key_file)))
    assert (await web.post(leaves))["result"] == "done"
    await line.later(6)
    successor, _ = await line.open_first(case_id)
    count = len(await line.leaves())
    assert (await web.post(leaves))["code"] == Refusal.NOT_YOURS
    stolen = ActRow("", successor, leaves.case_id, leaves.kind, leaves.signature, leaves.sealed)
    assert (await web.post(stolen))["result"] == "refused", "put under the next reader's name"
    assert (await grant_in(line, case_id, GrantState.OPEN)).person_id == successor
    assert len(await line.leaves()) == count


async def test_a_closing_posted_again_after_the_second_disagreed_closes_nothing(line: TestLine) -> None:
    case_id, person, identity = await opened_case(line)
    web = Recorder(line)
    content = age.seal(await outcome_of(line, case_id, identity, Ending.UNFOUNDED), gate_recipient(line))
    closes = await web.record(person, line.entry(person, case_id, EntryKind.CLOSE, sha256(content)), content)
    assert (await web.post(closes))["result"] == "done"
    await line.later(6)
    await line.open_first(case_id)
    second = await grant_in(line, case_id, GrantState.OPEN)
    assert (await on_grant(line, second, EntryKind.DISAGREE))["result"] == "done"
    assert (await web.post(closes))["result"] == "refused"
    assert list(await kinds_of(line, case_id)).count(EntryKind.CLOSE) == 1


async def test_a_forged_outcome_teaches_nothing(line: TestLine) -> None:
    """Somebody else's, the worker's own, of another case in the reader's name, or another ending behind what he signed: no row of
    `outcome`, no entry."""
    case_id, person, identity = await opened_case(line)
    said_so = await outcome_of(line, case_id, identity, Ending.COMPROMISED)
    content = age.seal(said_so, gate_recipient(line))
    foreign = age.seal(said.outcome(Outcome(secrets.token_hex(16), Ending.COMPROMISED)), gate_recipient(line))
    right, before = line.entry(person, case_id, EntryKind.CLOSE, sha256(content)), await everything(line)
    stranger = next(name for name in line.cards if name != person)
    for attempt in (
        line.post(person, right, content, seed_of=stranger),
        line.post(stranger, line.entry(stranger, case_id, EntryKind.CLOSE, sha256(content)), content),
        line.post(person, renamed(right, sha256=sha256(foreign)), foreign),
        line.post(person, right),
        line.post(person, right, age.seal(await outcome_of(line, case_id, identity, Ending.UNFOUNDED), gate_recipient(line))),
    ):
        assert (await attempt)["result"] == "refused"
    body = right.body()
    signed_by_worker = signing.sign(line.keys.custody_seed, Use.CLOSE, body)
    sealed = age.seal(plaintexts.act(body, content), gate_recipient(line))
    assert (await line.act(person, case_id, "close", signed_by_worker, sealed))["code"] == Refusal.BAD_SIGNATURE
    rows = await everything(line)
    assert rows["outcome"] == before["outcome"]
    assert EntryKind.CLOSE not in await kinds_of(line, case_id)
    assert (await saying(line, person, case_id, EntryKind.CLOSE, said_so))["result"] == "done"
    assert len((await everything(line))["outcome"]) == len(before["outcome"]) + 1


async def test_a_tie_is_told_of_oneself_alone(line: TestLine) -> None:
    """Nobody strikes another from a case by a tie in his name."""
    case_id, person, _ = await opened_case(line)
    stranger = next(name for name in line.cards if name != person)
    named = said.tie(Tie(person, Sensitive("He knows them")))
    assert (await saying(line, stranger, case_id, EntryKind.TIE, named))["result"] == "refused"
    about_another = said.tie(Tie(stranger, Sensitive("He knows them")))
    assert (await saying(line, person, case_id, EntryKind.TIE, about_another))["result"] == "refused"
    assert (await grant_in(line, case_id, GrantState.OPEN)).person_id == person
    assert EntryKind.TIE not in await kinds_of(line, case_id)


async def test_what_was_said_is_handed_to_nobody_else(line: TestLine) -> None:
    """A handout is sealed to the key on the card, whoever fetches it."""
    case_id = await offered_case(line)
    grant = await grant_in(line, case_id, GrantState.OFFERED)
    person = str(grant.person_id)
    body = line.entry(person, case_id, EntryKind.OPEN, line.keys.inner_hash(grant.key_file)).body()
    act = ActRow(secrets.token_hex(16), person, case_id, "open", signing.sign(line.person_keys[person].sign_seed, Use.OPEN, body), b"")
    await line.reads.add_act(ActRow(act.id, person, case_id, "open", act.signature, age.seal(body, gate_recipient(line))))
    await line.run()
    stranger = next(name for name in line.cards if name != person)
    assert await line.reads.take_handout(act.id, stranger) is None
    handed = await line.reads.take_handout(act.id, person)
    assert isinstance(handed, Handout)
    with pytest.raises(age.OpenError):
        age.unseal(handed.sealed, line.person_keys[stranger].identity)


async def test_a_number_for_notices_that_was_taken_back_is_not_put_in_again(line: TestLine) -> None:
    """By whoever kept the request: it has no effect, and the answer says no more than the first."""
    (person, *_) = line.cards
    old, none = (age.seal(said.push(Push(person, "sms", Sensitive(n))), line.keys.recipient(Purpose.DELIVERY)[1]) for n in ("", ""))
    first = line.entry(person, "", EntryKind.PUSH, sha256(old))
    assert (await line.post(person, first, old))["result"] == Result.DONE
    assert (await line.post(person, line.entry(person, "", EntryKind.PUSH, sha256(none)), none))["result"] == Result.DONE
    before = await line.leaves()
    assert (await line.post(person, first, old))["result"] == Result.DONE
    assert await line.leaves() == before
