"""How the roster changes: a card put in, at once or after its time; a statement of a vetter taken; what the log says of a person written
where the login looks. Each in the caller's transaction, with its entries; a refusal has written nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from handlers.doubles import double
from handlers.letters import Letters
from handlers.parts import worker_leaf
from handlers.ports import Tx
from handlers.roster import Member, Vetters, held_card, open_card, read_book, read_member
from handlers.roster_log import Book
from handlers.standing import LIFT_HOURS, Standing, State, standing_of
from routing.cards import CardError, parse_card, ties
from routing.exclusion import VETTING_DAYS
from routing.people import Card
from sealing.age import OpenError
from sealing.card import SignedCard, SignedCardError
from sealing.custody import Entry, EntryError, EntryKind, holds, leaf_hash, read_leaf
from sealing.keyring import WorkerKeys
from sealing.rows import HOUR_MS, PersonRow, Purpose, TaskKind
from sealing.signing import fingerprint
from triage.sensitive import Sensitive

SLACK_HOURS = 2
STALE_HOURS = 30 * 24
"""A statement is signed far away and carried: so long it may travel."""
OF_VETTERS = frozenset({EntryKind.SUSPEND, EntryKind.REVOKE, EntryKind.LIFT})


class News(StrEnum):
    """What vetters get a letter about."""

    CARD_ANNOUNCED = "card_announced"
    NAMESAKE = "namesake"
    SUSPENDED = "suspended"
    STAYS = "suspension_stays"
    REVOKED = "revoked"
    DEAD = "card_revoked"
    LIFTED = "lifted"


EXPIRED = "expired"
_NEWS = {EntryKind.SUSPEND: News.SUSPENDED, EntryKind.REVOKE: News.REVOKED, EntryKind.LIFT: News.LIFTED}
"""Of one vetter's statement; `_news` says where it was the second that counts."""


class NotPut(StrEnum):
    """`keys`: they are another person's, too."""

    KEYS = "keys"
    ENROLLED = "enrolled"
    ANNOUNCED = "announced"
    NUMBER = "number"
    DEAD = "dead"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Put:
    """`at`: the hour from which the card counts, where that is not at once. `replaced`: the card whose place it took."""

    at: int | None = None
    replaced: str | None = None


class NotTaken(StrEnum):
    UNREADABLE = "unreadable"
    STRANGER = "stranger"
    OWN = "own"
    HOUR = "hour"
    CARD = "card"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class Taken:
    """`announcement`: the worker's leaf. `standing`: of the card, with the statement; None = nobody of the roster has the card now.
    `waiting`: the card is announced, and another is the person's until its time has come."""

    entry: Entry
    announcement: bytes
    standing: Standing | None
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class _Held:
    """The card in a person's row, as its bytes say; whether it holds is another question."""

    card: Card
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Enrolment:
    keys: WorkerKeys
    vetters: Vetters
    letters: Letters

    async def put(self, tx: Tx, signed: SignedCard, member: Member, hour: int) -> Put | NotPut:
        """`member` = what `judge` made of `signed`. Vetters are told of a name that another person of the roster has, too."""
        of = await double(tx, self.keys, self.vetters, member.card)
        if of.keys:
            return NotPut.KEYS
        put = await self._put(tx, signed, member, hour)
        if isinstance(put, Put) and of.names:
            await self.letters.write(tx, News.NAMESAKE, person=member.card.person, text=_named(member.card_fingerprint, *of.names))
        return put

    async def _put(self, tx: Tx, signed: SignedCard, member: Member, hour: int) -> Put | NotPut:
        """A card that lifts something counts after `LIFT_HOURS`: one with fewer ties, one for who declared a tie and got no more of them,
        one for who is suspended or revoked, and one of a person whose newest card is not there to be compared."""
        card, new = member.card, member.card_fingerprint
        book, row = await read_book(tx, self.keys, self.vetters), await tx.person(card.person)
        held = None if row is None else self._read(row.card)
        before = self._before(book, card.person, held)
        if book.of(new).replaced or book.of(new).revoked:
            return NotPut.DEAD
        if held is not None and held.fingerprint == new:
            return NotPut.ENROLLED
        if held is not None and held.card.sequence >= card.sequence:
            return NotPut.NUMBER
        _, sealed = self.keys.seal(Purpose.ROSTER, signed.to_bytes())
        if before not in (None, new) and not self._at_once(book, before, held, card, hour):
            return await self._announce(tx, book, row, member, sealed, before or "", hour)
        first = PersonRow(card.person, State.ACTIVE.value, 0, card.verify_key, sealed, None)
        if not await tx.save_person(replace(row or first, card=sealed, verify_key=card.verify_key, next=None)):
            return NotPut.MOVED
        if new != before or not book.of(new).enrolled:
            await self._log_card(tx, card.person, new, before or new, hour)
        again, took_place = await self.record(tx, card.person, hour), before not in (None, new)
        await tx.enqueue(TaskKind.REVIEW, card.person, (hour if took_place or again is None else again) * HOUR_MS)
        return Put(None, before if before not in (None, new) else None)

    def _before(self, book: Book, person: str, held: _Held | None) -> str | None:
        """The person's newest card by the log; of lines older than the tag in it, the row's."""
        newest = book.newest(self.keys.person_tag(person))
        return held.fingerprint if newest is None and held is not None else newest

    def _at_once(self, book: Book, before: str | None, held: _Held | None, card: Card, hour: int) -> bool:
        if held is None or held.fingerprint != before:
            return False
        now, then = ties(card), ties(held.card)
        standing = self._standing(book, held, hour)
        return standing.state is State.ACTIVE and (now > then if standing.tied else now >= then)

    async def _announce(
        self, tx: Tx, book: Book, row: PersonRow | None, member: Member, sealed: bytes, before: str, hour: int
    ) -> Put | NotPut:
        card, new = member.card, member.card_fingerprint
        told = book.announced(new, before)
        waiting = None if row is None or row.next is None else self._read(row.next)
        if told is not None and waiting is not None and waiting.fingerprint == new:
            return NotPut.ANNOUNCED
        nobody = PersonRow(card.person, State.SUSPENDED.value, 0, card.verify_key, b"", None)
        if not await tx.save_person(replace(row or nobody, next=sealed)):
            return NotPut.MOVED
        if told is None:
            await tx.log(worker_leaf(self.keys, Entry(hour, EntryKind.ANNOUNCE, "", new, before)))
            await self.letters.write(tx, News.CARD_ANNOUNCED, person=card.person, text=_named(new))
        at = (hour if told is None else told) + LIFT_HOURS
        await tx.enqueue(TaskKind.REVIEW, card.person, at * HOUR_MS)
        return Put(at)

    async def take(self, tx: Tx, leaf: bytes, hour: int) -> Taken | NotTaken:
        """A vetter's statement about a card."""
        read = self._signed(leaf, hour)
        if isinstance(read, NotTaken):
            return read
        entry, signer = read
        book = await read_book(tx, self.keys, self.vetters)
        person, held = await self._whose(tx, entry.card)
        known = book.of(entry.card)
        if known.replaced or not (known.enrolled or person):
            return NotTaken.CARD
        if held is not None and fingerprint(held.card.verify_key) == signer:
            return NotTaken.OWN
        if book.announced(leaf_hash(leaf).hex(), entry.card) is not None:
            return NotTaken.TWICE
        announcement = worker_leaf(self.keys, Entry(hour, EntryKind.ANNOUNCE, "", leaf_hash(leaf).hex(), entry.card))
        await tx.log(leaf)
        await tx.log(announcement)
        standing = None if held is None else self._standing(await read_book(tx, self.keys, self.vetters), held, hour)
        await self.letters.write(tx, _news(entry.kind, standing), person=person, text=_named(entry.card))
        if held is None:
            return Taken(entry, announcement, None)
        await self.record(tx, person, hour)
        await tx.enqueue(TaskKind.REVIEW, person, hour * HOUR_MS)
        return Taken(entry, announcement, standing, not known.enrolled)

    def _signed(self, leaf: bytes, hour: int) -> tuple[Entry, str] | NotTaken:
        """What it says, and the fingerprint of the vetter of today who signed it."""
        try:
            entry, _, signer, _ = read_leaf(leaf)
        except EntryError:
            return NotTaken.UNREADABLE
        if entry.kind not in OF_VETTERS or entry.case or entry.sha256 != entry.card:
            return NotTaken.UNREADABLE
        if signer not in self.vetters.keys or not holds(leaf, self.vetters.keys[signer]):
            return NotTaken.STRANGER
        return (entry, signer) if hour - STALE_HOURS <= entry.hour <= hour + SLACK_HOURS else NotTaken.HOUR

    async def record(self, tx: Tx, person: str, hour: int) -> int | None:
        """Writes what the log says now where the login looks, and puts in a card whose time has come. Returns the hour at which to look
        again. Raises RosterMoved."""
        row = await tx.person(person)
        if row is None:
            return None
        book = await read_book(tx, self.keys, self.vetters)
        row, again = await self._promote(tx, book, row, hour)
        member = read_member(row, self.keys, self.vetters, await read_book(tx, self.keys, self.vetters), hour)
        status = State.SUSPENDED.value if member is None else status_of(member, hour)
        if status != row.status:
            await self._saved(tx, replace(row, status=status))
        turns = [again, None if member is None else member.standing.until, None if member is None else expiry(member.card)]
        return min((turn for turn in turns if turn is not None and turn > hour), default=None)

    async def astray(self, tx: Tx, hour: int) -> list[str]:
        """Ids of those whose row says something else than the log: a database that was restored, or written to."""
        book = await read_book(tx, self.keys, self.vetters)
        return [row.id for row in await tx.people() if row.status != self._status(row, book, hour)]

    def _status(self, row: PersonRow, book: Book, hour: int) -> str:
        member = read_member(row, self.keys, self.vetters, book, hour)
        return State.SUSPENDED.value if member is None else status_of(member, hour)

    async def _promote(self, tx: Tx, book: Book, row: PersonRow, hour: int) -> tuple[PersonRow, int | None]:
        """The row, with the announced card in its place where its time has come; and when to look again."""
        if row.next is None:
            return row, None
        held, coming = self._read(row.card), held_card(replace(row, card=row.next), self.keys, self.vetters)
        before = self._before(book, row.id, held)
        told = None if coming is None or before is None else book.announced(coming.card_fingerprint, before)
        if coming is None or told is None or (held is not None and held.card.sequence >= coming.card.sequence):
            return await self._saved(tx, replace(row, next=None)), None
        standing = self._standing(book, _Held(coming.card, coming.card_fingerprint), hour)
        if standing.state in (State.REVOKED, State.REPLACED):
            return await self._saved(tx, replace(row, next=None)), None
        if told + LIFT_HOURS > hour or standing.state is State.SUSPENDED:
            return row, max(told + LIFT_HOURS, standing.until or 0)
        await self._log_card(tx, row.id, coming.card_fingerprint, before or coming.card_fingerprint, hour)
        return await self._saved(tx, replace(row, card=row.next, next=None, verify_key=coming.card.verify_key)), None

    async def _saved(self, tx: Tx, row: PersonRow) -> PersonRow:
        """As it is stored now. Raises RosterMoved when somebody was first."""
        if not await tx.save_person(row):
            raise RosterMoved
        return replace(row, version=row.version + 1)

    async def _log_card(self, tx: Tx, person: str, card: str, before: str, hour: int) -> None:
        await tx.log(worker_leaf(self.keys, Entry(hour, EntryKind.CARD, self.keys.person_tag(person), card, before)))

    def _standing(self, book: Book, held: _Held, hour: int) -> Standing:
        """Of a card that is enrolled, or will be."""
        of = replace(book.of(held.fingerprint), enrolled=True)
        return standing_of(of, held.card.verify_key, self.vetters.ever, self.vetters.enough, hour)

    def _read(self, sealed: bytes) -> _Held | None:
        try:
            signed = open_card(self.keys, sealed)
            return _Held(parse_card(signed.card), signed.fingerprint())
        except (OpenError, SignedCardError, CardError):
            return None

    async def _whose(self, tx: Tx, card: str) -> tuple[str, _Held | None]:
        """The person who has this card, or will; "" = nobody."""
        for row in await tx.people():
            for sealed in (row.card, row.next):
                held = None if sealed is None else self._read(sealed)
                if held is not None and held.fingerprint == card:
                    return row.id, held
        return "", None


class RosterMoved(Exception):
    """Somebody else changed this person's row meanwhile: the transaction begins anew."""


def _news(kind: EntryKind, standing: Standing | None) -> News:
    """`standing`: of the card, with this statement."""
    if standing is None:
        return _NEWS[kind]
    if kind is EntryKind.REVOKE and standing.state is State.REVOKED:
        return News.DEAD
    stays = kind is EntryKind.SUSPEND and standing.state is State.SUSPENDED and standing.until is None
    return News.STAYS if stays else _NEWS[kind]


def _named(*cards: str) -> Sensitive[str]:
    """So that a vetter can say which card he means."""
    return Sensitive("\n".join(f"The card's fingerprint: {card}" for card in cards))


def status_of(member: Member, hour: int) -> str:
    """What the login looks at: active, suspended, revoked or expired."""
    expired = member.standing.state is State.ACTIVE and hour >= expiry(member.card)
    return EXPIRED if expired else member.standing.state.value


def expiry(card: Card) -> int:
    """The first whole hour in which the card holds no more."""
    after_last_day = datetime(card.expires.year, card.expires.month, card.expires.day, tzinfo=UTC) + timedelta(days=1)
    vetted_until = card.issued + timedelta(days=VETTING_DAYS)
    return min(int(after_last_day.timestamp()) // 3600, int(vetted_until.timestamp()) // 3600 + 1)
