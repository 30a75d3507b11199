"""What a line sealed when the formats became final (vectors.json) is read, and is still written, byte for byte. The browser's half of the
same file: tests/desk/test_vectors_js.py."""

from __future__ import annotations

import base64
import json
from itertools import combinations
from typing import Any

import pytest

from routing.cards import parse_card
from routing.gate_bytes import parse_gate
from routing.people import Hold
from routing.records import parse_record
from sealing import age, custody, passphrase, plaintexts, shares, signing
from sealing.card import parse_signed_card
from sealing.case import sha256
from sealing.custody import ACTOR_USE, EntryKind
from sealing.said import Told, read_told
from sealing.signing import Use
from sealing.statements import matter
from tests.sealing.vectors import (
    ACT,
    CASE,
    FILE,
    NONCE,
    SECOND,
    derived,
    exact_samples,
    plaintext_samples,
    the_card,
    the_gate,
    the_gate_of_today,
    the_lessons,
)

VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
SAMPLES = plaintext_samples(VECTORS["identity"])


def raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def test_every_kind_has_a_vector() -> None:
    assert set(VECTORS["plaintexts"]) == set(SAMPLES)
    assert set(VECTORS["exact"]) == set(exact_samples())
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


@pytest.mark.parametrize("name", exact_samples())
def test_what_is_signed_as_it_stands_is_written_as_it_was(name: str) -> None:
    assert exact_samples()[name] == raw(VECTORS["exact"][name])


def test_an_act_is_read_with_and_without_what_it_says() -> None:
    body, content = plaintexts.read_act(raw(VECTORS["exact"]["act"]))
    assert (custody.parse_body(body).kind, content) == (EntryKind.OPEN, None)
    body, content = plaintexts.read_act(raw(VECTORS["exact"]["act with content"]))
    entry = custody.parse_body(body)
    assert content is not None
    assert (entry.kind, entry.sha256) == (EntryKind.TIE, sha256(content))
    assert signing.verify(VECTORS["derived"]["public key"], ACTOR_USE[entry.kind], body, raw(VECTORS["derived"]["act signature"]))


def test_a_key_card_of_then_still_has_its_two_vetters_and_a_gate_file_is_read() -> None:
    signed = parse_signed_card(raw(VECTORS["derived"]["signed key card"]))
    keys = {signing.fingerprint(key): key for key in (VECTORS["derived"]["public key"], signing.public_of(SECOND))}
    card = parse_card(signed.card)
    assert card == the_card()
    assert signed.vetters(keys, card.verify_key) == tuple(sorted(keys))
    assert signed.fingerprint() == VECTORS["derived"]["key card fingerprint"]
    assert parse_gate(raw(VECTORS["exact"]["gate"])) == the_gate()


def test_what_is_kept_of_a_draw_and_of_outcomes_is_read() -> None:
    assert parse_gate(raw(VECTORS["exact"]["gate with leads and lots"])) == the_gate_of_today()
    assert parse_record(raw(VECTORS["exact"]["lessons"])) == the_lessons()


def test_who_was_told_is_read() -> None:
    agency, office = (read_told(raw(VECTORS["plaintexts"][name]["plaintext"])) for name in ("told", "told of a kind of office"))
    assert agency == Told(CASE, "police-cs", "", 20_778)
    assert office == Told(CASE, "", "ngo", 20_778)


@pytest.mark.parametrize("kind", [EntryKind.TOLD, EntryKind.RELEASE, EntryKind.EXPLAIN])
def test_entries_of_telling_releasing_and_explaining_hold_and_say_what_they_said(kind: EntryKind) -> None:
    leaf = raw(VECTORS["derived"][f"{kind} leaf"])
    entry, body, signer, _ = custody.read_leaf(leaf)
    assert body == raw(VECTORS["exact"][f"{kind} entry"])
    assert (entry.kind, entry.case, signer) == (kind, CASE, VECTORS["derived"]["fingerprint"])
    assert custody.holds(leaf, VECTORS["derived"]["public key"])


def test_a_release_names_the_case_and_the_reason() -> None:
    named = custody.read_leaf(raw(VECTORS["derived"]["release leaf"]))[0].sha256
    assert named == matter(CASE, Hold.POISONED, NONCE)
    assert named not in {matter(CASE, Hold.NEEDS_TWO_VETTERS, NONCE), matter(ACT, Hold.POISONED, NONCE), matter(CASE, Hold.POISONED, b"")}


def test_shares_of_then_give_the_key_and_so_does_the_bundle() -> None:
    escrow = VECTORS["escrow"]
    dealt = [raw(share) for share in escrow["shares"]]
    assert {shares.recover(list(two), escrow["recipient"], 2) for two in combinations(dealt, 2)} == {escrow["identity"]}
    assert shares.open_key(raw(escrow["bundle"]), VECTORS["identity"]) == (CASE, 1, escrow["identity"])


def test_an_epoch_is_announced_under_the_signature_of_then() -> None:
    announced, signature = raw(VECTORS["exact"]["epoch"]), raw(VECTORS["derived"]["epoch signature"])
    assert signing.verify(VECTORS["derived"]["public key"], Use.EPOCH, announced, signature)


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
