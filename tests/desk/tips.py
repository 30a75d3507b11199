"""Made-up investigators and tips, with real keys."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from routing.cards import card_bytes, fingerprint
from routing.people import Card, Kin, Role
from sealing import age, passphrase, signing
from triage.language import Translation
from triage.sensitive import Sensitive
from triage.tip import AgencyKind, Asked, Assessment, Child, Form, Kind, Of, Official, PlaceMention, Reason, Relation, Urgency

NOTHING_FOUND = Assessment(Urgency.GENERAL_TIP, (), Child.UNKNOWN, (), (), (), (), (), False, False, False, True)


def random_id() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Reader:
    """A made-up investigator: private halves, public halves, key card, and his passphrase file."""

    key: passphrase.PersonKey
    name: str
    agency: str
    spoken: str
    file: str
    card: bytes

    @property
    def recipient(self) -> str:
        return age.recipient_of(self.key.identity)

    @property
    def verify_key(self) -> str:
        return signing.public_of(self.key.sign_seed)

    @property
    def card_fingerprint(self) -> str:
        return fingerprint(self.card)


def new_reader(name: str, agency: str, quiet: str = "") -> Reader:
    key = passphrase.PersonKey(random_id(), age.generate()[0], signing.generate()[0], quiet)
    spoken = "three quiet otters"
    return Reader(key, name, agency, spoken, passphrase.lock(key, spoken, os.urandom(48)), card_bytes(card_of(key, name)))


def card_of(key: passphrase.PersonKey, name: str) -> Card:
    return Card(
        person=key.person,
        name=name,
        spellings=(),
        age_recipient=age.recipient_of(key.identity),
        verify_key=signing.public_of(key.sign_seed),
        role=Role.HANDLER,
        agency="harbour-trust",
        past_agencies=(),
        home="puerto-alondra",
        posting="villa-maravel",
        past_postings=("penalta", "santa-brisa"),
        kin=(Kin("Rosa Práctica", "rio-quieto", "police-ln"), Kin("أمل", None, None)),
        conflicts=("Ferry Lines of the Calm Sea",),
        languages=("en", "es"),
        child_clearance=False,
        capacity=4,
        founder=False,
        sequence=3,
        issued=datetime(2026, 11, 1, 8, tzinfo=UTC),
        expires=date(2027, 11, 1),
        practice=True,
    )


@dataclass(frozen=True, slots=True)
class Told:
    """One message of a source, as triage and translation would leave it."""

    text: str
    language: str = "es"
    translation: Translation | None = None
    found: Assessment = NOTHING_FOUND
    asked: Asked | None = None
    form: Form = Form.TEXT
    media: int = 0


def reason(code: str, text: str, words: str, of: str = "original") -> Reason:
    """The first place where `words` stand in `text`."""
    start = text.index(words)
    return Reason(code, words, start, start + len(words), Of(of))


def translated(text: str, *, trusted: bool = False, quality: str = "practice") -> Translation:
    return Translation(Sensitive(text), "translate-es_en-1_9", quality, 38.0, trusted)


def spanish_tip() -> Told:
    """A fictional tip with what triage would find in it; an emoji stands before the marks, since offsets are code points."""
    text = "🙏 Por favor ayuda, mi hermana está encerrada en una casa en Puerto Esperanza. El jefe de policía Ramos lo protege."
    english = "Please help, my sister is locked in a house in Puerto Esperanza. Chief of police Ramos protects it."
    found = replace(
        NOTHING_FOUND,
        urgency=Urgency.ASKS_HELP,
        kinds=(Kind.SEX_TRAFFICKING,),
        officials=(_ramos(),),
        places=(PlaceMention("Puerto Esperanza", ("mx-pes",), text.index("Puerto"), text.index("Puerto") + 16, Of.ORIGINAL),),
        reasons=(
            reason("help.asks", text, "Por favor ayuda"),
            reason("danger.locked_in", text, "encerrada"),
            reason("official.police", text, "jefe de policía"),
            reason("relation.protector", text, "lo protege"),
            reason("danger.locked_in", english, "locked in", "translation"),
        ),
    )
    return Told(text, "es", translated(english), found)


def _ramos() -> Official:
    return Official(AgencyKind.POLICE, "Puerto Esperanza", "Ramos", Relation.PROTECTOR, negated=False)
