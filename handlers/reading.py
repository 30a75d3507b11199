"""The waiting messages of one case, opened, translated and triaged: what both a first sealing and a later message start from."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handlers.thread import Thread
from handlers.understanding import Understanding, Understood
from sealing import plaintexts
from sealing.keyring import WorkerKeys
from sealing.rows import InboundRow, Purpose
from triage.tip import Asked, Assessment, Inbound


@dataclass(frozen=True, slots=True)
class Read:
    """One message with what the line makes of it. `thread` = tag of whose it is, where a case has several."""

    message: Inbound
    understood: Understood
    asked: Asked | None
    thread: str = ""

    @property
    def assessment(self) -> Assessment:
        return self.understood.assessment


async def read_messages(
    rows: Sequence[InboundRow],
    thread: Thread,
    keys: WorkerKeys,
    understanding: Understanding,
    names: Mapping[str, tuple[str, ...]],
    until: float,
) -> tuple[Read, ...]:
    """In the order of acceptance. `until`: of the loop's time, s, when no more is translated. Raises OpenError: an intake epoch is gone."""
    read: list[Read] = []
    for row in sorted(rows, key=lambda waiting: waiting.seq):
        message = plaintexts.read_inbound(keys.open(Purpose.INTAKE, row.epoch, row.sealed))
        asked = thread.asked.get(row.id)
        most = None if asyncio.get_running_loop().time() < until else 0
        understood = await understanding.of(message.text, thread.state.language or None, asked, names, most=most)
        read.append(Read(message, understood, asked))
    return tuple(read)
