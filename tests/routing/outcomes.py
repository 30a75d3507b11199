"""Outcomes for tests of learning, by hand and generated, and what they leave behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import strategies as st

from routing.learning import (
    SOURCES,
    Beliefs,
    Event,
    Evidence,
    Heard,
    Opened,
    Verdict,
    nothing_known,
    update,
)
from routing.policy import Learning

LEARNING = Learning()
STEADY = replace(LEARNING, keep=1.0)
"""Nothing is forgotten: what a report moves can be read off exactly."""
AREAS = ("north", "south", "east", "calm")
PEOPLE = tuple(f"p{n}" for n in range(6))
INFORMERS = (*PEOPLE[:4], "x1", "x2", SOURCES)
SLACK = 1e-9


def leaked(*readers: str, informer: str = "x1", verified: bool = False, area: str = "north", outside: tuple[Heard, ...] = ()) -> Event:
    return Event(area, tuple(Opened(name, 0.3, 0.2) for name in readers), Verdict.COMPROMISED, informer, verified, 20_000, outside)


def clean(*readers: str, informer: str = "x1", verified: bool = True, area: str = "north") -> Event:
    return replace(leaked(*readers, informer=informer, verified=verified, area=area), verdict=Verdict.CLEAN)


def after(events: Iterable[Event], learning: Learning = LEARNING) -> Beliefs:
    beliefs = nothing_known()
    for event in events:
        beliefs = update(beliefs, event, learning)
    return beliefs


def serves(evidence: Evidence, area: str) -> float:
    """Log-likelihood of serving this area's network, against honesty."""
    return evidence.base + evidence.extra.get(area, 0.0)


READERS = st.lists(
    st.builds(Opened, person=st.sampled_from(PEOPLE), prior=st.floats(0.02, 0.8), share=st.floats(0, 0.65)),
    max_size=4,
    unique_by=lambda reader: reader.person,
).map(tuple)
HEARD = st.builds(Heard, by=st.sampled_from(PEOPLE), exposure=st.floats(0, 0.3))
EVENTS = st.builds(
    Event,
    area=st.sampled_from(AREAS),
    readers=READERS,
    verdict=st.sampled_from(Verdict),
    informer=st.sampled_from(INFORMERS),
    verified=st.booleans(),
    day=st.just(20_000),
    outside=st.lists(HEARD, max_size=4).map(tuple),
)
PAST = st.lists(EVENTS, max_size=12)
