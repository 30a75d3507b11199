"""docs/exposure.md: what was simulated, and how it came out beside what was wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.exposure.attacks import AS_IT_IS, FURTHER, SCENARIOS, Scenario
from benchmarks.exposure.measures import Mean, mean, removed
from benchmarks.exposure.plots import Worlds, of
from benchmarks.exposure.policies import POLICIES
from benchmarks.exposure.setting import Setting
from benchmarks.exposure.small import ANSWER, AWAKE, Small
from routing.policy import Policy

WEAK = {"bribery": "bribery", "bribery_half": "the same, half accept", "rotten": "60 % corrupt", "worst_mix": "worst mix"}
"""Where ROUTING.md calls its own policy weak, and all troubles together."""
SEVERE = [name for name in SCENARIOS if name != "bribery_half"]
"""The fifteen of ROUTING.md; the sixteenth is bribery that succeeds twice as often. Those of FURTHER do not count either."""


@dataclass(frozen=True, slots=True)
class Bench:
    """`probes`: of single tricks, `tricked`: the same, of the specification's draw; a world each."""

    ran: Mapping[str, Worlds]
    small: Sequence[Small]
    probes: Sequence[Mapping[str, float]]
    tricked: Sequence[Mapping[str, float]]
    times: Mapping[str, float]
    policy: Policy
    worlds: int
    tips: int


@dataclass(frozen=True, slots=True)
class Target:
    what: str
    wanted: str
    reached: str
    met: bool


def gone(worlds: Worlds) -> Mean:
    """Share of avoidable losses that are removed, in per cent."""
    return removed(*([world[name].lost for world in worlds] for name in ("today", "ours", "oracle")))


def saved(worlds: Worlds) -> Mean:
    """By how much less is betrayed than by the specification's draw on the same worlds, in points."""
    return mean([world["reference"].lost - world["ours"].lost for world in worlds])


def targets(bench: Bench) -> Sequence[Target]:
    base, each = bench.ran["base"], {name: gone(bench.ran[name]) for name in SEVERE}
    average, worst = mean([one.value for one in each.values()]).value, min(each, key=lambda name: each[name].value)
    ours, oracle = of(base, "ours", "lost"), of(base, "oracle", "lost")
    flagged = max(of(bench.ran[name], "ours", "honest_flagged").value for name in SEVERE)
    guessed = max(of(bench.ran[name], "ours", "guessed").value for name in SEVERE)
    faults = sum(
        (world[name].faults for worlds in bench.ran.values() for world in worlds for name in ("ours", "exclusions")), Counter[str]()
    )
    return [
        Target(
            "exclusions broken, tips missed, unexplained, drawn otherwise again, chances above the cap", "0", _faults(faults), not +faults
        ),
        Target("avoidable losses removed, base world", "≥ 96 %", f"{each['base']} %", each["base"].value >= 96),
        Target("the same, mean of 15 scenarios", "≥ 93 %", f"{average:.1f} %", average >= 93),
        Target(f"the same, worst of 15 ({worst.replace('_', ' ')})", "≥ 85 %", f"{each[worst]} %", each[worst].value >= 85),
        Target("cases betrayed, base world", f"≤ {oracle.value + 2.6:.1f} %", f"{ours} %", ours.value <= oracle.value + 2.6),
        *(_beaten(what, bench.ran[name]) for name, what in WEAK.items()),
        Target("honest people ever proposed for a review, worst of 15", "≤ 0.5 %", f"{flagged:.2f} %", flagged <= 0.5),
        Target("handlers that one best guess finds, worst of 15", "≤ 20 %", f"{guessed:.1f} %", guessed <= 20),
        Target(
            "a decision among 1,000 people, p99", "< 5 ms", f"{bench.times['decide 1000 p99']:.1f} ms", bench.times["decide 1000 p99"] < 5
        ),
        Target("an update", "< 50 µs", f"{1000 * bench.times['update p50']:.0f} µs", bench.times["update p50"] < 0.05),
    ]


def _beaten(what: str, worlds: Worlds) -> Target:
    less = saved(worlds)
    return Target(f"fewer betrayed than by the specification's draw: {what}", "> 0 points", f"{less} points", less.value > 0)


def written(bench: Bench, pictures: Sequence[str]) -> str:
    parts = [_head(bench), _picture(pictures[0]), _by_policy(bench), _reached(bench), _by_scenario(bench), *map(_picture, pictures[1:5])]
    return "\n".join(
        [*parts, _as_it_is(bench), _tricks(bench), _small(bench.small), _picture(pictures[5]), _picture(pictures[6]), _assumed(bench)]
    )


def _head(bench: Bench) -> str:
    return f"""# Simulated: how many cases corrupt readers betray

Everything here is **simulated**. One figure is known from life: an experienced investigator put the cases of his that ended early through
inside tip-offs at about three in four. The simulator is tuned so that today's practice loses as many. Trust the order of the ways to choose
readers and the size of the steps between them, not the single number.

Written by `make bench-exposure`: {bench.worlds} worlds of {bench.tips:,} tips for each scenario; ± is the 95 % interval over worlds.
"""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _by_policy(bench: Bench) -> str:
    base = bench.ran["base"]
    rows = [
        [
            POLICIES[name],
            f"{of(base, name, 'lost')} %",
            f"{of(base, name, 'insiders')} %",
            f"{of(base, name, 'last_quarter')} %",
            f"{of(base, name, 'readers').value:.1f}",
            f"{of(base, name, 'hours').value:.0f} / {of(base, name, 'slowest').value:.0f}",
            f"{of(base, name, 'gini').value:.2f}",
            f"{of(base, name, 'guessed').value:.0f} %",
        ]
        for name in POLICIES
    ]
    head = (
        "base world",
        "betrayed",
        "of that by readers",
        "last quarter",
        "readers",
        "hours to an answer, mean / p95",
        "Gini of load",
        "guessed",
    )
    note = """*Guessed*: how often one guess finds the handler, by somebody who knows rules, cards, and who handled every earlier case.
*The specification's draw*: the policy of Tipline's own specification, as written there; Tipline is to do better where that one is weak.
"""
    return f"## By way of choosing\n\n{_table(head, rows)}\n{note}"


def _reached(bench: Bench) -> str:
    rows = [[one.what, one.wanted, one.reached, "yes" if one.met else "**no**"] for one in targets(bench)]
    return f"## What was wanted, and what was reached\n\n{_table(('measure', 'wanted', 'reached', 'met'), rows)}"


def _by_scenario(bench: Bench) -> str:
    counted, further = _troubles(bench, SCENARIOS), _troubles(bench, FURTHER)
    return f"## Under attack\n\n{counted}\nFurther attacks, which do not count among the fifteen:\n\n{further}"


def _as_it_is(bench: Bench) -> str:
    note = (
        "The base world without what the product does not have yet: no lead opens a case, and no informer stands outside. Half of the "
        "outcomes are verified, by the next reader of the case's order, who opens it only then and leaks nothing. A handler who serves "
        "the network that a case touches buries it, and nobody is ever told.\n"
    )
    return f"## As the product is today\n\n{note}\n{_troubles(bench, AS_IT_IS)}"


def _troubles(bench: Bench, scenarios: Mapping[str, Scenario]) -> str:
    rows = []
    for name, about in scenarios.items():
        worlds = bench.ran[name]
        flags = f"{of(worlds, 'ours', 'honest_flagged').value:.2f} / {of(worlds, 'ours', 'corrupt_flagged').value:.1f} %"
        betrayed = [str(of(worlds, policy, "lost")) for policy in ("today", "exclusions", "reference", "ours", "oracle")]
        small = f"{of(worlds, 'ours', 'small').value:.0f} %"
        rows.append([f"**{name.replace('_', ' ')}**: {about.what}", *betrayed, f"{gone(worlds)} %", flags, small])
    head = (
        "scenario; betrayed %",
        "today",
        "exclusions",
        "specification",
        "Tipline",
        "oracle",
        "avoidable losses removed",
        "reviewed: honest / corrupt",
        "small pool",
    )
    return _table(head, rows)


def _tricks(bench: Bench) -> str:
    rows = [[what, *brought] for what, *brought in zip(TRICKS, _brought(bench.probes), _brought(bench.tricked), strict=True)]
    head = ("trick", "what it brings", "by the specification's draw")
    return f"## Single tricks\n\nEach on lines that have learned from 400 tips.\n\n{_table(head, rows)}"


TRICKS = (
    "one false accusation: what is left of a favourite's chance",
    "40 by sources who cannot be told apart",
    "40 by one informer",
    "people whom these proposed for a review",
    "ten tips of one matter reach a given favourite: linked",
    "a corrupt reader names those likelier than himself: his chance",
    "40 clean cases reported by himself; by a friend; 10 that a second friend confirms: his chance",
)


def _brought(probes: Sequence[Mapping[str, float]]) -> Sequence[str]:
    """In the order of TRICKS."""

    def got(name: str) -> float:
        return mean([probe[name] for probe in probes]).value

    def share(name: str) -> str:
        return f"{100 * got(name):.0f} %"

    def low(name: str) -> str:
        return f"{100 * min(probe[name] for probe in probes):.0f} %"

    return (
        f"{share('accused_one_left')}, at worst {low('accused_one_worst')}",
        f"{share('accused_sources_left')}, at worst {low('accused_sources_worst')}",
        f"{share('accused_informer_left')}, at worst {low('accused_informer_worst')}",
        f"{sum(got(f'accused_{who}_reviews') for who in ('one', 'sources', 'informer')):.1f}",
        f"{share('linked_together')} (each by itself: {share('linked_apart')})",
        f"{share('poisoned_before')} → at most {share('poisoned_best')}; held once {share('poisoned_held_at')} of the pool are named",
        f"{share('praised_before')} → {share('praised_himself')}; {share('praised_friend')}; {share('praised_second')}",
    )


def _small(small: Sequence[Small]) -> str:
    rows = [
        [
            str(one.people),
            one.agencies,
            f"{one.at_once:.0f} %",
            f"{one.vetters:.0f} %",
            f"{one.held:.0f} %",
            f"{one.median:.0f} / {one.p95:.0f}",
            f"{one.urgent_at_once:.0f} %",
            f"{one.readers:.1f}",
        ]
        for one in small
    ]
    head = ("readers", "of", "at once", "wait for two vetters", "held", "hours, median / p95", "urgent: at once", "in an order")
    assumed = (
        "All are founders; three in five live where the line has its seat; a third are on duty at any hour. Three vetters, awake from "
        f"{AWAKE[0]} to {AWAKE[1]} and then take {ANSWER:.0f} hours on average, of whom two must agree.\n"
    )
    return f"## Small lines\n\n{assumed}\n{_table(head, rows)}"


def _assumed(bench: Bench) -> str:
    policy, setting = bench.policy, Setting()
    return f"""## What is assumed

150 people of seven sorts in six regions; a quarter are corrupt, more in the police than among NGOs, in clusters by agency and by region.
A corrupt person serves one region's network: where he lives, where a posting or kin ties him (declared half of the time), or one with
which nothing ties him. He leaks {setting.own:.1%} of the cases that touch it and {setting.other:.1%} of others;
{setting.lost_anyway:.0%} are lost whoever reads. Of outcomes, {setting.seen:.0%} are seen, {setting.delay:.0f} days later on average;
one in twelve is wrong. Each case needs a handler and an enforcement lead. All numbers: `benchmarks/exposure/setting.py`.

The policy believes other numbers than the true ones ({policy.learning.own:.0%} and {policy.learning.other:.0%} leaked). Nobody is given a
case with a chance above {policy.cap:.0%}.

Not simulated: what happens after a case was opened, readers who talk to each other, two networks that work together, decoys.
"""


def _picture(name: str) -> str:
    return f"![Simulated: {name.removeprefix('exposure-').removesuffix('.png')}](images/{name})\n"


def _faults(faults: Counter[str]) -> str:
    return ", ".join(_each(+faults)) or "0"


def _each(faults: Counter[str]) -> Iterator[str]:
    yield from (f"{what}: {count}" for what, count in sorted(faults.items()))
