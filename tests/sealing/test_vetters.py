"""The chain of vetters' lists: each signed by more than half of the one before; anything else is refused with a sentence."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealing import age, signing
from sealing.custody import EntryKind, holds, read_leaf
from sealing.statements import StatementError, parse_statement, signed_statement, statement_bytes
from sealing.vetters import (
    ChainError,
    SignedList,
    Vetter,
    VetterList,
    first_list,
    follow,
    majority,
    next_list,
    parse_signed_list,
    read_list,
)

ANN, BOB, CAT, DAN = (signing.generate() for _ in range(4))
RECIPIENT = age.generate()[1]


def vetter(key: tuple[str, str], agency: str, recipient: str = "") -> Vetter:
    return Vetter("Practice vetter", agency, key[1], recipient)


PEOPLE = (vetter(ANN, "trust"), vetter(BOB, "border"), vetter(CAT, "liaison", RECIPIENT))


def first(*people: Vetter, one_house: bool = False) -> bytes:
    return (
        json.dumps(
            {
                "one_house": one_house,
                "vetters": [{"name": v.name, "agency": v.agency, "verify": v.verify, "age": v.recipient or None} for v in people],
            }
        )
        .replace(', "age": null', "")
        .encode()
    )


ROOT = first_list(first(*PEOPLE))
CHANGED = (*PEOPLE[:2], vetter(DAN, "harbour"))


def signed(*keys: tuple[str, str], before: VetterList = ROOT, people: tuple[Vetter, ...] = CHANGED) -> SignedList:
    made = next_list(before, one_house=False, vetters=people)
    for key in keys:
        made = made.signed_by(key[0])
    return made


def test_the_first_list_is_the_file_of_before() -> None:
    assert (ROOT.number, ROOT.previous, ROOT.hash) == (1, "", hashlib.sha256(first(*PEOPLE)).hexdigest())
    assert ROOT.vetters == PEOPLE
    assert ROOT.keys == {signing.fingerprint(v.verify): v.verify for v in PEOPLE}


@pytest.mark.claim("T40")
def test_more_than_half_make_the_next() -> None:
    second = follow(ROOT, parse_signed_list(signed(ANN, BOB).to_bytes()))
    assert (second.number, second.previous, second.vetters) == (2, ROOT.hash, CHANGED)
    third = follow(second, signed(DAN, ANN, before=second, people=PEOPLE))
    assert (third.number, third.previous) == (3, second.hash)
    assert third.vetters[2].recipient == RECIPIENT


def test_of_two_both_and_of_four_three() -> None:
    two, four = first_list(first(*PEOPLE[:2])), first_list(first(*PEOPLE, vetter(DAN, "harbour")))
    assert tuple(majority(len(each.vetters)) for each in (two, ROOT, four)) == (2, 2, 3)
    with pytest.raises(ChainError, match="signed by 1 of 2"):
        follow(two, signed(ANN, before=two))
    with pytest.raises(ChainError, match="signed by 2 of 4"):
        follow(four, signed(ANN, DAN, before=four))
    assert follow(four, signed(ANN, BOB, DAN, before=four)).number == 2


def test_signing_twice_changes_nothing() -> None:
    assert signed(ANN, ANN) == signed(ANN)


def test_a_draft_says_who_may_sign_and_nobody_is_believed_for_it() -> None:
    assert set(parse_signed_list(signed().to_bytes()).before) == set(ROOT.keys)
    with pytest.raises(ChainError, match="signed by 1 of 3"):
        follow(ROOT, replace(signed(ANN, DAN), before=(signing.fingerprint(DAN[1]),)))


GOOD = signed(ANN, BOB)


def with_number(number: int) -> SignedList:
    data = GOOD.data.replace(b'"number":2', b'"number":%d' % number)
    return SignedList(data).signed_by(ANN[0]).signed_by(BOB[0])


REFUSED = {
    "nobody": (signed(), "signed by 0 of 3"),
    "a minority": (signed(ANN), "signed by 1 of 3"),
    "one vetter twice": (replace(GOOD, signatures=GOOD.signatures[:1] * 2), "twice by one"),
    "strangers": (signed(DAN, ANN), "signed by 1 of 3"),
    "altered": (replace(GOOD, data=GOOD.data.replace(b"harbour", b"harboux")), "signed by 0 of 3"),
    "for another use": (
        SignedList(GOOD.data, tuple((signing.fingerprint(k[1]), signing.sign(k[0], signing.Use.CARD, GOOD.data)) for k in (ANN, BOB))),
        "signed by 0 of 3",
    ),
    "another before": (signed(ANN, BOB, before=replace(ROOT, hash="0" * 64)), "follows another"),
    "one is missing": (with_number(3), "one is missing"),
}


@pytest.mark.parametrize("why", REFUSED)
@pytest.mark.claim("T40")
def test_refused(why: str) -> None:
    with pytest.raises(ChainError, match=REFUSED[why][1]) as caught:
        follow(ROOT, REFUSED[why][0])
    assert "Practice" not in str(caught.value)


WRONG_FIRST = {
    "no json": b"{",
    "no list": b'{"vetters": {}}',
    "one": first(*PEOPLE[:1]),
    "a key twice": first(PEOPLE[0], replace(PEOPLE[0], agency="x")),
    "one agency": first(PEOPLE[0], replace(PEOPLE[1], agency="trust")),
    "no key": first(PEOPLE[0], replace(PEOPLE[1], verify="AAAA")),
    "no recipient": first(PEOPLE[0], replace(PEOPLE[1], recipient="age1x")),
    "no agency": b'{"vetters": [{"verify": "x"}, {"verify": "y"}]}',
}


@pytest.mark.parametrize("why", WRONG_FIRST)
def test_no_first_list(why: str) -> None:
    with pytest.raises(ChainError):
        first_list(WRONG_FIRST[why])


def test_a_line_of_one_house_says_so() -> None:
    assert first_list(first(PEOPLE[0], replace(PEOPLE[1], agency="trust"), one_house=True)).one_house


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"{",
        GOOD.data.replace(b'"v":1', b'"v":2'),
        GOOD.data.replace(b'"number":2', b'"number":1'),
        GOOD.data.replace(b'"number":2', b'"number":true'),
        GOOD.data.replace(ROOT.hash.encode(), b"x"),
        GOOD.data.replace(b'"vetters":[', b'"others":['),
    ],
)
def test_no_later_list(data: bytes) -> None:
    with pytest.raises(ChainError):
        read_list(data)


@pytest.mark.parametrize(
    "data", [b"", b"{}", GOOD.to_bytes().replace(b'"v":1', b'"v":2'), GOOD.to_bytes().replace(b'"list":"', b'"list":"!')]
)
def test_no_signed_list(data: bytes) -> None:
    with pytest.raises(ChainError):
        parse_signed_list(data)


@given(st.data())
def test_no_bit_of_a_list_can_be_changed(draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(GOOD.data) * 8 - 1))
    changed = bytearray(GOOD.data)
    changed[at // 8] ^= 1 << at % 8
    with pytest.raises(ChainError):
        follow(ROOT, replace(GOOD, data=bytes(changed)))


# ---- statements


def test_a_statement_is_a_custody_leaf_with_the_vetter_s_signature() -> None:
    leaf = signed_statement(EntryKind.SUSPEND, "c" * 64, 500_000, ANN[0])
    entry, _, signer, _ = read_leaf(leaf)
    assert (entry.kind, entry.card, entry.sha256, entry.case, entry.hour) == (EntryKind.SUSPEND, "c" * 64, "c" * 64, "", 500_000)
    assert signer == signing.fingerprint(ANN[1])
    assert holds(leaf, ANN[1])
    assert parse_statement(statement_bytes([leaf, leaf])) == (leaf, leaf)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"v":1,"kind":"card"}', b'{"v":1,"kind":"statement"}', b'{"v":1,"kind":"statement","leaves":["!"]}']
)
def test_no_statement(data: bytes) -> None:
    with pytest.raises(StatementError):
        parse_statement(data)


def test_bytes_of_a_signed_list() -> None:
    fields = json.loads(GOOD.to_bytes())
    assert set(fields) == {"v", "kind", "list", "signatures", "before"}
    assert json.loads(base64.b64decode(fields["list"]))["previous"] == ROOT.hash
