"""Single tricks, each tried on a line that has learned for a while: what it changes for one reader."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.exposure.policies import Ours
from benchmarks.exposure.reference import Choose
from benchmarks.exposure.runs import Run, begin
from benchmarks.exposure.setting import Setting
from benchmarks.exposure.world import ATLAS, Tip, make_world
from routing.draw import choose
from routing.exposure import areas_of, opened
from routing.learning import SOURCES, Beliefs, Event, Verdict, deserves_review, update
from routing.people import Assignment, Earlier, Person, Role, Roster
from routing.policy import Policy

LEARNED = 400
MATTERS = 200
LINKED = 10
FAVOURITES = 8


@dataclass(frozen=True, slots=True)
class Line:
    """A line after LEARNED tips, and the tip that comes next. `seed`: of its world, and of its coins."""

    seed: int
    roster: Roster
    tip: Tip
    beliefs: Beliefs
    policy: Policy
    choose: Choose

    def draw(self, beliefs: Beliefs | None = None, turn: int = 0, earlier: Earlier | None = None) -> Assignment:
        coins = hashlib.sha256(self.seed.to_bytes(8) + turn.to_bytes(8)).digest()
        return self.choose(
            self.roster, self.tip.facts, beliefs or self.beliefs, coins, self.tip.now, self.policy, released=True, earlier=earlier
        )

    def handlers(self) -> Mapping[str, float]:
        """Their chances, the greatest first."""
        drawn, roles = self.draw(), {person.id: person.card.role for person in self.roster.people}
        return dict(sorted(((n, c) for n, c in drawn.chances.items() if roles[n] is Role.HANDLER), key=lambda item: -item[1]))

    def told(self, reports: int, who: str, verdict: Verdict, informer: str, verified: bool = False) -> Beliefs:
        """What is believed after so many reports on cases that this person, and always another lead, had opened."""
        beliefs, learning = copy.deepcopy(self.beliefs), self.policy.learning
        area, day = areas_of(self.tip.facts.regions, ATLAS)[0], int(self.tip.day)
        people = {person.id: person for person in self.roster.people}
        leads = [person for person in self.roster.people if person.card.role is Role.LEAD]
        for n in range(reports):
            pair: tuple[Person, ...] = (people[who], leads[n % len(leads)])
            readers = tuple(opened(person, area, ATLAS, learning) for person in pair)
            beliefs = update(beliefs, Event(area, readers, verdict, informer, verified, day), learning)
        return beliefs


def trained(seed: int, policy: Policy, choose: Choose) -> Line:
    world = make_world(seed, Setting(tips=LEARNED + 60, foreign=0.0, child=0.0, named=0.0, implicated=0.0))
    ours = Ours(policy, choose=choose)
    running: Run = begin(world, ours, policy)
    for tip in world.tips[:LEARNED]:
        running.step(tip)
    tip = next(tip for tip in world.tips[LEARNED:] if not tip.facts.urgent)
    people = tuple(replace(person, open_cases=0) for person in running.scene(tip).roster().people)
    return Line(seed, Roster(people, ATLAS), tip, ours.beliefs, policy, choose)


def probe(seed: int, policy: Policy, choose: Choose = choose) -> Mapping[str, float]:
    """By name, shares and chances of one world."""
    line = trained(seed, policy, choose)
    favourites = list(line.handlers())[:FAVOURITES]
    return {
        **_accused(line, favourites),
        **_linked(line, favourites[0]),
        **_poisoned(line),
        **_praised(line),
    }


def _accused(line: Line, favourites: list[str]) -> Mapping[str, float]:
    """What is left of a favourite's chance, on average and for the one hit hardest; whether anybody was proposed for a review."""
    before = line.handlers()
    tries = {"one": (1, "informer-x"), "sources": (40, SOURCES), "informer": (40, "informer-x")}
    found: dict[str, float] = {}
    for name, (reports, informer) in tries.items():
        left, reviewed = [], 0
        for who in favourites:
            beliefs = line.told(reports, who, Verdict.COMPROMISED, informer)
            left.append(line.draw(beliefs).chances.get(who, 0.0) / before[who])
            reviewed += deserves_review(beliefs.of(who), line.policy.learning)
        found |= {f"accused_{name}_left": float(np.mean(left)), f"accused_{name}_worst": min(left), f"accused_{name}_reviews": reviewed}
    return found


def _linked(line: Line, favourite: str) -> Mapping[str, float]:
    """How often ten tips of one matter reach one favourite, linked and each by itself."""
    apart = together = 0
    for matter in range(MATTERS):
        draws = [line.draw(turn=matter * LINKED + n) for n in range(LINKED)]
        first = draws[0]
        earlier = Earlier(first.order, first.leads, first.chances)
        linked = [first, *(line.draw(turn=matter * LINKED + n, earlier=earlier) for n in range(1, LINKED))]
        apart += any(favourite in drawn.order for drawn in draws)
        together += any(favourite in drawn.order for drawn in linked)
    return {"linked_apart": apart / MATTERS, "linked_together": together / MATTERS}


def _poisoned(line: Line) -> Mapping[str, float]:
    """A reader names those who are likelier than he is, one more each time, until the line holds the tip."""
    chances = line.handlers()
    names = list(chances)
    liar = names[len(names) // 2]
    best, held = chances[liar], len(names)
    for count in range(1, len(names) // 2 + 2):
        facts = replace(line.tip.facts, people=frozenset([name for name in names if name != liar][:count]))
        drawn = line.choose(line.roster, facts, line.beliefs, line.tip.coins, line.tip.now, line.policy)
        if drawn.hold is not None:
            held = count
            break
        best = max(best, drawn.chances[liar])
    return {"poisoned_before": chances[liar], "poisoned_best": best, "poisoned_held_at": held / len(names)}


def _praised(line: Line) -> Mapping[str, float]:
    """A reader whose chance is small has 40 of his cases called clean: by himself, by a friend, and ten that a second friend confirms."""
    liar = list(line.handlers())[-1]
    tries = {"himself": (40, liar, False), "friend": (40, "informer-x", False), "second": (10, "informer-x", True)}
    found = {"praised_before": line.draw().chances[liar]}
    for name, (reports, informer, verified) in tries.items():
        found[f"praised_{name}"] = line.draw(line.told(reports, liar, Verdict.CLEAN, informer, verified)).chances[liar]
    return found
