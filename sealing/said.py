"""What people of the line say at the desk, apart from answers, such as how a case ended or a tie; and what the line writes to vetters.
Padded JSON with "v":1 and "kind", like all plaintexts; sealed to the gate key, the delivery key, or a vetter."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum

from sealing.age import OpenError, padded_json, read_json
from triage.sensitive import Sensitive

LONGEST = 2_000
"""Code points of a free text."""


class Ending(StrEnum):
    """How a case ended, as its reader says."""

    PERSON_SAFE = "person_safe"
    CHARGED = "charged"
    REFERRED = "referred"
    NOT_FOUND = "not_found"
    WITHDREW = "withdrew"
    DUPLICATE = "duplicate"
    OTHER_HELP = "other_help"
    FAILED_UNKNOWN = "failed_unknown"
    COMPROMISED = "compromised"
    UNFOUNDED = "unfounded"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`contact` = SHA-256 of the case's newest contact envelope, `inner` = what is under its outer lock, S delivery: the worker cannot open
    it by itself, and asks the source whether anyone helped. Empty = the case has none."""

    case: str
    ending: Ending
    contact: str = ""
    inner: bytes = b""


@dataclass(frozen=True, slots=True)
class Tie:
    """A tie that a reader adds himself, in his own words."""

    person: str
    text: Sensitive[str]


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a reader told of the case by word of mouth: an agency of the line's file, or a kind of office; exactly one of them. `day`: since
    1970 UTC."""

    case: str
    agency: str
    house: str
    day: int


@dataclass(frozen=True, slots=True)
class Letter:
    """What a vetter must know: a code; where it helps, the case's or a person's random id; a text that somebody wrote for vetters."""

    code: str
    case: str
    person: str
    text: Sensitive[str]


@dataclass(frozen=True, slots=True)
class Push:
    """Where a person wants notices; an empty address = nowhere."""

    person: str
    channel: str
    address: Sensitive[str]


def outcome(value: Outcome) -> bytes:
    reach = {"contact": value.contact, "inner": base64.b64encode(value.inner).decode()} if value.contact else {}
    return padded_json({"v": 1, "kind": "outcome", "case": value.case, "outcome": value.ending.value, **reach})


def read_outcome(plaintext: bytes) -> Outcome:
    """Raises OpenError."""
    fields = read_json(plaintext, "outcome")
    try:
        inner = base64.b64decode(str(fields.get("inner", "")), validate=True)
        return Outcome(str(fields["case"]), Ending(str(fields["outcome"])), str(fields.get("contact", "")), inner)
    except (KeyError, ValueError, binascii.Error):
        raise OpenError("not an outcome") from None


def tie(value: Tie) -> bytes:
    return padded_json({"v": 1, "kind": "tie", "person": value.person, "text": value.text.reveal()})


def read_tie(plaintext: bytes) -> Tie:
    """Raises OpenError."""
    fields = read_json(plaintext, "tie")
    text = fields.get("text")
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST:
        raise OpenError("not a tie")
    return Tie(str(fields.get("person", "")), Sensitive(text))


def told(value: Told) -> bytes:
    return padded_json({"v": 1, "kind": "told", "case": value.case, "agency": value.agency, "house": value.house, "day": value.day})


def read_told(plaintext: bytes) -> Told:
    """Raises OpenError."""
    fields = read_json(plaintext, "told")
    case, agency, house, day = (fields.get(name) for name in ("case", "agency", "house", "day"))
    if not (isinstance(case, str) and isinstance(agency, str) and isinstance(house, str) and type(day) is int and day >= 0):
        raise OpenError("not a told")
    if bool(agency) == bool(house):
        raise OpenError("not a told")
    return Told(case, agency, house, day)


def push(value: Push) -> bytes:
    return padded_json({"v": 1, "kind": "push", "person": value.person, "channel": value.channel, "address": value.address.reveal()})


def read_push(plaintext: bytes) -> Push:
    """Raises OpenError."""
    fields = read_json(plaintext, "push")
    person, channel, address = (fields.get(name) for name in ("person", "channel", "address"))
    if not (isinstance(person, str) and isinstance(channel, str) and isinstance(address, str)):
        raise OpenError("not a push")
    return Push(person, channel, Sensitive(address))


def letter(value: Letter) -> bytes:
    fields = {"code": value.code, "case": value.case, "person": value.person, "text": value.text.reveal()}
    return padded_json({"v": 1, "kind": "letter", **fields})


def read_letter(plaintext: bytes) -> Letter:
    """Raises OpenError."""
    fields = read_json(plaintext, "letter")
    code, case, person, text = (str(fields.get(name, "")) for name in ("code", "case", "person", "text"))
    return Letter(code, case, person, Sensitive(text))
