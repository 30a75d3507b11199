"""How fast one sender's messages, and the line's, are read: token buckets. Pure: the time is an argument, in milliseconds.

Nothing is ever dropped. What comes faster than the pace is taken all the same, and conversed later, so that no sender holds up another:
the queue takes messages by the time at which they fall due.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from sealing.rows import HOUR_MS


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` messages at once, then one every `every` ms. No message waits longer than `longest` ms."""

    burst: int
    every: int
    longest: int

    def take(self, spent: int, now: int) -> tuple[int, int]:
        """(spent, wait) after one message more. `spent` = the moment at which this bucket is full again; `wait` of this message."""
        full = max(spent, now) + self.every
        wait = max(0, full - now - self.burst * self.every)
        return full - max(0, wait - self.longest), min(wait, self.longest)


PER_SENDER = Rate(burst=20, every=15_000, longest=24 * HOUR_MS)
"""A person in need writes twenty short texts in a row. 5,000 at once are read within a day, a few at a time, in the order of their coming;
were the wait much shorter, they would all fall due together, in front of everybody else."""
WHOLE_LINE = Rate(burst=600, every=100, longest=600_000)
"""About what one worker reads. Charged with what each sender's own pace lets through at once."""
MOST_LANES = 50_000


@dataclass(frozen=True, slots=True)
class _Lane:
    spent: int
    due: int


class Pace:
    """Remembers lanes and messages, at most `most` of each, those heard longest ago forgotten first (a forgotten lane starts with a full
    bucket)."""

    def __init__(self, sender: Rate = PER_SENDER, line: Rate = WHOLE_LINE, most: int = MOST_LANES) -> None:
        self._sender = sender
        self._line = line
        self._most = most
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()
        self._charged: OrderedDict[str, int] = OrderedDict()
        """Message -> when it falls due."""
        self._line_spent = 0
        self._clock = 0
        self._now = 0

    def __len__(self) -> int:
        return len(self._lanes)

    def delay(self, lane: str, now_ms: int, message: str | None = None) -> int:
        """How much later than at once, ms, this lane's message is to be read. Never before an earlier one of the same lane.

        `message`: a name of it. What is delivered again is charged once: else whoever repeats one request, which counts as authentic for
        ever, would put off all that its sender writes, and so would a provider that meets a 503.
        """
        now = self._forward(now_ms)
        known = self._lanes.pop(lane, _Lane(0, 0))
        spent, due = known.spent, None if message is None else self._charged.get(message)
        if due is None:
            spent, wait = self._sender.take(known.spent, now)
            if wait == 0:
                self._line_spent, wait = self._line.take(self._line_spent, now)
            due = now + wait
        due = max(due, known.due)
        self._lanes[lane] = _Lane(spent, due)
        if message is not None:
            self._charged[message] = due
        for remembered in (self._lanes, self._charged):
            if len(remembered) > self._most:
                remembered.popitem(last=False)
        return max(0, due - now)

    def _forward(self, now_ms: int) -> int:
        """Our own time, which a clock that is set back does not turn back: nobody would be heard until it had caught up."""
        self._clock += max(0, now_ms - self._now)
        self._now = now_ms
        return self._clock
