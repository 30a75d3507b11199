"""The scenarios: the world as it is, and what the corrupt do to be given tips and not to be found out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np

from benchmarks.exposure.people import HONEST, Floats
from benchmarks.exposure.setting import REGIONS, Setting
from benchmarks.exposure.state import Ints, Report, State
from benchmarks.exposure.world import Tip


@dataclass(frozen=True, slots=True)
class Opening:
    """A case, and who opened it."""

    state: State
    tip: Tip
    readers: Ints


@runtime_checkable
class Stirs(Protocol):
    """Does something before a tip comes. `there`: who is on the roster."""

    def before(self, state: State, tip: Tip, there: Ints) -> None: ...


@runtime_checkable
class Leaks(Protocol):
    """Changes with what chance each reader leaks."""

    def chances(self, opening: Opening, chances: Floats) -> Floats: ...


@runtime_checkable
class Says(Protocol):
    """Changes what is said of a case. `report`: what others would say of it; `heard` false: they say nothing."""

    def said(self, state: State, report: Report, heard: bool) -> Sequence[Report]: ...


Attack = Stirs | Leaks | Says


@dataclass(slots=True)
class Bribery:
    """Every 20 tips one network tries to win over the honest reader who was given most of its region's cases."""

    success: float
    every: int = 20

    def before(self, state: State, tip: Tip, there: Ints) -> None:
        if tip.number == 0 or tip.number % self.every:
            return
        network = int(state.rng.integers(REGIONS))
        wins = state.rng.random() < self.success
        for one in state.most_read(there, 1, network):
            if wins and state.reads[one, network]:
                state.network[one] = network


@dataclass(slots=True)
class Sleepers:
    """They read so many cases first, and then betray only those worth most."""

    first: int = 8

    def chances(self, opening: Opening, chances: Floats) -> Floats:
        awake = opening.state.reads[opening.readers].sum(axis=1) >= self.first
        return np.where(awake & opening.tip.hurts, chances, 0.0)


@dataclass(slots=True)
class Framing:
    """Five informers in the networks' pay call every second case of eight honest people betrayed: of those who were given most."""

    people: int = 8
    informers: int = 5
    share: float = 0.5
    begins: int = 60
    framed: Ints = field(default_factory=lambda: np.array([], dtype=np.int64))

    def before(self, state: State, tip: Tip, there: Ints) -> None:
        if tip.number == self.begins:
            self.framed = state.most_read(there, self.people)

    def said(self, state: State, report: Report, heard: bool) -> Sequence[Report]:
        own = [report] if heard else []
        if np.isin(report.readers, self.framed).any() and state.rng.random() < self.share:
            liar = f"informer-{state.rng.integers(self.informers)}"
            own.append(replace(report, compromised=True, informer=liar, verified=False))
        return own


class Misreporting:
    """A corrupt reader tells of his own cases what is not so, wherever nobody looks twice: betrayed ones went well, and the others not."""

    def said(self, state: State, report: Report, heard: bool) -> Sequence[Report]:
        corrupt = [n for n in report.readers if state.network[n] != HONEST]
        if corrupt and not (heard and report.verified):
            liar = state.world.people[corrupt[0]].card.person
            return [replace(report, compromised=not report.compromised, informer=liar, verified=False)]
        return [report] if heard else []


@dataclass(slots=True)
class Patsies:
    """They betray a case freely only if one of twelve honest people, whom the line trusts most, has it too; else a third as often."""

    people: int = 12
    otherwise: float = 1 / 3
    chosen: Ints = field(default_factory=lambda: np.array([], dtype=np.int64))

    def before(self, state: State, tip: Tip, there: Ints) -> None:
        if tip.number % 100 == 0:
            self.chosen = state.most_read(there, self.people)

    def chances(self, opening: Opening, chances: Floats) -> Floats:
        return chances if np.isin(opening.readers, self.chosen).any() else chances * self.otherwise


class Absence:
    """On the days of the cases worth most everybody honest stays away in whose office somebody corrupt has a say: he is off duty, and
    silent if drawn. So those whom nobody corrupt can send home are left, and the corrupt themselves."""

    def before(self, state: State, tip: Tip, there: Ints) -> None:
        people, corrupt = state.world.people, state.network != HONEST
        offices = {people[n].card.agency for n in there if corrupt[n]} if tip.hurts else set[str]()
        state.absent[:] = False
        state.absent[[n for n in there if not corrupt[n] and people[n].card.agency in offices]] = True


@dataclass(frozen=True, slots=True)
class Praise:
    """A corrupt reader reports each of his own cases as clean, whatever others tell of it; now and then a friend, who serves the same
    network in another agency, says that he looked again."""

    confirmed: float = 0.35

    def said(self, state: State, report: Report, heard: bool) -> Sequence[Report]:
        own = [report] if heard else []
        corrupt = [n for n in report.readers if state.network[n] != HONEST]
        if not corrupt:
            return own
        people, liar = state.world.people, corrupt[0]
        lie = replace(report, compromised=False, informer=people[liar].card.person, verified=False)
        offices = {people[n].card.agency for n in report.readers}
        serve = [n for n in state.world.there(report.day) if state.network[n] == state.network[liar]]
        friends = [people[n].card.person for n in serve if people[n].card.agency not in offices]
        if friends and state.rng.random() < self.confirmed:
            lie = replace(lie, informer=friends[int(state.rng.integers(len(friends)))], verified=True)
        return [*own, lie]


@dataclass(frozen=True, slots=True)
class Scenario:
    setting: Setting = field(default_factory=Setting)
    attacks: tuple[Callable[[], Attack], ...] = ()
    what: str = ""


SCENARIOS: Mapping[str, Scenario] = {
    "base": Scenario(what="the world as described"),
    "clean": Scenario(Setting(corrupt=0.08), what="8 % are corrupt"),
    "rotten": Scenario(Setting(corrupt=0.60), what="60 % are corrupt"),
    "noisy": Scenario(Setting(false_alarm=0.16, unseen=0.25), what="outcomes are wrong twice as often"),
    "sparse": Scenario(Setting(seen=0.30, delay=60.0), what="30 % of outcomes are ever seen, after 60 days"),
    "hidden_ties": Scenario(
        Setting(at_home=0.25, hidden=0.55, past_declared=0.2, kin_declared=0.2),
        what="most corrupt people have no visible tie to their network",
    ),
    "sleepers": Scenario(attacks=(Sleepers,), what="the corrupt betray only the most valuable cases, after eight quiet ones"),
    "framing": Scenario(attacks=(Framing,), what="five informers accuse eight honest people again and again"),
    "misreporting": Scenario(attacks=(Misreporting,), what="corrupt readers report falsely on their own cases"),
    "patsies": Scenario(attacks=(Patsies,), what="the corrupt leak when there is an honest reader to blame"),
    "shills": Scenario(Setting(shills=12), what="one pair of vetters brings in twelve corrupt people with perfect papers"),
    "bribery": Scenario(attacks=(lambda: Bribery(0.25),), what="networks bribe the readers they see at work; a quarter accept"),
    "bribery_half": Scenario(attacks=(lambda: Bribery(0.5),), what="the same; half of them accept"),
    "small_pool": Scenario(Setting(scale=0.3), what="45 people instead of 150"),
    "churn": Scenario(Setting(churn=0.60), what="60 % of the people change every year"),
    "worst_mix": Scenario(
        Setting(corrupt=0.40, hidden=0.40, seen=0.50, delay=45.0, churn=0.40),
        (lambda: Bribery(0.25), Framing, Misreporting),
        "40 % corrupt, hidden ties, few outcomes, high churn, bribery, framing and false reports together",
    ),
}

SERIES: Mapping[str, Scenario] = {
    **{f"corrupt_{share}": Scenario(Setting(corrupt=share / 100), what=f"{share} % are corrupt") for share in (15, 40)},
    **{f"people_{size}": Scenario(Setting(scale=size / 150), what=f"{size} people") for size in (24, 80, 300)},
}
"""Only for the curves."""

FURTHER: Mapping[str, Scenario] = {
    "absence": Scenario(attacks=(Absence,), what="honest colleagues of the corrupt are sent home on the days of the most valuable cases"),
    "praise": Scenario(
        Setting(at_home=0.0, hidden=1.0),
        (Praise,),
        "no corrupt person has a visible tie to his network; they report their own cases as clean, and friends confirm it now and then",
    ),
}
"""Attacks that ROUTING.md names and does not count among its fifteen scenarios: its targets were set without them."""

AS_IT_IS: Mapping[str, Scenario] = {
    "as_it_is": Scenario(
        Setting(leads_read=False, readers_tell=True), what="handlers alone read, and nobody but a case's readers tells what came of it"
    ),
    "as_it_is_lied": Scenario(
        Setting(leads_read=False, readers_tell=True),
        (Misreporting,),
        "the same; the corrupt report falsely on their own cases where nobody looks twice",
    ),
}
"""The base world, with what the product has today: a lead is drawn and never asked for, and no outcome comes from outside."""

EVERY: Mapping[str, Scenario] = {**SCENARIOS, **FURTHER, **AS_IT_IS, **SERIES}
