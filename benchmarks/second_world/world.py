"""One world, from its first tip to its last: people come, go and are renewed; tips are drawn for, read, leaked, and told of later."""

from __future__ import annotations

import heapq
import itertools
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from benchmarks.second_world import losing
from benchmarks.second_world.capped import knowing
from benchmarks.second_world.judging import Asked, Gates, judge
from benchmarks.second_world.land import START, Plan, Settlers, Soul, make_land
from benchmarks.second_world.misdrawn import misdrawn
from benchmarks.second_world.reading import Reading, unnaming
from benchmarks.second_world.tips import Tip, Tips
from routing.draw import choose
from routing.learning import Event, Heard, Verdict, deserves_review, nothing_known, update
from routing.people import Assignment, Earlier, Hold, Person, Roster
from routing.policy import DEFAULT
from routing.records import area_of, reader

AGAIN = 0.08
"""Share of tips that are drawn for three times: the same, and with the roster shuffled."""
POLICIES = ("today", "exclusions", "tipline", "capped", "oracle")
"""Capped: the oracle, within the line's own rules; what any learning could reach at best."""


@dataclass(slots=True)
class Found:
    """What one world showed. `losses`: of each policy, the expected loss of every tip, in order. `flagged`: honest people ever proposed for
    a review, `caught` corrupt ones, of `honest` and `corrupt`. `sizes`: of the pools. `held`: tips that nobody could be given. `choosing`,
    `updating`: seconds of CPU that each call took."""

    plan: Plan
    gates: Gates = field(default_factory=Gates)
    losses: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in POLICIES})
    flagged: set[str] = field(default_factory=set)
    caught: set[str] = field(default_factory=set)
    honest: int = 0
    corrupt: int = 0
    held: int = 0
    waited: int = 0
    small: int = 0
    sizes: list[int] = field(default_factory=list)
    events: int = 0
    choosing: list[float] = field(default_factory=list)
    updating: list[float] = field(default_factory=list)

    def removed(self, last: float = 1.0, policy: str = "tipline") -> float:
        """Share of the avoidable losses, over the last part of the tips, that is avoided."""
        at = {name: sum(each[int(len(each) * (1 - last)) :]) for name, each in self.losses.items()}
        return (at["today"] - at[policy]) / (at["today"] - at["oracle"])

    def lost(self, policy: str) -> float:
        return sum(self.losses[policy]) / len(self.losses[policy])


class World:
    """People, tips and fates have dice of their own each, so that two policies meet the same ones."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self._seed = f"{plan.name} {seed}"
        self._dice, born, come = (random.Random(f"{self._seed} {use}") for use in ("life", "people", "tips"))
        self._plan, self.found = plan, Found(plan)
        self._land = make_land(plan.areas, plan.towns, plan.small_ngos)
        self._settlers, self._tips = Settlers(plan, self._land, born), Tips(self._land, come, plan.a_day)
        self._reading = Reading(self._land.atlas)
        self._souls = [self._settlers.settle(START, born.randrange(600)) for _ in range(plan.people)]
        self._framed = {soul.person.id for soul in [soul for soul in self._souls if not soul.corrupt][: plan.framed]}
        self._roster = Roster(tuple(soul.person for soul in self._souls), self._land.atlas)
        self._beliefs = nothing_known()
        self._told: list[tuple[datetime, int, Event]] = []
        self._count = itertools.count()
        self._matters: dict[int, Earlier] = {}
        self._capped_matters: dict[int, Earlier] = {}
        self._day = 0

    def run(self) -> Found:
        while len(self.found.sizes) + self.found.held < self._plan.tips:
            for tip in self._tips.arrive(self._souls):
                self._live(tip.now)
                self._learn(tip.now)
                self._take(tip)
        misdrawn(self._roster, tip, self._beliefs, self._dice.randbytes(32), self.found.gates, self._plan.coins)
        souls = self._souls
        self.found.honest, self.found.corrupt = sum(not one.corrupt for one in souls), sum(one.corrupt for one in souls)
        return self.found

    def _live(self, now: datetime) -> None:
        """Days pass: duty, cases that end, cards that are renewed or lapse, people who leave and others who come. Nobody is forgotten: a
        roster keeps whom it had."""
        today = (now - START).days
        if today == self._day:
            return
        come = []
        for soul in self._souls:
            soul.until = [end for end in soul.until if end > now]
            was_there = soul.person.active
            soul.person = self._aged(soul.person, len(soul.until), today - self._day, now)
            if was_there and not soul.person.active:
                come.append(self._settlers.settle(now, 0))
        self._souls += come
        self._roster = self._roster.changed(*(soul.person for soul in self._souls))
        self._day = today

    def _aged(self, person: Person, cases: int, days: int, now: datetime) -> Person:
        dice, card = self._dice, person.card
        if not person.active:
            return person
        if (now - card.issued).days >= 345 and dice.random() < 0.3 * days:
            card = replace(card, sequence=card.sequence + 1, issued=now, expires=(now + timedelta(days=365)).date())
        active = dice.random() > self._plan.leaving * days / 365
        return replace(person, card=card, active=active, on_duty=dice.random() < self._plan.on_duty, open_cases=cases)

    def _learn(self, now: datetime) -> None:
        while self._told and self._told[0][0] <= now:
            _, _, event = heapq.heappop(self._told)
            start = time.process_time()
            self._beliefs = update(self._beliefs, event)
            self.found.updating.append(time.process_time() - start)
            self.found.events += 1
            corrupt = {soul.person.id for soul in self._souls if soul.corrupt}
            for person in [one.person for one in event.readers]:
                if deserves_review(self._beliefs.of(person)):
                    (self.found.caught if person in corrupt else self.found.flagged).add(person)

    def _take(self, tip: Tip) -> None:
        found, roster = self.found, self._roster
        dice = random.Random(f"{self._seed} tip {found.held + len(found.sizes)}")
        coins = dice.randbytes(32)
        earlier = self._matters.get(tip.matter) if tip.matter is not None else None
        asked, got = self._ask(roster, tip, coins, earlier, dice, released=False)
        if got.hold in (Hold.POISONED, Hold.NEEDS_TWO_VETTERS):
            found.waited += 1
            asked, got = self._ask(roster, tip, coins, earlier, dice, released=True)
        if not got.order:
            found.held += 1
            return
        if tip.matter is not None and earlier is None:
            self._matters[tip.matter] = Earlier(got.order, got.leads, got.chances)
        found.sizes.append(got.pool)
        self._read(asked, got, tip, dice, self._capped(roster, tip, coins, released=asked.released))

    def _ask(
        self, roster: Roster, tip: Tip, coins: bytes, earlier: Earlier | None, dice: random.Random, *, released: bool
    ) -> tuple[Asked, Assignment]:
        codes = self._reading.codes(roster.people, tip.facts, tip.now)
        unnamed = codes if not (tip.facts.people or tip.facts.names) else self._reading.codes(roster.people, unnaming(tip.facts), tip.now)
        asked = Asked({one.id: one for one in roster.people}, tip.facts, tip.now, codes, unnamed, released, earlier)
        start = time.process_time()
        got = choose(roster, tip.facts, self._beliefs, coins, tip.now, released=released, earlier=earlier)
        self.found.choosing.append(time.process_time() - start)
        judge(asked, got, self.found.gates)
        if dice.random() < AGAIN:
            mixed = Roster(tuple(dice.sample(roster.people, len(roster.people))), roster.atlas)
            for again in (roster, mixed):
                if choose(again, tip.facts, self._beliefs, coins, tip.now, released=released, earlier=earlier) != got:
                    self.found.gates.broken("non_deterministic", "shuffled" if again is mixed else "asked twice")
        return asked, got

    def _capped(self, roster: Roster, tip: Tip, coins: bytes, *, released: bool) -> Assignment:
        """The line's own draw, by the truth. Open cases are those that the line itself gave."""
        earlier = self._capped_matters.get(tip.matter) if tip.matter is not None else None
        truth = {soul.person.id: losing.leaks(soul, tip, self._plan) for soul in self._souls}
        with knowing(self._beliefs, truth):
            got = choose(roster, tip.facts, self._beliefs, coins, tip.now, released=released, earlier=earlier)
        if tip.matter is not None and earlier is None:
            self._capped_matters[tip.matter] = Earlier(got.order, got.leads, got.chances)
        return got

    def _read(self, asked: Asked, got: Assignment, tip: Tip, dice: random.Random, capped: Assignment) -> None:
        """Everybody's losses of this tip; then what really becomes of it, and what is told of that. A matter's readers who are all excluded
        under `capped` alone are our own."""
        plan, by_id = self._plan, {soul.person.id: soul for soul in self._souls}
        way = losing.cast(dice, plan)
        best = capped if capped.order else got
        today = losing.today(self._souls, tip, self._land, plan, dice)
        names = {
            "exclusions": losing.exclusions_only(asked, way, dice),
            "tipline": way.readers(got.order, got.leads),
            "capped": way.readers(best.order, best.leads),
            "oracle": losing.oracle(asked, way, by_id, tip, plan, dice),
        }
        readers = {"today": today} | {policy: [by_id[one] for one in chosen] for policy, chosen in names.items()}
        for policy, chosen in readers.items():
            self.found.losses[policy].append(losing.loss(policy, chosen, tip, plan, way))
            for soul in chosen:
                soul.read[policy] += 1
        ours = readers["tipline"]
        for soul in ours:
            soul.until.append(tip.now + timedelta(days=dice.expovariate(1 / 9)))
        self._tell(ours, tip, dice, lost=dice.random() < self.found.losses["tipline"][-1])
        self._praise(ours, tip, dice)

    def _tell(self, readers: Sequence[Soul], tip: Tip, dice: random.Random, *, lost: bool) -> None:
        """An outcome that is told later, wrongly at times; by a reader himself, who lies if he is corrupt; framers say the worst."""
        plan = self._plan
        if dice.random() >= plan.seen:
            return
        seen = dice.random() >= plan.unnoticed if lost else dice.random() < plan.false_alarm
        informer, verified = f"informer-{dice.randrange(plan.informers)}", dice.random() < plan.verified
        if dice.random() < 0.2:
            informer, verified = readers[0].person.id, False
            seen = seen and not readers[0].corrupt
        if any(soul.person.id in self._framed for soul in readers) and dice.random() < 0.8:
            informer, verified, seen = f"framer-{dice.randrange(4)}", False, True
        due = tip.now + timedelta(days=dice.expovariate(1 / plan.late))
        outside = (Heard(readers[0].person.id, 0.1),) if dice.random() < 0.05 else ()
        self._report(readers, tip, Verdict.COMPROMISED if seen else Verdict.CLEAN, informer, due, outside, verified=verified)

    def _praise(self, readers: Sequence[Soul], tip: Tip, dice: random.Random) -> None:
        """A corrupt reader says of his own case that all went well; now and then a friend, who serves the same network in another agency
        and has not read it, says that he looked again."""
        liar = next((soul for soul in readers if soul.corrupt), None)
        if liar is None or dice.random() >= self._plan.praised:
            return
        informer, verified = liar.person.id, False
        if dice.random() < self._plan.confirmed:
            agencies = {soul.person.card.agency for soul in readers}
            friends = [one for one in self._souls if one.networks & liar.networks and one.person.card.agency not in agencies]
            informer, verified = (dice.choice(friends).person.id, True) if friends else (informer, verified)
        self._report(readers, tip, Verdict.CLEAN, informer, tip.now + timedelta(days=dice.expovariate(1 / 9)), verified=verified)

    def _report(
        self, readers: Sequence[Soul], tip: Tip, verdict: Verdict, informer: str, due: datetime, outside: tuple[Heard, ...] = (), *,
        verified: bool,
    ) -> None:  # fmt: skip
        area = area_of(tip.facts.regions, self._land.atlas)
        held = tuple(reader(soul.person, area, self._land.atlas, DEFAULT.learning) for soul in readers)
        event = Event(area, held, verdict, informer, verified, (due - START).days + 20_000, outside)
        heapq.heappush(self._told, (due, next(self._count), event))
