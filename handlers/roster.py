"""From sealed, signed cards to the people whom routing may draw. A card that does not hold is nobody: it is counted, never guessed at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from handlers.ports import Tx
from routing.cards import CardError, parse_card
from routing.people import Card, Person
from sealing.age import OpenError
from sealing.card import SignedCard, SignedCardError, parse_signed_card
from sealing.keyring import WorkerKeys
from sealing.rows import PersonRow, Purpose
from sealing.signing import KeyFormatError, fingerprint

ACTIVE = "active"
MOST_JUDGED = 100_000


@dataclass(frozen=True, slots=True)
class Vetters:
    """The pinned vetters. `keys`, `agencies`: key fingerprint -> public key, agency. `one_house`: a line of one NGO says so in its file,
    and then two signatures may come from one agency. `practice`: they vouch for practice cards, and for no others. `recipients`: key
    fingerprint -> age recipient, of those who get letters."""

    keys: Mapping[str, str]
    agencies: Mapping[str, str]
    one_house: bool
    practice: bool = False
    recipients: Mapping[str, str] = field(default_factory=dict)
    judged: dict[tuple[object, ...], Member | None] = field(default_factory=dict, compare=False, repr=False)
    """What each sealed card came to, so that the same bytes are opened and verified once. A worker's memory alone holds it."""

    def signatures(self, signed: SignedCard, holder: str) -> tuple[str, ...]:
        """Fingerprints that count: two or more from different agencies, else none."""
        valid = signed.vetters(self.keys, holder)
        if len(valid) < 2 or (not self.one_house and len({self.agencies[name] for name in valid}) < 2):
            return ()
        return valid


@dataclass(frozen=True, slots=True)
class Member:
    """A person of the roster as the worker knows him now."""

    person: Person
    card_fingerprint: str

    @property
    def card(self) -> Card:
        return self.person.card


class CardRefused(Exception):
    """This card enrols nobody. The message is one plain sentence without a name."""


def judge(signed: SignedCard, vetters: Vetters) -> Member:
    """A card with two vetters' signatures, of a practice line or a real one as the vetters are. Raises CardRefused."""
    try:
        card = parse_card(signed.card)
        names = vetters.signatures(signed, card.verify_key)
        fingerprint(card.verify_key)
    except (CardError, KeyFormatError):
        raise CardRefused("the card cannot be read") from None
    if card.practice is not vetters.practice:
        raise CardRefused("practice cards are for a practice line, and no others are")
    if not names:
        raise CardRefused("the card lacks signatures by two pinned vetters of different agencies, neither of them its holder")
    return Member(Person(card, names), signed.fingerprint())


def read_member(row: PersonRow, keys: WorkerKeys, vetters: Vetters, open_cases: int = 0) -> Member | None:
    """None when the row's card does not open, is unsigned, altered, or another person's."""
    of = (row.id, row.card, tuple(keys.epochs[Purpose.ROSTER].items()))
    if of not in vetters.judged:
        if len(vetters.judged) >= MOST_JUDGED:
            vetters.judged.clear()
        vetters.judged[of] = _judged(row, keys, vetters)
    member = vetters.judged[of]
    if member is None:
        return None
    person = replace(member.person, active=row.status == ACTIVE, open_cases=open_cases)
    return Member(person, member.card_fingerprint)


def _judged(row: PersonRow, keys: WorkerKeys, vetters: Vetters) -> Member | None:
    try:
        member = judge(_open_card(row, keys), vetters)
    except (OpenError, SignedCardError, CardRefused):
        return None
    return member if member.card.person == row.id else None


async def find_member(tx: Tx, keys: WorkerKeys, vetters: Vetters, person: str) -> Member | None:
    """The person as he stands now; None when there is none of that name, or his card does not hold."""
    row = await tx.person(person)
    return None if row is None else read_member(row, keys, vetters)


async def members(tx: Tx, keys: WorkerKeys, vetters: Vetters) -> tuple[Member, ...]:
    """Everybody whose card holds."""
    load = await tx.open_cases()
    read = [read_member(row, keys, vetters, load.get(row.id, 0)) for row in await tx.people()]
    return tuple(member for member in read if member is not None)


def spellings(found: Iterable[Member]) -> dict[str, tuple[str, ...]]:
    """What triage looks for in a text: people's names by id, kin's and conflicts' names under `name:` + the name."""
    looked_for: dict[str, tuple[str, ...]] = {}
    for member in found:
        card = member.card
        looked_for[card.person] = (card.name, *card.spellings)
        for name in (*(kin.name for kin in card.kin), *card.conflicts):
            if name:
                looked_for[f"name:{name}"] = (name,)
    return looked_for


def _open_card(row: PersonRow, keys: WorkerKeys) -> SignedCard:
    for epoch in sorted(keys.epochs[Purpose.ROSTER], reverse=True):
        try:
            return parse_signed_card(keys.open(Purpose.ROSTER, epoch, row.card))
        except OpenError:
            continue
    raise OpenError("no roster epoch opens the card")
