"""The line's regions file (TIPLINE_REGIONS): where places lie and whose office is where. TOML; bot/data/practice.toml is an example.

regions  = [ { id, kind, parent (optional), names = [every spelling] }, … ]
agencies = [ { id, kind, region, parent (optional), names = [every spelling] }, … ]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from routing.fields import is_id
from routing.people import Agency, Atlas, House, Region, RegionKind

E = TypeVar("E", bound=StrEnum)

_TABLES = {"regions", "agencies"}
_PRACTICE_TABLES = {"practice", "officials", "people", "officers"}


class AtlasFileError(ValueError):
    """The regions file cannot be used. One plain sentence; it may name the file's own entries, which are public geography."""


def load_atlas(path: Path) -> Atlas:
    """Raises AtlasFileError, or routing's AtlasError where entries contradict each other."""
    try:
        world = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise AtlasFileError(f"the regions file {path} cannot be read") from None
    except UnicodeDecodeError:
        raise AtlasFileError(f"the regions file {path} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise AtlasFileError(f"the regions file {path} is not TOML: {error}") from None
    return read_atlas(world)


def read_atlas(world: Mapping[str, object]) -> Atlas:
    """Of a practice world only regions and agencies are read. Raises AtlasFileError, AtlasError."""
    unknown = world.keys() - _TABLES - (_PRACTICE_TABLES if world.get("practice") is True else set())
    if unknown:
        raise AtlasFileError(f"the regions file has an unknown table: {min(unknown)}")
    return Atlas(
        tuple(_region(_Entry("regions", n, entry)) for n, entry in enumerate(_list(world, "regions"), start=1)),
        tuple(_agency(_Entry("agencies", n, entry)) for n, entry in enumerate(_list(world, "agencies"), start=1)),
    )


def gazetteer_places(atlas: Atlas) -> dict[str, tuple[str, ...]]:
    """Every spelling of a place -> all regions that bear it: what triage looks for in a text."""
    places: dict[str, tuple[str, ...]] = {}
    for region in atlas.regions.values():
        for name in dict.fromkeys(region.names):
            places[name] = (*places.get(name, ()), region.id)
    return places


def agency_names(atlas: Atlas) -> dict[str, tuple[str, ...]]:
    """Every name of an agency -> the agencies that bear it."""
    agencies: dict[str, tuple[str, ...]] = {}
    for agency in atlas.agencies.values():
        for name in dict.fromkeys(agency.names):
            agencies[name] = (*agencies.get(name, ()), agency.id)
    return agencies


def _region(entry: _Entry) -> Region:
    entry.only("id", "kind", "parent", "names")
    return Region(entry.id(), entry.text_or_none("parent"), entry.one_of("kind", RegionKind), entry.texts("names"))


def _agency(entry: _Entry) -> Agency:
    entry.only("id", "kind", "region", "parent", "names")
    return Agency(entry.text("id"), entry.one_of("kind", House), entry.text("region"), entry.text_or_none("parent"), entry.texts("names"))


def _list(world: Mapping[str, object], table: str) -> list[object]:
    entries = world.get(table)
    if not isinstance(entries, list) or not entries:
        raise AtlasFileError(f"the regions file lacks {table}")
    return entries


class _Entry:
    """One entry of a table, read by type; complaints name the table, the entry's number and the field."""

    def __init__(self, table: str, number: int, entry: object) -> None:
        self._where = f"{table}, entry {number}"
        if not isinstance(entry, dict):
            raise AtlasFileError(f"{self._where}: not a table")
        self._fields: dict[str, object] = entry

    def only(self, *fields: str) -> None:
        for field in self._fields:
            if field not in fields:
                raise AtlasFileError(f"{self._where}: unknown field {field}")

    def text(self, field: str) -> str:
        value = self._fields.get(field)
        if not isinstance(value, str) or not value.strip():
            raise AtlasFileError(f"{self._where}: {field} must be a text")
        return value

    def id(self) -> str:
        value = self.text("id")
        if not is_id(value):
            raise AtlasFileError(f"{self._where}: id must be lower-case letters, digits and . _ : - only")
        return value

    def text_or_none(self, field: str) -> str | None:
        return self.text(field) if field in self._fields else None

    def texts(self, field: str) -> tuple[str, ...]:
        value = self._fields.get(field)
        if not isinstance(value, list) or not value or not all(isinstance(item, str) and item.strip() for item in value):
            raise AtlasFileError(f"{self._where}: {field} must be a list of texts")
        return tuple(value)

    def one_of(self, field: str, choices: type[E]) -> E:
        try:
            return choices(self.text(field))
        except AtlasFileError:
            raise
        except ValueError:
            raise AtlasFileError(f"{self._where}: {field} must be one of {', '.join(choices)}") from None
