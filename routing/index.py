"""A roster as arrays: what a draw over 100,000 people reads.

Every array has a row for each person, in the order of their ids, so that no result depends on how the roster came about. What a card says
in words (agencies, regions, names) stands as codes: a tip marks the codes that it implicates, and one look-up through the array finds
everybody who has them. What somebody can have several of stands in tables of its own, a row for each, the person's row first.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from routing.codes import NONE, Bools, Codes, Floats, Ids, Ints, Names, People, Sets
from routing.people import House, Kin, Person, Reach, Role

if TYPE_CHECKING:
    from routing.people import Atlas, Card, Roster


Counts = NDArray[np.integer]
Number = TypeVar("Number", bound=np.generic)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KINDS = tuple(House)
_LOAD = {"active": np.bool_, "on_duty": np.bool_, "open_cases": np.int32}
"""What changes by the hour; all else comes of the card and its vetters."""
_COLUMNS = {
    "house": np.int64, "reach": np.int64, "agency": np.int64, "home": np.int64, "pair": np.int64, "tied": np.int16, "office": np.int64,
    "region": np.int64, "posting": np.int64, "languages": np.int64, "capacity": np.int32, "issued": np.int64, "since": np.int64,
    "expires": np.int32, "signers": np.int16, "handles": np.bool_, "leads": np.bool_, "cleared": np.bool_, "founder": np.bool_,
    "lost_office": np.bool_, "lost_place": np.bool_, "lost_kin": np.bool_,
}  # fmt: skip


def index_of(roster: Roster) -> Index:
    """Built once for each roster."""
    if not roster.kept:
        roster.kept.append(Index(roster.people, roster.atlas))
    return roster.kept[0]


def instant(moment: datetime) -> int:
    """Microseconds since 1970 UTC, exact."""
    return (moment - _EPOCH) // _MICROSECOND


class Index:
    """`ids` sorted; every array is in their order. `house`, `agency`, `home` (area), `pair` (of vetters): codes of groups whose members
    tell of each other. Trustees read nothing: each is in groups of his own. Nothing in an index changes once it is made."""

    house: Ints
    reach: Ints
    agency: Ints
    home: Ints
    pair: Ints
    tied: Counts
    office: Ints
    region: Ints
    posting: Ints
    languages: Ints
    capacity: Counts
    open_cases: Counts
    issued: Ints
    since: Ints
    """Of the first card, as `issued`: microseconds since 1970."""
    expires: Counts
    signers: Counts
    """How many different vetters."""
    handles: Bools
    leads: Bools
    active: Bools
    on_duty: Bools
    cleared: Bools
    founder: Bools
    lost_office: Bools
    """An agency, present or past, that the atlas lacks; `lost_place`, `lost_kin` likewise."""
    lost_place: Bools
    lost_kin: Bools

    def __init__(self, people: Sequence[Person], atlas: Atlas) -> None:
        self.atlas = atlas
        self.people = People(sorted(people, key=lambda person: person.id))
        self.ids = Ids(self.people)
        self.offices: Codes[str] = Codes()
        self.places: Codes[str] = Codes()
        self.pairs = Sets()
        self.spoken = Sets()
        self.names = Names()
        self._areas = atlas.areas
        self._among: tuple[dict[str, int], int, Ints] | None = None
        for name, column in self._columns(self.people).items():
            setattr(self, name, column)
        self.past_offices, self.past_places, self.kin, self.conflicts = self._several(self.people, range(len(self.people)))

    def row(self, person: str) -> int:
        """NONE = nobody of that id."""
        at = bisect_left(self.ids, person)
        return at if at < len(self.ids) and self.ids[at] == person else NONE

    def rows(self, people: Iterable[str]) -> Ints:
        """Of those who are there, in the order given."""
        return np.array([row for row in map(self.row, people) if row != NONE], dtype=np.int64)

    def hidden(self, tied: float) -> Floats:
        """Share of a corrupt person's network that is one given area of those where he has no tie."""
        left = np.where(self.tied > 0, 1.0 - tied, 1.0)
        return left / np.maximum(1, self._areas - self.tied)

    def rows_among(self, rows: dict[str, int]) -> Ints:
        """Each person's row in a table that only ever grows; NONE = not there. Looks up no more than what came since it was last asked."""
        if not rows:
            return np.full(len(self.ids), NONE)
        if self._among is None or self._among[0] is not rows or self._among[1] > len(rows):
            found = np.array([rows.get(name, NONE) for name in self.ids], dtype=np.int64)
        elif self._among[1] == len(rows):
            return self._among[2]
        else:
            found = self._among[2].copy()
            for name, at in islice(reversed(rows.items()), len(rows) - self._among[1]):
                if (row := self.row(name)) != NONE:
                    found[row] = at
        self._among = rows, len(rows), found
        return found

    def changed(self, people: Iterable[Person]) -> Index:
        """With these people added, or in the place of those with their ids. Costs what a copy of the arrays costs."""
        new = sorted({person.id: person for person in people}.values(), key=lambda person: person.id)
        at = [bisect_left(self.ids, person.id) for person in new]
        there = [row < len(self.ids) and self.ids[row] == person.id for row, person in zip(at, new, strict=True)]
        after: Index = object.__new__(Index)
        after.__dict__.update(self.__dict__)
        after._put(
            [person for person, old in zip(new, there, strict=True) if old], [row for row, old in zip(at, there, strict=True) if old]
        )
        after._insert(
            [person for person, old in zip(new, there, strict=True) if not old],
            [row for row, old in zip(at, there, strict=True) if not old],
        )
        return after

    def _put(self, people: list[Person], rows: list[int]) -> None:
        """Copies only the columns in which something is new."""
        if not people:
            return
        old = [self.people[row] for row in rows]
        self._name(self.people.put(people, rows))
        if all(map(_differ_in_load, old, people)):
            columns = self._load(people)
        else:
            columns = self._columns(people)
            self._put_several([person.card for person in old], people, rows)
        for name, column in columns.items():
            before = getattr(self, name)
            if not np.array_equal(before[rows], column):
                changed = before.copy()
                changed[rows] = column
                setattr(self, name, changed)

    def _put_several(self, old: list[Card], people: list[Person], rows: list[int]) -> None:
        if all(map(_have_the_same, old, (person.card for person in people))):
            return
        stays = np.ones(len(self.people), dtype=np.bool_)
        stays[rows] = False
        self._add_several(people, rows, [table[stays[table[:, 0]]] for table in self._tables()])

    def _insert(self, people: list[Person], before: list[int]) -> None:
        """`before`: rows of those whom they come before, ascending."""
        if not people:
            return
        everybody = list(self.people)
        for earlier, (person, row) in enumerate(zip(people, before, strict=True)):
            everybody.insert(row + earlier, person)
        self._name(People(everybody))
        for name, column in self._columns(people).items():
            setattr(self, name, _inserted(getattr(self, name), before, column))
        if self._among is not None:
            among, known, found = self._among
            self._among = (
                among,
                known,
                _inserted(found, before, np.array([among.get(person.id, NONE) for person in people], dtype=np.int64)),
            )
        moved = [table.copy() for table in self._tables()]
        for table in moved:
            table[:, 0] += np.searchsorted(before, table[:, 0], side="right")
        self._add_several(people, [row + earlier for earlier, row in enumerate(before)], moved)

    def _name(self, people: People) -> None:
        self.people, self.ids = people, Ids(people)

    def _tables(self) -> tuple[Ints, ...]:
        return self.past_offices, self.past_places, self.kin, self.conflicts

    def _add_several(self, people: Sequence[Person], rows: Sequence[int], old: Sequence[Ints]) -> None:
        tables = [np.concatenate(both) for both in zip(old, self._several(people, rows), strict=True)]
        self.past_offices, self.past_places, self.kin, self.conflicts = tables

    def _load(self, people: Sequence[Person]) -> dict[str, NDArray[np.generic]]:
        return {name: np.array([getattr(person, name) for person in people], dtype=kind) for name, kind in _LOAD.items()}

    def _columns(self, people: Sequence[Person]) -> dict[str, NDArray[np.generic]]:
        """What `_row` says of each, and of what it does not, the load."""
        rows = list(zip(*[self._row(person) for person in people], strict=True)) or [()] * len(_COLUMNS)
        said: dict[str, NDArray[np.generic]] = {
            name: np.array(column, dtype=kind) for (name, kind), column in zip(_COLUMNS.items(), rows, strict=True)
        }
        return said | self._load(people)

    def _row(self, person: Person) -> tuple[object, ...]:
        """In the order of `_COLUMNS`."""
        card, regions, agencies = person.card, self.atlas.regions, self.atlas.agencies
        reads, alone = card.role in (Role.HANDLER, Role.LEAD), f"/{card.person}"
        house = agencies[card.agency].kind if card.agency in agencies else House.OTHER
        home = (self.atlas.area(card.home) or card.home) if card.home in regions else card.home
        vetters, held = frozenset(person.vetters), (card.agency, *card.past_agencies)
        places = (card.home, card.posting, *card.past_postings)
        ties = (*places, *(kin.region for kin in card.kin if kin.region is not None))
        return (
            _KINDS.index(house),
            self.atlas.reach(agencies[card.agency]) if card.agency in agencies else Reach.AREA,
            self.offices.code(card.agency if reads else alone),
            self.places.code(home if reads else alone),
            self.pairs.code(vetters if reads else frozenset({alone})),
            len({self.atlas.area(place) or place for place in ties if place in regions}),
            self.offices.code(card.agency),
            self.places.code(card.home),
            self.places.code(card.posting),
            self.spoken.code(frozenset(map(bare, card.languages))),
            card.capacity,
            instant(card.issued),
            instant(person.enrolled or card.issued),
            card.expires.toordinal(),
            len(vetters),
            card.role is Role.HANDLER,
            card.role is Role.LEAD,
            card.child_clearance,
            card.founder,
            not agencies.keys() >= set(held),
            not regions.keys() >= set(places),
            any(_is_lost(kin, self.atlas) for kin in card.kin),
        )

    def _several(self, people: Sequence[Person], rows: Iterable[int]) -> tuple[Ints, Ints, Ints, Ints]:
        """Rows with past agencies; with past postings; with kin (region, agency, name); with conflicts."""
        cards = [(row, person.card) for row, person in zip(rows, people, strict=True)]
        return (
            _table(2, ((row, self.offices.code(agency)) for row, card in cards for agency in card.past_agencies)),
            _table(2, ((row, self.places.code(place)) for row, card in cards for place in card.past_postings)),
            _table(4, ((row, *self._kin(kin)) for row, card in cards for kin in card.kin)),
            _table(2, ((row, self.names.code(name)) for row, card in cards for name in card.conflicts)),
        )

    def _kin(self, kin: Kin) -> tuple[int, int, int]:
        region = NONE if kin.region is None else self.places.code(kin.region)
        agency = NONE if kin.agency is None else self.offices.code(kin.agency)
        return region, agency, self.names.code(kin.name)


def bare(language: str) -> str:
    """Without region and script: who reads es reads es-MX."""
    return language.split("-", maxsplit=1)[0].lower()


def _differ_in_load(one: Person, other: Person) -> bool:
    """At most."""
    return one.card == other.card and one.vetters == other.vetters and one.enrolled == other.enrolled


def _have_the_same(one: Card, other: Card) -> bool:
    """Of what somebody can have several of."""
    several = (one.past_agencies, one.past_postings, one.kin, one.conflicts)
    return several == (other.past_agencies, other.past_postings, other.kin, other.conflicts)


def _is_lost(kin: Kin, atlas: Atlas) -> bool:
    lost_region = kin.region is not None and kin.region not in atlas.regions
    return lost_region or (kin.agency is not None and kin.agency not in atlas.agencies)


def _table(width: int, rows: Iterable[tuple[int, ...]]) -> Ints:
    return np.array(list(rows), dtype=np.int64).reshape(-1, width)


def _inserted(column: NDArray[Number], before: list[int], new: NDArray[Number]) -> NDArray[Number]:
    """np.insert, at a third of its cost for few."""
    pieces = np.split(column, before)
    between = np.split(new, range(1, len(new)))
    return np.concatenate([pieces[0], *chain(*zip(between, pieces[1:], strict=True))])
