"""Slots: the fixed times of day at which a case is offered, so that the hour of a notice says nothing about the hour of a tip."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

URGENT_MS = 30 * 60 * 1000
MAX_SECONDS = 3600

_SECONDS = re.compile(r"([1-9][0-9]{0,3})s")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Slots:
    """`times` of the day in `zone` (IANA name); or every `every_s` seconds, in practice. Times in and out: ms since 1970 UTC."""

    times: tuple[time, ...]
    zone: str
    every_s: int | None = None

    @classmethod
    def parse(cls, text: str) -> Slots | None:
        """`08:00,14:00,20:00 Europe/Madrid` (zone UTC when left out), or `5s`. None when it is neither."""
        seconds = _SECONDS.fullmatch(text)
        if seconds:
            every = int(seconds[1])
            return cls((), "UTC", every) if every <= MAX_SECONDS else None
        clocks, _, zone = text.strip().partition(" ")
        matches = [_CLOCK.fullmatch(clock) for clock in clocks.split(",")]
        times = sorted({time(int(m[1]), int(m[2])) for m in matches if m})
        zone = zone.strip() or "UTC"
        if len(times) != len(matches) or not _is_zone(zone):
            return None
        return cls(tuple(times), zone)

    def __str__(self) -> str:
        """What `parse` reads."""
        if self.every_s is not None:
            return f"{self.every_s}s"
        return f"{','.join(t.strftime('%H:%M') for t in self.times)} {self.zone}"

    def next_slot(self, now_ms: int) -> int:
        """The first slot later than now. An hour that the clock skips is taken right after; one that it repeats, the first time only."""
        if self.every_s is not None:
            return _next_multiple(now_ms, self.every_s * 1000)
        today = self.local(now_ms).date()
        zone = ZoneInfo(self.zone)
        # Yesterday to the day after tomorrow: a change of the clock can carry a slot over midnight, or leave out a day.
        days = [today + timedelta(days=n) for n in range(-1, 3)]
        slots = (_ms(datetime.combine(day, at, zone)) for day in days for at in self.times)
        return min(slot for slot in slots if slot > now_ms)

    def next_urgent(self, now_ms: int) -> int:
        """The same for urgent cases: every half hour."""
        return _next_multiple(now_ms, URGENT_MS if self.every_s is None else self.every_s * 1000)

    def between(self, start_ms: int, end_ms: int) -> list[int]:
        """Every slot later than the first and not later than the second, the urgent ones too."""
        found = set[int]()
        for following in (self.next_slot, self.next_urgent):
            at = following(start_ms)
            while at <= end_ms:
                found.add(at)
                at = following(at)
        return sorted(found)

    def local(self, ms: int) -> datetime:
        """The moment on the line's own clock."""
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZoneInfo(self.zone))


def _next_multiple(now_ms: int, step_ms: int) -> int:
    return (now_ms // step_ms + 1) * step_ms


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
