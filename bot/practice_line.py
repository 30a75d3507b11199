"""A practice line: invented investigators with keys of their own, signed by two invented vetters, in a folder beside TIPLINE_HOME."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bot.atlas import load_atlas
from bot.enrol import enrol, new_key
from bot.files import pinned_vetters
from bot.keyrings import SECRETS
from bot.practice_roster import practice_cards, practice_people
from bot.run import claim_home
from bot.settings import Settings
from bot.wiring import PracticeToken
from routing.cards import card_bytes, parse_card
from routing.people import Atlas, Card, Role
from sealing import signing
from sealing.card import SignedCard
from sealing.keyring import load_worker
from sealing.passphrase import PersonKey, unlock
from storage.engine import open_database
from storage.store import SqlStore
from triage.sensitive import Sensitive

WORLD = Path(__file__).resolve().parent / "data" / "practice.toml"
KNOWN_WORD = "practice"
"""Opens every practice investigator's key file, and is known to everybody: these keys protect nothing."""


@dataclass(frozen=True, slots=True)
class PracticeLine:
    """A practice line on disk, ready to start. `cards` by person id."""

    settings: Settings
    token: PracticeToken
    cards: Mapping[str, Card]
    atlas: Atlas

    def key_of(self, person: str) -> PersonKey:
        """The private halves of one practice investigator."""
        return unlock(next(p["file"] for p in self._listed("people") if p["person"] == person), KNOWN_WORD)

    def officers(self, role: Role) -> list[PersonKey]:
        """Those of the practice trustees, or auditors; none of a line that an earlier version made."""
        return [unlock(p["file"], KNOWN_WORD) for p in self._listed("officers") if p["role"] == role.value]

    def _listed(self, which: str) -> list[dict[str, str]]:
        listed: list[dict[str, str]] = json.loads(self.token.people_file.read_text(encoding="utf-8")).get(which, [])
        return listed


def people_folder(home: Path) -> Path:
    return home.with_name(home.name + "-people")


def with_files(settings: Settings) -> Settings:
    """The practice world's regions, and vetters of its own."""
    return replace(settings, regions=WORLD, vetters=people_folder(settings.home) / "vetters.json")


def practice_line(settings: Settings) -> PracticeLine:
    """Makes the roster when the folder is new, else uses what is there. `settings` by with_files; the line is prepared (run.prepare).
    Raises StartError, before anybody is enrolled, when the home is a real line's."""
    claim_home(settings)
    folder = people_folder(settings.home)
    people_file = folder / "people.json"
    token = PracticeToken(Sensitive(secrets.token_urlsafe(24)), people_file)
    if settings.regions is None or settings.vetters is None:
        raise ValueError("settings by with_files")
    atlas = load_atlas(settings.regions)
    if not people_file.exists():
        _make(settings, folder, people_file, settings.vetters, atlas)
    cards = json.loads((folder / "cards.json").read_text(encoding="utf-8"))
    read = [parse_card(text.encode()) for text in cards]
    return PracticeLine(settings, token, {card.person: card for card in read}, atlas)


def _make(settings: Settings, folder: Path, people_file: Path, vetters_file: Path, atlas: Atlas) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    world = tomllib.loads(WORLD.read_text(encoding="utf-8"))
    now = datetime.now(UTC)
    named = [*practice_people(world), *practice_people(world, "officers")]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = list(pool.map(lambda person: new_key(person, KNOWN_WORD), named))
    keys = {public.person: (public.age, public.verify) for _, public in made}
    cards, officers = (practice_cards(world, now.date(), keys, listed) for listed in ("people", "officers"))
    vetters = [signing.generate() for _ in range(2)]
    _write(
        vetters_file,
        {"vetters": [{"name": f"Practice vetter {n}", "agency": f"practice house {n}", "verify": v} for n, (_, v) in enumerate(vetters)]},
    )
    asyncio.run(_enrol(settings, vetters_file, atlas, [_signed(card, vetters) for card in (*cards, *officers)], now))
    _write(folder / "cards.json", [card_bytes(card).decode() for card in cards])
    files = {public.person: key for key, public in made}
    shown = {name: [_shown(card, files, atlas) for card in some] for name, some in (("people", cards), ("officers", officers))}
    _write(people_file, shown)


def _signed(card: Card, vetters: list[tuple[str, str]]) -> SignedCard:
    signed = SignedCard(card_bytes(card))
    for seed, _ in vetters:
        signed = signed.signed_by(seed)
    return signed


async def _enrol(settings: Settings, vetters_file: Path, atlas: Atlas, signed: list[SignedCard], now: datetime) -> None:
    async with open_database(settings.database_url.reveal()) as database:
        store, keys, vetters = (
            SqlStore(database),
            load_worker(settings.home / SECRETS / "worker"),
            pinned_vetters(settings, vetters_file),
        )
        for card in signed:
            await enrol(card, store, keys, vetters, atlas, now, practice=True)


def _shown(card: Card, files: Mapping[str, str], atlas: Atlas) -> dict[str, str]:
    agency = atlas.agencies[card.agency]
    name = (agency.names or (agency.id,))[0]
    file = files[card.person]
    return {"person": card.person, "name": card.name, "agency": name, "role": card.role.value, "file": file, "passphrase": KNOWN_WORD}


def _write(file: Path, value: object) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(value, out, ensure_ascii=False)
