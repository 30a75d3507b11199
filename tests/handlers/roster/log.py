"""The rows and the custody log of a roster, as tests write, read and tamper with them."""

from __future__ import annotations

import pytest
from sqlalchemy import delete

from handlers.roster import read_book
from handlers.roster_log import Book
from routing.people import Card
from sealing import custody, signing
from sealing.card import SignedCard
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import PersonRow, Purpose
from storage import tables
from tests.handlers.roster_world import CARD, HOLDER, HOUR, World, named

SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"])
"""Rules that no engine changes."""


def row(keys: WorkerKeys, card: SignedCard, person: str = "p1") -> PersonRow:
    return PersonRow(person, "active", 0, HOLDER[1], keys.seal(Purpose.ROSTER, card.to_bytes())[1], None)


async def read_log(world: World) -> Book:
    async with world.store.begin() as tx:
        return await read_book(tx, world.keys, world.vetters)


def declares_a_tie(card: Card = CARD, holder: tuple[str, str] = HOLDER) -> bytes:
    body = Entry(HOUR, EntryKind.TIE, "0" * 32, "a" * 64, named(card)).body()
    return custody.leaf(body, holder[1], signing.sign(holder[0], signing.Use.TIE, body))


async def strip(world: World, kind: EntryKind, keep: int = 0) -> None:
    """Takes entries of a kind out of the log, but the first `keep`, and numbers the others anew."""
    leaves, left = await world.store.leaves(), list[bytes]()
    for leaf in leaves:
        if custody.read_leaf(leaf)[0].kind is not kind or (keep := keep - 1) >= 0:
            left.append(leaf)
    async with world.store.begin() as tx:
        await tx._transaction.run(delete(tables.custody))
        for leaf in left:
            await tx.log(leaf)
