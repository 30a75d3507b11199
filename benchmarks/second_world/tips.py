"""Tips that come in bursts: towns, ports, vessels at sea, a whole area, or no place; offices and people named in them, some to poison."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from benchmarks.second_world.land import FLAGS, HOME, LANGUAGES, START, Land, Soul
from routing.people import Agency, TipFacts
from triage.tip import AgencyKind, Child

BURST = 0.05
POISONED = 0.02
TOUCHES = 0.85


@dataclass(frozen=True, slots=True)
class Tip:
    """`areas`: whose networks it truly touches. `matter`: tips of one matter share a draw; None = of no other. `poisoned`: the names in it
    are lies; `honest` = the same tip without them."""

    facts: TipFacts
    now: datetime
    areas: frozenset[str]
    matter: int | None = None
    honest: TipFacts | None = None


@dataclass(frozen=True, slots=True)
class Spot:
    """`regions` that the text tells; `area` where it really is."""

    regions: frozenset[str]
    known: bool
    area: str


class Tips:
    def __init__(self, land: Land, dice: random.Random, a_day: float) -> None:
        self._land, self._dice, self._a_day = land, dice, a_day
        self._matters = 0
        self.now = START

    def arrive(self, souls: Sequence[Soul]) -> Iterator[Tip]:
        """One tip, or a burst of them within hours, some of one matter."""
        dice = self._dice
        self.now += timedelta(days=dice.expovariate(self._a_day))
        if dice.random() >= BURST:
            yield self._tip(self._spot(), souls, None)
            return
        spot, self._matters = self._spot(), self._matters + 1
        for _ in range(dice.randint(4, 10)):
            self.now += timedelta(minutes=dice.expovariate(1 / 40))
            yield self._tip(spot, souls, self._matters if dice.random() < 0.6 else None)

    def _spot(self) -> Spot:
        dice, land = self._dice, self._land
        area = dice.choice(land.ring)
        kind = dice.choices(("town", "port", "vessel", "area", "two", "country", "nowhere"), (52, 12, 10, 8, 6, 7, 5))[0]
        if kind == "port" and land.ports[area]:
            return Spot(frozenset(land.ports[area]), known=True, area=area)
        if kind == "vessel":
            harbours = [port for one in land.ring if land.sea(one) == land.sea(area) for port in land.ports[one]]
            called = dice.sample(harbours, min(2, len(harbours)))
            return Spot(frozenset((land.sea(area), dice.choice(FLAGS), *called)), known=True, area=area)
        if kind == "area":
            return Spot(frozenset((area,)), known=True, area=area)
        if kind == "two":
            other = dice.choice(land.ring)
            return Spot(frozenset((dice.choice(land.towns[area]), dice.choice(land.towns[other]))), known=True, area=area)
        if kind in ("country", "nowhere"):
            return Spot(frozenset((HOME,)) if kind == "country" else frozenset(), known=False, area=area)
        return Spot(frozenset((dice.choice(land.towns[area]),)), known=True, area=area)

    def _tip(self, spot: Spot, souls: Sequence[Soul], matter: int | None) -> Tip:
        dice, land = self._dice, self._land
        kinds = frozenset(dice.sample(list(AgencyKind)[:-1], dice.choices((0, 1, 2), (60, 32, 8))[0]))
        agencies = {a.id for a in land.atlas.agencies.values() if _office(a, kinds, spot)}
        if dice.random() < 0.08:
            agencies.add(dice.choice(list(land.atlas.agencies)))
        told = [dice.choice(souls).person.card for _ in range(dice.choices((0, 1, 2), (88, 9, 3))[0])]
        spoken = {card.name.lower() for card in told}
        if dice.random() < 0.05 and (kin := dice.choice(souls).person.card.kin):
            spoken.add(kin[0].name.split()[-1].lower())
        honest = TipFacts(
            received=self.now - timedelta(minutes=dice.randint(1, 600)), regions=spot.regions, place_known=spot.known,
            agencies=frozenset(agencies), kinds=kinds, people=frozenset(card.person for card in told), names=frozenset(spoken),
            child=dice.choices((Child.YES, Child.NO, Child.UNKNOWN), (2, 3, 5))[0], could_involve_child=dice.random() < 0.5,
            asks_help=dice.random() < 0.1, urgent=dice.random() < 0.25, language=dice.choice((None, *LANGUAGES)),
        )  # fmt: skip
        touched = frozenset((spot.area,)) if dice.random() < TOUCHES else frozenset()
        if matter is None and dice.random() < POISONED:
            return Tip(self._poison(honest, souls), self.now, touched, None, honest)
        return Tip(honest, self.now, touched, matter)

    def _poison(self, facts: TipFacts, souls: Sequence[Soul]) -> TipFacts:
        """Names honest readers, so that the corrupt ones are left."""
        victims = [soul.person.id for soul in souls if not soul.corrupt and self._dice.random() < 0.75]
        return replace(facts, people=facts.people | frozenset(victims))


def _office(agency: Agency, kinds: frozenset[AgencyKind], spot: Spot) -> bool:
    return agency.kind.value in {kind.value for kind in kinds} and agency.region in spot.regions - {HOME}
