"""What `tipline routing explain` finds of one case: who could read it with which chance, the drawn order and what became of it, and
whether the coins, committed before the tip, give that order. Never why somebody was excluded: those codes are sealed with the case."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from handlers.kept import Kept, KeptBroken
from handlers.openings import KIND as OPENED
from handlers.parts import worker_leaf
from handlers.ports import Clock, Store, Tx
from handlers.roster import open_card
from handlers.succession import CaseBroken, grants_of, read_gate
from routing.cards import CardError, parse_card
from routing.comb import coins_of_leads, replay
from routing.gate import GateFile, Seat, Sla
from routing.limits import CLOSE
from routing.people import Flag, Role
from routing.policy import DEFAULT
from sealing.age import OpenError
from sealing.card import SignedCard, SignedCardError
from sealing.case import sha256
from sealing.custody import ACTED, Entry, EntryError, EntryKind, holds, read_leaf
from sealing.keyring import WorkerKeys
from sealing.rows import HOUR_MS, CaseRow, CaseState
from sealing.signing import public_of

PAGE = 2_000
NO_READERS = frozenset({Role.TRUSTEE, Role.AUDITOR})
BECAME = {
    EntryKind.OFFER: "offered",
    EntryKind.OPEN: "opened",
    EntryKind.GIVE_UP: "gave it up",
    EntryKind.STRIKE: "struck",
    EntryKind.LAPSE: "silent, passed over",
    EntryKind.CLOSE: "proposed to close it",
    EntryKind.CONCUR: "agreed to close it",
    EntryKind.DISAGREE: "did not agree to close it",
}
"""Entries that say what became of a reader. Why somebody was struck, the log does not say either."""


class ExplainError(ValueError):
    """One sentence for whoever asked, without a value."""


class Follows(StrEnum):
    """Whether an order is what the coins give. `shared`: drawn for an earlier tip of the same matter. `unknown`: the gate file is of a
    version that did not keep what it was drawn from."""

    YES = "yes"
    NO = "no"
    SHARED = "shared"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Known:
    """A person, as one of his cards says. `role` None: the card does not open, or is none."""

    person: str
    role: Role | None
    card: str
    verify_key: str


@dataclass(frozen=True, slots=True)
class Place:
    """A seat of the case. `drawn`: False = seated later, behind an order of which nobody was left. `became`: (what, day), in order."""

    person: str
    rank: int
    drawn: bool
    became: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Chance:
    """Of somebody who could be drawn when the case was sealed."""

    person: str
    role: Role
    chance: float


@dataclass(frozen=True, slots=True)
class Commitment:
    """`logged`: the hour of the log's first commitment to this secret, None = there is none; `first`: it is the log's first entry, as a
    line writes it before it takes any tip: one made later could have been chosen for a tip that lay there; `others`: commitments of the
    line to other secrets."""

    secret: str
    logged: int | None
    first: bool
    others: int

    @property
    def holds(self) -> bool:
        return self.logged is not None and self.first


@dataclass(frozen=True, slots=True)
class Explained:
    """`pool`: how many handlers could be drawn. `barred`: who of today's roster reads or leads, and could not be. `unchecked`: entries
    about a reader of this case that no key known today has signed; they are not among what became of him."""

    case: str
    state: CaseState
    sealed_at: datetime
    urgent: bool
    pool: int
    flags: tuple[Flag, ...]
    order: tuple[Place, ...]
    leads: tuple[Place, ...]
    chances: tuple[Chance, ...]
    barred: tuple[str, ...]
    commitment: Commitment
    coins: str
    order_follows: Follows
    leads_follow: Follows
    unchecked: int

    def of(self, role: Role) -> tuple[Chance, ...]:
        return tuple(one for one in self.chances if one.role is role)


async def explain(store: Store, keys: WorkerKeys, clock: Clock, case_id: str) -> Explained:
    """The look into the gate file is logged before anything is told, in a transaction of its own: a log is long, and nobody who writes
    shall wait for the reading of it. Raises ExplainError, StorageDown."""
    async with store.reading() as tx:
        case = await tx.case(case_id)
        gate = _gate(keys, case)
        if case is None or case.gate is None or gate is None:
            raise ExplainError(_not_sealed(case))
        log, everybody, coins = await _log(tx, case_id), await _everybody(tx, keys), keys.coins(case_id)
        cards = [*everybody.values(), *await _opened_with(tx, keys, case_id)]
        unchecked, became = await _became(tx, keys, gate, log, cards)
    async with store.begin() as tx:
        await tx.log(worker_leaf(keys, Entry(clock.now_ms() // HOUR_MS, EntryKind.EXPLAIN, case_id, sha256(case.gate), "")))
    again, led = drawn_again(gate, Role.HANDLER, coins), drawn_again(gate, Role.LEAD, coins)
    return Explained(
        case=case_id,
        state=case.state,
        sealed_at=gate.sealed_at,
        urgent=gate.sla is Sla.URGENT,
        pool=gate.pool,
        flags=gate.flags,
        order=_places(gate.order, again, became),
        leads=_places(gate.lead_order, led, became),
        chances=_chances(gate, everybody),
        barred=_barred(gate, everybody.values()),
        commitment=_commitment(keys, log),
        coins=coins.hex(),
        order_follows=_follows(gate, Role.HANDLER, again),
        leads_follow=_follows(gate, Role.LEAD, led),
        unchecked=unchecked,
    )


def _gate(keys: WorkerKeys, case: CaseRow | None) -> GateFile | None:
    """Raises ExplainError."""
    if case is None or case.gate is None:
        return None
    try:
        return read_gate(keys, case)
    except CaseBroken:
        raise ExplainError("The gate file of this case is not this line's, or its row was changed: look at the database.") from None


def _not_sealed(case: CaseRow | None) -> str:
    if case is None:
        return "There is no case of this id."
    if case.state is CaseState.HELD:
        return "This tip is on hold: nobody is drawn yet. The vetters have a letter that says why: tipline vetters letters."
    if case.state is CaseState.PURGED:
        return "This case is deleted: nothing is kept of who could read it but the log."
    return "This tip is not sealed yet: nobody is drawn before it is."


async def _everybody(tx: Tx, keys: WorkerKeys) -> dict[str, Known]:
    """By id. Cards are taken as they lie there: what counts here was judged at the draw, and is in the gate file."""
    found: dict[str, Known] = {}
    for row in await tx.people():
        try:
            found[row.id] = _known(open_card(keys, row.card).card)
        except (OpenError, SignedCardError, CardError):
            found[row.id] = Known(row.id, None, "", "")
    return found


async def _opened_with(tx: Tx, keys: WorkerKeys, case_id: str) -> list[Known]:
    """The cards that the case was opened with: they may not be on the roster any more. Notes that were tampered with are none; what they
    would vouch for is counted as unchecked."""
    try:
        return [_known(str(note["card"]).encode()) for note in await Kept(keys, OPENED).of(tx, case_id)]
    except (KeptBroken, CardError):
        return []


def _known(data: bytes) -> Known:
    """Raises CardError."""
    card = parse_card(data)
    return Known(card.person, card.role, SignedCard(data).fingerprint(), card.verify_key)


@dataclass(frozen=True, slots=True)
class _Log:
    """Entries of one case, and the line's commitments, each with its index and its leaf."""

    of_case: Sequence[tuple[int, Entry, bytes]]
    commits: Sequence[tuple[int, Entry, bytes]]


async def _log(tx: Tx, case_id: str) -> _Log:
    of_case, commits = list[tuple[int, Entry, bytes]](), list[tuple[int, Entry, bytes]]()
    start, ours, committed = 0, f'"case":"{case_id}"'.encode(), f'"kind":"{EntryKind.COMMIT.value}"'.encode()
    while leaves := await tx.leaves(start, PAGE):
        for index, leaf in enumerate(leaves, start):
            if not (ours in leaf or committed in leaf) or (entry := _entry(leaf)) is None:
                continue
            if entry.case == case_id:
                of_case.append((index, entry, leaf))
            elif entry.kind is EntryKind.COMMIT:
                commits.append((index, entry, leaf))
        start += len(leaves)
    return _Log(of_case, commits)


def _commitment(keys: WorkerKeys, log: _Log) -> Commitment:
    mine, secret = public_of(keys.custody_seed), keys.draw_commitment()
    made = [(index, entry) for index, entry, leaf in log.commits if holds(leaf, mine)]
    ours = [(index, entry.hour) for index, entry in made if entry.sha256 == secret]
    others = len({entry.sha256 for _, entry in made} - {secret})
    return Commitment(secret, ours[0][1] if ours else None, bool(ours) and ours[0][0] == 0, others)


def _entry(leaf: bytes) -> Entry | None:
    """What it says, whoever signed it."""
    try:
        return read_leaf(leaf)[0]
    except EntryError:
        return None


async def _became(
    tx: Tx, keys: WorkerKeys, gate: GateFile, log: _Log, cards: Sequence[Known]
) -> tuple[int, Mapping[str, tuple[tuple[str, str], ...]]]:
    """(entries about people of this case that no known key signed, what became of each)."""
    mine, unchecked = public_of(keys.custody_seed), 0
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for seat in gate.seats:
        his = [card for card in cards if card.person == seat.person]
        files = {keys.inner_hash(grant.key_file) for grant in await grants_of(tx, keys, gate.case, gate.epoch, seat.person)}
        became: dict[str, str] = {}
        held_by, his_cards = {card.verify_key for card in his if card.verify_key}, {seat.card, *(card.card for card in his)}
        for entry, leaf in [(entry, leaf) for _, entry, leaf in log.of_case if _is_about(entry, files, his_cards)]:
            if any(holds(leaf, key) for key in (held_by if entry.kind in ACTED else {mine})):
                became.setdefault(BECAME[entry.kind], _day(entry.hour))
            else:
                unchecked += 1
        if BECAME[EntryKind.OPEN] in became:
            became.pop(BECAME[EntryKind.OFFER], None)  # said by the opening
        found[seat.person] = tuple(became.items())
    return unchecked, found


def _places(seats: Sequence[Seat], again: tuple[str, ...] | None, became: Mapping[str, tuple[tuple[str, str], ...]]) -> tuple[Place, ...]:
    """`again`: those drawn. Whoever stands behind them was seated later; where it is not known, nobody is said to be."""
    drawn = len(seats if again is None else again)
    return tuple(Place(seat.person, seat.rank, seat.rank <= drawn, became[seat.person]) for seat in seats)


def _is_about(entry: Entry, files: Collection[str], cards: Collection[str]) -> bool:
    return entry.kind in BECAME and (entry.sha256 in files or (entry.kind is EntryKind.CLOSE and entry.card in cards))


def _chances(gate: GateFile, everybody: Mapping[str, Known]) -> tuple[Chance, ...]:
    """Readers first, the highest chance first."""
    roles = {seat.person: seat.role for seat in gate.seats}

    def role(name: str) -> Role:
        lot, known = gate.lots.get(name), everybody.get(name)
        found = roles.get(name) or (lot.role if lot is not None else None) or (known.role if known is not None else None)
        return found or Role.HANDLER

    found = [Chance(name, role(name), chance) for name, chance in gate.chances.items()]
    return tuple(sorted(found, key=lambda one: (one.role, -one.chance, one.person)))


def _barred(gate: GateFile, everybody: Collection[Known]) -> tuple[str, ...]:
    return tuple(sorted(one.person for one in everybody if one.role not in NO_READERS and one.person not in gate.chances))


def drawn_again(gate: GateFile, role: Role, coins: bytes) -> tuple[str, ...] | None:
    """The order of a role that these coins give, from what the gate file keeps of the draw: nobody, of a tip that was held until it went to
    the trustees. None = it keeps too little, being of before, or another case's."""
    if not gate.lots or Flag.LINKED in gate.flags:
        return None if gate.chances else ()
    chances = {name: chance for name, chance in gate.chances.items() if gate.lots[name].role is role}
    if not chances:
        return ()
    agencies, ready = {name: gate.lots[name].agency for name in chances}, {name for name in chances if gate.lots[name].ready}
    readers = max(1, round(sum(chances.values())))  # what the chances add up to
    return replay(chances, agencies, readers, coins if role is Role.HANDLER else coins_of_leads(coins), ready)


def _follows(gate: GateFile, role: Role, again: tuple[str, ...] | None) -> Follows:
    """Whether they are those whom the coins chose, by chances within the cap; who of them reads first is by what outcomes tell, which is
    kept nowhere. Behind those drawn, others may have been seated later."""
    if again is None:
        return Follows.SHARED if Flag.LINKED in gate.flags else Follows.UNKNOWN
    if not _bounded(gate, role):
        return Follows.NO
    seats = gate.lead_order if role is Role.LEAD else gate.order
    return Follows.YES if sorted(seat.person for seat in seats[: len(again)]) == sorted(again) else Follows.NO


def _bounded(gate: GateFile, role: Role) -> bool:
    """Nobody's chance is above the cap, unless it is said that there were too few for that: else whoever wrote three friends down as sure
    would have the coins agree."""
    few = Flag.FEW_LEADS if role is Role.LEAD else Flag.SMALL_POOL
    chances = [chance for name, chance in gate.chances.items() if gate.lots[name].role is role] if gate.lots else []
    return few in gate.flags or max(chances, default=0.0) <= DEFAULT.cap + CLOSE


def _day(hour: int) -> str:
    return datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC).date().isoformat()
