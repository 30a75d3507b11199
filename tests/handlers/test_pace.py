"""Pace: slower, never lost, nobody's pace at the cost of another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.pace import MOST_LANES, PER_SENDER, WHOLE_LINE, Pace, Rate

NOW = 1_800_000_000_000
DAY = 24 * 3_600_000


def test_a_person_who_writes_much_is_read_at_once_and_then_at_her_pace() -> None:
    pace = Pace()
    assert [pace.delay("a", NOW) for _ in range(20)] == [0] * 20
    assert [pace.delay("a", NOW) for _ in range(3)] == [15_000, 30_000, 45_000]


def test_whoever_was_quiet_for_as_long_as_it_takes_is_read_at_once_again() -> None:
    pace = Pace()
    for _ in range(20):
        pace.delay("a", NOW)
    assert pace.delay("a", NOW + 14_999) > 0
    assert Pace().delay("a", NOW) == 0
    quiet = NOW + 22 * 15_000
    assert [pace.delay("a", quiet) for _ in range(20)] == [0] * 20


def test_five_thousand_of_one_sender_delay_nobody_else() -> None:
    pace = Pace()
    waits = [pace.delay("flooder", NOW) for _ in range(5_000)]
    assert waits == sorted(waits)
    assert waits[-1] == 4_980 * 15_000 < DAY
    assert pace.delay("other", NOW) == 0


def test_many_senders_at_once_are_thinned_to_what_the_line_reads() -> None:
    pace = Pace()
    waits = [pace.delay(str(n), NOW) for n in range(2_000)]
    assert waits[:600] == [0] * 600
    assert waits[600:603] == [100, 200, 300]
    assert max(waits) <= WHOLE_LINE.longest


def test_a_wait_is_bounded_and_so_is_the_way_back_from_it() -> None:
    rate = Rate(burst=2, every=10, longest=50)
    spent, waits = 0, []
    for _ in range(100):
        spent, wait = rate.take(spent, 1_000)
        waits.append(wait)
    assert waits[:8] == [0, 0, 10, 20, 30, 40, 50, 50]
    assert max(waits) == 50
    assert rate.take(spent, 1_000 + 70)[1] == 0, "after burst and longest wait together, all is forgiven"


def test_memory_is_bounded_and_the_lane_heard_longest_ago_goes() -> None:
    pace = Pace(most=3)
    for _ in range(21):
        pace.delay("old", NOW)
    for lane in ("b", "c"):
        pace.delay(lane, NOW)
    assert pace.delay("old", NOW) > 0, "heard just now, so it is remembered"
    for lane in ("d", "e", "f"):
        pace.delay(lane, NOW)
    assert len(pace) == 3
    assert pace.delay("old", NOW) == 0
    assert MOST_LANES < 1_000_000


@pytest.mark.claim("T34")
def test_whoever_repeats_one_request_puts_off_nobody() -> None:
    """A captured request counts as authentic for ever: once two thousand repeats put its sender off by eight hours."""
    pace = Pace()
    assert [pace.delay("a", NOW + n, "one") for n in range(5_000)] == [0] * 5_000
    assert [pace.delay("a", NOW + 5_000, f"more {n}") for n in range(19)] == [0] * 19
    assert [pace.delay(str(n), NOW + 5_000, str(n)) for n in range(500)] == [0] * 500, "nor was the line charged"


def test_a_message_that_is_delivered_again_keeps_its_time_and_its_place() -> None:
    pace = Pace()
    waits = [pace.delay("a", NOW, str(n)) for n in range(25)]
    assert waits[20:] == [15_000, 30_000, 45_000, 60_000, 75_000]
    assert pace.delay("a", NOW + 1_000, "20") == 74_000, "not before what came since"
    assert pace.delay("b", NOW, "x") == 0


def test_memory_of_messages_is_bounded() -> None:
    pace = Pace(most=3)
    for n in range(30):
        pace.delay("a", NOW, str(n))
    assert pace.delay("b", NOW, "b") == 0
    assert pace.delay("a", NOW, "0") > 15_000, "forgotten, so it is charged once more"


@pytest.mark.parametrize("jump", [-DAY, -1, -400 * DAY])
def test_a_clock_that_is_set_back_keeps_nobody_waiting(jump: int) -> None:
    pace = Pace()
    for n in range(10):
        pace.delay("a", NOW + n)
    assert pace.delay("a", NOW + jump) == 0
    assert pace.delay("new", NOW + jump) == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-5_000, 60_000)), max_size=80))
def test_no_message_waits_too_long_or_before_an_earlier_one_of_its_sender(steps: list[tuple[str, int]]) -> None:
    pace = Pace(Rate(3, 1_000, 20_000), Rate(5, 500, 10_000))
    own = now = NOW
    due: dict[str, int] = {}
    for lane, step in steps:
        now, own = now + step, own + max(0, step)
        wait = pace.delay(lane, now)
        assert 0 <= wait <= 30_000
        assert own + wait >= due.get(lane, 0)
        due[lane] = own + wait


@given(st.lists(st.integers(0, 30_000), max_size=120))
def test_over_any_time_a_sender_is_read_at_no_more_than_the_rate(gaps: list[int]) -> None:
    pace, now, reads = Pace(), NOW, []
    for gap in gaps:
        now += gap
        reads.append(now + pace.delay("a", now))
    for start, first in enumerate(reads):
        for n, later in enumerate(reads[start:], 1):
            assert n <= PER_SENDER.burst + 1 + (later - first) / PER_SENDER.every
