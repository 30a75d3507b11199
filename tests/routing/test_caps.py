"""Caps, weights and soft criteria: newcomers, founders, vetter pairs, load, exposure, capacity, duty, language."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from routing.draw import choose, load_weights, weight_of
from routing.exposure import opened
from routing.index import index_of
from routing.learning import Beliefs, Event, Verdict, nothing_known, update
from routing.limits import capped, count_pairs, founders, lowered
from routing.people import Flag, Person, Role, Roster, TipFacts
from routing.policy import DEFAULT
from tests.routing.test_draw import URGENT, coins, draw
from tests.routing.world import BELIEFS, COINS, FAR, NOW, TIPS, line, person, roster, rosters

# --- probation, founders, pairs ---


@pytest.mark.claim("T8")
def test_newcomers_have_a_quarter_and_together_no_more_than_one_person() -> None:
    new: dict[str, Any] = {"founder": False, "issued": NOW - timedelta(days=149)}
    founders = line(40).people
    drawn = draw(Roster((*founders[:14], person("new", agency="ngo-1", **new)), line(1).atlas))
    assert drawn.chances["new"] == pytest.approx(0.05)
    many = tuple(person(f"new{n:02}", agency=f"ngo-{n % 12}", **new) for n in range(40))
    drawn = draw(Roster((*founders[:14], *many), line(1).atlas))
    assert sum(drawn.chances[one.id] for one in many) <= 0.2 + 1e-9


def test_a_renewed_card_of_somebody_long_enrolled_is_no_newcomers() -> None:
    new = person("old", founder=False, issued=NOW - timedelta(days=20))
    known = replace(new, enrolled=NOW - timedelta(days=400))
    others = line(13, 12).people
    atlas = line(1).atlas
    assert draw(Roster((*others, new), atlas)).chances["old"] == pytest.approx(0.05)
    assert draw(Roster((*others, known), atlas)).chances["old"] > 0.1


@pytest.mark.parametrize(
    ("one", "founding", "is_founder"),
    [
        (person(), {"vetter-a", "vetter-c"}, False),
        (person(vetters=("vetter-a", "vetter-b", "vetter-c")), {"vetter-a", "vetter-c"}, True),
        (person(), {"nobody"}, False),
        (person(), set(), True),
        (person(founder=False), set(), False),
    ],
)
def test_a_founder_is_one_whom_all_founding_vetters_signed(one: Person, founding: set[str], is_founder: bool) -> None:
    assert founders(index_of(roster(one)), frozenset(founding)).tolist() == [is_founder]


@pytest.mark.claim("T8")
def test_one_pair_of_vetters_cannot_flood_the_draw() -> None:
    honest = tuple(
        replace(one, vetters=(f"v{n % 10}", f"v{(n + 1) % 10}"), card=replace(one.card, founder=False))
        for n, one in enumerate(line(40).people)
    )
    shills = tuple(replace(one, card=replace(one.card, person=f"shill{n}", founder=False)) for n, one in enumerate(line(60).people))
    drawn = draw(Roster(honest + shills, line(1).atlas))
    assert len(drawn.order) == 3
    assert sum(drawn.chances[one.id] for one in shills) <= 0.4 + 1e-9


def test_a_line_of_a_single_pair_of_vetters_is_not_bound_by_it() -> None:
    drawn = draw(line(30, 12, founder=False))
    assert len(drawn.order) == 3
    assert not drawn.flags


@given(rosters(), TIPS, BELIEFS, COINS)
@pytest.mark.claim("T8")
def test_newcomers_and_vetter_pairs_are_bounded_together(everybody: Roster, tip: TipFacts, beliefs: Beliefs, seed: bytes) -> None:
    """By a second reading: each bound holds for all who could be drawn in one role, raised as much as the caps of a small pool are."""
    drawn = choose(everybody, replace(tip, urgent=True), beliefs, seed, NOW)
    readers_only = [one for one in everybody.people if one.active and one.card.role is not Role.TRUSTEE]
    pairs = {frozenset(one.vetters) for one in readers_only if len(set(one.vetters)) > 1}
    for role, order in ((Role.HANDLER, drawn.order), (Role.LEAD, drawn.leads)):
        pool = [one for one in readers_only if one.id in drawn.chances and one.card.role is role]
        if not pool:
            continue
        raised = 1 / min(1.0, bearable_by_one(pool, everybody)) + 1e-9 if len(order) == 1 else 1.0
        others = [one for one in pool if not one.card.founder]
        new = [one for one in others if NOW - one.card.issued < timedelta(days=150)]
        assert sum(drawn.chances[one.id] for one in new) <= DEFAULT.cap * raised + 1e-6
        for pair in pairs:
            vouched = [one for one in others if frozenset(one.vetters) == pair]
            assert sum(drawn.chances[one.id] for one in vouched) <= max(2 * DEFAULT.cap, len(order) / len(pairs)) * raised + 1e-6


def bearable_by_one(pool: list[Person], everybody: Roster) -> float:
    index = index_of(everybody)
    rows = np.sort(index.rows(one.id for one in pool))
    settled = founders(index, frozenset())[rows]
    pair = np.where(settled, 0, index.pair[rows] + 1)
    bound = max(2 * DEFAULT.cap, 1 / max(1, count_pairs(index)))
    caps = lowered(capped(index, rows, settled, NOW, DEFAULT), pair, bound).tolist()
    held: Counter[str] = Counter()
    for one, cap in zip(sorted(pool, key=lambda one: one.id), caps, strict=True):
        held[one.card.agency] += cap
    return sum(min(1.0, total) for total in held.values())


# --- soft criteria ---


def test_the_busy_are_spared() -> None:
    index = index_of(roster(person("a"), person("b", open_cases=1, capacity=4), person("c", open_cases=99, capacity=4)))
    assert load_weights(index, np.arange(3)).tolist() == pytest.approx([1, 0.8, 0.5])
    everybody = line(30, 12)
    people = (replace(everybody.people[0], open_cases=2), *everybody.people[1:])
    chances = draw(replace(everybody, people=people)).chances
    assert chances["p000"] == pytest.approx(0.6 * chances["p001"])


def test_weights_fall_with_exposure_and_never_to_nothing() -> None:
    weights = weight_of(np.array([0.30, 0.31, 0.9]), DEFAULT)
    assert weights[:2].tolist() == pytest.approx([1, np.exp(-0.01 * DEFAULT.avoidance)])
    assert weight_of(np.array([0.0, 1.0]), replace(DEFAULT, avoidance=1e6))[1] > 0


def with_lack(n: int, one: Person, flag: Flag) -> Person:
    if flag is Flag.OVER_CAPACITY:
        return replace(one, open_cases=one.card.capacity)
    if flag is Flag.OFF_DUTY:
        return replace(one, on_duty=False)
    return replace(one, card=replace(one.card, languages=("fr",)))


SPANISH = replace(FAR, language="es-MX")


@pytest.mark.parametrize("flag", [Flag.OVER_CAPACITY, Flag.OFF_DUTY, Flag.OTHER_LANGUAGE])
def test_those_who_lack_something_are_drawn_less_while_others_are_as_safe(flag: Flag) -> None:
    everybody = line(30, 12)
    enough = replace(everybody, people=tuple(with_lack(n, one, flag) if n < 10 else one for n, one in enumerate(everybody.people)))
    chances = draw(enough, SPANISH).chances
    assert sum(chances[one.id] for one in enough.people[:10]) < sum(chances[one.id] for one in enough.people[10:]) / 5
    few = replace(everybody, people=tuple(with_lack(n, one, flag) if n < 25 else one for n, one in enumerate(everybody.people)))
    for n in range(20):
        drawn = draw(few, SPANISH, coins(n))
        assert all(drawn.chances[one.id] == pytest.approx(0.2) for one in few.people[25:])
        lacking = {one.id for one in few.people[:25]}
        assert (flag in drawn.flags) == bool(lacking & set(drawn.order))
        assert drawn.flags <= {flag}


def test_what_is_convenient_never_outweighs_what_is_safe() -> None:
    """Ten who speak the language and are on duty leak a little more than ten who do neither."""
    everybody = line(20, 20)
    people = tuple(
        with_lack(n, with_lack(n, one, Flag.OFF_DUTY), Flag.OTHER_LANGUAGE) if n < 10 else one for n, one in enumerate(everybody.people)
    )
    beliefs = nothing_known()
    for one in people[10:]:
        told = opened(one, "east", everybody.atlas, DEFAULT.learning)
        beliefs = update(beliefs, Event("east", (told,), Verdict.COMPROMISED, "x", verified=True, day=1))
    chances = choose(replace(everybody, people=people), SPANISH, beliefs, coins(1), NOW).chances
    assert all(chances[one.id] == pytest.approx(0.2) for one in people[:10])


def test_a_full_desk_costs_less_than_being_off_duty_and_that_less_than_a_translation() -> None:
    everybody = line(30, 30)
    lacks = [Flag.OVER_CAPACITY, Flag.OFF_DUTY, Flag.OTHER_LANGUAGE]
    people = tuple(with_lack(n, replace(one, card=replace(one.card, capacity=1)), lacks[n // 10]) for n, one in enumerate(everybody.people))
    chances = draw(replace(everybody, people=people), SPANISH).chances
    full, away, foreign = (sum(chances[one.id] for one in people[n : n + 10]) for n in (0, 10, 20))
    assert full > away > foreign > 0


def test_urgent_those_on_duty_come_first_and_no_oftener() -> None:
    everybody = line(30, 30)
    people = tuple(replace(one, on_duty=n < 5) for n, one in enumerate(everybody.people))
    for n in range(100):
        drawn = draw(replace(everybody, people=people), URGENT, coins(n))
        on_duty = [name in {one.id for one in people[:5]} for name in drawn.order]
        assert on_duty == sorted(on_duty, reverse=True)
        assert all(drawn.chances[one.id] == pytest.approx(0.2) for one in people[:5])
