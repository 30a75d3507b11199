"""Records of outcomes: one value, one byte string; the area that an outcome counts for; who was told by mouth."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.exposure import share_of
from routing.fields import FieldsError, read
from routing.learning import MOST_OUTSIDE, SOURCES, Event, Heard, Opened, Verdict
from routing.people import House
from routing.policy import HOUSES, Learning
from routing.records import NOWHERE, Record, RecordError, area_of, outside, parse_record, reader, record_bytes
from tests.routing.world import ATLAS, person

LEARNING = Learning()
EVENT = Event(
    "north",
    (Opened("p1", 0.3, 0.65), Opened("p2", 0.1, 0.0)),
    Verdict.COMPROMISED,
    "p2",
    verified=True,
    day=20_000,
    outside=(Heard("p1", 0.18),),
)
RECORD = Record(20_001, 2, (EVENT, Event(NOWHERE, (), Verdict.CLEAN, SOURCES, verified=False, day=20_001)))
SAID = {
    "v": 1,
    "kind": "lessons",
    "day": 20_001,
    "rows": 2,
    "events": [
        [20_000, "north", "compromised", "p2", True, [["p1", 0.3, 0.65], ["p2", 0.1, 0.0]], [["p1", 0.18]]],
        [20_001, "", "clean", "", False, [], []],
    ],
}

STRANGE: Any = {"p1"}
ALTERED: Any = list(RECORD.events)
IDS = st.from_regex(r"\A[0-9a-z][0-9a-z._:-]{0,63}\Z")
CHANCES = st.floats(0, 1)
EVENTS = st.builds(
    Event,
    area=IDS | st.just(NOWHERE),
    readers=st.lists(st.builds(Opened, person=IDS, prior=CHANCES, share=CHANCES), max_size=4).map(tuple),
    verdict=st.sampled_from(Verdict),
    informer=IDS | st.just(SOURCES),
    verified=st.booleans(),
    day=st.integers(0, 10**6),
    outside=st.lists(st.builds(Heard, by=IDS, exposure=CHANCES), max_size=3).map(tuple),
)


def test_the_bytes_are_final() -> None:
    assert record_bytes(RECORD) == json.dumps(SAID, separators=(",", ":")).encode()


@given(st.builds(Record, day=st.integers(0, 10**6), rows=st.integers(0, 2000), events=st.lists(EVENTS, max_size=3).map(tuple)))
def test_what_is_written_comes_back(record: Record) -> None:
    assert parse_record(record_bytes(record)) == record


def test_a_record_of_many_names_them_and_no_other_writing_of_names_is_read() -> None:
    many = replace(RECORD, of=("0123456789abcdef", "f" * 16))
    assert b'"rows":2,"of":"0123456789abcdefffffffffffffffff","events":' in record_bytes(many)
    assert parse_record(record_bytes(many)) == many
    for names in ("0" * 15, "F" * 16, "0" * 16 + "\n", "", 1, ["0" * 16]):
        with pytest.raises(RecordError):
            parse_record(json.dumps({**SAID, "of": names}, separators=(",", ":")).encode())


def changed(**fields: Any) -> bytes:
    return json.dumps({**SAID, **fields}, separators=(",", ":")).encode()


def event_with(at: int, value: object) -> bytes:
    first: list[object] = [20_000, "north", "compromised", "p2", True, [["p1", 0.3, 0.65]], [["p1", 0.18]]]
    return changed(events=[[*first[:at], value, *first[at + 1 :]]])


FOREIGN = {
    "no JSON": b"[",
    "no object": b"[]",
    "deep": b"[" * 100_000,
    "not UTF-8": b"\xff",
    "a space": changed() + b" ",
    "another version": changed(v=2),
    "another kind": changed(kind="lesson"),
    "one more key": changed(case="0" * 32),
    "a key is missing": b'{"v":1,"kind":"lessons","day":1,"rows":1}',
    "a day below zero": changed(day=-1),
    "a day that is true": changed(day=True),
    "rows are text": changed(rows="2"),
    "events are an object": changed(events={}),
    "an event is a number": changed(events=[1]),
    "an event is short": changed(events=[[20_000]]),
    "a day with a fraction": event_with(0, 1.5),
    "no id": event_with(1, "North"),
    "an unknown verdict": event_with(2, "guilty"),
    "a verdict that is none": event_with(2, None),
    "an informer that is none": event_with(3, None),
    "verified by a number": event_with(4, 1),
    "readers are text": event_with(5, "p1"),
    "a reader is short": event_with(5, [["p1", 0.3]]),
    "a reader is a list": event_with(5, [[["p1"], 0.3, 0.1]]),
    "a reader has no name": event_with(5, [["", 0.3, 0.1]]),
    "a chance above one": event_with(5, [["p1", 1.1, 0.1]]),
    "a chance that is whole": event_with(5, [["p1", 1, 0.1]]),
    "a share that is none": event_with(5, [["p1", 0.3, None]]),
    "told are text": event_with(6, "0.1"),
    "told too surely": event_with(6, [["p1", 1.5]]),
    "told for sure, as a whole": event_with(6, [["p1", 1]]),
    "told by nobody": event_with(6, [["", 0.18]]),
    "told by no id": event_with(6, [["P1", 0.18]]),
    "told by a list": event_with(6, [[["p1"], 0.18]]),
    "nobody says who told": event_with(6, [0.18]),
    "told is short": event_with(6, [["p1"]]),
    "no number": changed().replace(b"0.18", b"NaN"),
    "a zero with a sign": changed().replace(b"0.0]", b"-0.0]"),
    "the same key twice": changed().replace(b'"rows":2', b'"rows":3,"rows":2'),
}


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN.keys())
def test_anything_else_is_refused_without_repeating_it(data: bytes) -> None:
    parse_record(record_bytes(RECORD))  # whatever is remembered of the right one does not let the wrong one in
    with pytest.raises(RecordError) as refused:
        parse_record(data)
    assert "north" not in str(refused.value)


@pytest.mark.parametrize(
    "record",
    [
        replace(RECORD, day=-1),
        replace(RECORD, events=(replace(EVENT, area="Nørd"),)),
        replace(RECORD, events=(replace(EVENT, outside=(Heard("p1", float("nan")),)),)),
        replace(RECORD, events=(replace(EVENT, readers=(Opened("p1", 1, 0.5),)),)),
        replace(RECORD, events=(replace(EVENT, informer=STRANGE),)),
        replace(RECORD, events=ALTERED),
    ],
    ids=["a day before time", "no id", "no number", "no fraction", "no text", "no tuple"],
)
def test_a_record_that_would_not_come_back_is_not_written(record: Record) -> None:
    with pytest.raises(RecordError):
        record_bytes(record)


@pytest.mark.parametrize(
    ("regions", "area"),
    [
        (set(), NOWHERE),
        ({"gone"}, NOWHERE),
        ({"nord"}, "north"),
        ({"land", "sud"}, "south"),
        ({"land"}, "land"),
        ({"land", "abroad"}, "abroad"),
        ({"sud", "nord", "harbour"}, "north"),
        ({"sud", "nord"}, "north"),
        ({"calm", "sud", "gone"}, "calm"),
        ({"free-city", "ost"}, "east"),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(sorted(value)) or "none",
)
def test_a_case_counts_for_one_area(regions: set[str], area: str) -> None:
    """The better known place, then where more of the places lie, then the first."""
    assert area_of(sorted(regions), ATLAS) == area_of(sorted(regions, reverse=True), ATLAS) == area


def test_a_reader_is_kept_by_his_card_and_a_case_of_nowhere_tells_of_no_network() -> None:
    police = person("p7", agency="police-north", home="nord", posting="nord")
    assert reader(police, "north", ATLAS, LEARNING) == Opened("p7", HOUSES[House.POLICE], share_of(police, "north", ATLAS, LEARNING))
    assert reader(police, NOWHERE, ATLAS, LEARNING) == Opened("p7", HOUSES[House.POLICE], 0.0)


@pytest.mark.parametrize(
    ("region", "area", "leak"),
    [
        (None, "north", LEARNING.own),
        ("north", "north", LEARNING.own),
        ("nord", "north", LEARNING.own),
        ("land", "north", LEARNING.own),
        ("south", "north", LEARNING.other),
        ("abroad", "north", LEARNING.other),
        ("south", NOWHERE, LEARNING.own),
        ("gone", "north", LEARNING.own),
        ("south", "gone", LEARNING.own),
    ],
)
def test_whoever_was_told_is_exposed_by_his_office_and_its_area(region: str | None, area: str, leak: float) -> None:
    assert outside([("p1", House.POLICE, region)], area, ATLAS, LEARNING) == (Heard("p1", HOUSES[House.POLICE] * leak),)


def test_of_each_teller_the_most_exposed_are_kept_and_nobody_s_crowd_displaces_another_s() -> None:
    crowd = [("p1", house, None) for house in House]
    counted = outside([*crowd, ("p2", House.NGO, None)], "north", ATLAS, LEARNING)
    most = sorted((HOUSES[house] * LEARNING.own for house in House), reverse=True)[:MOST_OUTSIDE]
    assert counted == (*(Heard("p1", exposure) for exposure in most), Heard("p2", HOUSES[House.NGO] * LEARNING.own))
    assert outside([], "north", ATLAS, LEARNING) == ()


def test_what_is_too_large_is_not_even_read() -> None:
    with pytest.raises(FieldsError):
        read(b"{" * 11, "lessons", (), 10)
