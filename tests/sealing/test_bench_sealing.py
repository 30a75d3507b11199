"""The benchmark's arithmetic: each operation does exactly as many bare ones as it is compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from benchmarks.sealing import Operation, measure, operations
from sealing import age

OPERATIONS = operations()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_consists_of_what_it_is_compared_with(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    done: Counter[str] = Counter()
    for name in ("encrypt", "decrypt"):
        bare: Callable[..., bytes] = getattr(age, name)

        def counted(*arguments: object, name: str = name, bare: Callable[..., bytes] = bare) -> bytes:
            done[name] += 1
            return bare(*arguments)

        monkeypatch.setattr(age, name, counted)
    operation.ours()
    compared = Counter(each.name.split()[0] for each in operation.bare)
    assert {name: done[name] for name in ("encrypt", "decrypt")} == {name: compared[name] for name in ("encrypt", "decrypt")}


def test_a_ratio_is_of_both_sides() -> None:
    timed = measure(OPERATIONS[0], 1, 0.0)
    assert timed.ours > 0
    assert timed.ratio == pytest.approx(timed.bare / timed.ours)
