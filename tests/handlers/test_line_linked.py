"""Tips of one matter share one drawn order, on a running line; and what a prober does with that."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, update

from handlers.links import Links, Matter
from handlers.pipeline import CaseMoved
from handlers.ports import Trouble, Tx
from handlers.reading import Read
from handlers.understanding import Understood
from routing.comb import in_turn
from routing.gate import GateFile
from routing.gate_bytes import parse_gate
from routing.people import Assignment, Earlier, Flag
from sealing.learned_rows import LinkRow
from sealing.rows import DAY_MS, CaseState, Purpose
from storage import tables
from tests.line import CHANNEL, TestLine, fresh_line
from tests.storage.rows import count
from tests.triage.line import tip
from triage.identifiers import TOO_MANY, phone_keys
from triage.language import Identified
from triage.sensitive import Sensitive
from triage.tip import Inbound

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]

PLATE = "placa ABC-123"
SAID = "Peñalta: chicas encerradas."  # too short to be a flood
SEALED_S, OFFERED_S = 21, 6


async def told(line: TestLine, *texts: str) -> list[str]:
    """Each by a phone of its own, one after the other; sealed and offered. Their cases."""
    cases: list[str] = []
    for text in texts:
        known = set(await line.cases())
        await line.write(f"+999 7{line.clock.now % 10**8:08}", text)
        await line.later(SEALED_S)
        cases += set(await line.cases()) - known
        await line.later(OFFERED_S)
    assert len(cases) == len(texts)
    return cases


async def gate_of(line: TestLine, case_id: str) -> GateFile:
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
    assert case is not None
    assert case.gate is not None, case.state
    return parse_gate(line.keys.open_gate(case_id, case.gate))


async def orders(line: TestLine, *cases: str) -> list[tuple[str, ...]]:
    return [tuple(seat.person for seat in (await gate_of(line, case)).order) for case in cases]


async def drawn(line: TestLine, *cases: str) -> list[set[str]]:
    """Whoever of the order, in whatever turn."""
    return [set(order) for order in await orders(line, *cases)]


async def is_linked(line: TestLine, case_id: str) -> bool:
    return Flag.LINKED in (await gate_of(line, case_id)).flags


async def links(line: TestLine) -> list[LinkRow]:
    async with line.database.begin(reading=True) as transaction:
        return [LinkRow(row.tag, row.day, row.sealed) for row in await transaction.run(select(tables.link))]


@pytest.mark.claim("T61")
async def test_tips_of_one_matter_reach_the_people_of_one_draw_and_others_many(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        same = await told(line, *[f"{SAID} {n} {PLATE}" for n in range(5)])
        turns = await orders(line, *same)
        (people,) = {frozenset(order) for order in turns}
        assert len(people) == 3
        for case, order in list(zip(same, turns, strict=True))[1:]:
            assert order == in_turn(sorted(people), line.keys.coins(case)), "in the turn of each tip's own coins"
        shown = set().union(*[await line.released(case) for case in same])
        assert shown == {order[0] for order in turns}
        assert [await is_linked(line, case) for case in same] == [False] + [True] * 4
        apart = await told(line, *[f"{SAID} {n} placa DEF-45{n}" for n in range(2)])
        assert len({person for order in await orders(line, *apart) for person in order}) > 3


@pytest.mark.claim("T61")
async def test_whom_a_linked_tip_names_is_passed_over_in_it_and_in_no_other(tmp_path: Path) -> None:
    """Who names the readers of a matter that he knows burns no order: what a tip strikes, it strikes for itself."""
    async with fresh_line(tmp_path) as line:
        (first,) = await told(line, f"{SAID} {PLATE}")
        ((order),) = await orders(line, first)
        second, third = await told(line, f"{SAID} {PLATE}. {line.cards[order[0]].name} también cobra", f"{SAID} {PLATE}")
        assert await drawn(line, second, third) == [set(order[1:]), set(order)]
        (reader,) = await line.released(second)
        assert reader in order[1:]
        assert await orders(line, first) == [order]


@pytest.mark.claim("T61")
async def test_a_tip_that_leaves_nobody_of_the_order_is_drawn_by_its_own_coins_and_not_buried(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        (first,) = await told(line, f"{SAID} {PLATE}")
        ((order),) = await orders(line, first)
        names = ", ".join(line.cards[person].name for person in order)
        second, third = await told(line, f"{SAID} {PLATE}. También cobran {names}", f"{SAID} {PLATE}")
        own, again = await drawn(line, second, third)
        assert own
        assert not own & set(order)
        assert len(await line.released(second)) == 1
        assert not await is_linked(line, second)
        assert again == set(order)


async def test_what_is_said_of_another_area_shares_no_order(tmp_path: Path) -> None:
    """Whoever is first to write down a plate would choose by the places he names who reads what others tell of it."""
    async with fresh_line(tmp_path) as line:
        cases = await told(line, *[f"{place}: chicas encerradas. {PLATE}" for place in ("Brumhaven", "Peñalta", "Brumhaven", "Peñalta")])
        assert [await is_linked(line, case) for case in cases] == [False, False, True, True]
        one, other, one_again, other_again = await drawn(line, *cases)
        assert one == one_again
        assert other == other_again


@pytest.mark.claim("T62")
async def test_the_size_of_a_gate_file_does_not_tell_that_a_case_is_linked(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        cases = await told(line, *[f"{SAID} {n} {PLATE}" for n in range(2)])
        assert [await is_linked(line, case) for case in cases] == [False, True]
        sizes = set()
        for case_id in cases:
            async with line.store.begin() as tx:
                case = await tx.case(case_id)
            assert case is not None
            assert case.gate is not None
            sizes.add(len(line.keys.open_any(Purpose.GATE, case.gate)))
        assert len(sizes) == 1
        own, shared = [await gate_of(line, case) for case in cases]
        assert own.lots.keys() == shared.lots.keys()
        seats = {seat.person for seat in shared.seats}
        assert {name for name, chance in shared.chances.items() if chance > 0} == seats
        assert all(shared.chances[name] == own.chances[name] for name in seats), "for nobody more than the draw gave him"


@pytest.mark.parametrize("flags", [{Flag.SMALL_POOL}, {Flag.LINKED}])
@pytest.mark.claim("T61")
async def test_a_draw_from_a_small_pool_or_of_fewer_than_usual_is_shared_with_nobody(tmp_path: Path, flags: set[Flag]) -> None:
    """Else whoever is first to write down a plate, with facts that shut most people out, chooses who reads all that follows."""
    async with fresh_line(tmp_path) as line:
        links, free = Links(line.keys, line.clock, line.alarms.append), Matter(free=("a" * 64,))
        people = tuple(f"{n:032x}" for n in range(3))
        full = Assignment(people, 20, dict.fromkeys(people, 0.2), {})
        for less in (replace(full, flags=frozenset(flags)), replace(full, order=people[:2])):
            async with line.store.begin() as tx:
                assert await links.keep(tx, free, less, ())
            assert await count(line.database, tables.link) == 0
        async with line.store.begin() as tx:
            bound = Earlier(full.order, (), full.chances)
            assert await links.keep(tx, replace(free, earlier=bound), full, ())
        assert await count(line.database, tables.link) == 0, "what another order led to, though nobody of it was left"
        async with line.store.begin() as tx:
            assert await links.keep(tx, free, full, ())
        assert await count(line.database, tables.link) == 1, "positive control"


async def test_a_later_message_of_a_case_whose_reader_was_seated_later_binds_nothing(tmp_path: Path) -> None:
    """He has no chance in the gate: nobody drew him."""
    async with fresh_line(tmp_path) as line:
        await line.write("+999 1", SAID)
        await line.later(SEALED_S)
        gate = await gate_of(line, (await line.cases())[0])
        links = Links(line.keys, line.clock, line.alarms.append)
        seated = replace(gate, chances={name: chance for name, chance in gate.chances.items() if name != gate.order[1].person})
        for case, bound in ((seated, 0), (gate, 1)):
            async with line.store.begin() as tx:
                await links.later(tx, ["b" * 64], case, ())
            assert await count(line.database, tables.link) == bound


async def test_after_180_days_it_is_drawn_anew(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        await told(line, f"{SAID} {PLATE}")
        (row,) = await links(line)
        people, links_of = tuple(f"{n:032x}" for n in range(3)), Links(line.keys, line.clock, line.alarms.append)
        another = Assignment(people, 20, dict.fromkeys(people, 0.2), {})
        for days, linked in ((180, True), (181, False)):
            line.clock.now = (row.day + days) * DAY_MS
            async with line.store.begin() as tx:
                matter = await links_of.find(tx, [row.tag])
                assert (matter.earlier is not None) is linked
                assert await links_of.keep(tx, matter, another, ())
            assert ([row] == await links(line)) is linked
        for days, kept in ((181 + 180, 1), (181 + 181, 0)):
            await line.store.sweep((row.day + days) * DAY_MS)
            assert await count(line.database, tables.link) == kept


@pytest.mark.claim("T61")
async def test_what_a_linked_tip_brings_is_bound_to_no_order_that_its_author_may_know(tmp_path: Path) -> None:
    """Else whoever had a throw-away plate drawn until a friend came up would tie the plates that he fears to that order."""
    async with fresh_line(tmp_path) as line:
        known, _, feared = await told(line, f"{SAID} placa AAA-111", f"{SAID} placas AAA-111, placa BBB-222", f"{SAID} placa BBB-222")
        assert not await is_linked(line, feared)
        assert await count(line.database, tables.link) == 2
        assert (await gate_of(line, feared)).lots, "drawn by coins of its own"
        assert known != feared


async def test_a_later_message_binds_before_anybody_was_offered_the_case_and_never_after(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        await line.write("+999 1", SAID)
        await line.later(SEALED_S)
        (first,) = await line.cases()
        assert await line.released(first) == set()
        await line.write("+999 1", f"la {PLATE}")
        await line.later(OFFERED_S)
        assert len(await line.released(first)) == 1
        await line.write("+999 1", "y otra, placa DEF-456")
        await line.later(1)
        assert await count(line.database, tables.link) == 1
        same, other = await told(line, f"{SAID} {PLATE}", f"{SAID} placa DEF-456")
        assert await drawn(line, first) == await drawn(line, same)
        assert not await is_linked(line, other)


async def test_a_later_message_of_a_case_that_has_lost_somebody_binds_nothing(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        await line.write("+999 1", SAID)
        await line.later(SEALED_S)
        (order,) = await orders(line, *await line.cases())
        await line.write("+999 1", f"{line.cards[order[-1]].name} cobra")
        await line.write("+999 1", PLATE)
        assert await line.released((await line.cases())[0]) == set()
        assert await count(line.database, tables.link) == 0


async def test_of_two_tips_sealed_at_once_one_sees_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second looked for an order before the first had written it."""
    async with fresh_line(tmp_path) as line:
        (first,) = await told(line, f"{SAID} {PLATE}")
        look, too_early = Links.find, iter([True])

        async def find(self: Links, tx: Tx, tags: Sequence[str]) -> Matter:
            return Matter(None, tuple(tags)) if next(too_early, False) else await look(self, tx, tags)

        monkeypatch.setattr(Links, "find", find)
        await line.write("+999 2", f"{SAID} {PLATE}")
        with pytest.raises(CaseMoved):
            await line.later(SEALED_S)
        (second,) = set(await line.cases()) - {first}
        async with line.store.begin() as tx:
            case = await tx.case(second)
        assert case is not None
        assert case.state is CaseState.TALKING, "nothing was written"
        await line.later(120)  # when the dead worker's lease has run out
        assert await drawn(line, second) == await drawn(line, first)


async def test_a_draw_above_the_cap_is_shared_with_nobody(tmp_path: Path) -> None:
    """Else a tip that shuts everybody else out by what it claims would choose the readers of all that follow."""
    async with fresh_line(tmp_path) as begun:
        ngo = sorted(name for name, card in begun.cards.items() if begun.atlas.agencies[card.agency].kind == "ngo")
    home = tmp_path / "small"
    home.mkdir()
    async with fresh_line(home, people=frozenset(ngo[:3])) as line:
        await told(line, f"Ayúdenme, me tienen encerrada en Peñalta, me van a matar, {PLATE}")
        (case,) = await line.cases()
        gate = await gate_of(line, case)
        assert gate.order
        assert Flag.TWO_VETTERS_REVIEW in gate.flags
        assert await count(line.database, tables.link) == 0


COPIED = "El jefe de policía de Peñalta cobra por las mujeres que trabajan encerradas en el bar del puerto, placa ABC-10{}"


async def test_the_item_of_a_flood_finds_an_order_and_binds_none(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        for n in range(7):
            await line.write(f"+999 8{n}", COPIED.format(n))
        assert len(await line.cases()) == 5
        assert await count(line.database, tables.link) == 4
        await line.write("+999 87", COPIED.format(7))  # goes to the item, which is sealed
        await line.later(SEALED_S)
        assert len(await line.cases()) == 5
        assert await count(line.database, tables.link) == 4


async def test_the_purge_of_the_first_case_loses_no_order(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        (first,) = await told(line, f"{SAID} {PLATE}")
        before = await drawn(line, first)
        async with line.store.begin() as tx:
            assert await tx.move_case(first, CaseState.SEALED, CaseState.CLOSED)
            assert await tx.purge(first)
        (second,) = await told(line, f"{SAID} {PLATE}")
        assert await drawn(line, second) == before


@pytest.mark.claim("T62")
async def test_no_identifier_and_no_case_stands_in_a_link(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        text = f"{SAID} {PLATE}, barco Rosalinda, tel 999 888 777, ig: rosa_99, rosa@correo.example"
        (case,) = await told(line, text)
        rows = await links(line)
        assert len(rows) == 5
        stored = b"".join(file.read_bytes() for file in tmp_path.glob("line.db*"))
        for secret in ("ABC-123", "ABC123", "abc123", "Rosalinda", "rosalinda", "999888777", "999 888 777", "rosa_99", "rosa@correo"):
            assert secret.encode() not in stored
            assert base64.b64encode(secret.encode()).rstrip(b"=")[:-1] not in stored
        assert rows[0].tag.encode() in stored, "positive control: the search finds what is there"
        opened = [line.keys.open_any(Purpose.GATE, row.sealed) for row in rows]
        assert all(b'"kind":"link"' in plain for plain in opened)
        assert len({len(plain) for plain in opened}) == 1
        assert not [plain for plain in opened if case.encode() in plain or b"osa" in plain]


async def test_a_link_that_the_worker_did_not_write_there_counts_for_nothing(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        text = f"{SAID} placas AAA111, placa BBB222, placa CCC333, placa DDD444"
        (first,) = await told(line, text)
        rows, links_of = await links(line), Links(line.keys, line.clock, line.alarms.append)
        forged: list[dict[str, bytes | int]] = [
            {"sealed": rows[1].sealed},  # another tag's
            {"day": rows[1].day + 1},
            {"sealed": b"rubbish"},
            {"sealed": line.keys.seal_gate(f"link {rows[3].tag}", b"{}")},
        ]
        for row, values in zip(rows, forged, strict=True):
            async with line.store.begin() as tx:
                assert (await links_of.find(tx, [row.tag])).earlier is not None
            async with line.database.begin() as transaction:
                await transaction.run(update(tables.link).where(tables.link.c.tag == row.tag).values(values))
            line.alarms.clear()
            async with line.store.begin() as tx:
                assert (await links_of.find(tx, [row.tag])).earlier is None
            assert line.alarms == [Trouble.TAMPERED]
        anew, after = await told(line, text, f"{SAID} placa CCC333")
        assert [await is_linked(line, case) for case in (first, anew, after)] == [False, False, True]
        assert await drawn(line, after) == await drawn(line, anew), "the rows were written anew"


def read(text: str) -> Read:
    message = Inbound(CHANNEL, Sensitive("+999"), Sensitive(text), "1", datetime.now(UTC))
    return Read(message, Understood(Identified("es", 1.0, "Latn"), None, tip(text)), None)


async def test_the_lines_own_number_and_a_pasted_list_link_nothing(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        links = Links(line.keys, line.clock, line.alarms.append, phone_keys("+51999888777"))
        assert len(await links.tags([read("llamé al 999 888 777 y al 999 888 666")], ["a"])) == 1
        assert await links.tags([read("llamé al 999 888 777")], ["a"]) == ()
        many = [read(f"placa ABC-{n}") for n in range(100, 100 + TOO_MANY + 1)]
        assert len(await links.tags(many[:-1], ())) == TOO_MANY
        assert await links.tags(many, ()) == ()
