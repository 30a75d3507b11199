"""The container: PADMÉ, two locks, refusals without content."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealing import age


@given(st.integers(min_value=1, max_value=1 << 30))
def test_padme_never_shrinks_and_wastes_at_most_an_eighth(length: int) -> None:
    padded = age.padme(length)
    assert padded >= max(length, age.FLOOR)
    assert padded <= max(age.FLOOR, length * 1.12 + 1)
    assert age.padme(padded) == padded


@given(st.text(max_size=300))
def test_padded_json_comes_back_whatever_the_text(text: str) -> None:
    plaintext = age.padded_json({"v": 1, "kind": "x", "text": text})
    assert len(plaintext) == age.padme(len(plaintext))
    assert age.read_json(plaintext, "x")["text"] == text


def test_lone_surrogates_of_a_broken_phone_survive() -> None:
    plaintext = age.padded_json({"v": 1, "kind": "x", "text": "a\ud800b"})
    assert age.read_json(plaintext, "x")["text"] == "a\ud800b"


@pytest.mark.parametrize("plaintext", [b"", b"{}", b"[1]", b'{"v":2,"kind":"x"}', b'{"v":1,"kind":"y"}', b"\xff", b"[" * 100_000])
def test_another_kind_of_plaintext_is_refused(plaintext: bytes) -> None:
    with pytest.raises(age.OpenError):
        age.read_json(plaintext, "x")


@pytest.mark.claim("T3")
def test_either_lock_alone_opens_nothing() -> None:
    (reader, reader_public), (release, release_public) = age.generate(), age.generate()
    sealed = age.two_locks(b"key file", reader_public, release_public)
    with pytest.raises(age.OpenError):
        age.unseal(sealed, reader)
    with pytest.raises(age.OpenError):
        age.unseal(age.unseal(sealed, release), release)
    assert age.unseal(age.unseal(sealed, release), reader) == b"key file"


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_any_bit_flip_is_refused(place: int, bit: int) -> None:
    identity, recipient = age.generate()
    sealed = bytearray(age.seal(json.dumps({"a": 1}).encode(), recipient))
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises(age.OpenError):
        age.unseal(bytes(sealed), identity)


def test_truncation_is_refused() -> None:
    identity, recipient = age.generate()
    sealed = age.seal(b"x" * 3000, recipient)
    for cut in (1, 16, 100, len(sealed) - 1, len(sealed)):
        with pytest.raises(age.OpenError):
            age.unseal(sealed[:-cut], identity)


def test_unreadable_keys_are_refused_loudly_and_without_repeating_them() -> None:
    calls: tuple[Callable[[], bytes], ...] = (lambda: age.seal(b"", "age1nonsense"), lambda: age.unseal(b"", "AGE-SECRET-KEY-nonsense"))
    for call in calls:
        with pytest.raises(age.SealError) as caught:
            call()
        assert "nonsense" not in str(caught.value)
        assert caught.value.__suppress_context__
