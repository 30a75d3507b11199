"""The bytes of a key card: one card, one byte string; anything else is refused without repeating it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.cards import CardError, card_bytes, fingerprint, parse_card, ties
from routing.people import Card, Kin, Role
from tests.routing.world import card

IDS = st.from_regex(r"[0-9a-z][0-9a-z._:-]{0,63}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)
MOMENTS = st.builds(
    lambda seconds, zone: (datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(zone),
    st.integers(0, 2 * 10**9),
    st.sampled_from([UTC, timezone(timedelta(hours=-5))]),
)
CARDS = st.builds(
    Card,
    person=IDS,
    name=TEXTS,
    spellings=st.lists(TEXTS, max_size=3).map(tuple),
    age_recipient=st.just("age1qqqq"),
    verify_key=st.just("AAAA+/=="),
    role=st.sampled_from(Role),
    agency=IDS,
    past_agencies=st.lists(IDS, max_size=2).map(tuple),
    home=IDS,
    posting=IDS,
    past_postings=st.lists(IDS, max_size=2).map(tuple),
    kin=st.lists(st.builds(Kin, TEXTS, st.none() | IDS, st.none() | IDS), max_size=2).map(tuple),
    conflicts=st.lists(TEXTS, max_size=2).map(tuple),
    languages=st.lists(st.sampled_from(["en", "es", "pt-BR"])).map(tuple),
    child_clearance=st.booleans(),
    capacity=st.integers(0, 50),
    founder=st.booleans(),
    sequence=st.integers(1, 10**6),
    issued=MOMENTS,
    expires=st.dates(date(2091, 1, 1), date(2199, 1, 1)),
    practice=st.booleans(),
)
DATA = card_bytes(card(name="Inés Ñandú", kin=(Kin("Ana", None, "police"),)))


def changed(**changes: Any) -> bytes:
    return json.dumps(json.loads(DATA) | changes, ensure_ascii=False, separators=(",", ":")).encode()


@given(CARDS)
def test_a_card_comes_back_the_same_and_in_the_same_bytes(one: Card) -> None:
    data = card_bytes(one)
    assert parse_card(data) == one
    assert card_bytes(parse_card(data)) == data


@given(CARDS, CARDS)
def test_different_cards_have_different_bytes(one: Card, other: Card) -> None:
    assert (card_bytes(one) == card_bytes(other)) == (one == other)


def test_the_form_is_final() -> None:
    assert DATA.decode() == (
        '{"v":1,"kind":"card","person":"p1","name":"Inés Ñandú","spellings":[],"age_recipient":"age1test","verify_key":"key",'
        '"role":"handler","agency":"haven","past_agencies":[],"home":"sud","posting":"sud","past_postings":[],'
        '"kin":[{"name":"Ana","region":null,"agency":"police"}],"conflicts":[],"languages":["en","es"],"child_clearance":false,'
        '"capacity":4,"founder":true,"sequence":1,"issued":"2026-05-05T12:00:00Z","expires":"2027-05-05","practice":false}'
    )
    assert fingerprint(DATA) == hashlib.sha256(DATA).hexdigest()


def test_the_helper_for_altered_cards_alters_nothing_by_itself() -> None:
    assert parse_card(changed()).name == "Inés Ñandú"


@pytest.mark.parametrize(
    "altered",
    [
        {"v": 2},
        {"v": True},
        {"kind": "gate"},
        {"nickname": "secret"},
        {"person": 7},
        {"person": "UPPER"},
        {"person": "a b"},
        {"person": ""},
        {"name": ""},
        {"name": "two\nlines"},
        {"name": "x" * 201},
        {"name": None},
        {"spellings": "Ana"},
        {"spellings": [1]},
        {"age_recipient": "age1 x"},
        {"verify_key": "é"},
        {"verify_key": None},
        {"role": "boss"},
        {"role": ["handler"]},
        {"past_agencies": [None]},
        {"home": None},
        {"kin": [{"name": "Ana", "region": None}]},
        {"kin": ["Ana"]},
        {"kin": {}},
        {"child_clearance": 1},
        {"capacity": -1},
        {"capacity": 2.0},
        {"capacity": True},
        {"sequence": 0},
        {"issued": "2026-05-05T12:00:00"},
        {"issued": "2026-05-05T12:00:00+00:00"},
        {"issued": "2026-05-05T12:00:00.5Z"},
        {"issued": "2026-05-05"},
        {"issued": "yesterday"},
        {"issued": 0},
        {"expires": "2027-02-30"},
        {"expires": "20270505"},
        {"expires": "2026-05-04"},
    ],
)
def test_an_altered_card_is_refused_without_repeating_it(altered: dict[str, Any]) -> None:
    with pytest.raises(CardError) as refused:
        parse_card(changed(**altered))
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None or refused.value.__suppress_context__
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"v":1}',
        DATA + b"\n",
        DATA.replace(b'"v":1,', b'"v":1, '),
        DATA.replace(b'"capacity":4', b'"capacity":9,"capacity":4'),
        DATA.replace("é".encode(), b"\\u00e9"),
        DATA.replace("é".encode(), b"\\ud800"),
        DATA.replace(b'"sequence":1,', b""),
        DATA.replace(b'"capacity":4', b'"capacity":NaN'),
        DATA.replace(b'"capacity":4', b'"capacity":' + b"9" * 5000),
        DATA + b" " * (1 << 16),
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CardError):
        parse_card(data)


def test_a_card_of_another_order_of_keys_is_refused() -> None:
    fields = json.loads(DATA)
    with pytest.raises(CardError):
        parse_card(json.dumps(dict(reversed(fields.items())), ensure_ascii=False, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "bad",
    [
        card(issued=datetime(2026, 5, 5, 12, tzinfo=UTC).replace(tzinfo=None)),
        card(issued=datetime(2026, 5, 5, 12, 0, 0, 5, UTC)),
        card(issued=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))),
        card(name="\ud800"),
        card(capacity=True),
        card(languages=["en"]),
        card(kin=(Kin("", None, None),)),
        card(capacity=object()),
    ],
)
def test_a_card_that_would_not_come_back_is_not_written(bad: Card) -> None:
    with pytest.raises(CardError):
        card_bytes(bad)


@given(CARDS, IDS, TEXTS)
def test_a_tie_that_is_added_is_one_more_and_a_home_is_no_other_than_a_posting(made: Card, place: str, name: str) -> None:
    grown = [
        replace(made, past_postings=(*made.past_postings, place)),
        replace(made, kin=(*made.kin, Kin(name, place, None))),
        replace(made, conflicts=(*made.conflicts, name)),
        replace(made, past_agencies=(*made.past_agencies, place)),
    ]
    assert all(ties(more) >= ties(made) for more in grown)
    assert ("place", place) in ties(grown[0])
    assert {("kin", name), ("kin there", place)} <= ties(grown[1])
    assert ties(replace(made, home=made.posting, posting=made.home)) == ties(made)
    assert ties(replace(made, capacity=made.capacity + 1, languages=())) == ties(made)
