"""Duty hours: one way to write them, no end that comes before the time was worked, whatever the clocks of a zone do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.duty import HOUR_MS, WEEKDAYS, Duty, DutyError, begins, due, duty_bytes, on_duty, parse_duty

MINUTE_MS = 60_000
OFFICE = Duty("Europe/Madrid", ((((8 * 60), 17 * 60),),) * 5 + ((),) * 2)
ALWAYS = Duty("UTC", (((0, 1440),),) * 7)
ZONES = [
    "UTC",
    "Europe/Madrid",
    "America/New_York",
    "Asia/Manila",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Asia/Gaza",
]


def at(text: str, zone: str = "Europe/Madrid") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@st.composite
def duties(draw: st.DrawFn) -> Duty:
    """Whole intervals of a day in order, six hours a week or more."""
    days = []
    for _ in WEEKDAYS:
        ends = sorted(draw(st.sets(st.integers(0, 1440), max_size=8)))
        spans = zip(ends[::2], ends[1::2], strict=False)
        days.append(tuple((start, end) for start, end in spans if end - start >= 60 or start == 0 or end == 1440))
    duty = Duty(draw(st.sampled_from(ZONES)), tuple(days))
    return duty if duty.minutes() >= 360 else Duty(duty.zone, (((0, 400),), *duty.hours[1:]))


CHANGES = st.sampled_from([at("2026-03-28T20:00"), at("2026-10-24T20:00"), at("2027-03-13T20:00", "America/New_York"),
    at("2026-10-03T20:00", "Australia/Lord_Howe"), at("2026-02-14T20:00")])  # fmt: skip


@settings(deadline=None)
@given(duties())
def test_what_is_written_is_read_the_same(duty: Duty) -> None:
    assert parse_duty(duty_bytes(duty)) == duty


@settings(max_examples=25, deadline=None)
@given(duties(), CHANGES, st.integers(0, 36 * 60), st.integers(1, 8 * 60))
def test_due_is_when_so_many_minutes_were_worked_by_the_clock_on_the_wall(duty: Duty, change: int, later: int, minutes: int) -> None:
    """Against the plainest reading: minute by minute."""
    start = change + later * MINUTE_MS
    end = due(start, minutes / 60, duty)
    assert (end - start) % MINUTE_MS == 0
    assert on_duty(duty, end - 1)
    if end - start <= 4 * 24 * HOUR_MS:
        assert sum(on_duty(duty, minute) for minute in range(start, end, MINUTE_MS)) == minutes


@settings(max_examples=40, deadline=None)
@given(duties(), CHANGES, st.integers(0, 10 * 24 * HOUR_MS), st.floats(0.1, 6), st.floats(0.1, 6))
def test_more_hours_end_later_and_a_later_start_never_earlier(duty: Duty, change: int, later: int, few: float, more: float) -> None:
    few, more = sorted((few, more))
    assert change < due(change, few, duty) <= due(change, more, duty)
    assert due(change, few, duty) <= due(change + later, few, duty)
    assert due(change, few, duty) >= due(change, few, None)


@settings(max_examples=40)
@given(duties(), CHANGES, st.integers(0, 40 * 60 * MINUTE_MS))
def test_duty_begins_at_the_first_moment_that_is_on_duty(duty: Duty, change: int, later: int) -> None:
    now = change + later
    first = begins(duty, now)
    assert on_duty(duty, first)
    assert first == now or not on_duty(duty, first - 1)
    assert not any(on_duty(duty, moment) for moment in range(now, first, 7 * MINUTE_MS))
    assert begins(None, now) == now


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-11-20T16:00", 6, "2026-11-23T13:00"),  # a Friday afternoon goes on on Monday
        ("2026-11-18T03:00", 6, "2026-11-18T14:00"),
        ("2026-11-18T08:00", 9, "2026-11-18T17:00"),
        ("2026-11-18T17:00", 1, "2026-11-19T09:00"),
    ],
)
def test_hours_count_while_he_works(start: str, hours: float, end: str) -> None:
    assert due(at(start), hours, OFFICE) == at(end)


def test_a_night_with_a_change_of_the_clock_has_as_many_hours_as_it_has() -> None:
    nights = Duty("Europe/Madrid", (((0, 6 * 60),),) * 7)
    start = at("2026-10-24T12:00")  # the night to Sunday has seven
    assert due(start, 7, nights) == at("2026-10-25T06:00")
    start = at("2026-03-28T12:00")  # five
    assert due(start, 5, nights) == at("2026-03-29T06:00")


def test_hours_that_the_clock_skips_are_not_worked() -> None:
    skipped = Duty("Europe/Madrid", ((), *(((120, 180),),) * 6))
    assert due(at("2026-03-29T00:00"), 1, skipped) == at("2026-03-31T03:00"), "Sunday has no 02:30, and on Monday he is off"


def test_who_declares_nothing_is_always_on_duty() -> None:
    now = round(datetime(2026, 11, 22, 3, tzinfo=UTC).timestamp() * 1000)
    assert on_duty(None, now)
    assert due(now, 6, None) == now + 6 * HOUR_MS == due(now, 6, ALWAYS)
    assert not on_duty(OFFICE, now)
    assert on_duty(OFFICE, at("2026-11-20T16:59"))
    assert not on_duty(OFFICE, at("2026-11-20T17:00"))


def written(**changes: object) -> bytes:
    days = {day: ["08:00-17:00"] for day in WEEKDAYS}
    return json.dumps({"v": 1, "kind": "duty", "zone": "UTC", **days, **changes}, separators=(",", ":")).encode()


def test_the_written_form_is_as_its_description_says() -> None:
    assert duty_bytes(parse_duty(written())) == written()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        written(zone="Mars/Olympus"),
        written(zone="../etc/passwd"),
        written(mon=["17:00-08:00"]),
        written(mon=["08:00-12:00", "12:00-17:00"]),
        written(mon=["13:00-17:00", "08:00-12:00"]),
        written(mon=["08:00-24:01"]),
        written(mon=["08:00-17:00", "20:00-20:59"]),
        written(mon=["08:00-25:00"]),
        written(mon=["8:00-17:00"]),
        written(mon="08:00-17:00"),
        written(v=2),
        written(kind="card"),
        written(more=1),
        written() + b" ",
        json.dumps(json.loads(written())).encode(),
        written(**{day: [] for day in WEEKDAYS}),
        written(**{day: ["08:00-08:50"] for day in WEEKDAYS}),
        written(mon=[f"{hour:02}:00-{hour:02}:30" for hour in range(13)]),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(DutyError):
        parse_duty(data)


def test_hours_that_cannot_be_kept_are_not_written() -> None:
    with pytest.raises(DutyError):
        duty_bytes(Duty("UTC", ((),) * 7))
    with pytest.raises(DutyError):
        duty_bytes(Duty("UTC", (((0, 1440),),) * 6))
    with pytest.raises(DutyError):
        duty_bytes(Duty("UTC\ud800", ALWAYS.hours))
    with pytest.raises(DutyError):
        duty_bytes(Duty("UTC", (*ALWAYS.hours, ())))
