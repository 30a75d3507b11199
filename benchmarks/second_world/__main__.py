"""Worlds of fifteen kinds through `choose` and `update`: what must hold, and what leaks, next to today's practice and two oracles.

Exit code 1 when a gate is broken, or less is avoided than the targets ask. Shares of losses are *simulated*; the gates are not: they are
counted of every draw. `--meagre`: the fifteen with half as many tips to a reader and less told of them, and a milder practice today.
`--strange N`: N worlds that nobody has seen, in the place of the fifteen.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

from rich.console import Console

from benchmarks.line import machine
from benchmarks.second_world.judging import GATES, Gates
from benchmarks.second_world.land import Plan
from benchmarks.second_world.strange import in_short, strange_plans
from benchmarks.second_world.telling import broken, mean_of, milliseconds, rows_of, table, worst_of
from benchmarks.second_world.world import Found, World


def fifteen(many: Plan, few: Plan) -> tuple[Plan, ...]:
    return (
        many,
        replace(many, name="vetter pairs", own=0.4, other=0.05, clusters="pair"),
        replace(many, name="many vetters", vetters=30),
        replace(many, name="rotten", prevalence=0.45, own=0.4, other=0.05),
        replace(many, name="rotten and bold", prevalence=0.45, own=0.9, other=0.3, clusters="pair"),
        replace(many, name="noisy", false_alarm=0.2, unnoticed=0.3, verified=0.1),
        replace(many, name="self-reported", hidden=1.0, praised=1.0, confirmed=0.35),
        few,
        replace(few, name="few, rare and bold", prevalence=0.10, own=0.9, other=0.3),
        replace(few, name="few, quiet", own=0.4, other=0.05, clusters="pair"),
        replace(few, name="few, told little, late", seen=0.3, late=60.0),
        replace(few, name="few, hidden ties", declared=0.15),
        replace(few, name="few, come and go", leaving=0.6),
        replace(few, name="few, framed", framed=6),
        replace(few, name="few, sleepers", tips=900, asleep=8, valuable=0.2),
    )


MANY = Plan("town clusters", people=400, tips=2700)
FEW = Plan("few", people=90, tips=600, small_ngos=24, areas=6, towns=3, vetters=5)
PLANS = fifteen(MANY, FEW)
LESS: Mapping[str, Any] = {
    "seen": 0.8, "unnoticed": 0.12, "late": 20.0, "verified": 0.4, "informers": 14, "a_day": 3.0, "local": 5, "ad_hoc": 7, "from_here": 0.5,
}  # fmt: skip
"""What the author of this world had at first where ROUTING.md says otherwise."""
MEAGRE = fifteen(replace(MANY, tips=1200, **LESS), replace(FEW, **LESS))
QUICK = (replace(MANY, tips=120), replace(FEW, tips=200))


def run(job: tuple[Plan, int]) -> Found:
    return World(*job).run()


def plans_of(asked: argparse.Namespace, seed: int) -> tuple[Plan, ...]:
    if asked.strange:
        return strange_plans(asked.strange, seed)
    if asked.quick:
        return QUICK
    return MEAGRE if asked.meagre else PLANS


def gates_of(found: Sequence[Found]) -> Gates:
    every = Gates()
    for each in found:
        every.add(each.gates)
    return every


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="worlds of each of the fifteen kinds")
    worlds = parser.add_mutually_exclusive_group()
    worlds.add_argument("--quick", action="store_true", help="two kinds of world, one seed, few tips; how much is avoided does not count")
    worlds.add_argument("--meagre", action="store_true", help="fewer tips to a reader, less told")
    worlds.add_argument("--strange", type=int, default=0, metavar="N", help="N worlds, each drawn at random, once each")
    parser.add_argument("--seed", type=int, help="of the strange worlds; another at each run unless told")
    asked = parser.parse_args()
    seed = secrets.randbelow(10**6) if asked.seed is None else asked.seed
    plans = plans_of(asked, seed)
    start = time.perf_counter()
    jobs = [(plan, number) for number in range(1 if asked.quick or asked.strange else asked.seeds) for plan in plans]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(run, jobs))
    took = time.perf_counter() - start
    rows, gates = rows_of(plans, found), gates_of(found)
    every, reachable, worst = (
        mean_of(each.removed() for each in found),
        mean_of(each.removed(policy="capped") for each in found),
        worst_of(rows),
    )
    draws, times = sum(len(each.sizes) + each.held + each.waited for each in found), milliseconds(found)
    console = Console(width=200)
    console.print(table(rows, {plan.name: f"{plan.name}: {in_short(plan)}" for plan in plans} if asked.strange else {}))
    which = f"; --strange {asked.strange} --seed {seed}" if asked.strange else "; --meagre" * asked.meagre
    console.print(
        f"avoided, mean of {len(found)} worlds: {every}; worst: {worst.plan.name}, {worst.avoided}; {took:.0f} s{which}; {machine()}"
    )
    console.print(f"by the same rules, had the line known everybody's heart: {reachable}")
    console.print(f"milliseconds of CPU, with other worlds beside: {times}")
    counts = {name: gates.found[name] for name in GATES}
    console.print(f"of {draws} draws: {counts}")
    for name, example in gates.examples.items():
        console.print(f"  {name}: {example}")
    result = {
        "bench": "second world", "machine": machine(), "meagre": asked.meagre, "seed": seed if asked.strange else None, "draws": draws,
        "gates": counts, "removed": every.rounded(), "removed_capped": reachable.rounded(), "worst": worst.plan.name, "milliseconds": times,
        "worlds": [row.told() for row in rows],
    }  # fmt: skip
    print("RESULT " + json.dumps(result))
    if names := broken(rows, gates, long=not asked.quick):
        sys.exit(f"broken: {', '.join(names)}")


if __name__ == "__main__":
    main()
