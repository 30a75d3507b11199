"""Keys and key cards of people: made on their own device, signed by two vetters with their own keys, enrolled by the operator, who can
neither sign nor read."""

from __future__ import annotations

import json
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from handlers.parts import worker_leaf
from handlers.roster import ACTIVE, CardRefused, Vetters, judge, read_member
from routing.cards import CardError, card_bytes, parse_card
from routing.people import Atlas, Card, Kin, Role
from sealing import age, signing
from sealing.card import SignedCard, SignedCardError, parse_signed_card
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.passphrase import PersonKey, lock, unlock
from sealing.rows import PersonRow, Purpose
from storage.store import SqlStore

VETTED_DAYS = 365
SHORTEST_PASSPHRASE = 12


class EnrolError(Exception):
    """What an operator or vetter must mend, in one sentence without a person's details."""


@dataclass(frozen=True, slots=True)
class Public:
    """The public halves of one person, as `tipline keygen` writes them: JSON {"person","age","verify"}."""

    person: str
    age: str
    verify: str


def make_key(passphrase: str) -> tuple[str, Public]:
    """(armoured passphrase file, public halves). Raises EnrolError."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise EnrolError(f"The passphrase needs at least {SHORTEST_PASSPHRASE} characters; four random words are good.")
    return new_key(secrets.token_hex(16), passphrase)


def new_key(person: str, passphrase: str) -> tuple[str, Public]:
    identity, recipient = age.generate()
    seed, verify = signing.generate()
    return lock(PersonKey(person, identity, seed), passphrase, secrets.token_bytes(48)), Public(person, recipient, verify)


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
    try:
        key = unlock(key_file, passphrase)
        card = parse_card(signed.card)
    except age.OpenError:
        raise EnrolError("Wrong passphrase, or not a key file.") from None
    except CardError:
        raise EnrolError("This is not a key card.") from None
    if signing.public_of(key.sign_seed) == card.verify_key:
        raise EnrolError("Nobody signs his own card.")
    return signed.signed_by(key.sign_seed)


async def enrol(
    signed: SignedCard, store: SqlStore, keys: WorkerKeys, vetters: Vetters, atlas: Atlas, now: datetime, *, practice: bool
) -> None:
    """Stores one card, sealed to the roster key, with a custody entry. Raises EnrolError and changes nothing."""
    try:
        member = judge(signed, vetters)
    except CardRefused as refused:
        raise EnrolError(f"Refused: {refused}.") from None
    card = member.card
    _check(card, atlas, now, practice=practice)
    _, sealed = keys.seal(Purpose.ROSTER, signed.to_bytes())
    async with store.begin() as tx:
        stored = await tx.person(card.person)
        held = None if stored is None else read_member(stored, keys, vetters)
        if stored is not None and (held is None or held.card.sequence >= card.sequence):
            raise EnrolError("Refused: a card with this or a higher sequence number is enrolled; a new card needs the next number.")
        row = PersonRow(card.person, ACTIVE, 0 if stored is None else stored.version, card.verify_key, sealed, None)
        if not await tx.save_person(row):
            raise EnrolError("The roster changed meanwhile; load the card again.")
        hour = int(now.timestamp()) // 3600
        await tx.log(worker_leaf(keys, Entry(hour, EntryKind.CARD, "", member.card_fingerprint, member.card_fingerprint)))


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
