"""How many cases corrupt readers betray under each way of choosing readers, simulated. Writes docs/exposure.md and its pictures
once all scenarios were run; the last line is RESULT and JSON."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.exposure.attacks import AS_IT_IS, EVERY
from benchmarks.exposure.measures import mean
from benchmarks.exposure.plots import Worlds, draw, of
from benchmarks.exposure.policies import POLICIES
from benchmarks.exposure.probes import probe
from benchmarks.exposure.reference import AS_WRITTEN, choose_as_written
from benchmarks.exposure.report import Bench, gone, targets, written
from benchmarks.exposure.runs import job
from benchmarks.exposure.small import small_lines
from benchmarks.exposure.timing import timed
from routing.policy import DEFAULT, Policy

QUICK, FULL, PROBES = 3, 10, 6
PRINTED = ("lost", "insiders", "last_quarter", "guessed", "gini", "hours", "honest_flagged", "corrupt_flagged", "small", "milliseconds")
DOCS = Path(__file__).parents[2] / "docs"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.exposure", description=__doc__)
    parser.add_argument("--worlds", type=int, help=f"of each scenario; {FULL} unless told")
    parser.add_argument("--first", type=int, default=0, help="seed of the first world")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} worlds")
    parser.add_argument("--only", type=_names, default=[], help="scenarios, with commas; nothing is written then")
    parser.add_argument("--policies", type=_names, default=list(POLICIES), help="with commas; nothing is written then")
    parser.add_argument("--policy", nargs="*", default=[], metavar="KEY=VALUE", help="fields of Policy, or learning.FIELD")
    parser.add_argument("--tips", type=int, default=1000, help="in each world")
    parser.add_argument("--into", type=Path, default=DOCS, help="folder of exposure.md and images/")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args(arguments)
    policy, worlds = changed(DEFAULT, args.policy), args.worlds or (QUICK if args.quick else FULL)
    whole = not args.only and set(args.policies) == set(POLICIES)
    began = time.perf_counter()
    ran: dict[str, Worlds] = {}
    with ProcessPoolExecutor(args.processes, get_context("spawn")) as pool:
        for scenario in args.only or EVERY:
            jobs = [pool.submit(job, scenario, args.first + seed, args.policies, policy, args.tips) for seed in range(worlds)]
            ran[scenario] = [one.result() for one in jobs]
            if scenario == next(iter(AS_IT_IS)):
                print("as the product is today: no lead reads, no informer stands outside")
            show(scenario, ran[scenario])
        if whole:
            seeds = range(args.first, args.first + min(worlds, PROBES))
            probes = list(pool.map(partial(probe, policy=policy), seeds))
            tricked = list(pool.map(partial(probe, policy=AS_WRITTEN, choose=choose_as_written), seeds))
            small = pool.submit(small_lines, args.first, policy).result()
    if whole:
        bench = Bench(ran, small, probes, tricked, timed(args.first, policy), policy, worlds, args.tips)
        write(bench, args.into)
    print(f"{worlds} worlds, {time.perf_counter() - began:.0f} s", flush=True)
    print("RESULT", json.dumps(result(ran) | {"worlds": worlds}))
    return 0


def write(bench: Bench, folder: Path) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "exposure.md").write_text(written(bench, draw(bench.ran, bench.small, folder / "images")))
    for target in targets(bench):
        print(f"{'met   ' if target.met else 'MISSED'} {target.what}: {target.reached} (wanted {target.wanted})")
    print({what: f"{taken:.2f} ms" for what, taken in bench.times.items()})


def show(scenario: str, worlds: Worlds) -> None:
    for name in worlds[0]:
        got = {what: of(worlds, name, what) for what in PRINTED}
        faults = sum((world[name].faults for world in worlds), Counter[str]())
        numbers = "  ".join(f"{what} {one}" for what, one in got.items())
        print(f"{scenario:12} {name:10} {numbers}  faults {dict(faults)}", flush=True)


def result(ran: Mapping[str, Worlds]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for scenario, worlds in ran.items():
        lost = {name: [world[name].lost for world in worlds] for name in worlds[0]}
        found[scenario] = {name: round(mean(values).value, 2) for name, values in lost.items()}
        if {"today", "ours", "oracle"} <= lost.keys():
            found[scenario]["removed"] = round(gone(worlds).value, 2)
    return found


def changed(policy: Policy, pairs: Sequence[str]) -> Policy:
    """`key=value` for each field that is to be another. Exits on a field that does not exist, or is no number."""
    for pair in pairs:
        key, _, value = pair.partition("=")
        if key.startswith("learning."):
            policy = replace(policy, learning=_with(policy.learning, key.removeprefix("learning."), value))
        else:
            policy = _with(policy, key, value)
    return policy


def _with(owner: Any, name: str, value: str) -> Any:
    if name not in {one.name for one in fields(owner)} or not isinstance(getattr(owner, name), int | float):
        raise SystemExit(f"no number of the policy: {name}")
    return replace(owner, **{name: type(getattr(owner, name))(value)})


def _names(text: str) -> list[str]:
    return text.split(",")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
