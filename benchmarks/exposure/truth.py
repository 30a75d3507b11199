"""Who leaks, and what comes to be known of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.exposure.people import HONEST, Floats
from benchmarks.exposure.state import Ints, State
from benchmarks.exposure.world import Tip, World


@dataclass(frozen=True, slots=True)
class Fate:
    """Of one case. `by_insiders`, `lost`: the chances that this choice of readers brought; `compromised`: what came of it. `buried`: all
    readers serve the network that it touches, and nobody is ever told."""

    by_insiders: float
    lost: float
    compromised: bool
    buried: bool


def leak_chances(state: State, tip: Tip, readers: Ints) -> Floats:
    serves, setting = state.network[readers], state.world.setting
    return np.where(serves == HONEST, 0.0, np.where(serves == tip.network, setting.own, setting.other))


def fate(state: State, tip: Tip, readers: Ints, chances: Floats) -> Fate:
    """`chances`: of each reader, that he leaks this case."""
    world = state.world
    buried = len(readers) > 0 and bool(np.all(state.network[readers] == tip.network))
    by_insiders = 1.0 if buried else 1.0 - float(np.prod(1.0 - chances))
    lost = 1.0 - (1.0 - by_insiders) * (1.0 - world.setting.lost_anyway)
    leaked = bool(np.any(world.tosses.leaks[tip.number, readers] < chances))
    anyway = bool(world.tosses.anyway[tip.number] < world.setting.lost_anyway)
    return Fate(by_insiders, lost, buried or leaked or anyway, buried)


def observed(world: World, tip: Tip, compromised: bool) -> bool | None:
    """What others make of it: compromised or not. None = nobody ever says."""
    setting, tosses = world.setting, world.tosses
    if tosses.seen[tip.number] >= setting.seen:
        return None
    wrong = setting.unseen if compromised else setting.false_alarm
    return compromised ^ bool(tosses.mistaken[tip.number] < wrong)
