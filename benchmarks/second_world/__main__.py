"""Worlds of a dozen kinds through `choose` and `update`: what must hold, and what leaks, next to today's practice and an oracle.

Exit code 1 when a gate is broken. Shares of losses are *simulated*; the gates are not: they are counted of every draw.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table

from benchmarks.line import machine
from benchmarks.second_world.judging import GATES, Gates
from benchmarks.second_world.land import Plan
from benchmarks.second_world.world import POLICIES, Found, World

FLAGGED = 0.005
"""Of honest people, over a whole world."""
MANY = Plan("town clusters", people=400, tips=1200)
FEW = Plan("few", people=90, tips=600, small_ngos=24, areas=6, towns=3, vetters=5)
_T95 = (0.0, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
"""Student's, two-sided, by degrees of freedom."""

PLANS = (
    MANY,
    replace(MANY, name="vetter pairs", own=0.4, other=0.05, clusters="pair"),
    replace(MANY, name="many vetters", vetters=30),
    replace(MANY, name="rotten", prevalence=0.45, own=0.4, other=0.05),
    replace(MANY, name="rotten and bold", prevalence=0.45, own=0.9, other=0.3, clusters="pair"),
    replace(MANY, name="noisy", false_alarm=0.2, unnoticed=0.3, verified=0.1),
    FEW,
    replace(FEW, name="few, rare and bold", prevalence=0.10, own=0.9, other=0.3),
    replace(FEW, name="few, quiet", own=0.4, other=0.05, clusters="pair"),
    replace(FEW, name="few, told little, late", seen=0.3, late=60.0),
    replace(FEW, name="few, hidden ties", declared=0.15),
    replace(FEW, name="few, come and go", leaving=0.6),
    replace(FEW, name="few, framed", framed=6),
)
QUICK = (replace(MANY, tips=120), replace(FEW, tips=200))


def run(job: tuple[Plan, int]) -> Found:
    return World(*job).run()


@dataclass(frozen=True, slots=True)
class Mean:
    mean: float
    half: float | None
    """Half of the 95 % interval; None = one value has none."""

    def __str__(self) -> str:
        return f"{self.mean:.3f}" if self.half is None else f"{self.mean:.3f} ± {self.half:.3f}"

    def rounded(self) -> dict[str, float | None]:
        return {"mean": round(self.mean, 4), "half": None if self.half is None else round(self.half, 4)}


def mean_of(values: Sequence[float]) -> Mean:
    if len(values) == 1:
        return Mean(values[0], None)
    return Mean(statistics.fmean(values), _T95[min(len(values), len(_T95)) - 1] * statistics.stdev(values) / len(values) ** 0.5)


def gates_of(found: Sequence[Found]) -> Gates:
    every = Gates()
    for each in found:
        every.add(each.gates)
    return every


def told(name: str, found: Sequence[Found]) -> dict[str, object]:
    """One kind of world, over its seeds."""
    removed, last = mean_of([each.removed() for each in found]), mean_of([each.removed(0.25) for each in found])
    return {
        "world": name,
        "lost": {policy: round(statistics.fmean([each.lost(policy) for each in found]), 4) for policy in POLICIES},
        "removed": removed.rounded(),
        "removed_last_quarter": last.rounded(),
        "honest_flagged": sum(len(each.flagged) for each in found) / sum(each.honest for each in found),
        "corrupt_flagged": sum(len(each.caught) for each in found) / sum(each.corrupt for each in found),
        "held": sum(each.held for each in found),
        "waited": sum(each.waited for each in found),
        "pool_least": min(min(each.sizes) for each in found),
    }


def table(rows: Sequence[dict[str, object]], found: Sequence[Found]) -> Table:
    shown = Table(title="The second world, simulated: % of cases lost, and share of the avoidable losses avoided", title_justify="left")
    shown.add_column("world")
    for name in (*POLICIES, "avoided", "last quarter", "held", "honest flagged %", "corrupt flagged %"):
        shown.add_column(name, justify="right")
    for row in rows:
        of = [each for each in found if each.plan.name == row["world"]]
        lost = [f"{100 * statistics.fmean([each.lost(policy) for each in of]):.1f}" for policy in POLICIES]
        flagged = [f"{100 * float(str(row[name])):.2f}" for name in ("honest_flagged", "corrupt_flagged")]
        avoided, last = mean_of([each.removed() for each in of]), mean_of([each.removed(0.25) for each in of])
        shown.add_row(str(row["world"]), *lost, str(avoided), f"{last.mean:.3f}", str(row["held"]), *flagged)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="two kinds of world, one seed, few tips")
    asked = parser.parse_args()
    plans = QUICK if asked.quick else PLANS
    start = time.perf_counter()
    jobs = [(plan, seed) for seed in range(1 if asked.quick else asked.seeds) for plan in plans]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(run, jobs))
    rows = [told(plan.name, [each for each in found if each.plan.name == plan.name]) for plan in plans]
    gates = gates_of(found)
    flagged = sum(len(each.flagged) for each in found) / sum(each.honest for each in found)
    every, worst = (
        mean_of([each.removed() for each in found]),
        min(plans, key=lambda plan: statistics.fmean([each.removed() for each in found if each.plan == plan])),
    )
    console = Console(width=160)
    console.print(table(rows, found))
    draws = sum(len(each.sizes) + each.held + each.waited for each in found)
    took = time.perf_counter() - start
    console.print(f"avoided, mean of {len(found)} worlds: {every}; worst: {worst.name}; {took:.0f} s; {machine()}")
    counts = {name: gates.found[name] for name in GATES}
    console.print(f"of {draws} draws: {counts}")
    for name, example in gates.examples.items():
        console.print(f"  {name}: {example}")
    broken = [name for name in GATES if gates.found[name]] + ["honest_flagged"] * (flagged > FLAGGED)
    result = {
        "bench": "second world", "machine": machine(), "draws": draws, "gates": counts, "honest_flagged": round(flagged, 5),
        "removed": every.rounded(), "worst": worst.name, "worlds": rows,
    }  # fmt: skip
    print("RESULT " + json.dumps(result))
    if broken:
        sys.exit(f"broken: {', '.join(broken)}")


if __name__ == "__main__":
    main()
