"""The numbers of the draw and of learning. Sources: ROUTING.md; what was tried, and how it did: docs/decisions/0020-beliefs.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from routing.people import House


@dataclass(frozen=True, slots=True)
class Learning:
    """How outcomes move beliefs. Chances are of one case; log-odds are natural (nats).

    `own`, `other`: chance that a corrupt reader leaks a case of his own network, and any other. `leaks_anyway`, `unseen`: chance that a
    case is seen as compromised although no reader leaked, and is not although one did. `houses`: how many of an agency's kind are taken to
    be corrupt before anything is known; `local`, `national`: how many times as many in an office of one town, of a whole country. `tied`:
    how much of a corrupt person's network is where his ties are, the rest is anywhere. `keep`: of earlier evidence, at each case. How far
    one outcome may move a person: `verified`, `clean`, `report` (unverified); one informer in all `informer`, all sources `sources`.
    `proven`: how honest anybody is ever taken to be. `pseudo`, `shift`: how much colleagues, region and vetters shift a prior.
    """

    own: float = 0.6
    other: float = 0.2
    leaks_anyway: float = 0.15
    unseen: float = 0.10
    prior: float = 0.2
    houses: Mapping[House, float] = field(default_factory=lambda: HOUSES)
    local: float = 1.5
    national: float = 0.8
    tied: float = 0.65
    keep: float = 0.99
    report: float = 0.4
    informer: float = 1.6
    verified: float = 1.6
    clean: float = 0.8
    proven: float = 0.7
    sources: float = 0.2
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
    """`readers`, `leads`: how many are drawn, where the pool can bear them. `cap`: highest chance of one person. `alone`: above this chance
    two vetters must release. Shares are of `cap`. `avoidance`: how fast a person's weight falls with his expected exposure (beta).
    `full`, `off_duty`, `other_language`: so much likelier to leak somebody may be, and be drawn as readily as one whose cases are as many
    as he can take, who is off duty, who needs a translation: what is convenient is weighed against what is safe, and never bars anybody."""

    readers: int = 3
    leads: int = 2
    cap: float = 0.20
    probation_days: int = 150
    probation_share: float = 0.25
    pair_share: float = 2.0
    alone: float = 1 / 3
    smallest_pool: int = 5
    avoidance: float = 400.0
    full: float = 0.002
    off_duty: float = 0.004
    other_language: float = 0.005
    learning: Learning = field(default_factory=Learning)


DEFAULT = Policy()
