"""Caps, weights and soft criteria: newcomers, founders, vetter pairs, load, capacity, duty, language."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from routing.draw import is_founder, load_weight
from routing.people import Flag, Person, Roster
from tests.routing.test_draw import URGENT, coins, draw
from tests.routing.world import FAR, NOW, line, person, roster

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


def test_a_founder_is_one_whom_all_founding_vetters_signed() -> None:
    everybody = replace(roster(person()), founding=frozenset({"vetter-a", "vetter-c"}))
    assert not is_founder(person(), everybody)
    assert is_founder(person(vetters=("vetter-a", "vetter-b", "vetter-c")), everybody)
    assert is_founder(person(), roster())
    assert not is_founder(person(founder=False), roster())


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


# --- soft criteria ---


def test_the_busy_are_spared() -> None:
    assert load_weight(person(open_cases=0)) == 1
    assert load_weight(person(open_cases=1, capacity=4)) == pytest.approx(0.8)
    assert load_weight(person(open_cases=99, capacity=4)) == 0.5
    everybody = line(30, 12)
    people = (replace(everybody.people[0], open_cases=2), *everybody.people[1:])
    chances = draw(replace(everybody, people=people)).chances
    assert chances["p000"] == pytest.approx(0.6 * chances["p001"])


def with_lack(n: int, one: Person, flag: Flag) -> Person:
    if flag is Flag.OVER_CAPACITY:
        return replace(one, open_cases=one.card.capacity)
    if flag is Flag.OFF_DUTY:
        return replace(one, on_duty=False)
    return replace(one, card=replace(one.card, languages=("fr",)))


SPANISH = replace(FAR, language="es-MX")


@pytest.mark.parametrize("flag", [Flag.OVER_CAPACITY, Flag.OFF_DUTY, Flag.OTHER_LANGUAGE])
def test_those_who_lack_something_fill_only_what_is_missing(flag: Flag) -> None:
    everybody = line(30, 12)
    enough = replace(everybody, people=tuple(with_lack(n, one, flag) if n < 10 else one for n, one in enumerate(everybody.people)))
    drawn = draw(enough, SPANISH)
    assert all(drawn.chances[one.id] == 0 for one in enough.people[:10])
    assert not drawn.flags
    few = replace(everybody, people=tuple(with_lack(n, one, flag) if n < 25 else one for n, one in enumerate(everybody.people)))
    for n in range(20):
        drawn = draw(few, SPANISH, coins(n))
        assert all(drawn.chances[one.id] == pytest.approx(0.2) for one in few.people[25:])
        lacking = {one.id for one in few.people[:25]}
        assert (flag in drawn.flags) == bool(lacking & set(drawn.order))
        assert drawn.flags <= {flag}


def test_capacity_is_passed_over_before_duty_and_duty_before_language() -> None:
    everybody = line(30, 30)
    lacks = [Flag.OVER_CAPACITY, Flag.OFF_DUTY, Flag.OTHER_LANGUAGE]
    people = tuple(with_lack(n, one, lacks[n // 10]) for n, one in enumerate(everybody.people))
    chances = draw(replace(everybody, people=people), SPANISH).chances
    assert sum(chances[one.id] for one in people[:10]) == pytest.approx(2)
    assert sum(chances[one.id] for one in people[10:20]) == pytest.approx(1)
    assert sum(chances[one.id] for one in people[20:]) == pytest.approx(0)


def test_urgent_those_on_duty_come_first_and_no_oftener() -> None:
    everybody = line(30, 30)
    people = tuple(replace(one, on_duty=n < 5) for n, one in enumerate(everybody.people))
    for n in range(100):
        drawn = draw(replace(everybody, people=people), URGENT, coins(n))
        on_duty = [name in {one.id for one in people[:5]} for name in drawn.order]
        assert on_duty == sorted(on_duty, reverse=True)
        assert all(drawn.chances[one.id] == pytest.approx(0.2) for one in people[:5])
