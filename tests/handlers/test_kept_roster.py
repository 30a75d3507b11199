"""The roster that the worker keeps from draw to draw is as one made anew, whatever changed meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from handlers.roster import KeptRoster, Vetters, idle
from routing.draw import choose
from routing.index import index_of
from routing.learning import Beliefs
from routing.people import Code, Person, Roster, TipFacts
from tests.routing.world import ATLAS, BELIEFS, COINS, EVERYBODY, NOW, ODD_TIPS, STRANGERS, person

SOME = (*EVERYBODY[:25], *STRANGERS[:15])


def vetters(*founding: str) -> Vetters:
    return Vetters(dict.fromkeys(("a", "b", "c"), "key"), {}, one_house=False, founding=frozenset(founding))


def kept() -> KeptRoster:
    return KeptRoster(ATLAS, vetters())


def anew(people: list[Person]) -> Roster:
    return Roster(tuple(sorted(people, key=lambda one: one.id)), ATLAS, vetters().founders)


def _today(seats: list[tuple[Person, Person, int, bool, bool]]) -> list[Person]:
    """Each as he is, on another's card, with another load, or inactive."""
    found = {}
    for one, other, load, on_duty, moved in seats:
        card = replace(other.card, person=one.id) if moved else one.card
        found[one.id] = replace(one, card=card, open_cases=load, on_duty=on_duty, active=load < 5)
    return list(found.values())


ANYBODY = st.sampled_from(SOME)
DAYS = st.lists(st.tuples(ANYBODY, ANYBODY, st.integers(0, 5), st.booleans(), st.booleans()), max_size=30).map(_today)


@given(st.lists(DAYS, min_size=1, max_size=5), ODD_TIPS, BELIEFS, COINS)
def test_it_equals_one_made_anew_and_draws_alike_through_any_change(
    days: list[list[Person]], tip: TipFacts, beliefs: Beliefs, coins: bytes
) -> None:
    """People who come, go, come back, get another card, a load, or lose their standing."""
    rosters = kept()
    for people in days:
        now, plain = rosters.of(people), anew(people)
        assert now == plain
        drawn = choose(now, tip, beliefs, coins, NOW)
        assert drawn == choose(plain, tip, beliefs, coins, NOW)
        assert dict(drawn.reasons) == dict(choose(plain, tip, beliefs, coins, NOW).reasons)


def test_who_is_as_before_costs_no_new_index() -> None:
    rosters = kept()
    first = rosters.of(EVERYBODY[:40])
    index = index_of(first)
    same = rosters.of([replace(one) for one in reversed(EVERYBODY[:40])])
    assert index_of(same).home is index.home
    loaded = rosters.of([replace(EVERYBODY[0], open_cases=9), *EVERYBODY[1:41]])
    assert loaded.people[0].open_cases == 9
    assert (len(loaded.people), len(first.people), first.people[0]) == (41, 40, EVERYBODY[0]), "the one given before stays as it was"
    assert index_of(loaded).offices is index.offices, "handed on"
    gone = rosters.of(EVERYBODY[1:41])
    assert [one.id for one in gone.people] == [one.id for one in EVERYBODY[1:41]]


def test_other_founding_vetters_count_at_once() -> None:
    """A founder's card that not all of them signed is on probation."""
    rosters = KeptRoster(ATLAS, vetters("a", "b"))
    people = [person(f"p{n}", vetters=("a", "b"), founder=True, issued=NOW) for n in range(3)]
    assert rosters.of(people).founding == {"a", "b"}
    cast("dict[str, str]", rosters.vetters.keys).pop("b")
    assert rosters.of(people).founding == {"a", "c"}


@given(DAYS, st.frozensets(ANYBODY.map(lambda one: one.id), max_size=8), ODD_TIPS, BELIEFS, COINS)
def test_the_idle_are_never_drawn_and_the_others_stand_as_they_did(
    people: list[Person], some: frozenset[str], tip: TipFacts, beliefs: Beliefs, coins: bytes
) -> None:
    everybody = kept().of(people)
    drawn, before = choose(idle(everybody, some), tip, beliefs, coins, NOW), choose(everybody, tip, beliefs, coins, NOW)
    assert not some & {*drawn.order, *drawn.leads, *drawn.chances}
    for one in people:
        expected = before.reasons[one.id]
        assert set(drawn.reasons[one.id]) == {*expected, *([Code.E1] if one.id in some else [])}
