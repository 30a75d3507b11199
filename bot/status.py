"""`tipline status`: what waits and what is stuck, in numbers. For the operator: no case, nobody, no time of a tip."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime

from bot.doctor_line import ALIVE_MS, spoken
from bot.holds import Held, held_tips
from bot.settings import Settings
from sealing.keyring import KeyringError
from storage.counting import tally
from storage.engine import Database

MB = 1_000_000
LABEL_WIDTH = 36
"""Of the longest name of a row, and two spaces."""


@dataclass(frozen=True, slots=True)
class Status:
    """`counts` as storage counts them; `worker_s` = seconds since the worker's sign of life, None when there was none; `free_mb` of the
    disk that TIPLINE_HOME is on; `held` None = why tips are held cannot be told, for want of the worker's secrets."""

    counts: dict[str, int]
    worker_s: int | None
    free_mb: int
    held: Held | None = None

    @property
    def alive(self) -> bool:
        return self.worker_s is not None and self.worker_s * 1000 <= ALIVE_MS

    def to_json(self) -> dict[str, object]:
        held = {} if self.held is None else {"held_for_vetters": self.held.vetters, "held_urgent": self.held.urgent}
        return {"worker": {"alive": self.alive, "seconds": self.worker_s}, "disk_free_mb": self.free_mb, **self.counts, **held}

    def rows(self) -> list[tuple[str, str, bool]]:
        """What, how much, and whether somebody should look."""
        n = self.counts
        worker = "never seen" if self.worker_s is None else f"alive, seen {self.worker_s} s ago" if self.alive else self._silent
        return [
            ("Worker", worker, not self.alive),
            ("Messages not yet in a case", f"{n['inbound']:,}", False),
            ("Cases open", f"{n['cases_open']:,}", False),
            ("  of them held", f"{n['cases_held']:,}", n["cases_held"] > 0),
            *self._why_held(),
            ("  of them floods, one item each", f"{n['floods']:,}", False),
            ("  of them waiting for trustees", f"{n['cases_asked']:,}", n["cases_asked"] > 0),
            ("Letters that vetters have not read", f"{n['letters']:,}", n["letters"] > 0),
            ("Texts to send", f"{n['sendings_due']:,}", False),
            ("  may have left, or not", f"{n['sendings_unknown']:,}", n["sendings_unknown"] > 0),
            ("  given up", f"{n['sendings_shelved']:,}", False),
            ("Tasks", f"{n['tasks']:,}", False),
            ("  failed ten times or more", f"{n['tasks_shelved']:,}", n["tasks_shelved"] > 0),
            ("People enrolled", f"{n['people']:,}", n["people"] == 0),
            ("Disk free", f"{self.free_mb:,} MB", self.free_mb < 500),
        ]

    def _why_held(self) -> list[tuple[str, str, bool]]:
        if self.held is None:
            return []
        told = f"{self.held.vetters:,}{' (tipline vetters release)' if self.held.vetters else ''}"
        urgent = self.held.urgent
        return [("    waiting for two vetters", told, self.held.vetters > 0), ("    urgent", f"{urgent:,}", urgent > 0)]

    @property
    def _silent(self) -> str:
        return f"silent for {spoken(self.worker_s or 0)}"


async def status_of(settings: Settings, database: Database, now: datetime) -> Status:
    """Raises StorageDown."""
    found = await tally(database, int(now.timestamp() * 1000))
    age = None if found.beat_ms is None else found.beat_ms // 1000
    try:
        held = await held_tips(settings, database)
    except KeyringError:
        held = None
    return Status(found.totals, age, shutil.disk_usage(settings.home).free // MB, held)
