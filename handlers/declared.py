"""The duty hours that a person declared, as his row keeps them: with the entry that he signed, sealed to the roster key under the worker's
own MAC, so that hours which somebody writes into the database count for nothing."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from routing.duty import Duty, DutyError, parse_duty
from sealing.age import OpenError
from sealing.custody import EntryError, read_leaf
from sealing.keyring import WorkerKeys
from sealing.rows import PersonRow


@dataclass(frozen=True, slots=True)
class Declared:
    """`hour`: since 1970 UTC, as he signed it."""

    duty: Duty
    hour: int


def seal_declared(keys: WorkerKeys, person: str, duty: bytes, leaf: bytes) -> bytes:
    """`duty`, `leaf`: the exact bytes of his hours, and of his entry in the custody log."""
    return keys.seal_duty(person, duty + b"\n" + base64.b64encode(leaf))


def declared(row: PersonRow, keys: WorkerKeys) -> Declared | None:
    """None when he has declared nothing, or the row is not what the worker wrote for him."""
    if row.duty is None:
        return None
    try:
        duty, _, leaf = keys.open_duty(row.id, row.duty).partition(b"\n")
        return Declared(parse_duty(duty), read_leaf(base64.b64decode(leaf, validate=True))[0].hour)
    except (OpenError, DutyError, EntryError, binascii.Error):
        return None


def hours_of(row: PersonRow, keys: WorkerKeys) -> Duty | None:
    found = declared(row, keys)
    return None if found is None else found.duty
