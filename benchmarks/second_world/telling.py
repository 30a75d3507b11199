"""What worlds showed, in rows: means with their intervals, the table, and which targets are missed."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.table import Table

from benchmarks.second_world.judging import GATES, Gates
from benchmarks.second_world.land import Plan
from benchmarks.second_world.world import POLICIES, Found

FLAGGED = 0.005
"""Of honest people, over a whole world."""
MEAN, WORST = 0.93, 0.85
"""Of the avoidable losses, how many are avoided, in the mean of all worlds and in the worst kind: the targets of issue 5 without decoys
(ROUTING.md)."""
_T95 = (0.0, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
"""Student's, two-sided, by degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Mean:
    mean: float
    half: float | None
    """Half of the 95 % interval; None = one value has none."""

    def __str__(self) -> str:
        return f"{self.mean:.3f}" if self.half is None else f"{self.mean:.3f} ± {self.half:.3f}"

    def rounded(self) -> dict[str, float | None]:
        return {"mean": round(self.mean, 4), "half": None if self.half is None else round(self.half, 4)}


def mean_of(values: Iterable[float]) -> Mean:
    given = list(values)
    if len(given) == 1:
        return Mean(given[0], None)
    return Mean(statistics.fmean(given), _T95[min(len(given), len(_T95)) - 1] * statistics.stdev(given) / len(given) ** 0.5)


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of world, over its seeds. `avoided` by Tipline; `reachable` = by the line's own rules with the truth for beliefs."""

    plan: Plan
    found: tuple[Found, ...]

    def lost(self, policy: str) -> float:
        return statistics.fmean(each.lost(policy) for each in self.found)

    @property
    def avoided(self) -> Mean:
        return mean_of(each.removed() for each in self.found)

    @property
    def reachable(self) -> Mean:
        return mean_of(each.removed(policy="capped") for each in self.found)

    @property
    def last_quarter(self) -> Mean:
        return mean_of(each.removed(0.25) for each in self.found)

    @property
    def held(self) -> int:
        return sum(each.held for each in self.found)

    @property
    def honest_flagged(self) -> float:
        return sum(len(each.flagged) for each in self.found) / sum(each.honest for each in self.found)

    @property
    def corrupt_flagged(self) -> float:
        return sum(len(each.caught) for each in self.found) / max(1, sum(each.corrupt for each in self.found))

    def told(self) -> dict[str, object]:
        return {
            "world": self.plan.name,
            "plan": asdict(self.plan),
            "lost": {policy: round(self.lost(policy), 4) for policy in POLICIES},
            "removed": self.avoided.rounded(),
            "removed_capped": self.reachable.rounded(),
            "removed_last_quarter": self.last_quarter.rounded(),
            "honest_flagged": self.honest_flagged,
            "corrupt_flagged": self.corrupt_flagged,
            "held": self.held,
            "waited": sum(each.waited for each in self.found),
            "pool_least": min(min(each.sizes) for each in self.found),
        }


def rows_of(plans: Sequence[Plan], found: Sequence[Found]) -> tuple[Row, ...]:
    return tuple(Row(plan, tuple(each for each in found if each.plan == plan)) for plan in plans)


def worst_of(rows: Sequence[Row]) -> Row:
    return min(rows, key=lambda row: row.avoided.mean)


def broken(rows: Sequence[Row], gates: Gates, *, long: bool) -> list[str]:
    """Names of what does not hold. `long`: tips enough to learn from, so that how much is avoided counts."""
    every = [each for row in rows for each in row.found]
    flagged = sum(len(each.flagged) for each in every) / sum(each.honest for each in every)
    names = [name for name in GATES if gates.found[name]] + ["honest_flagged"] * (flagged > FLAGGED)
    if long:
        names += ["mean_removed"] * (statistics.fmean(each.removed() for each in every) < MEAN)
        names += ["worst_removed"] * (worst_of(rows).avoided.mean < WORST)
    return names


def milliseconds(found: Sequence[Found]) -> Mapping[str, float]:
    """Of CPU for one call, over all worlds: a figure, since other worlds ran at the same time."""
    taken = {"choose": [one for each in found for one in each.choosing], "update": [one for each in found for one in each.updating]}
    return {f"{what} p{share}": round(1000 * float(np.percentile(s, share)), 4) for what, s in taken.items() for share in (50, 99) if s}


def table(rows: Sequence[Row], labels: Mapping[str, str]) -> Table:
    """`labels`: what to call a world, by its plan's name."""
    shown = Table(title="The second world, simulated: % of cases lost, and share of the avoidable losses avoided", title_justify="left")
    shown.add_column("world")
    for name in (*POLICIES, "avoided", "capped: avoided", "last quarter", "held", "honest flagged %", "corrupt flagged %"):
        shown.add_column(name, justify="right")
    for row in rows:
        lost = [f"{100 * row.lost(policy):.1f}" for policy in POLICIES]
        avoided = [str(row.avoided), f"{row.reachable.mean:.3f}", f"{row.last_quarter.mean:.3f}"]
        flagged = [f"{100 * share:.2f}" for share in (row.honest_flagged, row.corrupt_flagged)]
        shown.add_row(labels.get(row.plan.name, row.plan.name), *lost, *avoided, str(row.held), *flagged)
    return shown
