"""`tipline routing explain`: the draw of a case, drawn again before an auditor's eyes; and what it tells nobody."""

from __future__ import annotations

import asyncio
import io
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import update
from typer.testing import CliRunner, Result

from bot import explaining
from bot.__main__ import PLAIN, app
from bot.explaining import Explained, ExplainError, Follows, Known, explain
from bot.explaining_shown import MOST_SHOWN, plain, show, sound
from handlers.parts import worker_leaf
from handlers.ports import Tx
from routing.gate import GateFile, append_seat
from routing.gate_bytes import gate_bytes
from routing.people import Code, Flag, Role
from sealing import custody, signing
from sealing.case import sha256
from sealing.custody import Entry, EntryKind, holds, read_leaf
from sealing.keyring import WorkerKeys
from sealing.rows import CaseRow, CaseState, GrantState
from storage import tables
from storage.engine import open_database
from storage.store import SqlStore
from tests.attacks.acts import TIP, grant_in, offered_case, on_grant, opened_case
from tests.handlers.test_line_escrow import enrol_trustee, gate_of
from tests.line import TestLine, fresh_line

pytestmark = pytest.mark.enable_socket

WIDE = 80


async def told_of(line: TestLine, case_id: str) -> Explained:
    return await explain(line.store, line.keys, line.clock, case_id)


def text_of(told: Explained, *, everybody: bool = False) -> str:
    out = Console(file=io.StringIO(), width=WIDE, highlight=False)
    show(told, out, everybody=everybody)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


async def put(line: TestLine, case_id: str, **values: object) -> None:
    async with line.database.begin() as transaction:
        await transaction.run(update(tables.case).where(tables.case.c.id == case_id).values(values))


async def reseal(line: TestLine, gate: GateFile) -> None:
    """Whoever has the worker's keys writes another gate file."""
    await put(line, gate.case, gate=line.keys.seal_gate(gate.case, gate_bytes(gate)))


@pytest.mark.asyncio
@pytest.mark.claim("T66")
async def test_the_order_is_drawn_again_and_the_look_is_logged(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        case_id, reader, _ = await opened_case(line)
        gate = await gate_of(line, case_id)
        async with line.store.begin() as tx:
            row = await tx.case(case_id)
        before = await line.store.leaves()
        told = await told_of(line, case_id)
        (leaf,) = (await line.store.leaves())[len(before) :]
        async with line.store.begin() as tx:
            assert await tx.case(case_id) == row
    assert row is not None
    assert row.gate is not None
    assert holds(leaf, signing.public_of(line.keys.custody_seed))
    assert read_leaf(leaf)[0] == Entry(line.clock.now // 3_600_000, EntryKind.EXPLAIN, case_id, sha256(row.gate), "")
    assert (told.order_follows, told.leads_follow, told.commitment.holds, told.unchecked) == (Follows.YES, Follows.YES, True, 0)
    assert sound(told)
    assert [place.person for place in told.order] == [seat.person for seat in gate.order]
    assert [place.person for place in told.leads] == [seat.person for seat in gate.leads()]
    day = datetime.fromtimestamp(line.clock.now / 1000, UTC).date().isoformat()
    assert told.order[0].person == reader
    assert [place.became for place in told.order] == [(("opened", day),), (), ()]
    assert all(place.drawn for place in (*told.order, *told.leads))
    assert {one.person: one.chance for one in told.chances} == gate.chances
    assert {one.role for one in told.chances} == {Role.HANDLER, Role.LEAD}
    assert len(told.of(Role.HANDLER)) == told.pool
    assert set(told.barred) == line.cards.keys() - gate.chances.keys()
    assert told.coins == line.keys.coins(case_id).hex()


@pytest.mark.asyncio
@pytest.mark.claim("T66")
async def test_it_names_nobody_and_gives_no_reason(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        told = await told_of(line, await offered_case(line))
        for text in (text_of(told, everybody=True), json.dumps(plain(told))):
            assert all(person in text for person in line.cards), "every person, by id"
            assert not [card.name for card in line.cards.values() if card.name in text]
            words = set(text.replace('"', " ").split())
            assert not words & {code.value for code in Code}
            assert not words & {*line.atlas.regions, *line.atlas.agencies, *TIP.split()}
        assert max(map(len, text_of(told, everybody=True).splitlines())) <= WIDE


@pytest.mark.asyncio
async def test_whoever_could_never_be_drawn_is_not_said_to_be_kept_out(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        officers = {await enrol_trustee(line), await enrol_trustee(line, role=Role.AUDITOR)}
        told = await told_of(line, await offered_case(line))
        assert told.barred
        assert officers.isdisjoint(told.barred)


@pytest.mark.asyncio
async def test_who_writes_does_not_wait_for_the_reading_and_a_leaf_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of years is long, and the worker, another process, takes and offers meanwhile."""
    read, everybody = list[bytes](), explaining._everybody

    def counted(leaf: bytes) -> tuple[Entry, bytes, str, bytes]:
        read.append(leaf)
        return read_leaf(leaf)

    async with fresh_line(tmp_path) as line:
        case_id, _, _ = await opened_case(line)

        async def meanwhile(tx: Tx, keys: WorkerKeys) -> dict[str, Known]:
            async with open_database(f"sqlite:///{tmp_path}/line.db") as worker, SqlStore(worker).begin() as writing:
                await writing.log(worker_leaf(line.keys, Entry(0, EntryKind.OFFER, case_id, "0" * 64, "")))
            return await everybody(tx, keys)

        monkeypatch.setattr(explaining, "_everybody", meanwhile)
        monkeypatch.setattr(explaining, "read_leaf", counted)
        told = await told_of(line, case_id)
        last = [read_leaf(leaf)[0].kind for leaf in (await line.store.leaves())[-2:]]
    assert sound(told)
    assert last == [EntryKind.OFFER, EntryKind.EXPLAIN]
    assert len(read) == len(set(read))


@pytest.mark.asyncio
async def test_what_became_of_each_is_what_the_log_says_and_holds(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        case_id, first, _ = await opened_case(line)
        assert (await on_grant(line, await grant_in(line, case_id, GrantState.OPEN), EntryKind.GIVE_UP))["result"] == "done"
        await line.later(6)
        second = (await told_of(line, case_id)).order[1].person
        mine = await grant_in(line, case_id, GrantState.OFFERED)
        body = line.entry(second, case_id, EntryKind.OPEN, line.keys.inner_hash(mine.key_file)).body()
        thief, public = signing.generate()
        forged = custody.leaf(body, public, signing.sign(thief, signing.Use.OPEN, body))
        async with line.store.begin() as tx:
            await tx.log(forged)
        told = await told_of(line, case_id)
    assert told.order[0].person == first
    assert [[what for what, _ in place.became] for place in told.order] == [["opened", "gave it up"], ["offered"], []]
    assert told.unchecked == 1, "an opening that he did not sign"
    assert "Left out: 1 log entry about them" in text_of(told)
    assert sound(told)


@pytest.mark.asyncio
async def test_an_opening_counts_by_the_card_that_was_noted_then(tmp_path: Path) -> None:
    """The roster's card is another one now, or none; without the worker's own note nobody can say who signed."""
    async with fresh_line(tmp_path) as line:
        case_id, reader, _ = await opened_case(line)
        async with line.database.begin() as transaction:
            await transaction.run(update(tables.person).where(tables.person.c.id == reader).values(card=b"nothing"))
        noted = await told_of(line, case_id)
        async with line.database.begin() as transaction:
            await transaction.run(update(tables.outcome).values(sealed=b"nothing"))
        alone = await told_of(line, case_id)
    assert ([what for what, _ in noted.order[0].became], noted.unchecked) == (["opened"], 0)
    assert ([what for what, _ in alone.order[0].became], alone.unchecked) == (["offered"], 1)


@pytest.mark.asyncio
async def test_long_lists_are_cut_and_say_so(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        told = await told_of(line, await offered_case(line))
    handler = told.of(Role.HANDLER)[0]
    crowd = replace(told, chances=(*told.chances, *(replace(handler, person=f"{n:032x}") for n in range(50))), unchecked=2)
    hidden = len(crowd.of(Role.HANDLER)) - MOST_SHOWN
    assert f"and {hidden} more: --all" in text_of(crowd)
    assert all(lead.person in text_of(crowd) for lead in crowd.of(Role.LEAD))
    assert "more: --all" not in text_of(crowd, everybody=True)
    assert "Left out: 2 log entries" in text_of(crowd)
    nobody = replace(told, leads=(), urgent=True)
    assert "no lead was eligible" in text_of(nobody)
    assert "open, urgent" in text_of(replace(nobody, state=CaseState.OPEN))


def favoured(gate: GateFile) -> GateFile:
    """Somebody who was not drawn, in the first one's place."""
    seats = {seat.person for seat in gate.seats}
    other = next(name for name, lot in gate.lots.items() if lot.role is Role.HANDLER and name not in seats)
    first, *rest = gate.order
    return replace(gate, order=(replace(first, person=other), *rest))


def made_surer(gate: GateFile) -> GateFile:
    """The chance of somebody who was not drawn, so that he seems to have been likely."""
    seats = {seat.person for seat in gate.order}
    of_readers = {name: chance for name, chance in gate.chances.items() if gate.lots[name].role is Role.HANDLER}
    lowered = {name: 1e-9 if name in seats else chance for name, chance in of_readers.items()}
    return replace(gate, chances=dict(gate.chances) | lowered)


def made_sure(gate: GateFile) -> GateFile:
    """The chances of those who were drawn, and nobody else's: whatever the coins, they choose them."""
    drawn = {seat.person for seat in gate.order}
    return replace(
        gate,
        chances={name: float(name in drawn) if gate.lots[name].role is Role.HANDLER else chance for name, chance in gate.chances.items()},
    )


@pytest.mark.parametrize("change", [favoured, made_surer, made_sure], ids=["another reader", "other chances", "sure chances"])
@pytest.mark.asyncio
@pytest.mark.claim("T66")
async def test_an_order_that_somebody_chose_does_not_follow(tmp_path: Path, change: Callable[[GateFile], GateFile]) -> None:
    async with fresh_line(tmp_path) as line:
        case_id = await offered_case(line)
        await reseal(line, change(await gate_of(line, case_id)))
        told = await told_of(line, case_id)
    assert (told.order_follows, told.leads_follow) == (Follows.NO, Follows.YES)
    assert not sound(told)
    assert "NO: somebody changed who was drawn" in " ".join(text_of(told).split())


@pytest.mark.asyncio
@pytest.mark.claim("T66")
async def test_coins_of_another_secret_are_no_commitment(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        case_id = await offered_case(line)
        line.keys = replace(line.keys, draw_secret=secrets.token_bytes(32))
        other = await told_of(line, case_id)
        commit = Entry(line.clock.now // 3_600_000, EntryKind.COMMIT, "", line.keys.draw_commitment(), "")
        async with line.store.begin() as tx:
            await tx.log(worker_leaf(line.keys, commit))
        late = await told_of(line, case_id)
        newer = await told_of(line, await offered_case(line))
    assert (other.commitment.logged, other.commitment.others, other.commitment.holds) == (None, 1, False)
    assert "the log has no commitment" in " ".join(text_of(other).split())
    assert (late.commitment.logged, late.commitment.first, late.commitment.holds) == (commit.hour, False, False)
    assert "is not its first entry" in " ".join(text_of(late).split())
    assert not sound(other)
    assert not sound(late)
    assert not newer.commitment.first, "nor for tips that came after it: they may have lain there unsealed"


@pytest.mark.asyncio
async def test_what_was_not_drawn_for_this_case_is_said(tmp_path: Path) -> None:
    """A gate file of before, a shared order, a reader seated by the trustees."""
    async with fresh_line(tmp_path) as line:
        case_id = await offered_case(line)
        gate = await gate_of(line, case_id)
        new = next(
            one.person for one in (await told_of(line, case_id)).of(Role.HANDLER) if one.person not in {s.person for s in gate.order}
        )
        await reseal(line, replace(gate, lots={}))
        before = await told_of(line, case_id)
        await reseal(line, replace(gate, lots={}, flags=(Flag.LINKED,)))
        linked = await told_of(line, case_id)
        await reseal(line, append_seat(gate, new, line.card_of(new)))
        rescued = await told_of(line, case_id)
        await reseal(line, append_seat(replace(gate, lots={}, chances={}, order=(), lead_order=()), new, line.card_of(new)))
        held = await told_of(line, case_id)
    assert (before.order_follows, linked.order_follows) == (Follows.UNKNOWN, Follows.SHARED)
    assert sound(before)
    assert "Nobody was drawn for this tip alone." in text_of(linked)
    assert [place.drawn for place in rescued.order] == [True, True, True, False]
    assert rescued.order_follows is Follows.YES
    assert "seated later, as nobody was left" in text_of(rescued)
    assert "Nobody was drawn" not in text_of(rescued)
    assert (held.order_follows, [place.drawn for place in held.order]) == (Follows.YES, [False])
    assert "Nobody was drawn: the tip was held" in text_of(held)


@pytest.mark.parametrize(
    ("state", "said"), [(CaseState.TALKING, "not sealed yet"), (CaseState.HELD, "on hold"), (CaseState.PURGED, "is deleted")]
)
@pytest.mark.asyncio
async def test_a_case_without_a_gate_file_is_said_to_be_one(tmp_path: Path, state: CaseState, said: str) -> None:
    async with fresh_line(tmp_path) as line:
        case_id = secrets.token_hex(16)
        async with line.store.begin() as tx:
            await tx.add_case(CaseRow(case_id, 20_000, state, False, 1, 0, None, None, None))
        log = await line.store.leaves()
        with pytest.raises(ExplainError, match=said):
            await told_of(line, case_id)
        with pytest.raises(ExplainError, match="no case"):
            await told_of(line, "0" * 32)
        assert await line.store.leaves() == log, "nothing was looked into"


@pytest.mark.asyncio
async def test_a_gate_file_of_another_case_is_refused(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        one, other = await offered_case(line), await offered_case(line)
        async with line.store.begin() as tx:
            row = await tx.case(other)
        assert row is not None
        await put(line, one, gate=row.gate)
        with pytest.raises(ExplainError, match="not this line's"):
            await told_of(line, one)


def invoke(home: Path, *words: str) -> Result:
    gone: dict[str, str | None] = {name: None for name in os.environ if name.startswith("TIPLINE_")}
    env = {**gone, "TIPLINE_HOME": str(home), "TIPLINE_DATABASE_URL": f"sqlite:///{home}/line.db"}
    return CliRunner().invoke(app, ["routing", "explain", *words], env=env)


def test_the_command(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert ExplainError in PLAIN
    assert isinstance(invoke(tmp_path, "0" * 32).exception, ExplainError), "no database, and none is made"
    assert list(tmp_path.iterdir()) == []

    async def made() -> str:
        async with fresh_line(tmp_path) as line:
            return await offered_case(line)

    case_id = asyncio.run(made())
    shown = invoke(tmp_path, case_id)
    assert (shown.exit_code, "Those drawn follow from them  yes" in shown.output) == (0, True), (shown.output, shown.exception)
    found = json.loads(invoke(tmp_path, case_id, "--json").output)
    assert (found["case"], found["sound"], found["order_follows"], len(found["order"])) == (case_id, True, "yes", 3)
    assert isinstance(invoke(tmp_path, "teal heron").exception, ExplainError)
