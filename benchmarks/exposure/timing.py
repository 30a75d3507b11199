"""How long a decision and an update take, at two sizes, measured in turns. A decision finds one person changed since the last; an update
is one of several in a row, as in a replay (one alone, behind a draw, finds the processor's caches cold: two to three times as long). Of the
processor, so that neighbours count little."""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from benchmarks.exposure.policies import Ours
from benchmarks.exposure.runs import begin
from benchmarks.exposure.setting import Setting
from benchmarks.exposure.world import ATLAS, Tip, make_world
from routing.draw import choose
from routing.exposure import areas_of, opened
from routing.learning import Event, Verdict, update
from routing.people import Roster
from routing.policy import Policy

SIZES = (150, 1000)
ROUNDS = 200
LEARNED = 100
IN_A_ROW = 10


def timed(seed: int, policy: Policy) -> Mapping[str, float]:
    """Milliseconds: "decide 150 p50" and so on; "update p50"."""
    lines = {size: _line(seed, size, policy) for size in SIZES}
    seconds: dict[str, list[float]] = {what: [] for what in (*(f"decide {size}" for size in SIZES), "update")}
    gc.disable()
    try:
        for turn in range(ROUNDS):
            for size in SIZES:
                roster, tips, ours = lines[size]
                tip = tips[turn % len(tips)]
                one = roster.people[turn % size]
                start = time.thread_time()
                roster = roster.changed(replace(one, open_cases=one.open_cases + 1))
                choose(roster, tip.facts, ours.beliefs, tip.coins, tip.now, policy)
                seconds[f"decide {size}"].append(time.thread_time() - start)
                lines[size] = (roster, tips, ours)
            roster, tips, ours = lines[SIZES[0]]
            events = [_event(roster, tips[(turn + n) % len(tips)], turn + n, policy) for n in range(IN_A_ROW)]
            start = time.thread_time()
            for event in events:
                ours.beliefs = update(ours.beliefs, event, policy.learning)
            seconds["update"].append((time.thread_time() - start) / IN_A_ROW)
    finally:
        gc.enable()
    return {f"{what} p{share}": 1000 * float(np.percentile(taken, share)) for what, taken in seconds.items() for share in (50, 99)}


def _event(roster: Roster, tip: Tip, number: int, policy: Policy) -> Event:
    """Two readers, one of them in every case."""
    area = areas_of(tip.facts.regions, ATLAS)[0]
    two = (opened(roster.people[at], area, ATLAS, policy.learning) for at in (number % 100, -1))
    return Event(area, tuple(two), Verdict.COMPROMISED, f"informer-{number % 25}", number % 2 == 0, number)


def _line(seed: int, size: int, policy: Policy) -> tuple[Roster, tuple[Tip, ...], Ours]:
    world = make_world(seed, Setting(tips=LEARNED + 50, scale=size / 150))
    ours = Ours(policy)
    running = begin(world, ours, policy)
    for tip in world.tips[:LEARNED]:
        running.step(tip)
    return running.scene(world.tips[LEARNED]).roster(), world.tips[LEARNED:], ours
