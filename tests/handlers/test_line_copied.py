"""Who once copied what many sent, and then tells something himself: his own words say who may not read it, and no stranger's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given

from handlers import pipeline
from handlers.copied import copied, from_json, to_json, with_copied
from handlers.thread import read_thread
from handlers.voices import read_voices
from routing.draw import choose
from routing.exclusion import exclusions
from routing.learning import nothing_known
from routing.people import Code, Hold, Kin, Roster, TipFacts
from sealing.age import OpenError
from sealing.rows import TaskKind, ThreadRow
from storage import tables
from tests.handlers.crowds import flood, the_item
from tests.handlers.held.holding import FIVE, LOCAL, enrol
from tests.handlers.test_line_escrow import gate_of
from tests.line import CHANNEL, TestLine, fresh_line
from tests.routing.world import FAR, NOW, ODD_TIPS, line, person
from triage.sensitive import Sensitive
from triage.tip import AgencyKind, Child, Control, Inbound

VIRAL = (
    "Compartan este mensaje con toda la familia porque en nuestro barrio hay una casa grande con rejas verdes donde encierran a "
    "mujeres que llegaron buscando trabajo y no las dejan salir ni hablar con nadie y por la noche llegan carros con vidrios "
    "oscuros y se escucha llorar y nadie hace nada por ellas aunque todos lo sabemos desde hace meses y ya es hora de que alguien "
    "venga y mire lo que pasa adentro de esa casa antes de que sea demasiado tarde para ellas que tienen madre y hermanas "
    "esperando en su pueblo una llamada que no llega"
)
OWN = "Me tienen encerrada en una casa en Puerto Claro, ayúdenme por favor"
PHONE = "+999 100 0900"


@pytest_asyncio.fixture
async def crowded(tmp_path: Path) -> AsyncIterator[TestLine]:
    async with fresh_line(tmp_path, people=LOCAL) as made:
        yield made


async def forwarded(line: TestLine, named: int | None = None) -> list[str]:
    """Twenty readers' ids, once a source has sent on what five others sent, with the name of one of them; it is sealed."""
    readers = await enrol(line, FIVE, 20, child_clearance=True)
    await flood(line, range(5), VIRAL + " ({})")
    await line.write(PHONE, VIRAL if named is None else f"{VIRAL} {line.cards[readers[named]].name}")
    await line.later(61)
    return readers


async def own_case(line: TestLine) -> str:
    """Of somebody whose copy was sealed, once he has told something himself."""
    await line.write(PHONE, "1")
    await line.later(61)
    known = set(await line.cases())
    await line.write(PHONE, OWN)
    (own,) = set(await line.cases()) - known
    await line.later(61)
    return own


@pytest.mark.enable_socket
@pytest.mark.asyncio
@pytest.mark.claim("T35")
async def test_copies_that_name_the_honest_take_nobody_from_another_phones_own_tip(crowded: TestLine) -> None:
    """Ten phones copy a text that an honest source forwarded, each with two other readers in it, until a friend alone is left."""
    *honest, friend = [crowded.cards[reader] for reader in await forwarded(crowded)]
    for n in range(0, len(honest), 2):
        await crowded.write(f"+999 200 {n:04}", f"{VIRAL} {' y '.join(card.name for card in honest[n : n + 2])}")
    await crowded.later(61)
    assert {card.person for card in honest} <= set((await gate_of(crowded, await the_item(crowded))).excluded)
    gate = await gate_of(crowded, await own_case(crowded))
    assert (gate.pool, gate.flags) == (20, ())
    assert gate.chances[friend.person] <= 0.2


@pytest.mark.enable_socket
@pytest.mark.asyncio
@pytest.mark.claim("T35")
async def test_whom_he_named_in_his_copy_does_not_read_his_own_tip(crowded: TestLine) -> None:
    readers = await forwarded(crowded, named=3)
    gate = await gate_of(crowded, await own_case(crowded))
    assert gate.pool == 19
    assert readers[3] in gate.excluded


async def threads_of(line: TestLine, case_id: str) -> list[ThreadRow]:
    async with line.database.begin(reading=True) as transaction:
        columns = [tables.thread.c[name] for name in ThreadRow.__slots__]
        rows = await transaction.run(tables.thread.select().with_only_columns(*columns).where(tables.thread.c.case_id == case_id))
        return [ThreadRow(*row) for row in rows]


@pytest.mark.enable_socket
@pytest.mark.asyncio
async def test_what_each_copied_is_kept_with_him_and_has_no_name_in_it(crowded: TestLine) -> None:
    readers = await enrol(crowded, FIVE, 20, child_clearance=True)
    named = crowded.cards[readers[3]]
    await flood(crowded, range(6), f"{VIRAL} {named.name} ({{}})")
    await crowded.later(61)
    rows = await threads_of(crowded, await the_item(crowded))
    kept = [read_thread(crowded.keys, row).copied for row in rows]
    assert [None if facts is None else list(facts.kept_from) for facts in kept] == [[named.person]] * 2
    assert named.name not in repr(kept)


@pytest.mark.enable_socket
@pytest.mark.asyncio
async def test_who_asks_to_be_let_go_while_his_crowd_is_sealed_leaves_nothing(crowded: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    await enrol(crowded, FIVE, 8, child_clearance=True)
    await flood(crowded, range(5), VIRAL + " ({})")
    await crowded.write(PHONE, VIRAL)

    async def meanwhile(*given: Any) -> Any:
        monkeypatch.setattr(pipeline, "read_voices", read_voices)
        read, at = await read_voices(*given), datetime.fromtimestamp(crowded.clock.now / 1000, UTC)
        wish = Inbound(CHANNEL, Sensitive(PHONE), Sensitive(""), "f" * 16, at, control=Control.FORGET)
        await crowded.acceptor.accept(wish)
        while (task := await crowded.queue.claim([kind for kind in crowded.handlers if kind is not TaskKind.SEAL])) is not None:
            await crowded.handlers[task.kind](task)
        return read

    monkeypatch.setattr(pipeline, "read_voices", meanwhile)
    await crowded.later(61)
    await crowded.later(600)
    kept = [read_thread(crowded.keys, row) for row in await threads_of(crowded, await the_item(crowded))]
    assert len(kept) == 1, "of the one who stays"
    assert not kept[0].forgotten


@given(ODD_TIPS)
def test_what_is_kept_comes_back_as_it_was(tip: TipFacts) -> None:
    kept = copied(None, tip, line(3), NOW)
    assert replace(from_json(to_json(kept)), received=kept.received) == kept


def test_whom_a_name_shuts_out_is_kept_by_his_id_and_shuts_out_nobody_else() -> None:
    people = (
        person("p1", name="Zoe Quill", kin=(Kin("Ana Reyes", None, None),)),
        person("p2", conflicts=("Luis Pardo",)),
        person("p3"),
        person("p4", kin=(Kin("Zoe Quill", None, None),)),
        person("p5"),
    )
    everybody = Roster(people, line(1).atlas)
    tip = replace(FAR, names=frozenset({"reyes", "luis pardo"}), people=frozenset({"p3"}))
    kept = copied(None, tip, everybody, NOW)
    assert kept.kept_from == {"p1", "p2", "p3"}
    assert not kept.names | kept.people
    later = exclusions(everybody, with_copied(FAR, kept), NOW)
    assert {name: codes for name, codes in later.items() if codes} == dict.fromkeys(("p1", "p2", "p3"), (Code.E2,))
    assert choose(everybody, with_copied(FAR, kept), nothing_known(), bytes(32), NOW).hold is Hold.POISONED, "it counts as naming"


def test_all_that_he_said_counts_as_if_it_stood_in_one_tip() -> None:
    known = replace(FAR, child=Child.NO, kinds=frozenset({AgencyKind.POLICE}))
    unknown = replace(FAR, regions=frozenset({"sud"}), place_known=False, child=Child.UNKNOWN, asks_help=True)
    for one, other in ((known, unknown), (unknown, known)):
        both = with_copied(one, copied(copied(None, other, line(3), NOW), other, line(3), NOW))
        assert both.regions == {"ost", "sud"}
        assert (both.place_known, both.child, both.asks_help) == (True, Child.NO, True), "a text without a place hides no place"
        assert both.kinds == {AgencyKind.POLICE}
        assert (both.received, both.language) == (one.received, one.language)
    assert with_copied(known, None) is known


@pytest.mark.parametrize("broken", [{}, {"regions": "ost"}, to_json(FAR) | {"child": "perhaps"}, to_json(FAR) | {"kinds": ["pirates"]}])
def test_what_is_no_such_thing_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(OpenError):
        from_json(broken)
