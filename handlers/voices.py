"""The messages of a case that wait to be sealed, by whom they are of: one thread, or, in the item of a flood, many that never meet."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from handlers.ports import Tx
from handlers.reading import Read, read_messages
from handlers.thread import Thread, read_thread
from handlers.understanding import Understanding
from sealing.keyring import WorkerKeys
from sealing.rows import InboundRow, ThreadRow
from triage.tip import Form

MOST_VOICES = 64
"""Threads whose messages are sealed in one go: 5,000 copies must not take longer than a task may."""


TRANSLATING_S = 120.0
"""Seconds of translating in one go, after which the rest stays as it was written: else who writes hundreds of long texts makes a sealing
that never ends in its time, and in front of which all other cases wait."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One thread, and its messages that are not sealed yet."""

    row: ThreadRow
    thread: Thread
    inbound: tuple[InboundRow, ...]


async def waiting_voices(tx: Tx, keys: WorkerKeys, case_id: str) -> tuple[tuple[Voice, ...], bool]:
    """(voices, whether more wait)."""
    rows = await tx.threads_waiting(case_id, MOST_VOICES + 1)
    voices = [Voice(row, read_thread(keys, row), tuple(await tx.inbound_of(row.tag))) for row in rows[:MOST_VOICES]]
    return tuple(voices), len(rows) > MOST_VOICES


async def read_voices(
    voices: Sequence[Voice], keys: WorkerKeys, understanding: Understanding, names: Mapping[str, tuple[str, ...]]
) -> tuple[Read, ...]:
    """All messages in the order of acceptance. Those of a crowd say that each may be of another phone; they say nothing of which."""
    read: list[tuple[int, Read]] = []
    until = asyncio.get_running_loop().time() + TRANSLATING_S
    for voice in voices:
        for row, r in zip(voice.inbound, await read_messages(voice.inbound, voice.thread, keys, understanding, names, until), strict=True):
            message = r.message if voice.thread.crowd is None else replace(r.message, form=Form.ONE_OF_MANY)
            read.append((row.seq, replace(r, message=message, thread=voice.row.tag)))
    return tuple(r for _, r in sorted(read, key=lambda numbered: numbered[0]))
