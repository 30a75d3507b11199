"""The bytes of a key card: what two vetters sign and what is stored, sealed. Final: another form is another "v".

    {"v":1,"kind":"card","person":id,"name":text,"spellings":[text],"age_recipient":text,"verify_key":text,"role":"handler"|"lead"|"trustee"|"auditor",
     "agency":id,"past_agencies":[id],"home":id,"posting":id,"past_postings":[id],"kin":[{"name":text,"region":id|null,"agency":id|null}],
     "conflicts":[text],"languages":[text],"child_clearance":bool,"capacity":n,"founder":bool,"sequence":n>=1,
     "issued":"2026-05-01T08:00:00Z","expires":"2027-05-01","practice":bool}

`expires` is the last day (UTC) on which the card holds. Ids are of persons, agencies and regions. The two keys are checked by whoever uses
them (sealing): a card is not refused here because a new type of recipient appeared.
"""

from __future__ import annotations

import hashlib

from routing.fields import Fields, FieldsError, moment_text, read, write
from routing.people import Card, Kin, Role

KIND = "card"
LARGEST = 1 << 16
_KEYS = (
    "person", "name", "spellings", "age_recipient", "verify_key", "role", "agency", "past_agencies", "home", "posting", "past_postings",
    "kin", "conflicts", "languages", "child_clearance", "capacity", "founder", "sequence", "issued", "expires", "practice",
)  # fmt: skip
_KIN_KEYS = ("name", "region", "agency")


class CardError(ValueError):
    """Not a key card. Carries no content."""


def card_bytes(card: Card) -> bytes:
    """Raises CardError for a card that would not come back the same: an empty name, a time without zone, an id with a space."""
    try:
        data = _written(card)
        same = _read(data) == card
    except FieldsError:
        raise CardError("this card cannot be written") from None
    if not same:
        raise CardError("this card would not come back the same")
    return data


def parse_card(data: bytes) -> Card:
    """Raises CardError for anything but the exact bytes that card_bytes writes."""
    if len(data) > LARGEST:
        raise CardError("too large for a key card")
    try:
        card = _read(data)
        same = _written(card) == data
    except FieldsError:
        raise CardError("not a key card") from None
    if not same:
        raise CardError("not the one way to write this key card")
    return card


def fingerprint(data: bytes) -> str:
    """Hex SHA-256 of a card's exact bytes: names this very card in gate files and custody entries."""
    return hashlib.sha256(data).hexdigest()


def ties(card: Card) -> frozenset[tuple[str, str]]:
    """Everything on a card that can keep its holder from a tip, as routing takes it together: a home is no other tie than a posting. A card
    with all of these and more excludes from all that this one does."""
    kin = [(kind, value) for k in card.kin for kind, value in (("kin", k.name), ("kin there", k.region), ("kin in", k.agency)) if value]
    return frozenset(
        [
            *kin,
            *(("name", name) for name in (card.name, *card.spellings)),
            *(("office", agency) for agency in (card.agency, *card.past_agencies)),
            *(("place", region) for region in (card.home, card.posting, *card.past_postings)),
            *(("conflict", name) for name in card.conflicts),
        ]
    )


def _written(card: Card) -> bytes:
    fields: dict[str, object] = {key: getattr(card, key) for key in _KEYS}
    fields["kin"] = [{"name": kin.name, "region": kin.region, "agency": kin.agency} for kin in card.kin]
    fields["issued"] = moment_text(card.issued)
    fields["expires"] = card.expires.isoformat()
    return write(KIND, fields)


def _read(data: bytes) -> Card:
    fields = read(data, KIND, _KEYS)
    card = Card(
        person=fields.id("person"),
        name=fields.text("name"),
        spellings=fields.texts("spellings"),
        age_recipient=fields.key("age_recipient"),
        verify_key=fields.key("verify_key"),
        role=fields.one_of("role", Role),
        agency=fields.id("agency"),
        past_agencies=fields.ids("past_agencies"),
        home=fields.id("home"),
        posting=fields.id("posting"),
        past_postings=fields.ids("past_postings"),
        kin=tuple(_kin(item) for item in fields.each("kin", _KIN_KEYS)),
        conflicts=fields.texts("conflicts"),
        languages=fields.texts("languages"),
        child_clearance=fields.flag("child_clearance"),
        capacity=fields.whole("capacity", 0),
        founder=fields.flag("founder"),
        sequence=fields.whole("sequence", 1),
        issued=fields.moment("issued"),
        expires=fields.day("expires"),
        practice=fields.flag("practice"),
    )
    if card.expires < card.issued.date():
        raise FieldsError("the card expires before it was issued")
    return card


def _kin(fields: Fields) -> Kin:
    return Kin(fields.text("name"), fields.id_or_none("region"), fields.id_or_none("agency"))
