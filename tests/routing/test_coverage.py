"""What a roster is told before its first tip: it is what the draw itself does, never flatters, and who is named as next closes gaps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.facts import offices
from routing.coverage import (
    ANY_OFFICIAL,
    Answer,
    Block,
    Level,
    ask,
    at_home,
    blocks,
    cases,
    exposure,
    gaps,
    handlers,
    idle,
    out_of,
    places,
    speakers,
    told_at_once,
    uncovered,
)
from routing.draw import choose
from routing.duty import Duty
from routing.learning import nothing_known
from routing.people import Code, Flag, Hold, House, Kin, Role, Roster
from routing.policy import DEFAULT
from routing.recruiting import Recruit, gravest, recruits
from tests.routing.world import AGENCIES, ATLAS, EVERYBODY, NOW, line, person, roster
from triage.tip import AgencyKind, Child

COINS = b"c" * 32
SOME = ("north", "south", "abroad", None)


def asked(people: Roster, *only: str | None) -> list[Answer]:
    """About these places, or every place."""
    return [ask(people, case, NOW) for case in cases(people.atlas, offices, NOW) if not only or case.place in only]


def about(answers: list[Answer], place: str | None, *kinds: AgencyKind, child: bool = False) -> Answer:
    [found] = [a for a in answers if (a.case.place, a.case.kinds, a.case.child) == (place, frozenset(kinds), child)]
    return found


def east(people: Roster) -> Answer:
    """Nobody is accused, no child."""
    [case] = [case for case in cases(people.atlas, offices, NOW) if case.place == "east" and not case.kinds and not case.child]
    return ask(people, case, NOW)


# --- the kinds of tip ---


def test_every_place_is_asked_about_with_every_office_that_is_there_and_with_a_child() -> None:
    found = list(cases(ATLAS, offices, NOW))
    assert places(ATLAS) == ["north", "south", "east", "calm", "free-city", "land", "abroad"]
    kinds = {agency.kind for agency in AGENCIES} - {House.NGO, House.FOREIGN_LIAISON}
    assert len(found) == 5 * 2 * (1 + len(kinds) + 1) + 2 * 2 + 2
    assert len({(case.place, case.kinds, case.child) for case in found}) == len(found)
    assert {case.place for case in found if case.kinds == ANY_OFFICIAL} == {"north", "south", "east", "calm", "free-city"}
    assert not any(case.tip.place_known for case in found if case.place in {None, "land", "abroad"})


def test_an_atlas_without_officials_has_no_place_of_its_own() -> None:
    bare = line(1).atlas
    ngos = replace(roster(), atlas=type(bare)(tuple(bare.regions.values()), tuple(a for a in AGENCIES if a.kind is House.NGO)))
    assert at_home(ngos.atlas) == frozenset()
    assert {case.place for case in cases(ngos.atlas, offices, NOW)} == {"land", "abroad", None}


def test_a_region_never_flatters_its_towns() -> None:
    people = roster(*EVERYBODY)
    for case in (case for case in cases(ATLAS, offices, NOW) if case.tip.place_known):
        pool = ask(people, case, NOW).pool
        for town in ATLAS.inside(str(case.place)) - {case.place}:
            tip = replace(case.tip, regions=frozenset({town}), agencies=offices(ATLAS, case.kinds, frozenset({town})))
            drawn = choose(people, tip, nothing_known(), COINS, NOW)
            assert pool <= {one.id for one in handlers(people) if not drawn.reasons[one.id]}


@pytest.mark.parametrize("count", [0, 3, 12, 240])
def test_what_is_told_is_what_the_draw_does(count: int) -> None:
    people = roster(*EVERYBODY[:count])
    for answer in asked(people):
        child = Child.YES if answer.case.child else Child.NO
        drawn = choose(people, replace(answer.case.tip, child=child), nothing_known(), COINS, NOW)
        assert len(answer.pool) == drawn.pool
        assert (answer.level is Level.HELD) is (drawn.hold is Hold.NOBODY_ELIGIBLE)
        assert (answer.level is Level.WAITS) is (drawn.hold is Hold.NEEDS_TWO_VETTERS)
        assert (answer.level is Level.AT_ONCE) is (not drawn.hold and Flag.SMALL_POOL not in drawn.flags and drawn.pool >= 5)
        assert bool(answer.drawn.order) is bool(answer.pool)
        assert answer.chance <= 0.2 + 1e-9 or answer.level in {Level.WAITS, Level.SMALL_POOL}


# --- rosters of 6 to 60 ---


@pytest.mark.parametrize(
    ("count", "agencies", "level", "order"),
    [
        (0, 1, Level.HELD, 0),
        (1, 1, Level.WAITS, 1),
        (2, 2, Level.WAITS, 1),
        (6, 1, Level.SMALL_POOL, 1),
        (6, 6, Level.SMALL_POOL, 1),
        (12, 1, Level.SMALL_POOL, 1),
        (12, 2, Level.SMALL_POOL, 2),
        (12, 12, Level.SMALL_POOL, 2),
        (20, 2, Level.SMALL_POOL, 2),
        (20, 12, Level.AT_ONCE, 3),
        (30, 1, Level.SMALL_POOL, 1),
        (30, 12, Level.AT_ONCE, 3),
        (60, 2, Level.SMALL_POOL, 2),
        (60, 12, Level.AT_ONCE, 3),
    ],
)
def test_founders_of_a_line_read_at_once_and_few_agencies_shorten_the_order(count: int, agencies: int, level: Level, order: int) -> None:
    answer = east(line(count, agencies))
    assert (answer.level, len(answer.drawn.order)) == (level, order)


@pytest.mark.parametrize(("count", "level"), [(2, Level.WAITS), (6, Level.SMALL_POOL), (30, Level.SMALL_POOL), (60, Level.SMALL_POOL)])
def test_a_line_of_nobody_but_newcomers_has_one_reader_for_a_tip(count: int, level: Level) -> None:
    answer = east(line(count, founder=False, issued=NOW - timedelta(days=1)))
    assert (answer.level, len(answer.drawn.order)) == (level, 1)
    assert answer.chance == pytest.approx(1 / count)


def test_gaps_come_worst_first() -> None:
    found = gaps(asked(roster(person("p1", child_clearance=True), person("p2", home="nord", posting="nord"))))
    assert found[0].level is Level.HELD
    assert [answer.level for answer in found] == sorted((answer.level for answer in found), key=list(Level).index, reverse=True)
    assert {answer.case.place for answer in gaps(asked(line(40, child_clearance=True, home="abroad", posting="abroad"), *SOME))} == {
        "abroad"
    }


# --- what keeps out ---


def test_reasons_are_counted_and_told_apart_from_those_that_alone_keep_out() -> None:
    people = roster(person("p1"), person("p2", kin=(Kin("", "nord", None),)), person("lead", role=Role.LEAD))
    answers = asked(people)
    assert out_of(about(answers, "north", child=True), people) == [(Code.E7, 2), (Code.E6, 1)]
    found = {block.code: block for block in blocks(answers, people)}
    children, south = sum(a.case.child for a in answers), sum(a.case.place == "south" for a in answers)
    north = sum(a.case.place == "north" for a in answers)
    assert found[Code.E7] == Block(Code.E7, 2 * children, 2 * children - south - north // 2, frozenset({"p1", "p2"}))
    assert found[Code.E5].people == {"p1", "p2"}
    assert found[Code.E6].alone == north // 2
    assert next(iter(found)) is Code.E7


def test_whoever_is_posted_to_the_whole_country_is_told_of() -> None:
    people = roster(person("p1"), person("p2", posting="land"))
    assert idle(asked(people), people) == ["p2"]
    assert idle([], people) == []


def test_languages_are_counted_as_the_draw_counts_them() -> None:
    people = roster(person("p0", languages=("fr",)), person("p1", agency="lantern", languages=("es-MX",)))
    answer = east(people)
    assert [speakers(answer, people, language) for language in ("es", "fr-CA", "tl")] == [1, 1, 0]
    in_tagalog = replace(answer.case.tip, language="tl", urgent=True)
    assert Flag.OTHER_LANGUAGE in choose(people, in_tagalog, nothing_known(), COINS, NOW).flags
    assert speakers(asked(people, "south")[0], people, "fr") == 0


def test_hours_with_nobody_on_duty_are_counted_for_the_kinds_of_tip_that_somebody_may_read() -> None:
    people = roster(person("p1", child_clearance=True), person("p2", agency="lantern", home="nord", posting="nord"))
    answers = asked(people, "east", "south")
    office = Duty("UTC", (((480, 1020),),) * 5 + ((), ()))
    monday = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp() * 1000)
    found = uncovered(answers, {"p1": office}, monday)
    assert len(found) == 168
    assert {found[hour] for hour in range(168)} == {0, sum(answer.pool == {"p1"} for answer in answers)}
    assert [hour for hour in range(24) if not found[hour]] == list(range(8, 17))
    assert all(found[120:])
    assert uncovered(answers, {}, monday) == (0,) * 168
    night = roster(*(replace(one, on_duty=one.id != "p1") for one in people.people))
    child = about(answers, "east", child=True)
    assert Flag.OFF_DUTY in choose(night, replace(child.case.tip, urgent=True), nothing_known(), COINS, NOW).flags


# --- exposure ---


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7), st.integers(1, 9))
def test_telling_many_at_once_is_the_mean_over_all_groups(serve: list[float], count: int) -> None:
    groups = list(combinations(serve, min(count, len(serve))))
    mean = sum(1 - prod(1 - chance for chance in group) for group in groups) / len(groups)
    assert told_at_once(serve, count) == pytest.approx(mean)


def test_exposure_is_the_share_of_tips_whose_first_reader_serves_the_place() -> None:
    people = roster(person("p1", home="sud", posting="sud"), person("p2", agency="lantern", home="sud", posting="sud"))
    found = exposure([east(people), asked(people, "south")[0]], people)
    assert found is not None
    hidden = DEFAULT.learning.houses[House.NGO] * (1 - DEFAULT.learning.tied) / 3
    assert found.drawn == pytest.approx(hidden)
    assert found.told == pytest.approx(1 - (1 - hidden) ** 2)
    assert exposure(asked(people, "south", None), people) is None


def test_one_reader_is_exposed_less_than_all_at_once() -> None:
    people = line(30)
    found = exposure(asked(people, "east", "south"), people)
    assert found is not None
    assert found.drawn < found.told / 5


# --- whom to recruit ---


def added(people: Roster, recruit: Recruit, count: int = 1) -> list[Answer]:
    """The same line with that person, written by hand."""
    new = tuple(
        person(
            f"new{n}",
            agency=recruit.agency or f"house-{n}",
            home=recruit.homes[0],
            posting=recruit.homes[0],
            child_clearance=recruit.cleared,
        )
        for n in range(count)
    )
    houses = tuple(replace(ATLAS.agencies["haven"], id=f"house-{n}", kind=recruit.house) for n in range(count))
    atlas = type(people.atlas)(tuple(people.atlas.regions.values()), (*people.atlas.agencies.values(), *houses))
    return asked(Roster((*people.people, *new), atlas, people.founding), *SOME)


def test_who_is_lacking_for_child_cases_is_cleared_for_them_and_closes_what_is_promised() -> None:
    people = roster(*(person(f"p{n:02}", agency=agency) for n, agency in enumerate(["haven", "lantern", "liaison"] * 6)))
    before = gaps(asked(people, *SOME))
    held = gravest(before)
    assert {answer.level for answer in held} == {Level.HELD}
    first, *others = recruits(people, before, NOW)
    assert first.cleared
    assert {one.house for one in (first, *others)} > {House.NGO, House.FOREIGN_LIAISON, House.POLICE}
    for recruit in (first, *others):
        left = [answer for answer in gaps(added(people, recruit)) if answer.level in {Level.WAITS, Level.HELD}]
        assert len(held) - len(left) == recruit.closes
        if recruit.needed is not None:
            left = [answer for answer in gaps(added(people, recruit, recruit.needed)) if answer.level in {Level.WAITS, Level.HELD}]
            assert len(left) == len(held) - recruit.helps


def test_small_pools_count_once_everything_is_read_and_no_clearance_is_asked_for_in_vain() -> None:
    people = line(14, 14, child_clearance=True, home="abroad", posting="abroad")
    before = [answer for answer in gaps(asked(people, "east")) if not answer.case.child]
    assert {answer.level for answer in before} == {Level.SMALL_POOL}
    found = {one.house: one for one in recruits(people, before, NOW)}
    ngo = found[House.NGO]
    assert (ngo.closes, ngo.helps, ngo.needed, ngo.cleared, ngo.agency) == (len(before), len(before), 1, False, "")
    assert "east" not in ngo.homes
    assert found[House.LABOUR_INSPECTION].helps < len(before)


def test_more_than_ten_alike_are_not_promised() -> None:
    people = line(3, 3, child_clearance=True, home="abroad", posting="abroad")
    found = recruits(people, gaps(asked(people, "east")), NOW)
    assert found
    assert all(one.helps and one.needed is None for one in found)


def test_without_a_gap_nobody_is_missing() -> None:
    assert recruits(line(20), [], NOW) == []
