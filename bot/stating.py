"""Vetters' statements about cards, and about tips that are held: made on a vetter's device, with his key; taken into the log on the
server."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from bot.enrol import EnrolError, enrolment_at, read_signed, unlocked
from bot.terminal import spoken_hour
from handlers.enrolment import NotTaken, RosterMoved, Taken
from handlers.held import COVERED
from handlers.releases import Freed, NotFreed, Releases
from handlers.roster import Vetters
from handlers.standing import LIFT_HOURS, Standing, State
from sealing.custody import ID, Entry, EntryKind, read_leaf
from sealing.keyring import WorkerKeys
from sealing.signing import fingerprint, public_of
from sealing.statements import StatementError, matter_of_code, parse_statement, signed_entry, statement_bytes
from storage.store import SqlStore

NOT_TAKEN = {
    NotTaken.UNREADABLE: "Refused: it holds something that is no vetter's statement.",
    NotTaken.STRANGER: "Refused: it is not signed by a vetter of today's list.",
    NotTaken.OWN: "Refused: nobody states something about his own card.",
    NotTaken.HOUR: "Refused: it was signed more than 30 days ago, or is dated in the future.",
    NotTaken.CARD: "Refused: the roster has no such card, or another took its place.",
    NotTaken.TWICE: "The line has this statement already.",
}
SIGNED = {
    EntryKind.SUSPEND: "One vetter's suspension taken.",
    EntryKind.REVOKE: "One vetter's revocation taken.",
    EntryKind.LIFT: "One vetter's lifting taken.",
}


NEEDS = {
    EntryKind.SUSPEND: (
        (
            "The suspension counts from the moment it is loaded and lapses after 72 hours, unless another vetter, of another house, signs "
            "this same file, too: then it stays until two vetters lift it."
        ),
        "With two vetters of different houses, and once it is loaded, the suspension stays until two vetters lift it.",
    ),
    EntryKind.REVOKE: (
        (
            "Nothing changes until another vetter, of another house, has signed this same file, too, and it is loaded: then the card ends "
            "for ever."
        ),
        "With two vetters of different houses, and once it is loaded, the card ends for ever.",
    ),
    EntryKind.LIFT: (
        (
            "Nothing changes until another vetter, of another house, has signed this same file, too, and it is loaded: the suspension ends "
            "7 days after that."
        ),
        "With two vetters of different houses, the suspension ends 7 days after it is loaded.",
    ),
}
"""What a statement does: the first in its file, and a later one."""
NEEDS_RELEASE = (
    (
        "Nothing changes until another vetter, of another house, has signed this same file, too, and it is loaded: then the tip goes out "
        "to whom its coins choose among those who may read it. You choose nobody, and read nothing of it."
    ),
    "With two vetters of different houses, and once it is loaded, the tip goes out to whom its coins choose among those who may read it.",
)
NOT_FREED = {
    NotFreed.UNREADABLE: NOT_TAKEN[NotTaken.UNREADABLE],
    NotFreed.STRANGER: NOT_TAKEN[NotTaken.STRANGER],
    NotFreed.HOUR: NOT_TAKEN[NotTaken.HOUR],
    NotFreed.CASE: "Refused: no tip of this case id is held now, or for another reason than the one signed: look for a newer letter.",
    NotFreed.TWICE: NOT_TAKEN[NotTaken.TWICE],
}
FREED = {
    Freed.SIGNED: "One vetter's release taken. Nothing changes without another's, of another house, for the same reason.",
    Freed.RELEASED: "Two vetters have released the tip: it goes out now.",
}


def card_named(text: str) -> tuple[str, bytes | None]:
    """(fingerprint, the card's bytes to look at) of a card's file or a fingerprint. Raises EnrolError."""
    if re.fullmatch(r"[0-9a-f]{64}", text):
        return text, None
    signed = read_signed(Path(text))
    return signed.fingerprint(), signed.card


def signed_before(file: Path) -> int:
    """How many statements are in the file, or would be. Raises EnrolError."""
    return len(read_statement(file) or ()) if file.exists() else 0


def state(file: Path, kind: EntryKind, card: str, hour: int, key_file: str, passphrase: str) -> int:
    """Adds one vetter's statement about a card to the file, or begins it; how many are in it then. Raises EnrolError, also where the file
    is about something else: one file, one matter."""
    return _add(file, Entry(hour, kind, "", card, card), key_file, passphrase)


def release(file: Path, case: str, code: str, hour: int, key_file: str, passphrase: str) -> int:
    """The same of a tip that is held, by the code in the line's letter, which stands in no file. Raises EnrolError."""
    if ID.fullmatch(case) is None:
        raise EnrolError("A case is named by the 32 hex digits that stand in the line's letter.")
    try:
        named = matter_of_code(case, code, (hold.value for hold in COVERED))
    except StatementError:
        raise EnrolError("The release code is mistyped, or of another case: copy both out of the same letter.") from None
    return _add(file, Entry(hour, EntryKind.RELEASE, case, named, ""), key_file, passphrase)


def _add(file: Path, entry: Entry, key_file: str, passphrase: str) -> int:
    seed = unlocked(key_file, passphrase).sign_seed
    leaves = (read_statement(file) or ()) if file.exists() else ()
    told = [read_leaf(leaf) for leaf in leaves]
    if any(replace(other, hour=entry.hour) != entry for other, *_ in told):
        raise EnrolError(f"{file.name} is about another card or another matter: write a new file.")
    if any(name == fingerprint(public_of(seed)) for _, _, name, _ in told):
        raise EnrolError(f"{file.name} has your signature already.")
    file.write_bytes(statement_bytes([*leaves, signed_entry(entry, seed)]))
    return len(leaves) + 1


def read_statement(file: Path) -> tuple[bytes, ...] | None:
    """The leaves of a file of statements; None when it is another kind of file. Raises EnrolError."""
    try:
        data = file.read_bytes()
        fields = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or fields.get("kind") != "statement":
        return None
    try:
        leaves = parse_statement(data)
        for leaf in leaves:
            read_leaf(leaf)
    except (StatementError, ValueError):
        raise EnrolError(f"{file.name} is a damaged statement.") from None
    return leaves


async def take(leaf: bytes, store: SqlStore, keys: WorkerKeys, vetters: Vetters, now: datetime) -> tuple[bool, str]:
    """Puts one statement into the log: False = refused, and nothing changed; what it does, in a sentence. One that the log has is no
    refusal: a file is loaded again when a second vetter added his. `leaf`: of `read_statement`. Raises EnrolError."""
    hour = int(now.timestamp()) // 3600
    if read_leaf(leaf)[0].kind is EntryKind.RELEASE:
        return await _take_release(leaf, store, keys, vetters, now)
    try:
        async with store.begin() as tx:
            taken = await enrolment_at(now, keys, vetters).take(tx, leaf, hour)
    except RosterMoved:
        raise EnrolError("The roster changed meanwhile; load the statement again.") from None
    if isinstance(taken, NotTaken):
        return taken is NotTaken.TWICE, NOT_TAKEN[taken]
    vetters.log.dead.add_leaf(taken.announcement)
    vetters.log.dead.add_leaf(leaf)
    if taken.standing is not None and taken.standing.state is State.REVOKED:
        vetters.log.dead.revoke(taken.entry.card)
    return True, f"{SIGNED[taken.entry.kind]} {_effect(taken, hour)}"


async def _take_release(leaf: bytes, store: SqlStore, keys: WorkerKeys, vetters: Vetters, now: datetime) -> tuple[bool, str]:
    letters = enrolment_at(now, keys, vetters).letters
    async with store.begin() as tx:
        freed = await Releases(keys, letters.clock, vetters, letters).take(tx, leaf, int(now.timestamp()) // 3600)
    return (freed is NotFreed.TWICE, NOT_FREED[freed]) if isinstance(freed, NotFreed) else (True, FREED[freed])


def _effect(taken: Taken, hour: int) -> str:
    """For the operator, who tells the vetters."""
    standing = taken.standing
    if standing is None:
        return "Nobody has this card now."
    if taken.entry.kind is EntryKind.LIFT:
        return f"A suspension ends 7 days after the second vetter's lifting, not before {spoken_hour(hour + LIFT_HOURS)}."
    if taken.waiting and taken.entry.kind is EntryKind.SUSPEND:
        return _kept_waiting(standing)
    if taken.entry.kind is EntryKind.REVOKE:
        revoked = standing.state is State.REVOKED
        return "The card is revoked, for ever." if revoked else "It takes another vetter's to revoke the card; until then nothing changes."
    return _suspended(standing)


def _kept_waiting(standing: Standing) -> str:
    """Of an announced card: the person stands as before."""
    if standing.state is State.SUSPENDED and standing.until is None:
        return "The announced card does not count until two vetters lift it."
    return "It stops the announced card for 72 hours at most: a second vetter's is needed to stop it for longer."


def _suspended(standing: Standing) -> str:
    if standing.state is State.ACTIVE:
        return "It counts for nothing: this vetter's suspension has lapsed before, and a second vetter's is needed now."
    if standing.until is not None:
        return f"The person is suspended. It lapses on {spoken_hour(standing.until)} without a second vetter's."
    return "The person is suspended until two vetters lift it."
