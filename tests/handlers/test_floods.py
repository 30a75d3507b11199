"""Clustering: copies of one long text are found, and nobody else is ever taken for one."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.floods import (
    ALIKE,
    BITS,
    DISTANCE,
    WITHIN_MS,
    Cluster,
    alike,
    fingerprint,
    nearest,
    own_words,
    worth_telling,
)
from tests.triage.line import tip
from triage.tip import Asked

TIPS = [
    json.loads(line)["text"]
    for line in (Path(__file__).parent.parent / "triage" / "tips.jsonl").read_text(encoding="utf-8").splitlines()
    if line
]
FLOOD = (
    "The chief of police in Puerto Claro takes money from the owner of the blue hotel and every Friday they bring new girls there by van "
    "from the village behind the quarry and nobody in this town dares to say a word about it"
)
NOW = 1_800_000_000_000
HOUR = 3_600_000


def mark(text: str) -> int:
    found = fingerprint(text)
    assert found is not None
    return found


@pytest.mark.claim("T35")
def test_no_two_different_tips_are_alike() -> None:
    marks = [(text, found) for text in TIPS if (found := fingerprint(text)) is not None]
    assert len(marks) >= 40, "or this shows little"
    distances = {(a, b): (x ^ y).bit_count() for (a, x), (b, y) in itertools.combinations(marks, 2)}
    assert {pair: bits for pair, bits in distances.items() if bits <= DISTANCE} == {}
    assert min(distances.values()) >= 2 * DISTANCE, "nor are they nearly"


@pytest.mark.parametrize(
    "text", ["help me", "Ayúdenme por favor, estoy encerrada", "help " * 30, "HELP", "", "1", "ช่วยด้วยฉันถูกขังอยู่ในบ้านหลังสีฟ้าใกล้ท่าเรือ"]
)
def test_what_many_people_say_is_like_nothing(text: str) -> None:
    assert fingerprint(text) is None


@pytest.mark.parametrize(
    "copy",
    [
        FLOOD.upper(),
        FLOOD.replace("a", "á"),
        FLOOD.replace(" ", "  ") + " 4711!!",
        "17: " + FLOOD.replace(" and", ", and"),
        FLOOD + " please",
        "Hello " + FLOOD,
    ],
)
def test_a_copy_in_another_dress_is_a_copy(copy: str) -> None:
    assert alike(mark(FLOOD), mark(copy))


@given(st.data())
def test_case_accents_digits_and_marks_change_nothing(data: st.DataObject) -> None:
    words = data.draw(st.lists(st.from_regex(r"[a-z]{3,9}", fullmatch=True), min_size=14, max_size=40))
    dressed = [
        data.draw(
            st.sampled_from((word, word.upper(), f"{word},", f"{word} 12", f"{word} -", f"\N{LATIN SMALL LETTER E WITH ACUTE}{word[1:]}"))
        )
        for word in words
    ]
    plain = [
        f"e{word[1:]}" if dress.startswith("\N{LATIN SMALL LETTER E WITH ACUTE}") else word
        for word, dress in zip(words, dressed, strict=True)
    ]
    assert fingerprint(" ".join(plain)) == fingerprint(" ".join(dressed))


def test_texts_of_unlike_words_are_far_apart() -> None:
    drawn = random.Random(7)  # the same texts at every run
    vocabulary = sorted({word for text in TIPS for word in text.lower().split() if word.isalpha()})
    marks = [mark(" ".join(drawn.choices(vocabulary, k=drawn.randint(12, 40)))) for _ in range(400)]
    assert min((a ^ b).bit_count() for a, b in itertools.combinations(marks, 2)) > DISTANCE


@given(st.text(max_size=400))
def test_any_text_has_a_fingerprint_of_64_bits_or_none(text: str) -> None:
    found = fingerprint(text)
    assert found is None or 0 <= found < 1 << BITS
    assert found == fingerprint(text)


def joined(times: list[int]) -> Cluster:
    cluster = Cluster("c", mark(FLOOD))
    for time in times:
        cluster = cluster.joined(time)
    return cluster


def test_the_fifth_within_six_hours_is_one_of_many_and_the_first_four_are_not() -> None:
    floods = [joined([NOW + n * HOUR for n in range(count)]).flood(NOW + (count - 1) * HOUR) for count in range(1, 8)]
    assert floods == [False, False, False, False, True, True, True]


def test_copies_that_trickle_in_are_no_flood_and_one_after_a_pause_is_not_part_of_it() -> None:
    assert not joined([NOW + n * 2 * HOUR for n in range(50)]).flood(NOW + 98 * HOUR)
    burst = [NOW + n for n in range(50)]
    assert not joined([*burst, NOW + WITHIN_MS + HOUR]).flood(NOW + WITHIN_MS + HOUR)


@given(st.lists(st.integers(NOW, NOW + 4 * WITHIN_MS), min_size=1, max_size=40))
def test_memory_of_a_cluster_is_bounded_and_a_flood_needs_five_near_in_time(times: list[int]) -> None:
    cluster = joined(times)
    assert len(cluster.times) <= ALIKE
    assert cluster.count == len(times)
    if cluster.flood(times[-1]):
        assert sum(abs(time - times[-1]) <= WITHIN_MS for time in times) >= ALIKE


def test_a_cluster_ends_with_its_window_unless_it_has_its_item() -> None:
    cluster = joined([NOW])
    assert not cluster.past(NOW + WITHIN_MS)
    assert cluster.past(NOW + WITHIN_MS + 1)
    assert not Cluster("c", 1, case="item", times=(NOW,)).past(NOW + 10 * WITHIN_MS)


def test_the_nearest_cluster_is_found_and_an_unlike_text_has_none() -> None:
    other = Cluster("a", mark(TIPS[-1] + " and many more words so that it is long enough to be compared with"))
    close = Cluster("b", mark(FLOOD) ^ 0b111)
    exact = Cluster("z", mark(FLOOD))
    assert nearest([other, close, exact], mark(FLOOD)) == exact
    assert nearest([other, close], mark(FLOOD)) == close
    assert nearest([other], mark(FLOOD)) is None
    assert nearest([], mark(FLOOD)) is None


@pytest.mark.parametrize(
    ("text", "asked", "own"),
    [
        (FLOOD, None, False),
        (FLOOD + "!", Asked.TELL, False),
        ("Please help me, they beat me every night", None, True),
        ("help me", Asked.PLACE, True),
        ("I saw the owner of the other bar lock four women into the cellar and count money with a man in uniform", None, True),
        ("Puerto Claro", Asked.PLACE, False),
        ("the police", Asked.WHO_NOT, False),
        ("the police of Puerto Claro are in it", None, True),
        ("1", Asked.PHONE, False),
        ("ok thanks", None, False),
    ],
)
def test_somebody_of_a_crowd_who_tells_something_himself_is_heard_alone(text: str, asked: Asked | None, *, own: bool) -> None:
    assert own_words(mark(FLOOD), fingerprint(text), tip(text), asked) is own


def test_an_operator_hears_of_a_flood_that_grows_and_seldom() -> None:
    assert [count for count in range(1, 20_000) if worth_telling(count)] == [10, 100, 1_000, 10_000]
