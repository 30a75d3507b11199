"""From sealed, signed cards to the people whom routing may draw. A card that does not hold is nobody: it is counted, never guessed at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from handlers.declared import hours_of
from handlers.ports import Tx
from handlers.roster_log import Book, RosterLog
from handlers.standing import NOBODY, Standing, State, standing_of
from routing.cards import CardError, parse_card
from routing.duty import on_duty
from routing.index import index_of
from routing.people import Atlas, Card, Person, Roster
from sealing.age import OpenError
from sealing.card import SignedCard, SignedCardError, parse_signed_card
from sealing.keyring import WorkerKeys
from sealing.rows import HOUR_MS, PersonRow, Purpose
from sealing.signing import KeyFormatError, fingerprint, public_of

ACTIVE = "active"
MOST_JUDGED = 100_000
STANDS = Standing(State.ACTIVE)


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
    lists: tuple[str, ...] = ()
    """Hashes of the chain of lists, up to the one in force."""
    founding: frozenset[str] = frozenset()
    """Those of the first list; empty = these are."""
    past: Mapping[str, str] = field(default_factory=dict)
    """Fingerprint -> key of who was a vetter once. What he signed about cards then stays; his signature on a card counts no more."""
    log: RosterLog = field(default_factory=RosterLog, compare=False, repr=False)
    judged: dict[tuple[object, ...], Member | None] = field(default_factory=dict, compare=False, repr=False)
    """What each sealed card came to, so that the same bytes are opened and verified once. A worker's memory alone holds it."""

    def signatures(self, signed: SignedCard, holder: str) -> tuple[str, ...]:
        """Fingerprints that count: two or more from different agencies, else none."""
        valid = signed.vetters(self.keys, holder)
        return valid if self.enough(valid) else ()

    def enough(self, names: Collection[str]) -> bool:
        """Two who may decide together: of different agencies, where the line is not of one house. `names`: key fingerprints; of who is no
        vetter any more the agency is not known, so he counts as one of his own."""
        houses = {self.agencies.get(name, name) for name in names}
        return len(set(names)) >= 2 and (self.one_house or len(houses) >= 2)

    @property
    def ever(self) -> Mapping[str, str]:
        return {**self.past, **self.keys}

    @property
    def founders(self) -> frozenset[str]:
        """All of whom must have signed a founder's card: of the first list those who still are vetters."""
        left = self.founding & self.keys.keys()
        return left if len(left) >= 2 else frozenset(self.keys)


@dataclass(frozen=True, slots=True)
class Member:
    """A person of the roster as the worker knows him now."""

    person: Person
    card_fingerprint: str
    standing: Standing = STANDS

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


def read_member(row: PersonRow, keys: WorkerKeys, vetters: Vetters, book: Book, hour: int, open_cases: int = 0) -> Member | None:
    """None when the row's card does not open, is unsigned, altered, or another person's; when the log does not name it, or names another in
    its place. `book`: what the log says now. Raises OSError when what it says of a card cannot be kept."""
    member = held_card(row, keys, vetters)
    if member is None:
        return None
    standing = standing_of(book.of(member.card_fingerprint), member.card.verify_key, vetters.ever, vetters.enough, hour)
    book.remember(member.card_fingerprint, standing.grounds, revoked=standing.state is State.REVOKED)
    if standing.state in NOBODY:
        return None
    since, duty = book.since(member.card_fingerprint), on_duty(hours_of(row, keys), hour * HOUR_MS)
    enrolled = None if since is None else min(datetime.fromtimestamp(since * 3600, UTC), member.card.issued)
    active = standing.state is State.ACTIVE
    person = replace(member.person, active=active, open_cases=open_cases, on_duty=duty, enrolled=enrolled)
    return Member(person, member.card_fingerprint, standing)


def held_card(row: PersonRow, keys: WorkerKeys, vetters: Vetters) -> Member | None:
    """Whom the row's card enrols by its signatures alone, whatever the log says of it."""
    of = (row.id, row.card, tuple(keys.epochs[Purpose.ROSTER].items()))
    if of not in vetters.judged:
        if len(vetters.judged) >= MOST_JUDGED:
            vetters.judged.clear()
        vetters.judged[of] = _judged(row, keys, vetters)
    return vetters.judged[of]


def _judged(row: PersonRow, keys: WorkerKeys, vetters: Vetters) -> Member | None:
    try:
        member = judge(open_card(keys, row.card), vetters)
    except (OpenError, SignedCardError, CardRefused):
        return None
    return member if member.card.person == row.id else None


async def read_book(tx: Tx, keys: WorkerKeys, vetters: Vetters) -> Book:
    """What the log says of cards, as this transaction sees it."""
    return await vetters.log.read(tx, public_of(keys.custody_seed))


async def find_member(tx: Tx, keys: WorkerKeys, vetters: Vetters, person: str, hour: int) -> Member | None:
    """The person as he stands in that hour (since 1970, UTC); None when there is none of that name, or his card does not hold."""
    row = await tx.person(person)
    return None if row is None else read_member(row, keys, vetters, await read_book(tx, keys, vetters), hour)


async def members(tx: Tx, keys: WorkerKeys, vetters: Vetters, hour: int) -> tuple[Member, ...]:
    """Everybody whose card holds, as the draw sees them: who declared a tie of his own is drawn for nothing."""
    load, book = await tx.open_cases(), await read_book(tx, keys, vetters)
    read = [read_member(row, keys, vetters, book, hour, load.get(row.id, 0)) for row in await tx.people()]
    return tuple(_drawable(member) for member in read if member is not None)


def _drawable(member: Member) -> Member:
    return replace(member, person=replace(member.person, active=False)) if member.standing.tied else member


@dataclass(slots=True)
class KeptRoster:
    """The roster that the last draw had: an index of everybody is dear, and hardly anybody differs from one tip to the next. `_ids` of its
    people."""

    atlas: Atlas
    vetters: Vetters
    _last: Roster | None = None
    _ids: frozenset[str] = frozenset()

    def of(self, everybody: Iterable[Person]) -> Roster:
        """These people, and no others, in the order of ids; the rosters given before stay as they were. Made anew only where somebody is
        gone, or the founding vetters are others."""
        people, last = {person.id: person for person in everybody}, self._last
        if last is None or last.founding != self.vetters.founders or not people.keys() >= self._ids:
            now = Roster(tuple(people[name] for name in sorted(people)), self.atlas, self.vetters.founders)
            index_of(now)
        else:
            before = {person.id: person for person in last.people}
            now = last.changed(*(person for person in people.values() if before.get(person.id) != person))
        self._last, self._ids = now, frozenset(people)
        return now


def idle(roster: Roster, people: Collection[str]) -> Roster:
    """The same roster, with these people drawn for nothing; what is known of them still tells of those around them."""
    return roster.changed(*(replace(person, active=False) for person in roster.people if person.id in people))


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


def open_card(keys: WorkerKeys, sealed: bytes) -> SignedCard:
    """Raises OpenError, SignedCardError."""
    return parse_signed_card(keys.open_any(Purpose.ROSTER, sealed))
