"""One human under two ids would have two seats in one draw, and two voices among informers: whose keys, or whose name, stand on another
person's card, too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from handlers.ports import Tx
from handlers.roster import Vetters, held_card
from routing.people import Card
from sealing.keyring import WorkerKeys
from triage.fold import fold


@dataclass(frozen=True, slots=True)
class Double:
    """`keys`: the signing key or the age key is another person's. `names`: fingerprints of other people's cards with the same name."""

    keys: bool
    names: tuple[str, ...]


async def double(tx: Tx, keys: WorkerKeys, vetters: Vetters, card: Card) -> Double:
    """Compares a card with those that others have, or will have. Whose card vetters did not sign is compared by his login's key alone."""
    shared, names, mine = False, list[str](), _words(card.name)
    for row in await tx.people():
        if row.id == card.person:
            continue
        shared |= row.verify_key == card.verify_key
        for sealed in {row.card, row.next} - {None, b""}:
            other = held_card(replace(row, card=sealed or b""), keys, vetters)
            if other is None:
                continue
            shared |= other.card.verify_key == card.verify_key or other.card.age_recipient == card.age_recipient
            if _words(other.card.name) == mine:
                names.append(other.card_fingerprint)
    return Double(shared, tuple(names))


@lru_cache(maxsize=4096)  # a whole roster is loaded card by card
def _words(name: str) -> list[str]:
    """Whichever of his names comes first."""
    return sorted(fold(name).split())
