"""Who may act: what vetters and the holder signed about a card, at which hour, in whatever order the log has it."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import replace

import pytest

from handlers.standing import LAPSE_HOURS, LIFT_HOURS, OfCard, Standing, State, Statement, standing_of
from sealing import custody, signing
from sealing.custody import ACTOR_USE, Entry, EntryKind
from sealing.signing import Use

CARD = "c" * 64
NOON = 500_000
ANN, BOB, CAT, HOLDER, STRANGER = (signing.generate() for _ in range(5))
AGENCY = {signing.fingerprint(ANN[1]): "trust", signing.fingerprint(BOB[1]): "border", signing.fingerprint(CAT[1]): "trust"}
VETTERS = {signing.fingerprint(public): public for _, public in (ANN, BOB, CAT)}


def enough(names: Collection[str]) -> bool:
    """Two, of different agencies."""
    return len({AGENCY[name] for name in names if name in AGENCY}) >= 2


def said(
    kind: EntryKind, key: tuple[str, str], hour: int = NOON, *, taken: int | None = -1, use: Use | None = None, sha256: str = CARD
) -> Statement:
    """`taken`: hour of the announcement; -1 = the hour that was signed, None = not announced."""
    entry = Entry(hour, kind, "", sha256, CARD)
    leaf = custody.leaf(entry.body(), key[1], signing.sign(key[0], use or ACTOR_USE[kind], entry.body()))
    return Statement(leaf, entry, signing.fingerprint(key[1]), hour if taken == -1 else taken)


def at(hour: int, *statements: Statement, vetters: dict[str, str] = VETTERS) -> Standing:
    """The same for every order."""
    found = {
        standing_of(OfCard(enrolled=True, statements=order), HOLDER[1], vetters, enough, hour)
        for order in ((*statements,), (*reversed(statements),))
    }
    assert len({replace(standing, grounds=()) for standing in found}) == 1
    return found.pop()


SUSPEND, REVOKE, LIFT, TIE = EntryKind.SUSPEND, EntryKind.REVOKE, EntryKind.LIFT, EntryKind.TIE


def test_a_card_stands_that_the_log_names_and_nothing_speaks_against() -> None:
    assert at(NOON) == Standing(State.ACTIVE)
    for of, state in (
        (OfCard(enrolled=False), State.UNKNOWN),
        (OfCard(enrolled=True, replaced=True), State.REPLACED),
        (OfCard(enrolled=True, revoked=True), State.REVOKED),
        (OfCard(enrolled=True, revoked=True, replaced=True), State.REVOKED),
    ):
        assert standing_of(of, HOLDER[1], VETTERS, enough, NOON).state is state


@pytest.mark.claim("T39")
def test_one_vetter_s_suspension_lapses() -> None:
    alone = said(SUSPEND, ANN)
    assert at(NOON, alone) == Standing(State.SUSPENDED, until=NOON + LAPSE_HOURS, grounds=(alone.leaf,))
    assert at(NOON + LAPSE_HOURS - 1, alone).state is State.SUSPENDED
    assert at(NOON + LAPSE_HOURS, alone) == Standing(State.ACTIVE, grounds=(alone.leaf,))


def test_two_vetters_suspension_stays() -> None:
    second = said(SUSPEND, BOB, NOON + LAPSE_HOURS - 1)
    assert at(NOON + 90_000, said(SUSPEND, ANN), second).state is State.SUSPENDED
    assert at(NOON + 90_000, said(SUSPEND, ANN), second).until is None


@pytest.mark.parametrize("second", ["later than the first lapsed", "of the same agency", "the same vetter's again", "a stranger's"])
def test_what_makes_no_second_suspension(second: str) -> None:
    other = {
        "later than the first lapsed": said(SUSPEND, BOB, NOON + LAPSE_HOURS),
        "of the same agency": said(SUSPEND, CAT, NOON + 1),
        "the same vetter's again": said(SUSPEND, ANN, NOON + 1),
        "a stranger's": said(SUSPEND, STRANGER, NOON + 1),
    }[second]
    assert at(NOON + 2 * LAPSE_HOURS, said(SUSPEND, ANN), other).state is State.ACTIVE


def test_one_vetter_keeps_nobody_out_for_longer_by_signing_again() -> None:
    again = [said(SUSPEND, ANN, NOON + hours) for hours in range(0, 1_000, 50)]
    assert at(NOON + LAPSE_HOURS, *again).state is State.ACTIVE


def test_who_suspends_himself_stays_so_until_two_lift_it() -> None:
    own = said(SUSPEND, HOLDER, taken=None)
    assert at(NOON + 90_000, own) == Standing(State.SUSPENDED, grounds=(own.leaf,))
    lifts = said(LIFT, ANN, NOON + 10), said(LIFT, BOB, NOON + 20)
    assert at(NOON + 20 + LIFT_HOURS, own, *lifts).state is State.ACTIVE
    assert at(NOON + 20 + LIFT_HOURS, own, lifts[0]).state is State.SUSPENDED


BOTH = (said(SUSPEND, ANN), said(SUSPEND, BOB))


@pytest.mark.claim("T39")
def test_two_vetters_lift_after_a_week_and_no_earlier() -> None:
    lifts = said(LIFT, ANN, NOON + 5), said(LIFT, BOB, NOON + 100)
    assert at(NOON + 99 + LIFT_HOURS, *BOTH, *lifts) == Standing(
        State.SUSPENDED, until=NOON + 100 + LIFT_HOURS, grounds=at(NOON, *BOTH, *lifts).grounds
    )
    assert at(NOON + 100 + LIFT_HOURS, *BOTH, *lifts).state is State.ACTIVE


NO_LIFT = {
    "one vetter's": (said(LIFT, ANN, NOON + 1),),
    "twice by one vetter": (said(LIFT, ANN, NOON + 1), said(LIFT, ANN, NOON + 2)),
    "two of one agency": (said(LIFT, ANN, NOON + 1), said(LIFT, CAT, NOON + 1)),
    "with a stranger": (said(LIFT, ANN, NOON + 1), said(LIFT, STRANGER, NOON + 1)),
    "with his own": (said(LIFT, ANN, NOON + 1), said(LIFT, HOLDER, NOON + 1)),
    "signed before the suspension": (said(LIFT, ANN, NOON - 900), said(LIFT, BOB, NOON - 1)),
    "signed before, announced after": (said(LIFT, ANN, NOON - 900, taken=NOON + 1), said(LIFT, BOB, NOON - 1, taken=NOON + 1)),
    "dated back, announced today": (said(LIFT, ANN, NOON, taken=NOON + 9_990), said(LIFT, BOB, NOON, taken=NOON + 9_990)),
    "not announced": (said(LIFT, ANN, NOON + 1, taken=None), said(LIFT, BOB, NOON + 1, taken=None)),
    "one signed for another use": (said(LIFT, ANN, NOON + 1), said(LIFT, BOB, NOON + 1, use=Use.SUSPEND)),
}


@pytest.mark.parametrize("why", NO_LIFT)
def test_what_lifts_nothing(why: str) -> None:
    assert at(NOON + 10_000, *BOTH, *NO_LIFT[why]).state is State.SUSPENDED


def test_a_vetter_lifts_nothing_from_himself() -> None:
    both = {**VETTERS, signing.fingerprint(HOLDER[1]): HOLDER[1]}
    AGENCY[signing.fingerprint(HOLDER[1])] = "third"
    try:
        assert at(NOON + 10_000, *BOTH, said(LIFT, ANN, NOON + 1), said(LIFT, HOLDER, NOON + 1), vetters=both).state is State.SUSPENDED
    finally:
        del AGENCY[signing.fingerprint(HOLDER[1])]


def test_two_vetters_revoke_for_ever() -> None:
    assert at(NOON, said(REVOKE, ANN)).state is State.ACTIVE
    assert at(NOON, said(REVOKE, ANN), said(REVOKE, ANN, NOON + 1)).state is State.ACTIVE
    lifts = said(LIFT, ANN, NOON + 1), said(LIFT, BOB, NOON + 1)
    assert at(NOON + 90_000, said(REVOKE, ANN), said(REVOKE, BOB), *lifts) == Standing(
        State.REVOKED, grounds=at(NOON + 90_000, said(REVOKE, ANN), said(REVOKE, BOB), *lifts).grounds
    )


def test_a_declared_tie_ends_the_draw_and_not_the_reading() -> None:
    assert at(NOON, said(TIE, HOLDER, taken=None, sha256="a" * 64)).tied
    assert at(NOON, said(TIE, HOLDER, taken=None, sha256="a" * 64)).state is State.ACTIVE
    assert not at(NOON, said(TIE, ANN, sha256="a" * 64)).tied
    assert not at(NOON, said(TIE, HOLDER, taken=None, use=Use.SUSPEND)).tied


NOTHING = {
    "not announced": said(SUSPEND, ANN, taken=None),
    "a stranger's": said(SUSPEND, STRANGER),
    "signed for another use": said(SUSPEND, ANN, use=Use.LIFT),
    "under another vetter's name": replace(
        said(SUSPEND, ANN), leaf=custody.leaf(said(SUSPEND, ANN).entry.body(), ANN[1], signing.sign(STRANGER[0], Use.SUSPEND, b"x"))
    ),
    "altered": replace(said(SUSPEND, ANN), leaf=said(SUSPEND, ANN).leaf.replace(b"500000", b"500001")),
}


@pytest.mark.parametrize("why", NOTHING)
@pytest.mark.claim("T39")
def test_what_counts_for_nothing(why: str) -> None:
    assert at(NOON, NOTHING[why]) == Standing(State.ACTIVE)


def test_who_was_a_vetter_when_the_line_took_it_counts_on() -> None:
    """`vetters` is everybody who ever was one; that he was one then, the announcement says."""
    assert at(NOON, said(SUSPEND, BOB), vetters={**VETTERS}).state is State.SUSPENDED
    without_bob = {name: key for name, key in VETTERS.items() if key != BOB[1]}
    assert at(NOON, said(SUSPEND, BOB), vetters=without_bob).state is State.ACTIVE


def test_the_order_of_the_log_says_nothing() -> None:
    statements = (*BOTH, said(LIFT, ANN, NOON + 5), said(LIFT, BOB, NOON + 6))
    hours = (NOON, NOON + LAPSE_HOURS, NOON + 6 + LIFT_HOURS)
    for hour in hours:
        found = {
            standing_of(OfCard(enrolled=True, statements=order), HOLDER[1], VETTERS, enough, hour).state
            for order in itertools.permutations(statements)
        }
        assert len(found) == 1
