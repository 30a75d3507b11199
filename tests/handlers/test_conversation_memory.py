"""The state of a conversation: strict JSON, and no words of the source in it."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.conversation import Path, Safety, State, StateError
from handlers.phrases import Phrase
from triage.tip import Asked

patient = settings(deadline=None)
states = st.builds(
    State,
    turns=st.integers(0, 9),
    path=st.sampled_from(Path),
    about_self=st.booleans(),
    danger=st.booleans(),
    topics=st.frozensets(st.sampled_from(["vessel", "forced_labour"])),
    language=st.sampled_from(["", "en", "es"]),
    alphabet=st.just("Latn"),
    safety=st.sampled_from(Safety),
    asked=st.frozensets(st.sampled_from(Phrase)),
    answered=st.frozensets(st.sampled_from(Asked)),
    asking=st.none() | st.sampled_from(Phrase),
    said=st.frozensets(st.sampled_from(Phrase)),
    last=st.none() | st.sampled_from(Phrase),
    today=st.none() | st.booleans(),
)


@patient
@given(states)
def test_round_trip(state: State) -> None:
    stored = json.dumps(state.to_json())
    assert State.from_json(json.loads(stored)) == state
    assert json.dumps(State.from_json(json.loads(stored)).to_json()) == stored


def test_the_stranger_is_the_default() -> None:
    assert State.from_json(State().to_json()) == State()


@pytest.mark.parametrize("name", [field.name for field in fields(State)])
@pytest.mark.parametrize("value", [3.5, {"a": 1}, "no such word", [7], ["no such word"]])
def test_every_field_is_checked(name: str, value: object) -> None:
    if isinstance(value, str) and name in ("language", "alphabet"):
        value = 7
    if value == ["no such word"] and name == "topics":
        value = "vessel"
    with pytest.raises(StateError) as caught:
        State.from_json(State().to_json() | {name: value})
    assert "such word" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("obj", [None, [], "x", {}, {"v": 1}, State().to_json() | {"extra": 1}, State().to_json() | {"v": 2}])
def test_another_shape_is_refused(obj: object) -> None:
    with pytest.raises(StateError):
        State.from_json(obj)


def test_true_is_not_a_number() -> None:
    with pytest.raises(StateError):
        State.from_json(State().to_json() | {"turns": True})
