"""What holds for every text: triage is total, deterministic and linear, and its spans are exact."""

from __future__ import annotations

import sys
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.triage.line import LEXICONS, tip
from tests.triage.test_tips import TIPS
from triage.lexicon import codes
from triage.tip import Asked, Assessment, Child, NameMention, Of, PlaceMention, Urgency

# Any code points (lone surrogates and NUL too), and words that mean something, in any order.
SIGNS = ("\u200d", "é", "’", "\x00", "\ud800", "🆘", "1", "٣", "+51 999 888 777")
WORDS = [*sorted({w for case in TIPS for w in case["text"].split()}), *SIGNS]
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=[])), st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join), st.sampled_from(WORDS)
)
ASKED = st.none() | st.sampled_from(Asked)


def check_spans(a: Assessment, text: str, translation: str | None) -> None:
    texts = {Of.ORIGINAL: text, Of.TRANSLATION: translation or ""}
    for r in a.reasons:
        assert 0 <= r.start < r.end <= len(texts[r.of])
        assert r.text == texts[r.of][r.start : r.end]
    mentions: list[PlaceMention | NameMention] = [*a.places, *a.names]
    for m in mentions:
        assert m.text == texts[m.of][m.start : m.end] != ""
    for e in a.entities:
        assert 0 <= e.start < e.end <= len(text)
    assert {r.code for r in a.reasons} <= set(codes(LEXICONS))


@given(TEXTS, st.none() | TEXTS, ASKED)
def test_every_text_is_assessed_with_exact_spans_and_the_same_way_twice(text: str, translation: str | None, asked: Asked | None) -> None:
    a = tip(text, translation, asked)
    check_spans(a, text, translation)
    assert tip(text, translation, asked) == a


@given(TEXTS, TEXTS, ASKED)
@example("SLAVE", "BROTHE", None)
@pytest.mark.claim("T25")
def test_a_translation_only_adds(text: str, translation: str, asked: Asked | None) -> None:
    alone, both = tip(text, None, asked), tip(text, translation, asked)
    urgency = list(Urgency)
    assert urgency.index(both.urgency) <= urgency.index(alone.urgency)
    assert set(alone.kinds) <= set(both.kinds)
    assert {o.agency for o in alone.officials} <= {o.agency for o in both.officials}
    assert {(o.agency, o.place, o.name) for o in both.officials if o.negated} <= {
        (o.agency, o.place, o.name) for o in alone.officials if o.negated
    }
    assert set(alone.places) <= set(both.places)
    assert set(alone.names) <= set(both.names)
    assert [p for p in both.places if p.of is Of.ORIGINAL] == list(alone.places)
    assert both.child is Child.YES or both.child is alone.child or (alone.child is Child.NO and both.child is Child.UNKNOWN)
    assert (both.entities, both.greeting) == (alone.entities, alone.greeting)


@pytest.mark.parametrize("case", TIPS, ids=[c["text"][:30] for c in TIPS])
def test_a_tip_without_accents_in_capitals_or_decomposed_keeps_its_officials(case: dict[str, str]) -> None:
    plain = {o.agency for o in tip(case["text"]).officials}
    assert {o.agency for o in tip(case["text"].upper()).officials} == plain
    assert {o.agency for o in tip(case["text"].lower()).officials} == plain


HOSTILE = {
    "one word": "a" * 10_000,
    "repeats": "police " * 1_430,
    "offices": "the mayor of Lima is paid " * 385,
    "gaps": "took my take the passport " * 385,
    "digits": "1 2 3 4 5 6 7 8 9 0 " * 500,
    "phones": "+51 999 888 777, " * 588,
    "titles": "jefe Ramos " * 909,
    "negations": "no hay ni la policía " * 476,
    "ages": "13 y 14 o 15 años " * 555,
    "marks": "e\u0301\u200d" * 3_333,
    "ligatures": "ﷺ" * 10_000,
    "no end": "van a llevar a las chicas esta noche " * 270,
    "names": "Luis Ana María John " * 500,
    "emoji": "🆘" * 10_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_takes_no_longer_than_half_a_second(text: str) -> None:
    tip("warm up")
    tracer = sys.gettrace()
    sys.settrace(None)  # measuring coverage is not part of it
    start = time.process_time()
    tip(text[:10_000])
    taken = time.process_time() - start
    sys.settrace(tracer)
    assert taken < 0.5
