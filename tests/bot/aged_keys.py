"""A line's vetters, and keys of another age than their files say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from sealing import signing
from sealing.rows import EpochState, Purpose
from storage.engine import open_database
from storage.epochs import SqlEpochs

NOW = int(datetime.now(UTC).timestamp()) // 3600


def pinned(folder: Path) -> list[str]:
    """Two vetters of the line; their seeds."""
    pairs = [signing.generate() for _ in range(2)]
    listed = [{"name": f"vetter {n}", "agency": f"house {n}", "verify": verify} for n, (_, verify) in enumerate(pairs)]
    (folder / "vetters.json").write_text(json.dumps({"vetters": listed}))
    return [seed for seed, _ in pairs]


def aged(home: Path, name: str, hour: int) -> None:
    """As if it had been made then."""
    file = home / "secrets" / "worker" / name
    file.write_text(f"# since: {hour}\n{file.read_text().splitlines()[-1]}\n")


async def migrated(home: Path) -> None:
    database = open_database(f"sqlite:///{home / 'tipline.db'}")
    await database.migrate()
    await database.close()


async def intake_states(home: Path) -> dict[int, EpochState]:
    database = open_database(f"sqlite:///{home / 'tipline.db'}")
    try:
        return {row.number: row.state for row in await SqlEpochs(database).epochs() if row.purpose is Purpose.INTAKE}
    finally:
        await database.close()
