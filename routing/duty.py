"""Duty hours: when a reader works, by weekday, in his own time zone; and until when he has time to open what he was offered.

He is on duty at a moment when the clock on his wall says so: an hour that the clock repeats counts twice, one that it skips not at all.
Final form: {"v":1,"kind":"duty","zone":IANA name,"mon":["08:00-12:00","13:00-17:00"],"tue":[],…,"sun":[]}, in that order, compact. The
intervals of a day stand in order and do not touch; a day ends at 24:00. Times in and out: ms since 1970 UTC.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from routing.fields import FieldsError, read, write

KIND = "duty"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LEAST_MINUTES = 6 * 60
"""Of a week: whoever works less would keep a case that he does not open for weeks."""
LEAST_STRETCH = 60
"""Minutes, but for what midnight cuts off: the line asks who is on duty at each full hour. Five minutes there, twelve times a day, would
look like half a day's duty, and give a silent reader of an urgent case not an hour but a day."""
MOST_INTERVALS = 12
HOUR_MS = 3_600_000

_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES
_INTERVAL = re.compile(r"([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])", re.ASCII)


class DutyError(ValueError):
    """Not duty hours. One plain sentence without content."""


@dataclass(frozen=True, slots=True)
class Duty:
    """`hours`: seven days, Monday first; each its intervals (start, end) in minutes since midnight, the end not included."""

    zone: str
    hours: tuple[tuple[tuple[int, int], ...], ...]

    def minutes(self) -> int:
        """Of a week."""
        return sum(end - start for day in self.hours for start, end in day)


def duty_bytes(duty: Duty) -> bytes:
    """Raises DutyError for hours that would not come back the same."""
    days = {name: [_written(*interval) for interval in day] for name, day in zip(WEEKDAYS, duty.hours, strict=False)}
    try:
        data = write(KIND, {"zone": duty.zone, **days})
    except FieldsError:
        raise DutyError("duty hours cannot be written") from None
    if parse_duty(data) != duty:
        raise DutyError("these duty hours would not come back the same")
    return data


def parse_duty(data: bytes) -> Duty:
    """Raises DutyError for anything but the exact bytes that duty_bytes writes."""
    try:
        fields = read(data, KIND, ("zone", *WEEKDAYS))
        duty = Duty(fields.key("zone"), tuple(tuple(_interval(text) for text in fields.texts(day)) for day in WEEKDAYS))
        same = data == write(KIND, {"zone": duty.zone, **{day: list(fields.texts(day)) for day in WEEKDAYS}})
    except FieldsError:
        raise DutyError("not duty hours") from None
    _check(duty)
    if not same:
        raise DutyError("not the one way to write these duty hours")
    return duty


def on_duty(duty: Duty | None, now_ms: int) -> bool:
    """Who has declared nothing is always on duty."""
    if duty is None:
        return True
    local = _local(ZoneInfo(duty.zone), now_ms)
    minute = local.hour * 60 + local.minute
    return any(start <= minute < end for start, end in duty.hours[local.weekday()])


def begins(duty: Duty | None, now_ms: int) -> int:
    """The first moment from now on at which he is on duty."""
    return now_ms if on_duty(duty, now_ms) else due(now_ms, 1 / HOUR_MS, duty) - 1


def due(start_ms: int, hours: float, duty: Duty | None) -> int:
    """The first moment by which he has been on duty for so many hours since the start."""
    left = round(hours * HOUR_MS)
    if duty is None:
        return start_ms + left
    weeks = left // (duty.minutes() * 60_000) + 3  # one begun, one that a change of the clock shortens
    spans = sorted(_spans(duty, start_ms, 7 * weeks))
    worked = list(accumulate(max(0, end - max(start, start_ms)) for start, end in spans))
    last = bisect_left(worked, left)
    return spans[last][1] - (worked[last] - left)


def _check(duty: Duty) -> None:
    for day in duty.hours:
        ends = [moment for interval in day for moment in interval]
        if len(day) > MOST_INTERVALS or ends != sorted(set(ends)) or any(moment > _DAY_MINUTES for moment in ends):
            raise DutyError("the intervals of a day are in order, and do not touch")
        if any(end - start < LEAST_STRETCH and start > 0 and end < _DAY_MINUTES for start, end in day):
            raise DutyError("an interval is an hour at the least")
    if duty.minutes() < LEAST_MINUTES:
        raise DutyError(f"duty hours are {LEAST_MINUTES // 60} hours a week at the least")
    try:
        ZoneInfo(duty.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DutyError("this time zone is not known") from None


def _interval(text: str) -> tuple[int, int]:
    found = _INTERVAL.fullmatch(text)
    if found is None:
        raise DutyError("not an interval of a day")
    start_hour, start_minute, end_hour, end_minute = map(int, found.groups())
    return start_hour * 60 + start_minute, end_hour * 60 + end_minute


def _written(start: int, end: int) -> str:
    return f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"


def _spans(duty: Duty, start_ms: int, days: int) -> Iterator[tuple[int, int]]:
    """Every stretch of duty from the day before the start on, in no order: a clock that is put back over midnight turns days around."""
    zone = ZoneInfo(duty.zone)
    first = _local(zone, start_ms).date() - timedelta(days=1)
    for day in (first + timedelta(days=n) for n in range(days + 2)):
        for start, end in duty.hours[day.weekday()]:
            yield from _stretches(zone, day, start, end)


def _stretches(zone: ZoneInfo, day: date, start: int, end: int) -> Iterator[tuple[int, int]]:
    """When the clock on the wall is in this interval of this day: at most once before and once after a change of the clock."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    ends = [midnight + timedelta(minutes=start), midnight + timedelta(minutes=end)]
    for offset in {moment.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for moment in ends for fold in (0, 1)}:
        low, high = (round((moment - offset).timestamp() * 1000) for moment in ends)
        at_low, at_high = _offset(zone, low) == offset, _offset(zone, high - 1) == offset
        if at_low and not at_high:
            high = _change(zone, low, high, offset)
        elif at_high and not at_low:
            low = _change(zone, low, high, _offset(zone, low))
        if at_low or at_high:
            yield low, high


def _change(zone: ZoneInfo, low: int, high: int, before: timedelta) -> int:
    """The first moment after `low` at which the clock has another offset than `before`."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return high


def _offset(zone: ZoneInfo, ms: int) -> timedelta:
    return _local(zone, ms).utcoffset() or timedelta()


def _local(zone: ZoneInfo, ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)
