"""Named points between two steps: a process that dies at any of them loses nothing (tests/faults kills it at each).

Nobody listens in the product; a test's process does.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Point(StrEnum):
    """In the order of a tip's way."""

    # web
    TAKEN = "taken"  # authenticated and parsed
    SEALED = "sealed"  # sealed to the intake key, in memory
    WRITTEN = "written"  # written, not committed
    COMMITTED = "committed"  # durable, the provider is not told
    POLLED = "polled"  # a page of updates fetched, none taken
    PAGE_TAKEN = "page_taken"  # all of it durable, Telegram is not told
    LISTED = "listed"  # what the webhook missed is listed, none taken
    # worker
    CLAIMED = "claimed"  # a task is ours
    UNDERSTOOD = "understood"  # opened, translated and decided, nothing written
    CONVERSED = "conversed"  # the turn written, not committed
    READ = "read"  # a case's messages opened and translated
    CASE_WRITTEN = "case_written"  # sealed and written, not committed
    CASE_SEALED = "case_sealed"  # committed
    OFFERED = "offered"  # the offer committed
    SENDING = "sending"  # the ledger says `sending`, the provider has nothing
    LEFT = "left"  # the provider has it, the ledger does not know
    ERASED = "erased"  # gone at the provider, our row still there
    JUDGED = "judged"  # a reader's act judged and written, not committed


def reached(point: Point) -> None:
    for listener in _listeners:
        listener(point)


def listen(listener: Callable[[Point], None]) -> None:
    """For tests alone; in place of whoever listened before."""
    _listeners[:] = [listener]


_listeners: list[Callable[[Point], None]] = []
