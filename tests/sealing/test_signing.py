"""Ed25519 with one prefix per use."""

from __future__ import annotations

import base64
import hashlib
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pyrage import passphrase as age_passphrase

from sealing import age, signing
from sealing.card import SignedCard, SignedCardError, parse_signed_card
from sealing.passphrase import PersonKey, lock, unlock
from sealing.signing import Use


def test_a_signature_serves_one_use_one_body_and_one_key() -> None:
    (seed, public), (_, other) = signing.generate(), signing.generate()
    signature = signing.sign(seed, Use.OPEN, b"body")
    assert signing.public_of(seed) == public
    assert signing.verify(public, Use.OPEN, b"body", signature)
    assert not signing.verify(public, Use.LOGIN, b"body", signature)
    assert not signing.verify(public, Use.OPEN, b"body ", signature)
    assert not signing.verify(other, Use.OPEN, b"body", signature)
    assert not signing.verify(public, Use.OPEN, b"body", signature[:-1])


def test_prefixes_are_final() -> None:
    # RFC 8032 test key 1 as seed; the bytes that a published verifier must check.
    seed = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
    for use in Use:
        signature = signing.sign(seed, use, b"x")
        raw = Ed25519PublicKey.from_public_bytes(base64.b64decode(signing.public_of(seed)))
        raw.verify(signature, f"tipline/v1/{use.value}\nx".encode())
    assert {use.value for use in Use} == {
        "card", "login", "open", "answer", "custody", "epoch", "vetters", "give_up", "close", "concur", "disagree", "tie", "suspend",
        "revoke", "lift", "approve", "reseal", "duty", "push", "recovery", "told", "release", "audit",
        "allow", "disclose",
    }  # fmt: skip
    assert (
        signing.fingerprint(signing.public_of(seed))
        == hashlib.sha256(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")).hexdigest()[:16]
    )


@pytest.mark.parametrize("text", ["", "xx", "AAAA", "é"])
def test_what_is_no_key_is_refused_without_content(text: str) -> None:
    with pytest.raises(signing.KeyFormatError):
        signing.verify(text, Use.OPEN, b"", b"")


def test_a_key_file_opens_with_its_passphrase_alone_and_stock_age_reads_it() -> None:
    key = PersonKey("ab" * 16, age.generate()[0], signing.generate()[0])
    armoured = lock(key, "four random words here", secrets.token_bytes(48))
    assert "-> scrypt " in base64.b64decode("".join(armoured.splitlines()[1:-1])).decode("latin1")
    assert b" 16\n" in base64.b64decode("".join(armoured.splitlines()[1:-1]))
    assert unlock(armoured, "four random words here") == key
    assert age_passphrase.decrypt(armoured.encode(), "four random words here") == key.text()
    assert key.identity not in repr(key)
    assert key.sign_seed not in repr(key)
    with pytest.raises(age.OpenError):
        unlock(armoured, "four random words there")


@pytest.mark.parametrize("text", [b"", b"AGE-SECRET-KEY-1X", b"# tipline person key v1\nAGE-SECRET-KEY-1X"])
def test_another_passphrase_file_is_no_person_key(text: bytes) -> None:
    with pytest.raises(age.OpenError):
        unlock(age_passphrase.encrypt(text, "a", armored=True).decode(), "a")


def test_entropy_of_a_key_file_must_be_whole() -> None:
    with pytest.raises(ValueError, match="48 bytes"):
        lock(PersonKey("a", "b", "c"), "p", b"short")


def vetters(count: int) -> list[tuple[str, str]]:
    return [signing.generate() for _ in range(count)]


@pytest.mark.claim("T5")
def test_only_pinned_vetters_count_each_once_never_the_holder() -> None:
    (a, pa), (b, pb), (c, pc) = vetters(3)
    pinned = {signing.fingerprint(p): p for p in (pa, pb)}
    card = SignedCard(b"card bytes").signed_by(a).signed_by(a)
    assert card.vetters(pinned, pc) == (signing.fingerprint(pa),)
    card = card.signed_by(b).signed_by(c)
    assert len(card.vetters(pinned, pc)) == 2
    assert card.vetters(pinned, pa) == (signing.fingerprint(pb),)
    assert parse_signed_card(card.to_bytes()) == card


@pytest.mark.claim("T5")
def test_a_changed_card_has_no_signatures_left() -> None:
    (a, pa), (_, holder) = vetters(2)
    signed = SignedCard(b'{"home":"north"}').signed_by(a)
    changed = SignedCard(b'{"home":"south"}', signed.signatures)
    pinned = {signing.fingerprint(pa): pa}
    assert signed.vetters(pinned, holder)
    assert changed.vetters(pinned, holder) == ()
    assert changed.fingerprint() != signed.fingerprint()


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"v":1,"kind":"card"}', b'{"v":1,"kind":"signed card","card":"*","signatures":[]}'])
def test_what_is_no_signed_card_is_refused(data: bytes) -> None:
    with pytest.raises(SignedCardError):
        parse_signed_card(data)
