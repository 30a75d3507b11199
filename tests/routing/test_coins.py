"""Coins: reproducible by anyone who sees them, even, and independent between uses."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.coins import CoinsError, shuffled, uniforms
from tests.routing.world import COINS


def test_an_auditor_gets_the_same_numbers_from_the_description_alone() -> None:
    coins = bytes(range(32))
    stream = hashlib.shake_256(b"tipline/v1/coins/offset\x00" + coins).digest(14)
    expected = [(int.from_bytes(stream[at : at + 7], "big") % 2**53) / 2**53 for at in (0, 7)]
    assert uniforms(coins, "offset", 2) == expected


@given(COINS, st.integers(0, 50))
def test_numbers_lie_between_zero_and_one(coins: bytes, n: int) -> None:
    assert all(0 <= number < 1 for number in uniforms(coins, "x", n))
    assert len(uniforms(coins, "x", n)) == n


def test_numbers_are_even_and_uses_are_independent() -> None:
    coins = b"c" * 32
    one, other = uniforms(coins, "one", 20_000), uniforms(coins, "other", 20_000)
    for tenth in range(10):
        share = sum(tenth / 10 <= number < (tenth + 1) / 10 for number in one) / 20_000
        assert abs(share - 0.1) < 0.01
    both = sum((a < 0.5) == (b < 0.5) for a, b in zip(one, other, strict=True)) / 20_000
    assert abs(both - 0.5) < 0.02


def test_the_order_of_names_does_not_matter() -> None:
    assert shuffled(b"c" * 32, "x", ["b", "a", "c"]) == shuffled(b"c" * 32, "x", ["c", "b", "a"])


@pytest.mark.parametrize("size", [0, 31, 33])
def test_coins_are_32_bytes(size: int) -> None:
    with pytest.raises(CoinsError):
        uniforms(bytes(size), "x", 1)
