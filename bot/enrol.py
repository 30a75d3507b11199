"""Keys and key cards of people: made on their own device, signed by two vetters with their own keys, enrolled by the operator, who can
neither sign nor read."""

from __future__ import annotations

import json
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from handlers.enrolment import Enrolment, NotPut, Put, RosterMoved
from handlers.letters import Letters
from handlers.parts import worker_leaf
from handlers.roster import CardRefused, Vetters, judge, read_book
from routing.cards import CardError, card_bytes, parse_card
from routing.people import Atlas, Card, Kin, Role
from sealing import age, signing
from sealing.card import SignedCard, SignedCardError, parse_signed_card
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.passphrase import PersonKey, lock, unlock
from storage.store import SqlStore

VETTED_DAYS = 365
SHORTEST_PASSPHRASE = 12
SHORTEST_QUIET, LONGEST_QUIET = 4, 64
INVITED = re.compile(r"\b[0-9a-f]{32}\b")


class EnrolError(Exception):
    """What an operator or vetter must mend, in one sentence without a person's details."""


@dataclass(frozen=True, slots=True)
class Public:
    """The public halves of one person, as `tipline keygen` writes them: JSON {"person","age","verify"}."""

    person: str
    age: str
    verify: str


def make_key(passphrase: str, person: str | None = None, quiet: str = "") -> tuple[str, Public]:
    """(armoured passphrase file, public halves). `person`: the id of an invitation. Raises EnrolError."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise EnrolError(f"The passphrase needs at least {SHORTEST_PASSPHRASE} characters; four random words are good.")
    if quiet and not (SHORTEST_QUIET <= len(quiet) <= LONGEST_QUIET and quiet.isprintable() and quiet.casefold() != passphrase.casefold()):
        raise EnrolError("The quiet word needs 4 to 64 characters in one line, and is not the passphrase.")
    return new_key(secrets.token_hex(16) if person is None else person, passphrase, quiet)


def new_key(person: str, passphrase: str, quiet: str = "") -> tuple[str, Public]:
    identity, recipient = age.generate()
    seed, verify = signing.generate()
    return lock(PersonKey(person, identity, seed, quiet), passphrase, secrets.token_bytes(48)), Public(person, recipient, verify)


def invitation() -> str:
    """What an invited person is given: an id that nobody else has, and what to do with it."""
    return (
        f"Tipline invitation\n\nperson: {secrets.token_hex(16)}\n\n"
        'Make your key on your own device, where nobody watches: at the line\'s desk under "I was invited", or with\n'
        "  tipline keygen NAME --invite THIS-FILE\n"
        "Keep NAME.key and its passphrase to yourself. Hand NAME.pub.json to the vetters, in person if you can.\n"
    )


def invited(file: Path) -> str:
    """The person id in an invitation. Raises EnrolError."""
    try:
        found = set(INVITED.findall(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        found = set()
    if len(found) != 1:
        raise EnrolError("The invitation is not one that `tipline roster invite` wrote.")
    return str(found.pop())


def read_public(file: Path) -> Public:
    """Raises EnrolError."""
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        public = Public(str(fields["person"]), str(fields["age"]), str(fields["verify"]))
        signing.fingerprint(public.verify)
        age.seal(b"", public.age)
    except (OSError, ValueError, KeyError, TypeError, age.SealError):
        raise EnrolError("The public file is not one that `tipline keygen` wrote.") from None
    return public


def draft(public: Public, details: Mapping[str, object], now: datetime) -> SignedCard:
    """An unsigned card from a person's public halves and the details that vetters checked (TOML). Raises EnrolError."""
    try:
        card = Card(
            person=public.person,
            name=_text(details, "name"),
            spellings=_texts(details, "spellings"),
            age_recipient=public.age,
            verify_key=public.verify,
            role=Role(_text(details, "role")),
            agency=_text(details, "agency"),
            past_agencies=_texts(details, "past_agencies"),
            home=_text(details, "home"),
            posting=_text(details, "posting"),
            past_postings=_texts(details, "past_postings"),
            kin=tuple(_kin(item) for item in _list(details, "kin")),
            conflicts=_texts(details, "conflicts"),
            languages=_texts(details, "languages"),
            child_clearance=details["child_clearance"] is True,
            capacity=int(str(details["capacity"])),
            founder=details.get("founder") is True,
            sequence=int(str(details.get("sequence", 1))),
            issued=now.astimezone(UTC).replace(microsecond=0),
            expires=_day(details, now),
        )
        return SignedCard(card_bytes(card))
    except KeyError as missing:
        raise EnrolError(f"The details lack {missing.args[0]}.") from None
    except (ValueError, TypeError, CardError):
        raise EnrolError("The details are not a key card's: look at docs/OPERATING.md for the fields.") from None


def read_details(file: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise EnrolError("The details are not a TOML file.") from None


def read_signed(file: Path) -> SignedCard:
    try:
        return parse_signed_card(file.read_bytes())
    except (OSError, SignedCardError):
        raise EnrolError(f"{file.name} is not a key card.") from None


def sign(signed: SignedCard, key_file: str, passphrase: str) -> SignedCard:
    """Adds one vetter's signature. Raises EnrolError for the holder himself or a wrong passphrase."""
    key = unlocked(key_file, passphrase)
    try:
        card = parse_card(signed.card)
    except CardError:
        raise EnrolError("This is not a key card.") from None
    if signing.public_of(key.sign_seed) == card.verify_key:
        raise EnrolError("Nobody signs his own card.")
    return signed.signed_by(key.sign_seed)


def unlocked(key_file: str, passphrase: str) -> PersonKey:
    """Raises EnrolError."""
    try:
        return unlock(key_file, passphrase)
    except age.OpenError:
        raise EnrolError("Wrong passphrase, or not a key file.") from None


async def enrol(
    signed: SignedCard, store: SqlStore, keys: WorkerKeys, vetters: Vetters, atlas: Atlas, now: datetime, *, practice: bool
) -> int | None:
    """Stores one card, sealed to the roster key, with its custody entry. Returns the hour from which it counts, where that is not at once.
    Raises EnrolError and changes nothing."""
    try:
        member = judge(signed, vetters)
    except CardRefused as refused:
        raise EnrolError(f"Refused: {refused}.") from None
    _check(member.card, atlas, now, practice=practice)
    enrolment = enrolment_at(now, keys, vetters)
    put: Put | NotPut
    try:
        async with store.begin() as tx:
            put = await enrolment.put(tx, signed, member, int(now.timestamp()) // 3600)
    except RosterMoved:
        put = NotPut.MOVED
    if isinstance(put, NotPut):
        raise EnrolError(NOT_PUT[put])
    if put.replaced is not None:
        vetters.log.dead.replace([put.replaced])
    return put.at


def enrolment_at(now: datetime, keys: WorkerKeys, vetters: Vetters) -> Enrolment:
    return Enrolment(keys, vetters, Letters(vetters, _Moment(int(now.timestamp() * 1000)), _Chance()))


async def take_lists(store: SqlStore, keys: WorkerKeys, vetters: Vetters, hour: int) -> None:
    """An entry for each list of vetters that the log does not have. Raises EnrolError where the log, or what the line remembers, has one
    that the chain has not: then the lists on disk are older than those that the line has followed."""
    added = list[bytes]()
    async with store.begin() as tx:
        taken = (await read_book(tx, keys, vetters)).vetter_lists()
        if not set(taken) <= set(vetters.lists[1:]):
            raise EnrolError("TIPLINE_VETTERS lacks a list of vetters that this line has followed: bring back the newest ones.")
        for named in vetters.lists[1:]:
            if named not in taken:
                added.append(worker_leaf(keys, Entry(hour, EntryKind.VETTERS, "", named, "")))
                await tx.log(added[-1])
    for leaf in added:
        vetters.log.dead.add_leaf(leaf)


NOT_PUT = {
    NotPut.KEYS: "Refused: a key of this card is on another person's card; everybody makes a key of his own (tipline keygen).",
    NotPut.ENROLLED: "Refused: this card is enrolled already; a new card needs the next number.",
    NotPut.NUMBER: "Refused: a card with this or a higher sequence number is enrolled; a new card needs the next number.",
    NotPut.ANNOUNCED: "Refused: this card is announced already, and counts a week after that.",
    NotPut.DEAD: "Refused: this card was revoked, or another took its place.",
    NotPut.MOVED: "The roster changed meanwhile; load the card again.",
}


@dataclass(frozen=True, slots=True)
class _Moment:
    """handlers.ports.Clock of one command."""

    at: int

    def now_ms(self) -> int:
        return self.at


class _Chance:
    """handlers.ports.Entropy."""

    def draw(self, n: int) -> bytes:
        return secrets.token_bytes(n)


def _check(card: Card, atlas: Atlas, now: datetime, *, practice: bool) -> None:
    today = now.astimezone(UTC).date()
    if card.practice is not practice:
        raise EnrolError("Refused: practice cards are for a practice line, and no others are.")
    if card.issued > now + timedelta(hours=1) or card.issued < now - timedelta(days=VETTED_DAYS) or card.expires < today:
        raise EnrolError("Refused: the card is expired, older than a year, or dated in the future.")
    places = {card.home, card.posting, *card.past_postings, *(kin.region for kin in card.kin if kin.region)}
    offices = {card.agency, *card.past_agencies, *(kin.agency for kin in card.kin if kin.agency)}
    if not places <= atlas.regions.keys() or not offices <= atlas.agencies.keys():
        raise EnrolError("Refused: the card names a region or an agency that the line's regions file does not have.")
    try:
        age.seal(b"", card.age_recipient)
    except age.SealError:
        raise EnrolError("Refused: nothing can be sealed to the card's age key.") from None


def _text(details: Mapping[str, object], name: str) -> str:
    value = details[name]
    if not isinstance(value, str):
        raise TypeError
    return value


def _list(details: Mapping[str, object], name: str) -> list[object]:
    value = details.get(name, [])
    if not isinstance(value, list):
        raise TypeError
    return value


def _texts(details: Mapping[str, object], name: str) -> tuple[str, ...]:
    return tuple(str(item) for item in _list(details, name))


def _kin(item: object) -> Kin:
    if not isinstance(item, dict):
        raise TypeError
    region, agency = item.get("region"), item.get("agency")
    return Kin(str(item["name"]), None if region is None else str(region), None if agency is None else str(agency))


def _day(details: Mapping[str, object], now: datetime) -> date:
    value = details.get("expires")
    return value if isinstance(value, date) else (now + timedelta(days=VETTED_DAYS)).date()
