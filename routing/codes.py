"""Codes: numbers for ids, names and sets of them, so that one look-up through an array finds everybody who has what a tip implicates."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from routing.names import Words, words

if TYPE_CHECKING:
    from routing.people import Person

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Key = TypeVar("Key", str, frozenset[str])

BLOCK = 256
"""People of a roster that are copied to change one of them."""

NONE = -1
"""Code of what is not said. Every look-up table has a last place for it, which is never marked."""


class Codes(Generic[Key]):
    """A number for each key, in the order in which they were first seen. Only ever grows: indexes made from one another share it."""

    def __init__(self) -> None:
        self.of: dict[Key, int] = {}
        self._ranks: Ints = np.zeros(0, dtype=np.int64)

    def code(self, key: Key) -> int:
        return self.of.setdefault(key, len(self.of))

    def marked(self, keys: Iterable[Key]) -> Bools:
        """Look-up table: whether a code's key is one of these."""
        table = np.zeros(len(self.of) + 1, dtype=np.bool_)
        table[[self.of[key] for key in keys if key in self.of]] = True
        return table

    def ranks(self) -> Ints:
        """Place of each code's key in the order of all keys: what is sorted by it does not depend on who was enrolled first."""
        if len(self._ranks) != len(self.of):
            self._ranks = np.zeros(len(self.of), dtype=np.int64)
            self._ranks[[self.of[key] for key in sorted(self.of)]] = np.arange(len(self.of))
        return self._ranks


class Sets(Codes[frozenset[str]]):
    """Codes of sets, found again by what is in them."""

    def __init__(self) -> None:
        super().__init__()
        self._having: dict[str, set[int]] = {}

    def code(self, key: frozenset[str]) -> int:
        known = len(self.of)
        code = super().code(key)
        if code == known:
            for item in key:
                self._having.setdefault(item, set()).add(code)
        return code

    def having(self, items: frozenset[str]) -> Bools:
        """Look-up table: whether a code's set has all of these."""
        found = [self._having.get(item, set()) for item in items]
        table = np.full(len(self.of) + 1, not found)
        if found:
            table[list(set.intersection(*sorted(found, key=len)))] = True
        return table


class Names:
    """Codes of names, found again by the words in them: two names that could be one person's share a word."""

    def __init__(self) -> None:
        self.codes: Codes[str] = Codes()
        self._counts = array("q")
        self._having: dict[str, array[int]] = {}
        self._following: dict[str, array[int]] = {}

    def code(self, name: str) -> int:
        code = self.codes.code(name)
        if code == len(self._counts):
            every = words(name)
            self._counts.append(len(set(every)))
            for having, some in ((self._having, every), (self._following, every[1:])):
                for word in set(some):
                    having.setdefault(word, array("q")).append(code)
        return code

    def marked(self, sought: Iterable[Words], exactly: Iterable[str] = ()) -> Bools:
        """Look-up table: whether a code's name could be one of those sought (as routing/names.py has it), or is one of `exactly`."""
        table = self.codes.marked(exactly)
        counts = np.array(self._counts, dtype=np.int64)
        for name in sought:
            shared = np.zeros(len(counts), dtype=np.int64)
            for word in set(name):
                shared[self._having.get(word, array("q"))] += 1
            table[:-1] |= (shared > 1) | ((shared > 0) & ((shared == counts) | (shared == len(set(name)))))
            for word in name[1:]:
                table[self._following.get(word, array("q"))] = True
        return table


class People(Sequence["Person"]):
    """Of a roster, in blocks: copying everybody to change one costs more than the rest of a change."""

    def __init__(self, people: Iterable[Person]) -> None:
        everybody = tuple(people)
        self._length = len(everybody)
        self._blocks = [everybody[at : at + BLOCK] for at in range(0, self._length, BLOCK)]

    def put(self, people: Iterable[Person], rows: Iterable[int]) -> People:
        """With these people in the place of those of these rows."""
        after = People(())
        after._length, after._blocks = self._length, self._blocks.copy()
        for person, at in zip(people, rows, strict=True):
            block, row = divmod(at, BLOCK)
            before = after._blocks[block]
            after._blocks[block] = (*before[:row], person, *before[row + 1 :])
        return after

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, at: int) -> Person: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Person, ...]: ...
    def __getitem__(self, at: int | slice) -> Person | tuple[Person, ...]:
        if isinstance(at, slice):
            return tuple(self)[at]
        block, row = divmod(range(self._length)[at], BLOCK)
        return self._blocks[block][row]

    def __iter__(self) -> Iterator[Person]:
        return chain.from_iterable(self._blocks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


class Ids(Sequence[str]):
    """Of people, without a list of their own."""

    def __init__(self, people: Sequence[Person]) -> None:
        self._people = people

    def __len__(self) -> int:
        return len(self._people)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        return self._people[at].card.person if isinstance(at, int) else [person.card.person for person in self._people[at]]

    def __iter__(self) -> Iterator[str]:
        return iter([person.card.person for person in self._people])
