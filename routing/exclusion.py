"""Who may not read a tip, and why: E1–E9 of ROUTING.md. Hard, never relaxed; each with its code.

What cannot be judged excludes: a card or a tip that names an agency or a region unknown to the atlas never opens a way. Written twice:
`judge` for one person, as the gate asks; `judge_all` for a whole roster through its index. A property test holds that they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from routing.codes import Bools, Ints
from routing.index import Index, index_of, instant
from routing.names import Words, any_could_be, words
from routing.people import NO_OFFICIALS, Atlas, Card, Code, House, Kin, Person, RegionKind, Roster, TipFacts
from triage.tip import Child

VETTING_DAYS = 365
VETTERS = 2
CODES = tuple(Code)
OFFICIAL = np.array([house not in NO_OFFICIALS for house in House])
"""By the codes of `Index.house`; an agency that the atlas lacks is OTHER there."""
Bits = NDArray[np.uint16]
"""One for each person: bit n = the n-th of `CODES` excludes."""
Value = TypeVar("Value")

OF_THE_MOMENT = frozenset({Code.E1, Code.E8})
"""Codes that say something of the person and the day; all others come of the tip's facts and hold for the life of the case."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a tip implicates, worked out once for the whole roster."""

    tip: TipFacts
    atlas: Atlas
    ties: frozenset[str]
    """Regions in which a home, posting or kin is a tie (E5, E6); an office for one of them has jurisdiction (E4)."""
    offices: frozenset[str]
    """Implicated agencies with their chains of command, both directions (E3)."""
    of_kind: frozenset[str]
    """Agencies of an implicated kind with jurisdiction (E4)."""
    place_known: bool
    today: date
    oldest: datetime
    """Cards issued before it are vetted too long ago (E8)."""
    blind: bool
    """The tip names a region or an agency that the atlas lacks: nothing can be judged."""
    named: tuple[Words, ...]
    """Names in the text, and every name of the roster's people whom it names."""


def exclusions(roster: Roster, tip: TipFacts, now: datetime) -> Mapping[str, tuple[Code, ...]]:
    """Every person of the roster: the codes that exclude, in order; () = eligible."""
    index = index_of(roster)
    return codes_of(index.ids, judge_all(index, ground_for(index, tip, now)))


class Later(Mapping[str, Value], Generic[Value]):
    """A mapping that is not worked out before somebody looks into it: at 100,000 people that costs more than the draw."""

    def __init__(self, make: Callable[[], dict[str, Value]]) -> None:
        self._make: Callable[[], dict[str, Value]] | None = make
        self._made: dict[str, Value] = {}

    def _all(self) -> dict[str, Value]:
        if self._make is not None:
            self._made, self._make = self._make(), None
        return self._made

    def __getitem__(self, key: str) -> Value:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def codes_of(ids: Sequence[str], barred: Bits) -> Mapping[str, tuple[Code, ...]]:
    """Each person's codes in words."""

    def made() -> dict[str, tuple[Code, ...]]:
        kinds, rows = np.unique(barred, return_inverse=True)
        texts = [tuple([code for n, code in enumerate(CODES) if bits >> n & 1]) for bits in kinds.tolist()]
        return dict(zip(ids, [texts[row] for row in rows.tolist()], strict=True))

    return Later(made)


def ground_for(index: Index, tip: TipFacts, now: datetime) -> Ground:
    return ground_of(index.atlas, tip, now, [index.people[row].card for row in index.rows(tip.people).tolist()])


def ground_of(atlas: Atlas, tip: TipFacts, now: datetime, named: Iterable[Card] = ()) -> Ground:
    """`named`: cards of the people in `tip.people`, for conflicts declared with them by name."""
    ties: frozenset[str] = frozenset().union(*(_ties(atlas, region) for region in tip.regions if region in atlas.regions))
    known = tip.place_known and any(
        atlas.regions[region].kind is not RegionKind.COUNTRY for region in tip.regions if region in atlas.regions
    )
    houses = {House(kind.value) for kind in tip.kinds}
    names = sorted({*tip.names, *(name for card in named for name in (card.name, *card.spellings))})
    return Ground(
        tip=tip,
        atlas=atlas,
        ties=ties,
        offices=frozenset().union(*(atlas.line(agency) for agency in tip.agencies if agency in atlas.agencies)),
        of_kind=frozenset(
            a.id for a in (atlas.agencies.values() if houses else ()) if a.kind in houses and (not known or a.region in ties)
        ),
        place_known=known,
        today=now.astimezone(UTC).date(),
        oldest=now - timedelta(days=VETTING_DAYS),
        blind=not (tip.regions <= atlas.regions.keys() and tip.agencies <= atlas.agencies.keys()),
        named=tuple(words(name) for name in names),
    )


def judge(person: Person, ground: Ground) -> tuple[Code, ...]:
    """The codes that exclude one person, in order."""
    card, tip = person.card, ground.tip
    tests = (
        (not person.active or card.issued > tip.received, Code.E1),
        (card.person in tip.people or card.person in tip.kept_from, Code.E2),
        (_serves(card, ground), Code.E3),
        (_is_of_kind(card, ground), Code.E4),
        (_is_local(card, ground), Code.E5),
        (any(_is_tied(kin, ground) for kin in card.kin) if card.kin else False, Code.E6),
        (not card.child_clearance and _could_be_child(tip), Code.E7),
        (not _is_vetted(person, ground), Code.E8),
        (_has_conflict(card, ground) if card.conflicts else False, Code.E9),
    )
    return tuple([code for excludes, code in tests if excludes])


def _is_vetted(person: Person, ground: Ground) -> bool:
    """Two vetters or more, not longer ago than a year, and the card's last day not over."""
    card = person.card
    return card.issued >= ground.oldest and card.expires >= ground.today and len(set(person.vetters)) >= VETTERS


def _ties(atlas: Atlas, region: str) -> frozenset[str]:
    """The tip's region with every town of it, and what lies around it: a card that says no more than the country hides a tie.

    A country that is merely mentioned ties to itself alone, or nobody in it could ever read.
    """
    around = atlas.above(region)
    if atlas.regions[region].kind is RegionKind.COUNTRY:
        return around
    return around | atlas.inside(atlas.area(region) or region)


def _serves(card: Card, ground: Ground) -> bool:
    return ground.blind or _any_suspect((card.agency, *card.past_agencies), ground.atlas.agencies, ground.offices)


def _is_of_kind(card: Card, ground: Ground) -> bool:
    """A past office counts like the present one. Unknown place: it could be any official's, so none of them reads."""
    if not ground.place_known and _is_official(card.agency, ground.atlas):
        return True
    return not ground.of_kind.isdisjoint((card.agency, *card.past_agencies))


def _is_official(agency: str, atlas: Atlas) -> bool:
    return agency not in atlas.agencies or atlas.agencies[agency].kind not in NO_OFFICIALS


def _is_local(card: Card, ground: Ground) -> bool:
    return ground.blind or _any_suspect((card.home, card.posting, *card.past_postings), ground.atlas.regions, ground.ties)


def _any_suspect(ids: tuple[str, ...], known: Mapping[str, object], implicated: frozenset[str]) -> bool:
    return not (implicated.isdisjoint(ids) and known.keys() >= set(ids))


def _is_tied(kin: Kin, ground: Ground) -> bool:
    if kin.region is not None and (kin.region not in ground.atlas.regions or kin.region in ground.ties):
        return True
    if kin.agency is not None and (kin.agency not in ground.atlas.agencies or kin.agency in ground.offices | ground.of_kind):
        return True
    return any_could_be((kin.name,), ground.named)


def _has_conflict(card: Card, ground: Ground) -> bool:
    """Declared with a person of the roster (by id or by name) or with anybody else by name."""
    return not ground.tip.people.isdisjoint(card.conflicts) or any_could_be(card.conflicts, ground.named)


def _could_be_child(tip: TipFacts) -> bool:
    return tip.child is Child.YES or (tip.child is Child.UNKNOWN and (tip.could_involve_child or tip.asks_help))


def judge_all(index: Index, ground: Ground) -> Bits:
    """What `judge` says, of everybody at once."""
    tip = ground.tip
    tests = (
        ~index.active | (index.issued > instant(tip.received)),
        _at(index, index.rows(tip.people | tip.kept_from)),
        _serve(index, ground),
        _are_of_kind(index, ground),
        _are_local(index, ground),
        _are_tied(index, ground),
        ~index.cleared if _could_be_child(tip) else None,
        ~((index.issued >= instant(ground.oldest)) & (index.expires >= ground.today.toordinal()) & (index.signers >= VETTERS)),
        _have_conflicts(index, ground),
    )
    barred = np.zeros(len(index.ids), dtype=np.uint16)
    for n, excludes in enumerate(tests):
        if excludes is not None:
            barred |= excludes.astype(np.uint16) << np.uint16(n)
    return barred


def had_it_named_nobody(index: Index, ground: Ground, barred: Bits) -> Bits:
    """What `judge_all` would say, `barred` being what it says: whom naming alone excludes are not only the named, but who declared them as
    kin, or a conflict with them. A family's name can shut out half a line that way."""
    if not (ground.named or ground.tip.people or ground.tip.kept_from):
        return barred
    tied = _are_tied(index, replace(ground, named=())).astype(np.uint16) * bit(Code.E6)
    return np.asarray(barred & ~(bit(Code.E2) | bit(Code.E6) | bit(Code.E9)) | tied, dtype=np.uint16)


def bit(code: Code) -> np.uint16:
    return np.uint16(1 << CODES.index(code))


def _at(index: Index, rows: Ints) -> Bools:
    found = np.zeros(len(index.ids), dtype=np.bool_)
    found[rows] = True
    return found


def _serve(index: Index, ground: Ground) -> Bools:
    if ground.blind:
        return np.ones(len(index.ids), dtype=np.bool_)
    return index.lost_office | _have_office(index, ground.offices)


def _are_of_kind(index: Index, ground: Ground) -> Bools:
    of_kind = _have_office(index, ground.of_kind)
    return of_kind if ground.place_known else of_kind | OFFICIAL[index.house]


def _have_office(index: Index, offices: frozenset[str]) -> Bools:
    marked = index.offices.marked(offices)
    past = index.past_offices
    return marked[index.office] | _at(index, past[marked[past[:, 1]], 0])


def _are_local(index: Index, ground: Ground) -> Bools:
    if ground.blind:
        return np.ones(len(index.ids), dtype=np.bool_)
    marked, past = index.places.marked(ground.ties), index.past_places
    return index.lost_place | marked[index.region] | marked[index.posting] | _at(index, past[marked[past[:, 1]], 0])


def _are_tied(index: Index, ground: Ground) -> Bools:
    places, offices = index.places.marked(ground.ties), index.offices.marked(ground.offices | ground.of_kind)
    owner, region, agency, name = index.kin.T
    return index.lost_kin | _at(index, owner[places[region] | offices[agency] | index.names.marked(ground.named)[name]])


def _have_conflicts(index: Index, ground: Ground) -> Bools:
    owner, name = index.conflicts.T
    return _at(index, owner[index.names.marked(ground.named, ground.tip.people)[name]])
