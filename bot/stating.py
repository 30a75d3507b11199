"""Vetters' statements about cards: made on a vetter's device, with his key; taken into the log on the server."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

from bot.enrol import EnrolError, enrolment_at, read_signed, unlocked
from bot.terminal import spoken_hour
from handlers.enrolment import NotTaken, RosterMoved, Taken
from handlers.roster import Vetters
from handlers.standing import LIFT_HOURS, Standing, State
from sealing.custody import EntryKind, read_leaf
from sealing.keyring import WorkerKeys
from sealing.signing import fingerprint, public_of
from sealing.statements import StatementError, parse_statement, signed_statement, statement_bytes
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


def card_named(text: str) -> tuple[str, bytes | None]:
    """(fingerprint, the card's bytes to look at) of a card's file or a fingerprint. Raises EnrolError."""
    if re.fullmatch(r"[0-9a-f]{64}", text):
        return text, None
    signed = read_signed(Path(text))
    return signed.fingerprint(), signed.card


def state(file: Path, kind: EntryKind, card: str, hour: int, key_file: str, passphrase: str) -> int:
    """Adds one vetter's statement to the file, or begins it; how many are in it then. Raises EnrolError, also where the file is about
    something else: one file, one matter."""
    seed = unlocked(key_file, passphrase).sign_seed
    leaves = (read_statement(file) or ()) if file.exists() else ()
    told = [read_leaf(leaf) for leaf in leaves]
    if any((entry.kind, entry.card) != (kind, card) for entry, *_ in told):
        raise EnrolError(f"{file.name} is about another card or another matter: write a new file.")
    if any(name == fingerprint(public_of(seed)) for _, _, name, _ in told):
        raise EnrolError(f"{file.name} has your signature already.")
    file.write_bytes(statement_bytes([*leaves, signed_statement(kind, card, hour, seed)]))
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
    refusal: a file is loaded again when a second vetter added his. Raises EnrolError."""
    hour = int(now.timestamp()) // 3600
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


def _effect(taken: Taken, hour: int) -> str:
    """For the operator, who tells the vetters."""
    standing = taken.standing
    if standing is None:
        return "Nobody has this card now."
    if taken.entry.kind is EntryKind.LIFT:
        return f"A suspension ends 7 days after the second vetter's lifting, not before {spoken_hour(hour + LIFT_HOURS)}."
    if taken.entry.kind is EntryKind.REVOKE:
        revoked = standing.state is State.REVOKED
        return "The card is revoked, for ever." if revoked else "It takes another vetter's to revoke the card; until then nothing changes."
    return _suspended(standing)


def _suspended(standing: Standing) -> str:
    if standing.state is State.ACTIVE:
        return "It counts for nothing: this vetter's suspension has lapsed before, and a second vetter's is needed now."
    if standing.until is not None:
        return f"The person is suspended. It lapses on {spoken_hour(standing.until)} without a second vetter's."
    return "The person is suspended until two vetters lift it."
