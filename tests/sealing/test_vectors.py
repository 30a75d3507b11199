"""What a line sealed when the formats became final (vectors.json) is read, and is still written, byte for byte. The browser's half of the
same file: tests/desk/test_vectors_js.py."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from sealing import age, custody, passphrase, plaintexts, signing
from sealing.card import parse_signed_card
from tests.sealing.vectors import ACT, CASE, FILE, derived, plaintext_samples

VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
SAMPLES = plaintext_samples(VECTORS["identity"])


def raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def test_every_kind_has_a_vector() -> None:
    assert set(VECTORS["plaintexts"]) == set(SAMPLES)
    assert set(VECTORS["derived"]) == set(derived(VECTORS["seed"]))
    assert {f"signature {use.value}" for use in signing.Use} <= set(VECTORS["derived"])


@pytest.mark.parametrize("name", SAMPLES)
def test_a_plaintext_is_written_and_opened_as_it_was(name: str) -> None:
    vector = VECTORS["plaintexts"][name]
    assert SAMPLES[name] == raw(vector["plaintext"])
    assert age.unseal(raw(vector["sealed"]), VECTORS["identity"]) == raw(vector["plaintext"])


@pytest.mark.parametrize("name", VECTORS["derived"])
def test_signatures_leaves_and_tags_are_as_they_were(name: str) -> None:
    assert derived(VECTORS["seed"])[name] == VECTORS["derived"][name]


def test_a_signature_is_over_its_prefix_and_the_bytes_carried() -> None:
    leaf = raw(VECTORS["derived"]["custody leaf"])
    assert custody.holds(leaf, VECTORS["derived"]["public key"])
    assert custody.leaf_hash(leaf).hex() == VECTORS["derived"]["custody leaf hash"]
    signed = parse_signed_card(raw(VECTORS["derived"]["signed card"]))
    name = VECTORS["derived"]["fingerprint"]
    assert signed.vetters({name: VECTORS["derived"]["public key"]}, signing.generate()[1]) == (name,)


def test_the_padme_table() -> None:
    assert {int(length): padded for length, padded in VECTORS["padme"].items()} == {int(n): age.padme(int(n)) for n in VECTORS["padme"]}


def test_a_persons_file_and_a_key_file_under_two_locks_open() -> None:
    person = VECTORS["person"]
    key = passphrase.unlock(person["file"], person["passphrase"])
    assert (key.text(), key.person, key.identity, key.sign_seed) == (raw(person["text"]), ACT, VECTORS["identity"], VECTORS["seed"])
    peeled = age.unseal(raw(VECTORS["two locks"]["sealed"]), VECTORS["release"])
    text = age.unseal(peeled, VECTORS["identity"])
    assert text == raw(VECTORS["two locks"]["plaintext"])
    assert plaintexts.read_key_file(text) == (CASE, 1, VECTORS["identity"])
