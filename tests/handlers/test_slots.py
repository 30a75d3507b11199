from __future__ import annotations

from datetime import datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.slots import Slots

THREE = "08:00,14:00,20:00 Europe/Madrid"


def ms(text: str) -> int:
    """ISO with an offset."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def slots(text: str) -> Slots:
    found = Slots.parse(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-01-10T07:59:59+01:00", "2026-01-10T08:00:00+01:00"),
        ("2026-01-10T08:00:00+01:00", "2026-01-10T14:00:00+01:00"),
        ("2026-01-10T20:00:01+01:00", "2026-01-11T08:00:00+01:00"),
        ("2026-01-10T23:30:00+00:00", "2026-01-11T08:00:00+01:00"),
        ("2026-03-28T21:00:00+01:00", "2026-03-29T08:00:00+02:00"),  # spring: the clock goes forward in between
        ("2026-10-24T21:00:00+02:00", "2026-10-25T08:00:00+01:00"),
    ],
)
def test_the_next_slot_on_the_lines_clock(now: str, due: str) -> None:
    assert slots(THREE).next_slot(ms(now)) == ms(due)


def test_an_hour_that_the_clock_skips_is_taken_right_after() -> None:
    assert slots("02:30 Europe/Madrid").next_slot(ms("2026-03-29T00:00:00+01:00")) == ms("2026-03-29T03:30:00+02:00")


def test_an_hour_that_comes_twice_is_taken_once() -> None:
    night = slots("02:30 Europe/Madrid")
    first = night.next_slot(ms("2026-10-25T00:00:00+02:00"))
    assert first == ms("2026-10-25T02:30:00+02:00")
    assert night.next_slot(first) == ms("2026-10-26T02:30:00+01:00")


def test_a_day_that_a_zone_left_out() -> None:
    """Samoa had no 30 December 2011."""
    assert slots("08:00 Pacific/Apia").next_slot(ms("2011-12-29T20:00:00-10:00")) == ms("2011-12-31T08:00:00+14:00")


def test_practice_slots_come_every_few_seconds() -> None:
    assert slots("5s").next_slot(12_000) == 15_000
    assert slots("5s").next_slot(15_000) == 20_000
    assert slots("5s").next_urgent(15_001) == 20_000


def test_urgent_slots_come_every_half_hour() -> None:
    assert slots(THREE).next_urgent(ms("2026-01-10T09:01:00+00:00")) == ms("2026-01-10T09:30:00+00:00")
    assert slots(THREE).next_urgent(ms("2026-01-10T09:30:00+00:00")) == ms("2026-01-10T10:00:00+00:00")


@given(
    st.integers(0, 4_102_444_800_000),
    st.sampled_from(["Europe/Madrid", "UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "Africa/Cairo"]),
    st.sets(st.times(), min_size=1, max_size=4).map(lambda ts: tuple(sorted({time(t.hour, t.minute) for t in ts}))),
)
def test_a_slot_is_later_near_and_at_one_of_its_times(now: int, zone: str, times: tuple[time, ...]) -> None:
    chosen = Slots(times, zone)
    due = chosen.next_slot(now)
    assert now < due <= now + 50 * 3_600_000  # a day, or two where a zone left one out
    local = chosen.local(due)
    if local.time() not in times:  # only where a change of the clock skipped that time
        assert chosen.local(due - 86_400_000).utcoffset() != local.utcoffset()


@pytest.mark.parametrize("text", [THREE, "5s", "00:00 UTC", "08:15,23:59 America/Bogota"])
def test_text_and_back(text: str) -> None:
    assert str(slots(text)) == text


def test_order_repetition_and_a_missing_zone() -> None:
    assert slots("20:00,08:00") == Slots((time(8), time(20)), "UTC")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8:00",
        "24:00 UTC",
        "08:00,",
        "08:00,08:00 UTC",
        "08:00 Nowhere/Land",
        "08:00 ../etc/passwd",
        "0s",
        "5",
        "3601s",
        "-5s",
        "5s UTC",
    ],
)
def test_what_is_no_slot(text: str) -> None:
    assert Slots.parse(text) is None
