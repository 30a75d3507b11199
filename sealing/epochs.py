"""The server-held keys by purpose and epoch number, as one process holds them: everybody who was handed them sees what came and went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sealing.rows import Purpose


class Epochs(Mapping[Purpose, Mapping[int, str]]):
    """Purpose -> epoch number -> age identity. Every purpose is there, if with nothing. What was read from it does not change any more:
    an epoch that comes or goes makes a new inner mapping."""

    def __init__(self, held: Mapping[Purpose, Mapping[int, str]] | None = None) -> None:
        self._held: dict[Purpose, dict[int, str]] = {purpose: dict((held or {}).get(purpose, {})) for purpose in Purpose}
        self._since: dict[tuple[Purpose, int], int] = {}

    def __repr__(self) -> str:
        return "Epochs(…)"

    def __getitem__(self, purpose: Purpose) -> Mapping[int, str]:
        return self._held[purpose]

    def __iter__(self) -> Iterator[Purpose]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def since(self, purpose: Purpose, number: int) -> int:
        """From which hour (since 1970, UTC) this epoch served; 0 = nobody knows."""
        return self._since.get((purpose, number), 0)

    def drained_since(self, purpose: Purpose, number: int) -> int | None:
        """From which hour another took its place; None = none did. The earliest that any later one says: a clock that was wrong once
        keeps no key alive. One that says it came before this epoch did was made under a clock that was behind, and does not count. Where
        all say so, this one's clock was ahead (or is still behind): then it is the next, which did take its place."""
        later = [self.since(purpose, n) for n in sorted(self._held[purpose]) if n > number]
        after = [hour for hour in later if hour >= self.since(purpose, number)]
        return min(after) if after else next(iter(later), None)

    def add(self, purpose: Purpose, number: int, identity: str, since: int = 0) -> None:
        self._held[purpose] = {**self._held[purpose], number: identity}
        self._since[purpose, number] = since

    def drop(self, purpose: Purpose, number: int) -> None:
        self._held[purpose] = {n: identity for n, identity in self._held[purpose].items() if n != number}
        self._since.pop((purpose, number), None)

    def take(self, other: Epochs) -> None:
        """Learns what the other has, and drops what is older than that and gone there. A file that was lost is no reason to forget the
        newest key: what is sealed to it lives in memory alone then."""
        for purpose, held in other.items():
            for number, identity in held.items():
                if self._held[purpose].get(number) != identity or self.since(purpose, number) != other.since(purpose, number):
                    self.add(purpose, number, identity, other.since(purpose, number))
            for number in [n for n in self._held[purpose] if n not in held and n < max(held, default=0)]:
                self.drop(purpose, number)
