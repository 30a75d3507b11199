"""Whether people are drawn as often as they are said to be, over many coins for one tip."""

from __future__ import annotations

import hashlib
from collections import Counter

from benchmarks.second_world.judging import Gates
from benchmarks.second_world.tips import Tip
from routing.draw import choose
from routing.learning import Beliefs
from routing.people import Roster

FAR = 5.0
"""Standard deviations."""


def misdrawn(roster: Roster, tip: Tip, beliefs: Beliefs, coins: bytes, gates: Gates, times: int) -> None:
    drawn: Counter[str] = Counter()
    chances: dict[str, float] = {}
    for n in range(times):
        got = choose(roster, tip.facts, beliefs, hashlib.sha256(coins + n.to_bytes(4)).digest(), tip.now, released=True)
        drawn.update(got.order)
        chances.update((one, got.chances.get(one, 0.0)) for one in got.order)
    for one, count in drawn.items():
        expected = times * chances[one]
        spread = (times * chances[one] * max(0.0, 1 - chances[one])) ** 0.5
        if abs(count - expected) > FAR * spread + 1:
            gates.broken("misdrawn", f"drawn {count} times of {times} with a chance of {chances[one]:.3f}")
