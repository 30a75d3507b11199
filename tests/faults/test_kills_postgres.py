"""kill -9 at every named point, on PostgreSQL: every acknowledged id ends in exactly one case, once."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults.kills import KILLS, killed_at_every_point

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


@pytest.mark.claim("T7")
@pytest.mark.asyncio
@pytest.mark.parametrize("engine_name", ["postgres"])
async def test_no_acknowledged_tip_is_lost_or_doubled_by_kills_at_every_point(
    tmp_path: Path, url: str, engine_name: str, record_property: Callable[[str, object], None]
) -> None:
    await killed_at_every_point(tmp_path, url, engine_name, partial(record_property, "told"), 4 if "CI" in os.environ else KILLS)
