"""An office: vetters' key files, cards that they signed, and the commands that they give."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from bot.__main__ import PLAIN, app
from bot.enrol import Public
from bot.settings import DiskFiles, Mode, Settings, load_settings
from routing.cards import card_bytes
from routing.people import Card, Role
from sealing.card import SignedCard
from sealing.passphrase import PersonKey

SPOKEN = "four quiet otters swim"
REGIONS = """
regions = [ { id = "cs", kind = "country", names = ["Costa Serena"] }, { id = "ln", kind = "region", parent = "cs", names = ["Norte"] } ]
agencies = [ { id = "trust", kind = "ngo", region = "cs", names = ["Harbour Trust"] } ]
"""
VETTERS = {"vera": "harbour trust", "vito": "border office", "vick": "third house"}


@dataclass(frozen=True)
class Office:
    """Everybody's files in one folder, and the environment of a line."""

    folder: Path
    keys: Mapping[str, PersonKey]
    public: Mapping[str, Public]

    @property
    def env(self) -> Mapping[str, str | None]:
        given = {
            "TIPLINE_HOME": str(self.folder / "home"),
            "TIPLINE_REGIONS": str(self.folder / "regions.toml"),
            "TIPLINE_VETTERS": str(self.folder / "vetters"),
            "HOME": str(self.folder / "nobody"),
        }
        return {**{name: None for name in os.environ if name.startswith("TIPLINE_")}, **given}

    def run(self, *words: str | Path, env: Mapping[str, str] | None = None, told: str | None = None) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words], env={**self.env, **(env or {})}, input=told)

    def done(self, *words: str | Path, env: Mapping[str, str] | None = None, told: str | None = None) -> str:
        """Its output, when all went well."""
        result = self.run(*words, env=env, told=told)
        assert result.exit_code == 0, (result.output, result.exception)
        return re.sub(r"\s+", " ", result.output)

    def by(self, vetter: str) -> tuple[str | Path, ...]:
        return ("--key", self.folder / f"{vetter}.key", "--passphrase-file", self.folder / "spoken", "--yes")

    def path(self, name: str) -> Path:
        return self.folder / name

    def card(self, sequence: int = 1, person: str = "ana", **details: Any) -> Path:
        """A card with two signatures, made without the command line, which has tests of its own."""
        now = datetime.now(UTC).replace(microsecond=0)
        of = self.public[person]
        card = Card(
            of.person, "Ana Example", (), of.age, of.verify, Role.HANDLER, "trust", (), "ln", "ln", (), (), ("Leo Example",), ("es",),
            child_clearance=True, capacity=5, founder=False, sequence=sequence, issued=now, expires=(now + timedelta(days=365)).date(),
        )  # fmt: skip
        signed = SignedCard(card_bytes(replace(card, **details)))
        for vetter in ("vera", "vito"):
            signed = signed.signed_by(self.keys[vetter].sign_seed)
        file = self.folder / f"{person}{sequence}.card"
        file.write_bytes(signed.to_bytes())
        return file

    def listed(self) -> list[dict[str, object]]:
        """What `roster list --json` says."""
        found: list[dict[str, object]] = json.loads(self.run("roster", "list", "--json").stdout)
        return found

    def settings(self) -> Settings:
        settings = load_settings({name: value for name, value in self.env.items() if value is not None}, DiskFiles(), Mode.OFFLINE)
        assert isinstance(settings, Settings)
        return settings

    def entry(self, vetter: str) -> dict[str, str]:
        public = self.public[vetter]
        return {"name": f"Vetter {vetter}", "agency": VETTERS.get(vetter, "fourth house"), "verify": public.verify, "age": public.age}

    def write_list(self, file: Path, *vetters: str) -> Path:
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"vetters": [self.entry(vetter) for vetter in vetters]}))
        return file


def why(result: Result) -> str:
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        assert isinstance(result.exception, PLAIN), repr(result.exception)
        return str(result.exception)
    assert result.exit_code != 0
    return re.sub(r"\s+", " ", result.output)
