"""The entries of the custody log that speak of cards, and what vetters said of held tips, kept in memory: read once, then only what came
since."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from handlers.ports import Tx
from handlers.standing import OfCard, Statement
from sealing.custody import Entry, EntryError, EntryKind, holds, leaf_hash, read_leaf
from sealing.dead_cards import DeadCards

_OURS = re.compile(rb'\{"v":1,"hour":[0-9]+,"kind":"(?:card|announce|suspend|revoke|lift|tie|vetters|release)"')
"""How every entry begins that matters here: a log has a thousand others for one of these."""
_LESSON = re.compile(rb'\{"v":1,"hour":[0-9]+,"kind":"lesson","case":"","sha256":"([0-9a-f]{64})","card":""\}\n')
LESSON_NAME = 8
"""Bytes that are kept of each: there may be a million."""
PAGE = 2_000


@lru_cache(maxsize=1 << 17)
def _entry(leaf: bytes) -> Entry:
    """Raises EntryError."""
    return read_leaf(leaf)[0]


@dataclass(slots=True)
class _Entries:
    """Leaves by what they name. Nothing is verified yet: that costs, and most are never asked for."""

    cards: defaultdict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    replacing: defaultdict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    of_person: defaultdict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    said: defaultdict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    announced: defaultdict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    released: defaultdict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    vetters: list[bytes] = field(default_factory=list)
    lessons: set[bytes] = field(default_factory=set)

    def take(self, leaf: bytes) -> None:
        if (lesson := _LESSON.match(leaf)) is not None:
            self.lessons.add(bytes.fromhex(lesson[1].decode())[:LESSON_NAME])
        if _OURS.match(leaf) is None:
            return
        try:
            entry = _entry(leaf)
        except EntryError:
            return  # somebody wrote to the table: it is no entry, and counts for nothing
        if entry.kind is EntryKind.CARD:
            self.cards[entry.sha256].append(leaf)
            self.of_person[entry.case].append(leaf)
            if entry.card != entry.sha256:
                self.replacing[entry.card].append(leaf)
        elif entry.kind is EntryKind.ANNOUNCE:
            self.announced[entry.sha256].append(leaf)
        elif entry.kind is EntryKind.VETTERS:
            self.vetters.append(leaf)
        elif entry.kind is EntryKind.RELEASE:
            self.released[entry.case].append(leaf)
        else:
            self.said[entry.card].append(leaf)


@dataclass(frozen=True, slots=True)
class Book:
    """What the log says as one transaction sees it. Only entries that the worker's key signed say something of cards."""

    parts: tuple[_Entries, ...]
    worker: str
    dead: DeadCards
    sound: dict[bytes, bool] = field(repr=False)

    def of(self, card: str) -> OfCard:
        """By the card's fingerprint."""
        said = [leaf for part in self.parts for leaf in part.said.get(card, ())]
        return OfCard(
            enrolled=bool(self._mine("cards", card)),
            replaced=card in self.dead.replaced or bool(self._mine("replacing", card)),
            revoked=card in self.dead.revoked,
            statements=tuple(self._statement(leaf) for leaf in dict.fromkeys(said)),
        )

    def newest(self, tag: str) -> str | None:
        """The card of this person (`WorkerKeys.person_tag`) whose place no other took."""
        named = [_entry(leaf).sha256 for leaf in self._mine("of_person", tag)] if tag else []
        return next((card for card in named if not self.of(card).replaced), None)

    def since(self, card: str) -> int | None:
        """The hour of the first of the cards whose place this one took, each the next's; None = it is the first itself."""
        at, hour, seen = card, None, {card}
        while (before := next((b for b in self._followed(at) if b[0] not in seen), None)) is not None:
            at, hour = before
            seen.add(at)
        return hour

    def _followed(self, card: str) -> list[tuple[str, int]]:
        """(card, hour that it was logged) of those whose place this one took."""
        named = {_entry(leaf).card for leaf in self._mine("cards", card)} - {card}
        return [(before, _entry(leaf).hour) for before in sorted(named) for leaf in self._mine("cards", before)]

    def announced(self, what: str, card: str) -> int | None:
        """The hour of the worker's first announcement of it, a card's fingerprint or a statement's leaf hash, about this card."""
        entries = [_entry(leaf) for leaf in self._mine("announced", what)]
        return min((entry.hour for entry in entries if entry.card == card), default=None)

    def releases(self, case: str) -> tuple[Statement, ...]:
        """What anybody signed to let this case's tip go out; not judged."""
        leaves = dict.fromkeys(leaf for part in self.parts for leaf in part.released.get(case, ()))
        return tuple(self._statement(leaf) for leaf in leaves)

    def vetter_lists(self) -> tuple[str, ...]:
        """Hashes of the lists of vetters that the line has taken."""
        leaves = dict.fromkeys(leaf for part in self.parts for leaf in part.vetters if self._is_mine(leaf))
        return tuple(_entry(leaf).sha256 for leaf in leaves)

    def lessons(self) -> set[bytes]:
        """Names of the outcomes that were written down. Whose signature the entries bear was not looked at: who forged one tampered too."""
        return set[bytes]().union(*(part.lessons for part in self.parts))

    def remember(self, card: str, leaves: Sequence[bytes], *, revoked: bool) -> None:
        """Keeps on disk what an older database would not say, once it is committed. Raises OSError."""
        committed = self.parts[0]
        kept = set(committed.said.get(card, ()))
        for leaf in leaves:
            if leaf in kept and leaf not in self.dead.leaves:
                for witness in self._mine_of(committed, "announced", leaf_hash(leaf).hex()):
                    self.dead.add_leaf(witness)
                self.dead.add_leaf(leaf)
        if revoked and kept.issuperset(leaves):
            self.dead.revoke(card)

    def _statement(self, leaf: bytes) -> Statement:
        entry, _, signer, _ = read_leaf(leaf)
        return Statement(leaf, entry, signer, self.announced(leaf_hash(leaf).hex(), entry.card))

    def _mine(self, kind: str, key: str) -> list[bytes]:
        return [leaf for part in self.parts for leaf in self._mine_of(part, kind, key)]

    def _mine_of(self, part: _Entries, kind: str, key: str) -> list[bytes]:
        return [leaf for leaf in getattr(part, kind).get(key, ()) if self._is_mine(leaf)]

    def _is_mine(self, leaf: bytes) -> bool:
        if leaf not in self.sound:
            self.sound[leaf] = holds(leaf, self.worker)
        return self.sound[leaf]


class RosterLog:
    """One for each process. What a transaction sees beyond the entries that are surely committed is read anew each time, so that nothing
    stays of one that is rolled back."""

    def __init__(self, dead: DeadCards | None = None) -> None:
        self.dead = dead or DeadCards()
        self._sound: dict[bytes, bool] = {}
        self._forget()

    async def read(self, tx: Tx, worker: str) -> Book:
        """`worker`: the custody key's public half. Raises OSError when what died cannot be kept."""
        while True:
            start, last = self._count, self._last
            leaves = await self._leaves(tx, start - len(last))
            if start != self._count:
                continue  # another transaction settled more meanwhile
            if leaves[: len(last)] == last:
                break
            self._forget()  # the log is another than it was: a restored one, or a transaction that failed twice in the same place
        self._settle(tx, leaves[len(last) :], worker)
        fresh = _Entries()
        for leaf in self._tail:
            fresh.take(leaf)
        return Book((self._settled, fresh), worker, self.dead, self._sound)

    @property
    def settled(self) -> int:
        """How many entries are surely committed; there may be more."""
        return self._count

    def _forget(self) -> None:
        self._settled, self._count = _Entries(), 0
        self._last: Sequence[bytes] = []
        self._tail: Sequence[bytes] = []
        self._seen_by: Tx | None = None
        for leaf in self.dead.leaves:
            self._settled.take(leaf)

    async def _leaves(self, tx: Tx, start: int) -> list[bytes]:
        leaves = list[bytes]()
        while True:
            page = await tx.leaves(start + len(leaves), PAGE)
            leaves += page
            if len(page) < PAGE:
                return leaves

    def _settle(self, tx: Tx, tail: Sequence[bytes], worker: str) -> None:
        """What two transactions saw in the same place is committed."""
        same = 0
        if self._seen_by is not tx:
            while same < min(len(tail), len(self._tail)) and tail[same] == self._tail[same]:
                same += 1
        for leaf in tail[:same]:
            self._settled.take(leaf)
        self._count += same
        self._last = tail[same - 1 : same] if same else self._last
        self._tail, self._seen_by = tail[same:], tx
        if same:
            unkept = self._settled.replacing.keys() - self.dead.replaced
            self.dead.replace(card for card in unkept if any(holds(leaf, worker) for leaf in self._settled.replacing[card]))
