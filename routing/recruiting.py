"""Whom a line should recruit next: one more reader is put into the roster, and the gaps are put to the draw again. Pure.

As long as there are kinds of tip that nobody may read at once, these alone count; then those that leave too few to choose from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from routing.coverage import Answer, Level, ask, at_home
from routing.exclusion import VETTERS, ground_of, judge
from routing.people import NO_OFFICIALS, Agency, Atlas, Card, House, Person, RegionKind, Role, Roster
from routing.policy import DEFAULT, Policy

MOST_ALIKE = 10
"""So many people of one kind are tried together."""
HOMES = 8
"""So many regions are tried as a home: those with the fewest gaps."""
TRIED = 4
"""So many groups of candidates of each kind of agency: those who could read in most gaps."""
UNREAD = frozenset({Level.WAITS, Level.HELD})


@dataclass(frozen=True, slots=True)
class Recruit:
    """One kind of person. `homes`: any of these regions does equally well. `agency`: "" = one that has nobody on the roster yet. `helps`:
    in so many gaps he could read. `closes`: so many of them are gone with him. `needed`: with so many like him, each of another agency,
    all in which he could read are gone; None = not with ten."""

    house: House
    homes: tuple[str, ...]
    agency: str
    cleared: bool
    helps: int
    closes: int
    needed: int | None


@dataclass(frozen=True, slots=True)
class _Candidate:
    house: House
    agency: str
    home: str
    cleared: bool

    def person(self, roster: Roster, now: datetime, number: int = 0) -> Person:
        """Vetted by all founding vetters, so that no probation and no pair limits him: what he brings when he is settled."""
        card = Card(
            person=f"new {number}", name="", spellings=(), age_recipient="", verify_key="", role=Role.HANDLER,
            agency=self.agency or _new(self.house, number), past_agencies=(), home=self.home, posting=self.home, past_postings=(), kin=(),
            conflicts=(), languages=(), child_clearance=self.cleared, capacity=4, founder=True, sequence=1, issued=now - timedelta(days=1),
            expires=now.date() + timedelta(days=365),
        )  # fmt: skip
        return Person(card, tuple(sorted(roster.founding)) + tuple(f"vetter {n}" for n in range(VETTERS)))


def recruits(roster: Roster, found: Sequence[Answer], now: datetime, policy: Policy = DEFAULT) -> list[Recruit]:
    """`found`: the gaps. The best of each kind of agency, those first who close most, alone and then with others like them."""
    wide, found = replace(roster, atlas=_widened(roster.atlas)), gravest(found)
    best: dict[House, Recruit] = {}
    for recruit in sorted(_tried(wide, found, now, policy), key=_rank):
        best.setdefault(recruit.house, recruit)
    return sorted(best.values(), key=_rank)


def gravest(found: Sequence[Answer]) -> list[Answer]:
    """The gaps that count now: those in which a tip waits or is held; if there are none, all."""
    return [answer for answer in found if answer.level in UNREAD] or list(found)


def _rank(recruit: Recruit) -> tuple[int, int, int, bool]:
    return (-recruit.closes, -recruit.helps, MOST_ALIKE + 1 if recruit.needed is None else recruit.needed, recruit.cleared)


def _tried(roster: Roster, found: Sequence[Answer], now: datetime, policy: Policy) -> Iterator[Recruit]:
    """Of all who could read in the very same gaps one is tried: who needs no clearance for it, if there is one."""
    alike: dict[tuple[frozenset[int], House, str], list[_Candidate]] = {}
    for candidate, helped in _helping(roster, found, now):
        alike.setdefault((helped, candidate.house, candidate.agency), []).append(candidate)
    for house in House:
        groups = sorted((key for key in alike if key[1] is house and key[0]), key=lambda key: (-len(key[0]), key[2]))
        for key in groups[:TRIED]:
            simplest = [candidate for candidate in alike[key] if not candidate.cleared] or alike[key]
            yield _recruit(roster, [found[n] for n in sorted(key[0])], simplest, now, policy)


def _recruit(roster: Roster, found: Sequence[Answer], alike: Sequence[_Candidate], now: datetime, policy: Policy) -> Recruit:
    first = alike[0]
    like_him = [first.person(roster, now, n) for n in range(1 if first.agency else MOST_ALIKE)]
    left = _left(roster, found, like_him[:1], now, policy)
    counts = range(1, len(like_him) + 1)
    needed = next((count for count in counts if not (_left(roster, found, like_him[:count], now, policy) if count > 1 else left)), None)
    homes = tuple(candidate.home for candidate in alike)
    return Recruit(first.house, homes, first.agency, first.cleared, len(found), len(found) - left, needed)


def _left(roster: Roster, found: Sequence[Answer], added: Sequence[Person], now: datetime, policy: Policy) -> int:
    """How many gaps stay. The level of a draw in which nobody is named depends on nothing but the pool: each pool is asked once."""
    more = roster.changed(*added)
    once = {answer.pool: answer for answer in found}
    bad = UNREAD if found[0].level in UNREAD else {*UNREAD, Level.SMALL_POOL}
    still = {pool: ask(more, answer.case, now, policy).level in bad for pool, answer in once.items()}
    return sum(still[answer.pool] for answer in found)


def _helping(roster: Roster, found: Sequence[Answer], now: datetime) -> Iterator[tuple[_Candidate, frozenset[int]]]:
    """Every candidate with the numbers of the gaps in which nothing would exclude him."""
    grounds = [ground_of(roster.atlas, answer.case.tip, now) for answer in found]
    for candidate in _candidates(roster.atlas, _homes(roster.atlas, found)):
        person = candidate.person(roster, now)
        yield candidate, frozenset(n for n, ground in enumerate(grounds) if not judge(person, ground))


def _candidates(atlas: Atlas, homes: Iterable[str]) -> Iterator[_Candidate]:
    """NGOs, and liaisons from abroad: of an agency that is not on the roster. Officials: of an office of the atlas, from its region, or
    from any if it is the country's."""
    known, home = list(homes), at_home(atlas)
    countries = [region.id for region in atlas.regions.values() if region.kind is RegionKind.COUNTRY and region.id not in home]
    for cleared in (False, True):
        for place in known:
            yield _Candidate(House.NGO, "", place, cleared)
        for place in countries[:1]:
            yield _Candidate(House.FOREIGN_LIAISON, "", place, cleared)
        for agency in atlas.agencies.values():
            if agency.kind not in NO_OFFICIALS:
                national = atlas.regions[agency.region].kind is RegionKind.COUNTRY
                for place in known if national else [region for region in known if region == agency.region]:
                    yield _Candidate(agency.kind, agency.id, place, cleared)


def _homes(atlas: Atlas, found: Sequence[Answer]) -> list[str]:
    """Regions (no seas) of the line's own countries, those with the fewest gaps first."""
    counted = Counter(answer.case.place for answer in found)
    inside = [region for region in at_home(atlas) if atlas.regions[region].kind in (RegionKind.REGION, RegionKind.TOWN)]
    areas = [region for region in inside if atlas.area(region) in (region, None)]
    return sorted(areas, key=lambda region: (counted[region], region))[:HOMES]


def _new(house: House, number: int) -> str:
    """No id of a regions file has a space."""
    return f"new {house} {number}"


def _widened(atlas: Atlas) -> Atlas:
    """With agencies that have nobody yet."""
    regions: Mapping[House, str] = dict.fromkeys(NO_OFFICIALS, next(iter(atlas.regions)))
    added = tuple(Agency(_new(house, n), house, regions[house], None, ()) for house in sorted(NO_OFFICIALS) for n in range(MOST_ALIKE))
    return Atlas(tuple(atlas.regions.values()), (*atlas.agencies.values(), *added))
