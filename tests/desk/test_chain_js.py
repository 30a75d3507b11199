"""The chain of a case's messages, as the reader's browser checks it: whatever link is taken out, put elsewhere, doubled, or changed in one
bit, the desk says so, and shows no word that was not sealed for this place."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.desk.cases import FakeCase
from tests.desk.fake import FakeLine
from tests.desk.test_open_js import Js, js, obj, read, rows
from tests.desk.tips import Told

__all__ = ["js"]

pytestmark = pytest.mark.enable_socket
TEXTS = ("Una casa en el puerto.", "Son tres mujeres.", "Una es menor.", "Se las llevan el martes.", "Hay un camión azul.")
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Rows = list[dict[str, object]]


@pytest.fixture(scope="module")
def case() -> FakeCase:
    line = FakeLine()
    return line.open_case(line.enrol("Ana Practice", "Harbour Trust"), [Told(text) for text in TEXTS])


def messages(case: FakeCase) -> Rows:
    return [row for row in rows(case) if row["part"] == "message"]


def seen(js: Js, case: FakeCase, envelopes: Rows) -> tuple[list[str], list[object]]:
    """(texts shown, in order; problems told)."""
    found = read(js, case, envelopes)
    shown, problems = found["messages"], found["problems"]
    assert isinstance(shown, list)
    assert isinstance(problems, list)
    return [str(obj(message)["text"]) for message in shown], problems


def test_the_whole_chain_has_no_problem(js: Js, case: FakeCase) -> None:
    assert seen(js, case, messages(case)) == (list(TEXTS), [])


@few
@given(taken=st.sets(st.integers(0, len(TEXTS) - 2), min_size=1, max_size=len(TEXTS) - 2))
def test_a_removed_link_is_told(js: Js, case: FakeCase, taken: set[int]) -> None:
    """Any but the newest: that nothing came after it, the chain cannot say."""
    texts, problems = seen(js, case, [row for n, row in enumerate(messages(case)) if n not in taken])
    assert problems
    assert texts == [text for n, text in enumerate(TEXTS) if n not in taken]


@few
@given(order=st.permutations(range(len(TEXTS))))
def test_messages_renumbered_into_another_order_are_not_shown_in_it(js: Js, case: FakeCase, order: Sequence[int]) -> None:
    held = messages(case)
    numbers = [row["seq"] for row in held]
    texts, problems = seen(js, case, [{**held[place], "seq": seq} for place, seq in zip(order, numbers, strict=True)])
    assert bool(problems) is (list(order) != sorted(order))
    assert texts == [text for n, text in enumerate(TEXTS) if order[n] == n], "only what stands in its own place"


@few
@given(place=st.integers(0, len(TEXTS) - 1))
def test_a_replayed_message_is_told_and_never_a_new_one(js: Js, case: FakeCase, place: int) -> None:
    held = messages(case)
    _, problems = seen(js, case, [*held, held[place]])
    assert problems
    last = max(int(str(row["seq"])) for row in rows(case))
    texts, problems = seen(js, case, [*held, {**held[place], "seq": last + 1}])
    assert (texts, bool(problems)) == (list(TEXTS), True)


@few
@given(place=st.integers(0, len(TEXTS) - 1), at=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_a_flipped_bit_is_told_and_its_message_not_shown(js: Js, case: FakeCase, place: int, at: int, bit: int) -> None:
    held = messages(case)
    sealed = bytearray(base64.b64decode(str(held[place]["sealed"])))
    sealed[at % len(sealed)] ^= 1 << bit
    held[place] = {**held[place], "sealed": base64.b64encode(sealed).decode()}
    texts, problems = seen(js, case, held)
    assert problems
    assert texts == [text for n, text in enumerate(TEXTS) if n != place]


@pytest.mark.parametrize("place", range(len(TEXTS)))
def test_a_message_of_another_epoch_stays_closed(js: Js, case: FakeCase, place: int) -> None:
    """Told as of an epoch whose key this reader has not, it is counted; told as of his own, though sealed for another, it is refused."""
    held = messages(case)
    held[place] = {**held[place], "epoch": 2}
    found = read(js, case, held)
    assert found["closed"] == 1
    shown = found["messages"]
    assert isinstance(shown, list)
    assert TEXTS[place] not in [obj(message)["text"] for message in shown]
    both = obj(js("readCase", held, case.key.case_id, {"$map": [[1, case.key.identity], [2, case.key.identity]]}, {"$map": []}))
    shown = both["messages"]
    assert isinstance(shown, list)
    assert TEXTS[place] not in [obj(message)["text"] for message in shown]
    assert both["problems"]
