"""What comes after the sealing, on both engines: later messages, strikes, waiting answers, silence, draws over and over."""

from __future__ import annotations

import os
import random
import secrets
import tomllib
from pathlib import Path

import pytest

from bot.practice_line import WORLD
from handlers.ports import Trouble
from handlers.requests import Refusal
from sealing.rows import CaseState, GrantState
from tests.handlers.test_line_reading import PHONE, TIP, answer, opened_case, sealed_case
from tests.line import TestLine, fresh_line, practice_line
from tests.roster_reading import tied

DRAWS = 30 if "CI" in os.environ else 200

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]


@pytest.fixture
def engine_name() -> str:
    """What is looked at here lies above the engines; test_line_reading walks the whole way on both."""
    return "sqlite"


async def test_a_later_message_is_appended_and_read_by_the_same_reader(line: TestLine) -> None:
    case_id, person, identity = await opened_case(line)
    await line.write(PHONE, "Son tres mujeres")
    texts = [part["text"] for part in await line.read(case_id, identity) if part["kind"] == "message"]
    assert texts == [TIP, "Son tres mujeres"]
    assert await line.released(case_id) == {person}
    assert (await answer(line, case_id, person, identity, "Thank you."))["result"] == "answered"


async def test_messages_chain_by_the_hash_of_the_one_before(line: TestLine) -> None:
    case_id, _, identity = await opened_case(line)
    await line.write(PHONE, "Son tres mujeres")
    await line.write(PHONE, "Una es de fuera")
    messages = [part for part in await line.read(case_id, identity) if part["kind"] == "message"]
    assert [part["prev"] for part in messages] == ["", *(part["sha256"] for part in messages[:-1])]


@pytest.mark.claim("T12")
async def test_a_reader_named_later_is_struck_and_gets_nothing_further(line: TestLine) -> None:
    case_id, person, identity = await opened_case(line)
    name = line.cards[person].name
    await line.write(PHONE, f"Cuidado: {name} también cobra")
    grants = await line.grants(case_id)
    assert {g.state for g in grants if g.person_id == person} == {GrantState.STRUCK}
    read = [part["text"] for part in await line.read(case_id, identity) if part["kind"] == "message"]
    assert read == [TIP], "the message that names him is sealed to a key that he never had"
    assert (await answer(line, case_id, person, identity, "Who told you?", epoch=1))["code"] == Refusal.NOT_YOURS
    old = next(g for g in grants if g.person_id == person)
    assert (await line.open(old, person))["code"] == Refusal.NOT_YOURS
    await line.later(6)
    others = [g for g in await line.grants(case_id) if g.state is GrantState.OFFERED]
    (successor,) = {str(g.person_id) for g in others}
    assert successor != person
    assert {g.epoch for g in others} == {1, 2}
    identities = [line.case_identity(await line.open(g, successor), successor) for g in sorted(others, key=lambda g: g.epoch)]
    all_read = [part["text"] for one in identities for part in await line.read(case_id, one) if part["kind"] == "message"]
    assert all_read == [TIP, f"Cuidado: {name} también cobra"]
    assert (await answer(line, case_id, successor, identities[1], "Thank you."))["result"] == "answered"
    kinds = [entry.kind.value for entry in await line.leaves() if entry.case == case_id]
    assert "strike" in kinds
    assert "new_epoch" in kinds


async def test_naming_everybody_of_the_order_exhausts_it_and_alarms(line: TestLine) -> None:
    case_id, _, _ = await opened_case(line)
    names = ", ".join(card.name for card in line.cards.values())
    await line.write(PHONE, f"Todos cobran: {names}")
    assert {g.state for g in await line.grants(case_id)} == {GrantState.STRUCK}
    assert Trouble.ORDER_EXHAUSTED in line.alarms
    await line.later(12)
    assert not [g for g in await line.grants(case_id) if g.state in (GrantState.OFFERED, GrantState.OPEN)]


@pytest.mark.claim("T19")
async def test_a_survivor_is_never_written_to_first_until_the_phone_is_hers(line: TestLine) -> None:
    case_id = await sealed_case(line, "Ayúdenme, no me dejan salir de la casa en Peñalta")
    person, identity = await line.open_first(case_id)
    line.outbox.sent.clear()
    assert (await answer(line, case_id, person, identity, "We read it."))["result"] == "answered"
    await line.later(3600)
    assert line.outbox.sent == []
    await line.write(PHONE, "hola")
    await line.later(4)
    assert not said(line, "We read it."), "whoever says hello may be somebody else"
    await line.write(PHONE, "sigo encerrada en la casa")
    await line.later(4)
    assert said(line, "We read it.")


def said(line: TestLine, words: str) -> list[str]:
    return [text for _, text in line.outbox.sent if words in text]


@pytest.mark.claim("T19")
async def test_whoever_writes_from_a_borrowed_phone_later_sees_no_answer(line: TestLine) -> None:
    case_id = await sealed_case(line, "Ayúdenme, no me dejan salir de la casa en Peñalta")
    await line.write(PHONE, "3")  # this phone is borrowed
    person, identity = await line.open_first(case_id)
    assert (await answer(line, case_id, person, identity, "We read it."))["result"] == "answered"
    line.outbox.sent.clear()
    await line.write(PHONE, "hola quien es")
    await line.later(3600)
    assert not [text for _, text in line.outbox.sent if "We read it." in text]


BORROWED = ["prestado", "3 prestado", "no es mio, es de mi jefe", "borrowed", "its my bosses phone", "tres"]
SHARED = ["2 otros lo ven", "2 others", "others see it", "he checks it", "ok", "dale", "si"]


@pytest.mark.claim("T19")
async def test_a_phone_told_in_words_keeps_the_answer_from_its_owner(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        for n, reply in enumerate([*BORROWED, *SHARED]):
            phone = f"+999 5{n:04}"
            case_id = await sealed_case(line, "Ayúdenme, no me dejan salir de la casa en Peñalta", phone)
            await line.write(phone, reply)
            person, identity = await line.open_first(case_id)
            assert (await answer(line, case_id, person, identity, "We read it."))["result"] == "answered", reply
            await line.later(5 * 3600)
            line.outbox.sent.clear()
            for text in ("hola quien es", "3", "1", "que es esto"):
                await line.write(phone, text)
                await line.later(10)
            assert line.outbox.sent, reply
            assert not said(line, "We read it."), reply
            await line.write(phone, "estoy encerrada en Peñalta, ayuda")
            await line.later(10)
            assert bool(said(line, "We read it.")) is (reply in SHARED), reply


@pytest.mark.claim("T19")
async def test_silence_asked_for_in_words_keeps_the_tip(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        text = "no contesten, el lee mi telefono. Me tienen encerrada en una casa en Peñalta"
        case_id = await sealed_case(line, text)
        person, identity = await line.open_first(case_id)
        assert (await answer(line, case_id, person, identity, "We read it."))["result"] == "answered"
        await line.write(PHONE, "me van a matar")
        await line.later(3600)
        assert line.outbox.sent == []
        read = [part["text"] for part in await line.read(case_id, identity) if part["kind"] == "message"]
        assert read == [text, "We read it.", "me van a matar"]


async def test_an_advert_makes_no_case_and_belongs_to_the_one_that_follows(tmp_path: Path) -> None:
    async with fresh_line(tmp_path) as line:
        await line.write(PHONE, "wrong number, sorry")
        await line.later(600)
        assert await line.cases() == []
        case_id = await sealed_case(line)
        _, identity = await line.open_first(case_id)
        read = [part["text"] for part in await line.read(case_id, identity) if part["kind"] == "message"]
        assert read == ["wrong number, sorry", TIP]


@pytest.mark.claim("T19")
async def test_nine_silences_for_ever_and_the_words_still_reach_the_case(line: TestLine) -> None:
    case_id, _, identity = await opened_case(line)
    await line.later(4)
    line.outbox.sent.clear()
    await line.write(PHONE, "9")
    await line.write(PHONE, "Son tres mujeres")
    await line.later(3600)
    assert line.outbox.sent == []
    texts = [part["text"] for part in await line.read(case_id, identity) if part["kind"] == "message"]
    assert texts[-1] == "Son tres mujeres"
    # Silence outlives the 72 hours after which other conversations are forgotten.
    await line.later(97 * 3600)
    await line.write(PHONE, "Otra vez")
    await line.later(3600)
    assert line.outbox.sent == []


async def test_72_hours_of_silence_forget_the_address(line: TestLine) -> None:
    case_id, _, _ = await opened_case(line)
    async with line.store.begin() as tx:
        assert await tx.thread_of(case_id) is not None
    await line.later(71 * 3600)
    async with line.store.begin() as tx:
        assert await tx.thread_of(case_id) is not None
    await line.later(26 * 3600)
    async with line.store.begin() as tx:
        assert await tx.thread_of(case_id) is None


async def test_a_place_told_later_lets_a_held_tip_go(tmp_path: Path, url: str) -> None:
    """Nobody of a roster of local officials may read a tip from an unknown place; once the place is known, those elsewhere may."""
    world = tomllib.loads(WORLD.read_text(encoding="utf-8"))
    kinds = {agency["id"]: agency["kind"] for agency in world["agencies"]}
    officials = frozenset(p["id"] for p in world["people"] if kinds[p["agency"]] not in ("ngo", "foreign_liaison"))
    async with practice_line(tmp_path, url, people=officials) as line:
        await line.write(PHONE, "En una casa tienen mujeres adultas sin pagar")
        await line.later(130)
        (case_id,) = await line.cases()
        async with line.store.begin() as tx:
            case = await tx.case(case_id)
        assert case is not None
        assert case.state is CaseState.HELD
        await line.write(PHONE, "Es en Peñalta")
        await line.later(27)
        assert len(await line.released(case_id)) == 1


@pytest.mark.slow
@pytest.mark.claim("T6")
async def test_over_many_draws_nobody_tied_is_ever_drawn(tmp_path: Path) -> None:
    """Fresh coins each time; ties as this test reads them from the roster file by itself; only one person is ever shown each case."""
    text = "Peñalta: chicas encerradas, la policía lo sabe."  # too short to be a flood
    out = tied(WORLD, "Peñalta", "police")
    async with fresh_line(tmp_path) as line:
        for n in range(DRAWS):
            await line.write(f"+999 2{n:04}", text)
        await line.later(21)
        await line.later(6)
        shown = [await line.released(case_id) for case_id in await line.cases()]
    assert len(shown) == DRAWS
    assert all(len(people) == 1 for people in shown)
    assert not [people for people in shown if people & out]
    assert len({person for people in shown for person in people}) >= 6, "many different readers"


@pytest.mark.slow
@pytest.mark.claim("T6")
@pytest.mark.thorough
async def test_twenty_sentences_put_together_by_chance_reach_nobody_tied(tmp_path: Path) -> None:
    world = tomllib.loads(WORLD.read_text(encoding="utf-8"))
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    kinds = {agency["id"]: agency["kind"] for agency in world["agencies"]}
    home = {agency["id"]: agency["region"] for agency in world["agencies"]}
    names = {region["id"]: region["names"] for region in world["regions"]}
    async with fresh_line(tmp_path) as line:
        for n in range(20):
            official = chance.choice(world["officials"])
            town = chance.choice(names[home[official["agency"]]])
            start = chance.choice(["Vi", "Ayer vi", "Mi vecina vio", "Hay"])
            who = chance.choice(["a dos mujeres encerradas", "a unos trabajadores sin pago", "a unas chicas que no dejan salir"])
            does = chance.choice(["lo sabe", "cobra por eso", "los protege", "es el dueño"])
            named = chance.choice(["", f" {official['name']}"])
            text = f"{start} {who} en {town}. El {official['title_es']} de {town}{named} {does}."
            case_id = await sealed_case(line, text, f"+999 3{n:04}")
            shown = await line.released(case_id)
            assert len(shown) == 1, text
            assert not shown & tied(WORLD, town, kinds[official["agency"]]), text
