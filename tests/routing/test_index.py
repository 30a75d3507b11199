"""The index says of a roster what its people's cards say, however the roster came about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.codes import BLOCK, Names, People
from routing.draw import choose
from routing.exclusion import exclusions
from routing.index import Index, index_of
from routing.learning import Beliefs
from routing.names import could_be, words
from routing.people import Person, Role, Roster, TipFacts
from routing.policy import DEFAULT
from tests.routing.world import ATLAS, BELIEFS, COINS, EVERYBODY, NAMES, NOW, ODD_NAMES, ODD_TIPS, STRANGERS, crowds, person, roster

ANYBODY = (*EVERYBODY, *STRANGERS)
MANY = EVERYBODY * (3 * BLOCK // len(EVERYBODY) + 1)


Edit = tuple[int, Person, int, bool]
EDITS: st.SearchStrategy[list[Edit]] = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(ANYBODY), st.integers(0, 5), st.booleans()), max_size=6
)


def edited(everybody: Roster, edits: list[Edit]) -> list[Person]:
    """Somebody new; or one of the roster, with another's card, vetters or load."""
    changes: list[Person] = []
    for at, other, load, on_duty in edits:
        one = everybody.people[at] if at < len(everybody.people) else other
        card = (one.card, replace(other.card, person=one.id), replace(one.card, home=other.card.home, kin=()))[load % 3]
        vetters = other.vetters if load % 2 else one.vetters
        changes.append(replace(one, card=card, vetters=vetters, open_cases=load, on_duty=on_duty))
    return changes


@given(crowds(30), st.lists(EDITS, max_size=3), ODD_TIPS, BELIEFS, COINS)
def test_a_roster_changed_step_by_step_is_as_one_made_anew(
    everybody: Roster, steps: list[list[Edit]], tip: TipFacts, beliefs: Beliefs, coins: bytes
) -> None:
    """To the last bit, in whatever order people came; and the rosters of before stay as they were."""
    plain, before = {one.id: one for one in everybody.people}, choose(everybody, tip, beliefs, coins, NOW)
    changed = everybody
    for edits in steps:
        people = edited(changed, edits)
        changed = changed.changed(*people)
        plain |= {one.id: one for one in people}
    anew = Roster(tuple(plain.values()), ATLAS)
    assert dict(choose(changed, tip, beliefs, coins, NOW).reasons) == exclusions(anew, tip, NOW)
    assert choose(changed, tip, beliefs, coins, NOW) == choose(anew, tip, beliefs, coins, NOW)
    assert choose(everybody, tip, beliefs, coins, NOW) == before


@given(crowds(20), EDITS)
def test_with_or_without_an_index_a_change_gives_the_same_people(everybody: Roster, edits: list[Edit]) -> None:
    people = edited(everybody, edits)
    without = everybody.changed(*people)
    assert not without.kept
    index_of(everybody)
    assert everybody.changed(*people) == without
    assert everybody.changed(*people).kept
    assert [one.id for one in without.people] == sorted({one.id for one in (*everybody.people, *people)})


def test_another_atlas_or_other_people_take_no_old_index_along() -> None:
    everybody = roster(person("a"), person("b"))
    index = index_of(everybody)
    assert index_of(everybody) is index
    for other in (replace(everybody, atlas=ATLAS), replace(everybody, people=everybody.people[:1])):
        assert index_of(other) is not index


@given(st.sampled_from([*ODD_NAMES, *NAMES]), st.lists(st.sampled_from([*ODD_NAMES, *NAMES]), max_size=8), st.sampled_from(ODD_NAMES))
def test_names_are_found_exactly_when_they_could_be_one_persons(sought: str, known: list[str], exactly: str) -> None:
    names = Names()
    codes = {name: names.code(name) for name in known}
    table = names.marked([words(sought)], [exactly])
    assert {name: bool(table[code]) for name, code in codes.items()} == {
        name: could_be(words(name), words(sought)) or name == exactly for name in known
    }
    assert not table[-1], "nobody's name"


@given(st.lists(st.tuples(st.integers(0, 3 * BLOCK - 1), st.sampled_from(EVERYBODY)), max_size=5, unique_by=lambda put: put[0]))
def test_people_put_in_others_places_are_as_in_a_list(puts: list[tuple[int, Person]]) -> None:
    before = MANY[: 3 * BLOCK - 7]
    puts = [(at, one) for at, one in puts if at < len(before)]
    expected, people = list(before), People(before)
    for at, one in puts:
        expected[at] = one
    after = people.put([one for _, one in puts], [at for at, _ in puts])
    assert list(after) == expected
    assert [after[at] for at in range(-len(after), len(after))] == expected * 2
    assert after[5:-3:2] == tuple(expected[5:-3:2])
    assert (hash(after), len(after)) == (hash(tuple(expected)), len(expected))
    assert people == People(before), "the old ones stay as they were"
    assert (after == people) is (expected == list(before))
    with pytest.raises(IndexError):
        after[len(expected)]


def test_ids_are_read_like_a_list() -> None:
    index = Index((person("b"), person("c"), person("a")), ATLAS)
    assert list(index.ids) == ["a", "b", "c"] == index.ids[:]
    assert index.ids[-1] == "c"
    assert (index.row("b"), index.row("bb"), index.row("z")) == (1, -1, -1)
    assert index.rows(["c", "x", "a"]).tolist() == [2, 0]


def test_rows_in_a_table_that_grows_are_looked_up_once() -> None:
    index = index_of(roster(*(person(f"p{n}") for n in range(4))))
    rows = {"p2": 0, "other": 1}
    first = index.rows_among(rows)
    assert first.tolist() == [-1, -1, 0, -1]
    assert index.rows_among({}).tolist() == [-1] * 4
    assert index.rows_among(rows) is first, "also after a look at nothing known, as each linked tip takes one"
    rows |= {"p0": 2, "another": 3}
    assert index.rows_among(rows).tolist() == [2, -1, 0, -1]
    assert first.tolist() == [-1, -1, 0, -1]
    assert index.changed([person("p1b"), person("p3", home="nord")]).rows_among(rows).tolist() == [2, -1, -1, 0, -1]
    rows["p1b"] = 4
    assert index.changed([person("p1b")]).rows_among(rows).tolist() == [2, -1, 4, 0, -1]
    assert index.rows_among({"p1": 0}).tolist() == [-1, 0, -1, -1]


def test_trustees_are_in_no_group_with_readers() -> None:
    index = index_of(roster(person("a"), person("b", role=Role.TRUSTEE), person("c", role=Role.LEAD), person("d", role=Role.TRUSTEE)))
    for group in (index.agency, index.home, index.pair):
        assert group[0] == group[2]
        assert len(np.unique(group)) == 3
    assert index.hidden(DEFAULT.learning.tied).tolist() == pytest.approx([0.35 / 3] * 4)


def test_an_empty_change_changes_nothing() -> None:
    everybody = roster(person("a"))
    index_of(everybody)
    assert everybody.changed() == everybody
