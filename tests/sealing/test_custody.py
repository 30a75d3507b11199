"""Custody leaves: exact bytes, signed, hashed as RFC 6962 says."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealing import custody, signing
from sealing.custody import Entry, EntryError, EntryKind

HEX = "ab" * 32
CASE = "cd" * 16
entries = st.builds(
    Entry, st.integers(0, 10**6), st.sampled_from(EntryKind), st.sampled_from(["", CASE]), st.just(HEX), st.sampled_from(["", HEX])
)


@given(entries)
def test_an_entry_comes_back_from_its_bytes(entry: Entry) -> None:
    assert custody.parse_body(entry.body()) == entry


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        Entry(1, EntryKind.OPEN, CASE, HEX, "").body().replace(b",", b",\n", 1),
        Entry(1, EntryKind.OPEN, CASE, HEX, "").body().decode().encode("utf-16"),
        Entry(1, EntryKind.OPEN, CASE, HEX, "").body().replace(b'"case":', b'"case":"","case":'),
        Entry(1, EntryKind.OPEN, "not an id", HEX, "").body(),
        Entry(1, EntryKind.OPEN, CASE, "short", "").body(),
        Entry(1, EntryKind.OPEN, CASE, HEX, "short").body(),
        Entry(-1, EntryKind.OPEN, CASE, HEX, "").body(),
        Entry(1, EntryKind.OPEN, CASE, HEX, "").body().replace(b'"v":1', b'"v":2'),
        Entry(1, EntryKind.OPEN, CASE, HEX, "").body().replace(b'"v":1', b'"v":1,"x":1'),
        Entry(1, EntryKind.OPEN, CASE, HEX, "").body().replace(b'"hour":1', b'"hour":true'),
        Entry(1, EntryKind.OPEN, CASE, HEX, "").body().replace(CASE.encode(), b"").replace(b'""', b"3", 1),
    ],
)
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(EntryError):
        custody.parse_body(body)


@pytest.mark.claim("T9")
def test_an_opening_carries_the_readers_signature_and_nobody_elses() -> None:
    (reader, public), (worker, worker_public) = signing.generate(), signing.generate()
    body = Entry(1, EntryKind.OPEN, CASE, HEX, HEX).body()
    leaf = custody.leaf(body, public, signing.sign(reader, signing.Use.OPEN, body))
    assert custody.holds(leaf, public)
    assert not custody.holds(leaf, worker_public)
    forged = custody.leaf(body, public, signing.sign(worker, signing.Use.OPEN, body))
    assert not custody.holds(forged, public)
    as_worker = custody.leaf(body, worker_public, signing.sign(worker, signing.Use.CUSTODY, body))
    assert not custody.holds(as_worker, worker_public), "an opening that only the worker signed is no opening"


def test_the_leaf_hash_is_rfc_6962() -> None:
    assert custody.leaf_hash(b"") == hashlib.sha256(b"\x00").digest()
    assert custody.leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@pytest.mark.parametrize("data", [b"", b"a\nb\n", b"{}\nk !!\n", b"{}\nk AAAA\nmore", b"{}\nk\xff AAAA\n"])
def test_a_broken_leaf_is_refused(data: bytes) -> None:
    with pytest.raises(EntryError):
        custody.read_leaf(data)
