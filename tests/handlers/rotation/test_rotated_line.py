"""A whole line through rotations: what its database still tells, and what it does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, select

from bot.rotating import Recipients
from handlers.rotation import DAY_H, MONTH_H, Rotation
from sealing.rows import HOUR_MS, Purpose
from sealing.secret_files import KeyFolder
from storage import tables
from storage.epochs import PLACES, SqlEpochs
from tests.faults.scene import readers
from tests.line import TestLine, practice_line
from tests.secrets_search import ciphertexts_in, identities_in, opened_by, values_under

pytestmark = [pytest.mark.both, pytest.mark.asyncio, pytest.mark.enable_socket]

NEVER_ROTATED = {
    "act.signature": "a signature",
    "custody.leaf": "clear",
    "checkpoint.note": "clear",
    "handout.sealed": "S reader, for ten minutes",
    "letter.sealed": "S vetter",
    "envelope.sealed": "S case but for notes, which are in the list",
}


async def test_no_column_of_ciphertext_is_forgotten() -> None:
    """Whoever adds one says here, or in the list of places, whose key it is sealed to."""
    rotated = {f"{place.table.name}.{name}" for places in PLACES.values() for place in places for name in place.sealed}
    binary = {f"{table.name}.{c.name}" for table in tables.metadata.sorted_tables for c in table.columns if isinstance(c.type, LargeBinary)}
    assert binary == rotated | NEVER_ROTATED.keys()


@pytest.mark.claim("T41")
async def test_a_copy_made_before_a_rotation_opens_no_waiting_message_and_no_address(template: Path, tmp_path: Path) -> None:
    shutil.copy(template, tmp_path / "line.db")
    async with practice_line(tmp_path, f"sqlite:///{tmp_path / 'line.db'}", people=readers()) as line:
        rotation = Rotation(line.keys, KeyFolder(tmp_path / "secrets" / "worker"), SqlEpochs(line.database))
        await rotation.turn(line.clock.now)
        await line.write("+34600111222", "En Peñalta unas mujeres trabajan en el bar sin pago.")
        copy = await everything(line)
        before = [*values_under(tmp_path / "secrets"), *copy]
        day = DAY_H * HOUR_MS
        for later in (day, 2 * day, 31 * day, 63 * day):
            await rotation.turn(line.clock.now + later)
        left = values_under(tmp_path / "secrets")
        words = ("Peñalta".encode(), b"34600111222", b'"state"')
        assert told(opened_by(identities_in(before), ciphertexts_in(copy)), words) == set(words), "the keys of that day open them"
        opened = opened_by(identities_in([*left, *await everything(line)]), ciphertexts_in(copy))
        assert opened, "the roster's key is still the same"
        assert told(opened, words) == set()
        now = opened_by(identities_in(left), ciphertexts_in(await everything(line)))
        assert told(now, words) == set(words), "and in the line itself nothing was lost"


def told(opened: list[bytes], words: tuple[bytes, ...]) -> set[bytes]:
    return {word for word in words if any(word in plain for plain in opened)}


async def everything(line: TestLine) -> list[bytes]:
    columns: list[bytes] = []
    async with line.database.begin(reading=True) as transaction:
        for table in tables.metadata.sorted_tables:
            for row in (await transaction.run(select(table))).all():
                columns += [value if isinstance(value, bytes) else str(value).encode() for value in row if value is not None]
    return columns


async def test_a_line_goes_on_through_rotations(template: Path, tmp_path: Path) -> None:
    """A source, a reader and an answer, with every key changed twice between."""
    shutil.copy(template, tmp_path / "line.db")
    async with practice_line(tmp_path, f"sqlite:///{tmp_path / 'line.db'}", people=readers()) as line:
        rotation = Rotation(line.keys, KeyFolder(tmp_path / "secrets" / "worker"), SqlEpochs(line.database))
        recipients = Recipients(SqlEpochs(line.database), line.acceptor.keys, tmp_path / "secrets" / "web")
        await line.write("+34600111222", "En Peñalta unas mujeres trabajan en el bar sin pago. El jefe de policía lo sabe y cobra.")
        await turned(line, rotation, recipients)
        await line.later(30)  # sealed under the second keys, from a message under the first
        (case_id,) = await line.cases()
        offered = {grant.id for grant in await line.grants(case_id)}
        await turned(line, rotation, recipients)
        await line.later(7)
        person, identity = await line.open_first(case_id)
        assert person in line.cards
        assert {grant.id for grant in await line.grants(case_id)} == offered
        parts = await line.read(case_id, identity)
        assert [part["text"] for part in parts if part["kind"] == "message"] != []
        await line.write("+34600111222", "Ahora son cinco mujeres.")
        await line.later(30)
        assert len([part for part in await line.read(case_id, identity) if part["kind"] == "message"]) == 2


async def turned(line: TestLine, rotation: Rotation, recipients: Recipients) -> None:
    """Two months, as far as keys go: the source's and the reader's clocks stand still."""
    now = max(rotation.keys.shelf.since(purpose, max(held)) for purpose, held in rotation.keys.epochs.items()) * HOUR_MS
    for month in (1, 2):
        await rotation.turn(now + month * MONTH_H * HOUR_MS)
    await recipients.look()
    assert recipients.keys.newest.number == max(line.keys.epochs[Purpose.INTAKE])
