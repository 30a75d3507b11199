"""Who may act: derived from the custody log, never from a column. A card counts that the worker logged, and that no other took the place
of; what vetters and the holder signed about it counts by its signature. Nothing here depends on the order of the log, so that nobody
changes anything by moving entries; only by hours, and those that matter are of the worker's own entries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sealing.custody import Entry, EntryKind, holds
from sealing.signing import fingerprint

LAPSE_HOURS = 72
"""What one vetter's suspension lasts without a second's."""
LIFT_HOURS = 168
"""After two vetters lifted a suspension, or signed a card with fewer ties: time for the others to object."""

Enough = Callable[[Collection[str]], bool]
"""Whether vetters, by the fingerprints of their keys, are two who may decide together."""


class State(StrEnum):
    """`unknown`: no entry of the worker names the card. `replaced`: another card took its place. Either is nobody."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    REPLACED = "replaced"
    UNKNOWN = "unknown"


NOBODY = frozenset({State.REPLACED, State.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Statement:
    """A signed entry about a card. `taken`: hour of the worker's announcement of it; None = there is none."""

    leaf: bytes
    entry: Entry
    signer: str
    taken: int | None = None


@dataclass(frozen=True, slots=True)
class OfCard:
    """What log and memory say of one card."""

    enrolled: bool
    replaced: bool = False
    revoked: bool = False
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """`tied`: he declared a tie himself; he is drawn for nothing until a new card takes this one's place, and reads on where he stands.
    `until`: the hour at which this changes by itself. `grounds`: the statements that count."""

    state: State
    tied: bool = False
    until: int | None = None
    grounds: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class _Said:
    """One statement that counts. `at`: the hour that durations run from; `said`: the hour that its signer wrote."""

    by: str
    at: int
    said: int


def standing_of(card: OfCard, holder: str, vetters: Mapping[str, str], enough: Enough, hour: int) -> Standing:
    """`holder`: the card's verify key. `vetters`: fingerprint -> key of everybody who is or was one: what he signed while he was stays."""
    if not card.enrolled:
        return Standing(State.UNKNOWN)
    if card.revoked or card.replaced:
        return Standing(State.REVOKED if card.revoked else State.REPLACED)
    counted = [s for s in card.statements if counts(s, holder, vetters)]
    if not counted:
        return Standing(State.ACTIVE)

    def of(kind: EntryKind) -> list[_Said]:
        return [_Said(s.signer, s.entry.hour if s.taken is None else s.taken, s.entry.hour) for s in counted if s.entry.kind is kind]

    grounds, tied = tuple(s.leaf for s in counted), bool(of(EntryKind.TIE))
    if enough({said.by for said in of(EntryKind.REVOKE)}):
        return Standing(State.REVOKED, tied, None, grounds)
    suspended, lifts, own = of(EntryKind.SUSPEND), of(EntryKind.LIFT), fingerprint(holder)

    def at(moment: int) -> bool:
        return _is_suspended(suspended, lifts, own, enough, moment)

    turns = sorted({s.at + LAPSE_HOURS for s in suspended} | {s.at + LIFT_HOURS for s in lifts})
    until = next((turn for turn in turns if turn > hour and at(turn) is not at(hour)), None)
    return Standing(State.SUSPENDED if at(hour) else State.ACTIVE, tied, until, grounds)


def counts(statement: Statement, holder: str, vetters: Mapping[str, str]) -> bool:
    """The holder about himself: a tie, a suspension. A vetter, once the worker announced it: a suspension, a revocation, a lifting, and
    not of his own card."""
    kind, own = statement.entry.kind, fingerprint(holder)
    if statement.signer == own:
        return kind in (EntryKind.TIE, EntryKind.SUSPEND) and holds(statement.leaf, holder)
    key = vetters.get(statement.signer)
    of_vetters = kind in (EntryKind.SUSPEND, EntryKind.REVOKE, EntryKind.LIFT)
    return of_vetters and key is not None and statement.taken is not None and holds(statement.leaf, key)


def _is_suspended(suspended: Collection[_Said], lifts: Collection[_Said], own: str, enough: Enough, hour: int) -> bool:
    def lifted(it: _Said) -> bool:
        """By two who signed later than it was signed: an old lifting, put in again, lifts no new suspension."""
        return enough({lift.by for lift in lifts if lift.said >= it.said and lift.at + LIFT_HOURS <= hour})

    standing = [it for it in suspended if not lifted(it)]
    if any(it.by == own for it in standing):
        return True
    if any(enough({other.by for other in standing if abs(other.at - it.at) < LAPSE_HOURS}) for it in standing):
        return True
    first = {name: min(it.at for it in standing if it.by == name) for name in {it.by for it in standing}}
    return any(hour < at + LAPSE_HOURS for at in first.values())
