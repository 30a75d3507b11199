"""A case key in trustees' shares: any M give it back, M - 1 give nothing, and a wrong, repeated, foreign or dummy share is no share."""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealing import age, plaintexts, shares
from sealing.age import OpenError
from sealing.shares import Bundle, Resealed, Share, SharesError

CASE, OTHER = "0" * 31 + "1", "0" * 31 + "2"
IDENTITY, RECIPIENT = age.generate()
READER, READER_RECIPIENT = age.generate()
TRUSTEE, TRUSTEE_RECIPIENT = age.generate()
few = settings(max_examples=8, deadline=None, derandomize=True)


def sealed(share: bytes, *, case: str = CASE, epoch: int = 1, recipient: str = RECIPIENT, to: str = READER_RECIPIENT) -> bytes:
    return age.seal(shares.share_text(Share(case, epoch, recipient, 2, share)), to)


def opened(*bundled: bytes, identity: str = READER) -> tuple[str, int, str]:
    return shares.open_key(shares.bundle(Bundle(CASE, 1, bundled)), identity)


@few
@given(st.binary(min_size=1, max_size=40), st.integers(2, 4), st.integers(0, 3))
def test_any_m_of_n_give_the_secret_back(secret: bytes, needed: int, more: int) -> None:
    dealt = shares.split(secret, needed, needed + more)
    assert len({share[-1] for share in dealt}) == needed + more
    for some in combinations(dealt, needed):
        assert shares.combine(some) == secret
    assert shares.combine(dealt) == secret


@pytest.mark.parametrize("needed", [3, 4])
def test_fewer_are_nothing(needed: int) -> None:
    dealt = shares.split(IDENTITY.encode(), needed, 4)
    for some in combinations(dealt, needed - 1):
        assert shares.combine(some) != IDENTITY.encode()
        with pytest.raises(SharesError):
            shares.recover(some, RECIPIENT, needed - 1)


def test_one_share_has_no_trace_of_the_secret() -> None:
    """Of one byte, many times, each value comes about as often, whatever the byte: chi-square with 255 degrees of freedom."""
    for secret in (b"\x00", b"\xff"):
        counted = Counter(shares.split(secret * 2_560, 2, 2)[0][:-1])
        chi = sum((counted[value] - 10) ** 2 / 10 for value in range(256))
        assert 130 < chi < 420, "five standard deviations and more"


@pytest.mark.parametrize(("needed", "among"), [(1, 3), (0, 2), (4, 3), (2, 256)])
def test_impossible_numbers_are_refused(needed: int, among: int) -> None:
    with pytest.raises(SharesError):
        shares.split(b"x", needed, among)


@few
@given(st.integers(0, 74), st.integers(0, 7))
def test_a_flipped_bit_is_another_key_and_never_taken(byte: int, bit: int) -> None:
    first, second, third = shares.split(IDENTITY.encode(), 2, 3)
    flipped = first[:byte] + bytes([first[byte] ^ (1 << bit)]) + first[byte + 1 :]
    with pytest.raises(SharesError):
        shares.recover([flipped, second], RECIPIENT, 2)
    assert shares.recover([flipped, second, third], RECIPIENT, 2) == IDENTITY, "the other two are enough"


def test_a_repeated_share_counts_once() -> None:
    first, second = shares.split(IDENTITY.encode(), 2, 2)
    with pytest.raises(SharesError):
        shares.recover([first, first], RECIPIENT, 2)
    with pytest.raises(SharesError):
        shares.combine([first, first])
    assert shares.recover([first, first, second], RECIPIENT, 2) == IDENTITY


def test_a_dummy_has_the_form_of_a_share_and_gives_nothing() -> None:
    dealt = shares.deal(IDENTITY.encode(), 2, [True, False, True])
    assert {len(share) for share in dealt} == {len(IDENTITY) + 1}
    assert len({share[-1] for share in dealt}) == 3
    with pytest.raises(SharesError):
        shares.recover([dealt[0], dealt[1]], RECIPIENT, 2)
    assert shares.recover(dealt, RECIPIENT, 2) == IDENTITY


def test_too_few_holders_are_dealt_to_all_the_same() -> None:
    dealt = shares.deal(IDENTITY.encode(), 3, [True, False])
    assert len(dealt) == 2
    with pytest.raises(SharesError):
        shares.recover(dealt, RECIPIENT, 2)


def test_a_reader_opens_a_key_file_or_a_bundle() -> None:
    file = age.seal(plaintexts.key_file(CASE, 1, IDENTITY), READER_RECIPIENT)
    assert shares.open_key(file, READER) == (CASE, 1, IDENTITY)
    dealt = shares.split(IDENTITY.encode(), 2, 3)
    assert opened(*(sealed(share) for share in dealt)) == (CASE, 1, IDENTITY)


def test_a_bundle_opens_for_its_reader_alone() -> None:
    dealt = shares.split(IDENTITY.encode(), 2, 2)
    with pytest.raises(SharesError):
        opened(*(sealed(share) for share in dealt), identity=TRUSTEE)


@pytest.mark.parametrize("foreign", ["case", "epoch", "key"])
def test_a_foreign_share_counts_for_nothing_by_what_it_names(foreign: str) -> None:
    """Even one that would complete the key: what it says of itself is believed before what it holds."""
    mine, second, third = shares.split(IDENTITY.encode(), 2, 3)
    other = {
        "case": lambda: sealed(second, case=OTHER),
        "epoch": lambda: sealed(second, epoch=2),
        "key": lambda: sealed(second, recipient=TRUSTEE_RECIPIENT),
    }[foreign]()
    with pytest.raises(SharesError):
        opened(sealed(mine), other)
    assert opened(sealed(mine), other, sealed(third))[2] == IDENTITY


def test_shares_that_agree_on_another_key_do_not_hide_the_right_one() -> None:
    right = shares.split(IDENTITY.encode(), 2, 2)
    wrong = shares.split(TRUSTEE.encode(), 2, 3)
    named = [sealed(share, recipient=RECIPIENT) for share in right]
    assert opened(*(sealed(share, recipient=READER_RECIPIENT) for share in wrong), *named)[2] == IDENTITY


def test_a_trustee_seals_on_only_what_is_of_this_case_and_epoch() -> None:
    share = shares.split(IDENTITY.encode(), 2, 2)[0]
    own = sealed(share, to=TRUSTEE_RECIPIENT)
    made = shares.for_reader(own, TRUSTEE, CASE, 1, "f" * 64, READER_RECIPIENT)
    assert shares.read_share(age.unseal(made.share, READER)) == Share(CASE, 1, RECIPIENT, 2, share)
    for case, epoch in ((OTHER, 1), (CASE, 2)):
        with pytest.raises(OpenError):
            shares.for_reader(own, TRUSTEE, case, epoch, "f" * 64, READER_RECIPIENT)
    with pytest.raises(OpenError):
        shares.for_reader(own, READER, CASE, 1, "f" * 64, READER_RECIPIENT)


def test_every_form_is_read_back_as_it_was_written() -> None:
    inner = sealed(b"share")
    reseal = Resealed(CASE, 3, "a" * 64, inner)
    assert shares.read_reseal(shares.reseal(reseal)) == reseal
    assert shares.read_bundle(shares.bundle(Bundle(CASE, 3, (inner, inner)))) == Bundle(CASE, 3, (inner, inner))
    assert shares.read_given(shares.given(inner, reseal)) == (inner, "a" * 64, inner)
    assert "share" not in repr(Share(CASE, 1, RECIPIENT, 2, b"a share"))


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "shares", "case": CASE, "epoch": "1", "shares": []},
        {"kind": "shares", "case": 1, "epoch": 1, "shares": []},
        {"kind": "shares", "case": CASE, "epoch": 1, "shares": {}},
        {"kind": "shares", "case": CASE, "epoch": 1, "shares": ["AA=="]},
        {"kind": "shares", "case": CASE, "epoch": 1, "shares": ["no base64"]},
        {"kind": "shares", "case": CASE, "epoch": True, "shares": []},
        {"kind": "share", "case": CASE, "epoch": 1, "shares": []},
    ],
)
def test_other_fields_are_no_bundle(fields: dict[str, object]) -> None:
    with pytest.raises(OpenError):
        shares.read_bundle(json.dumps({"v": 1, **fields}).encode())
