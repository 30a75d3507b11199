"""Strict JSON of signed and sealed values: one value has one byte string, and anything else is refused without repeating it.

Compact UTF-8, keys in a fixed order, "v":1 and "kind" first. Times are ISO 8601 UTC to the second with Z, dates ISO 8601. Parsers read the
fields by type and then compare the bytes with what they would write: so duplicate keys, spaces, other orders and escapes are refused too.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar

E = TypeVar("E", bound=StrEnum)

VERSION = 1
LARGEST = 1 << 22
LONGEST_NAME = 200
LONGEST_KEY = 4096
_ID = re.compile(r"[0-9a-z][0-9a-z._:-]{0,63}", re.ASCII)
_KEY = re.compile(r"[!-~]+", re.ASCII)


class FieldsError(ValueError):
    """Not these fields. Says which, never what stands in them."""


def write(kind: str, fields: Mapping[str, object]) -> bytes:
    """Raises FieldsError where a text cannot be written as UTF-8."""
    try:
        return json.dumps({"v": VERSION, "kind": kind, **fields}, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError):
        raise FieldsError(f"{kind} cannot be written") from None


def read(data: bytes, kind: str, keys: Sequence[str], largest: int = LARGEST) -> Fields:
    """`keys`: all that must be there besides "v" and "kind", and nothing else. Raises FieldsError."""
    if len(data) > largest:
        raise FieldsError(f"{kind} is too large")
    try:
        parsed = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise FieldsError(f"{kind} is not JSON") from None
    fields = Fields(parsed, ("v", "kind", *keys))
    if fields.whole("v", 1) != VERSION or fields.text("kind") != kind:
        raise FieldsError(f"not {kind}, or of another version")
    return fields


def moment_text(moment: datetime) -> str:
    """Raises FieldsError for a time without zone or with parts of a second."""
    if moment.tzinfo is None or moment.microsecond:
        raise FieldsError("a time lacks its zone or has parts of a second")
    try:
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    except OverflowError:
        raise FieldsError("a time is out of range") from None


class Fields:
    """A JSON object with exactly these keys, read by type. Every method raises FieldsError naming the key."""

    def __init__(self, parsed: object, keys: Sequence[str]) -> None:
        if not isinstance(parsed, dict) or set(parsed) != set(keys):
            raise FieldsError("keys are missing or unknown")
        self._parsed: dict[str, object] = parsed

    def text(self, key: str) -> str:
        """A name: not empty, no control characters."""
        return _name(key, self._parsed[key])

    def id(self, key: str) -> str:
        return _id(key, self._parsed[key])

    def id_or_none(self, key: str) -> str | None:
        return None if self._parsed[key] is None else self.id(key)

    def key(self, key: str) -> str:
        """A public key: printable ASCII."""
        value = self._parsed[key]
        if not isinstance(value, str) or len(value) > LONGEST_KEY or not _KEY.fullmatch(value):
            raise FieldsError(f"{key} is not a key")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(_name(key, item) for item in self._list(key))

    def ids(self, key: str) -> tuple[str, ...]:
        return tuple(_id(key, item) for item in self._list(key))

    def flag(self, key: str) -> bool:
        value = self._parsed[key]
        if not isinstance(value, bool):
            raise FieldsError(f"{key} is not true or false")
        return value

    def whole(self, key: str, least: int) -> int:
        value = self._parsed[key]
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise FieldsError(f"{key} is not a whole number of {least} or more")
        return value

    def chance(self, key: str) -> float:
        value = self._parsed[key]
        if not isinstance(value, float) or not 0 <= value <= 1:
            raise FieldsError(f"{key} is not a chance")
        return value

    def moment(self, key: str) -> datetime:
        try:
            return datetime.fromisoformat(self.text(key).removesuffix("Z")).replace(tzinfo=UTC)
        except ValueError:
            raise FieldsError(f"{key} is not a time") from None

    def day(self, key: str) -> date:
        try:
            return date.fromisoformat(self.text(key))
        except ValueError:
            raise FieldsError(f"{key} is not a date") from None

    def one_of(self, key: str, choices: type[E]) -> E:
        return _choice(key, self._parsed[key], choices)

    def some_of(self, key: str, choices: type[E]) -> tuple[E, ...]:
        return tuple(_choice(key, item, choices) for item in self._list(key))

    def each(self, key: str, keys: Sequence[str]) -> tuple[Fields, ...]:
        return tuple(Fields(item, keys) for item in self._list(key))

    def part(self, key: str, keys: Sequence[str]) -> Fields:
        """An object inside, with exactly these keys."""
        return Fields(self._parsed[key], keys)

    def wholes(self, key: str, below: int) -> tuple[int, ...]:
        """Numbers from 0 on."""
        values = tuple(value for value in self._list(key) if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < below)
        if len(values) != len(self._list(key)):
            raise FieldsError(f"{key} are not whole numbers below {below}")
        return values

    def chances(self, key: str) -> tuple[float, ...]:
        values = tuple(value for value in self._list(key) if isinstance(value, float) and 0 <= value <= 1)
        if len(values) != len(self._list(key)):
            raise FieldsError(f"{key} are not chances")
        return values

    def _list(self, key: str) -> list[object]:
        value = self._parsed[key]
        if not isinstance(value, list):
            raise FieldsError(f"{key} is not a list")
        return value


def _name(key: str, value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or any(unicodedata.category(c) in {"Cc", "Cs"} for c in value):
        raise FieldsError(f"{key} is not a text")
    return value


def is_id(value: str) -> bool:
    """Lower-case letters, digits and . _ : - ; 64 at most. Ids of the regions file too, or no card could name them."""
    return _ID.fullmatch(value) is not None


def _id(key: str, value: object) -> str:
    if not isinstance(value, str) or not is_id(value):
        raise FieldsError(f"{key} is not an id")
    return value


def _choice(key: str, value: object, choices: type[E]) -> E:
    try:
        return choices(str(value))
    except ValueError:
        raise FieldsError(f"{key} is none of the choices") from None
