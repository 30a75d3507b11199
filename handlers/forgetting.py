"""Letting go of a source who asks for it: the way back, the answers that wait, and the conversation. What was told stays with its reader.

The one deletion before the purge (DATA.md): each contact envelope that goes is named in the custody log by its hash.
"""

from __future__ import annotations

from handlers.memory import Safety
from handlers.parts import worker_leaf
from handlers.ports import Tx
from handlers.thread import Thread, silent_mark
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import Part


async def let_go(tx: Tx, keys: WorkerKeys, thread: Thread, tag: str, case_id: str, hour: int) -> None:
    """Of a case that holds all that was said: nobody can answer it any more. Who asked for silence goes on having it."""
    for envelope in await tx.envelopes(case_id):
        if envelope.part is Part.CONTACT:
            await tx.log(worker_leaf(keys, Entry(hour, EntryKind.FORGET, case_id, envelope.sha256, "")))
    await tx.drop_contacts(case_id)
    await tx.shelve_waiting(case_id)
    await drop(tx, keys, thread, tag)


async def drop(tx: Tx, keys: WorkerKeys, thread: Thread, tag: str) -> None:
    """The conversation is gone; a wish for silence stays."""
    await tx.drop_thread(tag)
    if thread.state.safety is Safety.SILENT:
        await tx.save_thread(silent_mark(keys, tag))
