"""Why people could not read a case: enough trustees' shares and both auditors open it, and whoever lacks one of these does not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations

import pytest

from sealing import age, case, disclosing, plaintexts, shares
from sealing.age import OpenError
from sealing.case import CaseKey
from sealing.disclosing import Disclosed
from sealing.shares import CODES, Share, SharesError

CASE, OTHER_CASE = "c" * 32, "d" * 32
REASONS = {"1" * 32: ["E2", "E5"], "2" * 32: []}
KEY = case.new_case_key(CASE, CODES)
RELEASE, RELEASE_RECIPIENT = age.generate()
(ANA, TO_ANA), (BO, TO_BO), (EVE, TO_EVE) = (age.generate() for _ in range(3))
TRUSTEES = [age.generate() for _ in range(3)]
TWO = {"a" * 64: TO_ANA, "b" * 64: TO_BO}
OF_ANA, OF_BO = TWO


def dealt(needed: int = 2, *, epoch: int = CODES, of: str = CASE, key: CaseKey = KEY) -> list[bytes]:
    """Each trustee's own, S trustee."""
    assert key.identity is not None
    texts = [shares.share_text(Share(of, epoch, key.recipient, needed, part)) for part in shares.split(key.identity.encode(), needed, 3)]
    return [age.seal(text, recipient) for text, (_, recipient) in zip(texts, TRUSTEES, strict=True)]


def made(owns: Sequence[bytes]) -> list[Disclosed]:
    return [disclosing.for_auditors(own, identity, CASE, TWO) for own, (identity, _) in zip(owns, TRUSTEES, strict=True)]


def note(of: str = CASE) -> bytes:
    """The codes without the line's lock."""
    sealed = case.codes_envelope(CaseKey(of, 1, KEY.recipient), 4, 1, RELEASE_RECIPIENT, REASONS).sealed
    return age.unseal(sealed, RELEASE)


def handed(sent: Sequence[Disclosed], to: str, identity: str) -> tuple[bytes, ...]:
    """What the auditor with `identity` hands to the one with the card `to`."""
    of, found = disclosing.read_handover(disclosing.handover(CASE, [one.shares[to] for one in sent], identity))
    assert of == CASE
    return found


@pytest.mark.claim("T70")
def test_any_two_trustees_and_the_other_auditor_open_the_codes_to_either() -> None:
    sent = made(dealt())
    for some in combinations(sent, 2):
        assert disclosing.open_codes(note(), CASE, handed(some, OF_ANA, BO), ANA) == REASONS
        assert disclosing.open_codes(note(), CASE, handed(some, OF_BO, ANA), BO) == REASONS


@pytest.mark.claim("T70")
def test_one_auditor_alone_opens_no_share_of_any_trustee() -> None:
    """Neither what is for him, under the other's lock, nor what is for the other, under his own."""
    for one in made(dealt()):
        with pytest.raises(OpenError):
            age.unseal(one.shares[OF_ANA], ANA)
        inside = age.unseal(one.shares[OF_BO], ANA)
        with pytest.raises(OpenError):
            age.unseal(inside, ANA)
        for identity in (EVE, RELEASE):
            for share in one.shares.values():
                with pytest.raises(OpenError):
                    age.unseal(share, identity)


@pytest.mark.claim("T70")
def test_fewer_trustees_open_nothing_and_a_wrong_share_keeps_nobody_from_it() -> None:
    sent = made(dealt())
    with pytest.raises(SharesError):
        disclosing.open_codes(note(), CASE, handed(sent[:1], OF_ANA, BO), ANA)
    with pytest.raises(SharesError):
        disclosing.open_codes(note(), CASE, handed([sent[0], sent[0]], OF_ANA, BO), ANA)
    wrong = made(dealt())[0]  # of another dealing of the same key
    with pytest.raises(SharesError):
        disclosing.open_codes(note(), CASE, handed([wrong, sent[1]], OF_ANA, BO), ANA)
    assert disclosing.open_codes(note(), CASE, handed([wrong, *sent[1:]], OF_ANA, BO), ANA) == REASONS


def test_the_key_of_the_codes_is_not_the_cases_and_opens_nothing_of_it() -> None:
    words = case.new_case_key(CASE, 1)
    assert KEY.identity is not None
    with pytest.raises(OpenError):
        age.unseal(age.seal(b"the words", words.recipient), KEY.identity)
    assert words.identity is not None
    with pytest.raises(OpenError):
        age.unseal(note(), words.identity)


@pytest.mark.claim("T70")
def test_a_share_of_a_cases_key_is_sealed_to_no_auditor() -> None:
    """However the line names it to the trustee's device."""
    key = case.new_case_key(CASE, 1)
    for own in (dealt(epoch=1, key=key)[0], dealt(of=OTHER_CASE)[0]):
        with pytest.raises(OpenError):
            disclosing.for_auditors(own, TRUSTEES[0][0], CASE, TWO)
    with pytest.raises(OpenError):
        shares.for_reader(dealt()[0], TRUSTEES[0][0], CASE, 1, "f" * 64, TO_EVE)


@pytest.mark.parametrize("auditors", [{}, {OF_ANA: TO_ANA}, {**TWO, "e" * 64: TO_EVE}])
def test_it_takes_two_auditors(auditors: Mapping[str, str]) -> None:
    with pytest.raises(ValueError, match="unpack"):
        disclosing.for_auditors(dealt()[0], TRUSTEES[0][0], CASE, auditors)


def test_another_cases_codes_are_not_shown_as_this_ones() -> None:
    with pytest.raises(OpenError):
        disclosing.open_codes(note(OTHER_CASE), CASE, handed(made(dealt()), OF_ANA, BO), ANA)
    other = age.seal(plaintexts.key_file(CASE, 1, ANA), KEY.recipient)
    with pytest.raises(OpenError):
        disclosing.open_codes(other, CASE, handed(made(dealt()), OF_ANA, BO), ANA)


def test_what_is_sent_and_kept_comes_back_and_anything_else_is_refused() -> None:
    own = dealt()[0]
    (sent, *_) = made(dealt())
    assert disclosing.read_disclose(disclosing.disclose(sent)) == sent
    assert disclosing.read_disclosed(disclosing.disclosed(own, sent.shares)) == (own, sent.shares)
    none: list[object] = [{}, [], {"a": "x"}, {"a": "eA==", "b": "eA=="}, {"a": "!", "b": "!"}, {"a": 1, "b": 2}]
    for wrong in none:
        with pytest.raises(OpenError):
            disclosing.read_disclose(changed(disclosing.disclose(sent), shares=wrong))
        with pytest.raises(OpenError):
            disclosing.read_disclosed(changed(disclosing.disclosed(own, sent.shares), shares=wrong))
    for many in (None, "x", ["!"], ["eA=="], [""] * 256):
        with pytest.raises(OpenError):
            disclosing.read_handover(changed(disclosing.handover(CASE, [], ANA), shares=many))
    with pytest.raises(OpenError):
        disclosing.handover(CASE, [sent.shares[OF_ANA]], ANA)


def changed(plaintext: bytes, **fields: object) -> bytes:
    return age.padded_json({**json.loads(plaintext), **fields})
