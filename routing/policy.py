"""The numbers of the draw and of learning. Sources: ROUTING.md; what was tried, and how it did, stands in docs/exposure.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from routing.people import House


@dataclass(frozen=True, slots=True)
class Learning:
    """How outcomes move beliefs. Chances are of one case; log-odds are natural (nats).

    `own`, `other`: chance that a corrupt reader leaks a case of his own network, and any other. `leaks_anyway`, `unseen`: chance that a
    case is seen as compromised although no reader leaked, and is not although one did. `houses`: how many of an agency's kind are taken to
    be corrupt before anything is known. `tied`: how much of a corrupt person's network is where his ties are, the rest is anywhere.
    """

    own: float = 0.6
    other: float = 0.1
    leaks_anyway: float = 0.15
    unseen: float = 0.10
    prior: float = 0.2
    houses: Mapping[House, float] = field(default_factory=lambda: HOUSES)
    tied: float = 0.65
    keep: float = 0.97
    report: float = 1.2
    informer: float = 1.6
    verified: float = 1.6
    clean: float = 0.4
    sources: float = 0.4
    lowest: float = 0.02
    highest: float = 0.80
    pseudo: float = 6.0
    shift: float = 0.7
    review: float = 0.9


HOUSES: Mapping[House, float] = {
    House.POLICE: 0.30,
    House.IMMIGRATION: 0.30,
    House.BORDER_GUARD: 0.30,
    House.MILITARY: 0.25,
    House.LOCAL_GOVERNMENT: 0.25,
    House.JUDICIARY: 0.20,
    House.LABOUR_INSPECTION: 0.20,
    House.PORT_AUTHORITY: 0.30,
    House.EMBASSY: 0.15,
    House.OTHER: 0.20,
    House.NGO: 0.10,
    House.FOREIGN_LIAISON: 0.06,
}


@dataclass(frozen=True, slots=True)
class Policy:
    """`cap`: highest chance of one person. `alone`: above this chance two vetters must release. Shares are of `cap`. `avoidance`: how fast
    a person's weight falls with his expected exposure (beta)."""

    readers: int = 3
    cap: float = 0.20
    probation_days: int = 150
    probation_share: float = 0.25
    pair_share: float = 2.0
    alone: float = 1 / 3
    smallest_pool: int = 5
    avoidance: float = 200.0
    learning: Learning = field(default_factory=Learning)


DEFAULT = Policy()
