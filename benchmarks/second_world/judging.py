"""What must hold of every draw, asked of the assignment alone, by a reading of the rules that is not routing's."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from benchmarks.second_world.reading import Codes
from routing.people import Assignment, Code, Earlier, Flag, Hold, Person, Role, TipFacts

CAP = 0.20
ALONE = 1 / 3
PROBATION = timedelta(days=150)
CLOSE = 1e-6
GATES = ("violations", "missed", "unexplained", "non_deterministic", "over_cap", "one_agency", "chances", "order", "misdrawn")


@dataclass(slots=True)
class Gates:
    """How often each rule was broken, and an example of each, for whoever mends it."""

    found: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def broken(self, gate: str, example: str) -> None:
        self.found[gate] += 1
        self.examples.setdefault(gate, example)

    def add(self, other: Gates) -> None:
        self.found += other.found
        self.examples = {**other.examples, **self.examples}


@dataclass(frozen=True, slots=True)
class Asked:
    """What `choose` was asked, with the codes by our own reading. `unnamed`: the same, had the tip named nobody."""

    people: Mapping[str, Person]
    tip: TipFacts
    now: datetime
    codes: Mapping[str, Codes]
    unnamed: Mapping[str, Codes]
    released: bool
    earlier: Earlier | None

    def barred(self, person: str) -> bool:
        return bool(self.codes[person].must)

    def free(self, role: Role) -> list[Person]:
        """Those whom no reading excludes."""
        return [one for one in self.people.values() if one.card.role is role and not self.codes[one.id].may]

    def unnaming(self, role: Role) -> list[Person]:
        """Those who might read it, had it named nobody."""
        return [one for one in self.people.values() if one.card.role is role and not self.unnamed[one.id].must]


def judge(asked: Asked, got: Assignment, gates: Gates) -> None:
    drawn = (*got.order, *got.leads)
    if barred := [one for one in drawn if asked.barred(one)]:
        gates.broken("violations", f"{sorted(asked.codes[barred[0]].must)} drawn")
    houses = [asked.people[one].card.agency for one in drawn]
    if len(set(houses)) != len(houses):
        gates.broken("one_agency", f"{len(houses)} readers of {len(set(houses))} agencies")
    roles = [(one, Role.HANDLER) for one in got.order] + [(one, Role.LEAD) for one in got.leads]
    if len(set(drawn)) != len(drawn) or len(got.order) > 3 or any(asked.people[one].card.role is not role for one, role in roles):
        gates.broken("order", f"{len(got.order)} readers, {len(got.leads)} leads")
    _explained(asked, got, gates)
    _missed(asked, got, gates)
    _chances(asked, got, gates)


def _explained(asked: Asked, got: Assignment, gates: Gates) -> None:
    """Everybody has an entry with codes that our reading gives, too."""
    if got.reasons.keys() != asked.people.keys():
        gates.broken("unexplained", f"{len(got.reasons)} entries for {len(asked.people)} people")
    for person, given in got.reasons.items():
        ours = asked.codes[person]
        if not ours.allow(given):
            gates.broken("unexplained", f"given {_listed(given)}, ours {_listed(ours.must)} to {_listed(ours.may)}")
            if ours.must and not given:
                gates.broken("violations", f"{_listed(ours.must)} called eligible")


def _listed(codes: Sequence[Code] | frozenset[Code]) -> str:
    return "+".join(sorted(code.value for code in codes)) or "none"


def _missed(asked: Asked, got: Assignment, gates: Gates) -> None:
    if got.hold is not None and drawn_at_all(got):
        gates.broken("order", "a hold, and readers")
    if asked.earlier is not None:
        left = [one for one in asked.earlier.order if one in asked.people and not asked.codes[one].may]
        if left and not got.order:
            gates.broken("missed", f"{len(left)} of an earlier order are left, hold {got.hold}")
        return
    pool = asked.free(Role.HANDLER)
    if pool and not got.order and not holds(asked, got, pool):
        gates.broken("missed", f"hold {got.hold}, {len(pool)} eligible, urgent {asked.tip.urgent}, released {asked.released}")
    if not got.order and got.hold is None:
        gates.broken("missed", "nobody drawn, and no hold")
    used = {asked.people[one].card.agency for one in got.order}
    leads = asked.free(Role.LEAD)
    if got.order and not got.leads and not poisoned(asked, Role.LEAD) and any(one.card.agency not in used for one in leads):
        gates.broken("missed", f"no lead, {len(leads)} eligible, order {len(got.order)}, released {asked.released}")


def drawn_at_all(got: Assignment) -> bool:
    return bool(got.order or got.leads)


def holds(asked: Asked, got: Assignment, pool: Sequence[Person]) -> bool:
    """Whether ROUTING.md has a rule for this hold."""
    if got.hold is Hold.POISONED:
        return poisoned(asked, Role.HANDLER) or (bearable(pool, asked.now) < CAP / ALONE and len(pool) < len(asked.unnaming(Role.HANDLER)))
    return got.hold is Hold.NEEDS_TWO_VETTERS and not asked.released and not asked.tip.urgent and bearable(pool, asked.now) < CAP / ALONE


def poisoned(asked: Asked, role: Role) -> bool:
    """Naming people, alone, took more than half of those of a role, or left fewer than five; and no vetters said to go on."""
    left = len(asked.free(role))
    unnamed = len(asked.unnaming(role))
    return not asked.released and left < unnamed and (2 * left < unnamed or left < 5)


def bearable(pool: Sequence[Person], now: datetime) -> float:
    """How many readers the pool surely bears: caps with probation, probationers together, a pair of vetters and an agency each bounded."""
    caps = {one.id: CAP / 4 if now - (one.enrolled or one.card.issued) < PROBATION else CAP for one in pool}
    new = [one.id for one in pool if caps[one.id] < CAP]
    if (whole := sum(caps[one] for one in new)) > CAP:
        caps.update({one: caps[one] * CAP / whole for one in new})
    pairs: defaultdict[frozenset[str], float] = defaultdict(float)
    houses: defaultdict[str, float] = defaultdict(float)
    for one in pool:
        pair = frozenset(one.vetters)
        cap = min(caps[one.id], max(0.0, 2 * CAP - pairs[pair]))
        pairs[pair] += cap
        houses[one.card.agency] += cap
    return sum(min(1.0, each) for each in houses.values())


def _chances(asked: Asked, got: Assignment, gates: Gates) -> None:
    for role, flag in ((Role.HANDLER, Flag.SMALL_POOL), (Role.LEAD, Flag.FEW_LEADS)):
        highest = max((chance for one, chance in got.chances.items() if asked.people[one].card.role is role), default=0.0)
        if highest > (1.0 if flag in got.flags else CAP) + CLOSE:
            gates.broken("over_cap", f"{role.value} {highest:.3f}, flags {sorted(got.flags)}, linked {asked.earlier is not None}")
    if any(chance > CLOSE and asked.barred(one) for one, chance in got.chances.items()):
        gates.broken("chances", f"one for somebody excluded, linked {asked.earlier is not None}")
    if asked.earlier is None and got.order:
        total = sum(chance for one, chance in got.chances.items() if asked.people[one].card.role is Role.HANDLER)
        if abs(total - len(got.order)) > CLOSE:
            gates.broken("chances", f"chances of {total:.4f} for {len(got.order)} readers")
    if any(got.chances.get(one, 0.0) <= 0 for one in got.order):
        gates.broken("chances", "drawn without a chance")
