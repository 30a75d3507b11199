"""The dated table of countries: where Twilio's texts cannot be answered, where Telegram is blocked. Data, since it changes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import phonenumbers

from bot.finding import Finding, look, mend, ok, unknown

TABLE = Path(__file__).resolve().parent / "data" / "countries.toml"
STALE_DAYS = 365


@dataclass(frozen=True, slots=True)
class Country:
    """`code`: ISO 3166-1, two letters."""

    code: str
    name: str
    two_way: bool
    sender_kept: bool
    telegram_blocked: bool
    note: str
    source: str

    @property
    def text(self) -> str:
        """In one line."""
        return " ".join(
            [
                f"{self.name} ({self.code}): Twilio's SMS {'takes answers' if self.two_way else 'is one-way, nobody can write to a line'}.",
                *(["People see another sender than the line's number."] if not self.sender_kept else []),
                *(["Telegram is blocked."] if self.telegram_blocked else []),
                *([self.note] if self.note else []),
            ]
        )


@dataclass(frozen=True, slots=True)
class Countries:
    """`checked`: when the pages were read. `everywhere`: what holds in every country."""

    checked: date
    everywhere: tuple[str, ...]
    by_code: Mapping[str, Country]

    def lines(self) -> list[str]:
        """All of it, for a person."""
        rows = [f"{country.text} {country.source}" for country in self.by_code.values()]
        return [f"Checked on {self.checked:%d %B %Y}. A country that is not here is not known.", *self.everywhere, *rows]


def load_countries(file: Path = TABLE) -> Countries:
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    return Countries(
        table["checked"],
        tuple(f"{entry['text']} {entry['source']}" for entry in table["everywhere"]),
        {code: _country(code, entry) for code, entry in sorted(table["country"].items())},
    )


def _country(code: str, entry: Mapping[str, Any]) -> Country:
    return Country(
        code,
        entry["name"],
        entry["two_way"],
        entry.get("sender") != "overwritten",
        entry.get("telegram") == "blocked",
        entry.get("note", ""),
        entry["source"],
    )


def of_number(countries: Countries, number: str, *, telegram: bool, today: date) -> list[Finding]:
    """What the table says of the country of the line's own number (E.164). `telegram`: whether the line uses it."""
    topic = "country"
    code = phonenumbers.region_code_for_number(phonenumbers.parse(number, None))
    old = [look(topic, f"The table of countries is {(today - countries.checked).days} days old.")]
    found = old if (today - countries.checked).days > STALE_DAYS else []
    country = countries.by_code.get(code or "")
    if country is None:
        return [*found, unknown(topic, f"{code or 'The number'} is not in the table of countries: look at Twilio's guidelines for it.")]
    if not country.two_way:
        return [*found, mend(topic, f"{country.text} Use a phone with a local SIM: docs/GATEWAY.md.")]
    if not country.sender_kept or (telegram and country.telegram_blocked):
        return [*found, look(topic, country.text)]
    return [*found, ok(topic, country.text)]
