"""Letting go of a source who asks for it: the way back, the answers that wait, and the conversation. What was told stays with its reader.

The one deletion before the purge (DATA.md): each contact envelope that goes is named in the custody log by its hash.
"""

from __future__ import annotations

from handlers.parts import worker_leaf
from handlers.ports import Tx
from handlers.state import Safety, State
from handlers.thread import Thread, silent_mark
from sealing.custody import Entry, EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import Part, ThreadRow


async def let_go(tx: Tx, keys: WorkerKeys, thread: Thread, row: ThreadRow, case_id: str, hour: int) -> bool:
    """Of a case that holds all that was said: nobody can answer it any more. Who asked for silence goes on having it.

    False = something was said since `row` was read: nothing was done.
    """
    if not await drop(tx, keys, thread, row):
        return False
    await cut_off(tx, keys, case_id, hour)
    return True


async def cut_off(tx: Tx, keys: WorkerKeys, case_id: str, hour: int) -> None:
    """No answer can reach the source any more, not even one that is due."""
    for envelope in await tx.envelopes(case_id):
        if envelope.part is Part.CONTACT:
            await tx.log(worker_leaf(keys, Entry(hour, EntryKind.FORGET, case_id, envelope.sha256, "")))
    await tx.drop_contacts(case_id)
    await tx.shelve_waiting(case_id, due=True)


async def reachable(tx: Tx, case_id: str) -> bool:
    """Whether the source of a sealed case left a way back, and did not take it away."""
    return any(envelope.part is Part.CONTACT for envelope in await tx.envelopes(case_id))


def emptied(thread: Thread) -> Thread:
    """What a sealing still needs of a conversation that is over: whoever writes meanwhile is met as a stranger, or with silence."""
    old = thread.state
    safety = Safety.SILENT if old.safety is Safety.SILENT else Safety.UNKNOWN
    state = State(language=old.language, alphabet=old.alphabet, today=old.today, safety=safety)
    return Thread(state, thread.asked, forgotten=True, crowd=thread.crowd, copied=thread.copied)


async def drop(tx: Tx, keys: WorkerKeys, thread: Thread, row: ThreadRow) -> bool:
    """The conversation is gone; a wish for silence stays. False = it went on since `row` was read: nothing was done."""
    if not await tx.drop_thread(row.tag, row.version):
        return False
    if thread.state.safety is Safety.SILENT:
        await tx.save_thread(silent_mark(keys, row.tag))
    return True
