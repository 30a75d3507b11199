"""The way of a tip to its reader, on both engines: who is offered it, who can read it, who cannot, and what the answer looks like."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.practice_line import WORLD
from handlers.requests import Refusal, Result
from routing.gate_bytes import parse_gate
from routing.people import Hold
from sealing import age, signing
from sealing.case import ReaderKey
from sealing.rows import CaseState, GrantState, Part, Purpose
from sealing.signing import Use
from storage import tables
from tests.handlers.roster_world import suspend
from tests.line import TestLine, fresh_line
from tests.roster_reading import tied
from tests.secrets_search import ciphertexts_in, identities_in, opened_by, values_under
from translations.engine import ChildTranslator

PHONE = "+999 100 0001"
_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
TIP = "El jefe de policía de Peñalta cobra por las mujeres que trabajan encerradas en el bar"
URGENT = "Ayúdenme, estoy encerrada en una casa en Peñalta, me van a matar"
pytestmark = [pytest.mark.both, pytest.mark.asyncio, pytest.mark.enable_socket, pytest.mark.slow]


async def sealed_case(line: TestLine, text: str = TIP, phone: str = PHONE) -> str:
    known = set(await line.cases())
    await line.write(phone, text)
    await line.later(21)
    await line.later(6)
    (case_id,) = set(await line.cases()) - known
    return case_id


async def opened_case(line: TestLine) -> tuple[str, str, str]:
    case_id = await sealed_case(line)
    person, identity = await line.open_first(case_id)
    return case_id, person, identity


@pytest.mark.claim("T6")
async def test_a_tip_is_offered_to_one_untied_person_and_read_by_him(line: TestLine) -> None:
    case_id, person, identity = await opened_case(line)
    assert await line.released(case_id) == {person}
    assert person not in tied(WORLD, "Peñalta", "police")
    message = next(part for part in await line.read(case_id, identity) if part["kind"] == "message")
    assert message["text"] == TIP
    assert message["language"] == "es"
    reasons = message["reasons"]
    assert isinstance(reasons, list)
    assert all(TIP[r["start"] : r["end"]] == r["text"] for r in reasons if r["of"] == "original")
    assert any(r["code"] == "official.police" for r in reasons)
    assert line.said == [Result.OPENED]


async def test_the_source_is_answered_in_spanish_three_seconds_after_acceptance(line: TestLine) -> None:
    await line.write(PHONE, TIP)
    await line.later(2.9)
    assert line.outbox.sent == []
    await line.later(0.2)
    ((to, text),) = line.outbox.sent
    assert to == PHONE
    assert "Gracias" in text


async def everything(line: TestLine) -> tuple[list[bytes], list[bytes]]:
    """(values of all files under TIPLINE_HOME, values of all columns of all tables)."""
    columns: list[bytes] = []
    async with line.database.begin(reading=True) as transaction:
        for table in tables.metadata.sorted_tables:
            for row in (await transaction.run(select(table))).all():
                columns += [value if isinstance(value, bytes) else str(value).encode() for value in row if value is not None]
    return values_under(line.home), columns


def case_texts(opened: list[bytes]) -> list[bytes]:
    return [plain for plain in opened if b'"kind":"message"' in plain or plain.startswith(b"# tipline key file")]


@pytest.mark.claim("T1")
async def test_no_secret_of_the_server_opens_a_sealed_case(line: TestLine) -> None:
    """Every file and every column that parses as an identity or as 32 bytes, on every stored ciphertext and on whatever opens."""
    _, person, identity = await opened_case(line)
    files, columns = await everything(line)
    identities, ciphertexts = identities_in([*files, *columns]), ciphertexts_in(columns)
    assert len(identities) > 30
    assert len(ciphertexts) > 60
    opened = opened_by(identities, ciphertexts)
    assert opened, "the server's keys open what is the server's: cards, gate file, outer locks"
    assert case_texts(opened) == []
    # Positive controls: with the reader's own key, or the case's, the same search finds the tip.
    few = {sealed for sealed in ciphertexts if len(sealed) < 40_000}
    assert case_texts(opened_by({identity}, few))
    release = {key for key in identities if key in line.keys.epochs[Purpose.RELEASE].values()}
    assert case_texts(opened_by({*release, line.person_keys[person].identity}, few))


@pytest.mark.claim("T1")
async def test_without_the_readers_lock_the_search_would_find_the_case(line: TestLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search above is worth something: with the inner lock taken away it opens the case with the server's keys alone."""
    release = line.keys.recipient(Purpose.RELEASE)[1]
    monkeypatch.setattr("handlers.parts.ReaderKey", lambda person, _, card: ReaderKey(person, release, card))
    await sealed_case(line)
    files, columns = await everything(line)
    held = identities_in(files)
    assert case_texts(opened_by(held, ciphertexts_in(columns)))


async def test_32_bytes_are_tried_as_the_identity_that_they_are() -> None:
    identity, _ = age.generate()
    numbers = [_ALPHABET.index(c) for c in identity.lower().removeprefix("age-secret-key-1")[:52]]
    raw = (sum(n << 5 * (51 - i) for i, n in enumerate(numbers)) >> 4).to_bytes(32, "big")
    for written in (raw, raw.hex().encode(), base64.b64encode(raw)):
        assert identities_in([written]) == {identity}


async def test_custody_says_what_happened_in_order(line: TestLine) -> None:
    case_id, _, _ = await opened_case(line)
    entries = [entry for entry in await line.leaves() if entry.case == case_id]
    kinds = [entry.kind.value for entry in entries]
    assert kinds[-2:] == ["offer", "open"]
    assert set(kinds[:-2]) == {"seal"}
    async with line.store.begin() as tx:
        stored = {e.sha256 for e in await tx.envelopes(case_id)}
    assert {entry.sha256 for entry in entries if entry.kind == "seal"} == stored
    assert entries[-1].card


async def test_the_readers_answer_goes_out_in_his_own_words_when_nothing_translates(line: TestLine) -> None:
    case_id, person, identity = await opened_case(line)
    line.outbox.sent.clear()
    handed = await answer(line, case_id, person, identity, "Thank you, we are reading this.")
    assert handed["result"] == "answered"
    ((to, text),) = line.outbox.sent
    assert to == PHONE
    assert "Thank you, we are reading this." in text
    assert any(part.get("direction") == "out" for part in await line.read(case_id, identity))


async def answer(line: TestLine, case_id: str, person: str, identity: str, text: str, **changed: object) -> dict[str, object]:
    return await answer_to(line, case_id, person, await line.read(case_id, identity), text, **changed)


async def answer_to(
    line: TestLine, case_id: str, person: str, parts: Sequence[Mapping[str, object]], text: str, **changed: object
) -> dict[str, object]:
    """From what was read, now or earlier."""
    contact = [part for part in parts if part["kind"] == "contact"][-1]
    said = {
        "v": 1,
        "kind": "answer",
        "case": case_id,
        "epoch": contact["epoch"],
        "sequence": sum(part.get("direction") == "out" for part in parts) + 1,
        "contact": contact["sha256"],
        "inner": contact["inner"],
        "text": text,
        **changed,
    }
    body = age.padded_json(said)
    signature = signing.sign(line.person_keys[person].sign_seed, Use.ANSWER, body)
    return await line.act(person, case_id, "answer", signature, age.seal(body, line.keys.recipient(Purpose.DELIVERY)[1]))


LEADING_AWAY = (
    "write to me@example.org", "see https://x.example", "www.evil", "call 0912 345 6789", "find @handle", "bit.ly/x", "+34 600 111 222",
    "evil.de/x", "evil.shop", "555/123/4567", "555*123*4567", "555,123,4567", "@x", "＠name",
)  # fmt: skip


@pytest.mark.claim("T18")
async def test_no_link_number_or_handle_goes_out(line: TestLine) -> None:
    case_id, person, identity = await opened_case(line)
    line.outbox.sent.clear()
    for text in LEADING_AWAY:
        handed = await answer(line, case_id, person, identity, text)
        assert (handed["result"], handed["code"]) == ("refused", Refusal.CONTACT_IN_REPLY), text
    handed = await answer(line, case_id, person, identity, "a" * 1001)
    assert (handed["result"], handed["code"]) == ("refused", Refusal.TOO_LONG)
    assert line.outbox.sent == []


async def test_an_answer_is_sent_once_and_only_from_the_newest_contact(line: TestLine) -> None:
    case_id, person, identity = await opened_case(line)
    assert (await answer(line, case_id, person, identity, "One."))["result"] == "answered"
    assert (await answer(line, case_id, person, identity, "One again.", sequence=1))["code"] == Refusal.STALE
    assert (await answer(line, case_id, person, identity, "Old.", contact="0" * 64))["code"] == Refusal.STALE
    assert (await answer(line, case_id, person, identity, "Two."))["result"] == "answered"


@pytest.mark.claim("T18")
async def test_another_cases_contact_reaches_nobody(line: TestLine) -> None:
    case_id, person, identity = await opened_case(line)
    other = await sealed_case(line, phone="+999 100 0002")
    _, other_identity = await line.open_first(other)
    foreign = [part for part in await line.read(other, other_identity) if part["kind"] == "contact"][-1]
    line.outbox.sent.clear()
    handed = await answer(line, case_id, person, identity, "Hello.", inner=foreign["inner"])
    assert handed["code"] == Refusal.NO_CONTACT
    assert line.outbox.sent == []


@pytest.mark.claim("T9")
async def test_forged_foreign_and_late_requests_open_nothing(line: TestLine) -> None:
    case_id = await sealed_case(line)
    grants = await line.grants(case_id)
    offered = next(g for g in grants if g.state is GrantState.OFFERED)
    reader = str(offered.person_id)
    stranger = next(person for person in line.cards if person != reader)
    gate = line.keys.recipient(Purpose.GATE)[1]
    body = line.open_body(offered, reader)

    async def attempt(person: str, seed_of: str, said: bytes) -> object:
        signature = signing.sign(line.person_keys[seed_of].sign_seed, Use.OPEN, said)
        return (await line.act(person, case_id, "open", signature, age.seal(said, gate)))["code"]

    assert await attempt(reader, stranger, body) == Refusal.BAD_SIGNATURE
    assert await attempt(stranger, stranger, line.open_body(offered, stranger)) == Refusal.NOT_YOURS
    assert await attempt(reader, reader, line.open_body(next(g for g in grants if g.id != offered.id), reader)) == Refusal.NOT_YOURS
    assert await attempt(reader, reader, body.replace(case_id.encode(), b"0" * 32)) == Refusal.NOT_YOURS
    line.clock.now += 4 * 3_600_000
    assert await attempt(reader, reader, body) == Refusal.WRONG_HOUR
    line.clock.now -= 4 * 3_600_000
    assert await attempt(reader, reader, b"not an entry") == Refusal.UNREADABLE
    handed = await line.act(reader, case_id, "close", b"x" * 64, age.seal(body, gate))
    assert handed["code"] == Refusal.NOT_YOURS
    assert [entry.kind.value for entry in await line.leaves()].count("open") == 0
    assert await attempt(reader, reader, body) == ""


@pytest.mark.claim("T10")
async def test_a_gate_file_swapped_in_the_database_lets_nobody_in(line: TestLine) -> None:
    case_id = await sealed_case(line)
    other = await sealed_case(line, phone="+999 100 0002")
    async with line.store.begin() as tx:
        here, there = await tx.case(case_id), await tx.case(other)
        assert here is not None
        assert there is not None
        assert there.gate is not None
        await tx.update_gate(case_id, there.gate, here.version)
    grant = next(g for g in await line.grants(case_id) if g.state is GrantState.OFFERED)
    handed = await line.open(grant, str(grant.person_id))
    assert (handed["result"], handed["code"]) == ("refused", Refusal.GATE)


async def test_a_suspended_reader_is_passed_over_at_the_offer(line: TestLine) -> None:
    await line.write(PHONE, URGENT)  # sealed at once, offered at the next slot
    (case_id,) = await line.cases()
    async with line.store.begin() as tx:
        case = await tx.case(case_id)
        assert case is not None
        assert case.gate is not None
        order = [seat.person for seat in parse_gate(line.keys.open_gate(case_id, case.gate)).order]
    await suspend(line, order[0])
    await line.later(6)
    await line.later(6)
    assert await line.released(case_id) == {order[1]}


@pytest.mark.parametrize(("text", "word"), [("Hello", "Hi."), ("hola", "Hola.")])
async def test_a_greeting_makes_no_case_and_is_answered_in_its_language(line: TestLine, text: str, word: str) -> None:
    await line.write(PHONE, text)
    await line.later(4)
    assert await line.cases() == []
    ((_, said),) = line.outbox.sent
    assert word in said.split()


@pytest.mark.claim("T7")
async def test_the_same_message_delivered_twice_is_handled_once(line: TestLine) -> None:
    assert await line.write(PHONE, TIP, "SM1") == "new"
    assert await line.write(PHONE, TIP, "SM1") == "duplicate"
    await line.later(27)
    (case_id,) = await line.cases()
    _, identity = await line.open_first(case_id)
    assert sum(part["kind"] == "message" for part in await line.read(case_id, identity)) == 1


@pytest.mark.claim("T2")
async def test_a_tip_that_names_the_honest_is_held_and_stays_sealed_to_intake(line: TestLine) -> None:
    ngo = [card.name for card in line.cards.values() if line.atlas.agencies[card.agency].kind in ("ngo", "foreign_liaison")]
    await line.write(PHONE, f"Tienen mujeres encerradas. La policía cobra. También cobran {', '.join(ngo[: len(ngo) * 3 // 4])}")
    await line.later(130)
    (case_id,) = await line.cases()
    async with line.store.begin() as tx:
        case, thread = await tx.case(case_id), await tx.thread_of(case_id)
        assert case is not None
        assert thread is not None
        assert case.state is CaseState.HELD
        assert len(await tx.inbound_of(thread.tag)) == 1
    assert set(line.alarms) == {Hold.POISONED}
    assert await line.grants(case_id) == []
    # 72 hours of silence forget no held tip.
    await line.later(97 * 3600)
    async with line.store.begin() as tx:
        assert len(await tx.inbound_of(thread.tag)) == 1


@pytest.mark.claim("T13")
async def test_no_word_address_or_place_stands_in_the_database_in_clear(line: TestLine, url: str) -> None:
    await opened_case(line)
    if not url.startswith("sqlite"):
        return
    stored = b"".join(file.read_bytes() for file in Path(url.removeprefix("sqlite:///")).parent.glob(Path(url).name + "*"))
    for secret in (TIP, "Peñalta", PHONE, PHONE.replace(" ", ""), "penalta"):
        assert secret.encode() not in stored
        assert base64.b64encode(secret.encode()).rstrip(b"=")[:-1] not in stored
    some_id = (await line.cases())[0]
    assert some_id.encode() in stored, "positive control: the search finds what is there"


@pytest.mark.claim("T11")
async def test_codes_open_to_neither_reader_nor_server_nor_both(line: TestLine) -> None:
    """To whom they open: tests/handlers/shares."""
    case_id, _, identity = await opened_case(line)
    async with line.store.begin() as tx:
        note = next(e for e in await tx.envelopes(case_id) if e.part is Part.NOTE)
    peeled = line.keys.peel(note.sealed)
    assert b"codes" not in peeled
    server = [held for epochs in line.keys.epochs.values() for held in epochs.values()]
    for sealed, key in [(note.sealed, identity), *((peeled, key) for key in (identity, *server))]:
        with pytest.raises(age.OpenError):
            age.unseal(sealed, key)


@pytest.mark.parametrize(("chrf", "above"), [(71.0, True), (30.0, False)])
async def test_a_poor_packages_translation_does_not_go_out(tmp_path: Path, packs: Path, chrf: float, above: bool) -> None:
    """Real packages; the self-test of one says 30, under the floor: only the reader's own words leave, and a phrase that says so."""
    own = tmp_path / "packs"
    shutil.copytree(packs, own)
    for score in own.glob("*/selftest.json"):
        score.write_text(json.dumps({**json.loads(score.read_text()), "chrf": chrf}))
    translator = ChildTranslator(own)
    try:
        async with fresh_line(tmp_path, translator=translator) as line:
            case_id, person, identity = await opened_case(line)
            await line.later(4)
            line.outbox.sent.clear()
            assert (await answer(line, case_id, person, identity, "Thank you. We have read it."))["result"] == "answered"
            ((_, text),) = line.outbox.sent
    finally:
        await translator.close()
    assert "Thank you. We have read it." in text
    assert ("Gracias" in text) is above
    assert ("No pudimos traducirlo" in text) is not above
