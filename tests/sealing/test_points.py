"""Named points tell a listener where a process is, and nobody otherwise."""

from __future__ import annotations

from sealing import points
from sealing.points import Point, listen, reached
from sealing.rows import Later


def test_a_listener_hears_each_point_and_without_one_nothing_happens() -> None:
    heard: list[Point] = []
    listen(heard.append)
    try:
        for point in Point:
            reached(point)
    finally:
        points._listeners.clear()
    reached(Point.TAKEN)
    assert heard == list(Point)


def test_later_tells_how_much_later() -> None:
    assert Later(200).delay_ms == 200
